"""Forty strategies without a fault, put together from signals and ways of trading them, as source text."""

from __future__ import annotations

_HEAD = '''
import numpy as np
import jesse.indicators as ta
from jesse import utils
from jesse.strategies import Strategy, cached


class Clean(Strategy):
    @property
    def qty(self):
        return utils.size_to_qty(self.balance * 0.3, self.price, fee_rate=self.fee_rate)

    def should_cancel_entry(self):
        return True

    def should_long(self):
        return bool(self.rising())

    def should_short(self):
        return self.exchange_type == "futures" and bool(self.falling())
'''

#: What says that it rises, and that it falls; each looks only at candles, or at the clock.
SIGNALS = {
    "averages": ("ta.ema(self.candles, 8) > ta.ema(self.candles, 21)",
               "ta.ema(self.candles, 8) < ta.ema(self.candles, 21)"),
    "strength": ("ta.rsi(self.candles) < 35", "ta.rsi(self.candles) > 65"),
    "bands": ("self.price < ta.bollinger_bands(self.candles).lowerband",
              "self.price > ta.bollinger_bands(self.candles).upperband"),
    "channel": ("self.price > self.candles[-21:-1, 3].max()", "self.price < self.candles[-21:-1, 4].min()"),
    "crossing": ("ta.macd(self.candles).hist > 0", "ta.macd(self.candles).hist < 0"),
    "past": ("ta.sma(self.candles, 10, sequential=True)[-3] < ta.sma(self.candles, 10)",
             "ta.sma(self.candles, 10, sequential=True)[-3] > ta.sma(self.candles, 10)"),
    "daily": ("np.diff(self.get_candles(self.exchange, self.symbol, '1D')[-1, 1:3])[0] > 0",
              "np.diff(self.get_candles(self.exchange, self.symbol, '1D')[-1, 1:3])[0] < 0"),
    "slope": ("np.polyfit(np.arange(30), self.candles[-30:, 2], 1)[0] > 0",
              "np.polyfit(np.arange(30), self.candles[-30:, 2], 1)[0] < 0"),
    "hours": ("(self.time // 3_600_000) % 24 in (3, 4, 5)", "(self.time // 3_600_000) % 24 in (15, 16)"),
    "direction": ("ta.adx(self.candles) > 20 and self.close > self.open",
                "ta.adx(self.candles) > 20 and self.close < self.open"),
    "pattern": ("all(np.diff(self.candles[-4:, 2]) < 0)", "all(np.diff(self.candles[-4:, 2]) > 0)"),
    "volume": ("self.candles[-1, 5] > 2 * self.candles[-25:-1, 5].mean() and self.close > self.open",
               "self.candles[-1, 5] > 2 * self.candles[-25:-1, 5].mean() and self.close < self.open"),
    "chance": ("np.random.default_rng(self.index).random() < 0.1",
             "0.1 < np.random.default_rng(self.index).random() < 0.2"),
    "stochastic": ("ta.stoch(self.candles).k < 20", "ta.stoch(self.candles).k > 80"),
    "momentum": ("self.price > self.candles[-25, 2] * 1.01", "self.price < self.candles[-25, 2] * 0.99"),
    "range": ("self.price - self.low < 0.2 * (self.high - self.low)",
            "self.high - self.price < 0.2 * (self.high - self.low)"),
    "zscore": ("(self.price - self.candles[-48:, 2].mean()) / self.candles[-48:, 2].std() < -1.5",
               "(self.price - self.candles[-48:, 2].mean()) / self.candles[-48:, 2].std() > 1.5"),
    "supertrend": ("self.price > ta.supertrend(self.candles).trend", "self.price < ta.supertrend(self.candles).trend"),
    "four hours": ("ta.ema(self.get_candles(self.exchange, self.symbol, '4h'), 5) < self.price",
                   "ta.ema(self.get_candles(self.exchange, self.symbol, '4h'), 5) > self.price"),
    "remembering": ("self.vars.setdefault('highest', []).append(self.high) or "
                    "self.price >= max(self.vars['highest'][-20:]) * 0.999",
                    "self.price <= self.candles[-20:, 4].min() * 1.001"),
}

