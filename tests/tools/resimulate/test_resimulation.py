"""Candle-level Monte Carlo and fee stress are plain backtests, run again with one thing changed."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.simulator.pipeline import CandlePipeline
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.tools.backtest.backtest import backtest
from jesse_nb.core.tools.resimulate.candle_monte_carlo import CandleMonteCarlo, candle_monte_carlo
from jesse_nb.core.tools.resimulate.fee_stress import FeeStress, fee_stress
from jesse_nb.exceptions import AllTrialsFailedError, InputError, JobCancelledError, JobInterruptedError
from tests.jobs.strategies import CROSSING

IDLE = CROSSING.replace('return ta.sma(self.candles, self.hp["fast"]) >', "return False and 1 >")
PIPELINE = CandlePipeline(settings={"block": 1_440})


@pytest.fixture
def run(markets: CandleStore) -> Any:
    def backtest_crossing(strategy: str = CROSSING, period: tuple[str, str] = ("2023-03-01", "2023-03-08"),
                          **changes: Any) -> BacktestResult:
        return backtest(strategy, "BTC-USDT", "1h", *period, candles=markets, **changes)  # type: ignore[return-value]

    return backtest_crossing


@pytest.fixture
def again(markets: CandleStore) -> dict[str, Any]:
    return {"candles": markets}


def test_scenarios_are_the_backtests_of_their_pipelines(run: Any, again: dict[str, Any]) -> None:
    original = run()
    found = candle_monte_carlo(original, 6, PIPELINE, 5, **again)
    assert isinstance(found, CandleMonteCarlo)
    assert found.original is original
    assert (found.planned, found.seed, found.pipeline, found.stopped, found.notes) == (6, 5, PIPELINE, "", ())
    assert list(found.scenarios.index) == list(found.equity.columns) == list(range(6))
    assert found.scenarios["seed"].nunique() == found.scenarios["final_equity"].nunique() == 6
    store = RunStore()
    for number, row in found.scenarios.iterrows():
        spec = replace(original.spec, pipeline=replace(PIPELINE, seed=int(row["seed"])))
        record = store.get(spec.key)
        assert record is not None
        for name in ("net_profit_percentage", "max_drawdown", "sharpe_ratio"):
            assert row[name] == record.metrics[name]
        assert (row["trades"], row["reason"]) == (record.metrics["total"], "")
        assert row["final_equity"] == record.equity_values[-1] == found.equity[number].iloc[-1]
        assert found.equity[number].iloc[0] == 10_000
    assert found.equity.index.equals(pd.date_range("2023-03-01", "2023-03-08", tz="UTC"))
    assert store.same_data(original.spec) == {original.key}  # scenarios are no trials
    assert store.ledger().set_index("kind")["runs"].to_dict() == {"backtest": 1, "scenario": 6}


def test_fewer_scenarios_are_the_first_of_more_and_are_not_simulated_again(run: Any, again: dict[str, Any]) -> None:
    original = run()
    few = candle_monte_carlo(original, 2, PIPELINE, background=True, **again)
    few.wait(60)
    more = candle_monte_carlo(original, 4, PIPELINE, background=True, **again)
    pd.testing.assert_frame_equal(more.result(60).scenarios.iloc[:2], few.result().scenarios)
    assert (more.progress.reused, more.progress.done, more.progress.total) == (2, 4, 4)
    assert (more.kind, more.title) == ("candle_monte_carlo", "Crossing BTC-USDT 1h")
    other = candle_monte_carlo(original, 2, PIPELINE, 1, **again)
    assert not set(other.scenarios["seed"]) & set(few.result().scenarios["seed"])


def test_without_trades_a_scenario_is_flat(run: Any, again: dict[str, Any]) -> None:
    found = candle_monte_carlo(run(IDLE), 2, "gaussian_resampler", **again)
    assert (found.equity == 10_000).all(axis=None)
    assert "these markets trend more than the real one" in found.notes[0]
    figures = found.scenarios.iloc[0]
    assert (figures["trades"], figures["max_drawdown"], figures["net_profit_percentage"]) == (0, 0, 0)
    assert math.isnan(figures["sharpe_ratio"])


def choosy(act: str) -> str:
    """A strategy that does something at its hundredth candle."""
    return CROSSING.replace("    def should_long(self):", f"""    def before(self):
        if self.index == 100:
            {act}
    def should_long(self):""")


def test_a_scenario_that_fails_costs_no_other(run: Any, again: dict[str, Any]) -> None:
    real = int(float(run(choosy("print(self.price)")).output) * 100) % 2
    original = run(choosy(f"assert int(self.price * 100) % 2 == {real}, 'an odd price'"))
    found = candle_monte_carlo(original, 8, PIPELINE, **again)
    failed = found.scenarios["reason"] != ""
    assert 0 < failed.sum() < 8
    assert found.scenarios.loc[failed, "final_equity"].isna().all()
    assert found.scenarios.loc[failed, "reason"].str.contains("an odd price").all()
    assert set(found.equity.columns) == set(found.scenarios.index[~failed])


def test_when_all_fail_it_is_one_error(run: Any, again: dict[str, Any]) -> None:
    real = float(run(choosy("print(self.price)")).output)
    original = run(choosy(f"assert self.price == {real}"))
    with pytest.raises(AllTrialsFailedError, match=r"All 2 simulations failed, 2 of them so: .* AssertionError"):
        candle_monte_carlo(original, 2, **again)


def test_fees_are_simulated_not_estimated(run: Any, again: dict[str, Any], markets: CandleStore) -> None:
    original = run(fee=0.0004)
    found = fee_stress(original, **again)
    assert isinstance(found, FeeStress)
    assert list(found.table.index) == [1, 2, 3]
    assert found.results[1.0].trades.equals(original.trades)
    assert found.results[1.0].key == original.key
    for factor, row in found.table.iterrows():
        alone = run(fee=0.0004 * factor, store=str(markets.root / "other.sqlite"))
        assert repr(found.results[factor].metrics) == repr(alone.metrics)
        assert row["fee"] == 0.0004 * factor
        assert row["net_profit_percentage"] == alone.metrics["net_profit_percentage"]
        assert row["final_equity"] == alone.equity.iloc[-1]
    assert found.table["net_profit_percentage"].is_monotonic_decreasing
    assert list(fee_stress(original, (0, 1.5), **again).table["fee"]) == [0, 0.0004 * 1.5]


def test_an_interrupt_returns_what_has_finished(run: Any, again: dict[str, Any]) -> None:
    original = run(period=("2023-02-01", "2023-04-20"))

    def interrupt() -> None:
        while RunStore().count() < 3:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(JobInterruptedError) as caught:
        candle_monte_carlo(original, 5_000, **again)
    partial = caught.value.job.partial_result()
    assert partial.stopped == "interrupted"
    assert 1 <= len(partial.scenarios) < 1_000
    assert len(partial.scenarios) == partial.equity.shape[1]


def test_in_the_background_it_can_be_read_early_and_cancelled(run: Any, again: dict[str, Any]) -> None:
    job = fee_stress(run(period=("2023-02-01", "2023-04-20")), [1 + number / 100 for number in range(90)],
                     background=True, **again)
    while job.progress.done < 2:
        job.wait(0.05)
    assert len(job.partial_result().table) >= 2
    job.cancel()
    assert job.wait(2)
    with pytest.raises(JobCancelledError):
        job.result()


@pytest.mark.parametrize(("call", "words"), [
    (lambda result, again: candle_monte_carlo(result, 0, **again), "scenarios is 0"),
    (lambda result, again: candle_monte_carlo(result, seed=-1, **again), "seed is -1"),
    (lambda result, again: candle_monte_carlo(result, pipeline="noise", **again), "no candle pipeline 'noise'"),
    (lambda result, again: candle_monte_carlo(result, pipeline=5, **again), "pipeline is 5"),
    (lambda result, again: candle_monte_carlo(result, 2, CandlePipeline("gaussian_resampler", batch_size=90), **again),
     "multiple of 60"),
    (lambda result, again: candle_monte_carlo(result.metrics, **again), "not that of one backtest"),
    (lambda result, again: candle_monte_carlo(replace(result, spec=replace(result.spec, pipeline=PIPELINE)), **again),
     "itself a scenario"),
    (lambda result, again: fee_stress(result, (), **again), "at least one"),
    (lambda result, again: fee_stress(result, (1, 1.0), **again), "each once"),
    (lambda result, again: fee_stress(result, (-1,), **again), "factors holds -1"),
    (lambda result, again: fee_stress(result, "12", **again), "factors is '12'"),
    (lambda result, again: fee_stress(result, (100,), **again), "from 0 to below 0.1"),
    (lambda result, again: fee_stress(replace(result, spec=replace(result.spec, account=replace(
        result.spec.account, fee=0))), **again), "paid no fee"),
])
def test_bad_input_is_one_clear_line(run: Any, again: dict[str, Any], call: Any, words: str) -> None:
    with pytest.raises(InputError, match=words) as refused:
        call(run(), again)
    assert "\n" not in str(refused.value)
