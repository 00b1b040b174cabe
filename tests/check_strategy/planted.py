"""Strategies with a fault each, as source text: what a check must find, and the line that it must name."""

from __future__ import annotations

import textwrap

_HEAD = '''
import numpy as np
import jesse.indicators as ta
from jesse import utils
from jesse.strategies import Strategy
'''

_BODY = '''
    def go_long(self):
        self.buy = utils.size_to_qty(self.balance * 0.5, self.price, fee_rate=self.fee_rate), self.price

    def go_short(self):
        self.sell = utils.size_to_qty(self.balance * 0.5, self.price, fee_rate=self.fee_rate), self.price

    def should_cancel_entry(self):
        return True
'''

#: Finds the whole series in the frames of whoever runs it: one candle ahead.
FRAMES = _HEAD + '''
import sys


class Peeker(Strategy):
    def whole(self):
        frame = sys._getframe()
        while frame is not None:
            loop = frame.f_locals.get("self")
            if type(loop).__name__ == "Loop":
                return loop._candles[f"{self.exchange}-{self.symbol}"]["candles"]
            if "candles" in frame.f_locals and isinstance(frame.f_locals["candles"], dict):
                return frame.f_locals["candles"][f"{self.exchange}-{self.symbol}"]["candles"]
            frame = frame.f_back

    def change(self):
        candles = self.whole()
        now = int(np.searchsorted(candles[:, 0], self.time))
        later = candles[min(now + 60, len(candles) - 1), 2]
        return later / self.price - 1

    def should_long(self):
        return self.change() > 0.002

    def should_short(self):
        return self.exchange_type == "futures" and self.change() < -0.002

    def update_position(self):
        if self.index % 3 == 0:
            self.liquidate()
''' + _BODY

#: A centred average over the whole series, made once.
CENTRED = FRAMES.replace("class Peeker", "class Centred").replace(
    "        later = candles[min(now + 60, len(candles) - 1), 2]\n        return later / self.price - 1\n",
    "        window = candles[max(now - 300, 0):now + 300, 2]\n        centre = window.mean()\n"
    "        return centre / self.price - 1\n")

#: Looks up what it computed beforehand over the whole series, from a file beside it.
FILE = _HEAD + '''

class FromFile(Strategy):
    def __init__(self):
        super().__init__()
        self.signals = np.load(PATH)

    def signal(self):
        return self.signals[int((self.time - START) // 3_600_000)]

    def should_long(self):
        return self.signal() > 0

    def should_short(self):
        return self.exchange_type == "futures" and self.signal() < 0

    def update_position(self):
        if self.signal() == 0:
            self.liquidate()
''' + _BODY

#: Fills a global from the stored candles, those of later among them.
STORED = _HEAD + '''
import jesse_nb

FUTURE = []


class FromStore(Strategy):
    def __init__(self):
        super().__init__()
        if not FUTURE:
            minutes = jesse_nb.CandleStore(ROOT).read("Binance Perpetual Futures", "BTC-USDT")
            FUTURE.append(minutes[59::60, 2])
            FUTURE.extend([0.0] * 200)

    def ahead(self):
        hour = int((self.time - FIRST) // 3_600_000)
        return FUTURE[0][min(hour + 2, len(FUTURE[0]) - 1)] / FUTURE[0][hour] - 1

    def should_long(self):
        return self.ahead() > 0.003

    def should_short(self):
        return self.exchange_type == "futures" and self.ahead() < -0.003

    def update_position(self):
        if self.index % 4 == 0:
            self.liquidate()
''' + _BODY

#: A zero-phase filter changes what it said before; the strategy looks back at a turn of it.
REPAINTING = _HEAD + '''
from scipy.signal import savgol_filter


class Repainter(Strategy):
    def smooth(self):
        return savgol_filter(self.candles[:, 2], 31, 2)

    def should_long(self):
        line = self.smooth()
        return line[-8] < line[-4] < line[-1] and line[-12] > line[-8]

    def should_short(self):
        line = self.smooth()
        return self.exchange_type == "futures" and line[-8] > line[-4] > line[-1] and line[-12] < line[-8]

    def update_position(self):
        if self.index % 12 == 0:
            self.liquidate()
''' + _BODY

