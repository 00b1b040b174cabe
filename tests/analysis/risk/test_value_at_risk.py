"""Value at risk covers what it claims, and says why where it cannot."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from arch.univariate import arch_model
from scipy import stats

from jesse_nb.core.analysis.risk.value_at_risk import METHODS, not_a_sample, tail_losses
from jesse_nb.core.analysis.risk.volatility import conditional_variance, fit_volatility, simulate_horizons
from tests.calibration.value_at_risk import returns_of, study


def losses(sample, method, **options):
    options = {"confidence_levels": (0.95, 0.99), "horizons": (1,), "resamples": 100, **options}
    return tail_losses(sample, [method], **options).loc[method]


def test_each_method_finds_the_truth_of_many_normal_days():
    sample = 0.001 + 0.02 * np.random.default_rng(0).standard_normal(6_000)
    for method in METHODS:
        found = losses(sample, method, horizons=(1, 5))
        for level in (0.95, 0.99):
            z = stats.norm.ppf(level)
            assert found.loc[(level, 1), "var"] == pytest.approx(2 * z - 0.1, rel=0.06), method
            assert found.loc[(level, 1), "es"] == pytest.approx(2 * stats.norm.pdf(z) / (1 - level) - 0.1, rel=0.08)
            many = (1 - np.exp(5 * (0.001 - 0.0002) - z * 0.02 * np.sqrt(5))) * 100
            assert found.loc[(level, 5), "var"] == pytest.approx(many, rel=0.09), method
            row = found.loc[(level, 1)]
            assert row["var_low"] < row["var"] < row["var_high"]
            assert row["es_low"] < row["es"] < row["es_high"]


def test_over_several_days_heavy_tails_compound_as_simulated():
    random = np.random.default_rng(1)
    sample = random.standard_t(3.5, 4_000) * 0.012
    drawn = np.exp((random.standard_t(3.5, (400_000, 10)) * 0.012).sum(axis=1)) - 1
    exact = -np.quantile(drawn, 0.01) * 100
    found = losses(np.expm1(sample), "t", horizons=(10,)).loc[(0.99, 10)]
    assert found["var"] == pytest.approx(exact, rel=0.06)
    assert found["es"] == pytest.approx(-drawn[drawn < -exact / 100].mean() * 100, rel=0.08)


def test_overlapping_days_are_not_taken_as_independent():
    sample = np.random.default_rng(2).standard_normal(400) * 0.02
    found = losses(sample, "historical", horizons=(1, 5, 10))
    assert list(found.loc[0.95]["observations"]) == [400, 80, 40]
    assert "80 periods of 5 days that do not overlap have 4.0 such losses" in found.loc[(0.95, 5), "reason"]
    assert found.loc[(0.99, 1), "reason"].endswith("500 are needed to have five")
    assert np.isnan(found.loc[(0.95, 5), "var"])


def test_cornish_fisher_outside_its_domain_has_a_reason():
    sample = np.random.default_rng(3).standard_normal(500) * 0.01
    sample[100] = -0.35
    found = losses(sample, "cornish_fisher", horizons=(1, 5))
    assert found["var"].isna().all()
    assert found["reason"].str.contains("outside the domain").all()


def test_a_t_distribution_is_refused_where_most_days_are_alike():
    sample = np.where(np.random.default_rng(4).random(400) < 0.3, 0.0, np.random.default_rng(5).standard_normal(400))
    assert losses(sample * 0.01, "t")["reason"].str.contains("the very same return").all()


def test_a_model_that_does_not_converge_has_a_reason(monkeypatch):
    """Arch stops after a single step: it says so, and nothing is made of where it stood."""
    from arch.univariate.base import ARCHModel

    fit = ARCHModel.fit
    monkeypatch.setattr(ARCHModel, "fit", lambda self, **how: fit(self, **how, options={"maxiter": 1}))
    found = losses(returns_of("garch", 800, 1)[0], "fhs")
    assert found["reason"].str.contains("did not converge").all()


@pytest.mark.parametrize("model", ["garch", "gjr"])
def test_the_variance_is_that_of_arch(model):
    sample, _ = returns_of("garch", 1_500, 3)
    fit = fit_volatility(sample, model)
    whole = arch_model(sample * 100, mean="Constant", vol="GARCH", p=1, o=int(model == "gjr"), q=1, rescale=False).fit(
        disp="off")
    assert fit.mu * 100 == pytest.approx(whole.params["mu"])
    next_day = whole.forecast(horizon=1).variance.iloc[-1, 0]
    assert conditional_variance(sample, fit)[-1] * 1e4 == pytest.approx(next_day, rel=1e-4)
    assert np.sqrt(conditional_variance(sample, fit)[200:-1]) * 100 == pytest.approx(
        whole.conditional_volatility[200:], rel=1e-4)


def test_paths_over_several_days_have_the_variance_that_arch_forecasts():
    sample, _ = returns_of("garch", 1_500, 4)
    fit = fit_volatility(sample, "garch")
    variance = conditional_variance(sample, fit)
    residuals = (sample - fit.mu) / np.sqrt(variance[:-1])
    drawn = simulate_horizons(fit, float(variance[-1]), (residuals - residuals.mean()) / residuals.std(), (1, 5),
                              300_000, np.random.default_rng(0))
    whole = arch_model(sample * 100, mean="Constant", vol="GARCH", rescale=False).fit(disp="off")
    ahead = whole.forecast(horizon=5).variance.iloc[-1].to_numpy()
    assert drawn[1].var() * 1e4 == pytest.approx(ahead[0], rel=0.02)
    assert drawn[5].var() * 1e4 == pytest.approx(ahead.sum(), rel=0.03)


def test_ewma_is_riskmetrics():
    sample = np.random.default_rng(6).standard_normal(300) * 0.02
    variance = (sample**2).mean()
    for value in sample:
        variance = 0.94 * variance + 0.06 * value**2
    assert conditional_variance(sample, fit_volatility(sample, "ewma"))[-1] == pytest.approx(variance)


def test_the_same_seed_gives_the_same_figures():
    sample, _ = returns_of("t", 600, 1)
    one, two, other = (tail_losses(sample, confidence_levels=(0.95,), horizons=(1, 5), seed=seed, resamples=50)
                       for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, two)
    assert not one["var_low"].equals(other["var_low"])


@pytest.mark.parametrize(("kind", "method"), [("normal", "normal"), ("t", "t"), ("t", "historical"), ("garch", "fhs")])
def test_a_right_model_is_exceeded_as_often_as_it_says_and_seldom_rejected(kind, method):
    """The small sister of tests/calibration/value_at_risk.py."""
    found = study(kind, method, 4 if method == "fhs" else 10)
    assert found.loc["95%", "exceeded"] == pytest.approx(0.05, abs=0.016)
    assert found.loc["99%", "exceeded"] == pytest.approx(0.01, abs=0.007)
    assert found.loc["95%", "interval holds"] >= 0.6
    assert (found.loc["95%", ["kupiec", "independence", "durations", "z2"]] <= 0.34).all()


def test_a_wrong_model_is_rejected():
    found = study("t", "normal", 16)
    assert found.loc["99%", "exceeded"] > 0.013
    assert found.loc["95%", "z1"] > 0.5


def test_what_is_no_sample_says_why():
    assert "40 days" in not_a_sample(np.ones(40) * 0.01, 60)
    assert "never changes" in not_a_sample(np.zeros(100), 60)
    assert "lost on day 3" in not_a_sample(np.array([0.1, 0.1, -1.0, 0.2]), 3)
    assert "undefined" in not_a_sample(np.r_[np.ones(90), np.nan], 60)
    assert not not_a_sample(np.random.default_rng(0).standard_normal(90) * 0.01, 60)
