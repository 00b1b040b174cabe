"""A risk report is made of the risk tools' own results; what cannot be made has its reason, and ends nothing."""

from __future__ import annotations

import pickle
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.core.analysis.curves.curves import equal_weight
from jesse_nb.core.analysis.curves.drawdown_statistics import drawdown_statistics
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.tools.risk.risk_report_result import SECTIONS
from jesse_nb.exceptions import CandlesError, InputError
from tests.analysis.results import make_backtest
from tests.jobs.strategies import CROSSING, SPACE


@pytest.fixture(scope="module")
def kept(candle_store, tmp_path_factory) -> dict[str, Any]:
    return {"candles": candle_store, "store": tmp_path_factory.mktemp("runs") / "runs.sqlite"}


@pytest.fixture(scope="module")
def result(kept):
    return jn.backtest(CROSSING, "BTC-USDT", "1h", "2023-02-01", "2023-04-12", **kept)


@pytest.fixture(scope="module")
def whole(result, kept):
    return jn.risk_report(result, n_sims=300, ruin=20, target=10, scenarios="gap", at="2023-03-01", seed=3, **kept)


def test_every_section_is_what_its_tool_gives(whole, result, kept):
    assert whole.missing == {}
    drawn = jn.monte_carlo(result, n_sims=300, confidence_levels=(0.95, 0.975, 0.99), ruin=20, target=10, seed=3)
    pd.testing.assert_frame_equal(whole.monte_carlo.to_frame(), drawn.to_frame())
    losses = jn.var_calculation(result, seed=3)
    pd.testing.assert_frame_equal(whole.var.table, losses.table)
    assert (whole.var.window, whole.var.untested) == (losses.window, losses.untested)
    stress = jn.stress_test(result, "gap", at="2023-03-01", **kept)
    pd.testing.assert_frame_equal(whole.stress.table, stress.table)
    assert repr(whole.drawdowns) == repr(drawdown_statistics(result.equity))
    within = jn.analyze_results(result, "advanced", resimulate=False, **kept).advanced
    assert whole.within_days == within.intraday.by_extremes
    assert whole.exposure == within.exposure


def test_key_figures_are_the_sections_own(whole, result):
    table = whole.to_frame()
    assert list(dict.fromkeys(table.index.get_level_values("section"))) == list(SECTIONS)
    equity = result.equity
    fall = equity / equity.cummax() - 1.0
    row = table.loc[("drawdowns", "deepest")]
    assert row["value"] == pytest.approx(-fall.min() * 100)
    assert row["money"] == pytest.approx((equity.cummax() - equity)[fall.idxmin()])
    loses = whole.monte_carlo.projection.chances.loc["loss"]
    row = table.loc[("monte_carlo", "next_loss")]
    assert list(row[["value", "low", "high"]]) == pytest.approx(list(loses[["probability", "low", "high"]] * 100))
    bad_day = whole.var.table.loc[("normal", 0.99, 1)]
    first = table.loc[("var", "var_0.99")]  # 70 days are too few for what happened: the first distribution has it
    assert first["rests_on"] == "70 days, t"
    assert first["value"] == whole.var.table.loc[("t", 0.99, 1), "var"] != bad_day["var"]
    worst = whole.stress.table.loc[0]
    lowest = min(worst["lowest"], whole.stress.results[0].equity.loc[worst["began"]:].min())
    assert table.loc[("stress", "worst"), "money"] == pytest.approx(worst["equity_before"] - lowest)
    assert table.loc[("stress", "worst_end"), "money"] == pytest.approx(worst["equity_before"] - worst["final_equity"])
    known = table[table["reason"] == ""]
    assert (known["rests_on"] != "").all()
    assert (known["value"].drop(("stress", "worst_end")) >= 0).all()  # losses are above zero; this one is a gain
    assert table.loc[("stress", "worst_end"), "value"] < 0 < worst["final_equity"] - worst["equity_before"]


def test_the_second_time_nothing_is_simulated(whole, result, kept):
    with closing(RunStore(kept["store"])) as store:
        before = len(store.ledger())
    again = jn.risk_report(result, "stress", scenarios="gap", at="2023-03-01", background=True, seed=3, **kept)
    assert again.result().stress.table.equals(whole.stress.table)
    assert again.progress.reused == 1
    with closing(RunStore(kept["store"])) as store:
        assert len(store.ledger()) == before  # no scenario is a trial


def test_optimize_then_walk_forward_then_risk_report(kept):
    period = ("2023-02-01", "2023-04-12")
    study = jn.optimize(CROSSING, "BTC-USDT", "1h", *period, space=SPACE, n_trials=2, n_jobs=2, test_ratio=0,
                        neighbours=0, parity=False, **kept)
    chosen = jn.risk_report(study, ["drawdowns", "monte_carlo"], n_sims=200, **kept)
    assert chosen.sample == "in-sample"
    assert chosen.run.origin == "best trial, training period"
    walk = jn.walk_forward(CROSSING, "BTC-USDT", "1h", *period, space=study.space, in_sample_period=20,
                           out_sample_period=10, step_forward=10, n_trials=2, n_jobs=2, **kept)
    risk = jn.risk_report(walk, n_sims=200, scenarios="gap", at="worst_exposure", **kept)
    assert risk.sample == "out-of-sample"
    pd.testing.assert_series_equal(risk.run.equity, walk.stitched.equity)
    assert risk.monte_carlo.period.paths.steps == len(walk.stitched.returns) == 50
    assert set(risk.missing) == {"within_days"}
    assert risk.stress.original.equity.equals(walk.stitched.equity)  # all of it, not its last window
    assert len(risk.stress.results[0].equity) == len(walk.stitched.equity)


