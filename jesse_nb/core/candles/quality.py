"""What is suspicious in a series: gaps, silence, spikes, frozen prices, repeated days, local time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.candles.gaps import find_gaps
from jesse_nb.core.candles.series import Candles
from jesse_nb.core.times import DAY_MS, MINUTE_MS, utc_text

__all__ = ["Finding", "daily_coverage", "find_suspicious"]

#: Minutes on both sides of a candle whose median close its high and low are compared with.
_NEIGHBOURS = 15
#: A normal distribution's standard deviation in median absolute deviations.
_MAD_TO_DEVIATION = 1.4826

#: Zones whose clocks skip an hour in spring: of exchanges, vendors and most of those who record prices.
_ZONES = ("America/New_York", "Europe/London", "Europe/Berlin", "Australia/Sydney")


class Finding(NamedTuple):
    """One suspicious stretch.

    Attributes
    ----------
    kind
        ``gap``, ``no volume``, ``frozen price``, ``spike``, ``repeated day`` or ``daylight shift``.
    start, end
        Milliseconds UTC, end excluded.
    size
        By which findings of one kind are ordered: minutes, or robust deviations for a spike.
    what
        In words.
    """

    kind: str
    start: int
    end: int
    size: float
    what: str


def find_suspicious(
    candles: Candles,
    *,
    deviations: float = 25.0,
    quiet_minutes: int = 60,
    asked: tuple[tuple[int, int], ...] = (),
) -> list[Finding]:
    """Return what is suspicious in one-minute candles, kind by kind, the worst of each kind first.

    Parameters
    ----------
    candles
        float64 (n, 6), sorted by time.
    deviations
        A spike is a high or low at least so many robust deviations away from the median close of the
        half hour around it. One robust deviation is 1.4826 times the median of all those distances of
        its UTC day (at least that of a typical day), as logarithms of prices.
    quiet_minutes
        So many minutes without volume, or at one and the same price, are worth mentioning.
    asked
        Periods for which the exchange was asked for every minute: its own gaps.
    """
    if len(candles) == 0:
        return []
    return [
        *_ordered(_gaps(candles, asked)),
        *_ordered(_daylight_shifts(candles)),
        *_ordered(_repeated_days(candles)),
        *_ordered(_spikes(candles, deviations)),
        *_ordered(_frozen(candles, quiet_minutes)),
        *_ordered(_silent(candles, quiet_minutes)),
    ]


def daily_coverage(candles: Candles) -> pd.DataFrame:
    """Return how many minutes of each UTC day are there.

    Returns
    -------
    pandas.DataFrame
        Indexed by day (UTC), every day from the first to the last: ``traded`` (candles with volume),
        ``silent`` (candles without) and ``missing`` minutes. The first and last day count from the first
        candle and to the last.
    """
    days = (candles[:, 0] // DAY_MS).astype(np.int64)
    first, last = int(days[0]), int(days[-1])
    total = np.bincount(days - first, minlength=last - first + 1)
    traded = np.bincount(days - first, weights=candles[:, 5] > 0, minlength=last - first + 1).astype(np.int64)
    expected = np.full(last - first + 1, DAY_MS // MINUTE_MS)
    expected[0] -= int(candles[0, 0] % DAY_MS) // MINUTE_MS
    expected[-1] -= (DAY_MS - MINUTE_MS - int(candles[-1, 0] % DAY_MS)) // MINUTE_MS
    index = pd.to_datetime(np.arange(first, last + 1) * DAY_MS, unit="ms", utc=True)
    return pd.DataFrame({"traded": traded, "silent": total - traded, "missing": expected - total}, index=index)


def _ordered(findings: Iterator[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (-finding.size, finding.start))


def _gaps(candles: Candles, asked: tuple[tuple[int, int], ...]) -> Iterator[Finding]:
    for gap in find_gaps(candles[:, 0]):
        known = any(start <= gap.start and gap.end <= end for start, end in asked)
        after = int(np.searchsorted(candles[:, 0], gap.end))
        jump = 100.0 * (candles[after, 1] / candles[after - 1, 2] - 1.0)
        yield Finding("gap", gap.start, gap.end, gap.minutes,
                      f"{_minutes(gap.minutes)} missing, the price {jump:+,.2f} % away after it"
                      + (", which the exchange does not have" if known else ""))


def _silent(candles: Candles, least: int) -> Iterator[Finding]:
    for first, past in _runs(candles[:, 5] == 0, candles[:, 0], least):
        yield Finding("no volume", _time(candles, first), _time(candles, past - 1) + MINUTE_MS, past - first,
                      f"{_minutes(past - first)} without a trade")


def _frozen(candles: Candles, least: int) -> Iterator[Finding]:
    """Find stretches at one price although something was traded: a feed that hangs."""
    flat = candles[:, 3] == candles[:, 4]
    same = np.concatenate([[False], flat[1:] & flat[:-1] & (candles[1:, 2] == candles[:-1, 2])])
    for first, past in _runs(same, candles[:, 0], least - 1):
        volume = candles[first - 1:past, 5]
        if (volume > 0).sum() > len(volume) / 2:
            yield Finding("frozen price", _time(candles, first - 1), _time(candles, past - 1) + MINUTE_MS,
                          past - first + 1, f"{_minutes(past - first + 1)} at {candles[first, 2]:g}, with volume")


def _spikes(candles: Candles, deviations: float) -> Iterator[Finding]:
    logs = np.log(candles[:, 2:5])
    usual = pd.Series(logs[:, 0]).rolling(2 * _NEIGHBOURS + 1, center=True, min_periods=1).median().to_numpy()
    above, below = logs[:, 1] - usual, usual - logs[:, 2]
    away = np.maximum(above, below)
    days = candles[:, 0] // DAY_MS
    typical = pd.Series(away).groupby(days).transform("median").to_numpy()
    # On a day that hardly moved every trade would stand out.
    scale = _MAD_TO_DEVIATION * np.maximum(typical, np.median(away))
    if not (scale > 0).all():
        return
    size = away / scale
    rows = np.flatnonzero(size >= deviations)
    # Candles beside each other are one event, told by the farthest.
    for event in np.split(rows, np.flatnonzero(np.diff(rows) > _NEIGHBOURS) + 1) if len(rows) else []:
        row = int(event[size[event].argmax()])
        up = above[row] >= below[row]
        price, percent = candles[row, 3 if up else 4], np.expm1(away[row] if up else -away[row]) * 100
        start, end = _time(candles, int(event[0])), _time(candles, int(event[-1])) + MINUTE_MS
        yield Finding("spike", start, end, float(size[row]),
                      f"{'high' if up else 'low'} {price:g}, {percent:+.1f} % from the half hour around it "
                      f"({size[row]:.0f} robust deviations)")


def _repeated_days(candles: Candles) -> Iterator[Finding]:
    """Find days whose candles are those of another day."""
    days = (candles[:, 0] // DAY_MS).astype(np.int64)
    starts = np.flatnonzero(np.diff(days, prepend=days[0] - 1))
    seen: dict[bytes, int] = {}
    for first, past in zip(starts, np.append(starts[1:], len(candles)), strict=True):
        day = candles[first:past]
        if len(day) < 60 or len(np.unique(day[:, 2])) < 10:
            continue  # a handful of candles, or hardly a price: may well come twice
        content = np.column_stack([day[:, 0] % DAY_MS, day[:, 1:]]).tobytes()
        if content in seen:
            moment = int(days[first]) * DAY_MS
            yield Finding("repeated day", moment, moment + DAY_MS, float(len(day)),
                          f"all {len(day):,} candles are those of {utc_text(seen[content])}")
        else:
            seen[content] = int(days[first]) * DAY_MS


def _daylight_shifts(candles: Candles) -> Iterator[Finding]:
    """Find hours that are missing exactly where local clocks skip one: times then are local, not UTC."""
    gaps = {gap.start for gap in find_gaps(candles[:, 0]) if gap.minutes == 60}
    first, last = (int(utc_text(int(moment))[:4]) for moment in candles[[0, -1], 0])
    years = range(first, last + 1)
    told: set[int] = set()
    for zone in _ZONES:
        for skipped in _skipped_hours(zone, years):
            if skipped in gaps - told:
                told.add(skipped)
                yield Finding("daylight shift", skipped, skipped + 60 * MINUTE_MS, 60.0,
                              f"the hour is missing that clocks of {zone} skip: are these times local, not UTC?")


def _skipped_hours(zone: str, years: range) -> Iterator[int]:
    """Yield the local hours that daylight saving skips, as if they were UTC, in milliseconds."""
    try:
        place = ZoneInfo(zone)
    except ZoneInfoNotFoundError:  # no time zones on this machine
        return
    utc = ZoneInfo("UTC")
    for year in years:
        moment = datetime(year, 1, 1, tzinfo=utc)
        while moment.year == year:
            later = moment + timedelta(days=1)
            if later.astimezone(place).utcoffset() > moment.astimezone(place).utcoffset():  # type: ignore[operator]
                before = moment.astimezone(place).utcoffset()
                hours = (moment + timedelta(hours=hour) for hour in range(25))
                change = next(hour for hour in hours if hour.astimezone(place).utcoffset() != before)
                yield int((change + before).timestamp() * 1000)  # type: ignore[operator]
            moment = later


def _runs(marked: NDArray[np.bool_], times: Candles, least: int) -> Iterator[tuple[int, int]]:
    """Yield [first, past) of the runs of marked candles without a gap that are at least so long."""
    joined = np.concatenate([[False], np.diff(times) == MINUTE_MS])
    begins = marked & ~np.concatenate([[False], marked[:-1] & joined[1:]])
    ends = marked & ~np.concatenate([marked[1:] & joined[1:], [False]])
    for first, last in zip(np.flatnonzero(begins), np.flatnonzero(ends), strict=True):
        if last - first + 1 >= least:
            yield int(first), int(last) + 1


def _time(candles: Candles, row: int) -> int:
    return int(candles[row, 0])


def _minutes(count: int) -> str:
    return f"{count:,} minutes" if count > 1 else "1 minute"
