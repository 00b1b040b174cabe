"""A study's best trials are looked around and run in step mode; what was looked at before is counted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from jesse_nb.core.analysis.curves.midnights import midnight_equity
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.study.ratios import equity_ratios
from jesse_nb.core.tools.backtest.backtest import backtest
from jesse_nb.core.tools.optimize.optimize import optimize
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
from jesse_nb.core.tools.resimulate.candle_monte_carlo import candle_monte_carlo
from jesse_nb.exceptions import InputError
from tests.conftest import EXCHANGE, real_candles
from tests.jobs.strategies import CROSSING

SPACE = {"fast": (2, 20), "slow": (21, 80, 7)}
LONGER = ("2023-03-01", "2023-03-25")

#: Knows in which of the modes it runs, and does something in step mode.
TWO_FACED = CROSSING.replace("    def should_long(self):", """    def before(self):
        if self.index == 150 and any(frame.function.startswith("_step") for frame in inspect.stack()):
            ACT
    def should_long(self):""").replace("import os,", "import inspect, os,")


@pytest.fixture
def run(candle_store: CandleStore) -> Any:
    def optimize_crossing(**changes: Any) -> OptimizeResult:
        arguments: dict[str, Any] = {"space": SPACE, "n_trials": 8, "seed": 3, "candles": candle_store,
                                     "test_ratio": 0.25} | changes
        strategy, period = arguments.pop("strategy", CROSSING), arguments.pop("period", ("2023-03-01", "2023-03-17"))
        return optimize(strategy, "BTC-USDT", "1h", *period, **arguments)  # type: ignore[return-value]

    return optimize_crossing


def test_neighbours_are_plain_backtests_of_the_training_period(run: Any, candle_store: CandleStore, tmp_path: Any
                                                               ) -> None:
    result = run()
    plateau = result.plateau
    looked_around = len(plateau.neighbourhoods)
    assert [one.trial for one in plateau.neighbourhoods] == [entry.trial for entry in result.top[:looked_around]]
    assert (plateau.wanted, plateau.neighbourhoods[0].trial) == (5, result.best)
    assert result.centre in [one.trial for one in plateau.neighbourhoods]
    best = plateau.neighbourhoods[0]
    assert {one.parameter for one in best.neighbours} == {"fast", "slow"}
    for one in best.neighbours[:2]:
        alone = backtest(CROSSING, "BTC-USDT", "1h", "2023-03-01", "2023-03-13", hyperparameters=one.params,
                         candles=candle_store, store=tmp_path / "other.sqlite")
        assert one.value == alone.metrics["sharpe_ratio"]
    assert best.worst == min(one.value for one in best.neighbours)
    assert result.test is not None
    trials = {trial.key for trial in result.trials}
    store = RunStore()
    assert store.same_data(result.spec) > trials
    assert len(store.same_data(result.spec) - trials) <= 6 + 1  # and the strategy's own values


def test_the_winner_is_the_same_in_step_mode(run: Any, candle_store: CandleStore) -> None:
    result = run(neighbours=0)
    assert result.plateau is None
    assert result.parity.identical
    assert result.parity.trades == (len(result.training.trades),) * 2
    step = backtest(CROSSING, "BTC-USDT", "1h", "2023-03-01", "2023-03-13", hyperparameters=result.best_params,
                    mode="step", candles=candle_store)
    ratios = result.parity.ratios.loc["sharpe_ratio"]
    assert ratios["fast"] == result.best_value
    assert ratios["step"] == step.metrics["sharpe_ratio"] != ratios["fast"]
    rows = real_candles("BTC-USDT")
    first, last = np.searchsorted(rows[:, 0], [step.spec.start, step.spec.end])
    midnights = midnight_equity(step.trades, {(EXCHANGE, "BTC-USDT"): rows[first:last]}, step.spec.account,
                                step.spec.start, step.spec.end)
    assert ratios["fast_midnight"] == ratios["step_midnight"] == equity_ratios(midnights)["sharpe_ratio"]


def test_a_strategy_that_is_another_in_step_mode_is_found_out(run: Any) -> None:
    found = run(strategy=TWO_FACED.replace("ACT", "self.hp['fast'] = 3"), neighbours=0, n_trials=3).parity
    assert not found.identical
    assert found.net_profit[0] != found.net_profit[1]
    assert any("in fast mode" in line and "in step mode" in line for line in found.differences)
    crashed = run(strategy=TWO_FACED.replace("ACT", "raise ValueError('caught')"), neighbours=0, n_trials=3).parity
    assert not crashed.identical
    assert crashed.differences == ()
    assert "step mode failed" in crashed.reason
    assert "caught" in crashed.reason


def test_both_can_be_turned_off_and_step_mode_has_nothing_to_compare(run: Any) -> None:
    plain = run(neighbours=0, parity=False, n_trials=3)
    assert (plain.plateau, plain.parity, plain.centre) == (None, None, None)
    assert RunStore().same_data(plain.spec) == {trial.key for trial in plain.trials} | {plain.spec.key}
    assert run(neighbours=0, n_trials=2, mode="step").parity is None


def test_a_neighbour_that_breaks_a_constraint_counts_as_none(run: Any) -> None:
    free = run(parity=False, test_ratio=0, n_trials=24)
    fewest = sorted(len_of(free, one) for near in free.plateau.neighbourhoods for one in near.neighbours)
    bound = fewest[len(fewest) // 2] + 1
    result = run(parity=False, test_ratio=0, n_trials=24, constraints=[f"trades >= {bound}"])
    near = [one for one in result.plateau.neighbours_frame().itertuples() if one.reason]
    assert near
    assert all(math.isnan(one.value) and one.reason == f"breaks trades >= {bound}" for one in near)
    frame = result.plateau.to_frame()
    assert frame["unusable"].sum() == len(near)
    assert frame.loc[frame["unusable"] > 0, "worst"].isna().all()


def len_of(result: OptimizeResult, neighbour: Any) -> int:
    record = RunStore().get(result.spec.with_hyperparameters(neighbour.params).key)
    assert record is not None
    return int(record.metrics["total"])


def test_stopped_in_the_midst_it_gives_neither_and_goes_on_from_there(run: Any, tmp_path: Any) -> None:
    job = run(background=True, neighbours=2, n_trials=3, store=tmp_path / "a.sqlite", period=LONGER)
    while job.progress.phase != "checking the neighbourhood" or not job.progress.done:
        assert not job.wait(0.02)
    job.cancel()
    assert job.wait(5)
    stopped = job.partial_result()
    assert (stopped.plateau, stopped.stopped) == (None, "interrupted")
    assert stopped.test is not None
    again = run(neighbours=2, n_trials=3, store=tmp_path / "a.sqlite", period=LONGER)
    whole = run(neighbours=2, n_trials=3, store=tmp_path / "b.sqlite", period=LONGER, n_jobs=1)
    assert again.plateau.neighbours_frame().equals(whole.plateau.neighbours_frame())
    assert again.plateau.to_frame().equals(whole.plateau.to_frame())
    assert (again.prior_runs, whole.prior_runs) == (0, 0)


def test_what_was_run_before_on_this_data_is_counted(run: Any, candle_store: CandleStore) -> None:
    def single(start: str, end: str, symbol: str = "BTC-USDT", **changes: Any) -> Any:
        return backtest(CROSSING, symbol, "1h", start, end, candles=candle_store, **changes)

    single("2023-03-01", "2023-03-13")  # the study's own baseline
    single("2023-03-12", "2023-03-14")
    other = single("2023-02-20", "2023-03-02", hyperparameters={"fast": 3})
    single("2023-02-20", "2023-03-01")
    single("2023-03-13", "2023-03-17")
    single("2023-03-01", "2023-03-13", symbol="ETH-USDT")
    candle_monte_carlo(other, 2, candles=candle_store)
    first = run(n_trials=3)
    assert first.prior_runs == 2
    assert run(n_trials=3).prior_runs == 2
    before = RunStore().same_data(first.spec)
    second = run(n_trials=3, seed=8, neighbours=0, parity=False)
    assert second.prior_runs == len(before - {trial.key for trial in second.trials} - {second.spec.key})
    assert second.prior_runs > 2
    longer = run(n_trials=6, seed=8, neighbours=0, parity=False)
    seen = RunStore().same_data(first.spec)
    shorter = run(n_trials=4, seed=8, neighbours=0, parity=False)  # all of it is in the store, and so is the rest
    assert {trial.key for trial in shorter.trials} < {trial.key for trial in longer.trials}
    assert shorter.prior_runs == len(seen - {trial.key for trial in shorter.trials} - {shorter.spec.key})
    assert shorter.prior_runs > second.prior_runs
    for study in (second, longer, shorter):
        again = run(n_trials=len(study.trials), seed=8, neighbours=0, parity=False)
        assert again.prior_runs == study.prior_runs
    assert run(n_trials=3).prior_runs == 2


def test_a_point_that_was_tried_is_not_simulated_again_even_when_it_failed(run: Any, tmp_path: Any) -> None:
    calls = tmp_path / "calls"
    calls.touch()
    breaking = CROSSING.replace("    def should_long(self):", f"""    def before(self):
        if self.hp["fast"] == 4 and self.index == 0:
            with open({str(calls)!r}, "a") as file:
                file.write("x")
            1 / 0
    def should_long(self):""")
    result = run(strategy=breaking, space={"fast": (3, 5)}, sampler="grid", n_trials=3, test_ratio=0)
    assert sorted(trial.state for trial in result.trials) == ["failed", "finished", "finished"]
    assert calls.read_text() == "x"
    assert [len(one.neighbours) for one in result.plateau.neighbourhoods] == [1, 1]
    assert result.plateau.to_frame()["unusable"].tolist() == [1, 1]
    assert result.plateau.neighbours_frame()["reason"].str.contains("ZeroDivisionError").all()


@pytest.mark.parametrize(("changes", "words"), [
    ({"neighbours": -1}, "neighbours is -1"), ({"neighbours": True}, "neighbours is True"),
    ({"neighbours": 21}, "from 0 to 20"), ({"parity": 1}, "parity is 1"),
])
def test_bad_input_is_one_clear_line(run: Any, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        run(**changes)


def test_options_alone_have_no_neighbours(run: Any) -> None:
    result = run(space={"fast": [3, 5, 8]}, test_ratio=0, parity=False)
    assert result.plateau is None
    assert len(result.top) == 3
