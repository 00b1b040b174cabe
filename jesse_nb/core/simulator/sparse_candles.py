"""Longer candles of minutes with gaps, where Jesse would make some that are none, lose others, or raise.

Where an order is filled, Jesse counts back so many minutes as the longer candle should have by then. With minutes
missing from it, that reaches into the candle before: it then keeps one more candle, which begins at no beginning, or
raises an IndexError where it has few. At a fill in the first minute after a gap, the candle before is not finished yet:
a strategy that looks then sees it as it was when it last looked, or finds none, and where the new one is kept first,
the one before is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from jesse_nb.core.candles.series import Candles
from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.simulator.fast.replacing import Replacement, replaced
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES

__all__ = ["sparse_candles"]


@contextmanager
def sparse_candles(spec: BacktestSpec) -> Iterator[None]:
    """Let each longer candle of the one run that Jesse simulates meanwhile be that of its own minutes."""
    if spec.gaps != "keep":
        yield
        return
    simulation, service = jesse_module("jesse.modes.backtest_mode"), jesse_module("jesse.services.candle_service")
    store = jesse_module("jesse.store").store
    update, read = simulation._update_all_routes_a_partial_candle, service._get_timestamp_bucket_candles

    def add(candle: Candles, exchange: str, symbol: str, timeframe: str) -> None:
        service.add_candle(candle, exchange, symbol, timeframe, with_execution=False, with_generation=False)

    def updated(exchange: str, symbol: str, candle: Candles) -> None:
        if store.candles.uses_timestamp_buckets:  # whoever reads a longer candle gets it of the minutes that are there
            add(candle, exchange, symbol, "1m")
        else:
            update(exchange, symbol, candle)

    def candles(exchange: str, symbol: str, timeframe: str) -> Any:
        length = TIMEFRAME_MINUTES[timeframe] * MINUTE_MS
        minutes = service.get_candles(exchange, symbol, "1m")
        before = minutes[: _begin_of_last(minutes, length)]
        last = before[_begin_of_last(before, length) :]
        kept = store.candles.get_storage(exchange, symbol, timeframe)
        if len(last) and (not len(kept) or kept[-1][0] <= last[0, 0]):
            add(service.generate_candle_from_observed_minutes(timeframe, last), exchange, symbol, timeframe)
        return read(exchange, symbol, timeframe)

    with replaced([Replacement(simulation, "_update_all_routes_a_partial_candle", updated),
                   Replacement(service, "_get_timestamp_bucket_candles", candles)]):
        yield


def _begin_of_last(minutes: Candles, length: int) -> int:
    """Return where the minutes begin that are of one candle with the last of them."""
    return int(np.searchsorted(minutes[:, 0], minutes[-1, 0] - minutes[-1, 0] % length)) if len(minutes) else 0
