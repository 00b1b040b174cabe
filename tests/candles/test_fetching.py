"""Candles from an exchange: Jesse's own driver against a server with Binance's wire format and faults."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from jesse_nb.core.candles import CandleStore, Exchange, exchange_names, exchanges, fetching
from jesse_nb.core.candles.gaps import join_periods, missing_periods
from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.tools.candles.fetch_candles import fetch_candles, update_candles
from jesse_nb.exceptions import (
    CandlesNotFoundError,
    ExchangeError,
    InputError,
    InvalidCandlesError,
    JobCancelledError,
    PeriodError,
)
from tests.candles.binance_server import BinanceServer, Fault, running
from tests.candles.helpers import START, random_candles

MINUTE, DAY = 60_000, 86_400_000
CANDLES = random_candles(3_500)
END = START + 3_500 * MINUTE
BUSY = Fault(429, '{"code":-1003,"msg":"Too many requests."}', {"Retry-After": "0"})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[BinanceServer]:
    """Binance, but here: the one seam is the driver's address."""
    drivers = jesse_module("jesse.modes.import_candles_mode.drivers").drivers
    with running() as state:
        class LocalBinance(drivers["Binance Spot"]):
            def __init__(self) -> None:
                super().__init__()
                self.endpoint = state.url
                self.sleep_time = 0.0

        monkeypatch.setitem(drivers, "Binance Spot", LocalBinance)
        monkeypatch.setattr(exchanges, "_FIRST_WAIT", 0.002)
        monkeypatch.setattr(exchanges, "_LOOK", 0.005)
        state.candles["BTCUSDT"] = CANDLES
        yield state


def fetched(symbol: str = "BTC-USDT", start: Any = START, end: Any = END, **options: Any) -> Any:
    return fetch_candles("Binance Spot", symbol, start, end, **options)


def stored(symbol: str = "BTC-USDT") -> np.ndarray:
    return CandleStore().read("Binance Spot", symbol)


def test_a_period_is_stored_as_the_exchange_has_it(server: BinanceServer) -> None:
    answer = fetched("btc/usdt")
    assert np.array_equal(stored(), CANDLES)
    assert (answer.candles, answer.series.rows, answer.notes) == (3_500, 3_500, ())
    assert [page["startTime"] for page in server.pages()] == [START + part * 1_000 * MINUTE for part in range(4)]
    assert "3,500 candles fetched." in str(answer)


def test_what_is_stored_is_not_asked_for_again(server: BinanceServer) -> None:
    fetched(end=START + 1_200 * MINUTE)
    server.asked.clear()
    answer = fetched()
    assert answer.candles == 2_300
    assert server.pages()[0]["startTime"] == START + 1_200 * MINUTE
    server.asked.clear()
    assert fetched().notes == ("Nothing was missing.",)
    assert server.asked == []
    assert np.array_equal(stored(), CANDLES)


def test_gaps_of_the_exchange_are_asked_for_once(server: BinanceServer) -> None:
    sparse = server.candles["BTCUSDT"] = CANDLES[::5][np.arange(700) % 40 != 7]
    answer = fetched()
    assert np.array_equal(stored(), sparse)
    assert answer.series.asked == ((START, END),)
    server.asked.clear()
    fetched()
    assert len(server.pages()) <= 1  # the minutes after the last candle: one may have come by now


def test_a_gap_of_an_imported_series_is_filled(server: BinanceServer) -> None:
    holes = np.delete(CANDLES, np.r_[100:140, 300:310, 2_500:2_600], axis=0)
    CandleStore().write("Binance Spot", "BTC-USDT", holes)
    answer = fetched()
    assert answer.candles == 150
    assert np.array_equal(stored(), CANDLES)
    assert [page["startTime"] for page in server.pages()] == [START + 100 * MINUTE, START + 2_500 * MINUTE]


def test_fetching_backwards_and_stopping_leaves_no_hole(server: BinanceServer) -> None:
    fetched(start=START + 3_000 * MINUTE)
    server.faults = [None, None, Fault(451)]  # the listing, one page, and then no more
    with pytest.raises(ExchangeError):
        fetched()
    assert len(stored()) == 1_500
    fetched()
    assert np.array_equal(stored(), CANDLES)


