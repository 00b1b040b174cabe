"""The groups of a combinatorial purged cross-validation: where the period is cut."""

from __future__ import annotations

from typing import Any

from jesse_nb.core.analysis.studies.cpcv import cpcv_splits
from jesse_nb.core.study.cpcv_study import Group
from jesse_nb.core.times import DAY_MS, to_ms, utc_text
from jesse_nb.exceptions import InputError, PeriodError, shown

__all__ = ["cpcv_groups"]

#: A shorter group has no return to measure.
_FEWEST_DAYS = 2


def cpcv_groups(start: Any, end: Any, *, groups: int = 6, test_groups: int = 2, gap: int = 0) -> tuple[Group, ...]:
    """Cut a period into groups of whole days, as equal as they can be.

    Every group is simulated on its own and ends with all positions closed, so no trade reaches from a
    training group into a test group. Between two groups ``gap`` days belong to neither: that is the
    purge before, and the embargo after, each test group, for all splits at once.

    Parameters
    ----------
    start, end
        The whole period (anything :func:`~jesse_nb.core.times.to_ms` reads), end excluded.
    groups, test_groups
        As for :func:`~jesse_nb.core.analysis.studies.cpcv.cpcv_splits`.
    gap
        Days left out between neighbouring groups.

    Raises
    ------
    InputError
        When a number is not a whole number in its range.
    PeriodError
        When the period is too short.
    """
    cpcv_splits(groups, test_groups)
    if isinstance(gap, bool) or not isinstance(gap, int) or gap < 0:
        raise InputError.of("gap", f"is {shown(gap)}.", "It is a whole number of days from 0 up.")
    first, last = to_ms(start, "start"), to_ms(end, "end")
    if first >= last:
        raise PeriodError(f"The end ({utc_text(last)}) must come after the start ({utc_text(first)}).", argument="end")
    days = (last - first) // DAY_MS - gap * (groups - 1)
    if days < groups * _FEWEST_DAYS:
        raise PeriodError(
            f"{groups} groups with {gap} days between them do not fit into {utc_text(first)} to {utc_text(last)}.",
            f"A group has at least {_FEWEST_DAYS} days: choose a longer period, fewer groups or a smaller gap.",
                          argument="groups")
    parts, begin = [], first
    for number in range(groups):
        length = days // groups + (number < days % groups)
        stop = last if number == groups - 1 else begin + length * DAY_MS
        parts.append(Group(number, begin, stop))
        begin = stop + gap * DAY_MS
    return tuple(parts)
