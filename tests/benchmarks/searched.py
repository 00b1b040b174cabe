"""Strategies of the benchmarks, with the markets and the spaces that they are searched in."""

from __future__ import annotations

from typing import Any

#: Follows a crossing of averages, with a stop.
TREND = """
from jesse.strategies import Strategy
import jesse.indicators as ta
from jesse import utils


class Trend(Strategy):
    def should_long(self):
        return ta.ema(self.candles, self.hp["fast"]) > ta.ema(self.candles, self.hp["slow"])

    def go_long(self):
        self.buy = utils.size_to_qty(0.9 * self.available_margin, self.price, fee_rate=self.fee_rate), self.price

    def on_open_position(self, order):
        self.stop_loss = self.position.qty, self.average_entry_price - self.hp["stop"] * ta.atr(self.candles, 14)

    def update_position(self):
        if not self.should_long():
            self.liquidate()
"""

#: Fades extremes of the relative strength, with a stop and a target.
REVERSION = """
from jesse.strategies import Strategy
import jesse.indicators as ta
from jesse import utils


class Reversion(Strategy):
    def should_long(self):
        return ta.rsi(self.candles, self.hp["length"]) < self.hp["low"]

    def should_short(self):
        return ta.rsi(self.candles, self.hp["length"]) > 100 - self.hp["low"]

    def go_long(self):
        self.buy = utils.size_to_qty(0.9 * self.available_margin, self.price, fee_rate=self.fee_rate), self.price

    def go_short(self):
        self.sell = utils.size_to_qty(0.9 * self.available_margin, self.price, fee_rate=self.fee_rate), self.price

    def on_open_position(self, order):
        atr = ta.atr(self.candles, 14)
        sign = 1 if self.is_long else -1
        self.stop_loss = self.position.qty, self.average_entry_price - sign * self.hp["stop"] * atr
        self.take_profit = self.position.qty, self.average_entry_price + sign * self.hp["target"] * atr
"""

#: Follows a break out of a channel, until a shorter one is left.
BREAKOUT = """
from jesse.strategies import Strategy
import jesse.indicators as ta
from jesse import utils


class Breakout(Strategy):
    @property
    def channel(self):
        return ta.donchian(self.candles[:-1], self.hp["entry"])

    def should_long(self):
        return self.close > self.channel.upperband

    def should_short(self):
        return bool(self.hp["both"]) and self.close < self.channel.lowerband

    def go_long(self):
        self.buy = utils.size_to_qty(0.9 * self.available_margin, self.price, fee_rate=self.fee_rate), self.price

    def go_short(self):
        self.sell = utils.size_to_qty(0.9 * self.available_margin, self.price, fee_rate=self.fee_rate), self.price

    def on_open_position(self, order):
        sign = 1 if self.is_long else -1
        self.stop_loss = self.position.qty, self.average_entry_price - sign * self.hp["stop"] * ta.atr(self.candles, 14)

    def update_position(self):
        out = ta.donchian(self.candles[:-1], self.hp["leave"])
        if self.is_long and self.close < out.lowerband or self.is_short and self.close > out.upperband:
            self.liquidate()
"""

#: By name: source, symbol, space.
CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "trend": (TREND, "BTC-USDT", {"fast": (5, 30), "slow": (31, 120), "stop": (1.0, 5.0, 0.5)}),
    "reversion": (REVERSION, "ETH-USDT",
                  {"length": (6, 26), "low": (15, 35), "stop": (1.0, 5.0, 0.5), "target": (1.0, 7.0, 0.5)}),
    "breakout": (BREAKOUT, "BTC-USDT",
                 {"entry": (10, 120, 2), "leave": (5, 60), "stop": (1.0, 5.0, 0.5), "both": [False, True]}),
}
