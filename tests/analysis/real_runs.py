"""Real backtests by Jesse, shared by the tests that compare numbers with it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from jesse_nb.core.simulator.result import BacktestResult
from tests.conftest import EXCHANGE, real_candles

#: Around the gap of the sample data (2023-03-24 12:40 to 13:59).
PERIOD = {"start": "2023-03-13", "end": "2023-04-03"}

#: In and out by the clock with a quantity that depends on nothing; ``stop`` in percent, 0 for none.
FIXED = """
from jesse.strategies import Strategy


class Fixed(Strategy):
    def hyperparameters(self):
        return [{"name": "stop", "type": float, "min": 0.0, "max": 20.0, "default": 0.0},
                {"name": "phase", "type": int, "min": 3, "max": 9, "default": 3}]

    def should_long(self):
        return self.index % 12 == self.hp["phase"]

    def should_short(self):
        return self.exchange_type == "futures" and (self.index + 6) % 12 == self.hp["phase"]

    def go_long(self):
        self.buy = 0.1, self.price

    def go_short(self):
        self.sell = 0.1, self.price

    def on_open_position(self, order):
        if self.hp["stop"]:
            away = (-1 if self.is_long else 1) * self.hp["stop"] / 100
            self.stop_loss = self.position.qty, self.position.entry_price * (1 + away)

    def update_position(self):
        if self.index % 6 == 2:
            self.liquidate()
"""

#: Buys more as the trade goes on and sells in halves.
PYRAMID = """
from jesse.strategies import Strategy


class Pyramid(Strategy):
    def should_long(self):
        return self.index % 24 == 3

    def should_short(self):
        return self.exchange_type == "futures" and self.index % 24 == 15

    def go_long(self):
        self.buy = [(0.05, self.price), (0.03, self.price * 0.997)]

    def go_short(self):
        self.sell = [(0.05, self.price), (0.03, self.price * 1.003)]

    def on_open_position(self, order):
        if self.exchange_type == "spot":
            return  # a resting sale would bind coins that the liquidation needs
        sign = 1 if self.is_long else -1
        self.take_profit = self.position.qty / 2, self.price * (1 + sign * 0.006)

    def update_position(self):
        if self.index % 12 == 9:
            self.liquidate()
"""

#: Turns its position around with one order.
FLIP = """
from jesse.strategies import Strategy


class Flip(Strategy):
    def should_long(self):
        return self.index == 2

    def go_long(self):
        self.buy = 0.05, self.price

    def update_position(self):
        if self.index % 24 == 10:
            if self.is_long:
                self.broker.sell_at_market(0.12)
            else:
                self.broker.buy_at_market(0.12)
"""

#: Everything on one card, at a leverage that gets it liquidated.
GAMBLE = """
from jesse.strategies import Strategy


class Gamble(Strategy):
    def should_long(self):
        return self.index % 12 == 3

    def should_short(self):
        return self.index % 12 == 9

    def go_long(self):
        self.buy = self.balance * 10 / self.price, self.price

    def go_short(self):
        self.sell = self.balance * 10 / self.price, self.price

    def update_position(self):
        if self.index % 6 == 2:
            self.liquidate()
"""


@cache
def _run(store: Any, strategy: Any, options: tuple[tuple[str, Any], ...]) -> BacktestResult:
    from jesse_nb.core.tools.backtest.backtest import backtest

    given = {**PERIOD, **dict(options)}
    if "hyperparameters" in given:
        given["hyperparameters"] = dict(given["hyperparameters"])
    one = {"routes": [*strategy]} if isinstance(strategy, tuple) else {
        "strategy": strategy, "symbol": "BTC-USDT", "timeframe": given.pop("timeframe", "1h")}
    return backtest(**one, **given, candles=store)


def run(store: Any, strategy: Any, **options: Any) -> BacktestResult:
    """Backtest a strategy on BTC-USDT, or a tuple of routes; each only once."""
    return _run(store, strategy, tuple(sorted(options.items())))


def candles_of_run(result: BacktestResult) -> dict[tuple[str, str], np.ndarray]:
    """The candles of its period as they are at rest, gaps and all."""
    found = {}
    for route in result.spec.routes:
        candles = real_candles(route.symbol)
        first, last = np.searchsorted(candles[:, 0], [result.spec.start, result.spec.end])
        found[EXCHANGE, route.symbol] = candles[first:last]
    return found
