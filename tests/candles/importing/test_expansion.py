"""One-minute candles made of longer ones: exact when put together, and never taken for traded ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jesse_nb as jn
from jesse_nb.core.candles import CandleStore, import_candles, resample_candles
from jesse_nb.core.candles.importing.expansion import expand_candles
from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES
from jesse_nb.exceptions import InputError, InvalidCandlesError
from jesse_nb.quickstart import TrendFollower
from tests.candles.helpers import START, random_candles
from tests.candles.importing.test_importers import file_of, frame_of

DAY = 86_400_000


def longer(timeframe: str, count: int, seed: int = 0) -> np.ndarray:
    candles = random_candles(count, seed)
    minutes = TIMEFRAME_MINUTES[timeframe]
    start = START - START % (minutes * MINUTE_MS)  # where Jesse's candles of that timeframe begin
    candles[:, 0] = start + np.arange(count) * minutes * MINUTE_MS
    return candles


@pytest.mark.parametrize("timeframe", [name for name in TIMEFRAME_MINUTES if name not in ("1m", "1W", "1M")])
def test_put_together_they_are_what_they_were(timeframe: str) -> None:
    candles = longer(timeframe, 40)
    candles[7, 5] = 0.0
    minutes, told = expand_candles(candles)
    assert told == timeframe
    assert np.array_equal(resample_candles(minutes, timeframe), candles)
    assert (np.diff(minutes[:, 0]) == MINUTE_MS).all()
    assert (minutes[:, 3] >= minutes[:, 1:3].max(axis=1)).all()
    assert (minutes[:, 4] <= minutes[:, 1:3].min(axis=1)).all()
    within = np.delete(np.arange(1, len(minutes)), np.arange(TIMEFRAME_MINUTES[timeframe], len(minutes),
                                                            TIMEFRAME_MINUTES[timeframe]) - 1)
    assert np.array_equal(minutes[within, 1], minutes[within - 1, 2])


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.sampled_from([1e-9, 1.0, 1e7]), order=st.permutations(range(60)))
def test_volume_is_kept_to_the_last_bit_in_any_order_of_adding(seed: int, size: float, order: list[int]) -> None:
    candles = longer("1h", 2, seed) * [1, 1, 1, 1, 1, size]
    minutes, _ = expand_candles(candles)
    total = 0.0
    for minute in order:
        total += float(minutes[minute, 5])
    assert total == candles[0, 5]
    assert float(minutes[:60, 5].sum()) == candles[0, 5]


def test_what_cannot_be_expanded() -> None:
    hours = longer("1h", 10)
    with pytest.raises(InvalidCandlesError, match="does not say how long"):
        expand_candles(hours[:1])
    with pytest.raises(InvalidCandlesError, match="These are one-minute candles"):
        expand_candles(random_candles(10))
    hours[5:, 0] += 7 * MINUTE_MS
    with pytest.raises(InvalidCandlesError, match="comes 67 minutes after the one before"):
        expand_candles(hours)
    hours[:, 0] = START + np.arange(10) * 7 * MINUTE_MS
    with pytest.raises(InvalidCandlesError, match="no timeframe of Jesse's"):
        expand_candles(hours)


def test_made_minutes_are_never_joined_with_traded_ones(tmp_path: Path) -> None:
    path = file_of(tmp_path, frame_of(longer("1h", 30)).to_csv(index=False).encode(), "BTC-USDT-1h.csv")
    with pytest.raises(InvalidCandlesError, match=r"These are 1h candles.*--expand"):
        import_candles(path, "BTC-USDT", "Binance Spot")
    (info,) = jn.import_files([tmp_path], "Binance Spot", expand=True)
    assert (info.expanded_from, info.rows) == ("1h", 1_800)
    assert "expanded from 1h" in str(CandleStore().info("Binance Spot", "BTC-USDT"))
    later = random_candles(30, start=START + 10 * DAY)
    for replace in (False, True):
        with pytest.raises(InvalidCandlesError, match="stored as expanded from 1h; these are one-minute"):
            CandleStore().write("Binance Spot", "BTC-USDT", later, replace=replace)
    with pytest.raises(InvalidCandlesError, match="stored as expanded from 1h; these are expanded from 2h"):
        import_candles(frame_of(longer("2h", 30)), "BTC-USDT", "Binance Spot", expand=True, replace=True)
    with pytest.raises(InputError, match=r"made of 1h candles, .*-t 1h"):
        jn.export_candles("BTC-USDT", tmp_path / "btc.csv")
    hours = jn.export_candles("BTC-USDT", tmp_path / "hours.parquet", timeframe="1h")
    import_candles(hours, "BTC-USDT", "Again", expand=True)
    assert CandleStore().info("Again", "BTC-USDT").fingerprint == info.fingerprint
    file_of(tmp_path, b"", "BTC-USDT-4h.csv")
    with pytest.raises(InputError, match="holds BTC-USDT in 1h and 4h"):
        jn.import_files([tmp_path], "Binance Spot", expand=True)


def test_every_report_of_a_run_on_made_minutes_says_so(tmp_path: Path) -> None:
    hours = longer("1h", 24 * 26)
    import_candles(frame_of(hours), "BTC-USDT", "Binance Spot", expand=True)
    result: Any = jn.backtest(TrendFollower, "BTC-USDT", "4h", start=START + 11 * DAY, end=START + 25 * DAY,
                              warm_up_candles=60, exchange="Binance Spot", store=tmp_path / "runs")
    assert result.spec.expanded_from == "1h"
    assert all(fingerprint.endswith(" expanded from 1h") for fingerprint in result.card.candles.values())
    assert "expanded from 1h, no minute missing" in result._repr_mimebundle_()["text/html"]  # the card
    analysis: Any = jn.analyze_results(result, "basic", store=tmp_path / "runs")
    batch: Any = jn.backtest_batch(TrendFollower, "BTC-USDT", ["4h"], start=START + 11 * DAY, end=START + 25 * DAY,
                                   warm_up_candles=60, store=tmp_path / "runs", concurrent_limit=1)
    for one in (result, analysis, batch, jn.check_candles("BTC-USDT")):
        text = " ".join(str(one).split())
        html = " ".join(one._repr_mimebundle_()["text/html"].split())
        for shown in (text, html):
            assert "expanded from 1h: no figure that depends on the way within the hour is known" in shown
        assert "EXPANDED CANDLES" in html
