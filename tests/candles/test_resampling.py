"""Longer candles, compared with Jesse's own generation of them."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.core.candles import CandleStore, minutes_present, resample_candles
from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES
from jesse_nb.exceptions import CandlesNotFoundError, InputError, InvalidCandlesError
from tests.candles.helpers import START, random_candles
from tests.conftest import real_candles

LONGER = [timeframe for timeframe in TIMEFRAME_MINUTES if timeframe != "1m"]
SERIES = ("Binance Spot", "BTC-USDT")


def jesse_made(candles: np.ndarray, timeframe: str) -> np.ndarray:
    """What Jesse makes of them once the last one is over."""
    service = jesse_module("jesse.services.candle_service")
    return service.generate_completed_candles_from_observed_minutes(timeframe, candles, int(candles[-1, 0]) + MINUTE_MS)


def test_timeframes_are_jesses() -> None:
    assert jesse_module("jesse.constants").TIMEFRAME_TO_ONE_MINUTES == TIMEFRAME_MINUTES


@pytest.mark.parametrize("timeframe", LONGER)
def test_every_timeframe_is_jesses_to_the_last_bit(timeframe: str) -> None:
    """From an odd minute on, with the sample's own gap and with many more."""
    rows = slice(777, 260_000) if TIMEFRAME_MINUTES[timeframe] >= 60 else slice(110_777, 150_000)
    candles = np.array(real_candles("BTC-USDT")[rows])
    kept = np.random.default_rng(3).random(len(candles))
    for part in (candles, candles[kept > 0.02], candles[kept > 0.999]):
        made = resample_candles(part, timeframe)
        np.testing.assert_array_equal(made, jesse_made(part, timeframe))
        minutes = minutes_present(part[:, 0], timeframe)
        assert minutes.sum() == len(part)
        assert len(minutes) - len(made) in (0, 1)


@pytest.mark.parametrize("timeframe", LONGER)
def test_blocks_as_the_simulator_makes_them(timeframe: str) -> None:
    count = TIMEFRAME_MINUTES[timeframe]
    start = -(-START // (count * MINUTE_MS)) * count * MINUTE_MS
    candles = random_candles(2 * count, seed=count, start=start)
    one = jesse_module("jesse.services.candle_service").generate_candle_from_one_minutes
    np.testing.assert_array_equal(resample_candles(candles, timeframe),
                                  [one(timeframe, candles[:count]), one(timeframe, candles[count:])])


def test_the_last_candle_is_left_out_until_it_is_over() -> None:
    candles = random_candles(125)
    assert resample_candles(candles, "1h")[:, 0].tolist() == [START, START + 60 * MINUTE_MS]
    forming = resample_candles(candles, "1h", forming=True)
    assert forming[-1].tolist() == [START + 120 * MINUTE_MS, candles[120, 1], candles[-1, 2], candles[120:, 3].max(),
                                    candles[120:, 4].min(), candles[120:, 5].sum()]
    assert minutes_present(candles[:, 0], "1h").tolist() == [60, 60, 5]
    # It is over when its last minute is there, whatever is missing before.
    assert len(resample_candles(np.delete(random_candles(180), 150, axis=0), "1h")) == 3


def test_nothing_and_the_minute_itself() -> None:
    assert resample_candles(random_candles(0), "4h").shape == (0, 6)
    candles = random_candles(5)
    assert resample_candles(candles, "1m") is candles
    with pytest.raises(InputError, match=r"no timeframe '7h'. Did you mean"):
        resample_candles(candles, "7h")


def test_a_long_array_takes_no_time() -> None:
    candles = np.array(real_candles("BTC-USDT")[:500_000])
    best = []
    for _ in range(5):
        began = time.process_time()
        resample_candles(candles, "15m")
        best.append(time.process_time() - began)
    assert min(best) < 0.1


@pytest.fixture
def store() -> CandleStore:
    store = CandleStore()
    store.write(*SERIES, np.delete(random_candles(325), [70, 71], axis=0))
    return store


def test_a_table_says_how_much_of_each_candle_there_is(store: CandleStore) -> None:
    table = jn.read_candles("BTC-USDT", "1h", start=START + 30 * MINUTE_MS)
    assert table.columns.tolist() == ["open", "high", "low", "close", "volume", "minutes"]
    assert table["minutes"].tolist() == [30, 58, 60, 60, 60]
    assert table.index[0] == pd.Timestamp("2023-01-01", tz="UTC")
    expected = resample_candles(store.read(*SERIES, START + 30 * MINUTE_MS, None), "1h")
    assert np.array_equal(table[["open", "close", "high", "low", "volume"]], expected[:, 1:])
    assert jn.read_candles("BTC-USDT", "1h", forming=True)["minutes"].iloc[-1] == 25
    assert len(jn.read_candles("BTC-USDT")) == 323
    with pytest.raises(CandlesNotFoundError, match="Did you mean 'BTC-USDT'"):
        jn.read_candles("BTC-USD", "1h")


def test_an_export_of_longer_candles(store: CandleStore, tmp_path: Path) -> None:
    path = jn.export_candles("BTC-USDT", tmp_path / "hours.csv", timeframe="1h")
    written = pd.read_csv(path, float_precision="round_trip")
    assert written.columns.tolist() == ["timestamp", "open", "high", "low", "close", "volume", "minutes"]
    assert np.array_equal(written[["timestamp", "open", "close", "high", "low", "volume"]],
                          resample_candles(store.read(*SERIES), "1h"))
    with pytest.raises(InvalidCandlesError):
        jn.import_candles(path, "BTC-USDT", "Hours")
    plain = pd.read_parquet(jn.export_candles("BTC-USDT", tmp_path / "minutes.parquet"))
    assert json.loads(plain.head(1).to_json(orient="records"))[0]["timestamp"] == START
    assert plain.columns.tolist() == ["timestamp", "open", "high", "low", "close", "volume"]
    assert plain["timestamp"].dtype == np.int64
