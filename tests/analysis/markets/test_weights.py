"""Weights against the paper's own example, conditions of the optimum, closed forms and brute force."""

from __future__ import annotations

import random

import numpy as np
import pandas as pd
import pytest
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.optimize import minimize
from scipy.spatial.distance import pdist

from jesse_nb.core.analysis.markets.weights import (
    ALLOCATIONS,
    allocate,
    covariance_of,
    hierarchical_risk_parity,
    inverse_volatility,
    minimum_variance,
    risk_parity,
    risk_shares,
)

#: López de Prado (2016), exhibit 6: weights in percent of hierarchical risk parity, by column from 1 to 10.
PAPER = [7.00, 7.59, 10.84, 19.03, 9.72, 10.19, 6.62, 9.10, 7.12, 12.79]


def paper_data() -> pd.DataFrame:
    """The paper's simulated series: five independent ones, and five that copy one of them with noise."""
    np.random.seed(12345)
    random.seed(12345)
    own = np.random.normal(0, 1, size=(10_000, 5))
    copied = [int(random.random() * 5) for _ in range(5)]
    copies = own[:, copied] + np.random.normal(0, 0.25, size=(10_000, 5))
    return pd.DataFrame(np.append(own, copies, axis=1), columns=range(1, 11))


def covariances(count: int = 30):
    for seed in range(count):
        drawer = np.random.default_rng(seed)
        size = int(drawer.integers(2, 9))
        root = drawer.standard_normal((size, size + 2)) * drawer.uniform(0.002, 0.05, (size, 1))
        yield root @ root.T


def test_hierarchical_risk_parity_is_the_papers():
    weights = hierarchical_risk_parity(paper_data().cov())
    assert np.round(100 * weights, 2).tolist() == pytest.approx(PAPER, abs=0.011)


def test_minimum_variance_meets_the_conditions_and_beats_a_general_search():
    for covariance in covariances():
        weights = minimum_variance(covariance)
        assert weights.sum() == pytest.approx(1.0)
        assert (weights >= 0).all()
        slope = covariance @ weights  # Karush, Kuhn and Tucker: the same for all that are held, none below it
        least = weights @ covariance @ weights
        assert slope[weights > 1e-9] == pytest.approx(np.full((weights > 1e-9).sum(), least), rel=1e-6)
        assert (slope >= least * (1 - 1e-9)).all()
    start = np.full(len(covariance), 1 / len(covariance))
    scaled = covariance / covariance.mean()
    other = minimize(lambda x: x @ scaled @ x, start, bounds=[(0, 1)] * len(start), method="SLSQP",
                     constraints={"type": "eq", "fun": lambda x: x.sum() - 1}, options={"ftol": 1e-14, "maxiter": 500})
    assert weights == pytest.approx(other.x, abs=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_weights_are_pyportfolioopts(seed):
    """Its hierarchical risk parity links otherwise: given our order of the leaves, it is the same."""
    from pypfopt import EfficientFrontier, HRPOpt

    random = np.random.default_rng(seed)
    mix = random.standard_normal((6, 6))
    covariance = pd.DataFrame(random.standard_normal((500, 6)) @ mix * 0.01, columns=list("abcdef")).cov()
    frontier = EfficientFrontier(None, covariance)
    frontier.min_volatility()
    assert minimum_variance(covariance.to_numpy()) == pytest.approx(np.asarray(frontier.weights), abs=1e-6)
    deviations = np.sqrt(np.diag(covariance))
    distance = np.sqrt((1 - covariance / np.outer(deviations, deviations)).clip(0) / 2)
    order = covariance.columns[leaves_list(linkage(pdist(distance), "single"))]
    same = HRPOpt._raw_hrp_allocation(covariance, list(order))
    assert hierarchical_risk_parity(covariance) == pytest.approx(same[covariance.columns].to_numpy(dtype=float))


def test_risk_parity_shares_the_risk():
    for covariance in covariances():
        weights = risk_parity(covariance)
        assert weights.sum() == pytest.approx(1.0)
        assert (weights > 0).all()
        shares = weights * (covariance @ weights) / (weights @ covariance @ weights)
        assert shares == pytest.approx(np.full(len(weights), 1 / len(weights)), abs=1e-8)
    two = np.array([[0.04, 0.01], [0.01, 0.01]])  # of two it is inverse volatility, whatever the correlation
    assert risk_parity(two) == pytest.approx(inverse_volatility(two))
    assert inverse_volatility(two) == pytest.approx([1 / 3, 2 / 3])


def test_a_hedge_does_not_break_risk_parity():
    strong = np.array([[1.0, -0.97, 0.3], [-0.97, 1.0, -0.2], [0.3, -0.2, 1.0]])
    weights = risk_parity(strong)
    shares = weights * (strong @ weights)
    assert shares / shares.sum() == pytest.approx([1 / 3] * 3, abs=1e-8)


@pytest.mark.parametrize("method", ALLOCATIONS)
def test_weights_are_a_division_whatever_the_past(method):
    drawer = np.random.default_rng(0)
    for days, size in ((60, 3), (25, 40)):  # more parts than days, too
        steps = pd.DataFrame(drawer.standard_t(4, (days, size)) * 0.01).add_prefix("s")
        steps["s0"] = 0.0  # never traded
        weights = allocate(steps, method)
        assert weights.sum() == pytest.approx(1.0)
        assert (weights >= 0).all()
        assert weights["s0"] == pytest.approx(1 / size)
    assert allocate(steps[["s0", "s1"]], method).tolist() == [0.5, 0.5]


def test_the_covariance_keeps_variances_and_is_positive_definite():
    steps = pd.DataFrame(np.random.default_rng(0).standard_normal((20, 40)) * 0.01)
    found = covariance_of(steps)
    assert np.diag(found) == pytest.approx(steps.var())
    assert np.linalg.eigvalsh(found).min() > 0


def test_shares_of_risk_add_up():
    parts = pd.DataFrame(np.random.default_rng(0).standard_normal((50, 3)), columns=list("abc"))
    shares = risk_shares(parts)
    assert shares.sum() == pytest.approx(1.0)
    total = parts.sum(axis=1)
    assert shares["a"] == pytest.approx(np.cov(parts["a"], total)[0, 1] / total.var())
