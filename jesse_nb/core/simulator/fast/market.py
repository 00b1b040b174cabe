"""One series in a run's loop over time: its rows, and where Jesse keeps them."""

from __future__ import annotations

import numpy as np

from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.simulator.fast.indicator_memory import IndicatorMemory
from jesse_nb.core.simulator.fast.series import Series
from jesse_nb.core.times import TIMEFRAME_MINUTES

__all__ = ["Market"]


class Market:
    """One series, its storage filled as Jesse fills it: everything is there, and an index says what is visible.

    Parameters
    ----------
    series
        Its rows.
    timeframes
        All that Jesse considers in this run, of whatever series.
    step
        Minutes that the loop moves on at once.
    warm
        Whether the run has a warm-up.
    memory
        Is told what candles there will be.

    Attributes
    ----------
    rows
        The traded rows, as Jesse's ``candles``: never written to.
    minutes
        Jesse's storage of one-minute candles.
    """

    def __init__(
        self, series: Series, timeframes: list[str], step: int, *, warm: bool, memory: IndicatorMemory
    ) -> None:
        self._store = jesse_module("jesse.store").store
        self._service = jesse_module("jesse.services.candle_service")
        self.exchange, self.symbol = series.part.exchange, series.part.symbol
        self.key = f"{self.exchange}-{self.symbol}"
        self.rows = series.trading
        self._closes = self.rows[:, 2]
        self._lows, self._highs = series.reach(step)
        storage = self._store.candles.storage
        self.minutes = storage[f"{self.key}-1m"]
        self.minutes._state = series.private_rows(), (len(series.warm_up) if warm else 0) - 1
        memory.serve(self.minutes._state[0], series.warm_up, series.trading)
        self._higher = []
        for timeframe in timeframes:
            before, within = series.candles(timeframe)
            own = storage[f"{self.key}-{timeframe}"]
            room = None
            if warm and len(before):
                room = np.vstack([before, within, np.zeros((1, 6))])
                own._state = room, len(before) - 1
                memory.serve(room, before, within)
            self._higher.append((TIMEFRAME_MINUTES[timeframe], own, within, timeframe, room, len(before) - 1))
        self._position = self._store.positions.storage.get(self.key)  # None where only watched
        self._isolated = self._position is not None and self._position.mode == "isolated"

    def is_quiet(self, block: int) -> bool:
        """Whether nothing can be filled or liquidated within a block, as things stand at its beginning."""
        orders = self._store.orders.active_storage.get(self.key)
        if orders:
            low, high = self._lows[block], self._highs[block]
            for order in orders:
                price = order.price
                if price is None or low <= price <= high:
                    return False
        if self._isolated and self._position.is_open:
            return not self._lows[block] <= self._position.liquidation_price <= self._highs[block]
        return True

    def show(self, end: int, count: int) -> None:
        """Make ``count`` minutes more visible, up to the traded row ``end``, in which nothing happens."""
        array, index = self.minutes._state
        self.minutes._state = array, index + count
        if self._position is not None:
            self._position.current_price = self._closes[end - 1]

    def close_candles(self, end: int) -> None:
        """Add the candles of higher timeframes that close with the traded row before ``end``."""
        for count, own, candles, timeframe, room, before in self._higher:
            if end % count:
                continue
            array, index = own._state
            closed = end // count - 1
            if array is room and index == before + closed:  # it stands there already
                own._state = array, index + 1
                continue
            candle = candles[closed]
            if index + 1 < len(array) and (index < 0 or candle[0] > array[index, 0]):
                array[index + 1] = candle
                own._state = array, index + 1
            else:  # an order filled inside had it begun already, or there is no room
                self._service.add_candle(candle, self.exchange, self.symbol, timeframe,
                                         with_execution=False, with_generation=False)
