"""Factor regressions: beside linearmodels, statsmodels' inflation factors, and Newey and West's definition."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.analysis.markets.factor_regression import (
    ALPHA,
    factor_regression,
    linked_contributions,
    newey_west_lags,
    rolling_betas,
)
from jesse_nb.exceptions import InputError

NAMES = ["market", "momentum", "volatility"]


def sample(seed: int, days: int = 300) -> tuple[pd.Series, pd.DataFrame]:
    random = np.random.default_rng(seed)
    index = pd.date_range("2022-01-01", periods=days, tz="UTC")
    loud = np.exp(0.8 * np.sin(np.arange(days) / 20))[:, None]  # clusters
    factors = pd.DataFrame(random.standard_t(5, (days, 3)) * 0.02 * loud, index=index, columns=NAMES)
    factors["momentum"] += 0.5 * factors["market"]
    noise = np.convolve(random.standard_normal(days + 2), [1, 0.5, 0.25], "valid") * 0.01 * loud[:, 0]
    return pd.Series(0.001 + factors @ [0.8, -0.3, 0.1] + noise, index=index), factors


def test_three_factors_on_six_portfolios_as_linearmodels_has_them() -> None:
    from linearmodels.asset_pricing import TradedFactorModel
    from linearmodels.datasets import french

    data = french.load()
    factors = data[["MktRF", "SMB", "HML"]]
    portfolios = data[["S1V1", "S1V3", "S1V5", "S5V1", "S5V3", "S5V5"]].sub(data["RF"], axis=0)
    model = TradedFactorModel(portfolios, factors).fit(cov_type="robust")
    assert round(float(model.rsquared), 4) == 0.8879
    assert round(float(model.j_statistic.stat), 3) == 50.559
    unexplained = total = 0.0
    for name in portfolios:
        found = factor_regression(portfolios[name], factors)
        betas = found.table.loc[list(factors), "value"]
        np.testing.assert_allclose(betas, model.params.loc[name, list(factors)], rtol=1e-6)
        np.testing.assert_allclose(found.table.loc[ALPHA, "value"], model.alphas[name], rtol=1e-6)
        unexplained += float(np.square(found.residuals).sum())
        total += float(np.square(portfolios[name] - portfolios[name].mean()).sum())
    assert round(1 - unexplained / total, 4) == 0.8879


@pytest.mark.parametrize("seed", range(5))
def test_errors_are_newey_and_wests(seed: int) -> None:
    returns, factors = sample(seed)
    found = factor_regression(returns, factors, lags=4)
    design = np.column_stack([np.ones(len(returns)), factors])
    inverse = np.linalg.inv(design.T @ design)
    betas = inverse @ design.T @ returns.to_numpy()
    scores = design * (returns.to_numpy() - design @ betas)[:, None]
    inner = scores.T @ scores
    for lag in range(1, 5):
        cross = scores[lag:].T @ scores[:-lag]
        inner += (1 - lag / 5) * (cross + cross.T)
    errors = np.sqrt(np.diag(inverse @ inner @ inverse) * len(returns) / (len(returns) - 4))
    np.testing.assert_allclose(found.table["value"], betas, rtol=1e-9)
    np.testing.assert_allclose(found.table["error"], errors, rtol=1e-9)


def test_tests_and_intervals_are_students() -> None:
    from scipy.stats import t as student

    returns, factors = sample(7)
    table = factor_regression(returns, factors).table
    degrees = len(returns) - 4
    np.testing.assert_allclose(table["p"], 2 * student.sf(np.abs(table["value"] / table["error"]), degrees), rtol=1e-9)
    reach = student.ppf(0.975, degrees) * table["error"]
    np.testing.assert_allclose(table["low"], table["value"] - reach)
    np.testing.assert_allclose(table["high"], table["value"] + reach)


@pytest.mark.parametrize("seed", range(3))
def test_inflation_is_that_of_statsmodels(seed: int) -> None:
    from statsmodels.stats.outliers_influence import variance_inflation_factor

    returns, factors = sample(seed)
    design = np.column_stack([np.ones(len(factors)), factors])
    expected = [variance_inflation_factor(design, column) for column in (1, 2, 3)]
    np.testing.assert_allclose(factor_regression(returns, factors).table.loc[NAMES, "inflation"], expected, rtol=1e-9)


def test_rolling_betas_are_those_of_each_window() -> None:
    returns, factors = sample(3, days=120)
    rolled = rolling_betas(returns, factors, 60)
    assert len(rolled) == 61
    for end in (60, 77, 120):
        part = slice(end - 60, end)
        alone = factor_regression(returns[part], factors[part]).table["value"]
        np.testing.assert_allclose(rolled.iloc[end - 60], alone, rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("seed", range(10))
def test_contributions_add_up_to_the_compounded_return(seed: int) -> None:
    returns, factors = sample(seed)
    found = factor_regression(returns, factors)
    parts = factors * found.table.loc[NAMES, "value"]
    parts[ALPHA], parts["residual"] = found.table.loc[ALPHA, "value"], found.residuals
    linked = linked_contributions(returns, parts)
    assert abs(linked.sum() - (np.prod(1 + returns) - 1)) < 1e-12


def test_contributions_of_days_without_a_move() -> None:
    parts = pd.DataFrame({"a": [0.1, 0.0, -0.1 / 1.1], "b": [0.0, 0.0, 0.0]})
    linked = linked_contributions(parts.sum(axis=1), parts)
    assert linked["b"] == 0.0
    assert abs(linked.sum()) < 1e-15  # up a tenth and back again


def test_lags_follow_the_rule() -> None:
    assert [newey_west_lags(days) for days in (60, 100, 365, 1000)] == [3, 4, 5, 6]


@pytest.mark.parametrize(("change", "argument", "said"), [
    (lambda y, x: (y[:39], x[:39]), "factors", "share 39 days. A regression on 3 factors needs 40"),
    (lambda y, x: (y[:29], x[["market"]][:29]), "factors", "share 29 days. A regression on 1 factor needs 30"),
    (lambda y, x: (y * 0, x), "result", "never moves"),
    (lambda y, x: (y, x.assign(momentum=0.5)), "factors", "momentum, which never moves"),
    (lambda y, x: (y, x.assign(momentum=2 * x["market"] - x["volatility"])), "factors", "the others make up"),
    (lambda y, x: (y, x.assign(market=x["market"].where(x.index != x.index[5]))), "factor_returns", "without a number"),
])
def test_what_cannot_be_explained_is_refused(change: object, argument: str, said: str) -> None:
    returns, factors = change(*sample(1))  # type: ignore[operator]
    with pytest.raises(InputError, match=said) as refused:
        factor_regression(returns, factors)
    assert refused.value.argument == argument


def test_lags_beyond_half_of_the_days_are_refused() -> None:
    with pytest.raises(InputError, match="hac_lags"):
        factor_regression(*sample(1), lags=150)


def test_a_lost_account_compounds_no_more() -> None:
    with pytest.raises(InputError, match="lost"):
        linked_contributions(pd.Series([0.1, -1.0]), pd.DataFrame({"a": [0.1, -1.0]}))


def test_a_perfect_fit_leaves_nothing() -> None:
    _, factors = sample(2)
    found = factor_regression(0.5 * factors["market"] + 0.001, factors)
    assert found.r_squared == pytest.approx(1.0)
    assert found.alpha_a_year == pytest.approx(0.365)
    assert math.isnan(found.table.loc[ALPHA, "inflation"])
