import math

import ffn
import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.analysis.curves.drawdown_statistics import drawdown_statistics, drawdowns
from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.study.ratios import equity_ratios


def curve(seed, days=600, drift=0.001):
    random = np.random.default_rng(seed)
    index = pd.date_range("2022-01-01", periods=days, tz="UTC")
    return pd.Series(10_000 * np.cumprod(1 + random.normal(drift, 0.015, days)), index=index)


def of(*values):
    return pd.Series(values, index=pd.date_range("2024-01-01", periods=len(values), tz="UTC"), dtype=float)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("drift", [-0.001, 0.001])
def test_drawdowns_are_ffns(seed, drift):
    equity = curve(seed, drift=drift)
    ours = drawdowns(equity)
    theirs = ffn.drawdown_details(ffn.to_drawdown_series(equity))
    np.testing.assert_allclose(ours["depth"], theirs["drawdown"].astype(float) * 100, rtol=1e-10)
    # ffn begins a drawdown at the first day below the peak; the fall began on the day before
    day = pd.Timedelta(days=1)
    assert (ours["start"] + day).tolist() == theirs["Start"].tolist()
    ends = ours["recovery"].fillna(equity.index[-1])
    assert ends.tolist() == theirs["End"].tolist()
    np.testing.assert_allclose(ours["days"] - 1, theirs["Length"].astype(float))


@pytest.mark.parametrize("seed", range(6))
def test_figures_are_those_of_the_curve(seed):
    equity = curve(seed)
    found, table = drawdown_statistics(equity), drawdowns(equity)
    stats = ffn.calc_perf_stats(equity.tz_localize(None))
    assert found.max_drawdown == pytest.approx(stats.max_drawdown * 100, rel=1e-10)
    assert found.average_drawdown == pytest.approx(stats.avg_drawdown * 100, rel=1e-10)
    assert found.average_duration == pytest.approx((table["days"] - table["recovery"].notna()).mean())
    below = ffn.to_drawdown_series(equity) < 0
    assert found.time_under_water == pytest.approx(below.sum() / (len(equity) - 1))
    for row in table.itertuples():
        assert equity[row.trough] == equity[row.start : row.recovery if not pd.isna(row.recovery) else None].min()
        assert row.depth == pytest.approx((equity[row.trough] / equity[row.start] - 1) * 100)
        assert row.days_down == (row.trough - row.start).days
        assert pd.isna(row.recovery) or row.days == row.days_down + row.days_to_recover
    assert found.worst["depth"].tolist() == table["depth"].nsmallest(10).tolist()
    assert found.max_recovery == table["days_to_recover"].max()


@pytest.mark.parametrize("seed", range(6))
def test_the_longest_time_under_water_is_that_of_jesse(seed):
    """It ends at the last day below the peak; a drawdown's days end at the first one back there."""
    equity = curve(seed)
    found, table = drawdown_statistics(equity), drawdowns(equity)
    assert found.max_duration == jesse_module("jesse.services.metrics").calculate_max_underwater_period(equity.tolist())
    assert found.max_duration == equity_ratios(equity)["max_underwater_period"]
    assert (table["days"] - table["days_below"]).tolist() == table["recovery"].notna().astype(float).tolist()


def test_a_drawdown_by_hand():
    found = drawdown_statistics(of(100, 110, 99, 88, 100, 110, 120, 120, 108))
    assert found.drawdowns == 2
    first, second = found.worst.itertuples()
    assert (first.start.day, first.trough.day, first.recovery.day) == (2, 4, 6)
    assert first.depth == pytest.approx(-20)
    assert (first.days_down, first.days_to_recover, first.days) == (2, 2, 4)
    assert (second.start.day, second.trough.day) == (8, 9)  # the last day of the plateau
    assert pd.isna(second.recovery)
    assert math.isnan(second.days_to_recover)
    assert found.current_drawdown == pytest.approx(-10)
    assert found.current_duration == 1
    assert (found.max_duration, found.average_duration, found.max_recovery) == (3, 2, 2)
    assert found.time_under_water == pytest.approx(4 / 8)


def test_the_first_of_equal_lows_is_the_trough():
    assert drawdowns(of(100, 90, 95, 90, 101)).loc[0, "trough"].day == 2


@pytest.mark.parametrize("values", [(100, 100, 100), (1, 2, 3), (100, 100 * (1 - 1e-15), 100)])
def test_without_a_fall_all_is_zero(values):
    found = drawdown_statistics(of(*values))
    assert found.drawdowns == found.max_drawdown == found.time_under_water == found.current_duration == 0
    assert found.worst.empty
    assert not found.reason
    assert math.isnan(found.average_recovery)


def test_an_account_below_zero_lost_more_than_everything():
    found = drawdown_statistics(of(100, 50, -5, -5))
    assert found.max_drawdown == pytest.approx(-105)
    assert found.current_duration == 3


@pytest.mark.parametrize(("values", "reason"), [((), "no two samples"), ((1,), "no two samples"),
                                                ((1, math.nan), "undefined"), ((0, 1), "zero or below")])
def test_what_is_no_curve_says_so(values, reason):
    found = drawdown_statistics(of(*values))
    assert reason in found.reason
    assert math.isnan(found.max_drawdown)
    assert found.worst.empty


def test_minutes_of_a_year_are_quick():
    random = np.random.default_rng(0)
    index = pd.date_range("2023-01-01", periods=525_600, freq="min", tz="UTC")
    equity = pd.Series(np.cumprod(1 + random.normal(0, 0.0005, len(index))), index=index)
    table = drawdowns(equity)
    below = equity < equity.cummax()
    assert len(table) == int((below & ~below.shift(fill_value=False)).sum())
    assert table["depth"].min() == pytest.approx(((equity / equity.cummax()).min() - 1) * 100)
