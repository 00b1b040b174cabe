from __future__ import annotations

import numpy as np
import pandas as pd

from jesse_nb.core.candles import Gap, fill_gaps, find_gaps, window
from jesse_nb.core.times import MINUTE_MS
from tests.candles.helpers import START, random_candles


def with_pandas(candles: np.ndarray) -> np.ndarray:
    """The same filling, done by pandas."""
    frame = pd.DataFrame(candles[:, 1:], columns=["open", "close", "high", "low", "volume"],
                         index=pd.to_datetime(candles[:, 0], unit="ms"))
    frame = frame.asfreq("min")
    frame["volume"] = frame["volume"].fillna(0)
    frame["close"] = frame["close"].ffill()
    for column in ("open", "high", "low"):
        frame[column] = frame[column].fillna(frame["close"])
    times = frame.index.to_numpy().astype("datetime64[ms]").astype(np.int64)
    return np.column_stack([times, frame.to_numpy()])


def test_filling_equals_pandas_on_random_holes() -> None:
    rng = np.random.default_rng(11)
    for seed in range(25):
        candles = random_candles(400, seed)
        kept = candles[rng.random(400) < rng.uniform(0.05, 0.99)]
        filled = fill_gaps(kept)
        assert np.array_equal(filled, with_pandas(kept))
        assert find_gaps(filled[:, 0]) == ()


def test_without_a_gap_nothing_is_copied() -> None:
    candles = random_candles(50)
    assert fill_gaps(candles) is candles
    assert len(fill_gaps(candles[:1])) == 1
    assert len(fill_gaps(candles[:0])) == 0


def test_gaps_say_where_and_how_long() -> None:
    candles = np.delete(random_candles(100), [10, 11, 12, 40], axis=0)
    gaps = find_gaps(candles[:, 0])
    assert gaps == (Gap(START + 10 * MINUTE_MS, 3), Gap(START + 40 * MINUTE_MS, 1))
    assert gaps[0].end == START + 13 * MINUTE_MS
    assert str(gaps[0]) == "2023-01-01 00:10 (3 min)"
    assert find_gaps(candles[:1, 0]) == find_gaps(candles[:0, 0]) == ()


def test_found_gaps_and_rows_make_up_the_span() -> None:
    rng = np.random.default_rng(2)
    candles = random_candles(5_000)
    kept = candles[rng.random(5_000) < 0.7]
    span = (kept[-1, 0] - kept[0, 0]) / MINUTE_MS + 1
    assert sum(gap.minutes for gap in find_gaps(kept[:, 0])) + len(kept) == span


def test_window_is_a_view_with_its_end_excluded() -> None:
    candles = random_candles(100)
    cut = window(candles, START + 10 * MINUTE_MS, START + 20 * MINUTE_MS)
    assert cut.base is candles
    assert np.array_equal(cut, candles[10:20])
    assert len(window(candles, 0, START)) == 0
    assert np.array_equal(window(candles, 0, START * 2), candles)
