"""Value at risk as a tool: what it reads of each result, what it refuses, and that it can be stopped."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.core.analysis.curves.curves import equal_weight
from jesse_nb.core.analysis.risk.value_at_risk import tail_losses
from jesse_nb.core.simulator.account.audit import EquityAudit, Ruin
from jesse_nb.core.tools.risk.risk_input import returns_of, risk_input
from jesse_nb.exceptions import InputError
from tests.analysis.results import make_backtest, make_optimization
from tests.analysis.walk_forwards import make_walk_forward

QUICK = {"method": "normal", "time_horizons": 1, "confidence_levels": 0.95}


def test_it_is_the_analysis_of_the_curve_in_percent_and_in_money(equity):
    found = jn.var_calculation(equity=equity, method=["historical", "normal"], time_horizons=[5, 1, 5])
    alone = tail_losses(equity.pct_change().dropna(), ["historical", "normal"], horizons=(1, 5))
    pd.testing.assert_frame_equal(found.table[alone.columns], alone)
    row = found.table.loc[("normal", 0.99, 5)]
    assert row["var_money"] == pytest.approx(row["var"] / 100 * equity.iloc[-1])
    assert (found.time_horizons, found.methods, found.days) == ((1, 5), ("historical", "normal"), 730)
    assert list(found.tests.index.get_level_values("method").unique()) == ["historical", "normal"]
    days = found.forecasts.loc[("normal", 0.95)]
    assert len(days) == 365
    assert (days["exceeded"] == (days["return"] < -days["var"])).all()
    assert int(days["exceeded"].sum()) == found.tests.loc[("normal", 0.95, "kupiec"), "exceedances"]


def test_every_method_is_the_default_and_the_result_pickles(equity):
    found = jn.var_calculation(equity=equity, confidence_levels=0.9, time_horizons=1, window=600)
    assert found.methods == ("historical", "normal", "t", "cornish_fisher", "monte_carlo", "fhs")
    again = pickle.loads(pickle.dumps(found))
    pd.testing.assert_frame_equal(again.table, found.table)
    assert str(again) == str(found)


@pytest.mark.parametrize(("result", "sample", "origin"), [
    (make_backtest(), "unknown", ""),
    (make_optimization(12), "out-of-sample", "best trial, held-out period"),
    (make_optimization(12, held_out=False), "in-sample", "best trial, training period"),
    (make_walk_forward(), "out-of-sample", "stitched out-of-sample"),
])
def test_it_knows_whether_the_days_had_been_seen(result, sample, origin):
    found = jn.var_calculation(result, **QUICK)
    assert (found.sample, found.run.origin) == (sample, origin)
    said = " ".join(str(found).split())
    assert ("understated" in said) == (sample != "out-of-sample")
    assert ("every risk below is understated" in said and "In-sample" in said) == (sample == "in-sample")


def test_a_walk_forward_is_read_by_its_stitched_curve():
    walk = make_walk_forward()
    found = jn.var_calculation(walk, **QUICK)
    assert found.days == len(walk.stitched.returns)
    assert found.equity_now == pytest.approx(float(walk.stitched.equity.iloc[-1]))


def test_days_with_an_open_position_are_those_of_the_trades():
    days = pd.date_range("2023-01-01", periods=101, tz="UTC")
    steps = np.random.default_rng(0).standard_normal(100) * 0.01
    curve = pd.Series(1_000 * np.cumprod(np.r_[1.0, 1.0 + steps]), index=days)
    trades = pd.DataFrame({"opened_at": ["2023-01-03 05:00", "2023-02-01 00:00"],
                           "closed_at": ["2023-01-05 00:00", "2023-03-10 00:00"],
                           "side": "long", "entry_price": 1.0, "exit_price": 1.1, "qty": 1.0, "pnl": 0.1})
    held = returns_of(risk_input(None, trades, curve), "open_position")
    assert list(held.index[:3]) == list(pd.to_datetime(["2023-01-03", "2023-01-04", "2023-02-01"], utc=True))
    assert held.index[-1] == pd.Timestamp("2023-03-09", tz="UTC")
    found = jn.var_calculation(trades=trades, equity=curve, basis="open_position", backtest=False, **QUICK)
    assert found.days == len(held) == 2 + 28 + 9


def test_idle_days_are_told():
    days = pd.date_range("2023-01-01", periods=301, tz="UTC")
    steps = np.where(np.arange(300) % 2, 0.0, np.random.default_rng(0).standard_normal(300) * 0.01)
    curve = pd.Series(1_000 * np.cumprod(np.r_[1.0, 1.0 + steps]), index=days)
    found = jn.var_calculation(equity=curve, **QUICK)
    assert any("50 % of these days" in note and "open_position" in note for note in found.notes)


def test_a_portfolio_of_unequal_spans_is_cut_and_told(equity):
    found = jn.var_calculation(equal_weight({"a": equity, "b": equity.iloc[100:] * 2}), **QUICK)
    assert found.days == 630
    assert any("100 that not all of them have" in note for note in found.notes)
    with pytest.raises(InputError, match="no two days in common"):
        equal_weight({"a": equity.iloc[:100], "b": equity.iloc[200:]})


@pytest.mark.parametrize(("wrong", "said"), [
    ({"confidence_levels": 0}, "confidence_levels holds 0. Each is a number above zero to below 1. 95 % is 0.95."),
    ({"confidence_levels": 1}, "confidence_levels holds 1."),
    ({"confidence_levels": [0.9, 95]}, "confidence_levels holds 95. Each is a number above zero to below 1. 95 % is"),
    ({"time_horizons": 0}, "time_horizons is 0. It is a whole number of days from 1 to 250."),
    ({"time_horizons": [1, 2.5]}, "time_horizons holds 2.5. Each is a whole number"),
    ({"method": "histrical"}, "method is 'histrical'. Did you mean 'historical'?"),
    ({"window": 10}, "window is 10."),
    ({"basis": "open_position"}, "no trades were given"),
    ({"result": 7}, "Both a result and equity were given."),
])
def test_wrong_arguments(equity, wrong, said):
    with pytest.raises(InputError) as refused:
        jn.var_calculation(equity=equity, **wrong)
    assert said in str(refused.value)


def test_wrong_results(equity):
    def refused(**given):
        with pytest.raises(InputError) as error:
            jn.var_calculation(**given)
        return str(error.value)

    assert "There is no result" in refused()
    assert "int" in refused(result=7)
    assert "there are 20 days, and 30 are needed" in refused(equity=equity.iloc[:21])
    assert "the equity never changes" in refused(equity=equity * 0 + 5)
    lost = equity.copy()
    lost.iloc[300:] = 0.0
    assert "the account was lost on day 300" in refused(equity=lost)
    assert "time_horizons holds 40, and there are 60 days. A horizon is at most half of them, 30." in refused(
        equity=equity.iloc[:61], time_horizons=40)
    audit = EquityAudit(5, ruin=Ruin(1_690_000_000_000, "BTC-USDT", 100.0, 1.0, 2.0))
    assert "The account was ruined on" in refused(result=replace(make_backtest(), audit=audit))


@pytest.mark.parametrize(("days", "window"), [(70, 60), (90, 60), (365, 243), (700, 365)])
def test_forecasts_look_back_on_two_thirds_of_the_days_and_a_year_at_most(equity, days, window):
    year = equity.iloc[:days + 1]
    found = jn.var_calculation(equity=year, **QUICK)
    report = jn.risk_report(equity=year, sections="var", confidence_levels=found.confidence_levels)
    assert found.window == report.var.window == window
    assert bool(found.untested) == bool(report.var.untested) == (days - window < 20)


def test_a_year_and_a_window_of_a_year_leave_nothing_to_test(equity):
    found = jn.var_calculation(equity=equity.iloc[:366], window=365, **QUICK)
    assert found.untested == ("a window of 365 days leaves 0 of 365 days to forecast, and 20 are needed: "
                              "window=243 would leave 122")
    assert found.tests.empty
    assert "No forecast was tested" in str(found)
    assert jn.var_calculation(equity=equity, backtest=False, **QUICK).untested == "it was not asked for"


def test_a_job_that_is_cancelled_keeps_the_methods_that_were_ready(equity):
    job = jn.var_calculation(equity=equity, background=True)
    job.cancel()
    assert job.wait(60)
    partial = job.partial_result()
    assert partial is None or (partial.stopped == "interrupted" and len(partial.table) < 6 * 9)


def test_the_same_seed_gives_the_same_result(equity):
    options = {"method": ["t", "fhs"], "confidence_levels": 0.95, "time_horizons": (1, 5), "backtest": False}
    pd.testing.assert_frame_equal(jn.var_calculation(equity=equity, seed=3, **options).table,
                                  jn.var_calculation(equity=equity, seed=3, **options).table)


def test_where_volatility_stays_for_long_the_intervals_are_called_too_narrow(equity):
    from tests.calibration.value_at_risk import returns_of

    wild = returns_of("garch", 500, 1)[0]
    curve = pd.Series(np.cumprod(np.r_[1.0, 1.0 + wild]), index=pd.date_range("2022-01-01", periods=501, tz="UTC"))
    notes = jn.var_calculation(equity=curve, backtest=False, **QUICK).notes
    assert any("all methods but the filtered one are too narrow" in note and "500 days" in note for note in notes)
    assert not any("too narrow" in note for note in jn.var_calculation(equity=equity, backtest=False, **QUICK).notes)
