import math
import time

import empyrical
import ffn
import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.analysis.luck.sharpe_inference import minimum_track_record_length, probabilistic_sharpe
from jesse_nb.core.analysis.luck.significance import bootstrap, stationary_resamples
from jesse_nb.core.analysis.risk.risk_ratios import ratio_paths, risk_ratios
from jesse_nb.core.study.ratios import return_ratios


def draw(seed, days=365, drift=0.001):
    return np.random.default_rng(seed).standard_t(5, days) * 0.012 + drift


def one(returns):
    return {name: float(column[0]) for name, column in ratio_paths(np.asarray(returns)[np.newaxis]).items()}


@pytest.mark.parametrize("days", [20, 21, 60, 365, 900])
@pytest.mark.parametrize("drift", [-0.004, 0.0, 0.003])
def test_ratios_with_jesses_names_are_jesses(days, drift):
    """`return_ratios` is tested against Jesse itself."""
    returns = draw(days, days, drift)
    ours, theirs = one(returns), return_ratios(returns)
    for name in ("annual_return", "sharpe_ratio", "sortino_ratio", "calmar_ratio", "omega_ratio", "serenity_index"):
        assert ours[name] == pytest.approx(theirs[name], rel=1e-9), name


@pytest.mark.parametrize("seed", range(6))
def test_ratios_are_empyricals(seed):
    returns = draw(seed)
    returns[0] = 0.001  # Calmar: Jesse counts a peak from the first sample on, empyrical from the starting balance
    ours, series = one(returns), pd.Series(returns)
    exact = {
        "annual_return": empyrical.annual_return(series, annualization=365) * 100,
        "volatility": empyrical.annual_volatility(series, annualization=365) * 100,
        "sharpe_ratio": empyrical.sharpe_ratio(series, annualization=365),
        "omega_ratio": empyrical.omega_ratio(series),
        "tail_ratio": empyrical.tail_ratio(series),
        "calmar_ratio": empyrical.calmar_ratio(series, annualization=365),
        # Jesse divides the downside by one observation more: the day that has no return
        "sortino_ratio": empyrical.sortino_ratio(series, annualization=365) * math.sqrt(366 / 365),
    }
    for name, value in exact.items():
        assert ours[name] == pytest.approx(value, rel=1e-10), name
    assert ours["kelly_fraction"] == pytest.approx(returns.mean() / returns.var(ddof=1), rel=1e-10)


@pytest.mark.parametrize("seed", range(6))
def test_ulcer_is_ffns(seed):
    prices = pd.Series(np.cumprod([1, *(1 + draw(seed))]))
    ours = one(draw(seed))
    assert ours["ulcer_index"] == pytest.approx(ffn.to_ulcer_index(prices), rel=1e-10)
    theirs = ffn.to_ulcer_performance_index(prices, nperiods=365)
    assert ours["ulcer_performance_index"] == pytest.approx(theirs, rel=1e-10)


def test_kelly_maximizes_growth():
    """Of small returns: the second order of the logarithm."""
    returns = draw(3, 5_000, 0.0002) / 10
    best = one(returns)["kelly_fraction"]
    growth = {part: np.log1p(best * part * returns).mean() for part in (0.8, 1.0, 1.2)}
    assert max(growth, key=growth.get) == 1.0


def test_many_series_at_once_are_each_alone():
    paths = np.array([draw(seed, 100) for seed in range(5)])
    together = ratio_paths(paths)
    for row, path in enumerate(paths):
        for name, value in one(path).items():
            assert together[name][row] == pytest.approx(value, rel=1e-12)


def test_the_frame():
    returns = draw(1)
    table = risk_ratios(returns, seed=3)
    assert table.loc["sharpe_ratio", "error"] == "formula"
    assert table.loc["probabilistic_sharpe", "value"] == probabilistic_sharpe(returns)
    assert table.loc["minimum_track_record_length", "value"] == minimum_track_record_length(returns)
    assert table.loc["annual_return", "unit"] == "% a year"
    resampled = table[table["error"] == "bootstrap"]
    assert len(resampled) == 10
    assert (resampled["low"] < resampled["high"]).all()
    assert set(table.index[table["standard_error"].isna()]) == {
        "annual_return", "calmar_ratio", "serenity_index", "ulcer_performance_index", "probabilistic_sharpe",
        "minimum_track_record_length"}
    pd.testing.assert_frame_equal(table, risk_ratios(returns, seed=3))
    assert not table.equals(risk_ratios(returns, seed=4))


