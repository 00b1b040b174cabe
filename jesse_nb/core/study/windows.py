"""The windows of a walk-forward: where each trains and where it is tested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from jesse_nb.core.calls import well_named
from jesse_nb.core.times import DAY_MS, to_ms, utc_text
from jesse_nb.exceptions import InputError, PeriodError, shown

__all__ = ["Window", "walk_forward_windows", "windows_table"]


@dataclass(frozen=True)
class Window:
    """One step of a walk-forward; moments are milliseconds UTC, ends excluded.

    Attributes
    ----------
    number
        Counts from 0.
    train_start, train_end
        The in-sample period.
    test_start, test_end
        The out-of-sample period; ``test_start - train_end`` is the gap.
    partial
        True for a last window whose out-of-sample period is cut by the end of the data.
    """

    number: int
    train_start: int
    train_end: int
    test_start: int
    test_end: int
    partial: bool = False

    @property
    def train_days(self) -> float:
        """Length of the in-sample period in days."""
        return (self.train_end - self.train_start) / DAY_MS

    @property
    def test_days(self) -> float:
        """Length of the out-of-sample period in days."""
        return (self.test_end - self.test_start) / DAY_MS


@well_named
def walk_forward_windows(
    start: Any,
    end: Any,
    *,
    in_sample_period: int = 365,
    out_sample_period: int = 30,
    step_forward: int = 7,
    gap: int = 0,
    anchored: bool = False,
) -> tuple[Window, ...]:
    """Return the windows of a walk-forward over a period.

    Parameters
    ----------
    start, end
        The whole period (anything :func:`~jesse_nb.core.times.to_ms` reads), end excluded.
    in_sample_period, out_sample_period, step_forward, gap
        Days: of training, of testing, from one window to the next, and left out between training
        and testing (the embargo).
    anchored
        Let every window train from ``start`` on, so that later ones train longer.

    Returns
    -------
    tuple of Window
        A last window is kept, marked as partial, when at least half of its out-of-sample days exist.

    Raises
    ------
    InputError
        When a number of days is not a whole number in its range.
    PeriodError
        When not even one window fits.

    Examples
    --------
    >>> windows = jn.walk_forward_windows("2023-01-01", "2024-03-01", step_forward=30)
    >>> len(windows), windows[0].partial
    (2, False)
    """
    for name, value, least in (("in_sample_period", in_sample_period, 1), ("out_sample_period", out_sample_period, 1),
                               ("step_forward", step_forward, 1), ("gap", gap, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InputError.of(name, f"is {shown(value)}.", f"It is a whole number of days from {least} up.")
    first, last = to_ms(start, "start"), to_ms(end, "end")
    if first >= last:
        raise PeriodError(f"The end ({utc_text(last)}) must come after the start ({utc_text(first)}).", argument="end")
    windows: list[Window] = []
    while True:
        shift = len(windows) * step_forward * DAY_MS
        train_end = first + shift + in_sample_period * DAY_MS
        test_start = train_end + gap * DAY_MS
        test_end = test_start + out_sample_period * DAY_MS
        cut = min(test_end, last)
        if (cut - test_start) * 2 < test_end - test_start:
            break
        windows.append(Window(len(windows), first if anchored else first + shift, train_end, test_start, cut,
                              partial=cut < test_end))
        if cut == last:
            break
    if not windows:
        needed = in_sample_period + gap + out_sample_period
        raise PeriodError(
            f"{in_sample_period} + {gap} + {out_sample_period} days (in-sample, gap, out-of-sample) do not fit into "
            f"{utc_text(first)} to {utc_text(last)}, which is {(last - first) / DAY_MS:g} days.",
            f"Choose a period of {needed} days or more, or shorter windows.", argument="in_sample_period")
    return tuple(windows)


@well_named
def windows_table(windows: tuple[Window, ...]) -> pd.DataFrame:
    """Return the windows as a table of UTC dates and days, one row a window, for a look before anything runs.

    Examples
    --------
    >>> windows = jn.walk_forward_windows("2023-01-01", "2024-03-01", step_forward=30)
    >>> jn.windows_table(windows)["test from"].tolist()
    ['2024-01-01', '2024-01-31']
    """
    return pd.DataFrame(
        [{"train from": utc_text(window.train_start), "train to": utc_text(window.train_end),
          "test from": utc_text(window.test_start), "test to": utc_text(window.test_end),
          "train days": window.train_days, "test days": window.test_days, "partial": window.partial}
         for window in windows],
        index=pd.RangeIndex(len(windows), name="window"),
    )
