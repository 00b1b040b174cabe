"""Which days a study trains on, tests on and leaves sealed."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from jesse_nb.core.times import DAY_MS, to_ms, utc_text
from jesse_nb.exceptions import InputError, PeriodError

__all__ = ["Period", "StudyPeriods", "study_periods"]


class Period(NamedTuple):
    """Milliseconds UTC, end excluded."""

    start: int
    end: int


class StudyPeriods(NamedTuple):
    """What each part of the data is for; the held-out part and the sealed one may be missing."""

    training: Period
    test: Period | None
    sealed: Period | None


def study_periods(
    start: Any, end: Any, test_start: Any, test_end: Any, test_ratio: float | None, holdout: Any
) -> StudyPeriods:
    """Divide a study's data; the arguments are those of :func:`~jesse_nb.core.tools.optimize.optimize.optimize`.

    The sealed days are cut off first, so that neither training nor test sees them.

    Raises
    ------
    PeriodError
        When a part is missing, empty or in the wrong place.
    InputError
        When ``test_ratio`` or ``holdout`` is not what it must be, or test_start and test_ratio are both given.
    """
    if start is None or end is None:
        raise PeriodError.of("start", "and end are needed.", "Write them as '2024-01-31'; the end is excluded.")
    first, last = to_ms(start, "start"), to_ms(end, "end")
    if first >= last:
        raise PeriodError(f"The end ({utc_text(last)}) must come after the start ({utc_text(first)}).", argument="end")
    if test_start is None and test_end is not None:
        raise PeriodError.of("test_end", "needs a test_start.")
    until = last if test_end is None else to_ms(test_end, "test_end")
    sealed = _sealed(first, max(last, until), holdout)
    if sealed is not None:
        last, until = min(last, sealed.start), min(until, sealed.start)
    if test_start is None:
        return StudyPeriods(*_split(first, last, 0.25 if test_ratio is None else test_ratio), sealed)
    if test_ratio is not None:
        raise InputError("Give test_start or test_ratio, not both.", argument="test_ratio")
    held_out = to_ms(test_start, "test_start")
    if held_out <= first:
        raise PeriodError(f"The held-out period starts at {utc_text(held_out)}, not after the start {utc_text(first)}.",
                          argument="test_start")
    if sealed is not None and held_out >= sealed.start:
        raise PeriodError(f"The held-out period starts at {utc_text(held_out)}, in the sealed days from "
                          f"{utc_text(sealed.start)} on.", "Start it earlier, or seal fewer days.",
                          argument="test_start")
    if held_out >= last and test_end is None:
        raise PeriodError("A test_start behind the end needs a test_end.", argument="test_start")
    if until <= held_out:
        raise PeriodError.of("test_end", f"({utc_text(until)}) must come after test_start ({utc_text(held_out)}).")
    return StudyPeriods(Period(first, min(last, held_out)), Period(held_out, until), sealed)


def _sealed(first: int, last: int, holdout: Any) -> Period | None:
    """Return the last days of the data, from a midnight on."""
    if holdout is None:
        return None
    days = int(match[1]) if isinstance(holdout, str) and (match := re.fullmatch(r"\s*(\d{1,5})\s*(?:d|days?)?\s*",
                                                                                holdout.lower())) else holdout
    if isinstance(days, bool) or not isinstance(days, int) or days < 1:
        raise InputError.of("holdout", f"is {holdout!r}.", "It is a number of days, at the data's end: '90d' or 90.")
    border = (last - days * DAY_MS) // DAY_MS * DAY_MS
    if border <= first:
        raise PeriodError(f"A holdout of {days:,} days leaves nothing of the {(last - first) / DAY_MS:g} days "
                          "to study.", "Seal fewer days, or choose a longer period.", argument="holdout")
    return Period(border, last)


def _split(first: int, last: int, ratio: float) -> tuple[Period, Period | None]:
    """Hold out the last part, from the midnight nearest to the ratio."""
    if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not 0 <= ratio < 1:
        raise InputError.of("test_ratio", f"is {ratio!r}.", "It is a fraction from 0 (nothing held out) to below 1.")
    if ratio == 0:
        return Period(first, last), None
    border = round((last - ratio * (last - first)) / DAY_MS) * DAY_MS
    if not first < border < last:
        days = (last - first) / DAY_MS
        raise PeriodError(f"A period of {days:g} days is too short to hold out {ratio:.0%} of it in whole days.",
                          "Choose a longer period, or test_ratio=0.", argument="test_ratio")
    return Period(first, border), Period(border, last)
