"""Times as files write them, as milliseconds UTC."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.candles.importing.numbers import numbers_of, refuse_lists
from jesse_nb.core.candles.importing.time_zones import in_utc, needless_zone
from jesse_nb.core.candles.series import Candles
from jesse_nb.core.candles.validation import FIRST_MOMENT, LAST_MOMENT
from jesse_nb.exceptions import InvalidCandlesError, shown

__all__ = ["joined_date_and_time", "milliseconds_of"]

# How many make a second; the ranges that 2009 to 2100 span in each do not overlap.
_UNITS = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000, "nanoseconds": 1_000_000_000}

#: 2024.03.10 and 2024/03/10: with the year in front, no other order of day and month is in use.
_YEAR_FIRST = re.compile(r"(\d{4})[./](\d{1,2})[./](\d{1,2})(?=$|[ T])")
_ZONED_WORDS = "with a zone, turned into UTC"
_ZONED = re.compile(r":\d{2}(?:\.\d+)? ?(?:Z|[+-]\d{2}(?::?\d{2})?)$")


def milliseconds_of(column: pd.Series[Any], *, lenient: bool = False, time_zone: str = "") -> tuple[Candles, str]:
    """Return a column's times in milliseconds UTC, and in words how they were read.

    Parameters
    ----------
    column
        Moments, numbers, or texts of either. Texts and moments without a zone are UTC, unless another one is said.
    lenient
        Whether what is no time becomes NaN.
    time_zone
        In which zone they are, as :func:`~jesse_nb.core.candles.importing.time_zones.zone_of` reads it; UTC if empty.

    Raises
    ------
    InvalidCandlesError
        When a cell is no time, or the unit of numbers cannot be told; when a zone is said of times that have one, or a
        time is twice or never in it, where clocks are changed.
    """
    if isinstance(column.dtype, pd.PeriodDtype):
        column = column.dt.start_time
    kinds = pd.api.types
    zone = ""
    if not kinds.is_datetime64_any_dtype(column) and not kinds.is_numeric_dtype(column):
        column, zone = _parsed(column, lenient)
    if not kinds.is_datetime64_any_dtype(column):
        if time_zone:
            raise needless_zone(time_zone, "numbers, which count from 1970 in UTC")
        return _from_numbers(numbers_of(column, "timestamp", lenient=lenient), lenient)
    if time_zone and (zone == _ZONED_WORDS or (not zone and column.dt.tz is not None)):
        raise needless_zone(time_zone, "dates with a zone of their own")
    if column.dt.tz is not None:
        zone = zone or _ZONED_WORDS
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    if time_zone:
        zone = f"without a zone, taken as {time_zone} and turned into UTC"
        column = in_utc(column, time_zone, lenient=lenient)
    moments = column.to_numpy().astype("datetime64[us]")
    # From whole microseconds; a missing time becomes NaN, and is refused as such.
    return np.where(np.isnat(moments), np.nan, moments.astype(np.int64) / 1e3), \
        f"dates {zone or 'without a zone, taken as UTC'}"


def joined_date_and_time(date: pd.Series[Any], time: pd.Series[Any]) -> pd.Series[Any] | None:
    """Return a date's and a time's columns as one of texts; None where they are not of this kind."""
    days, times = date.astype(str).str.strip(), time.astype(str).str.strip()
    if not (len(date) and times.str.fullmatch(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?").any()
            and days.str.fullmatch(r"\d{4}([-./])\d{1,2}\1\d{1,2}( 00:00:00)?").any()):
        return None
    return days.str.removesuffix(" 00:00:00") + " " + times


def _parsed(column: pd.Series[Any], lenient: bool) -> tuple[pd.Series[Any], str]:
    """Read texts: numbers where all are numbers, ISO 8601 otherwise; tell in which zone they are."""
    refuse_lists(column, "timestamp")
    try:
        return column.astype(np.float64), ""
    except (TypeError, ValueError):
        pass
    if column.map(lambda cell: isinstance(cell, str)).all():
        column = column.str.strip().str.replace(_YEAR_FIRST, _with_dashes, n=1, regex=True)
    numbers = pd.to_numeric(column, errors="coerce")
    readings = (pd.to_datetime(column, utc=True, format="ISO8601", errors="coerce"), numbers)
    best = min(readings, key=lambda reading: int(reading.isna().sum()))
    if best is numbers and lenient:
        return best, ""
    if best is numbers or (best.isna().any() and not lenient):
        row = int(best.isna().to_numpy().argmax())
        # The row at fault is the first that is unlike most of the others.
        # Other ways of writing leave open which number is the day and which the month.
        raise InvalidCandlesError(
            f"The timestamp of row {row + 1:,} is {shown(str(column.iloc[row])[:60])}, not a time.",
            "Write times like 2024-01-31 12:00, in UTC.")
    zoned = column.astype(str).str.contains(_ZONED, regex=True).any()
    return best, _ZONED_WORDS if zoned else "without a zone, taken as UTC"


def _with_dashes(date: re.Match[str]) -> str:
    return f"{date[1]}-{int(date[2]):02}-{int(date[3]):02}"


def _from_numbers(values: Candles, lenient: bool) -> tuple[Candles, str]:
    """Tell by their size in which unit the times are, which must be the same for all."""
    found: dict[str, int] = {}
    known = np.zeros(len(values), bool)
    for unit, in_a_second in _UNITS.items():
        earliest, latest = (moment // 1_000 * in_a_second for moment in (FIRST_MOMENT, LAST_MOMENT))
        belongs = (values >= earliest) & (values <= latest)
        known |= belongs
        if belongs.any():
            found[unit] = int(np.flatnonzero(belongs)[0])
    if len(found) > 1:
        (unit, _), (other, row) = sorted(found.items(), key=lambda item: item[1])[:2]
        raise InvalidCandlesError(
            f"The timestamps begin in {unit}, but that of row {row + 1:,} is in {other}: {values[row]:.0f}.",
            "Import the parts as files of their own.")
    if not known.all() and not lenient:
        row = int(np.flatnonzero(~known)[0])
        raise InvalidCandlesError(
            f"The timestamp of row {row + 1:,} is {shown(float(values[row]))}, no time from 2009 to 2100.",
            f"Times count {', '.join(_UNITS)} since 1970, in UTC.")
    if not found:
        return values, "numbers"
    unit = next(iter(found))
    in_a_second = _UNITS[unit]
    # Whole factors, so that a whole minute stays one: times 0.001 would not be exact.
    times = values * (1_000 // in_a_second) if in_a_second <= 1_000 else values / (in_a_second // 1_000)
    return np.where(known, times, np.nan), f"{unit} since 1970, UTC"
