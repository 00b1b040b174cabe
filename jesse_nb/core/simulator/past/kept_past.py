"""Indicators made to keep their past: each candle's value stays what it was when that candle was the newest.

Some indicators change values that they gave before as candles come in (a zigzag, a centred or zero-phase filter). A
strategy that looks back at such values sees what nobody could see then. Run with the past kept, it trades otherwise.

A value that will not change any more is left as it is: a pivot that takes two candles to be known, and is looked at two
candles later, is no such look back. How long values change is learned from one candle to the next.
"""

from __future__ import annotations

import functools
import linecache
import sys
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.core.window.rolling import Rolling, Window

from jesse_nb.core.jesse_runtime import strategy_class
from jesse_nb.core.simulator.fast.replacing import Replacement
from jesse_nb.core.simulator.own_data.held_data import codes_within
from jesse_nb.core.simulator.past.inline_lines import FOLLOW, following_code
from jesse_nb.core.simulator.strategies.local_modules import is_local_module

__all__ = ["PastKeeper", "Repainted"]

#: Smaller changes are rounding.
_ROUNDING = 1e-6
#: So far back is looked for changes; a strategy seldom looks further. Shorter answers are no lines over candles.
_MOST_BACK, _SHORTEST = 200, 20
_PACKAGES = ("jesse.indicators", "talib", "scipy", "pandas_ta", "tulipy", "statsmodels", "pywt")
_NO_LINES = ("scipy.stats",)
_CENTRED = ("mean", "sum", "median", "std", "var", "min", "max", "apply", "quantile")


class Repainted(NamedTuple):
    """A function whose past changed, and the line that called it."""

    name: str
    file: str
    function: str
    line: int


@dataclass
class _Line:
    """What one call in the code gave, candle after candle.

    ``unsettled`` is how many candles ago the oldest value was that still changed; ``moved`` and ``stayed`` add up how
    much the answers differ as lines that go on by a candle, and place by place: a spectrum is no line over candles.
    """

    time: float = 0.0
    before: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    given: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    newest: dict[float, float] = field(default_factory=dict)
    unsettled: int = 0
    moved: float = 0.0
    stayed: float = 0.0

    def kept(
        self, now: NDArray[np.float64], given: NDArray[np.float64], times: NDArray[np.float64]
    ) -> dict[int, float]:
        """Return what stood otherwise when it was new and is not settled yet: how many candles ago, and the value."""
        later = len(times) - 1 - int(np.searchsorted(times, self.time))
        if len(self.given) and not _goes_on(self.given, given, later):
            self.before, self.newest = np.empty(0), {}  # a line of something else
        if later == 1 and len(self.before) > 1:
            count = min(len(now) - 1, len(self.before))
            old, new = self.before[-count:], now[-1 - count : -1]
            self.moved += _middle(new - old)
            self.stayed += _middle(now[-count:] - old)
            changed = np.flatnonzero(_differ(old, new))
            self.unsettled = max(self.unsettled, count - int(changed[0]) if len(changed) else 0)
        self.time, self.before, self.given = float(times[-1]), now, given
        self.newest.setdefault(self.time, float(now[-1]))
        if self.moved > self.stayed:
            return {}
        was = {ago: self.newest[time] for ago in range(1, min(self.unsettled, len(now)))
               if (time := float(times[-1 - ago])) in self.newest}
        return {ago: value for ago, value in was.items()
                if _differ(np.array([value]), np.array([now[-1 - ago]]))[0]}