_LOOKING_BACK = _HEAD + '''
import pandas as pd
import scipy.signal


class LookingBack(Strategy):
    def turned(self, way):
        line = LINE
        return way * (line[-3] - line[-6]) > 0 and way * (line[-9] - line[-6]) > 0

    def should_long(self):
        return self.turned(1)

    def should_short(self):
        return self.exchange_type == "futures" and self.turned(-1)

    def update_position(self):
        if self.index % 12 == 0:
            self.liquidate()
''' + _BODY


def _lean(text: str) -> str:
    """Import SciPy only where it is used: every run does so anew, which takes longer than to simulate a week."""
    return text if text.count("scipy.signal") > 1 else text.replace("import scipy.signal\n", "")


#: By name: lines that look to both sides of a candle, and are looked back at where they still change.
LOOKING_BACK = {name: _lean(_LOOKING_BACK.replace("LINE", line)) for name, line in {
    "rolling": "pd.Series(self.candles[:, 2]).rolling(21, center=True, min_periods=1).mean().to_numpy()",
    "convolve": "np.convolve(self.candles[:, 2], np.ones(21), mode='same') / "
                "np.convolve(np.ones(len(self.candles)), np.ones(21), mode='same')",
    "shorter": "scipy.signal.savgol_filter(self.candles[-100:, 2], 31, 2)",
    "spectrum": "np.fft.irfft(np.fft.rfft(self.candles[-240:, 2])[:12], 240)",
}.items()}

#: A centred average by hand: at the newest candles, of what is there.
CENTRED_BY_HAND = '''
def centred(x):
    total = np.concatenate([[0.0], np.cumsum(x)])
    first, last = np.maximum(np.arange(len(x)) - 10, 0), np.minimum(np.arange(len(x)) + 11, len(x))
    return (total[last] - total[first]) / (last - first)
'''


def _by_hand(before: str, inside: str, line: str) -> str:
    text = _LOOKING_BACK.replace("class LookingBack(Strategy):", f"{before}\n\nclass LookingBack(Strategy):\n{inside}")
    return _lean(text.replace("LINE", line))


_METHOD = textwrap.indent(CENTRED_BY_HAND.replace("(x)", "(self, x)", 1), "    ")
#: By where it stands: its text, and the line that uses it; ``HAND`` is a module beside the strategy.
BY_HAND = {
    "method": (_by_hand("", _METHOD, "self.centred(self.candles[:, 2])"), "line = self.centred("),
    "module": (_by_hand("import HAND", "", "HAND.centred(self.candles[:, 2])"), "line = HAND.centred("),
    "name of a module": (_by_hand("from HAND import centred as average", "", "average(self.candles[:, 2])"),
                         "line = average("),
    "class body": (_by_hand(CENTRED_BY_HAND, "    average = staticmethod(lambda x: np.array(centred(x)))\n",
                            "self.average(self.candles[:, 2])"), "average = staticmethod("),
    "instance": (_by_hand(CENTRED_BY_HAND, "    def __init__(self):\n        super().__init__()\n"
                          "        self.average = lambda x: np.array(centred(x))\n",
                          "self.average(self.candles[:, 2])"), "self.average = lambda"),
    "object": (_by_hand(f"class Filter:\n{_METHOD}", "    def __init__(self):\n        super().__init__()\n"
                        "        self.filter = Filter()\n", "self.filter.centred(self.candles[:, 2])"),
               "line = self.filter.centred("),
}

_INLINE = _LOOKING_BACK.replace(_LOOKING_BACK[_LOOKING_BACK.index("    def turned"):
                                              _LOOKING_BACK.index("    def update_position")], '''
    def should_long(self):
        prices = self.candles[:, 2]
LINES

    def should_short(self):
        return False

''')
_TURNED = "line[-3] > line[-6] and line[-9] > line[-6]"


def _inline(*lines: str) -> str:
    return _lean(_INLINE.replace("LINES", textwrap.indent("\n".join(lines), " " * 8)))


