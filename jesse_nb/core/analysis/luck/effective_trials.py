"""How many independent trials a study is worth: a hundred that do nearly the same are not a hundred.

Two estimates are made, and the larger one counts, for too few trials make luck look like skill:

- clusters of trials whose daily returns move together (after López de Prado and Lewis, "Detection of False Investment
  Strategies Using Unsupervised Learning Methods", Quantitative Finance 19(9), 2019): correlation distance
  ``sqrt((1 - ρ)/2)``, average linkage, as many clusters as have the best mean silhouette;
- the number of independent trials whose best one is expected to look as good as the best of these would without
  skill. Clusters alone forget that choosing within a cluster helps luck, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.luck.sharpe_inference import expected_maximum_sharpe

__all__ = ["EffectiveTrials", "cluster_trials", "effective_trials", "independent_equivalent"]

Array = NDArray[np.float64]

#: An earlier backtest counts as at least this part of an independent trial.
LEAST_SHARE = 0.25
#: Below this mean silhouette there is no structure worth the name (Kaufman and Rousseeuw 1990).
STRUCTURE = 0.25
#: Of more distinct trials than this, so many are clustered, evenly spread over the trials' order.
MOST_CLUSTERED = 2000


@dataclass(frozen=True, eq=False)
class EffectiveTrials:
    """The effective number of independent trials, and how far their Sharpe ratios lie apart.

    Attributes
    ----------
    number
        Effective number, at least 1 where a trial traded: the larger of ``clusters`` and ``equivalent``.
    clusters
        How many clusters were found; 0 where the trials fall into none.
    equivalent
        The number of independent trials whose best is expected to look as good by luck.
    silhouette
        Mean silhouette of the clusters, -1 to 1; NaN without any.
    labels
        Cluster of each trial, from 0, by column; -1 for trials in none (never traded, not clustered).
    distinct
        How many trials traded and differ from the others.
    idle
        How many never traded; they are no trials.
    variance
        Of the distinct trials' Sharpe ratios per day, which the deflated Sharpe ratio needs; but never below what
        chance alone gives independent trials, ``1/(days - 1)``. Trials that resemble each other lie closer together,
        and their number has been lowered for it already. Where trials were stopped early, the better half of all
        speaks for the worse, too (:func:`upper_variance`).
    """

    number: float
    clusters: int
    equivalent: float
    silhouette: float
    labels: pd.Series[int] = field(repr=False)
    distinct: int
    idle: int
    variance: float

    def with_earlier(self, backtests: int) -> float:
        """Return the effective number with earlier backtests, of which only the count is known.

        They are taken to repeat each other as much as these trials do, but each counts for a quarter of an
        independent trial at the least: what was tried by hand differs more than what one study varies.
        """
        share = max(self.number / self.distinct, LEAST_SHARE) if self.distinct else 0.0
        return self.number + backtests * share


def effective_trials(returns: pd.DataFrame, *, unfinished: int = 0, seed: int = 0) -> EffectiveTrials:
    """Estimate how many independent trials these are worth.

    Parameters
    ----------
    returns
        Daily returns, fractions, all defined: one row a day, one column a trial.
    unfinished
        How many more trials were stopped early for doing badly. Only the variance takes them into account.
    seed
        Makes the simulated equivalent repeatable.
    """
    values = returns.to_numpy(dtype=float)
    traded = np.ptp(values, axis=0) > 1e-14 if len(values) else np.zeros(values.shape[1], dtype=bool)
    labels = pd.Series(-1, index=returns.columns, dtype=int)
    idle = int((~traded).sum())
    if not traded.any() or len(values) < 3:
        return EffectiveTrials(0.0, 0, 0.0, math.nan, labels, 0, idle, math.nan)
    # trials that differ only in size have the same Sharpe ratio and are one, too
    standard = _standardized(values[:, traded])
    _, first, twin = np.unique(np.round(standard, 9), axis=1, return_index=True, return_inverse=True)
    order = np.argsort(first)
    distinct, owner = standard[:, first[order]], np.argsort(order)[np.asarray(twin).reshape(-1)]
    found, silhouette = cluster_trials(distinct)
    labels.iloc[np.flatnonzero(traded)] = found[owner]
    clusters = int(found.max()) + 1
    equivalent = independent_equivalent(distinct, seed=seed)
    number = max(float(clusters), equivalent, 1.0)
    once = values[:, np.flatnonzero(traded)[first]]
    ratios = once.mean(axis=0) / once.std(axis=0, ddof=1)
    by_chance = 1.0 / (len(values) - 1)
    spread = float(np.var(ratios, ddof=1)) if len(ratios) > 1 else 0.0
    return EffectiveTrials(
        number=number, clusters=clusters, equivalent=equivalent, silhouette=silhouette, labels=labels,
        distinct=distinct.shape[1], idle=idle,
        variance=max(spread, upper_variance(ratios, unfinished) if unfinished else 0.0, by_chance),
    )


def upper_variance(values: Array, lower: int) -> float:
    """Estimate the variance of values of which the ``lower`` lowest are missing.

    The mean squared distance of the better half from the median of all, which for a symmetric distribution is the
    variance. With more missing than known, the lowest one known stands for the median, which is below it: the
    estimate is then too small.

    Parameters
    ----------
    values
        (n,), those that are known.
    lower
        How many more there are, below all of these.
    """
    if not len(values):
        return 0.0
    ordered = np.concatenate([np.full(lower, -np.inf), np.sort(values)])
    middle = ordered[(len(ordered) - 1) // 2 : len(ordered) // 2 + 1].mean()
    median = float(middle) if np.isfinite(middle) else float(values.min())
    above = values[values >= median]
    return float(((above - median) ** 2).mean())


def cluster_trials(standard: Array) -> tuple[NDArray[np.int_], float]:
    """Cluster trials by the correlation of their returns.

    Parameters
    ----------
    standard
        (days, trials) returns, each column with mean 0 and standard deviation 1.

    Returns
    -------
    labels, silhouette
        Cluster of each trial from 0, and the mean silhouette. Without structure (a mean silhouette below 0.25): one
        cluster where the mean correlation is at least 1/2, otherwise -1 for all, with NaN. Of more than 2,000 trials
        the rest are -1 and not clustered.
    """
    from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
    from scipy.spatial.distance import squareform

    count = standard.shape[1]
    labels = np.full(count, -1)
    used = np.unique(np.linspace(0, count - 1, min(count, MOST_CLUSTERED)).round().astype(int))
    if len(used) < 2:
        return np.zeros(count, dtype=int), math.nan
    correlation = np.clip(standard[:, used].T @ standard[:, used] / len(standard), -1.0, 1.0)
    distance = np.sqrt((1.0 - correlation) / 2.0)
    np.fill_diagonal(distance, 0.0)
    distance = (distance + distance.T) / 2.0
    tree = linkage(squareform(distance, checks=False), method="average")
    leaves = leaves_list(tree)
    ordered = distance[np.ix_(leaves, leaves)]
    best, chosen = -math.inf, np.zeros(len(used), dtype=int)
    for number in _candidates(len(used)):
        grouping = fcluster(tree, number, criterion="maxclust")
        mean = _silhouette(ordered, grouping[leaves])
        if mean > best + 1e-12:
            best, chosen = mean, grouping
    if best >= STRUCTURE:
        labels[used] = np.unique(chosen, return_inverse=True)[1]
        return labels, best
    if correlation[np.triu_indices(len(used), 1)].mean() >= 0.5:
        labels[used] = 0
    return labels, math.nan


def independent_equivalent(standard: Array, *, draws: int = 1000, seed: int = 0) -> float:
    """Return how many independent trials have a best one that looks as good, without any skill.

    The trials' Sharpe ratios without skill are drawn with the correlation of their returns (each day's returns times
    a standard normal number), and the mean of their maximum is looked up in the formula for independent trials
    (:func:`~jesse_nb.core.analysis.luck.sharpe_inference.expected_maximum_sharpe`).

    Parameters
    ----------
    standard
        (days, trials) returns, each column with mean 0 and standard deviation 1.
    draws
        How many maxima.
    seed
        Makes them repeatable.

    Returns
    -------
    float
        From 1 to the number of trials.
    """
    from scipy.optimize import brentq

    days, count = standard.shape
    if count < 2:
        return float(count)
    # drawn in pairs of opposite sign, for then one trial's draws have mean 0
    normal = np.random.default_rng(seed).standard_normal((draws // 2, days)) / math.sqrt(days)
    drawn = normal @ standard
    height = float(np.concatenate([drawn.max(axis=1), -drawn.min(axis=1)]).mean())
    if height >= expected_maximum_sharpe(1.0, count):
        return float(count)
    least = 1.5  # where the formula is above zero
    if height <= expected_maximum_sharpe(1.0, least):
        return 1.0
    return float(brentq(lambda number: expected_maximum_sharpe(1.0, number) - height, least, count))


def _standardized(values: Array) -> Array:
    gaps: Array = values - values.mean(axis=0)
    standard: Array = gaps / gaps.std(axis=0)
    return standard


def _candidates(count: int) -> list[int]:
    """Return the numbers of clusters to try: all up to 20, then ever coarser up to half of the trials."""
    most = max(count // 2, 2) if count > 3 else count - 1
    few = range(2, min(most, 20) + 1)
    return sorted({*few, *np.geomspace(20, most, 20).round().astype(int).tolist()} if most > 20 else few)


def _silhouette(distance: Array, labels: NDArray[np.int_]) -> float:
    """Return the mean silhouette of clusters that each lie side by side, as the leaves of a tree do."""
    starts = np.flatnonzero(np.r_[True, labels[1:] != labels[:-1]])
    sizes = np.diff(np.r_[starts, len(labels)])
    if len(starts) < 2:
        return -1.0
    sums = np.add.reduceat(distance, starts, axis=1)
    rows, own = np.arange(len(labels)), np.repeat(np.arange(len(starts)), sizes)
    alone = sizes[own] == 1
    inside = sums[rows, own] / np.maximum(sizes[own] - 1, 1)
    means = sums / sizes
    means[rows, own] = math.inf
    outside = means.min(axis=1)
    larger = np.maximum(inside, outside)
    # a trial on its own has silhouette 0 by definition
    values = np.where(alone | (larger == 0), 0.0, (outside - inside) / np.where(larger == 0, 1.0, larger))
    return float(values.mean())