def test_of_a_batch_the_best_and_of_a_portfolio_the_whole(kept):
    batch = jn.backtest_batch(CROSSING, ["BTC-USDT", "ETH-USDT"], "1h", ("2023-02-01", "2023-04-12"),
                              concurrent_limit=2, **kept)
    risk = jn.risk_report(batch, ["drawdowns", "exposure"], **kept)
    assert (risk.sample, risk.run.origin) == ("in-sample", "best combination")
    portfolio = equal_weight({entry.name: entry.result().equity for entry in batch.finished}, rebalance="daily")
    risk = jn.risk_report(portfolio, n_sims=200)
    assert risk.drawdowns is not None
    assert set(risk.missing) == {"within_days", "exposure", "stress"}


def test_too_few_days_leave_reasons_in_place_of_figures(equity):
    risk = jn.risk_report(equity=equity.iloc[:20])
    assert risk.drawdowns is not None
    assert "there are 19 days, and 30 are needed" in risk.missing["monte_carlo"]
    assert "there are 19 days, and 30 are needed" in risk.missing["var"]
    assert risk.missing["exposure"] == "the trades are not known"
    assert risk.missing["stress"] == "Tables cannot be simulated again"
    assert risk.to_frame().loc[("var", ""), "reason"] == risk.missing["var"]


def test_what_is_not_to_run_again_is_said(result, kept):
    quiet = jn.risk_report(result, "stress", resimulate=False, **kept)
    assert quiet.missing == {"stress": "Nothing is to be simulated again"}
    none = jn.risk_report(result, "stress", scenarios=None, **kept)
    assert none.missing == {"stress": "No scenario was asked for"}
    strange = jn.risk_report(make_backtest(), ["drawdowns", "stress"])
    assert strange.drawdowns is not None
    assert "is not known to this kernel" in strange.missing["stress"]


@pytest.mark.parametrize(("changes", "said"), [
    ({"sections": "drawdown"}, "sections is 'drawdown'. Did you mean 'drawdowns'?"),
    ({"format": "short"}, "format is 'short'."),
    ({"confidence_levels": 0}, "confidence_levels holds 0"),
    ({"confidence_levels": 1}, "confidence_levels holds 1"),
    ({"confidence_levels": 95}, "confidence_levels holds 95"),
    ({"horizon": 71}, "horizon is 71 days, and the history has 70"),
    ({"scenarios": "crush"}, "Did you mean 'crash'?"),
    ({"at": "2024-03-01"}, "The run is from 2023-02-01"),
    ({"shocks": {"fees": 0.001}}, "Did you mean 'fee'?"),
    ({"ruin": 0}, "ruin is 0"),
])
def test_wrong_arguments_are_told_before_anything_runs(result, kept, changes, said):
    with pytest.raises(InputError) as refused:
        jn.risk_report.plan(result, **changes, **kept)
    assert said in str(refused.value)


def test_a_replay_without_candles_is_told_before_anything_runs(result, kept):
    with pytest.raises(CandlesError, match="replay:covid cannot be replayed"):
        jn.risk_report.plan(result, scenarios="replay:covid", **kept)


def test_what_has_no_risk_is_refused(equity):
    with pytest.raises(InputError, match="the equity never changes"):
        jn.risk_report(equity=equity * 0 + 100.0)
    lost = equity.copy()
    lost.iloc[300:] = 0.0
    with pytest.raises(InputError, match="the account was lost on day 300"):
        jn.risk_report(equity=lost)
    with pytest.raises(InputError, match="There is no result to measure"):
        jn.risk_report()


def test_an_interrupt_keeps_what_was_ready(equity):
    job = jn.risk_report(equity=equity, n_sims=40_000, background=True)
    unsubscribe = job.subscribe(lambda progress: job.cancel() if progress.phase == "the next period" else None)
    assert job.wait(60)
    unsubscribe()
    partial = job.partial_result()
    assert (job.state, partial.stopped) == ("cancelled", "interrupted")
    assert partial.drawdowns is not None
    assert partial.missing["var"] == "interrupted"


def test_it_pickles_and_shows_itself_otherwise_without_computing(whole):
    again = pickle.loads(pickle.dumps(whole))
    assert str(again) == str(whole)
    brief = replace(whole, format="executive")
    pd.testing.assert_frame_equal(brief.to_frame(), whole.to_frame())


def test_largest_position_counts_what_is_held_together():
    from jesse_nb.core.analysis.trades.exposure import largest_position

    at = pd.to_datetime(["2023-01-01 06:00", "2023-01-02 06:00", "2023-01-04 00:00"], utc=True)
    trades = pd.DataFrame({"opened_at": at, "closed_at": pd.to_datetime(["2023-01-03", "2023-01-04", "2023-01-05"],
                           utc=True), "qty": [1.0, -2.0, 5.0], "entry_price": [50.0, 40.0, 20.0]})
    equity = pd.Series([100.0, 80.0, 90.0, 200.0, 200.0], index=pd.date_range("2023-01-01", periods=5, tz="UTC"))
    found = largest_position(trades, equity)
    assert found == (pytest.approx(130.0 / 80.0), 130.0, at[1])
    assert largest_position(trades.iloc[:0], equity) == (0.0, 0.0, None)
    assert np.isfinite(found.multiple)
