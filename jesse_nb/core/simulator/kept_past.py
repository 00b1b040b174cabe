"""Indicators made to keep their past: each candle's value stays what it was when that candle was the newest.

Some indicators change values that they gave before as candles come in (a zigzag, a centred or zero-phase filter). A
strategy that looks back at such values sees what nobody could see then. Run with the past kept, it trades otherwise.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.jesse_runtime import strategy_class
from jesse_nb.core.simulator.held_data import codes_within

__all__ = ["PastKeeper", "Repainted"]

#: Smaller changes are rounding.
_ROUNDING = 1e-6
#: So far back is looked for changes; a strategy seldom looks further.
_MOST_BACK = 200
_PACKAGES = ("jesse.indicators", "talib", "scipy", "pandas_ta", "tulipy")


class Repainted(NamedTuple):
    """A function whose past changed, and the line that called it."""

    name: str
    file: str
    function: str
    line: int


class PastKeeper:
    """Wraps what a strategy's code computes from candles.

    Attributes
    ----------
    changed
        Where the past of something changed.
    """

    def __init__(self) -> None:
        self.changed: dict[Repainted, None] = {}
        self._seen: dict[Any, dict[float, float]] = {}
        self._wrapped: set[int] = set()
        self._strategy: Any = None

    def follow(self, strategy: Any) -> None:
        """Note whose turn it is."""
        self._strategy = strategy

    def wrap(self, strategy: type[Any]) -> None:
        """Put wrappers around a class' own methods and around the functions that they use, once a class."""
        for owner in strategy.__mro__:
            if owner is strategy_class():
                return
            if id(owner) in self._wrapped:
                continue
            self._wrapped.add(id(owner))
            for name, value in list(vars(owner).items()):
                function = value.fget if isinstance(value, property) else value
                if not isinstance(function, types.FunctionType) or name.startswith("__"):
                    continue
                self._wrap_used(function)
                kept = self._keeping(function, name)
                setattr(owner, name, property(kept) if isinstance(value, property) else kept)

    def _wrap_used(self, function: types.FunctionType) -> None:
        around = function.__globals__
        for code in codes_within(function.__code__):
            for name in code.co_names:
                value = around.get(name)
                if isinstance(value, types.ModuleType) and value.__name__.startswith(_PACKAGES):
                    around[name] = _Module(value, self._keeping)
                elif isinstance(value, types.FunctionType) and (
                        value.__globals__ is around or (value.__module__ or "").startswith(_PACKAGES)):
                    around[name] = self._keeping(value, name)

    def _keeping(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(function)
        def kept(*arguments: Any, **options: Any) -> Any:
            answer = function(*arguments, **options)
            times = self._times(arguments, options)
            if times is None:
                return answer
            settings = repr([part for part in (*arguments, *sorted(options.items())) if not _is_large(part)])[:200]
            return self._past_of(answer, times, (name, settings), name, sys._getframe(1))

        return kept

    def _times(self, arguments: tuple[Any, ...], options: dict[str, Any]) -> NDArray[np.float64] | None:
        """Return the opening times of the candles that something was computed from."""
        for part in (*arguments, *options.values()):
            if isinstance(part, np.ndarray) and part.ndim == 2 and part.shape[1] == 6 and len(part):
                return np.asarray(part[:, 0])
        if self._strategy is None:
            return None
        return np.asarray(self._strategy.candles[:, 0])

    def _route(self) -> str:
        return "" if self._strategy is None else f"{self._strategy.symbol} {self._strategy.timeframe}"

    def _past_of(self, answer: Any, times: NDArray[np.float64], key: Any, name: str, caller: Any) -> Any:
        if isinstance(answer, tuple) and hasattr(answer, "_fields"):
            return type(answer)(*(self._past_of(part, times, (key, place), name, caller)
                                  for place, part in enumerate(answer)))
        if not (isinstance(answer, np.ndarray) and answer.ndim == 1 and answer.dtype.kind == "f" and len(answer) > 1
                and len(answer) == len(times)):
            return answer
        seen = self._seen.setdefault((key, self._route()), {})
        kept = answer
        for back in range(1, min(len(answer), _MOST_BACK)):
            before = seen.get(float(times[-1 - back]))
            if before is None:
                break
            if abs(before - answer[-1 - back]) > _ROUNDING * max(abs(before), 1e-12):
                kept = answer.copy() if kept is answer else kept
                kept[-1 - back] = before
                code = caller.f_code
                self.changed[Repainted(name, code.co_filename, code.co_name, caller.f_lineno)] = None
        seen[float(times[-1])] = float(answer[-1])
        return kept


class _Module:
    """Stands for a module whose functions keep their past."""

    def __init__(
        self, module: types.ModuleType, keeping: Callable[[Callable[..., Any], str], Callable[..., Any]]
    ) -> None:
        self._module, self._keeping = module, keeping

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        if isinstance(value, types.ModuleType):
            return _Module(value, self._keeping)
        made = self._keeping(value, name) if callable(value) and not isinstance(value, type) else value
        setattr(self, name, made)
        return made


def _is_large(value: Any) -> bool:
    return not isinstance(value, bool | int | float | str | tuple | type(None))
