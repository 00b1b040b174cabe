"""Jesse's two loops over time, which pass at once over what cannot touch an order.

Both go in blocks: as many minutes as all timeframes have in common, so that strategies decide at a block's end only.
Where an order or a liquidation could be touched inside a block, it is Jesse's own functions that see to it, minute by
minute or block by block as they always do.
"""

from __future__ import annotations

import math
from typing import Any

from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.simulator.fast.indicator_memory import IndicatorMemory
from jesse_nb.core.simulator.fast.market import Market
from jesse_nb.core.simulator.fast.series import Series
from jesse_nb.core.times import DAY_MS, MINUTE_MS, TIMEFRAME_MINUTES
from jesse_nb.exceptions import StrategyError

__all__ = ["Loop"]


class Loop:
    """One run of Jesse's simulator, from the first traded minute to the last.

    Parameters
    ----------
    series
        The run's series, all of the same minutes.
    warm
        Whether the run has a warm-up.
    hyperparameters
        As Jesse takes them.
    memory
        What answers in the indicators' place.
    """

    def __init__(
        self, series: list[Series], *, warm: bool, hyperparameters: dict[str, Any] | None, memory: IndicatorMemory
    ) -> None:
        self._jesse = jesse_module("jesse.modes.backtest_mode")
        self._orders = jesse_module("jesse.services.order_service")
        self._router = jesse_module("jesse.routes").router
        self._store = jesse_module("jesse.store").store
        self._candles = {f"{one.part.exchange}-{one.part.symbol}": {
            "exchange": one.part.exchange, "symbol": one.part.symbol, "candles": one.trading} for one in series}
        config = jesse_module("jesse.config").config["app"]
        timeframes = [timeframe for timeframe in config["considering_timeframes"] if timeframe != "1m"]
        # One-minute candles are always considered, but only a route's timeframe sets the step.
        self._step = math.gcd(*(TIMEFRAME_MINUTES[route["timeframe"]] for route in self._router.all_formatted_routes))
        self._length = len(series[0].trading)
        self._times = series[0].trading[:, 0]
        self._markets = [Market(one, timeframes, self._step, warm=warm, memory=memory) for one in series]
        self._jesse._prepare_times_before_simulation(self._candles)
        self._pipelines = self._jesse._prepare_routes(hyperparameters)
        if any(self._pipelines.values()):
            raise StrategyError("The strategy sets candles_pipeline on itself, which is a method.",
                                "Define the method in the class.")
        self._routes = [(route.strategy, TIMEFRAME_MINUTES[route.timeframe], route.exchange, route.symbol)
                        for route in self._router.routes]
        self._jesse.save_daily_portfolio_balance(is_initial=True)
        self._next_sample = int(self._store.app.time) + DAY_MS + MINUTE_MS

    def run(self, *, fast_mode: bool) -> dict[str, Any]:
        """Simulate, and return what Jesse's simulator returns."""
        pass_block = self._fast_block if fast_mode else self._step_block
        blocks = self._length // self._step
        for block in range(blocks):
            pass_block(block)
        rest = blocks * self._step
        if rest < self._length:
            self._fast_rest(rest) if fast_mode else self._step_minutes(rest, self._length)
        return self._finish()

    def _fast_block(self, block: int) -> None:
        begin = block * self._step
        end = begin + self._step
        for market in self._markets:
            if market.is_quiet(block):
                market.show(end, self._step)
                self._store.app.time = self._times[begin] + MINUTE_MS * self._step
            else:
                self._jesse._simulate_price_change_effect_multiple_candles(
                    market.rows[begin:end], market.exchange, market.symbol, market.minutes,
                    previous_close=market.rows[begin - 1, 2] if begin else None)
            market.close_candles(end)
        self._decide(end)

    def _fast_rest(self, begin: int) -> None:
        """Leave the last minutes, too few for a block, to Jesse."""
        pairs = [(market.rows, None, market.exchange, market.symbol, market.minutes) for market in self._markets]
        config = jesse_module("jesse.config").config["app"]
        higher = [(timeframe, TIMEFRAME_MINUTES[timeframe]) for timeframe in config["considering_timeframes"]
                  if timeframe != "1m"]
        self._jesse._simulate_new_candles(self._candles, self._pipelines, begin, self._step, pairs, higher)
        self._decide(begin + self._step)

    def _step_block(self, block: int) -> None:
        begin = block * self._step
        end = begin + self._step
        if not all(market.is_quiet(block) for market in self._markets):
            self._step_minutes(begin, end)
            return
        shown = begin
        due = self._row_of_next_sample()
        if due < end - 1:
            self._show(due + 1, due + 1 - shown)
            self._forget_done_orders()
            self._sample()
            shown = due + 1
        if self._step > 1:
            self._forget_done_orders()  # as Jesse does after each minute, so before the strategies look
        self._show(end, end - shown)
        for market in self._markets:
            market.close_candles(end)
        self._decide(end)

    def _row_of_next_sample(self) -> int:
        """Return the first traded row at whose end a sample of the balance is due."""
        return (self._next_sample - int(self._times[0])) // MINUTE_MS - 1

    def _show(self, end: int, count: int) -> None:
        self._store.app.time = self._times[end - 1] + MINUTE_MS
        for market in self._markets:
            market.show(end, count)

    def _step_minutes(self, begin: int, end: int) -> None:
        for row in range(begin, end):
            self._store.app.time = self._times[row] + MINUTE_MS
            for market in self._markets:
                market.minutes.index += 1
                self._jesse._simulate_price_change_effect(
                    market.rows[row], market.exchange, market.symbol,
                    previous_close=market.rows[row - 1, 2] if row else None)
                market.close_candles(row + 1)
            self._decide(row + 1)

    def _decide(self, end: int) -> None:
        """Let the strategies act whose candle closes, then fill their market orders."""
        for strategy, count, exchange, symbol in self._routes:
            if not end % count:
                strategy._execute()
            self._orders.update_active_orders(exchange, symbol)
        self._orders.execute_simulated_market_orders()
        if int(self._store.app.time) >= self._next_sample:
            self._sample()

    def _forget_done_orders(self) -> None:
        for _, _, exchange, symbol in self._routes:
            self._orders.update_active_orders(exchange, symbol)

    def _sample(self) -> None:
        self._jesse.save_daily_portfolio_balance()
        while self._next_sample <= int(self._store.app.time):
            self._next_sample += DAY_MS

    def _finish(self) -> dict[str, Any]:
        for strategy, *_ in self._routes:
            strategy._terminate()
            self._orders.execute_simulated_market_orders()
        self._jesse.save_daily_portfolio_balance()
        self._store.app.ending_time = self._store.app.time + MINUTE_MS
        result: dict[str, Any] = self._jesse._generate_outputs(self._candles, generate_equity_curve=True)
        result["execution_duration"] = 0
        return result