_TO_BOTH_SIDES = (
    "total = np.concatenate([[0.0], np.cumsum(prices)])", "places = np.arange(len(prices))",
    "first, last = np.maximum(places - 10, 0), np.minimum(places + 11, len(prices))")
#: By how it is written: a line computed where it is looked at, and how the line of code begins.
INLINE = {
    "a name": (_inline(*_TO_BOTH_SIDES, "line = (total[last] - total[first]) / (last - first)", f"return {_TURNED}"),
               "line = (total"),
    "no name": (_inline(*_TO_BOTH_SIDES, "a, b, c = ((total[last] - total[first]) / (last - first))[[-9, -6, -3]]",
                        "return a > b < c"), "a, b, c"),
    "an indicator": (_inline("line = scipy.signal.savgol_filter(prices, 31, 2)", f"return {_TURNED}"), "line = scipy"),
    "an annotated name": (_inline(*_TO_BOTH_SIDES, "line: np.ndarray = (total[last] - total[first]) / (last - first)",
                                  f"return {_TURNED}"), "line: np"),
    "a name within": (_inline(*_TO_BOTH_SIDES, "return (line := (total[last] - total[first]) / (last - first))[-3] > "
                              "line[-6] < line[-9]"), "return (line"),
    "one of two": (_inline(*_TO_BOTH_SIDES, "line = prices if len(prices) < 40 else "
                           "(total[last] - total[first]) / (last - first)", f"return {_TURNED}"), "line = prices"),
    "a list": (_inline("line = [prices[max(place - 10, 0):place + 11].mean() for place in range(len(prices))]",
                       f"return {_TURNED}"), "line = [prices"),
    "an indicator without a name": (_inline("return scipy.signal.savgol_filter(prices, 31, 2)[-6] > prices[-6]"),
                                    "return scipy"),
}
#: The same way of writing lines that know only the past: each candle's stays, or all change as they are seen from now.
INLINE_CLEAN = {
    "average": _inline("total = np.cumsum(prices)", "line = (total[10:] - total[:-10]) / 10", f"return {_TURNED}"),
    "from now": _inline("line = prices / prices[-1]", "return line[-6] < 0.995 and line[-3] < line[-6]"),
    "from now, without a name": _inline("return (prices - prices[-1])[-6] > 0"),
    "standardized": _inline("line = (prices - prices.mean()) / prices.std()", f"return {_TURNED}"),
}

#: An average of four hundred candles, given two hundred and forty.
SHORT_WARM_UP = _HEAD + '''

class Unsettled(Strategy):
    def average(self):
        return self.candles[:, 2].mean()

    def should_long(self):
        return self.price > self.average()

    def should_short(self):
        return self.exchange_type == "futures" and self.price < self.average()

    def update_position(self):
        if self.is_long != (self.price > self.average()):
            self.liquidate()
''' + _BODY

#: Buys by chance.
CHANCE = _HEAD + '''
import random


class Chancer(Strategy):
    def should_long(self):
        return random.random() < 0.05

    def update_position(self):
        if random.random() < 0.2:
            self.liquidate()
''' + _BODY

#: Goes through a set of names in whatever order it has.
SET_ORDER = _HEAD + '''

class Unordered(Strategy):
    def favourite(self):
        return next(iter({f"name {number}" for number in range(7)}))

    def should_long(self):
        return self.index % 7 == int(self.favourite()[-1])

    def update_position(self):
        if self.index % 5 == 0:
            self.liquidate()
''' + _BODY

#: Takes the first of two names: every second interpreter takes the same.
SET_OF_TWO = SET_ORDER.replace("next(iter({f\"name {number}\" for number in range(7)}))", "FIRST").replace(
    "self.index % 7 == int(self.favourite()[-1])", "self.index % 7 == (2 if self.favourite()[0] == 's' else 5)")

#: Counts on its class.
CLASS_STATE = _HEAD + '''

class Counting(Strategy):
    seen = 0

    def should_long(self):
        Counting.seen += 1
        return Counting.seen % 11 == 3

    def update_position(self):
        if self.index % 5 == 0:
            self.liquidate()
''' + _BODY

