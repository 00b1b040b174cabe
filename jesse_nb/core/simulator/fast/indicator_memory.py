"""Lines of Jesse's indicators, computed once a run where a strategy asks for them anew at every candle.

``ta.rsi(self.candles, sequential=True)`` computes the whole line again at each candle, so that its cost grows with the
square of the period. Of the indicators in :data:`~jesse_nb.core.simulator.fast.causal.CAUSAL` the line up to a candle
is, to the last bit, the beginning of the line over all candles: that one is computed once, and a copy of its beginning
is handed out, never anything beyond the candle.

An answer comes from memory only if the candles given are, byte for byte, the beginning of the series as it is known;
and while it does, what Jesse computes from them alone is compared with it whenever their number has doubled. Anything
else is computed as Jesse computes it: another Jesse, arrays of the strategy's own, values that are no plain numbers or
words, an indicator whose module somebody changed.

The memory lives in the process of one run, as long as the run.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.candles.series import Candles
from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.simulator.fast.causal import CAUSAL, CAUSAL_AVERAGES
from jesse_nb.core.simulator.fast.replacing import Replacement, is_original, replaced

__all__ = ["IndicatorMemory", "indicator_memory"]

#: How much a run may keep, bytes.
_MOST_BYTES = 64 * 2**20

#: What arguments may be, so that equal ones mean the same.
_PLAIN = frozenset({int, float, str, bool, type(None), np.float64, np.int64})


class _Known:
    """A series: the array that Jesse fills candle by candle, and all that it will hold."""

    def __init__(self, filled: Candles, *rows: Candles) -> None:
        self.filled = filled
        self._rows = rows

    @cached_property
    def whole(self) -> Candles:
        """All rows; put together where an indicator asks for them."""
        return np.concatenate(self._rows)

    def source(self, candles: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return the whole of what ``candles`` is the beginning of; None where it is something else."""
        count = len(candles)
        offset = candles.__array_interface__["data"][0] - self.filled.__array_interface__["data"][0]
        if not 0 < count <= len(self.whole):
            return None
        if candles.ndim == 2:
            if offset or candles.strides != self.filled.strides or candles.shape[1] != self.whole.shape[1]:
                return None
            return self.whole if _same(candles, self.whole[:count]) else None
        column, rest = divmod(offset, 8)
        if rest or not 0 <= column < 6 or candles.strides != self.filled.strides[:1]:
            return None
        column_of_whole = self.whole[:, column]
        return column_of_whole if _same(candles, column_of_whole[:count]) else None


