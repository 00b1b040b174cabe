"""What moves together in crashes only: losses in both tails, the t copula, and drawdowns at the same time."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["TCopula", "deep_drawdown", "drawdown_overlap", "fit_t_copula", "normal_tail", "t_copula_tail"]

#: Degrees of freedom that are tried; beyond the last the t copula is nearly the normal one.
FREEDOMS = tuple(float(value) for value in np.round(np.geomspace(2.0, 100.0, 40), 3))


class TCopula(NamedTuple):
    """A t copula: its correlation, its degrees of freedom, and the tail dependence that follows from them."""

    rho: float
    freedom: float
    tail: float


def t_copula_tail(rho: float, freedom: float) -> float:
    """Return the coefficient of tail dependence of a t copula: the same in both tails.

    ``2 t_{nu+1}(-sqrt((nu + 1) (1 - rho) / (1 + rho)))`` (Embrechts, McNeil and Straumann 2002): the probability that
    one falls beyond a far quantile, given that the other does.

    Examples
    --------
    >>> round(t_copula_tail(0.8, 4), 5)
    0.48959
    """
    from scipy.stats import t

    if rho >= 1.0:
        return 1.0
    if rho <= -1.0:
        return 0.0
    return float(2.0 * t.cdf(-math.sqrt((freedom + 1.0) * (1.0 - rho) / (1.0 + rho)), freedom + 1.0))


def normal_tail(rho: float, tail: float) -> float:
    """Return how often both are in their lower tails, given that one is, where the dependence is the normal copula's.

    Parameters
    ----------
    rho
        The copula's correlation.
    tail
        Which share of the observations is the tail.

    Examples
    --------
    >>> round(normal_tail(0.0, 0.05), 4)
    0.05
    """
    from scipy.stats import multivariate_normal, norm

    if abs(rho) > 1.0 - 1e-9:
        return 1.0 if rho > 0 else 0.0
    cut = norm.ppf(tail)
    return float(multivariate_normal.cdf([cut, cut], cov=[[1.0, rho], [rho, 1.0]])) / tail


def fit_t_copula(first: NDArray[np.float64], second: NDArray[np.float64]) -> TCopula:
    """Fit a t copula to two series: its correlation by Kendall's tau, its degrees of freedom by likelihood.

    McNeil, Frey and Embrechts (2015), 7.5: ``rho = sin(pi tau / 2)``; the likelihood is of the ranks, and is looked at
    for 40 values from 2 to 100.
    """
    from scipy.special import gammaln
    from scipy.stats import kendalltau, rankdata

    rho = math.sin(math.pi / 2.0 * float(kendalltau(first, second).statistic))
    if abs(rho) > 1.0 - 1e-9:
        return TCopula(rho, math.inf, 1.0 if rho > 0 else 0.0)
    count = len(first)
    one = rankdata(first, method="ordinal").astype(int) - 1
    other = rankdata(second, method="ordinal").astype(int) - 1
    best, chosen = -math.inf, FREEDOMS[-1]
    for freedom in FREEDOMS:
        score = _quantiles(count, freedom)
        x, y = score[one], score[other]
        together = np.log1p((x * x - 2.0 * rho * x * y + y * y) / (freedom * (1.0 - rho * rho)))
        alone = np.log1p(x * x / freedom) + np.log1p(y * y / freedom)
        likelihood = (count * (gammaln(freedom / 2 + 1) + gammaln(freedom / 2) - 2 * gammaln((freedom + 1) / 2)
                               - 0.5 * math.log(1.0 - rho * rho))
                      - (freedom / 2 + 1) * float(together.sum()) + (freedom + 1) / 2 * float(alone.sum()))
        if likelihood > best:
            best, chosen = likelihood, freedom
    return TCopula(rho, chosen, t_copula_tail(rho, chosen))


@lru_cache(maxsize=2 * len(FREEDOMS))
def _quantiles(count: int, freedom: float) -> NDArray[np.float64]:
    from scipy.stats import t

    found: NDArray[np.float64] = t.ppf(np.arange(1, count + 1) / (count + 1), freedom)
    return found


def deep_drawdown(returns: pd.DataFrame) -> pd.DataFrame:
    """Tell when each column was more than half as far below its peak as it ever was.

    Parameters
    ----------
    returns
        Simple returns, one row an observation.
    """
    value = (1.0 + returns).cumprod()
    below = value / value.cummax().clip(lower=1.0) - 1.0
    return below < below.min() / 2.0


def drawdown_overlap(deep: pd.DataFrame, first: str, second: str) -> float:
    """Return how much of the time in which either was in a deep drawdown, both were (Jaccard's index).

    Parameters
    ----------
    deep
        Of :func:`deep_drawdown`.
    first, second
        Columns.
    """
    one, other = deep[first].to_numpy(), deep[second].to_numpy()
    either = int((one | other).sum())
    return float((one & other).sum()) / either if either else math.nan
