"""The paired bootstrap against figures written out, against theory, and against what it must never say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from jesse_nb.core.analysis.comparison.paired_differences import paired_differences
from jesse_nb.core.study.ratios import return_ratios
from jesse_nb.exceptions import InputError


def pair(days: int, apart: float, seed: int = 1, own: float = 0.01):
    random = np.random.default_rng(seed)
    market = random.normal(0.001, 0.02, days)
    return market + random.normal(0, own, days), market + random.normal(apart, own, days)


def test_the_figures_are_those_of_the_returns():
    base, other = pair(400, 0.0)
    mean, ratio = paired_differences(base, other, resamples=100)
    assert mean.base == pytest.approx(base.mean() * 365 * 100)
    assert mean.value == pytest.approx(other.mean() * 365 * 100)
    assert ratio.value == pytest.approx(other.mean() / other.std(ddof=1) * math.sqrt(365))
    assert ratio.value == pytest.approx(return_ratios(other)["sharpe_ratio"])
    for found in (mean, ratio):
        assert found.difference == pytest.approx(found.value - found.base)
        assert found.low < found.difference < found.high
        assert found.difference - found.low == pytest.approx(found.high - found.difference)


def test_independent_days_are_tested_as_student_does():
    base, other = pair(500, 0.001, seed=3)
    mean, _ = paired_differences(base, other, resamples=4_000)
    plain = stats.ttest_rel(other, base)
    low, high = (bound * 365 * 100 for bound in plain.confidence_interval())
    assert mean.p == pytest.approx(plain.pvalue, abs=0.02)
    assert (mean.low, mean.high) == pytest.approx((low, high), rel=0.15)


def test_the_interval_of_a_sharpe_ratio_is_as_wide_as_theory_says():
    # Jobson and Korkie (1981) with Memmel's correction (2003): independent normal returns
    base, other = pair(2_000, 0.0, seed=5)
    _, ratio = paired_differences(base, other, resamples=2_000)
    first, second = (each.mean() / each.std() for each in (base, other))
    rho = np.corrcoef(base, other)[0, 1]
    variance = (2 - 2 * rho + (first**2 + second**2 - 2 * first * second * rho**2) / 2) / len(base)
    assert (ratio.high - ratio.low) / 2 == pytest.approx(1.96 * math.sqrt(variance * 365), rel=0.1)


def test_what_the_market_did_to_both_cancels_out():
    base, other = pair(365, 0.0015, own=0.001)
    random = np.random.default_rng(9)
    assert all(found.p < 0.01 for found in paired_differences(base, other, resamples=500))
    assert paired_differences(base, random.permutation(other), resamples=500)[0].p > 0.05


@pytest.mark.parametrize(("base", "other", "reason"), [
    (np.zeros(100), np.random.default_rng(1).normal(size=100), "does not vary"),
    (np.ones(59) / 100, np.arange(59) / 100, "59 days in common; 60 are needed"), ([], [], "0 days in common"),
    (np.linspace(0, 1, 80), np.linspace(0, 1, 80), "the same on every day"),
    ([math.nan] * 80, np.linspace(0, 1, 80), "undefined"),
])
def test_what_cannot_be_tested_says_why(base, other, reason):
    for found in paired_differences(base, other):
        assert reason in found.reason
        assert math.isnan(found.p)
        assert math.isnan(found.low)


def test_the_seed_makes_it_repeatable_and_days_must_be_the_same():
    base, other = pair(120, 0.001)
    assert paired_differences(base, other, resamples=200) == paired_differences(base, other, resamples=200)
    assert paired_differences(base, other, seed=1, resamples=200) != paired_differences(base, other, resamples=200)
    with pytest.raises(InputError, match=r"shapes \(120,\) and \(119,\)"):
        paired_differences(base, other[1:])


def test_noise_is_not_told_apart():
    alarms = sum(paired_differences(*pair(180, 0.0, seed), seed=seed, resamples=200)[1].p < 0.05 for seed in range(60))
    assert alarms <= 8, "3 are expected; more than 8 of 60 come by chance in 1 of 400 runs"
