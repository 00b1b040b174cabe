"""Correlations, their errors and shrunk matrices, against scipy, scikit-learn, closed forms and simulated truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.covariance import LedoitWolf
from sklearn.preprocessing import StandardScaler

from jesse_nb.core.analysis.markets.correlation import (
    cluster_order,
    correlate,
    correlation_draws,
    correlation_intervals,
    eigenvalues,
    joint_block_length,
    marchenko_pastur_edges,
    shrink,
    zero_tests,
)
from jesse_nb.exceptions import InputError


def block_frame(seed: int = 0, count: int = 600) -> pd.DataFrame:
    """Two groups of three that move together, mixed up."""
    random = np.random.default_rng(seed)
    groups = random.standard_normal((count, 2))
    own = random.standard_t(5, (count, 6)) * 0.6
    return pd.DataFrame(groups[:, [0, 1, 0, 1, 0, 1]] + own, columns=list("abcdef"))


@pytest.mark.parametrize(("method", "oracle"), [("pearson", stats.pearsonr), ("spearman", stats.spearmanr),
                                                ("kendall", stats.kendalltau)])
def test_correlations_are_scipys(method, oracle):
    frame = block_frame(count=150).round(1)  # with ties
    found = correlate(frame, method)
    for first in frame:
        for second in frame:
            assert found.loc[first, second] == pytest.approx(oracle(frame[first], frame[second]).statistic, abs=1e-12)


@pytest.mark.parametrize(("method", "error"), [
    ("pearson", lambda n: 1 / np.sqrt(n - 3)), ("spearman", lambda n: 1 / np.sqrt(n - 1)),
    ("kendall", lambda n: np.sqrt(2 * (2 * n + 5) / (9 * n * (n - 1)))),
])
def test_errors_of_independent_normals_are_the_known_ones(method, error):
    values = np.random.default_rng(1).standard_normal((400, 6))
    draws = np.array([draw.correlation for draw in
                      correlation_draws(values, method, 0.05, block=1, resamples=300, seed=0)])
    low, high = correlation_intervals(draws)
    upper = np.triu_indices(6, 1)
    reach = (high - low)[upper] / (2 * stats.norm.ppf(0.975))
    assert reach.mean() == pytest.approx(error(400), rel=0.06)


def test_p_values_are_those_of_block_sums_and_nearly_scipys():
    values = np.random.default_rng(1).standard_normal((400, 3)) + 0.1 * np.arange(400)[:, None] % 0.3
    found = zero_tests(values, "pearson")
    standard = stats.zscore(values)
    sums = [(standard[place:place + 7, 0] * standard[place:place + 7, 2]).sum() for place in range(0, 399, 7)]
    assert found[0, 2] == pytest.approx(stats.ttest_1samp(sums, 0).pvalue)
    assert zero_tests(np.exp(values), "spearman") == pytest.approx(zero_tests(values, "kendall"))
    independent = np.random.default_rng(2).standard_normal((5_000, 2))
    assert zero_tests(independent, "pearson")[0, 1] == pytest.approx(stats.pearsonr(*independent.T).pvalue, abs=0.1)


def test_the_same_twice_is_certain_and_tails_are_counted():
    one = np.random.default_rng(0).standard_normal((200, 1))
    values = np.hstack([one, one])
    draws = list(correlation_draws(values, "pearson", 0.05, block=5, resamples=20, seed=0))
    low, _ = correlation_intervals(np.array([draw.correlation for draw in draws]))
    assert low[0, 1] == pytest.approx(1.0)
    assert zero_tests(values, "pearson")[0, 1] < 1e-9
    assert all(draw.joint_tail[0, 0] == draw.joint_tail[0, 1] for draw in draws)
    again = list(correlation_draws(values, "pearson", 0.05, block=5, resamples=20, seed=0))
    assert all(np.array_equal(one.correlation, other.correlation) for one, other in zip(draws, again, strict=True))


def test_kendall_of_too_many_is_refused():
    with pytest.raises(InputError, match=r"method is 'kendall', and there are 5,001 observations\. It takes at most"):
        next(correlation_draws(np.zeros((5_001, 2)), "kendall", 0.05, block=1, resamples=1, seed=0))


def test_blocks_grow_with_what_lasts():
    random = np.random.default_rng(0)
    calm = random.standard_normal((1_000, 2))
    wild = np.repeat(np.exp(random.standard_normal(20)), 50)[:, None]  # both are wild at the same times, for long
    assert joint_block_length(calm) == 10
    assert joint_block_length(calm * wild) > 20


def test_ledoit_wolf_is_scikit_learns():
    frame = block_frame(count=40)
    found, weight = shrink(frame, "ledoit_wolf", correlate(frame))
    oracle = LedoitWolf().fit(StandardScaler().fit_transform(frame))
    scale = np.sqrt(np.diag(oracle.covariance_))
    assert found.to_numpy() == pytest.approx(oracle.covariance_ / np.outer(scale, scale))
    assert weight == pytest.approx(oracle.shrinkage_)


def test_noise_is_taken_out_of_the_eigenvalues():
    frame = block_frame()
    raw = correlate(frame)
    found, share = shrink(frame, "rmt", raw)
    roots = eigenvalues(raw)
    noise = roots <= marchenko_pastur_edges(600, 6)[1]
    assert share == pytest.approx(noise.mean())
    assert noise.sum() == 4  # two groups stand out
    assert np.diag(found) == pytest.approx(np.ones(6))
    assert eigenvalues(found)[:2] == pytest.approx(roots[:2], rel=0.05)
    kept = correlate(pd.DataFrame(np.random.default_rng(0).standard_normal((2_000, 30))))
    cleaned, _ = shrink(pd.DataFrame(np.zeros((2_000, 30))), "rmt", kept)
    assert np.abs(cleaned.to_numpy() - np.eye(30)).max() < np.abs(kept.to_numpy() - np.eye(30)).max()


def test_eigenvalues_of_noise_lie_between_the_edges():
    assert marchenko_pastur_edges(365, 10) == pytest.approx((0.6964, 1.3584), abs=5e-5)
    low, high = marchenko_pastur_edges(1_000, 200)
    roots = eigenvalues(correlate(pd.DataFrame(np.random.default_rng(0).standard_normal((1_000, 200)))))
    assert roots.max() == pytest.approx(high, rel=0.05)
    assert roots.min() == pytest.approx(low, rel=0.05)


def test_groups_stand_together():
    order = cluster_order(correlate(block_frame()))
    assert {frozenset(order[:3]), frozenset(order[3:])} == {frozenset("ace"), frozenset("bdf")}
    assert cluster_order(correlate(block_frame()[["b", "a"]])) == ["b", "a"]
