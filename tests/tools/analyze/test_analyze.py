"""The analysis of every kind of result, on the real simulator."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.job import Job, jobs
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.tools.analyze.analysis_result import Analysis
from jesse_nb.core.tools.analyze.analyze import analyze_results
from jesse_nb.core.tools.backtest.backtest import backtest
from jesse_nb.core.tools.batch.batch import backtest_batch
from jesse_nb.core.tools.optimize.optimize import optimize
from jesse_nb.core.tools.walk_forward.walk_forward import walk_forward
from jesse_nb.exceptions import CandlesNotFoundError, InputError
from tests.conftest import EXCHANGE
from tests.jobs.strategies import CROSSING, SPACE

PERIOD = ("2023-02-01", "2023-05-12")

IDLE = CROSSING.replace("class Crossing", "class Idle").replace("def should_long(self):",
                                                                "def should_long(self):\n        return False\n")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("runs") / "runs.sqlite")


@pytest.fixture(scope="module")
def crossing(candle_store: CandleStore, runs: str) -> BacktestResult:
    result = backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, candles=candle_store, store=runs)
    assert isinstance(result, BacktestResult)
    return result


@pytest.fixture
def read(candle_store: CandleStore, runs: str) -> Any:
    def analyze(result: Any, *arguments: Any, **options: Any) -> Analysis:
        return analyze_results(result, *arguments, **{"candles": candle_store, "store": runs, "scenarios": 2,
                                                      "paths": 500, **options})  # type: ignore[return-value]

    return analyze


def test_each_type_holds_the_ones_before(read: Any, crossing: BacktestResult) -> None:
    basic, advanced, deep = (read(crossing, name) for name in ("basic", "advanced", "deep"))
    assert (basic.advanced, basic.deep, advanced.deep) == (None, None, None)
    assert repr(basic.basic.trades) == repr(deep.basic.trades)
    assert advanced.advanced.left_out == {}
    assert deep.deep.left_out == {}
    pd.testing.assert_frame_equal(advanced.advanced.ratios, deep.advanced.ratios)


def test_its_numbers_are_those_of_jesse(read: Any, crossing: BacktestResult) -> None:
    analysis, metrics = read(crossing, "advanced"), crossing.metrics
    trades, ratios = analysis.basic.trades, analysis.advanced.ratios["value"]
    assert trades.trades == metrics["total"]
    assert trades.win_rate.share == pytest.approx(metrics["win_rate"])
    assert trades.net_profit == pytest.approx(metrics["net_profit"])
    assert trades.fees == pytest.approx(metrics["fee"])
    assert ratios["sharpe_ratio"] == pytest.approx(metrics["sharpe_ratio"])
    assert ratios["sortino_ratio"] == pytest.approx(metrics["sortino_ratio"])
    assert analysis.advanced.intraday.largest_difference < 1e-6
    assert analysis.advanced.intraday.by_extremes.percent <= analysis.basic.drawdowns.max_drawdown + 1e-9


def test_higher_fees_are_simulated_and_repriced_alike(read: Any, crossing: BacktestResult) -> None:
    advanced = read(crossing, "advanced").advanced
    table = advanced.fee_stress.table
    assert list(table.index) == [1.0, 2.0, 3.0]
    assert table["final_equity"].iloc[0] == pytest.approx(crossing.equity.iloc[-1])
    assert table["final_equity"].is_monotonic_decreasing
    assert advanced.costs.table.loc[0.001, 0.0] == pytest.approx(crossing.metrics["net_profit"])


def test_the_same_seed_gives_the_same_figures(read: Any, crossing: BacktestResult) -> None:
    one, other = (read(crossing, "deep", seed=4) for _ in range(2))
    for mine, its in zip(one.deep.monte_carlo, other.deep.monte_carlo, strict=True):
        pd.testing.assert_frame_equal(mine.distributions, its.distributions)
    assert [pattern.p for pattern in one.deep.patterns] == pytest.approx(
        [pattern.p for pattern in other.deep.patterns], nan_ok=True)
    pd.testing.assert_frame_equal(one.deep.scenarios.scenarios, other.deep.scenarios.scenarios)


def test_scenarios_and_fees_are_part_of_the_one_job(read: Any, crossing: BacktestResult) -> None:
    before = jobs()
    job = read(crossing, "deep", background=True)
    assert isinstance(job, Job)
    assert job.result(60).deep.scenarios.planned == 2
    assert [one for one in jobs() if one not in before] == [job]


def test_of_a_study_the_held_out_run_is_read_and_the_study_judged(
    read: Any, candle_store: CandleStore, runs: str
) -> None:
    study = optimize(CROSSING, "BTC-USDT", "1h", *PERIOD, space=SPACE, n_trials=6, candles=candle_store, store=runs,
                     neighbours=0, parity=False)
    analysis = read(study, "basic")
    assert analysis.run.origin == "best trial, held-out period"
    assert analysis.run.equity.equals(study.test.equity)  # type: ignore[union-attr]
    assert analysis.verdict is study.verdict  # type: ignore[union-attr]
    assert analysis.prior_runs is not None


def test_without_a_held_out_period_it_says_what_that_means(read: Any, candle_store: CandleStore, runs: str) -> None:
    study = optimize(CROSSING, "BTC-USDT", "1h", *PERIOD, space=SPACE, n_trials=3, test_ratio=0, candles=candle_store,
                     store=runs, neighbours=0, parity=False)
    analysis = read(study, "basic")
    assert analysis.run.origin == "best trial, training period"
    assert "chosen for" in analysis.notes[0]


def test_a_walk_forward_is_read_as_its_stitched_curve(read: Any, candle_store: CandleStore, runs: str) -> None:
    walk = walk_forward(CROSSING, "BTC-USDT", "1h", *PERIOD, in_sample_period=30, out_sample_period=20,
                        step_forward=20, hyperparameters={"fast": 8, "slow": 21}, space=None, candles=candle_store,
                        store=runs)
    curve = walk.stitched  # type: ignore[union-attr]
    analysis = read(walk, "deep")
    assert analysis.run.origin == "stitched out-of-sample"
    assert analysis.run.returns.equals(curve.returns)
    assert analysis.verdict.outcome == walk.verdict.outcome  # type: ignore[union-attr]
    assert set(analysis.advanced.left_out) == {"intraday", "fee_stress"}
    assert set(analysis.deep.left_out) == {"scenarios"}
    # every window's money is scaled to the curve, so that all trades together gained what the curve did
    gained = curve.equity.iloc[-1] - curve.balance
    assert analysis.run.trades["pnl"].sum() == pytest.approx(gained, rel=0.05)


def test_of_a_batch_the_best_is_read_and_judged_among_the_others(
    read: Any, candle_store: CandleStore, runs: str
) -> None:
    batch = backtest_batch(CROSSING, ["BTC-USDT", "ETH-USDT"], "1h", PERIOD,
                           params={"fast": [5, 8], "slow": [20, 30]}, candles=candle_store, store=runs)
    best = batch.top(1)[0]  # type: ignore[union-attr]
    analysis = read(batch, "advanced")
    assert analysis.run.spec == best.spec
    assert "8 trials" in analysis.verdict.line
    if best.symbol != "BTC-USDT":
        assert [one.name for one in analysis.advanced.benchmarks] == [f"Holding {best.symbol}", "Holding BTC-USDT"]


def test_a_strategy_that_never_trades(read: Any, candle_store: CandleStore, runs: str) -> None:
    idle = backtest(IDLE, "BTC-USDT", "1h", *PERIOD, candles=candle_store, store=runs)
    analysis = read(idle, "deep")
    assert analysis.basic.trades.trades == 0
    for name in ("intraday", "excursions", "cells", "costs", "fee_stress"):
        assert analysis.advanced.left_out[name] == "there are no closed trades"
    assert all(pattern.reason or not pattern.found for pattern in analysis.deep.patterns)


def test_tables_from_elsewhere(read: Any, crossing: BacktestResult) -> None:
    trades = crossing.trades.drop(columns=["orders", "strategy", "exchange", "symbol", "fee", "size", "holding_period"])
    analysis = analyze_results(trades=trades, equity=crossing.equity, analysis_type="deep", paths=500)
    assert isinstance(analysis, Analysis)
    assert analysis.spec is None
    assert analysis.basic.trades is not None
    assert analysis.basic.trades.net_profit == pytest.approx(crossing.metrics["net_profit"])
    assert analysis.advanced is not None
    assert analysis.deep is not None
    assert "tables from elsewhere" in analysis.advanced.left_out["excursions"]
    assert "fee" in analysis.advanced.left_out["costs"]
    assert np.isfinite(analysis.advanced.ratios.loc["sharpe_ratio", "value"])



def test_other_benchmarks(read: Any, crossing: BacktestResult) -> None:
    days = pd.date_range("2023-01-01", periods=200, tz="UTC")
    prices = pd.Series(np.linspace(1.0, 2.0, 200), index=days, name="Line")
    found = read(crossing, "advanced", benchmark=["ETH-USDT", prices], resimulate=False).advanced.benchmarks
    assert [one.name for one in found] == ["Holding BTC-USDT", "Holding ETH-USDT", "Line"]
    with pytest.raises(CandlesNotFoundError, match="DOGE"):
        read(crossing, "advanced", benchmark="DOGE-USDT", resimulate=False)
    with pytest.raises(InputError, match="benchmark is int"):
        read(crossing, "advanced", benchmark=3, resimulate=False)


def test_other_candles_than_those_of_the_run_are_not_used(
    crossing: BacktestResult, candle_store: CandleStore, tmp_path: Any, runs: str
) -> None:
    changed = CandleStore(tmp_path / "candles")
    candles = candle_store.read(EXCHANGE, "BTC-USDT").copy()
    candles[:, 1:5] *= 1.01
    changed.write(EXCHANGE, "BTC-USDT", candles)
    analysis = analyze_results(crossing, "advanced", candles=changed, store=runs)
    left_out = analysis.advanced.left_out  # type: ignore[union-attr]
    assert left_out["excursions"] == "the stored candles are not those of this run"
    assert "not those of this run" in left_out["fee_stress"]


def test_parts_that_nobody_asked_for(read: Any, crossing: BacktestResult) -> None:
    analysis = read(crossing, "deep", include_trade_analysis=False, include_correlation=False,
                    include_monte_carlo=False, resimulate=False)
    assert analysis.basic.trades is None
    assert analysis.advanced.benchmarks == ()
    assert analysis.deep.monte_carlo == ()
    assert {"benchmarks", "fee_stress", "excursions"} <= set(analysis.advanced.left_out)


def test_an_interrupt_keeps_the_parts_that_were_ready(read: Any, crossing: BacktestResult) -> None:
    job = read(crossing, "deep", scenarios=5_000, background=True)
    while job.progress.phase != "simulating scenarios":
        job.wait(0.01)
        assert job.state == "running"
    job.cancel()
    assert job.wait(5)
    kept = job.partial_result()
    assert kept.stopped == "interrupted"
    assert kept.advanced is not None


def test_it_can_be_pickled(read: Any, crossing: BacktestResult) -> None:
    analysis = read(crossing, "deep")
    assert repr(pickle.loads(pickle.dumps(analysis)).basic) == repr(analysis.basic)


@pytest.mark.parametrize(("arguments", "message"), [
    ({}, "There is nothing to analyze"),
    ({"result": 3}, "The result is int"),
    ({"result": None, "equity": [1, 2]}, "equity is list"),
    ({"equity": pd.Series([1.0], index=pd.date_range("2023", periods=1))}, "equity has 1 values"),
    ({"equity": pd.Series([1.0, 2.0], index=pd.date_range("2023", periods=2)), "trades": pd.DataFrame()}, "no column"),
    ({"analysis_type": "deap"}, "analysis_type is 'deap'"),
    ({"ruin": (0,)}, "ruin holds 0"),
    ({"paths": 3}, "paths is 3"),
])
def test_bad_input(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        analyze_results(**arguments)


def test_a_table_has_the_days_of_the_run_that_it_came_from(read: Any, crossing: BacktestResult) -> None:
    own, table = read(crossing, "basic"), analyze_results(trades=crossing.trades, equity=crossing.equity,
                                                          analysis_type="basic")
    assert isinstance(table, Analysis)
    pd.testing.assert_series_equal(table.run.returns, own.run.returns, check_freq=False)
    assert (table.run.start, table.run.end) == (own.run.start, own.run.end)
    pd.testing.assert_frame_equal(table.basic.returns.periods, own.basic.returns.periods)
    moments = pd.date_range("2023-02-01", periods=49, freq="h", tz="UTC")
    hourly = analyze_results(equity=pd.Series(1000.0 * 1.001 ** np.arange(49), index=moments), analysis_type="basic")
    assert isinstance(hourly, Analysis)
    assert hourly.run.returns.to_numpy() == pytest.approx([1.001**24 - 1] * 2)


def test_what_only_checks_a_run_is_no_trial(read: Any, crossing: BacktestResult) -> None:
    before = read(crossing, "basic").prior_runs
    read(crossing, "deep", seed=77)
    assert read(crossing, "basic").prior_runs == before


def test_an_equity_curve_alone_says_nothing_of_trades(crossing: BacktestResult) -> None:
    analysis = analyze_results(equity=crossing.equity, analysis_type="deep", paths=200)
    assert isinstance(analysis, Analysis)
    assert analysis.advanced is not None
    assert analysis.basic.trades is None
    assert analysis.advanced.exposure is None
    assert analysis.advanced.left_out["exposure"] == "the trades are not known"


def test_few_trades_are_said_first(read: Any, candle_store: CandleStore, runs: str) -> None:
    short = backtest(CROSSING, "BTC-USDT", "1h", "2023-02-01", "2023-02-05", candles=candle_store, store=runs)
    assert 0 < len(short.trades) < 30  # type: ignore[union-attr]
    assert "too few for any figure" in read(short, "basic").notes[0]


def test_sealed_days_that_were_opened_are_said_to_be(read: Any, candle_store: CandleStore, tmp_path: Any) -> None:
    store = tmp_path / "runs.sqlite"
    study = optimize(CROSSING, "BTC-USDT", "1h", "2023-02-01", "2023-04-01", space=SPACE, n_trials=3, holdout="20d",
                     candles=candle_store, store=store, neighbours=0, parity=False)
    study.open_holdout(candles=candle_store)  # type: ignore[union-attr]
    later = backtest(CROSSING, "BTC-USDT", "1h", "2023-03-20", "2023-04-20", candles=candle_store, store=store)
    assert any("opened once" in note for note in read(later, "basic", store=store).notes)
    before = backtest(CROSSING, "BTC-USDT", "1h", "2023-02-01", "2023-02-20", candles=candle_store, store=store)
    assert not any("opened" in note for note in read(before, "basic", store=store).notes)


def test_a_study_says_the_same_whatever_ran_since(candle_store: CandleStore, tmp_path: Any) -> None:
    def study() -> Any:
        return optimize(CROSSING, "BTC-USDT", "1h", *PERIOD, space=SPACE, n_trials=4, candles=candle_store,
                        store=tmp_path / "runs.sqlite", neighbours=0, parity=False)

    first = study()
    backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, hyperparameters={"fast": 3, "slow": 33}, candles=candle_store,
             store=tmp_path / "runs.sqlite")
    again = study()
    assert (again.prior_runs, again.verdict.line) == (first.prior_runs, first.verdict.line)


DAYS = pd.date_range("2023-01-01", periods=30, tz="UTC")
CURVE = pd.Series(1000 * 1.001 ** np.arange(30), index=DAYS)
TABLE = pd.DataFrame({"opened_at": DAYS[:3], "closed_at": DAYS[1:4], "side": "long", "entry_price": 1.0,
                      "exit_price": 2.0, "qty": 1.0, "pnl": 1.0})


@pytest.mark.parametrize(("changes", "message"), [
    ({"opened_at": ["x", "y", "z"]}, "opened_at of trade 0 is 'x'"),
    ({"qty": ["1", "a", "2"]}, "qty of trade 1 is 'a'"),
    ({"pnl": [1.0, 2.0, float("nan")]}, "pnl of trade 2 is nan"),
    ({"entry_price": [1.0, 0.0, 1.0]}, "Trade 1 has no price"),
    ({"closed_at": DAYS[:3] - pd.Timedelta(days=1)}, "Trade 0 is closed before"),
    ({"side": ["long", "buy", "short"]}, "side is 'buy'"),
])
def test_a_table_that_cannot_be_read_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        analyze_results(equity=CURVE, trades=TABLE.assign(**changes))


@pytest.mark.parametrize(("curve", "message"), [
    (pd.concat([CURVE, CURVE.iloc[-1:]]), "a moment twice"),
    (CURVE.where(CURVE.index > DAYS[0], 0.0), "begins with 0"),
    (CURVE.where(CURVE.index != DAYS[4]), "1 of them undefined"),
    (CURVE.astype(object).where(CURVE.index != DAYS[4], "x"), "1 of them undefined"),
])
def test_a_curve_that_cannot_be_read_is_refused(curve: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        analyze_results(equity=curve)


@pytest.mark.parametrize("rest", [0.0, -50.0])
def test_an_account_that_is_lost_stays_lost(rest: float) -> None:
    found = analyze_results(equity=CURVE.where(CURVE.index < DAYS[20], rest), analysis_type="deep", paths=200)
    assert isinstance(found, Analysis)
    assert found.run.returns.iloc[19:].tolist() == [-1.0] + [0.0] * 9
    assert found.basic.drawdowns.max_drawdown <= -100


def test_a_cut_last_day_moves_no_other(candle_store: CandleStore, runs: str) -> None:
    cut = backtest(CROSSING, "BTC-USDT", "1h", "2023-02-01", "2023-02-20 05:00", candles=candle_store, store=runs)
    assert isinstance(cut, BacktestResult)
    own = analyze_results(cut, "basic", candles=candle_store, store=runs)
    table = analyze_results(equity=cut.equity, analysis_type="basic")
    assert isinstance(own, Analysis)
    assert isinstance(table, Analysis)
    pd.testing.assert_series_equal(table.run.returns, own.run.returns, check_freq=False)
