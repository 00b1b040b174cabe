"""Strategies for the jobs' tests, as source text: one that behaves, and some that do not."""

HEADER = """
import os, sys, time
from jesse.strategies import Strategy
import jesse.indicators as ta
from jesse import utils
"""

#: Quick, trades often, varies with both of its hyperparameters.
CROSSING = HEADER + """
class Crossing(Strategy):
    def hyperparameters(self):
        return [
            {"name": "fast", "type": int, "min": 2, "max": 20, "default": 8},
            {"name": "slow", "type": int, "min": 21, "max": 80, "default": 30},
        ]
    def should_long(self):
        return ta.sma(self.candles, self.hp["fast"]) > ta.sma(self.candles, self.hp["slow"])
    def go_long(self):
        self.buy = utils.size_to_qty(self.balance * 0.9, self.price, fee_rate=self.fee_rate), self.price
    def update_position(self):
        if ta.sma(self.candles, self.hp["fast"]) < ta.sma(self.candles, self.hp["slow"]):
            self.liquidate()
    def should_cancel_entry(self):
        return True
"""

SPACE = {"fast": (2, 20), "slow": (21, 80)}


def hostile(act: str) -> str:
    """A strategy that behaves, but for one value of ``bad``: then ``act`` happens at its first look at the market."""
    return HEADER + f"""
class Hostile(Strategy):
    def hyperparameters(self):
        return [{{"name": "bad", "type": int, "min": 0, "max": 5, "default": 0}}]
    def should_long(self):
        if self.hp["bad"] == 3:
            {act}
        return ta.sma(self.candles, 5 + self.hp["bad"]) > ta.sma(self.candles, 40)
    def go_long(self):
        self.buy = utils.size_to_qty(self.balance * 0.9, self.price, fee_rate=self.fee_rate), self.price
    def update_position(self):
        if ta.sma(self.candles, 5 + self.hp["bad"]) < ta.sma(self.candles, 40):
            self.liquidate()
    def should_cancel_entry(self):
        return True
"""