def test_resamples_are_those_of_the_bootstrap():
    returns = draw(2)
    drawn, table = bootstrap(returns, seed=5), risk_ratios(returns, seed=5)
    for name in ("value", "low", "high"):
        assert table.loc["annual_return", name] == pytest.approx(getattr(drawn.annual_return, name), rel=1e-9)
    # two ways to the same interval: Mertens' formula and the bootstrap
    formula, other = table.loc["sharpe_ratio"], drawn.sharpe
    assert formula["high"] - formula["low"] == pytest.approx(other.high - other.low, rel=0.15)


def test_errors_agree_with_theory():
    """Independent normal returns: Lo (2002) for Sharpe, sigma / sqrt(2 n) for the volatility."""
    returns = np.random.default_rng(7).normal(0.001, 0.02, 800)
    table = risk_ratios(returns, seed=1)
    ratio = table.loc["sharpe_ratio", "value"] / math.sqrt(365)
    assert table.loc["sharpe_ratio", "standard_error"] == pytest.approx(
        math.sqrt((1 + ratio**2 / 2) / 800 * 365), rel=0.05)
    volatility = table.loc["volatility"]
    assert volatility["standard_error"] == pytest.approx(volatility["value"] / math.sqrt(1_600), rel=0.12)


def test_intervals_cover_the_truth():
    """95 % of them should; percentile intervals of 250 days are known to be a little short."""
    truth = one(np.random.default_rng(0).normal(0.001, 0.02, 200_000))
    hits = {name: [] for name in ("sortino_ratio", "volatility", "omega_ratio", "kelly_fraction")}
    for seed in range(80):
        sample = np.random.default_rng(100 + seed).normal(0.001, 0.02, 250)
        drawn = ratio_paths(stationary_resamples(sample, seed=seed, resamples=300).paths)
        for name, found in hits.items():
            low, high = np.quantile(drawn[name], [0.025, 0.975])
            found.append(low <= truth[name] <= high)
    for name, found in hits.items():
        assert 0.85 <= np.mean(found) < 1, name


@pytest.mark.parametrize(
    ("returns", "reason"),
    [([], "0 days are too few"), (draw(0, 10), "10 days are too few"), (np.zeros(100), "do not vary"),
     ([0.01, math.nan] * 50, "undefined"), ([*draw(0, 50), -1.0, math.nan], "the account was lost on day 51"),
     ([*draw(0, 20), -1.2, 0.0], "the account was lost on day 21")],
)
def test_what_gives_no_ratio_says_why(returns, reason):
    table = risk_ratios(returns)
    assert table[["value", "standard_error", "low", "high"]].isna().all(axis=None)
    assert table["reason"].str.contains(reason).all()


def test_without_a_loss():
    table = risk_ratios(np.abs(draw(0, 100)) + 0.001)
    for name in ("sortino_ratio", "omega_ratio"):
        assert math.isnan(table.loc[name, "value"])
        assert table.loc[name, "reason"] == "no day lost"
    for name in ("calmar_ratio", "serenity_index", "ulcer_performance_index"):
        assert table.loc[name, "reason"] == "there is no drawdown"
    assert table.loc["ulcer_index", "value"] == 0
    assert table.loc["sharpe_ratio", "low"] > 0


def test_a_ratio_that_hangs_on_one_day_has_no_interval():
    returns = np.abs(draw(0, 60)) + 0.001
    returns[30] = -0.01
    row = risk_ratios(returns).loc["sortino_ratio"]
    assert row["value"] > 0
    assert math.isnan(row["low"])
    assert row["reason"].startswith("no interval: undefined in 3")  # (1 - 1/60)^60


def test_mostly_idle_days():
    returns = np.zeros(365)
    returns[::40] = draw(1, 10, 0.01)
    table = risk_ratios(returns)
    assert table.loc["tail_ratio", "reason"] == "the 5 % quantile is zero"
    assert math.isfinite(table.loc["sharpe_ratio", "low"])


def test_a_loss_leaves_no_track_record_length():
    table = risk_ratios(-np.abs(draw(0)) * 0.1 + draw(1) * 0.1)
    row = table.loc["minimum_track_record_length"]
    assert math.isnan(row["value"])
    assert "no record is long enough" in row["reason"]


def test_a_year_is_quick():
    risk_ratios(draw(0))
    began = time.process_time()
    risk_ratios(draw(1))
    assert time.process_time() - began < 1
