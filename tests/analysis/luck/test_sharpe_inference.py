import math

import ffn
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from jesse_nb.core.analysis.luck.sharpe_inference import (
    SharpeMoments,
    deflated_sharpe,
    expected_maximum_sharpe,
    minimum_track_record_length,
    probabilistic_sharpe,
    sharpe_moments,
    sharpe_standard_error,
)

#: Bailey and López de Prado (2014): a Sharpe ratio of 2.5 a year of 250 days, five years, skewed and fat-tailed.
PUBLISHED = SharpeMoments(2.5 / math.sqrt(250), 1250, -3.0, 10.0)


def sample(seed, days=300, drift=0.001):
    return np.random.default_rng(seed).standard_t(5, days) ** 3 * 0.002 + drift


def test_the_published_example():
    found = deflated_sharpe(PUBLISHED, 0.5 / 250, 100)
    assert found.expected_maximum == pytest.approx(0.1132, abs=5e-5)
    assert found.probability == pytest.approx(0.9004, abs=5e-5)
    # with 88 trials it would have been 0.95 for normal returns, the paper goes on
    normal = deflated_sharpe(PUBLISHED._replace(skew=0.0, kurtosis=3.0), 0.5 / 250, 88)
    assert normal.probability == pytest.approx(0.9505, abs=5e-4)


@pytest.mark.parametrize("seed", range(5))
def test_moments_are_scipys(seed):
    returns = sample(seed)
    found = sharpe_moments(returns)
    assert found.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1), rel=1e-10)
    assert found.skew == pytest.approx(stats.skew(returns), rel=1e-10)
    assert found.kurtosis == pytest.approx(stats.kurtosis(returns, fisher=False), rel=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_deflated_sharpe_is_ffns(seed):
    """It takes the unbiased skewness and kurtosis, where the papers' formulas have the population's."""
    returns = pd.Series(sample(seed))
    trials = np.random.default_rng(seed + 50).normal(0, 0.05, 30)
    theirs = ffn.core.calc_deflated_sharpe_ratio(returns, trials, nperiods=365, annualized_trials=False)
    moments = sharpe_moments(returns)._replace(skew=returns.skew(), kurtosis=returns.kurt() + 3.0)
    ours = deflated_sharpe(moments, float(np.var(trials, ddof=1)), 30)
    assert ours.probability == pytest.approx(theirs, rel=1e-10)
    assert ours.expected_maximum == pytest.approx(
        ffn.core.calc_expected_max_sharpe(30, np.std(trials, ddof=1)), rel=1e-10)
    assert deflated_sharpe(returns, float(np.var(trials, ddof=1)), 30).probability == pytest.approx(theirs, abs=0.02)


def test_standard_error_is_the_spread_of_estimates():
    random = np.random.default_rng(0)
    drawn = random.exponential(0.01, (4000, 500)) - 0.008  # skew 2, kurtosis 9
    ratios = drawn.mean(axis=1) / drawn.std(axis=1, ddof=1)
    truth = SharpeMoments(0.2, 500, 2.0, 9.0)
    assert sharpe_standard_error(truth) == pytest.approx(ratios.std(), rel=0.05)
    assert sharpe_standard_error(drawn[0]) == pytest.approx(ratios.std(), rel=0.3)
    normal = SharpeMoments(0.1, 365, 0.0, 3.0)
    assert sharpe_standard_error(normal) == pytest.approx(math.sqrt((1 + 0.1**2 / 2) / 364))  # Lo


def test_probabilistic_sharpe():
    returns = sample(3)
    moments, error = sharpe_moments(returns), sharpe_standard_error(returns)
    assert probabilistic_sharpe(returns, 0.05) == pytest.approx(stats.norm.cdf((moments.sharpe - 0.05) / error))
    assert probabilistic_sharpe(returns, moments.sharpe) == pytest.approx(0.5)
    assert probabilistic_sharpe(-returns) == pytest.approx(1 - probabilistic_sharpe(returns))


def test_probabilistic_sharpe_is_a_probability_of_the_null():
    """Without skill it is as often below 0.05 as 1 in 20."""
    drawn = np.random.default_rng(1).standard_t(6, (600, 250))
    found = np.array([probabilistic_sharpe(row) for row in drawn])
    assert stats.kstest(found, "uniform").pvalue > 0.01


def test_track_record_length_is_where_the_confidence_is_reached():
    moments = sharpe_moments(sample(4, drift=0.003))
    for benchmark, confidence in ((0.0, 0.95), (0.02, 0.9)):
        days = minimum_track_record_length(moments, benchmark, confidence)
        assert days > 1
        # the formula's length need not be whole
        reached = probabilistic_sharpe(moments._replace(days=days), benchmark)
        assert reached == pytest.approx(confidence, rel=1e-10)
    assert minimum_track_record_length(moments, moments.sharpe) == math.inf
    assert minimum_track_record_length(-sample(4, drift=0.003)) == math.inf


def test_expected_maximum_is_what_luck_gives():
    random = np.random.default_rng(2)
    for trials in (5, 50, 500):
        simulated = random.normal(0, 0.05, (3000, trials)).max(axis=1).mean()
        assert expected_maximum_sharpe(0.05**2, trials) == pytest.approx(simulated, rel=0.05)
    assert expected_maximum_sharpe(0.01, 1) == expected_maximum_sharpe(0.01, 1.1) == 0.0
    assert expected_maximum_sharpe(0.0, 100) == 0.0
    assert math.isnan(expected_maximum_sharpe(math.nan, 5))


@pytest.mark.parametrize("returns", [[], [0.01], [0.01, 0.02], [0.0] * 50, [0.001] * 50, [0.01, math.nan, 0.02, 0.01]])
def test_undefined(returns):
    assert math.isnan(sharpe_moments(returns).sharpe)
    assert math.isnan(sharpe_standard_error(returns))
    assert math.isnan(probabilistic_sharpe(returns))
    assert math.isnan(minimum_track_record_length(returns))
    found = deflated_sharpe(returns, 0.01, 10)
    assert math.isnan(found.probability)
    assert "undefined" in found.reason


def test_a_certain_gain_has_no_error():
    """Two values, once in five against: the estimate's variance formula may reach zero, and must not divide by it."""
    moments = SharpeMoments(2.0, 100, 1.0, 2.0)
    assert sharpe_standard_error(moments) == 0.0
    assert probabilistic_sharpe(moments) == 1.0
    assert probabilistic_sharpe(moments, 3.0) == 0.0
