"""Local times as UTC: nothing is guessed where clocks are changed."""

from __future__ import annotations

import re
from datetime import timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pandas as pd

from jesse_nb.exceptions import InputError, InvalidCandlesError, did_you_mean, shown

__all__ = ["in_utc", "needless_zone", "zone_of"]

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)

#: The zones farthest from UTC are 14 hours ahead.
_FARTHEST = timedelta(hours=14)


def zone_of(written: Any) -> tzinfo:
    """Return a time zone by its name in the IANA database, or by its distance from UTC.

    Parameters
    ----------
    written
        Like ``"Europe/Berlin"``, ``"UTC"``, or ``"+02:00"``.

    Raises
    ------
    InputError
        When there is none of that name.

    Examples
    --------
    >>> print(zone_of("+05:45"))
    UTC+05:45
    """
    name = written.strip() if isinstance(written, str) else ""
    if offset := _OFFSET.fullmatch(name):
        away = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
        if away <= _FARTHEST and int(offset[3] or 0) < 60:
            return timezone(-away if offset[1] == "-" else away)
    names = available_timezones()
    known = next((known for known in names if known.casefold() == name.casefold()), None)
    if known is None:
        near = did_you_mean(name, names)
        raise InputError.of("time_zone", f"is {shown(written)}.", near if near.startswith("Did") else
                            "It is a zone's name like 'Europe/Berlin', or its distance from UTC like '+02:00'.")
    return ZoneInfo(known)


def in_utc(moments: pd.Series[Any], time_zone: str, *, lenient: bool = False) -> pd.Series[Any]:
    """Return local times as UTC, without a zone.

    Parameters
    ----------
    moments
        datetime64 without a zone.
    time_zone
        Where clocks showed them.
    lenient
        Whether a time that is twice or never there becomes NaT.

    Raises
    ------
    InvalidCandlesError
        At such a time, which is named.
    """
    zone = zone_of(time_zone)
    local = moments.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    lost = (local.isna() & ~moments.isna()).to_numpy(bool)
    if lost.any() and not lenient:
        row = int(lost.argmax())
        once = moments.iloc[row:row + 1].dt.tz_localize(zone, ambiguous=np.array([True]), nonexistent="NaT")
        raise InvalidCandlesError(
            f"The timestamp of row {row + 1:,}, {moments.iloc[row]:%Y-%m-%d %H:%M}, "
            + (f"is never in {time_zone}: clocks are set forward then." if once.isna().any() else
               f"is twice in {time_zone}: clocks are set back then.") + _others(int(lost.sum()) - 1),
            "Export the file in UTC, or leave such rows out with errors='skip' (--errors skip), which counts them."
            if not once.isna().any() else "Is that the file's time zone?")
    universal: pd.Series[Any] = local.dt.tz_convert("UTC").dt.tz_localize(None)
    return universal


def needless_zone(time_zone: str, what: str) -> InvalidCandlesError:
    """Return what is to be said where a zone is given for times that need none."""
    return InvalidCandlesError(f"The times are {what}: {time_zone} cannot be their zone.",
                               "Leave time_zone (--time-zone) out.")


def _others(rows: int) -> str:
    return f" ({rows:,} more rows like it.)" if rows else ""
