import math

import empyrical
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.diagnostic import acorr_ljungbox

from jesse_nb.core.analysis.curves.equity import monthly_returns
from jesse_nb.core.analysis.curves.return_distribution import period_returns, return_distribution
from jesse_nb.core.analysis.studies.stitching import compounded


def draw(seed, days=500, start="2022-11-17"):
    random = np.random.default_rng(seed)
    return pd.Series(random.standard_t(4, days) * 0.01 + 0.0005, index=pd.date_range(start, periods=days, tz="UTC"))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("length", ["daily", "weekly", "monthly"])
def test_periods_are_empyricals_and_scipys(seed, length):
    returns = draw(seed)
    row = return_distribution(returns).periods.loc[length]
    gains = period_returns(returns, length) * 100
    naive = returns.tz_localize(None)
    oracle = (naive if length == "daily" else empyrical.aggregate_returns(naive, length)).to_numpy() * 100
    np.testing.assert_allclose(np.sort(gains), np.sort(oracle), rtol=1e-10, atol=1e-12)
    assert row["periods"] == len(oracle)
    assert row["mean"] == pytest.approx(oracle.mean(), rel=1e-10)
    assert row["median"] == pytest.approx(np.median(oracle), rel=1e-10)
    assert row["std"] == pytest.approx(np.std(oracle, ddof=1), rel=1e-10)
    assert row["skew"] == pytest.approx(stats.skew(oracle, bias=False), rel=1e-10)
    assert row["kurtosis"] == pytest.approx(stats.kurtosis(oracle, bias=False), rel=1e-10)
    assert (row["best"], row["worst"]) == pytest.approx((oracle.max(), oracle.min()))
    assert row["positive"] == (oracle > 0).mean()
    low, high = stats.binomtest(int((oracle > 0).sum()), len(oracle)).proportion_ci(method="wilson")
    assert (row["positive_low"], row["positive_high"]) == pytest.approx((low, high))
    assert row["reason"] == ""


def test_months_are_those_of_the_equity_curve():
    returns = draw(1)
    table = monthly_returns(compounded(returns, 10_000)).drop(columns="year")
    np.testing.assert_allclose(table.stack().to_numpy(), period_returns(returns, "monthly") * 100, rtol=1e-10)


def test_weeks_begin_on_monday_and_cut_periods_are_counted():
    returns = draw(0, 46, "2024-01-31")  # a Wednesday, to Saturday, 16 March
    weeks = period_returns(returns, "weekly")
    assert (weeks.index.dayofweek == 0).all()
    assert weeks.index[0] == pd.Timestamp("2024-01-29", tz="UTC")
    assert (1 + weeks).prod() == pytest.approx((1 + returns).prod())
    periods = return_distribution(returns).periods
    assert periods["partial"].tolist() == [0, 2, 2]
    whole = return_distribution(draw(0, 29, "2024-02-01")).periods
    assert whole["partial"].tolist() == [0, 2, 0]


@pytest.mark.parametrize("seed", range(4))
def test_tails_are_empyricals(seed):
    returns = draw(seed, 150 + 37 * seed)
    tails = return_distribution(returns).tails
    for level in (0.01, 0.05):
        row = tails.loc[level]
        assert row["quantile"] == pytest.approx(empyrical.value_at_risk(returns, level) * 100, rel=1e-10)
        assert row["expected_shortfall"] == pytest.approx(
            empyrical.conditional_value_at_risk(returns, level) * 100, rel=1e-10)
        assert row["days"] == (returns * 100 <= row["quantile"]).sum()


@pytest.mark.parametrize("seed", range(4))
def test_tests_are_scipys_and_statsmodels(seed):
    returns = draw(seed)
    found = return_distribution(returns)
    jarque_bera = stats.jarque_bera(returns)
    assert found.jarque_bera == pytest.approx(jarque_bera.statistic, rel=1e-10)
    assert found.jarque_bera_p == pytest.approx(jarque_bera.pvalue, rel=1e-10)
    table = found.autocorrelation
    assert list(table.index) == list(range(1, 11))
    gaps = returns - returns.mean()
    for lag, row in table.iterrows():
        assert row["autocorrelation"] == pytest.approx((gaps.to_numpy()[lag:] @ gaps.to_numpy()[:-lag]) / (gaps @ gaps))
    # Ljung and Box 1978
    terms = table["autocorrelation"] ** 2 / (500 - table.index)
    np.testing.assert_allclose(table["ljung_box"], 500 * 502 * terms.cumsum())
    np.testing.assert_allclose(table["p"], acorr_ljungbox(returns, lags=10)["lb_pvalue"])


def test_best_and_worst_days():
    returns = draw(2)
    found = return_distribution(returns, extremes=3)
    ordered = returns.sort_values()
    assert found.worst_days["day"].tolist() == ordered.index[:3].tolist()
    np.testing.assert_allclose(found.worst_days["return"], ordered.iloc[:3] * 100)
    assert found.best_days["day"].tolist() == ordered.index[::-1][:3].tolist()


def test_ten_days():
    found = return_distribution(draw(0, 10))
    assert "10 days are too few" in found.reason
    assert math.isnan(found.jarque_bera_p)
    assert found.autocorrelation.empty
    assert found.tails["quantile"].isna().all()
    assert found.tails.loc[0.05, "reason"] == "10 days are too few; 20 are needed"
    assert found.periods.loc["daily", "reason"] == ""
    assert found.periods.loc["monthly", "reason"] == "1 is too few for the shape"
    assert found.periods.loc["monthly", ["std", "skew", "kurtosis"]].isna().all()
    assert len(found.best_days) == 10


def test_flat_empty_and_undefined_returns():
    days = pd.date_range("2024-01-01", periods=120, tz="UTC")
    flat = return_distribution(pd.Series(0.0, index=days))
    assert flat.reason == "the returns do not vary"
    assert flat.periods.loc["daily", "reason"] == "the returns do not vary"
    assert flat.periods.loc["daily", ["skew", "kurtosis"]].isna().all()
    assert flat.periods.loc["daily", "std"] == flat.periods.loc["daily", "positive"] == 0
    nothing = return_distribution(pd.Series(dtype=float, index=days[:0]))
    assert nothing.periods["reason"].tolist() == ["there are no returns"] * 3
    assert nothing.best_days.empty
    broken = draw(0, 120)
    broken.iloc[50] = math.nan
    found = return_distribution(broken)
    assert "undefined" in found.reason
    assert found.tails["reason"].tolist() == ["some returns are undefined"] * 2
    assert found.periods.loc["daily", "reason"] == "some returns are undefined"
    assert found.worst_days["return"].notna().all()


def test_a_lost_account_has_a_worst_day_of_everything():
    returns = draw(0, 120)
    returns.iloc[60:] = 0.0
    returns.iloc[60] = -1.0
    found = return_distribution(returns)
    assert found.worst_days.loc[0, "return"] == -100
    assert found.periods.loc["monthly", "worst"] == -100
