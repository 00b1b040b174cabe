"""Periods and timeframes: what a user writes, as milliseconds UTC."""

from __future__ import annotations

import re
from datetime import date, datetime, timezone
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.exceptions import PeriodError, did_you_mean, shown

__all__ = ["DAY_MS", "MINUTE_MS", "TIMEFRAME_MINUTES", "to_ms", "unknown_timeframe", "utc_text"]

MINUTE_MS = 60_000
DAY_MS = 86_400_000

#: Minutes of each of Jesse's timeframes.
TIMEFRAME_MINUTES = {
    "1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "45m": 45,
    "1h": 60, "2h": 120, "3h": 180, "4h": 240, "6h": 360, "8h": 480, "12h": 720,
    "1D": 1_440, "3D": 4_320, "1W": 10_080, "1M": 43_200,
}

#: Year first, then as much of the date as there is, then a time and a zone. pandas would read "01/02/2024" as January,
#: "12" as a day of this month, and "2023-05-04-03" as a day with a zone.
_MOMENT = re.compile(
    r"\d{4}(?:\d{4}|(?P<dash>[-/])\d{1,2}(?:(?P=dash)\d{1,2})?)?"
    r"(?:[ T]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?: ?Z| ?UTC| ?[+-]\d{2}(?::?\d{2})?)?)?",
    re.ASCII,
)


def unknown_timeframe(value: Any) -> PeriodError:
    """Return the error of what is no timeframe of Jesse's, with one of the same length where there is one.

    Examples
    --------
    >>> from jesse_nb.core.times import unknown_timeframe
    >>> print(unknown_timeframe("60m"))
    Unknown timeframe '60m'. Did you mean '1h'?
    """
    written = re.fullmatch(r"\s*(\d{1,6})\s*(m|min|h|d|w)\w*\s*", str(value), re.IGNORECASE)
    units = {"m": 1, "min": 1, "h": 60, "d": 1_440, "w": 10_080}
    minutes = int(written[1]) * units[written[2].lower()] if written else 0
    same = [name for name, length in TIMEFRAME_MINUTES.items() if length == minutes]
    hint = f"Did you mean {same[0]!r}?" if same else did_you_mean(str(value), TIMEFRAME_MINUTES)
    return PeriodError(f"Unknown timeframe {shown(value)}.", hint, argument="timeframe")


def to_ms(moment: Any, name: str = "date") -> int:
    """Return a moment as whole minutes in milliseconds UTC.

    Parameters
    ----------
    moment
        A text (``"2024-01-31"``, ``"2024-01-31 12:00"``), a date, a datetime
        (UTC when it names no zone), a pandas Timestamp, a ``numpy.datetime64`` or milliseconds.
    name
        What the argument is called, for the error.

    Raises
    ------
    PeriodError
        When it is none of these, lies before 2009 or after 2100.
    """
    if isinstance(moment, bool) or not isinstance(moment, str | date | np.datetime64 | Integral) \
            or (isinstance(moment, str) and not _MOMENT.fullmatch(moment.strip())):
        raise _not_a_date(name, moment)
    try:
        stamp = pd.Timestamp(int(moment), unit="ms") if isinstance(moment, Integral) else pd.Timestamp(moment)
    except (ValueError, OverflowError) as error:
        raise _not_a_date(name, moment) from error
    if pd.isna(stamp) or not 2009 <= stamp.year <= 2100:
        raise PeriodError.of(name, f"is {shown(moment)}, outside the years 2009 to 2100.",
                             "Numbers are read as milliseconds since 1970.")
    stamp = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
    return int(stamp.timestamp() * 1000) // MINUTE_MS * MINUTE_MS


def _not_a_date(name: str, moment: Any) -> PeriodError:
    return PeriodError.of(name, f"is {shown(moment)}, which is not a date.", "Write it as '2024-01-31'.")


def utc_text(milliseconds: int) -> str:
    """Return ``2024-01-31`` at midnight, ``2024-01-31 12:00`` at other times (UTC)."""
    moment = datetime.fromtimestamp(milliseconds / 1000, tz=timezone.utc)
    return moment.strftime("%Y-%m-%d") if milliseconds % DAY_MS == 0 else moment.strftime("%Y-%m-%d %H:%M")
