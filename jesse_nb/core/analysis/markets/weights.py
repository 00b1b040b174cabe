"""How money is divided: equal, inverse volatility, minimum variance, risk parity, hierarchical risk parity."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["ALLOCATIONS", "Allocation", "allocate", "covariance_of", "hierarchical_risk_parity", "inverse_volatility",
           "minimum_variance", "risk_parity", "risk_shares"]

Allocation = Literal["equal", "inverse_vol", "min_variance", "risk_parity", "hrp"]
ALLOCATIONS: tuple[Allocation, ...] = ("equal", "inverse_vol", "min_variance", "risk_parity", "hrp")

Vector = NDArray[np.float64]

#: Days with a gain or a loss below which nothing is known of a part's risk.
FEWEST_MOVING = 20


def allocate(returns: pd.DataFrame, method: Allocation) -> pd.Series[float]:
    """Return the weights that a method gives for what the past shows: above or equal to zero, together one.

    Parameters
    ----------
    returns
        Daily returns of the past alone, one column a part, without gaps.
    method
        ``equal``, ``inverse_vol``, ``min_variance``, ``risk_parity`` (each adds as much to the variance) or ``hrp``.
        All but ``equal`` are of :func:`covariance_of`. A part that moved on fewer than 20 days gets an equal share,
        as nothing is known of its risk.

    Examples
    --------
    >>> steps = pd.DataFrame({"a": [0.01, -0.01] * 20, "b": [0.02, -0.02, -0.02, 0.02] * 10})
    >>> allocate(steps, "equal").tolist()
    [0.5, 0.5]
    """
    count = returns.shape[1]
    weights = pd.Series(1.0 / count, index=returns.columns, dtype=float)
    known = [str(name) for name in returns if int((returns[name] != 0.0).sum()) >= FEWEST_MOVING]
    if method == "equal" or len(known) < 2:
        return weights
    covariance = covariance_of(returns[known])
    if method == "hrp":
        found = hierarchical_risk_parity(covariance)
    else:
        by_method = {"inverse_vol": inverse_volatility, "min_variance": minimum_variance, "risk_parity": risk_parity}
        found = by_method[method](covariance.to_numpy(dtype=float))
    weights.loc[known] = found * len(known) / count
    return weights


def covariance_of(returns: pd.DataFrame) -> pd.DataFrame:
    """Return the covariance of daily returns: variances as observed, correlations shrunk (Ledoit and Wolf 2004).

    Positive definite, also with more columns than rows.
    """
    from sklearn.covariance import ledoit_wolf

    values = returns.to_numpy(dtype=float)
    deviations = values.std(axis=0, ddof=1)
    shrunk, _ = ledoit_wolf((values - values.mean(axis=0)) / values.std(axis=0))
    scale = deviations / np.sqrt(np.diag(shrunk))
    return pd.DataFrame(shrunk * np.outer(scale, scale), index=returns.columns, columns=returns.columns)


def inverse_volatility(covariance: Vector) -> Vector:
    """Return weights that are proportional to one by the standard deviation."""
    inverse = 1.0 / np.sqrt(np.diag(covariance))
    found: Vector = inverse / inverse.sum()
    return found


def minimum_variance(covariance: Vector) -> Vector:
    """Return the weights, none below zero, with the least variance (Markowitz 1952).

    Least squares with bounds: where ``x >= 0`` minimizes ``x' C x - 2 sum(x)``, its direction is the answer.
    """
    from scipy.optimize import lsq_linear

    deviations = np.sqrt(np.diag(covariance))
    root = np.linalg.cholesky(covariance / np.outer(deviations, deviations))
    # with x = y / deviations and R R' the correlations, |R' y - R^-1 (1 / deviations)|^2 is that and a constant
    wanted = np.linalg.solve(root, deviations.mean() / deviations)
    found = lsq_linear(root.T, wanted, bounds=(0.0, np.inf), method="bvls", tol=1e-14).x
    held = np.maximum(found, 0.0) / deviations
    weights: Vector = held / held.sum()
    return weights


def risk_parity(covariance: Vector) -> Vector:
    """Return the weights with which each part adds as much to the variance.

    The minimum of ``x' C x / 2 - mean(log x)``, which is convex (Spinu 2013), by Newton's method on correlations.
    """
    deviations = np.sqrt(np.diag(covariance))
    matrix = covariance / np.outer(deviations, deviations)
    count = len(matrix)
    point = np.full(count, 1.0 / np.sqrt(matrix.sum()))
    for _ in range(100):
        slope = matrix @ point - 1.0 / (count * point)
        step = np.linalg.solve(matrix + np.diag(1.0 / (count * point**2)), slope)
        decrement = float(np.sqrt(max(slope @ step, 0.0)))
        reach = float(np.max(step / point))
        point = point - (step if reach < 0.95 and decrement < 0.3 else step / max(1.0 + decrement * np.sqrt(count),
                                                                                  1.05 * max(reach, 0.0)))
        if decrement < 1e-13:
            break
    held = point / deviations
    weights: Vector = held / held.sum()
    return weights


def hierarchical_risk_parity(covariance: pd.DataFrame) -> Vector:
    """Return the weights of hierarchical risk parity, as in the paper that named it (López de Prado 2016).

    Distances ``sqrt((1 - r) / 2)``; single linkage of the Euclidean distances between the *columns of that matrix*;
    the order of the tree's leaves is halved again and again, whatever its branches, and each half gets as much as the
    other has variance under inverse-variance weights. Other programs link the distances themselves, or cut where the
    tree does, and come to other weights.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import pdist

    values = covariance.to_numpy(dtype=float)
    if len(values) == 1:
        return np.ones(1)
    deviations = np.sqrt(np.diag(values))
    distance = np.sqrt(np.clip((1.0 - values / np.outer(deviations, deviations)) / 2.0, 0.0, 1.0))
    np.fill_diagonal(distance, 0.0)
    weights = np.ones(len(values))
    _halve(values, leaves_list(linkage(pdist(distance), "single")).astype(int).tolist(), weights)
    return weights


def _halve(covariance: Vector, places: list[int], weights: Vector) -> None:
    if len(places) < 2:
        return
    halves = places[: len(places) // 2], places[len(places) // 2:]
    first, second = (_cluster_variance(covariance, half) for half in halves)
    weights[halves[0]] *= second / (first + second)
    weights[halves[1]] *= first / (first + second)
    for half in halves:
        _halve(covariance, half, weights)


def _cluster_variance(covariance: Vector, places: list[int]) -> float:
    part = covariance[np.ix_(places, places)]
    inverse = 1.0 / np.diag(part)
    weights = inverse / inverse.sum()
    return float(weights @ part @ weights)


def risk_shares(contributions: pd.DataFrame) -> pd.Series[float]:
    """Return which share of a sum's variance each column brings: they add up to one.

    Parameters
    ----------
    contributions
        What each part added to the daily return, one row a day.
    """
    total = contributions.sum(axis=1)
    variance = float(total.var())
    return contributions.apply(lambda part: float(part.cov(total)) / variance if variance > 0 else float("nan"))
