"""Every driver of Jesse's that needs no key, against its exchange's documented wire format."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from jesse_nb.core.candles import CandleStore, Exchange, exchange_names, exchanges
from jesse_nb.core.tools.candles.fetch_candles import fetch_candles
from jesse_nb.exceptions import InputError
from tests.candles.exchange_servers import served
from tests.candles.helpers import START, random_candles

MINUTE, DAY = 60_000, 86_400_000
#: A little more than two of the longest pages, with a gap in the midst of each of the shortest.
CANDLES = np.delete(random_candles(700, seed=11), [150, 151, 152, 333], axis=0)
END = START + 700 * MINUTE
#: Of these exchanges Jesse asks for what they still have of the last 200 days.
RECENT = ("Lighter Perpetual", "Lighter Perpetual Testnet")
IN_DOLLARS = ("Bitfinex", "Hyperliquid", "Lighter", "Kraken")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchanges, "_FIRST_WAIT", 0.002)
    monkeypatch.setattr(exchanges, "_LOOK", 0.005)
    monkeypatch.setattr(Exchange, "delay", 0.0)


@pytest.fixture
def asked() -> Iterator[list[str]]:
    with served(CANDLES) as requests:
        yield requests


def symbol_of(exchange: str) -> str:
    return "BTC-USD" if exchange.startswith(IN_DOLLARS) else "BTC-USDT"


@pytest.mark.parametrize("exchange", [name for name in exchange_names() if not name.startswith("Massive")])
def test_a_period_is_stored_as_the_exchange_has_it(exchange: str) -> None:
    candles = CANDLES.copy()
    if exchange in RECENT:
        candles[:, 0] += int(time.time() * 1000) // DAY * DAY - 9 * DAY - START
    first = int(candles[0, 0])
    with served(candles) as asked:
        answer: Any = fetch_candles(exchange, symbol_of(exchange), first, first + 700 * MINUTE)
    found = CandleStore().read(exchange, symbol_of(exchange))
    np.testing.assert_array_equal(found, candles)
    assert len(asked) >= 2
    assert answer.series.missing == 4
    contracts = any("contracts" in note or "quote currency" in note for note in answer.notes)
    assert contracts == (exchange in ("Gate Spot", "Gate USDT Perpetual", "KuCoin USDT Perpetual"))


@pytest.mark.parametrize(("exchange", "symbol", "meant"), [
    ("Hyperliquid Perpetual", "BTC-USDT", "BTC-USD"), ("Lighter Perpetual", "BTC-USDT", "BTC-USD"),
    ("Bitfinex Spot", "BTX-USD", "BTC-USD"), ("Kraken Pro Futures", "BTC-USDT", "BTC-USD"),
])
def test_a_symbol_that_is_not_there(exchange: str, symbol: str, meant: str, asked: list[str]) -> None:
    with pytest.raises(InputError, match=f"does not list {symbol}. Did you mean '{meant}'"):
        fetch_candles(exchange, symbol, START, END)


@pytest.mark.parametrize("exchange", ["Kraken Pro Futures", "Hyperliquid Perpetual", "Bybit Spot", "KuCoin Spot"])
def test_nothing_is_asked_for_before_the_listing(exchange: str, asked: list[str]) -> None:
    answer: Any = fetch_candles(exchange, symbol_of(exchange), START - 900 * DAY, END)
    np.testing.assert_array_equal(CandleStore().read(exchange, symbol_of(exchange)), CANDLES)
    assert len(asked) < 30
    assert any("nothing is older" in note for note in answer.notes)


@pytest.mark.parametrize("exchange", ["Gate Spot", "Gate USDT Perpetual"])
def test_pages_before_the_listing(exchange: str, asked: list[str]) -> None:
    answer: Any = fetch_candles(exchange, "BTC-USDT", START - 900 * DAY, END)
    np.testing.assert_array_equal(CandleStore().read(exchange, "BTC-USDT"), CANDLES)
    assert len(asked) < 30  # not a page for every 200 minutes of three years
    assert any("before it the exchange has none" in note for note in answer.notes)