class PastKeeper:
    """Wraps what a strategy's code computes from candles.

    Parameters
    ----------
    sources
        Of the strategies: what their methods compute in lines of their own is followed, too.

    Attributes
    ----------
    changed
        Where the past of something changed that is looked at too early.
    """

    def __init__(self, sources: Iterable[str] = ()) -> None:
        self.changed: dict[Repainted, None] = {}
        self._sources = tuple(sources)
        self._followed: set[types.CodeType] = set()
        self._lines: dict[Any, _Line] = {}
        self._calls: dict[Any, tuple[float, int]] = {}
        self._wrapped: set[int] = set()
        self._own: set[int] = set()
        self._strategy: Any = None

    def follow(self, strategy: Any) -> None:
        """Note whose turn it is."""
        self._strategy = strategy

    def replacements(self) -> list[Replacement]:
        """Return what stands in for functions of NumPy and pandas that look to both sides of a candle."""
        found = [Replacement(owner, name, self._keeping(vars(owner)[name], name, own_only=True))
                 for owner, name in ((np, "convolve"), (np, "correlate"), (np.fft, "irfft"), (np.fft, "ifft"))]
        return found + [Replacement(owner, name, self._centred(vars(owner)[name], name))
                        for owner in (Rolling, Window) for name in _CENTRED if name in vars(owner)]

    def wrap(self, strategy: Any) -> None:
        """Put wrappers around a strategy's own methods, what its instance holds, and the functions that these use."""
        for owner in type(strategy).__mro__:
            if owner is strategy_class():
                break
            self._wrap_class(owner)
        for name, value in list(vars(strategy).items()):
            if isinstance(value, types.FunctionType) and self._is_own(value):
                self._wrap_used(value)
                setattr(strategy, name, self._keeping(value, name))
            elif self._is_own(type(value)):
                self._wrap_class(type(value))

    def _wrap_class(self, owner: type[Any]) -> None:
        if id(owner) in self._wrapped:
            return
        self._wrapped.add(id(owner))
        for name, value in list(vars(owner).items()):
            function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
            if not isinstance(function, types.FunctionType) or name.startswith("__"):
                continue
            self._wrap_used(function)
            kept = self._keeping(function, name)
            wrapped = isinstance(value, property | staticmethod | classmethod)
            setattr(owner, name, type(value)(kept) if wrapped else kept)

    def _wrap_used(self, function: types.FunctionType) -> None:
        around = function.__globals__
        self._own.add(id(around))
        for code in codes_within(function.__code__):
            for name in code.co_names:
                self._wrap_global(around, name)
        self._follow_lines(function)

    def _follow_lines(self, function: types.FunctionType) -> None:
        """Have a function hand on what it computes in lines of its own."""
        if function.__code__ in self._followed:
            return
        module = sys.modules.get(function.__module__ or "")
        local = module is not None and is_local_module(module)
        own = ("".join(linecache.getlines(function.__code__.co_filename)),) if local else ()
        code = following_code(function.__code__, (*self._sources, *own))
        if code is not None:
            function.__globals__[FOLLOW] = self._follow
            function.__code__ = code
        self._followed.add(function.__code__)

    def _follow(self, value: Any, name: str) -> Any:
        listed = isinstance(value, list) and len(value) >= _SHORTEST and isinstance(value[-1], float)
        line = _as_array(value) if listed else value
        if not _is_line(line) or line.dtype.kind != "f":
            return value
        kept = self._past_of(line, None, self._times((), {}), name, sys._getframe(1), settling=True)
        return value if kept is line else list(kept) if listed else kept

    def _wrap_global(self, around: dict[str, Any], name: str) -> None:
        """Put a wrapper around what a name stands for in a module of the user's."""
        value = around.get(name)
        if isinstance(value, types.ModuleType):
            if value.__name__.startswith(_PACKAGES):
                around[name] = _Module(value, self._keeping)
            elif id(vars(value)) not in self._own and is_local_module(value):
                self._own.add(id(vars(value)))
                for named, part in list(vars(value).items()):
                    if getattr(part, "__module__", None) == value.__name__:
                        self._wrap_global(vars(value), named)
        elif isinstance(value, types.FunctionType) and not hasattr(value, "keeps_past"):
            users = value.__globals__ is around or self._is_own(value)
            if users or (value.__module__ or "").startswith(_PACKAGES):
                around[name] = self._keeping(value, name)
            if users:
                self._wrap_used(value)
        elif isinstance(value, type) and self._is_own(value):
            self._wrap_class(value)

    def _is_own(self, thing: types.FunctionType | type[Any]) -> bool:
        """Whether the user wrote it: in the strategy's module, or in one beside it."""
        if isinstance(thing, types.FunctionType) and id(thing.__globals__) in self._own:
            return True
        module = sys.modules.get(thing.__module__ or "")
        return module is not None and (id(vars(module)) in self._own or is_local_module(module)) and not (
            isinstance(thing, type) and issubclass(thing, strategy_class()))

    def _keeping(self, function: Callable[..., Any], name: str, *, own_only: bool = False) -> Callable[..., Any]:
        @functools.wraps(function)
        def kept(*arguments: Any, **options: Any) -> Any:
            answer = function(*arguments, **options)
            caller = sys._getframe(1)
            if own_only and id(caller.f_globals) not in self._own:
                return answer
            given = next((part for part in (*arguments, *options.values()) if _is_line(part)), None)
            return self._past_of(answer, given, self._times(arguments, options), name, caller)

        kept.__dict__["keeps_past"] = True
        return kept

    def _centred(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(function)
        def kept(window: Any, *arguments: Any, **options: Any) -> Any:
            answer = function(window, *arguments, **options)
            caller = sys._getframe(1)
            if not window.center or id(caller.f_globals) not in self._own:
                return answer
            return self._past_of(answer, window.obj if window.obj.ndim == 1 else None, self._times((), {}),
                                 f"rolling(center=True).{name}", caller)

        return kept

    def _times(self, arguments: tuple[Any, ...], options: dict[str, Any]) -> NDArray[np.float64] | None:
        """Return the opening times of the candles that something was computed from."""
        for part in (*arguments, *options.values()):
            if isinstance(part, np.ndarray) and part.ndim == 2 and part.shape[1] == 6 and len(part):
                return np.asarray(part[:, 0])
        if self._strategy is None:
            return None
        return np.asarray(self._strategy.candles[:, 0])

    def _past_of(self, answer: Any, given: Any, times: NDArray[np.float64] | None, name: str, caller: Any, *,
                 settling: bool = False) -> Any:
        """Return an answer, or one of the same kind with the past kept.

        ``settling`` asks for lines whose older values stay. Those of which all values change, as prices divided by the
        newest do, are no look back: who writes them knows only what was known.
        """
        if times is None or self._strategy is None:
            return answer
        if isinstance(answer, tuple) and hasattr(answer, "_fields"):
            return type(answer)(*(self._past_of(part, given, times, f"{name}.{field}", caller)
                                  for field, part in zip(answer._fields, answer, strict=True)))
        # Lines go on for as long as the candles, or for as long as the line that they were made of.
        if not _is_line(answer) or len(answer) > len(times) or (
                len(answer) != len(times) and (given is None or len(given) != len(answer)) and name != "irfft"):
            return answer
        values = np.asarray(answer, dtype=np.float64)[-_MOST_BACK:]
        before = np.empty(0) if given is None else np.asarray(given, dtype=np.float64)[-_MOST_BACK:]
        line = self._line(name, caller, float(times[-1]))
        kept = line.kept(values, before, times[-len(values):])
        if not kept or (settling and 2 * line.unsettled > len(values)):
            return answer
        code = caller.f_code
        self.changed[Repainted(name, code.co_filename, code.co_name, caller.f_lineno)] = None
        other = answer.copy()
        for ago, value in kept.items():
            (other.iloc if isinstance(other, pd.Series) else other)[-1 - ago] = value
        return other

    def _line(self, name: str, caller: Any, now: float) -> _Line:
        """Return the line of a call: which one in the code it is, on which route, and its number in this candle."""
        place = (name, caller.f_code, caller.f_lasti, self._strategy.symbol, self._strategy.timeframe)
        time, calls = self._calls.get(place, (now, 0))
        calls = calls + 1 if time == now else 1
        self._calls[place] = now, calls
        return self._lines.setdefault((place, calls), _Line())


class _Module:
    """Stands for a module whose functions keep their past."""

    def __init__(
        self, module: types.ModuleType, keeping: Callable[[Callable[..., Any], str], Callable[..., Any]]
    ) -> None:
        self._module, self._keeping = module, keeping

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        if isinstance(value, types.ModuleType):
            return value if value.__name__.startswith(_NO_LINES) else _Module(value, self._keeping)
        made = self._keeping(value, name) if callable(value) and not isinstance(value, type) else value
        setattr(self, name, made)
        return made


def _is_line(value: Any) -> bool:
    return (isinstance(value, np.ndarray | pd.Series) and value.ndim == 1 and value.dtype.kind in "fiu"
            and len(value) >= _SHORTEST)


def _as_array(values: list[Any]) -> Any:
    try:
        return np.array(values)
    except ValueError:  # of parts that do not fit together
        return None


def _goes_on(before: NDArray[np.float64], now: NDArray[np.float64], later: int) -> bool:
    """Whether a line is another one so many candles later."""
    count = min(len(before), len(now) - later)
    return count > 0 and not _differ(before[-count:], now[len(now) - later - count : len(now) - later]).any()


def _middle(changes: NDArray[np.float64]) -> float:
    known = np.abs(changes[~np.isnan(changes)])
    return float(np.median(known)) if len(known) else 0.0


def _differ(old: NDArray[np.float64], new: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where two lines differ by more than rounding; unknown values are alike."""
    differ: NDArray[np.bool_] = np.abs(old - new) > _ROUNDING * np.maximum(np.abs(old), 1e-12)
    differ |= np.isnan(old) != np.isnan(new)
    return differ
