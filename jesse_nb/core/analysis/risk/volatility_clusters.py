"""Whether wild days come together, and for how long: then a run holds few stretches of them to learn from."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.analysis.risk.volatility import fit_volatility

__all__ = ["VolatilityClusters", "volatility_clusters"]

#: Days over which sizes are compared.
_LAGS = 20


class VolatilityClusters(NamedTuple):
    """How sizes of returns follow each other.

    Attributes
    ----------
    p
        P-value of "sizes do not follow each other": independent days are below 0.01 in 1 % of samples.
    half_life
        Days after which half of a change in the variance is left, by a fitted GARCH model; infinite where none of it
        fades, NaN where there is no fit.
    """

    p: float
    half_life: float


def volatility_clusters(returns: NDArray[np.float64]) -> VolatilityClusters:
    """Test whether the sizes of daily returns (fractions) follow each other.

    The mean of the first 20 autocorrelations of the sizes' ranks, which of independent days are independent and normal
    with mean ``-1 / T`` and variance ``1 / T`` (Bartlett 1946); ranks, so that one wild day decides nothing. One-sided.

    Examples
    --------
    >>> calm, wild = np.random.default_rng(0).normal(0, [[0.01], [0.05]], (2, 200))
    >>> volatility_clusters(np.concatenate([calm, wild])).p < 0.001
    True
    """
    from scipy.stats import norm, rankdata

    sizes = rankdata(np.abs(returns - returns.mean()))
    sizes = sizes - sizes.mean()
    days, lags = len(sizes), min(_LAGS, len(sizes) // 4)
    spread = float(sizes @ sizes)
    if spread == 0 or lags == 0:
        return VolatilityClusters(1.0, math.nan)
    follow = sum(float(sizes[:-lag] @ sizes[lag:]) for lag in range(1, lags + 1)) / spread
    p = float(norm.sf((follow + lags / days) / math.sqrt(lags / days)))
    fit = fit_volatility(returns, "garch")
    kept = math.nan if fit.reason else fit.alpha + fit.beta
    half_life = kept if math.isnan(kept) else math.inf if kept >= 1 else math.log(0.5) / math.log(max(kept, 1e-9))
    return VolatilityClusters(p, half_life)
