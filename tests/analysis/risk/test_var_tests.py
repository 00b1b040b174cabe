"""Tests of forecasts against the numbers of others: MATLAB's example, Kupiec's regions, Basel's zones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from jesse_nb.core.analysis.risk.rolling_forecasts import Forecasts, rolling_forecasts
from jesse_nb.core.analysis.risk.var_tests import (
    TESTS,
    Transitions,
    conditional_coverage,
    duration_statistic,
    forecast_tests,
    independence,
    kupiec,
    kupiec_power,
    shortfall_statistics,
    traffic_light,
    transitions,
)

MATLAB = Transitions(n00=932, n01=53, n10=53, n11=4)


def test_the_example_of_matlab_to_five_digits():
    assert kupiec(1043, 57, 0.05) == pytest.approx((0.46147, 0.49694), abs=5e-6)
    assert independence(MATLAB) == pytest.approx((0.25866, 0.61104), abs=5e-6)
    assert conditional_coverage(1043, 57, MATLAB, 0.05) == pytest.approx((0.72013, 0.69763), abs=5e-6)


@pytest.mark.parametrize(("days", "fewest", "most"), [(255, 7, 20), (510, 17, 35), (1000, 38, 64)])
def test_kupiecs_regions(days, fewest, most):
    accepted = [count for count in range(days) if kupiec(days, count, 0.05)[1] >= 0.05]
    assert (accepted[0], accepted[-1]) == (fewest, most)


def test_the_power_of_a_year_at_99_percent():
    assert kupiec_power(365, 0.01, 0.02) == pytest.approx(0.45, abs=0.005)
    drawn = np.random.default_rng(0).binomial(365, 0.02, 20_000)
    rejected = [kupiec(365, count, 0.01)[1] < 0.05 for count in range(366)]
    assert np.take(rejected, drawn).mean() == pytest.approx(0.447, abs=0.012)


@pytest.mark.parametrize(("exceeded", "zone", "probability"), [(4, "green", 89.22), (5, "yellow", 95.88),
                                                               (9, "yellow", 99.97), (10, "red", 99.99)])
def test_the_traffic_light(exceeded, zone, probability):
    returns = np.concatenate([np.full(exceeded, -2.0), np.zeros(300 - exceeded)])[::-1]
    light = traffic_light(returns, np.ones(300), 0.99)
    assert (light.zone, light.exceedances) == (zone, exceeded)
    assert light.probability * 100 == pytest.approx(probability, abs=0.01)
    assert "99 %" in traffic_light(returns, np.ones(300), 0.95).reason
    assert "249" in traffic_light(returns[:249], np.ones(249), 0.99).reason


@pytest.mark.parametrize(("draw", "dist", "at_5", "at_001"), [
    (lambda random, n: random.standard_normal((n, 250)), stats.norm, -0.70, -1.83),
    (lambda random, n: random.standard_t(3, (n, 250)), stats.t(3), -0.81, -4.1),
])
def test_critical_values_of_acerbi_and_szekely(draw, dist, at_5, at_001):
    """Z2 at 2.5 % over 250 days, by simulation: those of the paper."""
    p = 0.025
    var = -dist.ppf(p)
    es = -dist.expect(lambda x: x, ub=-var) / p
    samples = draw(np.random.default_rng(0), 20_000)
    z2 = [shortfall_statistics(row, np.full(250, var), np.full(250, es), p)[1] for row in samples]
    assert np.quantile(z2, 0.05) == pytest.approx(at_5, abs=0.03)
    assert np.quantile(z2, 0.0005) < np.quantile(z2, 0.05)
    assert min(z2) < at_001 * 0.75


def test_critical_value_of_matlabs_table():
    """1,966 days at 97.5 %, of which a right model is rejected in 1 %: -0.346."""
    var = stats.norm.ppf(0.975)
    es = stats.norm.pdf(var) / 0.025
    samples = np.random.default_rng(1).standard_normal((4_000, 1_966))
    z2 = [shortfall_statistics(row, np.full(1_966, var), np.full(1_966, es), 0.025)[1] for row in samples]
    assert np.quantile(z2, 0.01) == pytest.approx(-0.346, abs=0.025)


def _known(returns, var, es, quantile, level=0.95):
    days = pd.date_range("2020-01-01", periods=len(returns), tz="UTC")
    return Forecasts("normal", (level,), days, returns, var[:, None], es[:, None], quantile, ("",))


def _of_normal(returns, spread, level=0.95):
    z = stats.norm.ppf(1 - level)
    return _known(returns, -z * spread, stats.norm.pdf(z) / (1 - level) * spread,
                  lambda u, day: spread[day] * stats.norm.ppf(u), level)


def test_simulated_p_values_are_those_of_the_null():
    """Of right forecasts 5 % are rejected at 5 %: the spread changes each day, and the forecast knows it."""
    random = np.random.default_rng(2)
    spread = random.uniform(0.005, 0.05, 300)
    p = np.array([[forecast_tests(_of_normal(random.standard_normal(300) * spread, spread))[0]["p"]
                   .loc[(0.95, test)] for test in ("z1", "z2", "durations")] for _ in range(200)])
    assert ((p < 0.05).mean(axis=0) < 0.10).all()
    assert ((p < 0.5).mean(axis=0) > 0.38).all()
    assert ((p < 0.5).mean(axis=0) < 0.62).all()


def test_wrong_forecasts_are_rejected_as_often_as_their_power_says():
    random = np.random.default_rng(3)
    flat = np.full(365, 0.02)
    said, seen = None, []
    for _ in range(200):
        returns = random.standard_normal(365) * 0.02
        often = random.random(365) < 0.05 / 0.95 * 1.0  # as many days again go beyond
        returns = np.where(often & (returns > stats.norm.ppf(0.05) * 0.02), stats.norm.ppf(
            random.random(365) * 0.05) * 0.02, returns)
        table, _ = forecast_tests(_of_normal(returns, flat))
        said, seen = table.loc[(0.95, "kupiec"), "power"], [*seen, table.loc[(0.95, "kupiec"), "p"] < 0.05]
    assert np.mean(seen) == pytest.approx(said, abs=0.07)


def test_deep_losses_are_seen_by_z1_and_clusters_by_independence():
    random = np.random.default_rng(4)
    flat = np.full(500, 0.02)
    deep = random.standard_normal(500) * 0.02
    deep = np.where(deep < stats.norm.ppf(0.05) * 0.02, deep * 1.6, deep)
    assert forecast_tests(_of_normal(deep, flat))[0].loc[(0.95, "z1"), "p"] < 0.01
    pairs = random.standard_normal(500) * 0.01
    pairs[20:500:40] = pairs[21:500:40] = -0.05
    found = forecast_tests(_of_normal(pairs, flat))[0]["p"].loc[0.95]
    assert found["independence"] < 0.001
    assert found["durations"] < 0.05
    assert found["kupiec"] > 0.05


def test_the_time_between_exceedances():
    every_tenth = np.zeros(200, dtype=bool)
    every_tenth[4::10] = True
    clustered = np.zeros(200, dtype=bool)
    clustered[:20] = True
    ratio = duration_statistic(np.array([every_tenth, clustered, np.eye(200, dtype=bool)[7]]))
    assert ratio[0] > 6  # as regular as nothing without memory is
    assert ratio[1] > 6
    assert np.isnan(ratio[2])
    assert transitions(clustered) == Transitions(179, 0, 1, 19)


def test_without_an_exceedance_the_reasons_stand_in_place_of_numbers():
    table, _ = forecast_tests(_of_normal(np.full(120, 0.01), np.full(120, 0.02)))
    found = table.loc[0.95]
    assert list(found.index) == list(TESTS)
    assert found.loc["kupiec", "p"] < 0.001  # none in 120 days at 95 %
    assert all(found.loc[test, "reason"] for test in ("independence", "conditional_coverage", "durations", "z1"))
    assert found.loc["z2", "statistic"] == 1.0


def test_the_future_never_reaches_a_forecast():
    random = np.random.default_rng(5)
    days = pd.date_range("2020-01-01", periods=260, tz="UTC")
    sample = pd.Series(random.standard_t(4, 260) * 0.02, index=days)
    other = sample.copy()
    other.iloc[220:] = random.standard_t(4, 40) * 0.2
    for method in ("historical", "normal", "t", "cornish_fisher", "fhs"):
        one = rolling_forecasts(sample, method, confidence_levels=(0.9,), window=150)
        two = rolling_forecasts(other, method, confidence_levels=(0.9,), window=150)
        assert (one.days == days[150:]).all()
        known = one.days <= days[220]
        assert np.array_equal(one.var[known], two.var[known], equal_nan=True), method
        assert np.array_equal(one.es[known], two.es[known], equal_nan=True), method
        assert not np.allclose(one.var[~known], two.var[~known], equal_nan=True), method


def test_each_forecast_is_that_of_the_days_before_alone():
    from jesse_nb.core.analysis.risk.value_at_risk import tail_losses

    sample = np.random.default_rng(6).standard_t(4, 230) * 0.02
    days = pd.date_range("2020-01-01", periods=230, tz="UTC")
    for method in ("historical", "normal", "t", "cornish_fisher", "fhs"):
        rolled = rolling_forecasts(pd.Series(sample, index=days), method, confidence_levels=(0.95,), window=200)
        alone = tail_losses(sample[:200], [method], confidence_levels=(0.95,), horizons=(1,), resamples=20)
        if alone["reason"].iloc[0]:
            assert np.isnan(rolled.var[0, 0])
            continue
        assert rolled.var[0, 0] * 100 == pytest.approx(alone["var"].iloc[0], rel=1e-3), method
        assert rolled.es[0, 0] * 100 == pytest.approx(alone["es"].iloc[0], rel=1e-3), method