@pytest.mark.parametrize(
    "faults",
    [
        [BUSY, BUSY],
        [Fault(418, "{}", {"Retry-After": "0"})],
        [Fault(500, "oops"), Fault(503, ""), Fault(502, "<html>")],
        [Fault(cut=25)],
        [Fault(headers={"Content-Length": "999999"}, wait=0.0)],
        [Fault(body="")],
        [Fault(body='{"msg": "no list"}'), Fault(body="<html></html>")],
        [Fault(body="[[1672531200000]]")],
    ],
    ids=["429", "418", "5xx", "truncated", "short", "empty-body", "no-list", "no-candle"],
)
def test_faults_that_pass(server: BinanceServer, faults: list[Fault | None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchanges, "_ANSWER_WITHIN", 0.3)
    server.faults = [None, None, *faults]
    answer = fetched()
    assert np.array_equal(stored(), CANDLES)
    assert answer.candles == 3_500


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (BUSY, "limits how often it is asked.*6 times in a row"),
        (Fault(429, "{}", {"Retry-After": "7200"}), "HTTP 429.*wait 2 hours.*stored"),
        (Fault(418, "{}", {"Retry-After": "Thu, 01 Jan 2099 00:00:00 GMT"}), "banned.*hours"),
        (Fault(451, '{"code":0,"msg":"a restricted location"}'), "refuses.*HTTP 451.*countries"),
        (Fault(403, "<html>CloudFront</html>"), "refuses.*HTTP 403"),
        (Fault(500, "oops"), "in trouble \\(HTTP 500\\), 6 times"),
        (Fault(cut=25), "cannot be read"),
        (Fault(body='[[1672591200000,"1","1","2","1","1"]]'), "cannot be read.*high|outside|enclose|within"),
        (Fault(400, '{"code":-1100,"msg":"Illegal characters"}'), "refuses BTC-USDT: HTTP 400.*Illegal"),
        (Fault(302, ""), "answers HTTP 302"),
    ],
    ids=["429", "429-long", "418-date", "451", "403", "500", "truncated", "impossible", "400", "302"],
)
def test_faults_that_stay(server: BinanceServer, fault: Fault, words: str) -> None:
    server.faults = [None, None, *[fault] * 6]
    with pytest.raises(ExchangeError, match=words) as caught:
        fetched()
    assert "\n" not in str(caught.value)
    assert np.array_equal(stored(), CANDLES[:1_000])  # the page before the fault
    server.faults = []
    fetched()
    assert np.array_equal(stored(), CANDLES)


def test_it_waits_as_long_as_it_is_asked_to(server: BinanceServer) -> None:
    server.faults = [None, Fault(429, "{}", {"Retry-After": "0.3"})]
    said: list[str] = []
    source = Exchange("binance spot", tell=said.append)
    began = time.monotonic()
    source.first_candle("BTC-USDT")
    source.page("BTC-USDT", START, START + DAY)
    assert 0.3 <= time.monotonic() - began < 2
    assert said[1:] == ["Binance Spot limits how often it is asked (HTTP 429); trying again in 0 s", ""]


