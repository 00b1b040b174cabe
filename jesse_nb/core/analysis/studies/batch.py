"""What many backtests together say: comparison by any two dimensions, statistics, stability of ranks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from jesse_nb.core.study.batch_entry import JOIN
from jesse_nb.exceptions import InputError, did_you_mean, shown

__all__ = ["RankStability", "compare", "joined", "overall_statistics", "rank_stability"]

_AGGREGATES = ("median", "mean", "min", "max", "std", "count", "sum")


def compare(
    labels: pd.DataFrame,
    values: pd.Series[float],
    rows: str | Sequence[str],
    columns: str | Sequence[str],
    aggregate: str | Callable[[Any], float] = "median",
) -> pd.DataFrame:
    """Lay a value out by two dimensions.

    Parameters
    ----------
    labels
        One row a combination, one column a dimension.
    values
        A number a combination, on the same index; NaN where it has none.
    rows, columns
        A dimension each, or several that are joined.
    aggregate
        What stands for the combinations that share a cell: a name (``median``, ``mean``, ``min``,
        ``max``, ``std``, ``count``, ``sum``) or a function. NaN is left out.

    Returns
    -------
    pandas.DataFrame
        Numbers sorted by size, other labels in the order in which they first appear; NaN where no
        combination has a value.

    Raises
    ------
    InputError
        When a dimension or the aggregate is unknown, or a dimension is on both sides.
    """
    if not callable(aggregate) and aggregate not in _AGGREGATES:
        raise InputError(f"No aggregate is called {shown(aggregate)}.", did_you_mean(str(aggregate), _AGGREGATES))
    down, across = _dimensions(labels, rows, "rows"), _dimensions(labels, columns, "columns")
    both = [name for name in down if name in across]
    if both:
        raise InputError(f"{shown(both[0])} is in rows and in columns.", "Compare two different dimensions.")
    frame = pd.DataFrame({"row": joined(labels, down), "column": joined(labels, across), "value": values})
    grouped = frame.dropna(subset=["row", "column"]).groupby(["row", "column"], sort=False)["value"]
    cells = grouped.agg(lambda cell: _aggregated(cell.dropna(), aggregate))
    table: pd.DataFrame = cells.unstack("column").reindex(index=_order(frame["row"]), columns=_order(frame["column"]))
    return table.rename_axis(index=JOIN.join(down), columns=JOIN.join(across))


def joined(labels: pd.DataFrame, names: Sequence[str]) -> pd.Series[Any]:
    """Return one dimension as it is, several as one text."""
    if len(names) == 1:
        return labels[names[0]]
    return labels[list(names)].astype(str).agg(JOIN.join, axis=1)


def overall_statistics(metrics: pd.DataFrame) -> pd.DataFrame:
    """Summarise each metric over all combinations.

    Parameters
    ----------
    metrics
        One row a combination, one numeric column a metric; NaN and infinite values are left out.

    Returns
    -------
    pandas.DataFrame
        One row a metric: ``count``, ``mean``, ``std`` (n - 1), ``min``, ``25%``, ``median``, ``75%``, ``max``
        and ``above_zero``, the share above 0 as a fraction.
    """
    columns = ["count", "mean", "std", "min", "25%", "median", "75%", "max", "above_zero"]
    finite = metrics.apply(pd.to_numeric, errors="coerce").replace([np.inf, -np.inf], np.nan)
    finite = finite.dropna(axis="columns", how="all")
    if finite.empty:
        return pd.DataFrame(columns=columns, dtype=float).rename_axis("metric")
    table: pd.DataFrame = finite.describe().T.rename(columns={"50%": "median"})
    table["above_zero"] = (finite > 0).sum() / finite.count()
    summary: pd.DataFrame = table[columns].astype({"count": int}).rename_axis("metric")
    return summary


class RankStability(NamedTuple):
    """Whether configurations keep their order from one judge (a symbol, a period) to the next.

    Attributes
    ----------
    ranks
        One row a configuration, best mean rank first; one column a judge and ``mean``. 1 is best, ties
        share the mean of their ranks.
    kendall_w
        Kendall's coefficient of concordance, corrected for ties: 0 is no agreement, 1 the same
        order everywhere.
    p_value
        Of "no agreement", by Friedman's chi-squared; rough below about 7 configurations.
    mean_spearman
        Mean of the judges' pairwise rank correlations, -1 to 1; a judge that ranks all alike has none.
    dropped
        How many configurations are left out because a judge has no value for them.
    reason
        Why the figures are NaN; empty when they are not.
    """

    ranks: pd.DataFrame
    kendall_w: float
    p_value: float
    mean_spearman: float
    dropped: int
    reason: str = ""


def rank_stability(table: pd.DataFrame, *, highest_is_best: bool = True) -> RankStability:
    """Rank configurations by each judge and measure how well the judges agree.

    ``W = (12 S) / (m² (n³ - n) - m T)`` with S the squared deviations of the n rank sums, m judges and T
    the ties' Σ(t³ - t) (Kendall & Babington Smith 1939); Friedman's chi-squared is ``m (n - 1) W``.

    Parameters
    ----------
    table
        One row a configuration, one column a judge, as :func:`compare` gives it; a judge without any value
        is left out.
    highest_is_best
        False for metrics of which less is better.
    """
    known = table.replace([np.inf, -np.inf], np.nan).dropna(axis="columns", how="all")
    complete = known.dropna()
    ranks = complete.rank(ascending=not highest_is_best)
    dropped = len(known) - len(complete)
    shown = ranks.assign(mean=ranks.mean(axis=1)).sort_values("mean", kind="stable")
    n, m = ranks.shape
    undefined = RankStability(shown, math.nan, math.nan, math.nan, dropped)
    if m < 2:
        return undefined._replace(reason="there is only one to rank by" if m else "there is nothing to rank by")
    if n < 3:
        return undefined._replace(reason=f"only {n} {'configuration has' if n == 1 else 'configurations have'} "
                                         "a value everywhere; ranks need three")
    ties = sum(float((counts**3 - counts).sum()) for counts in (ranks[judge].value_counts() for judge in ranks))
    below = m**2 * (n**3 - n) - m * ties
    if below <= 0:
        return undefined._replace(reason="all configurations are tied")
    sums = ranks.sum(axis=1)
    w = float(12 * ((sums - sums.mean()) ** 2).sum() / below)
    pairs = ranks.corr().to_numpy()  # Pearson of ranks is Spearman
    spearman = [pairs[one, other] for one, other in itertools.combinations(range(m), 2)]
    defined = [value for value in spearman if not math.isnan(value)]
    return RankStability(shown, w, float(stats.chi2.sf(m * (n - 1) * w, n - 1)),
                         float(np.mean(defined)) if defined else math.nan, dropped)


def _aggregated(values: pd.Series[float], aggregate: str | Callable[[Any], float]) -> float:
    if values.empty:
        return math.nan
    return float(aggregate(values) if callable(aggregate) else getattr(values, aggregate)())


def _dimensions(labels: pd.DataFrame, names: str | Sequence[str], side: str) -> list[str]:
    chosen = [names] if isinstance(names, str) else list(names)
    for name in chosen:
        if name not in labels.columns:
            raise InputError(f"{side} is {shown(name)}, which is no dimension of this batch.",
                             did_you_mean(str(name), map(str, labels.columns)))
    if not chosen:
        raise InputError(f"{side} names no dimension.", f"Known: {', '.join(map(str, labels.columns))}.")
    return chosen


def _order(labels: pd.Series[Any]) -> list[Any]:
    distinct = list(dict.fromkeys(labels.dropna()))
    numeric = all(isinstance(label, int | float) and not isinstance(label, bool) for label in distinct)
    return sorted(distinct) if numeric else distinct
