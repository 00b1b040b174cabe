"""Missing minutes: found, filled, and periods cut out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.candles.series import Candles, Gap, SeriesInfo
from jesse_nb.core.times import MINUTE_MS

__all__ = ["fill_gaps", "find_gaps", "join_periods", "missing_periods", "window"]


def find_gaps(timestamps: NDArray[Any]) -> tuple[Gap, ...]:
    """Return the minutes missing between ascending timestamps.

    Parameters
    ----------
    timestamps
        Milliseconds UTC on whole minutes, strictly ascending, shape (n,).
    """
    steps = np.diff(timestamps)
    before = np.flatnonzero(steps > MINUTE_MS)
    return tuple(Gap(int(timestamps[row]) + MINUTE_MS, int(steps[row]) // MINUTE_MS - 1) for row in before)


def fill_gaps(candles: Candles) -> Candles:
    """Return one candle for every minute from the first to the last.

    A missing minute stays flat at the close before it, with no volume: what an exchange without a
    trade shows. Without a gap, the same array is returned, not a copy.

    Parameters
    ----------
    candles
        float64 (n, 6), sorted by time.

    Returns
    -------
    numpy.ndarray
        float64 (minutes, 6).
    """
    if len(candles) == 0:
        return candles
    minutes = ((candles[:, 0] - candles[0, 0]) // MINUTE_MS).astype(np.int64)
    total = int(minutes[-1]) + 1
    if total == len(candles):
        return candles
    source = np.zeros(total, np.int64)
    source[minutes] = np.arange(len(candles))
    source = np.maximum.accumulate(source)
    filled = candles[source]
    missing = np.ones(total, bool)
    missing[minutes] = False
    filled[:, 0] = candles[0, 0] + np.arange(total, dtype=np.float64) * MINUTE_MS
    for column in (1, 3, 4):
        filled[missing, column] = filled[missing, 2]
    filled[missing, 5] = 0.0
    return filled


def window(candles: Candles, start: int, end: int) -> Candles:
    """Return the candles with ``start <= timestamp < end``, as a view.

    Parameters
    ----------
    candles
        float64 (n, 6), sorted by time; may be a memory map.
    start, end
        Milliseconds UTC, end excluded.
    """
    first, last = np.searchsorted(candles[:, 0], (start, end), side="left")
    return candles[first:last]


def join_periods(periods: Iterable[tuple[int, int]], within: int = 0) -> tuple[tuple[int, int], ...]:
    """Return periods in order of time, those that touch or overlap as one.

    Parameters
    ----------
    periods
        (start, end), ends excluded.
    within
        Periods are also joined where start to end of what arises is not longer than this.
    """
    joined: list[tuple[int, int]] = []
    for start, end in sorted(periods):
        if joined and (start <= joined[-1][1] or end - joined[-1][0] <= within):
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        elif start < end:
            joined.append((start, end))
    return tuple(joined)


def missing_periods(stored: SeriesInfo | None, start: int, end: int) -> list[tuple[int, int]]:
    """Return the parts of a period that are not stored and that the exchange was not asked for yet.

    Parameters
    ----------
    stored
        The series, None when it is not there.
    start, end
        Milliseconds UTC, end excluded.
    """
    if stored is None:
        return [(start, end)] if start < end else []
    absent = [(start, min(end, stored.start)), (max(start, stored.end), end)]
    for gap in stored.gaps:
        cursor = gap.start
        for asked_from, asked_to in stored.asked:
            absent.append((max(start, cursor), min(end, gap.end, asked_from)))
            cursor = max(cursor, asked_to)
        absent.append((max(start, cursor), min(end, gap.end)))
    return [(first, last) for first, last in sorted(absent) if first < last]
