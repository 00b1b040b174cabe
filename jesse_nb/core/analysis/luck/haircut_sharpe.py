"""What is left of the best trial's Sharpe ratio once its p-value has paid for all the trials.

Harvey and Liu, "Backtesting", Journal of Portfolio Management 42(1), 2015.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from jesse_nb.core.analysis.luck.significance import shortage
from jesse_nb.core.study.ratios import PERIODS

__all__ = ["HaircutSharpe", "haircut_sharpe"]

Array = NDArray[np.float64]

#: Harvey and Liu's three corrections.
_CORRECTIONS = ("bonferroni", "holm", "bhy")


class HaircutSharpe(NamedTuple):
    """A Sharpe ratio before and after the correction for the number of trials.

    Attributes
    ----------
    sharpe
        As observed, annualized by 365.
    p
        Its two-sided p-value as if it were the only trial.
    tests
        How many trials were corrected for.
    table
        Indexed by ``bonferroni``, ``holm``, ``bhy`` (Benjamini, Hochberg and Yekutieli) and their ``mean``; columns
        ``p`` (adjusted), ``sharpe`` (the ratio that would have that p-value alone, annualized by 365) and
        ``haircut`` (the fraction of the Sharpe ratio that is cut off).
    reason
        Why the figures are NaN; empty otherwise.
    """

    sharpe: float
    p: float
    tests: int
    table: pd.DataFrame
    reason: str = ""


def haircut_sharpe(sharpes: ArrayLike, chosen: int, days: int, *, more_tests: int = 0) -> HaircutSharpe:
    """Cut the chosen trial's Sharpe ratio down for the number of trials.

    Parameters
    ----------
    sharpes
        The trials' Sharpe ratios per day, not annualized. NaN (a trial that never traded) is no test.
    chosen
        Position of the chosen one.
    days
        How many daily returns they rest on.
    more_tests
        Earlier trials of which only the number is known; they count as having found nothing.

    Notes
    -----
    A ratio's t-statistic is ``SR sqrt(days)`` with Student's distribution of ``days - 1``. A negative ratio is no
    discovery, so its p-value is 1: it counts as a test and does not make the others look better.
    """
    from scipy.stats import t as student

    ratios = np.asarray(sharpes, dtype=float)
    its = float(ratios[chosen]) if len(ratios) else math.nan
    usable = np.isfinite(ratios)
    tests = int(usable.sum()) + more_tests
    if not math.isfinite(its) or days < 3:
        reason = "the chosen trial's Sharpe ratio is undefined" if days >= 3 else shortage(days, "day", 3)
        return HaircutSharpe(its * math.sqrt(PERIODS), math.nan, tests, _table(math.nan, {}), reason)
    values = np.where(ratios > 0, 2.0 * student.sf(np.abs(ratios) * math.sqrt(days), days - 1), 1.0)
    values = np.concatenate([values[usable], np.ones(more_tests)])
    position = int(usable[:chosen].sum())
    adjusted = {name: float(one[position]) for name, one in zip(_CORRECTIONS, _corrected(values), strict=True)}
    adjusted["mean"] = float(np.mean(list(adjusted.values())))
    left = {name: (p, max(float(student.isf(p / 2.0, days - 1)), 0.0) / math.sqrt(days))
            for name, p in adjusted.items()}
    return HaircutSharpe(its * math.sqrt(PERIODS), float(values[position]), tests, _table(its, left))


def _corrected(values: Array) -> tuple[Array, Array, Array]:
    """Return the p-values corrected by Bonferroni, Holm, and Benjamini, Hochberg and Yekutieli.

    statsmodels has all three, but collects garbage at each call, which takes longer than all the rest.
    """
    from scipy.stats import false_discovery_control

    order = np.argsort(values)
    holm = np.empty_like(values)
    holm[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)), 1.0)
    return np.minimum(values * len(values), 1.0), holm, false_discovery_control(values, method="by")


def _table(observed: float, left: dict[str, tuple[float, float]]) -> pd.DataFrame:
    rows = {}
    for name in (*_CORRECTIONS, "mean"):
        p, ratio = left.get(name, (math.nan, math.nan))
        # without an edge there is nothing to cut
        cut = 1.0 - ratio / observed if observed > 0 else math.nan
        rows[name] = {"p": p, "sharpe": ratio * math.sqrt(PERIODS) if observed > 0 else math.nan, "haircut": cut}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("correction")
