"""The candles of a run: exactly the period and its warm-up, or a reason why not."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from jesse_nb.core.candles import CandleCache, CandleStore
from jesse_nb.core.simulator.data import RunCandles, resolve_candles
from jesse_nb.core.simulator.spec import DataRoute
from jesse_nb.core.times import DAY_MS, MINUTE_MS, TIMEFRAME_MINUTES, to_ms, utc_text
from jesse_nb.exceptions import CandlesNotFoundError, PeriodError, WarmUpError
from tests.conftest import EXCHANGE, real_candles, sample_folder

START = to_ms("2023-03-01")


def made_candles(start: int, count: int, without: range = range(0)) -> np.ndarray:
    """A quiet market: minutes ``without`` (indices) are missing."""
    minutes = np.array([index for index in range(count) if index not in without], dtype=np.float64)
    price = 100 + np.sin(minutes / 500)
    return np.column_stack([start + minutes * MINUTE_MS, price, price, price + 1, price - 1, np.ones(len(minutes))])


def resolved(store: CandleStore, timeframes: dict[str, str] | list[tuple[str, str]], start: int, end: int,
             count: int = 10, gaps: str = "fill") -> RunCandles:
    routes = [DataRoute(EXCHANGE, symbol, timeframe) for symbol, timeframe in timeframes]
    return resolve_candles(routes, start, end, warm_up_candles=count, gaps=gaps, store=store, cache=CandleCache(store))


@pytest.fixture
def own_store(tmp_path: Path) -> CandleStore:
    """A-USDT from 00:07 on 2023-03-01 for 20 days; B-USDT from noon on 2023-03-03."""
    store = CandleStore(tmp_path / "own")
    store.write(EXCHANGE, "A-USDT", made_candles(START + 7 * MINUTE_MS, 20 * 1440))
    store.write(EXCHANGE, "B-USDT", made_candles(START + 60 * 60 * MINUTE_MS, 16 * 1440))
    return store


@pytest.mark.parametrize(("timeframe", "count"), [("1m", 1), ("5m", 240), ("1h", 33), ("4h", 7), ("1D", 2), ("1h", 0)])
def test_period_and_warm_up_are_exact(candle_store: CandleStore, timeframe: str, count: int):
    start, end = to_ms("2023-05-02"), to_ms("2023-05-03 12:34")
    found = resolved(candle_store, [("BTC-USDT", timeframe)], start, end, count)
    (part,), (rows,) = found.slices, found.mapped
    before, within = rows.read()
    first = start - count * TIMEFRAME_MINUTES[timeframe] * MINUTE_MS
    stored = real_candles("BTC-USDT")
    moments = stored[:, 0]
    assert np.array_equal(before, stored[(moments >= first) & (moments < start)])
    assert np.array_equal(within, stored[(moments >= start) & (moments < end)])
    assert (part.start, part.end, part.missing) == (first, end, 0)
    assert not within.flags.owndata
    assert not within.flags.writeable


def test_the_longest_timeframe_sets_the_warm_up_of_all(candle_store: CandleStore):
    start, end = to_ms("2023-05-02"), to_ms("2023-05-03")
    found = resolved(candle_store, [("BTC-USDT", "15m"), ("ETH-USDT", "4h"), ("BTC-USDT", "1h")], start, end, 6)
    assert [part.symbol for part in found.slices] == ["BTC-USDT", "ETH-USDT"]
    assert {part.start for part in found.slices} == {start - DAY_MS}


def test_the_fingerprint_is_of_the_content(candle_store: CandleStore, tmp_path: Path):
    start, end = to_ms("2023-05-02"), to_ms("2023-05-03")
    (part,) = resolved(candle_store, [("BTC-USDT", "1h")], start, end).slices
    other = CandleStore(tmp_path / "other")
    stored = real_candles("BTC-USDT")
    some = stored[(stored[:, 0] >= to_ms("2023-05-01")) & (stored[:, 0] < to_ms("2023-05-05"))].copy()
    other.write(EXCHANGE, "BTC-USDT", some)
    assert resolved(other, [("BTC-USDT", "1h")], start, end).slices == (part,)
    inside = np.flatnonzero(some[:, 0] == start + 60 * MINUTE_MS)[0]
    some[inside, 5] += 1
    other.write(EXCHANGE, "BTC-USDT", some, replace=True)
    assert resolved(other, [("BTC-USDT", "1h")], start, end).slices != (part,)


@pytest.mark.parametrize("gaps", ["fill", "keep"])
@pytest.mark.parametrize(("timeframes", "count"), [
    ([("A-USDT", "1m")], 100), ([("A-USDT", "1h")], 30), ([("A-USDT", "4h")], 5), ([("A-USDT", "1D")], 3),
    ([("A-USDT", "45m"), ("A-USDT", "1h")], 13), ([("A-USDT", "1h"), ("B-USDT", "4h")], 9),
    ([("B-USDT", "1h"), ("A-USDT", "3D")], 2),
])
def test_the_earliest_start_is_told_and_works(own_store: CandleStore, timeframes, count, gaps):
    end = START + 18 * DAY_MS
    step = int(np.lcm.reduce([TIMEFRAME_MINUTES[name] for _, name in timeframes])) * MINUTE_MS
    stored = START + (60 * 60 if ("B-USDT" in dict(timeframes)) else 7) * MINUTE_MS
    with pytest.raises(WarmUpError) as refused:
        resolved(own_store, timeframes, -(-stored // step) * step, end, count, gaps)
    told = to_ms(re.search(r"Start at (\S+(?: \d\d:\d\d)?) or later", str(refused.value))[1])
    assert resolved(own_store, timeframes, told, end, count, gaps).mapped
    with pytest.raises(WarmUpError, match=utc_text(told)):
        resolved(own_store, timeframes, told - int(step), end, count, gaps)


def test_how_many_are_missing_is_exact(own_store: CandleStore):
    # A begins at 00:07, so the hour of 00:00 is not whole: four hours are, of 01:00 to 04:00.
    with pytest.raises(WarmUpError) as refused:
        resolved(own_store, [("A-USDT", "1h")], START + 5 * 60 * MINUTE_MS, START + 2 * DAY_MS)
    assert str(refused.value) == (
        f"A-USDT on {EXCHANGE} begins at 2023-03-01 00:07: of the 10 1h candles needed before 2023-03-01 05:00, "
        "6 are missing. Start at 2023-03-01 11:00 or later, import earlier candles, or lower warm_up_candles to 4."
    )
    assert resolved(own_store, [("A-USDT", "1h")], START + 5 * 60 * MINUTE_MS, START + 2 * DAY_MS, 4)


def test_no_start_is_promised_where_there_is_none(own_store: CandleStore):
    for count in (100, 1_000):  # warm only after the end, or never
        with pytest.raises(WarmUpError, match=r"missing\. Import earlier candles, or lower warm_up_candles to 23\."):
            resolved(own_store, [("A-USDT", "1h")], START + DAY_MS, START + 2 * DAY_MS, count)
    with pytest.raises(WarmUpError, match=r"or lower warm_up_candles\.$"):
        resolved(own_store, [("A-USDT", "1D")], START + DAY_MS, START + 2 * DAY_MS, 1)


@pytest.mark.parametrize(("start", "end"), [
    (START - DAY_MS, START + DAY_MS), (START, START + DAY_MS),
    (START + DAY_MS, START + 21 * DAY_MS), (START + 40 * DAY_MS, START + 41 * DAY_MS),
])
def test_a_period_that_is_not_stored_is_refused(own_store: CandleStore, start, end):
    with pytest.raises(CandlesNotFoundError, match=r"stored from 2023-03-01 00:07 to 2023-03-21 00:07, not for all"):
        resolved(own_store, [("A-USDT", "1m")], start, end, 0)


def test_a_series_that_is_not_stored_is_refused(own_store: CandleStore):
    with pytest.raises(CandlesNotFoundError, match="Did you mean"):
        resolved(own_store, [("AA-USDT", "1m")], START, START + DAY_MS)


@pytest.mark.parametrize(("timeframe", "start", "fits"), [
    ("1h", "2023-03-05 12:30", False), ("1h", "2023-03-05 12:00", True), ("4h", "2023-03-05 10:00", False),
    ("1D", "2023-03-05 12:00", False), ("5m", "2023-03-05 12:01", False), ("1m", "2023-03-05 12:01", True),
    ("1W", "2023-03-16", True), ("1W", "2023-03-13", False), ("3D", "2023-03-10", False),
])
def test_a_start_in_the_midst_of_a_candle_is_refused(own_store: CandleStore, timeframe, start, fits):
    def resolve():
        return resolved(own_store, [("A-USDT", timeframe)], to_ms(start), START + 18 * DAY_MS, 1)

    if fits:
        assert resolve()
        return
    with pytest.raises(PeriodError, match=f"{start} is not the beginning of a {timeframe} candle") as refused:
        resolve()
    tried = re.fullmatch(r".*Try (.+) or (.+)\.", str(refused.value))
    before, after = to_ms(tried[1]), to_ms(tried[2])
    assert before < to_ms(start) < after
    assert after - before == TIMEFRAME_MINUTES[timeframe] * MINUTE_MS
    assert before % (after - before) == 0


def test_gaps_are_filled_or_kept_and_counted(tmp_path: Path):
    # Minutes 2 to 4 and 100 to 299 of the second day are missing.
    store = CandleStore(tmp_path / "gaps")
    gap = [*range(1442, 1445), *range(1540, 1740)]
    candles = made_candles(START, 4 * 1440)
    store.write(EXCHANGE, "A-USDT", np.delete(candles, gap, axis=0))
    start, end = START + DAY_MS + 240 * MINUTE_MS, START + 2 * DAY_MS
    filled = resolved(store, [("A-USDT", "1h")], start, end, 5)
    kept = resolved(store, [("A-USDT", "1h")], start, end, 3, gaps="keep")
    before, within = filled.mapped[0].read()
    assert (len(before), len(within)) == (300, 1200)
    assert filled.slices[0].missing == 203
    assert (within[:60, 5] == 0).all()
    assert (within[:60, 1:5] == candles[1539, 2]).all()
    # Hours 2 and 3 are missing as a whole, so the three candles before are 00, 01 and the day's before last.
    before, within = kept.mapped[0].read()
    assert kept.slices[0].start == START + DAY_MS - 60 * MINUTE_MS
    assert (len(before), len(within)) == (60 + 57 + 40, 1140)
    assert within[0, 0] == START + DAY_MS + 300 * MINUTE_MS
    assert kept.slices[0].missing == 203
    assert kept.slices[0].fingerprint != filled.slices[0].fingerprint


@pytest.mark.parametrize("gaps", ["fill", "keep"])
def test_a_period_that_is_all_gap(tmp_path: Path, gaps: str):
    store = CandleStore(tmp_path / "gaps")
    store.write(EXCHANGE, "A-USDT", made_candles(START, 4 * 1440, range(1440, 2880)))
    if gaps == "fill":
        assert resolved(store, [("A-USDT", "1h")], START + DAY_MS, START + 2 * DAY_MS).slices[0].missing == 1440
        return
    with pytest.raises(CandlesNotFoundError, match="all of it is a gap"):
        resolved(store, [("A-USDT", "1h")], START + DAY_MS, START + 2 * DAY_MS, gaps=gaps)


@pytest.mark.skipif(sample_folder() is None, reason="needs the real sample")
def test_the_real_gap(candle_store: CandleStore):
    start, end = to_ms("2023-03-24"), to_ms("2023-03-25")
    for gaps, rows in (("fill", 1440), ("keep", 1360)):
        found = resolved(candle_store, [("BTC-USDT", "1h"), ("ETH-USDT", "1h")], start, end, gaps=gaps)
        assert [len(part.read()[1]) for part in found.mapped] == [rows, rows]
        assert [part.missing for part in found.slices] == [80, 80]
