import math

import numpy as np
import pandas as pd
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.metrics import adjusted_rand_score, silhouette_score

from jesse_nb.core.analysis.luck.effective_trials import (
    cluster_trials,
    effective_trials,
    independent_equivalent,
    upper_variance,
)


def grouped(groups, each, rho, days=365, seed=0):
    """Trials in groups that correlate by rho within, and not between."""
    random = np.random.default_rng(seed)
    shared = np.repeat(random.normal(size=(days, groups)), each, axis=1)
    return math.sqrt(rho) * shared + math.sqrt(1 - rho) * random.normal(size=(days, groups * each))


def standard(values):
    return (values - values.mean(axis=0)) / values.std(axis=0)


@pytest.mark.parametrize(("groups", "each", "rho"), [(3, 10, 0.7), (6, 15, 0.8), (10, 4, 0.9)])
def test_planted_clusters_are_found(groups, each, rho):
    labels, silhouette = cluster_trials(standard(grouped(groups, each, rho)))
    assert adjusted_rand_score(np.repeat(np.arange(groups), each), labels) == 1.0
    assert silhouette > 0.25


def test_silhouette_is_sklearns_best():
    values = standard(grouped(4, 6, 0.7, seed=3))
    labels, silhouette = cluster_trials(values)
    distance = np.sqrt(np.clip((1 - np.corrcoef(values.T)) / 2, 0, 1))
    np.fill_diagonal(distance, 0.0)
    assert silhouette == pytest.approx(silhouette_score(distance, labels, metric="precomputed"), rel=1e-10)
    tree = linkage(squareform(distance, checks=False), method="average")
    others = [silhouette_score(distance, fcluster(tree, number, criterion="maxclust"), metric="precomputed")
              for number in range(2, 13)]
    assert silhouette == pytest.approx(max(others), rel=1e-10)


@pytest.mark.parametrize("trials", [2, 10, 60])
def test_independent_trials_are_worth_themselves(trials):
    found = effective_trials(pd.DataFrame(grouped(trials, 1, 0.0, seed=1)))
    assert found.clusters == 0
    assert found.number == pytest.approx(trials, rel=0.15)


def test_trials_that_move_as_one():
    found = effective_trials(pd.DataFrame(grouped(1, 40, 0.995)))
    assert found.clusters == 1
    assert 1 <= found.number < 2.5


@pytest.mark.parametrize(("groups", "each", "rho"), [(1, 50, 0.5), (5, 20, 0.8)])
def test_equivalent_has_the_same_best(groups, each, rho):
    """So many independent trials have the best that these have, on average."""
    number = independent_equivalent(standard(grouped(groups, each, rho, days=1000)))
    random = np.random.default_rng(5)
    shared = np.repeat(random.normal(size=(4000, groups)), each, axis=1)
    best = (math.sqrt(rho) * shared + math.sqrt(1 - rho) * random.normal(size=shared.shape)).max(axis=1).mean()
    low, high = (random.normal(size=(4000, count)).max(axis=1).mean() for count in (int(number), math.ceil(number) + 1))
    assert low - 0.1 <= best <= high + 0.1


def test_twins_levered_twins_and_idle_trials():
    values = grouped(5, 1, 0.0)
    alone = effective_trials(pd.DataFrame(values))
    crowd = effective_trials(pd.DataFrame(np.hstack([values, 2 * values, values, np.zeros((365, 3))])))
    assert (crowd.distinct, crowd.idle) == (5, 3)
    assert crowd.number == pytest.approx(alone.number)
    assert crowd.variance == pytest.approx(alone.variance)
    assert (crowd.labels.iloc[-3:] == -1).all()


def test_labels_go_with_the_columns():
    values = grouped(3, 5, 0.9)
    order = np.random.default_rng(0).permutation(15)
    found = effective_trials(pd.DataFrame(np.hstack([values[:, order], values[:, :2] * 3]), columns=[*order, 50, 51]))
    truth = [*(order // 5), 0, 0]
    assert adjusted_rand_score(truth, found.labels) == 1.0


def test_variance():
    values = grouped(30, 1, 0.0, seed=2)
    wide = values + np.linspace(-0.3, 0.3, 30)
    ratios = wide.mean(axis=0) / wide.std(axis=0, ddof=1)
    assert effective_trials(pd.DataFrame(wide)).variance == pytest.approx(np.var(ratios, ddof=1))
    alike = effective_trials(pd.DataFrame(grouped(1, 30, 0.99)))
    assert alike.variance == pytest.approx(1 / 364)  # never less than chance gives


def test_more_trials_than_are_clustered(monkeypatch):
    monkeypatch.setattr("jesse_nb.core.analysis.luck.effective_trials.MOST_CLUSTERED", 20)
    labels, _ = cluster_trials(standard(grouped(4, 15, 0.8)))
    assert (labels >= 0).sum() == 20
    assert labels.max() + 1 == 4


@pytest.mark.parametrize("values", [np.zeros((50, 4)), np.empty((50, 0)), np.ones((2, 3)), np.full((40, 2), 0.01)])
def test_nothing_to_count(values):
    found = effective_trials(pd.DataFrame(values))
    assert (found.number, found.distinct, found.idle) == (0.0, 0, values.shape[1])
    assert math.isnan(found.variance)


def test_one_trial():
    found = effective_trials(pd.DataFrame(grouped(1, 1, 0.5)))
    assert (found.number, found.clusters, found.variance) == (1.0, 1, pytest.approx(1 / 364))


@pytest.mark.parametrize("missing", [0.0, 0.2, 0.4])
def test_the_variance_of_values_whose_lowest_are_missing(missing):
    values = np.sort(np.random.default_rng(5).normal(0.3, 2.0, 40_000))
    lower = int(missing * len(values))
    assert upper_variance(values[lower:], lower) == pytest.approx(4.0, rel=0.03)
    if missing:
        assert np.var(values[lower:], ddof=1) < 3.0  # what the known ones alone would say


def test_with_more_missing_than_known_the_lowest_stands_for_the_median():
    assert upper_variance(np.array([2.0, 4.0]), 5) == pytest.approx((0.0 + 4.0) / 2)
    assert upper_variance(np.array([2.0]), 5) == 0.0
    assert upper_variance(np.array([]), 5) == 0.0


def test_trials_that_were_stopped_never_make_the_spread_smaller():
    returns = pd.DataFrame(grouped(30, 1, 0.0, seed=2) * 0.01 + np.linspace(0, 0.004, 30))
    alone, after = (effective_trials(returns, unfinished=count) for count in (0, 30))
    assert after.variance >= alone.variance
    assert (after.number, after.distinct) == (alone.number, alone.distinct)