_MARKET = '''
    def go_long(self):
        self.buy = self.qty, self.price

    def go_short(self):
        self.sell = self.qty, self.price

    def update_position(self):
        if (self.is_long and self.falling()) or (self.is_short and self.rising()) or self.index % 40 == 0:
            self.liquidate()
'''
#: All on margin: some positions are liquidated.
LIQUIDATED = _HEAD.replace("self.balance * 0.3", "self.available_margin * 0.3 * self.leverage") + '''
    def rising(self):
        return ta.rsi(self.candles) < 45

    def falling(self):
        return ta.rsi(self.candles) > 55

    def go_long(self):
        self.buy = self.qty, self.price

    def go_short(self):
        self.sell = self.qty, self.price

    def update_position(self):
        if self.index % 200 == 0:
            self.liquidate()
'''
#: By the clock; what else stands in the module is for its log.
LOGGING = _HEAD.replace("class Clean", 'WORDS = [f"word {number}" for number in range(120)]\n\n\nclass Clean') + '''
    def rising(self):
        self.log(WORDS[self.index % 120])
        return (self.time // 3_600_000) % 24 in (3, 11)

    def falling(self):
        return (self.time // 3_600_000) % 24 in (7, 19)
''' + _MARKET
#: A table of the hours of a week, made of no candles: nobody can tell that from the strategy.
TABLE = LOGGING.replace("        self.log(WORDS[self.index % 120])\n", "").replace(
    'WORDS = [f"word {number}" for number in range(120)]',
    "HOURS = [(7 * hour) % 13 - 6 for hour in range(168)]").replace(
    "(self.time // 3_600_000) % 24 in (3, 11)", "HOURS[int(self.time // 3_600_000) % 168] > 4").replace(
    "(self.time // 3_600_000) % 24 in (7, 19)", "HOURS[int(self.time // 3_600_000) % 168] < -4")
_PIVOTS = LOGGING[: LOGGING.index("    def rising")].replace(
    'WORDS = [f"word {number}" for number in range(120)]\n\n\n', "") + '''
    def lows(self):
        low = self.candles[:, 4]
        pivots = np.zeros(len(low))
        for place in range(2, len(low) - 2):
            pivots[place] = low[place] == low[place - 2:place + 3].min()
        return pivots

    def rising(self):
        return RISING

    def falling(self):
        return False
''' + _MARKET
#: By name: values that change once and are looked at when they no longer do, or only while they are new.
SETTLED = {
    "pivot": _PIVOTS.replace("RISING", "self.lows()[-3] > 0"),
    "last pivot": _PIVOTS.replace("RISING", "self.price < self.candles[np.flatnonzero(self.lows())[-1], 4]"),
    "newest of a filter": _PIVOTS.replace("import numpy as np", "import numpy as np\nimport scipy.signal").replace(
        "RISING", "scipy.signal.savgol_filter(self.candles[:, 2], 31, 2)[-1] < self.price"),
    "settled average": _PIVOTS.replace(
        "RISING", "np.convolve(self.candles[:, 2], np.ones(21) / 21, mode='same')[-11] < self.price"),
}
_LIMIT = '''
    def go_long(self):
        self.buy = self.qty, self.price * 0.998

    def go_short(self):
        self.sell = self.qty, self.price * 1.002

    def on_open_position(self, order):
        way = 1 if self.is_long else -1
        entry = self.position.entry_price
        self.take_profit = [(self.position.qty / 2, entry * (1 + way * part)) for part in (0.006, 0.015)]
        self.stop_loss = self.position.qty, entry * (1 - way * 0.01)

    def on_reduced_position(self, order):
        self.stop_loss = self.position.qty, self.position.entry_price

    def should_cancel_entry(self):
        return self.index % 5 == 0
'''
_STOP = '''
    def go_long(self):
        self.buy = self.qty, self.price + 0.2 * ta.atr(self.candles)

    def go_short(self):
        self.sell = self.qty, self.price - 0.2 * ta.atr(self.candles)

    def update_position(self):
        away = 2 * ta.atr(self.candles)
        self.stop_loss = self.position.qty, self.price - away if self.is_long else self.price + away
'''
_PYRAMID = '''
    def before(self):
        self.vars["trades"] = len(self.trades)

    def go_long(self):
        self.buy = [(self.qty / 3, self.price), (self.qty / 3, self.price * 0.995), (self.qty / 3, self.price * 0.99)]

    def go_short(self):
        self.sell = [(self.qty / 2, self.price), (self.qty / 2, self.price * 1.005)]

    def filters(self):
        return [lambda: self.vars["trades"] < 12]

    def on_open_position(self, order):
        way = 1 if self.is_long else -1
        self.stop_loss = self.position.qty, self.position.entry_price * (1 - way * 0.02)

    def update_position(self):
        if self.index % 24 == 0:
            self.liquidate()
'''
TRADING = {"market": _MARKET, "limit": _LIMIT, "stop": _STOP, "pyramid": _PYRAMID}


def clean_strategies() -> dict[str, str]:
    """Name to source text: each signal in two ways of trading."""
    ways, found = list(TRADING), {}
    for place, (name, (rising, falling)) in enumerate(SIGNALS.items()):
        for way in (ways[place % 4], ways[(place + 1 + place // 4 % 3) % 4]):
            found[f"{name} {way}"] = (f"{_HEAD}\n    def rising(self):\n        return {rising}\n\n"
                                      f"    def falling(self):\n        return {falling}\n{TRADING[way]}")
    return found
