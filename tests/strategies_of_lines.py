"""A strategy that asks for whole lines of slow indicators at every candle, in all the ways that people do."""

from __future__ import annotations

__all__ = ["LINES"]

#: ``harm`` is what it does to what it was given: nothing, change a line, or change its candles.
LINES = '''
from jesse.indicators import zscore
from jesse.strategies import Strategy
import jesse.indicators as ta
import numpy as np


class Lines(Strategy):
    def hyperparameters(self):
        return [{"name": "length", "type": int, "min": 5, "max": 50, "default": 20},
                {"name": "harm", "type": "categorical", "options": ["", "line", "candles"], "default": ""}]

    def before(self):
        length = self.hp["length"]
        self.score = zscore(self.candles, length, sequential=True)
        self.strange = ta.zscore(self.candles, length, 0, 1.0, 0, "close", True)
        self.closes = ta.stddev(self.candles[:, 2], period=length, sequential=True)
        self.late = ta.stddev(self.candles[-60:], period=length, sequential=True)
        self.cloud = ta.ichimoku_cloud_seq(self.candles, sequential=True)
        self.odd = ta.correl(self.candles * 1.0, period=length, sequential=True)
        self.day = ta.midpoint(self.get_candles(self.exchange, self.symbol, "4h"), 5, sequential=True)
        self.stoch = ta.kdj(self.candles, slowk_matype=self.index % 7, sequential=True)
        if self.index % 50 == 0:
            lines = self.score, self.strange, self.closes, self.late, *self.cloud, self.odd, self.day, self.stoch.j
            print(self.index, [(len(line), np.nansum(line), float(line[-1])) for line in lines])
        if self.hp["harm"] == "line":
            self.score[:] = self.cloud.span_a[:] = 0.0
        if self.hp["harm"] == "candles" and self.index == 100:
            self.candles[20:30, 2] *= 1.5

    def should_long(self):
        return self.stoch.j[-1] > self.stoch.j[-2] and self.strange[-1] < -0.5

    def go_long(self):
        self.buy = self.balance / 2 / self.price, self.price

    def on_open_position(self, order):
        self.stop_loss = self.position.qty, self.price * (1 - self.closes[-1] / self.price * 2)

    def update_position(self):
        if self.strange[-1] > 1:
            self.liquidate()
'''