#: Counts in its module.
_COUNTING = "class Counting(Strategy):\n    seen = 0"
MODULE_STATE = CLASS_STATE.replace(_COUNTING, "SEEN = []\n\n\nclass Counting(Strategy):")
MODULE_STATE = MODULE_STATE.replace("Counting.seen += 1", "SEEN.append(1)").replace("Counting.seen", "len(SEEN)")

#: Counts in the default of a parameter, which is made once.
DEFAULT_STATE = CLASS_STATE.replace("    seen = 0\n", "    def count(self, seen=[]):\n        seen.append(1)\n"
                                    "        return len(seen)\n")
DEFAULT_STATE = DEFAULT_STATE.replace("        Counting.seen += 1\n", "").replace("Counting.seen", "self.count()")

#: How much it buys is drawn.
CHANCE_OF_SIZE = CHANCE.replace("random.random() < 0.05", "self.index % 9 == 0").replace(
    "random.random() < 0.2", "self.index % 9 == 5").replace(
    "self.balance * 0.5", "self.balance * random.uniform(0.3, 0.4)")

#: Draws from NumPy without a seed.
NUMPY_CHANCE = CHANCE.replace("import random\n", "").replace("random.random()", "np.random.rand()")

#: Opens by what data of its own say of the hours to come; candles play a part, too: in a filter, or in the exits.
_AHEAD = _HEAD + '''
IMPORTS


class Foretelling(Strategy):
    def ahead(self):
        EXPRESSION

    def should_long(self):
        return self.ahead() > 0.003 and FILTER

    def should_short(self):
        return self.exchange_type == "futures" and self.ahead() < -0.003

    def on_open_position(self, order):
        away = 1.5 * ta.atr(self.candles) * (1 if self.is_long else -1)
        self.stop_loss = self.position.qty, self.position.entry_price - away
        self.take_profit = self.position.qty, self.position.entry_price + 2 * away
''' + _BODY


def _foretelling(imports: str, *lines: str, where: str = "True") -> str:
    return _AHEAD.replace("IMPORTS", imports).replace("FILTER", where).replace("EXPRESSION", "\n        ".join(lines))


#: By name: from an array in a file, queried, read by C code that nobody sees, and written out in the module.
FORETELLING = {
    "array and filter": _foretelling(
        "CHANGES = np.load(FOLDER + '/changes.npy')", "return CHANGES[int((self.time - START) // 3_600_000)]",
        where="self.price > ta.ema(self.candles, 20)"),
    "query": _foretelling(
        "import sqlite3", "rows = sqlite3.connect(FOLDER + '/changes.sqlite')",
        "return rows.execute('select change from changes where time = ?', (int(self.time),)).fetchone()[0]"),
    "unseen": _foretelling(
        "from pyarrow.parquet import read_table",
        "self.vars['table'] = table = self.vars.get('table') or read_table(FOLDER + '/changes.parquet')",
        "return table['change'][int((self.time - START) // 3_600_000)].as_py()"),
    "moments": _foretelling("CHANGES = MOMENTS", "return CHANGES.get(int(self.time), 0.0)"),
}

#: Its entries go by candles; when it gets out, a file tells it.
FORETOLD_EXITS = _foretelling(
    "CHANGES = np.load(FOLDER + '/changes.npy')", "return 0.01 if ta.rsi(self.candles) < 50 else -0.01").replace(
    "    def on_open_position(self, order):", """\
    def update_position(self):
        change = CHANGES[int((self.time - START) // 3_600_000)]
        if (self.is_long and change < 0) or (self.is_short and change > 0):
            self.liquidate()

    def on_open(self, order):""")

#: Asks a program for a few moments: too few to show that it foretells anything.
PROGRAM = _foretelling(
    "import subprocess", "said = subprocess.run(['echo', '37', '101', '160'], capture_output=True, text=True).stdout",
    "return 0.01 if str(self.index) in said.split() else 0.0")
