"""Funding rates: what files say is what is stored, and what is missing is said by its days."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.core.candles.funding.rates import FUNDING_MS, FundingRates, checked_rates
from jesse_nb.core.times import MINUTE_MS, to_ms
from jesse_nb.exceptions import CandlesNotFoundError, InputError, InvalidCandlesError, StorageError

START = to_ms("2024-01-01")
MARKET = ("BTC-USDT", "Binance Perpetual Futures")

#: Three rates, as each exchange gives them.
RATES = (0.00037409, -0.0001, 0.00012345)
TIMES = tuple(START + number * FUNDING_MS for number in range(3))


@pytest.fixture
def store(tmp_path) -> jn.CandleStore:
    return jn.CandleStore(tmp_path / "candles")


def _binance_archive() -> bytes:
    rows = "".join(f"{time + 7},8,{rate:.8f}\n" for time, rate in zip(TIMES, RATES, strict=True))
    return f"calc_time,funding_interval_hours,last_funding_rate\n{rows}".encode()


def _binance_answer() -> bytes:
    return json.dumps([{"symbol": "BTCUSDT", "fundingTime": time + 3, "fundingRate": f"{rate:.8f}", "markPrice": "42"}
                       for time, rate in zip(TIMES, RATES, strict=True)]).encode()


def _bybit_answer() -> bytes:
    rows = [{"symbol": "BTCUSDT", "fundingRate": f"{rate}", "fundingRateTimestamp": str(time)}
            for time, rate in zip(TIMES, RATES, strict=True)]
    return json.dumps({"retCode": 0, "result": {"category": "linear", "list": rows[::-1]}, "time": 1}).encode()


def _okx_answer() -> bytes:
    rows = [{"instType": "SWAP", "instId": "BTC-USDT-SWAP", "fundingRate": "0.0009", "realizedRate": f"{rate}",
             "fundingTime": str(time)} for time, rate in zip(TIMES, RATES, strict=True)]
    return json.dumps({"code": "0", "msg": "", "data": rows[::-1]}).encode()


def _percent() -> bytes:
    rows = "".join(f"{pd.Timestamp(time, unit='ms')},8h,{rate * 100:.6f}%\n"
                   for time, rate in zip(TIMES, RATES, strict=True))
    return f"Time,Funding Interval,Funding Rate\n{rows}".encode()


@pytest.mark.parametrize("content", [_binance_archive(), gzip.compress(_binance_archive()), _binance_answer(),
                                     _bybit_answer(), _okx_answer(), _percent()],
                         ids=["archive", "zipped", "Binance", "Bybit", "OKX", "percent"])
def test_what_exchanges_give(content, store, tmp_path):
    (tmp_path / "file").write_bytes(content)
    found = jn.import_funding(tmp_path / "file", *MARKET, store=store)
    assert found.rates.times.tolist() == list(TIMES)
    assert np.allclose(found.rates.rates, RATES, rtol=1e-12, atol=0)
    assert found.sources == ("file",)
    again = store.funding(MARKET[1], MARKET[0])
    assert again.fingerprint == found.fingerprint == FundingRates.unpack(found.rates.pack()).fingerprint


def test_tables_of_time_and_rate(store, tmp_path):
    frame = pd.DataFrame({"time": pd.to_datetime(TIMES, unit="ms", utc=True), "rate": RATES})
    frame.to_parquet(tmp_path / "rates.parquet")
    frame.to_csv(tmp_path / "rates.csv", index=False)
    every = {jn.import_funding(source, *MARKET, store=store).fingerprint for source in
             (frame, frame.set_index("time"), tmp_path / "rates.parquet", [tmp_path / "rates.csv"])}
    assert len(every) == 1


def test_rates_are_kept_with_the_market(store):
    rates = checked_rates(TIMES, RATES)
    store.write_funding(*MARKET[::-1], rates, source="first")
    later = checked_rates([TIMES[2], TIMES[2] + FUNDING_MS], [RATES[2], 0.0002])
    both = store.write_funding(*MARKET[::-1], later, source="second")
    assert len(both.rates) == 4
    assert both.sources == ("first", "second")
    other = checked_rates([TIMES[0]], [0.0005])
    with pytest.raises(InvalidCandlesError, match=r"two funding rates of 2024-01-01: 0.00037409 and 0.0005"):
        store.write_funding(*MARKET[::-1], other)
    assert store.write_funding(*MARKET[::-1], other, replace=True).rates.rates[0] == 0.0005
    assert store.list() == []  # no candles
    minutes = START + np.arange(10.0) * MINUTE_MS
    store.write(*MARKET[::-1], np.column_stack([minutes, *[np.full(10, 100.0)] * 4, np.ones(10)]))
    store.delete(*MARKET[::-1])
    assert store.funding(*MARKET[::-1]) is None


def test_a_damaged_file_is_refused(store):
    store.write_funding(*MARKET[::-1], checked_rates(TIMES, RATES))
    path, = store.root.rglob("*.funding.parquet")
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)
    with pytest.raises(StorageError, match="may be damaged"):
        store.funding(*MARKET[::-1])


@pytest.mark.parametrize(("hours", "left_out", "said"), [
    (8, [4], "2024-01-02"), (8, [4, 5, 6, 20], "2024-01-02 to 2024-01-03, 2024-01-07"), (4, [7], "2024-01-02"),
    (1, [30, 31], "2024-01-02"),
])
def test_missing_rates_are_said_by_their_days(hours, left_out, said):
    step = hours * 60 * MINUTE_MS
    times = np.array([START + number * step for number in range(40) if number not in left_out])
    series = jn.FundingSeries("E", "BTC-USDT", checked_rates(times, np.full(len(times), 1e-4)))
    lacking = series.rates.missing(START, int(times[-1]))
    assert lacking.tolist() == [START + number * step for number in left_out]
    with pytest.raises(CandlesNotFoundError, match=f"BTC-USDT on E has no funding rate of {said}\\."):
        series.within(START, int(times[-1]))


def test_the_whole_period_must_have_rates():
    times = START + np.arange(6) * FUNDING_MS
    rates = checked_rates(times, np.full(6, 1e-4))
    assert not len(rates.missing(START - FUNDING_MS, int(times[-1]) + FUNDING_MS))  # an end does not count itself
    assert rates.missing(START - FUNDING_MS - 1, int(times[-1])).tolist() == [START - FUNDING_MS]
    assert rates.missing(START, int(times[-1]) + FUNDING_MS + 1).tolist() == [times[-1] + FUNDING_MS]
    assert len(FundingRates(np.empty(0, np.int64), np.empty(0)).missing(START, START + 9 * FUNDING_MS)) == 8
    inside = rates.within(START, int(times[-1]))
    assert inside.times.tolist() == times[1:-1].tolist()


def test_a_change_of_the_interval_is_no_gap():
    hours = np.cumsum([8] * 5 + [4] * 5 + [8] * 5 + [1] * 9 + [8] * 3)
    rates = checked_rates(START + hours * 60 * MINUTE_MS, np.full(len(hours), 1e-4))
    assert not len(rates.missing(START, int(rates.times[-1])))


@pytest.mark.parametrize(("times", "rates", "said"), [
    ([], [], "no funding rate in it"), ([START], [np.nan], "funding rate of row 1 is nan"),
    ([START], [0.2], "It is a fraction"), ([1.0], [0.0001], "no time from 2009"),
    ([START, START + FUNDING_MS], [0.01, 0.01], "percent, no fractions"),
    ([START, START + 5], [0.0001, 0.0002], "two funding rates of 2024-01-01"),
])
def test_what_is_no_rate(times, rates, said):
    with pytest.raises(InvalidCandlesError, match=said):
        checked_rates(times, rates)


@pytest.mark.parametrize(("content", "said"), [
    (b"time,price\n2024-01-01,3\n", "There is no column for rate"), (b"{\"data\": 3}", "no answer with funding rates"),
    (b"{", "may be damaged"), (b"symbol,time,rate\nETHUSDT,2024-01-01,0.0001\n", "rates of 'ETHUSDT', not of BTC-USDT"),
    (b"time,rate\n2024-01-01,many\n", "not a number"),
])
def test_files_that_hold_none(content, said, store, tmp_path):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(InvalidCandlesError, match=said):
        jn.import_funding(tmp_path / "file", *MARKET, store=store)
    assert store.funding(*MARKET[::-1]) is None


def test_files_that_are_not_there(store, tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        jn.import_funding(tmp_path, *MARKET, store=store)
    with pytest.raises(InputError, match="There is no file"):
        jn.import_funding(tmp_path / "none.csv", *MARKET, store=store)
