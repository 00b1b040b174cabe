import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.analysis.curves.equity import drawdown, equity_curves, growth, monthly_returns
from jesse_nb.core.jesse_runtime import jesse_module
from tests.analysis.results import make_optimization


def random_equity(seed: int, days: int = 500, start: str = "2022-11-17") -> "pd.Series[float]":
    random = np.random.default_rng(seed)
    index = pd.date_range(start, periods=days, tz="UTC")
    return pd.Series(10_000 * np.cumprod(1 + random.normal(0.0005, 0.02, days)), index=index)


@pytest.mark.parametrize("seed", range(5))
def test_drawdown_equals_a_walk_through_the_curve(seed):
    equity = random_equity(seed)
    peak, expected = -np.inf, []
    for value in equity:
        peak = max(peak, value)
        expected.append(100 * (value - peak) / peak)
    np.testing.assert_allclose(drawdown(equity), expected, rtol=1e-12, atol=1e-12)
    assert drawdown(equity).index.equals(equity.index)


def test_drawdown_equals_jesses_except_for_the_first_sample():
    jesse_metrics = jesse_module("jesse.services.metrics")
    for seed in range(20):
        equity = random_equity(seed)
        theirs = float(jesse_metrics.max_drawdown(equity.to_frame().pct_change(1)).iloc[0].iloc[0]) * 100
        assert drawdown(equity.iloc[1:]).min() == pytest.approx(theirs, rel=1e-9)
        assert drawdown(equity).min() <= theirs + 1e-9
    falling = pd.Series([100.0, 90.0, 80.0])
    assert drawdown(falling).min() == pytest.approx(-20)
    assert float(
        jesse_metrics.max_drawdown(falling.to_frame().pct_change(1)).iloc[0].iloc[0]
    ) == pytest.approx(80 / 90 - 1)


def test_growth_starts_at_zero():
    np.testing.assert_allclose(growth(pd.Series([200.0, 100.0, 250.0])), [0, -50, 25])
    assert growth(pd.Series([], dtype=float)).empty


@pytest.mark.parametrize("seed", range(5))
def test_months_compound_to_years_and_to_the_whole(seed):
    equity = random_equity(seed)
    table = monthly_returns(equity)
    months = 1 + table.drop(columns="year") / 100
    np.testing.assert_allclose((1 + table["year"] / 100), months.prod(axis=1, skipna=True))
    assert months.stack().prod() == pytest.approx(equity.iloc[-1] / equity.iloc[0])
    assert list(table.index) == [2022, 2023, 2024]
    assert table.loc[2022, 1:10].isna().all()


def test_a_run_to_the_end_of_a_month_has_no_part_in_the_next():
    days = pd.date_range("2024-04-01", "2024-06-01", tz="UTC")
    equity = pd.Series(np.linspace(100.0, 130.5, len(days)), days)
    table = monthly_returns(equity)
    assert table.loc[2024, 4] == pytest.approx(100 * (equity["2024-05-01"] / 100.0 - 1))
    assert table.loc[2024, 5] == pytest.approx(100 * (130.5 / equity["2024-05-01"] - 1))
    assert np.isnan(table.loc[2024, 6])


def test_a_month_runs_from_its_first_sample_to_the_next_month_s():
    equity = random_equity(3)
    month = monthly_returns(equity).loc[2023, 2]
    assert month == pytest.approx(100 * (equity["2023-03-01"] / equity["2023-02-01"] - 1))
    first = monthly_returns(equity).loc[2022, 11]
    assert first == pytest.approx(100 * (equity["2022-12-01"] / equity.iloc[0] - 1))


def test_short_curves():
    assert monthly_returns(pd.Series([], dtype=float)).empty
    single = monthly_returns(pd.Series([100.0], index=pd.DatetimeIndex(["2024-05-31"], tz="UTC")))
    assert single.loc[2024, 5] == 0
    assert single.loc[2024, "year"] == 0


def test_the_held_out_curve_goes_on_where_training_ended():
    result = make_optimization(30)
    curves = equity_curves(result)
    assert curves.test.iloc[0] == pytest.approx(curves.training.iloc[-1])
    whole = 1 + curves.test.iloc[-1] / 100
    product = (
        result.training.equity.iloc[-1]
        / result.training.equity.iloc[0]
        * result.test.equity.iloc[-1]
        / result.test.equity.iloc[0]
    )
    assert whole == pytest.approx(product)
    assert curves.default.iloc[0] == 0


def test_curves_of_a_failed_optimization_are_none():
    assert equity_curves(make_optimization(4, failing=4)) == (None, None, None)
