"""The quickstart's strategy, which `jesse-nb demo` optimizes.

It is a strategy file like any other: copy it, change it, and run
`jesse-nb optimize my_copy.py -s BTC-USDT -t 1h --start ... --end ...`.
"""
# ruff: noqa: C408, D102, I001 -- written as a user would in a cell
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from jesse_nb import Strategy  # first: it imports Jesse so that no project is looked for and no folder is made

import jesse.indicators as ta
from jesse import utils


class TrendFollower(Strategy):
    """Follows the crossing of two exponential averages, with a stop that the volatility sets."""

    def hyperparameters(self):
        return [
            {"name": "fast", "type": int, "min": 5, "max": 30, "default": 12},
            {"name": "slow", "type": int, "min": 31, "max": 120, "default": 50},
            {"name": "stop", "type": float, "min": 1.0, "max": 5.0, "step": 0.5, "default": 2.5},
        ]

    @property
    def trend(self):
        """The fast average less the slow one: above zero the price rises."""
        return ta.ema(self.candles, self.hp["fast"]) - ta.ema(self.candles, self.hp["slow"])

    @property
    def stop_distance(self):
        """How far the stop is from the entry: so many average true ranges."""
        return self.hp["stop"] * ta.atr(self.candles, 14)

    def should_long(self):
        return self.trend > 0

    def should_short(self):
        return self.trend < 0 and not self.is_spot_trading

    def go_long(self):
        self.buy = self.size(self.price - self.stop_distance), self.price

    def go_short(self):
        self.sell = self.size(self.price + self.stop_distance), self.price

    def size(self, stop_price):
        """Risk 2 % of the balance, and never hold more than 90 % of it."""
        at_risk = utils.risk_to_qty(self.available_margin, 2, self.price, stop_price, fee_rate=self.fee_rate)
        affordable = utils.size_to_qty(0.9 * self.available_margin, self.price, fee_rate=self.fee_rate)
        return min(at_risk, affordable)

    def on_open_position(self, order):
        sign = 1 if self.is_long else -1
        self.stop_loss = self.position.qty, self.average_entry_price - sign * self.stop_distance

    def update_position(self):
        if (self.is_long and self.trend < 0) or (self.is_short and self.trend > 0):
            self.liquidate()


space = dict(fast=(5, 30), slow=(31, 120), stop=(1.0, 5.0, 0.5))
