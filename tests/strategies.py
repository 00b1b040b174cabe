"""Strategies that several rooms' tests simulate, as source text.

Both trade on spot (long only there) and on futures, and both vary with every hyperparameter.
``side`` is ``long``, ``short`` or ``both``.
"""

from __future__ import annotations

import random
from typing import Any

#: Follows a crossing of averages, with a stop at a multiple of the range.
TREND = """
import jesse.indicators as ta
from jesse import utils
from jesse.strategies import Strategy


class Trend(Strategy):
    def hyperparameters(self):
        return [
            {"name": "fast", "type": int, "min": 3, "max": 15, "default": 6},
            {"name": "slow", "type": int, "min": 16, "max": 60, "default": 25},
            {"name": "stop", "type": float, "min": 0.5, "max": 4.0, "default": 2.0},
            {"name": "side", "type": "categorical", "options": ["long", "short", "both"], "default": "both"},
        ]

    @property
    def rising(self):
        return ta.ema(self.candles, self.hp["fast"]) > ta.ema(self.candles, self.hp["slow"])

    def should_long(self):
        return self.hp["side"] != "short" and self.rising

    def should_short(self):
        return self.exchange_type == "futures" and self.hp["side"] != "long" and not self.rising

    def go_long(self):
        self.buy = utils.size_to_qty(self.balance * 0.9, self.price, fee_rate=self.fee_rate), self.price

    def go_short(self):
        self.sell = utils.size_to_qty(self.balance * 0.9, self.price, fee_rate=self.fee_rate), self.price

    def on_open_position(self, order):
        away = self.hp["stop"] * ta.atr(self.candles)
        self.stop_loss = self.position.qty, self.position.entry_price + (-away if self.is_long else away)

    def update_position(self):
        if self.is_long != self.rising:
            self.liquidate()

    def should_cancel_entry(self):
        return True
"""

#: Buys below and sells above a band, with a limit entry, a target and a stop.
REVERSION = """
import jesse.indicators as ta
from jesse import utils
from jesse.strategies import Strategy


class Reversion(Strategy):
    def hyperparameters(self):
        return [
            {"name": "period", "type": int, "min": 10, "max": 40, "default": 20},
            {"name": "width", "type": float, "min": 1.0, "max": 2.5, "default": 1.5},
            {"name": "rsi", "type": int, "min": 30, "max": 50, "default": 45},
            {"name": "target", "type": float, "min": 0.5, "max": 4.0, "default": 1.5},
            {"name": "side", "type": "categorical", "options": ["long", "short", "both"], "default": "both"},
        ]

    @property
    def bands(self):
        return ta.bollinger_bands(self.candles, self.hp["period"], self.hp["width"], self.hp["width"])

    def should_long(self):
        return (self.hp["side"] != "short" and self.price < self.bands.lowerband
                and ta.rsi(self.candles) < self.hp["rsi"])

    def should_short(self):
        return (self.exchange_type == "futures" and self.hp["side"] != "long"
                and self.price > self.bands.upperband and ta.rsi(self.candles) > 100 - self.hp["rsi"])

    def go_long(self):
        entry = self.price * 0.999
        self.buy = utils.size_to_qty(self.balance * 0.5, entry, fee_rate=self.fee_rate), entry

    def go_short(self):
        entry = self.price * 1.001
        self.sell = utils.size_to_qty(self.balance * 0.5, entry, fee_rate=self.fee_rate), entry

    def on_open_position(self, order):
        sign = 1 if self.is_long else -1
        entry, qty = self.position.entry_price, self.position.qty
        self.take_profit = qty, entry * (1 + sign * self.hp["target"] / 100)
        self.stop_loss = qty, entry * (1 - sign * 0.02)

    def update_position(self):
        pass

    def should_cancel_entry(self):
        return False
"""

#: In and out by the clock, without any indicator: needs no warm-up.
CLOCK = """
from jesse import utils
from jesse.strategies import Strategy


class Clock(Strategy):
    def should_long(self):
        return self.index % 10 == 3

    def go_long(self):
        self.buy = utils.size_to_qty(self.balance * 0.9, self.price, fee_rate=self.fee_rate), self.price

    def update_position(self):
        if self.index % 10 == 8:
            self.liquidate()
"""

#: Compares the price with another market or timeframe, named by its hyperparameters.
WATCHER = """
from jesse import utils
from jesse.strategies import Strategy


class Watcher(Strategy):
    def hyperparameters(self):
        return [{"name": "symbol", "type": "categorical", "options": ["BTC-USDT", "ETH-USDT"], "default": "BTC-USDT"},
                {"name": "timeframe", "type": "categorical", "options": ["4h", "1D", "1W"], "default": "1D"}]

    def seen(self):
        return self.get_candles(self.exchange, self.hp["symbol"], self.hp["timeframe"])

    def should_long(self):
        return self.seen()[-1, 2] > self.seen()[-2, 2] and self.index % 3 == 0

    def should_short(self):
        return self.seen()[-1, 2] < self.seen()[-2, 2] and self.index % 3 == 1

    def go_long(self):
        self.buy = utils.size_to_qty(self.balance * 0.9, self.price, fee_rate=self.fee_rate), self.price

    def go_short(self):
        self.sell = utils.size_to_qty(self.balance * 0.9, self.price, fee_rate=self.fee_rate), self.price

    def update_position(self):
        if self.index % 7 == 0:
            self.liquidate()
"""

#: Buys all that its leverage allows at once, and holds it to the end.
STUBBORN = """
from jesse import utils
from jesse.strategies import Strategy


class Stubborn(Strategy):
    def should_long(self):
        return self.index == 0

    def go_long(self):
        size = self.available_margin * 0.95 * 50
        self.buy = utils.size_to_qty(size, self.price, fee_rate=self.fee_rate), self.price
"""

#: Stays out of the market.
IDLE = """
from jesse.strategies import Strategy


class Idle(Strategy):
    def should_long(self):
        return False

    def go_long(self):
        pass
"""


def random_hyperparameters(name: str, seed: int) -> dict[str, Any]:
    """One set of values for ``Trend`` or ``Reversion``."""
    chance = random.Random(f"{name} {seed}")
    side = chance.choice(["long", "short", "both"])
    if name == "Trend":
        return {"fast": chance.randint(3, 15), "slow": chance.randint(16, 60),
                "stop": chance.uniform(0.5, 4.0), "side": side}
    return {"period": chance.randint(10, 40), "width": chance.uniform(1.0, 2.5),
            "rsi": chance.randint(30, 50), "target": chance.uniform(0.5, 4.0), "side": side}