class _Line:
    """What an indicator gives over a whole series."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.compared_at = 0

    @property
    def size(self) -> int:
        return sum(part.nbytes for part in _parts(self.answer))

    def until(self, count: int) -> Any:
        """Return a copy of its first ``count`` values."""
        if isinstance(self.answer, tuple):
            return type(self.answer)(*(part[:count].copy() for part in self.answer))
        return self.answer[:count].copy()

    def begins_with(self, answer: Any) -> bool:
        """Whether the values up to a candle are what ``answer`` says, to the last bit."""
        if type(answer) is not type(self.answer):
            return False
        mine, other = _parts(self.answer), _parts(answer)
        return len(mine) == len(other) and all(
            isinstance(part, np.ndarray) and part.dtype == whole.dtype and part.shape[1:] == whole.shape[1:]
            and len(part) <= len(whole) and part.tobytes() == whole[: len(part)].tobytes()
            for whole, part in zip(mine, other, strict=True))


class IndicatorMemory:
    """What one run has computed. It answers once it was told what candles there are."""

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}
        self._lines: dict[tuple[Any, ...], _Line | None] = {}
        self._room = _MOST_BYTES

    def serve(self, filled: Candles, *rows: Candles) -> None:
        """Answer for a series from now on.

        Parameters
        ----------
        filled
            The array that Jesse's storage hands out the beginning of.
        *rows
            What it will hold at the end of the run, in pieces of shape (n, 6).
        """
        self._known[id(filled)] = _Known(filled, *rows)

    def forget(self) -> None:
        """Answer nothing any more: what a strategy still holds calls Jesse's own functions."""
        self._known.clear()
        self._lines.clear()

    def replacements(self) -> list[Replacement]:
        """Return what stands in for the indicators that a strategy calls."""
        indicators = jesse_module("jesse.indicators")
        return [Replacement(indicators, name, self._remembering(name, vars(indicators)[name]))
                for name in sorted(CAUSAL) if is_original(indicators, name)]

    def _remembering(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        parameters = list(inspect.signature(function).parameters)
        place = parameters.index("sequential")
        module = vars(sys.modules[function.__module__])
        untouched = dict(module)

        @functools.wraps(function)
        def remembering(*arguments: Any, **options: Any) -> Any:
            whole_line = options["sequential"] if "sequential" in options else (
                len(arguments) > place and arguments[place])
            if whole_line is not True or not self._known or not arguments:
                return function(*arguments, **options)
            known = self._series(arguments[0])
            if known is None or not _is_proven(parameters, arguments, options) or module != untouched:
                return function(*arguments, **options)
            return self._answer(name, function, known, arguments, options)

        return remembering

    def _series(self, candles: Any) -> _Known | None:
        if type(candles) is not np.ndarray or candles.dtype != np.float64:
            return None
        return self._known.get(id(candles if candles.base is None else candles.base))

    def _answer(self, name: str, function: Callable[..., Any], known: _Known, arguments: tuple[Any, ...],
                options: dict[str, Any]) -> Any:
        candles = arguments[0]
        source = known.source(candles)
        if source is None:
            return function(*arguments, **options)
        key = (name, id(known.filled), candles.ndim, candles.__array_interface__["data"][0],
               *((type(value), value) for value in arguments[1:]),
               *((option, type(value), value) for option, value in sorted(options.items())))
        if key not in self._lines:
            return self._first(key, function, source, arguments, options)
        line = self._lines[key]
        if line is None:
            return function(*arguments, **options)
        if len(candles) < 2 * line.compared_at:
            return line.until(len(candles))
        answer = function(*arguments, **options)
        line.compared_at = len(candles)
        if not line.begins_with(answer):
            self._lines[key] = None
        return answer

    def _first(self, key: tuple[Any, ...], function: Callable[..., Any], source: NDArray[np.float64],
               arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Answer as Jesse does, and keep the whole line if it begins so."""
        answer = function(*arguments, **options)
        self._lines[key] = None
        parts = _parts(answer)
        if self._room > 0 and parts and all(len(part) == len(arguments[0]) for part in parts):
            line = _Line(function(source, *arguments[1:], **options))
            line.compared_at = len(arguments[0])
            if line.begins_with(answer):
                self._room -= line.size
                self._lines[key] = line
        return answer


@contextmanager
def indicator_memory() -> Iterator[IndicatorMemory]:
    """Put a memory between the strategies and Jesse's indicators, for one run."""
    memory = IndicatorMemory()
    with replaced(memory.replacements()):
        try:
            yield memory
        finally:
            memory.forget()


def _is_proven(parameters: list[str], arguments: tuple[Any, ...], options: dict[str, Any]) -> bool:
    """Whether the values beside the candles are plain, and choose nothing whose line changes as candles come in."""
    for name, value in (*zip(parameters[1:], arguments[1:], strict=False), *options.items()):
        if type(value) not in _PLAIN or value != value:
            return False
        if name.endswith(("matype", "devtype")) and value not in CAUSAL_AVERAGES:
            return False
    return True


def _same(rows: NDArray[np.float64], known: NDArray[np.float64]) -> bool:
    """Whether both are the same to the last bit."""
    return bool((rows.view(np.int64) == known.view(np.int64)).all())


def _parts(answer: Any) -> tuple[Any, ...]:
    parts = answer if isinstance(answer, tuple) else (answer,)
    return parts if all(isinstance(part, np.ndarray) and part.ndim for part in parts) else ()
