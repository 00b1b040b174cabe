from __future__ import annotations

import numpy as np
import pytest

from jesse_nb.core.candles import validate_candles
from jesse_nb.core.candles.validation import find_contradiction, merge_candles, refuse_contradiction
from jesse_nb.core.times import MINUTE_MS
from jesse_nb.exceptions import InvalidCandlesError
from tests.candles.helpers import START, random_candles
from tests.conftest import real_candles

OPEN, CLOSE, HIGH, LOW, VOLUME = range(1, 6)


def changed(row: int, column: int, value: float, rows: int = 60) -> np.ndarray:
    candles = random_candles(rows)
    candles[row, column] = value
    return candles


def test_good_candles_pass_unchanged_and_are_not_touched() -> None:
    candles = random_candles(500)
    before = candles.copy()
    validated = validate_candles(candles)
    assert np.array_equal(validated, before)
    validated[:] = 0
    assert np.array_equal(candles, before)


def test_every_real_candle_passes() -> None:
    candles = real_candles("BTC-USDT")
    assert np.array_equal(validate_candles(candles), candles)


def test_unsorted_is_sorted_and_equal_duplicates_merged() -> None:
    candles = random_candles(300)
    rows = np.concatenate([np.arange(300), np.arange(50), np.arange(20)])
    order = np.random.default_rng(1).permutation(rows)
    assert np.array_equal(validate_candles(candles[order]), candles)


def test_minus_zero_volume_is_zero() -> None:
    validated = validate_candles(changed(3, VOLUME, -0.0))
    assert not np.signbit(validated[:, VOLUME]).any()


def test_flat_and_untraded_candles_pass() -> None:
    candles = random_candles(10)
    candles[4, 1:5] = 100.0
    candles[4, 5] = 0.0
    assert np.array_equal(validate_candles(candles), candles)


@pytest.mark.parametrize(
    ("candles", "words"),
    [
        (np.empty((0, 6)), ["no candle"]),
        (np.empty((5, 5)), ["(5, 5)", "timestamp, open, close"]),
        ([["a"] * 6], ["numbers"]),
        (changed(7, 0, np.nan), ["row 8", "nan"]),
        (changed(7, 0, 1_672_531_200), ["row 8", "1672531200", "milliseconds"]),
        (changed(7, 0, START + 7 * MINUTE_MS + 59_999), ["row 8", "off the minute", "00:07:59.999"]),
        (changed(7, OPEN, np.nan), ["open", "2023-01-01 00:07", "nan"]),
        (changed(7, CLOSE, np.inf), ["close", "2023-01-01 00:07", "inf"]),
        (changed(7, LOW, 0.0), ["low", "2023-01-01 00:07", "0.0"]),
        (changed(7, LOW, -3.5), ["low", "2023-01-01 00:07", "-3.5"]),
        (changed(7, VOLUME, -1.0), ["volume", "2023-01-01 00:07", "-1.0"]),
        (changed(7, VOLUME, np.nan), ["volume", "nan"]),
        (changed(7, HIGH, 1.0), ["high", "2023-01-01 00:07", "1.0", "below the low"]),
        (changed(7, OPEN, 500.0), ["open", "2023-01-01 00:07", "500.0", "outside low"]),
        (changed(7, CLOSE, 0.5), ["close", "2023-01-01 00:07", "0.5", "outside low"]),
    ],
)
def test_refused_with_the_first_bad_row(candles: np.ndarray, words: list[str]) -> None:
    with pytest.raises(InvalidCandlesError) as caught:
        validate_candles(candles)
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_first_of_several_bad_rows_is_named_and_the_others_counted() -> None:
    candles = random_candles(60)
    candles[[9, 20, 33], VOLUME] = -2.0
    with pytest.raises(InvalidCandlesError, match=r"00:09 is -2\.0.*2 more rows"):
        validate_candles(candles)


def test_conflicting_duplicates_are_refused_with_both_values() -> None:
    candles = random_candles(30)
    other = candles[12].copy()
    other[VOLUME] = 77.25
    with pytest.raises(InvalidCandlesError, match=r"different candles for 2023-01-01 00:12.*volume 77\.25"):
        validate_candles(np.vstack([candles, other]))


@pytest.mark.parametrize(("minutes", "name"), [(5, "5m"), (60, "1h"), (1_440, "1D"), (7, "7-minute")])
def test_other_intervals_are_refused_by_name(minutes: int, name: str) -> None:
    candles = random_candles(200)
    candles[:, 0] = START + np.arange(200) * minutes * MINUTE_MS
    with pytest.raises(InvalidCandlesError, match=f"These are {name} candles"):
        validate_candles(candles)


def test_an_hourly_part_in_minute_data_is_refused_from_where_it_begins() -> None:
    candles = random_candles(2_000)
    candles[1_900:, 0] = candles[1_899, 0] + (np.arange(100) + 1) * 60 * MINUTE_MS
    with pytest.raises(InvalidCandlesError, match="From 2023-01-02 07:39 on, these are 1h candles"):
        validate_candles(candles)


@pytest.mark.parametrize("traded", [0.9, 0.5, 0.2])
def test_a_thin_market_with_many_missing_minutes_passes(traded: float) -> None:
    candles = random_candles(50_000)
    kept = candles[np.random.default_rng(3).random(50_000) < traded]
    assert np.array_equal(validate_candles(kept), kept)


def test_a_single_candle_passes() -> None:
    assert len(validate_candles(random_candles(1))) == 1


def test_merge_is_the_union_in_order_of_time() -> None:
    candles = random_candles(100)
    rng = np.random.default_rng(5)
    for _ in range(20):
        left, right = rng.random(100) < 0.5, rng.random(100) < 0.5
        merged = merge_candles(candles[left], candles[right])
        assert np.array_equal(merged, candles[left | right])


def test_merge_refuses_a_contradiction_and_shows_the_first() -> None:
    stored = random_candles(50)
    new = stored[20:].copy()
    new[5, VOLUME] = 123.5
    new[9, VOLUME] = 5.5
    with pytest.raises(InvalidCandlesError, match=r"2 new candles.*01-01 00:25.*volume 123\.5.*replace=True"):
        refuse_contradiction(find_contradiction(stored, new))
    assert find_contradiction(stored, stored[10:]) is None
    merged = merge_candles(stored, new)
    assert np.array_equal(merged[:20], stored[:20])
    assert np.array_equal(merged[20:], new)
