"""Each habit of another Jesse, and each common mistake, ends in one line that says what to write."""

from __future__ import annotations

import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.tools.backtest.backtest import backtest
from jesse_nb.core.tools.optimize.optimize import optimize
from jesse_nb.exceptions import JesseNbError
from tests.conftest import EXCHANGE

_STRATEGY = """
import jesse.indicators as ta
from jesse import utils
from jesse.strategies import Strategy
{top}

class Habit(Strategy):
    def should_long(self):
        return self.index == 3

    def go_long(self):
        self.buy = {size}, self.price

    def update_position(self):
        if self.index % 7 == 0:
            self.liquidate()
{methods}
"""


def run(store: CandleStore, *, top: str = "", size: str = "0.1", methods: str = "", market: str = "futures") -> str:
    indented = "\n".join(f"    {line}" for line in methods.splitlines())
    text = _STRATEGY.format(top=top, size=size, methods=indented)
    with pytest.raises(JesseNbError) as caught:
        backtest(text, "BTC-USDT", "1h", "2023-02-01", "2023-02-03", exchange=EXCHANGE, candles=store, market=market)
    return f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(("options", "words"), [
    ({"size": "self.capital / self.price"}, "Write self.balance."),
    ({"methods": "def should_cancel(self):\n    return True"}, "Call it should_cancel_entry(self)."),
    ({"methods": "def on_close_position(self, order):\n    pass"},
     "Write def on_close_position(self, order, closed_trade)."),
    ({"methods": "@property\ndef hyperparameters(self):\n    return []"},
     "Leave out @property: def hyperparameters(self)."),
    ({"size": "len(self.get_all_trading_routes())"}, "Write self.routes."),
    ({"top": "from jesse.indicators import supertrendd"}, "supertrend"),
    ({"size": "ta.rsii(self.candles)"}, "rsi"),
    ({"top": "import talib"}, "%pip install TA-Lib"),
    ({"top": "import pandas_ta"}, "%pip install pandas-ta"),
    ({"top": "import no_such_package"}, "%pip install no_such_package"),
    ({"size": "utils.size_to_qty(1, 50_000)"}, "precision=8"),
    ({"size": "float('nan')"}, "A quantity or a price is NaN or None"),
    ({"size": "None"}, "A quantity or a price is NaN or None"),
    ({"methods": "hyperparameters = [dict(name='x', type=int, min=1, max=5, default=2)]"},
     "write def hyperparameters(self): return [...]"),
    ({"methods": "def hyperparameters(self):\n    return [dict(name='x', type=int, min=1, max=5)]"},
     "one lacks 'default'"),
    ({"methods": "def __init__(self):\n    self.mine = 1"}, "super().__init__()"),
    ({"size": "self.get_all_data_routes()"}, "self.get_candles("),
], ids=lambda value: str(value)[:40])
def test_it_says_what_to_write(options: dict[str, str], words: str, candle_store: CandleStore) -> None:
    assert words in run(candle_store, **options)


@pytest.mark.parametrize("market", ["futures", "spot"])
def test_what_would_have_fitted_does_fit(market: str, candle_store: CandleStore) -> None:
    """The size that it names is taken; a thousandth more is not."""
    told = run(candle_store, size="5.0", market=market)
    most = float(told.partition("At most ")[2].partition(" ")[0])
    arguments = {"exchange": EXCHANGE, "candles": candle_store, "market": market}
    fits = _STRATEGY.format(top="", size=repr(most), methods="")
    result = backtest(fits, "BTC-USDT", "1h", "2023-02-01", "2023-02-03", **arguments)
    assert len(result.trades) == 1
    assert "At most" in run(candle_store, size=repr(most * 1.01), market=market)


def test_what_fits_beside_an_open_position_does_fit(candle_store: CandleStore) -> None:
    """When Jesse has refused, it has forgotten the position, and with it what its margin takes."""
    methods = "def update_position(self):\n    if self.index == 5:\n        self.buy = {size}, self.price"
    first = "0.6 * self.balance / self.price"
    told = run(candle_store, size=first, methods=methods.format(size="5.0"))
    most = float(told.partition("At most ")[2].partition(" ")[0])
    text = _STRATEGY.format(top="", size=first, methods="\n".join(
        f"    {line}" for line in methods.format(size=repr(most)).splitlines()))
    result = backtest(text, "BTC-USDT", "1h", "2023-02-01", "2023-02-03", exchange=EXCHANGE, candles=candle_store,
                      market="futures")
    assert result.trades["qty"].max() > 1.5 * most or len(result.trades) == 1
    assert "At most" in run(candle_store, size=first, methods=methods.format(size=repr(most * 1.02)))


def test_other_keys_of_a_hyperparameter_are_overlooked_as_jesse_does(candle_store: CandleStore) -> None:
    methods = ('    def hyperparameters(self):\n        return [{"name": "every", "title": "Every", "type": int, '
               '"min": 3, "max": 5, "default": 4, "unit": "candles"}]')
    text = _STRATEGY.format(top="", size="0.1", methods=methods)
    study = optimize(text, "BTC-USDT", "1h", "2023-02-01", "2023-02-10", exchange=EXCHANGE, candles=candle_store,
                     n_trials=2, test_ratio=0, neighbours=0)
    assert study.space.names == ("every",)


def test_a_method_may_take_more_than_jesse_gives(candle_store: CandleStore) -> None:
    methods = ("    def on_close_position(self, *anything):\n        pass\n\n"
               "    def should_short(self, extra=None):\n        return False")
    text = _STRATEGY.format(top="", size="0.1", methods=methods)
    result = backtest(text, "BTC-USDT", "1h", "2023-02-01", "2023-02-03", exchange=EXCHANGE, candles=candle_store)
    assert len(result.trades) == 1
