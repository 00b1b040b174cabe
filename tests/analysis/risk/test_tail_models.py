"""Tails of distributions against their closed forms, and against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from jesse_nb.core.analysis.risk.tail_models import (
    StudentT,
    cornish_fisher,
    cornish_fisher_domain,
    cornish_fisher_tail,
    empirical_tail,
    fit_student_t,
    mean_below,
    moments,
    normal_tail,
    student_t_sum,
    student_t_tail,
)

P = np.array([0.05, 0.025, 0.01])


def one(value: float) -> np.ndarray:
    return np.array([value])


def test_shortfall_of_normal_and_t_in_closed_form():
    # 97.5 %: 2.33780 of a normal distribution, 2.72780 of a t distribution with 5 degrees of freedom and unit variance
    assert normal_tail(one(0.0), one(1.0), one(0.025)).below.item() == pytest.approx(-2.33780, abs=5e-6)
    unit = StudentT(one(0.0), one(np.sqrt(3 / 5)), one(5.0))
    assert student_t_tail(unit, one(0.025)).below.item() == pytest.approx(-2.72780, abs=5e-6)
    assert normal_tail(one(0.0), one(1.0), one(0.01)).quantile.item() == pytest.approx(-2.32635, abs=5e-6)


def test_the_mean_below_is_the_quantile_function_integrated():
    for p in P:
        at, weight = mean_below(p)
        assert stats.norm.ppf(at) @ weight == pytest.approx(-stats.norm.pdf(stats.norm.ppf(p)) / p, abs=1e-5)
        assert stats.t.ppf(at, 3) @ weight == pytest.approx(
            student_t_tail(StudentT(one(0.0), one(1.0), one(3.0)), one(p)).below.item(), abs=1e-4)


def test_the_tail_of_what_happened_is_unbiased():
    """The k-th smallest of T returns is undercut with k / (T + 1), whatever they are."""
    random = np.random.default_rng(0)
    past, next_ones = random.standard_t(3, (20_000, 99)), random.standard_t(3, 20_000)
    exceeded = (next_ones[:, None] < empirical_tail(past, np.array([0.05, 0.2])).quantile).mean(axis=0)
    assert exceeded == pytest.approx([0.05, 0.2], abs=0.006)


def test_the_mean_of_the_tail_is_that_of_its_quantile_function():
    sample = np.random.default_rng(1).standard_t(3, (1, 150))
    for p in P:
        u = (np.arange(200_000) + 0.5) / 200_000 * p
        exact = np.interp(u * 151, np.arange(1, 151), np.sort(sample[0])).mean()
        assert empirical_tail(sample, one(p)).below.item() == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize("freedom", [2.5, 4.0, 12.0])
def test_the_fit_of_t_is_scipys(freedom):
    sample = np.random.default_rng(2).standard_t(freedom, (2, 700)) * 0.02 + 0.001
    fitted = fit_student_t(sample, 30, 20)
    for row in range(2):
        nu, loc, scale = stats.t.fit(sample[row])
        own = stats.t.logpdf(sample[row], fitted.freedom[row], fitted.loc[row], fitted.scale[row]).sum()
        assert own == pytest.approx(stats.t.logpdf(sample[row], nu, loc, scale).sum(), abs=1e-3)
        assert fitted.freedom[row] == pytest.approx(nu, rel=0.01)


def test_normal_days_have_a_t_distribution_with_many_degrees_of_freedom():
    sample = np.random.default_rng(9).standard_normal((20, 2_000))
    for fitted in (fit_student_t(sample), fit_student_t(sample, 12, 4)):
        shortfall = student_t_tail(fitted, one(0.05)).below
        assert shortfall.mean() == pytest.approx(-stats.norm.pdf(stats.norm.ppf(0.05)) / 0.05, rel=0.02)


def test_the_sum_of_t_variables_against_a_closed_form_and_simulation():
    assert student_t_sum(4.0, 1, (0.01, 0.05)) == pytest.approx(stats.t.ppf([0.01, 0.05], 4), rel=3e-4)
    drawn = np.random.default_rng(3).standard_t(3, (1_000_000, 5)).sum(axis=1)
    assert student_t_sum(3.0, 5, (0.01, 0.05)) == pytest.approx(np.quantile(drawn, [0.01, 0.05]), rel=0.01)


def test_cornish_fisher_is_refused_outside_its_domain():
    skew, kurtosis = np.array([-1.0, -1.0, 0.0, 0.0, 0.0]), np.array([10.0, 3.0, 7.9, 8.1, 0.0])
    assert list(cornish_fisher_domain(skew, kurtosis)) == [False, True, True, False, True]
    # with skewness -1 and excess kurtosis 10 the expansion's 10 % loss is milder than a normal one's: no quantile
    z = stats.norm.ppf([[0.1]])
    assert cornish_fisher(z, one(-1.0), one(10.0)).item() == pytest.approx(-0.72, abs=0.005)
    outside = cornish_fisher_tail(one(0.0), one(1.0), one(-1.0), one(10.0), one(0.1))
    assert np.isnan(outside.quantile).all()
    assert np.isnan(outside.below).all()


def test_inside_its_domain_the_expansion_rises_and_its_shortfall_is_its_integral():
    random = np.random.default_rng(4)
    for skew, kurtosis in random.uniform([-2, -1], [2, 12], (200, 2)):
        slopes = np.diff(cornish_fisher(np.linspace(-4, 4, 40_001)[None, :], one(skew), one(kurtosis)))
        assert bool(cornish_fisher_domain(one(skew), one(kurtosis))[0]) == bool((slopes > 0).all())
    tail = cornish_fisher_tail(one(0.1), one(2.0), one(-0.6), one(2.5), one(0.025))
    area, _ = integrate.quad(lambda z: (0.1 + 2.0 * cornish_fisher(np.array([[z]]), one(-0.6), one(2.5)).item())
                             * stats.norm.pdf(z), -12, stats.norm.ppf(0.025))
    assert tail.below.item() == pytest.approx(area / 0.025, abs=1e-6)


def test_moments_are_scipys():
    sample = np.random.default_rng(5).gamma(2.0, size=(3, 80))
    mean, spread, skew, kurtosis = moments(sample)
    assert mean == pytest.approx(sample.mean(axis=1))
    assert spread == pytest.approx(sample.std(axis=1, ddof=1))
    assert skew == pytest.approx(stats.skew(sample, axis=1))
    assert kurtosis == pytest.approx(stats.kurtosis(sample, axis=1))