def test_an_exchange_that_is_not_there(server: BinanceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.url = "http://127.0.0.1:9/api"
    with pytest.raises(ExchangeError, match=r"cannot be reached \(Connection refused\), 6 times") as caught:
        fetched()
    assert "\n" not in str(caught.value)
    assert CandleStore().list() == []


def test_an_exchange_that_hangs(server: BinanceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchanges, "_ANSWER_WITHIN", 0.05)
    monkeypatch.setattr(exchanges, "_ATTEMPTS", 2)
    server.forever = Fault(wait=0.5)
    with pytest.raises(ExchangeError, match="does not answer, 2 times"):
        fetched()


@pytest.mark.parametrize("phase", ["answer", "back-off"])
def test_a_stop_takes_less_than_a_second_and_keeps_what_came(server: BinanceServer, phase: str) -> None:
    fault = Fault(wait=5) if phase == "answer" else Fault(429, "{}", {"Retry-After": "60"})
    server.faults = [None, None, None, fault]
    job = fetched(background=True)
    deadline = time.monotonic() + 20
    while len(server.asked) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    job.cancel()
    assert job.wait(1.0)
    assert job.state == "cancelled"
    with pytest.raises(JobCancelledError):
        job.result()
    assert np.array_equal(stored(), CANDLES[:2_000])


def test_what_came_is_stored_while_it_runs(server: BinanceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_STORE_EVERY", 0.0)
    server.faults = [None, None, None, Fault(wait=1.0)]
    job = fetched(background=True)
    while len(server.asked) < 4:
        time.sleep(0.01)
    assert np.array_equal(stored(), CANDLES[:2_000])
    assert job.progress.phase == "fetching BTC-USDT, days"
    assert (job.progress.done, job.progress.total) == (1, 3)
    assert job.progress.eta is not None
    job.result(10)


def test_a_symbol_that_was_listed_later(server: BinanceServer) -> None:
    server.candles["SUIUSDT"] = late = CANDLES[2_345:]
    answer = fetched("SUI-USDT")
    assert np.array_equal(stored("SUI-USDT"), late)
    assert answer.notes == ("Binance Spot lists SUI-USDT from 2023-01-02 15:05 on; nothing is older.",)
    assert len(server.pages()) == 2
    with pytest.raises(CandlesNotFoundError, match=r"no candles of SUI-USDT.*lists SUI-USDT from 2023-01-02 15:05"):
        fetched("SUI-USDT", end=START + DAY, replace=True, store=CandleStore("elsewhere"))


def test_a_symbol_that_was_delisted(server: BinanceServer) -> None:
    server.candles["LUNAUSDT"] = CANDLES[:1_500]
    later = START + 900 * DAY
    answer = fetched("LUNA-USDT", end=later)
    assert np.array_equal(stored("LUNA-USDT"), CANDLES[:1_500])
    assert answer.notes == ("The last candle is of 2023-01-02 00:59: nothing was traded after it. "
                            "Was the symbol delisted?",)
    assert len(server.asked) < 10  # not a page for every 1,000 minutes of three years
    assert "The exchange has nothing more." in fetched("LUNA-USDT", end=later).notes


def test_a_symbol_that_was_halted_for_weeks(server: BinanceServer) -> None:
    again = random_candles(300, seed=3, start=START + 30 * DAY + 777 * MINUTE)
    server.candles["LUNAUSDT"] = np.concatenate([CANDLES[:1_500], again])
    fetched("LUNA-USDT", end=START + 31 * DAY)
    assert np.array_equal(stored("LUNA-USDT"), server.candles["LUNAUSDT"])
    assert len(server.asked) < 12


def test_an_outage_in_the_middle(server: BinanceServer) -> None:
    server.candles["BTCUSDT"] = np.delete(CANDLES, np.arange(700, 3_200), axis=0)
    fetched()
    assert np.array_equal(stored(), server.candles["BTCUSDT"])


def at(monkeypatch: pytest.MonkeyPatch, server: BinanceServer, moment: float, ahead: float = 0.0) -> None:
    """Set the exchange's clock, and ours some seconds ahead of it."""
    server.clock = lambda: moment / 1000
    monkeypatch.setattr(exchanges, "_clock", lambda: moment / 1000 + ahead)


@pytest.mark.parametrize("ahead", [0.0, 150.0])
def test_the_open_minute_is_left_out(server: BinanceServer, monkeypatch: pytest.MonkeyPatch, ahead: float) -> None:
    at(monkeypatch, server, START + 1_234.5 * MINUTE, ahead)  # half of the minute is over
    answer = fetched(end=None)
    assert np.array_equal(stored(), CANDLES[:1_234])
    assert answer.end == START + 1_234 * MINUTE
    at(monkeypatch, server, START + 1_237.9 * MINUTE, ahead)
    [update] = update_candles()
    assert np.array_equal(stored(), CANDLES[:1_237])
    assert update.candles == 3


def test_update_brings_all_series_up_to_now(server: BinanceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, server, END)
    server.candles["ETHUSDT"] = random_candles(3_500, seed=1)
    for symbol in ("BTC-USDT", "ETH-USDT"):
        fetched(symbol, end=START + 500 * MINUTE)
    fetched("BTC-USDT", start=START + 600 * MINUTE, end=START + 700 * MINUTE)
    CandleStore().write("My Files", "BTC-USDT", CANDLES[:10])
    CandleStore().write("Binance Spot", "GONE-USDT", CANDLES[:10])
    updates = update_candles()
    assert [(update.series.symbol, update.candles) for update in updates] == [
        ("BTC-USDT", 2_800), ("ETH-USDT", 3_000), ("GONE-USDT", 0)]
    assert "does not list GONE-USDT" in updates[2].notes[0]
    assert np.array_equal(stored("ETH-USDT"), server.candles["ETHUSDT"])
    assert len(stored("BTC-USDT")) == 3_400  # the gap between is no business of an update
    with pytest.raises(InputError, match="stored under 'My Files', for which Jesse has no driver"):
        update_candles(["BTC-USDT"], "My Files")
    with pytest.raises(CandlesNotFoundError, match="DOGE-USDT"):
        update_candles(["DOGE-USDT"])


def test_candles_that_contradict_stored_ones(server: BinanceServer) -> None:
    changed = CANDLES.copy()
    changed[1_500, 5] = 4.25
    CandleStore().write("Binance Spot", "BTC-USDT", changed[1_000:2_000])
    fetched()
    assert np.array_equal(stored(), changed)  # stored minutes are not asked for
    fetched(replace=True)
    assert np.array_equal(stored(), CANDLES)
    # another process stores other candles while this one fetches
    server.faults = [None, None, Fault(wait=0.3)]
    CandleStore().delete("Binance Spot", "BTC-USDT")
    job = fetched(background=True)
    while len(server.asked) < 1:
        time.sleep(0.01)
    CandleStore().write("Binance Spot", "BTC-USDT", changed[1_400:1_600])
    with pytest.raises(InvalidCandlesError, match=r"contradict.*2023-01-02 01:00.*--replace"):
        job.result(20)


def test_names_that_are_wrong(server: BinanceServer) -> None:
    with pytest.raises(InputError, match=r"no driver for the exchange 'Binanse Spot'. Did you mean 'Binance Spot'"):
        fetch_candles("Binanse Spot", "BTC-USDT", START)
    with pytest.raises(InputError, match=r"does not list BTX-USDT. Did you mean 'BTC-USDT'"):
        fetched("BTX-USDT")
    with pytest.raises(InputError, match="Massive Stocks needs a key"):
        fetch_candles("Massive Stocks", "AAPL-USD", START)
    with pytest.raises(InputError, match="not a symbol"):
        fetched("BTCUSDT")
    with pytest.raises(PeriodError, match="does not come after"):
        fetched(end=START)
    with pytest.raises(PeriodError, match="future"):
        fetched(start="2099-01-01", end=None)
    assert len(exchange_names()) >= 25
    assert CandleStore().list() == []


def test_every_driver_can_be_made_and_reports_its_statuses() -> None:
    for name in exchange_names():
        source = Exchange(name.upper())
        assert source.name == name
        assert source.page_minutes > 0
        assert 0 < source.delay <= 2


def test_two_fetches_of_one_series_lose_nothing(server: BinanceServer) -> None:
    jobs = [fetched(start=START + part * 700 * MINUTE, end=START + (part * 700 + 1_400) * MINUTE, background=True)
            for part in range(4)]
    for job in jobs:
        job.result(30)
    assert np.array_equal(stored(), CANDLES)


def test_missing_periods_against_a_set_of_minutes(isolated_home: Any) -> None:
    rng = np.random.default_rng(7)
    for _ in range(60):
        present = np.unique(rng.integers(0, 60, rng.integers(1, 40)))
        asked = join_periods((START + int(low) * MINUTE, START + int(low + span) * MINUTE)
                             for low, span in rng.integers(0, 30, (rng.integers(0, 4), 2)))
        store = CandleStore(isolated_home / "one")
        info = store.write("X", "A-B", random_candles(60)[present], asked=asked[0] if asked else (START, START))
        first, last = sorted(rng.integers(-5, 70, 2).tolist())
        expected = {minute for minute in range(first, last) if minute not in set(present.tolist())}
        known = [range((low - START) // MINUTE, (high - START) // MINUTE) for low, high in info.asked]
        expected -= {minute for span in known for minute in span if present[0] < minute < present[-1]}
        found = missing_periods(info, START + first * MINUTE, START + last * MINUTE)
        minutes = [minute for low, high in found for minute in range((low - START) // MINUTE, (high - START) // MINUTE)]
        assert sorted(minutes) == sorted(expected)
        store.delete("X", "A-B")
