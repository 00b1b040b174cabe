"""Notices an indicator that has too few candles at the start of a run.

Jesse's indicators answer NaN when they are given fewer candles than they need;
those asked for one value look at the last ``warm_up_candles`` only, so they may
answer NaN for good. A strategy then compares with NaN, does not trade and looks
merely quiet. So during the first candle of a run each answer is looked at: where it is
NaN, and more candles of the same kind would not be, the run is refused.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES
from jesse_nb.exceptions import WarmUpError

__all__ = ["watched_indicators"]

#: How often the candles are repeated to see whether more of them would help.
_REPEATS = 50


@contextmanager
def watched_indicators(spec: BacktestSpec) -> Iterator[None]:
    """Refuse the run, with a :class:`WarmUpError`, when an indicator needs more candles than it has.

    Covers the functions of ``jesse.indicators`` called as ``ta.name(...)`` or imported by the
    strategy's source; not a strategy's own arithmetic on its candles. With
    ``warm_up_candles=0`` nothing is watched: that asks for a start without history.
    """
    if not spec.warm_up_candles:
        yield
        return
    indicators = jesse_module("jesse.indicators")
    originals = {name: function for name, function in vars(indicators).items() if inspect.isfunction(function)}
    store = jesse_module("jesse.store").store
    timeframes = [route.timeframe for route in spec.routes] + [route.timeframe for route in spec.data_routes]
    longest = max(TIMEFRAME_MINUTES[timeframe] for timeframe in timeframes)
    watched_until = spec.start + longest * MINUTE_MS

    def watching() -> bool:
        return (store.app.time or 0) <= watched_until  # asked anew each time: Jesse replaces the object at every run

    def restore() -> None:
        vars(indicators).update(originals)

    for name, function in originals.items():
        setattr(indicators, name, _watched(name, function, spec, watching, restore))
    try:
        yield
    finally:
        restore()


def _watched(
    name: str,
    function: Callable[..., Any],
    spec: BacktestSpec,
    watching: Callable[[], bool],
    restore: Callable[[], None],
) -> Callable[..., Any]:
    @functools.wraps(function)
    def watched(*arguments: Any, **options: Any) -> Any:
        answer = function(*arguments, **options)
        if not watching():
            restore()  # the first candle is over: from here on the indicators are Jesse's own again
        elif _ends_in_nan(answer) and _is_for_want_of_candles(function, arguments, options):
            raise WarmUpError(
                f"The indicator {name}{_settings(arguments, options)} needs more candles than the "
                f"{spec.warm_up_candles} of the warm-up.",
                "Raise warm_up_candles, or bound the parameter that sets the indicator's length.")
        return answer

    return watched


def _ends_in_nan(answer: Any) -> bool:
    """Whether the newest value, or one of several, is NaN."""
    if isinstance(answer, tuple):
        return any(_ends_in_nan(part) for part in answer)
    values = np.asarray(answer)
    return values.dtype.kind == "f" and values.size > 0 and bool(np.isnan(values.ravel()[-1]))


def _is_for_want_of_candles(function: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]) -> bool:
    """Whether the same indicator has a value on longer history: some are NaN by design."""
    if not arguments or not isinstance(arguments[0], np.ndarray):
        return False
    if "sequential" in list(inspect.signature(function).parameters)[len(arguments):]:
        options = {**options, "sequential": True}  # otherwise Jesse looks at the last warm_up_candles only
    try:
        longer = function(np.concatenate([arguments[0]] * _REPEATS), *arguments[1:], **options)
    except Exception:  # noqa: BLE001 - an indicator that cannot take it tells us nothing
        return False
    return not _ends_in_nan(longer)


def _settings(arguments: tuple[Any, ...], options: dict[str, Any]) -> str:
    plain = [repr(value) for value in arguments[1:] if isinstance(value, int | float | str)]
    plain += [f"{name}={value!r}" for name, value in options.items() if isinstance(value, int | float | str)]
    return f"({', '.join(['candles', *plain])})"
