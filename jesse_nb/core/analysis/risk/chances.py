"""How likely loss, ruin and a target are among paths, and what is to be expected at several confidence levels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from jesse_nb.core.analysis.luck.significance import proportion_of
from jesse_nb.core.analysis.resampling.monte_carlo import MonteCarlo

__all__ = ["barriers_of", "chances", "worst_cases"]


def barriers_of(ruin: float, target: float | None) -> tuple[float, float]:
    """Return ruin and target, percent lost and gained of the starting equity, as multiples of it.

    Examples
    --------
    >>> barriers_of(50.0, 100.0)
    (0.5, 2.0)
    """
    return 1.0 - ruin / 100.0, math.inf if target is None else 1.0 + target / 100.0


def chances(drawn: MonteCarlo, balance: float, *, target: bool) -> pd.DataFrame:
    """Return the probabilities that the paths show.

    Parameters
    ----------
    drawn
        Paths with passages.
    balance
        What they began with.
    target
        Whether there is one.

    Returns
    -------
    pandas.DataFrame
        Index ``loss`` (ends below the start), ``ruin`` (is at or below that level at any step) and, with a target,
        ``target`` (reaches it before ruin) and ``undecided`` (reaches neither). Columns ``probability``,
        ``standard_error`` and the 95 % Wilson interval ``low``, ``high``, all fractions: the errors of drawing so few
        paths, not of the history they are drawn from.
    """
    fell, rose = drawn.passages["fell_at"], drawn.passages["rose_at"]
    ruined, reached = fell <= drawn.steps, (rose <= drawn.steps) & (rose < fell)
    events = {"loss": drawn.samples["final_equity"] < balance, "ruin": ruined}
    if target:
        # ruin after the target is no ruin before it
        events |= {"target": reached, "undecided": ~reached & ~ruined}
    rows = {}
    for name, happened in events.items():
        found = proportion_of(int(happened.sum()), len(happened))
        error = math.sqrt(found.share * (1.0 - found.share) / found.total) if found.total else math.nan
        rows[name] = (found.share, error, found.low, found.high)
    return pd.DataFrame.from_dict(rows, orient="index", columns=["probability", "standard_error", "low", "high"])


def worst_cases(drawn: MonteCarlo, confidence_levels: Sequence[float]) -> pd.DataFrame:
    """Return what so large a share of the paths stays on the better side of.

    Returns
    -------
    pandas.DataFrame
        Index ``confidence``. ``final_equity`` (at least so much, quote currency), ``max_drawdown`` (no deeper, percent,
        0 or below), ``longest_underwater`` (no longer, steps).
    """
    rows = {float(level): [drawn.samples["final_equity"].quantile(1.0 - level),
                           drawn.samples["max_drawdown"].quantile(1.0 - level),
                           drawn.samples["longest_underwater"].quantile(level)] for level in confidence_levels}
    columns = ["final_equity", "max_drawdown", "longest_underwater"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("confidence")
