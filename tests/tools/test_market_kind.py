"""A tool trades from the kind of account that the exchange has, unless another was asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import jesse_nb as jn
import jesse_nb.report
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.candles.exchange_market import usual_market
from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.exceptions import AllTrialsFailedError, InputError, StrategyCrashError
from tests.conftest import real_candles

SHORTS = """
from jesse import utils
from jesse.strategies import Strategy
class Shorts(Strategy):
    def should_long(self):
        return False
    def should_short(self):
        return self.index % 10 == 0
    def go_long(self):
        pass
    def go_short(self):
        self.sell = utils.size_to_qty(self.balance * 0.5, self.price), self.price
    def update_position(self):
        self.liquidate()
"""
RUN = {"timeframe": "1h", "start": "2023-01-20", "end": "2023-01-26"}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> CandleStore:
    store = CandleStore(tmp_path_factory.mktemp("both"))
    candles = np.asarray(real_candles("BTC-USDT"))[: 26 * 1_440]
    store.write("Binance Spot", "BTC-USDT", candles)
    store.write("Bybit USDT Perpetual", "BTC-USDT", candles)
    store.write("Bybit USDT Perpetual", "ETH-USDT", candles)
    return store


def test_jesse_says_what_an_exchange_trades() -> None:
    for name, known in jesse_module("jesse.info").exchange_info.items():
        assert usual_market(name) == known["type"]
    assert [usual_market(name) for name in ("Demo (synthetic)", "my_spot-files", "Spotify", "")] == [
        "futures", "spot", "futures", "futures"]


def test_the_exchange_decides_and_market_wins(both: CandleStore) -> None:
    def account(exchange: str, **given: Any) -> Any:
        result = jn.backtest(SHORTS, "BTC-USDT", exchange=exchange, candles=both, **RUN, **given)
        return result.spec.account.market, result._repr_mimebundle_()["text/html"]

    assert account("Bybit USDT Perpetual")[0] == "futures"
    market, said = account("Binance Spot", market="futures")
    assert market == "futures"
    assert said.count("fee 0.1%, not as Binance Spot trades") == 2  # above the report, and in its card
    with pytest.raises(StrategyCrashError, match=r'is "spot"\. A spot account cannot go short; market=\'futures\''):
        account("Binance Spot")


def test_a_batch_has_accounts_of_one_kind(both: CandleStore) -> None:
    def batch(symbols: list[str], **given: Any) -> Any:
        return jn.backtest_batch(SHORTS, symbols, "1h", start=RUN["start"], end=RUN["end"], candles=both, **given)

    assert batch(["ETH-USDT", "BTC-USDT"], exchange="Bybit USDT Perpetual").account.market == "futures"
    with pytest.raises(AllTrialsFailedError, match="spot"):
        batch(["BTC-USDT"], exchange="Binance Spot")
    both_kinds = CandleStore(both.root.parent / "mixed")
    both_kinds.write("Binance Spot", "BTC-USDT", both.read("Binance Spot", "BTC-USDT"))
    both_kinds.write("Bybit USDT Perpetual", "ETH-USDT", both.read("Bybit USDT Perpetual", "ETH-USDT"))
    with pytest.raises(InputError, match="market is not given, and Binance Spot, Bybit USDT Perpetual are not all of"):
        jn.backtest_batch(SHORTS, ["BTC-USDT", "ETH-USDT"], start=RUN["start"], end=RUN["end"], timeframes="1h",
                          candles=both_kinds)
