"""The main job, on the real simulator."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import jesse_nb.core.tools.optimize.search as search_module
from jesse_nb.core.analysis.studies.ranking import best_trials
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.tools.backtest.backtest import backtest
from jesse_nb.core.tools.optimize.optimize import optimize
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
from jesse_nb.exceptions import (
    CandlesNotFoundError,
    InputError,
    JobCancelledError,
    JobInterruptedError,
    MetricError,
    PeriodError,
    SpaceError,
    StorageError,
    StrategyError,
)
from tests.conftest import EXCHANGE
from tests.jobs.strategies import CROSSING, SPACE

PERIOD = ("2023-03-01", "2023-04-10")


@pytest.fixture
def run(candle_store: CandleStore) -> Any:
    def optimize_crossing(**changes: Any) -> OptimizeResult:
        arguments: dict[str, Any] = {"space": SPACE, "n_trials": 12, "seed": 3, "candles": candle_store,
                                     "neighbours": 0, "parity": False, "min_trades": 0} | changes
        start, end = arguments.pop("period", PERIOD)
        strategy = arguments.pop("strategy", CROSSING)
        timeframe = None if "routes" in arguments else "1h"
        return optimize(strategy, arguments.pop("symbol", "BTC-USDT"), timeframe, start, end, **arguments)  # type: ignore[no-any-return]

    return optimize_crossing


def trials_of(result: OptimizeResult) -> list[tuple[Any, ...]]:
    return [(trial.number, trial.params, trial.values, trial.state, trial.key) for trial in result.trials]


def test_the_result_says_what_was_found(run: Any) -> None:
    result = run()
    assert [trial.number for trial in result.trials] == list(range(12))
    values = [trial.value for trial in result.trials if trial.scored]
    assert result.best_value == max(values)
    assert [entry.trial.value for entry in result.top] == sorted(values, reverse=True)[:10]
    assert all(5 > 2 <= trial.params["fast"] <= 20 and 21 <= trial.params["slow"] <= 80 for trial in result.trials)
    assert result.training is not None
    assert result.training.metrics["sharpe_ratio"] == result.best_value
    assert result.stopped == ""
    frame = result.to_frame()
    assert len(frame) == 12
    assert frame["value_sharpe"].max() == result.best_value


def test_trials_of_few_trades_rank_last_and_that_is_said(run: Any) -> None:
    alike = run(min_trades=0)
    counts = {trial.number: trial.metrics["total"] for trial in alike.trials}
    enough = int(np.median(list(counts.values()))) + 1
    result = run(min_trades=enough)
    few = [number for number, count in counts.items() if count < enough]
    assert 0 < len(few) < 12
    assert result.best_value == max(trial.value for trial in result.trials if trial.number not in few)
    assert [trial.number for trial in result.trials if trial.few_trades] == few
    assert any(note.startswith(f"{len(few)} of 12 trials made fewer than {enough} trades") for note in result.notes)
    assert result.min_trades == enough
    none = run(min_trades=10_000)
    assert none.best_params == alike.best_params
    assert any(note.startswith("No trial made 10,000 trades") for note in none.notes)
    assert not any("trades" in note for note in alike.notes)
    # kept by a version that knew of no such rule: its order stays
    assert [trial.value for trial in best_trials(alike.trials, alike.metrics)] == sorted(
        (trial.value for trial in alike.trials if trial.scored), reverse=True)


def test_training_and_held_out_runs_are_plain_backtests_of_their_periods(run: Any, candle_store: CandleStore,
                                                                        tmp_path: Path) -> None:
    result = run(n_trials=6)
    assert result.test is not None
    for period, found in ((("2023-03-01", "2023-03-31"), result.training), (("2023-03-31", "2023-04-10"), result.test)):
        alone = backtest(CROSSING, "BTC-USDT", "1h", *period, hyperparameters=result.best_params, candles=candle_store,
                         store=tmp_path / "other.sqlite")
        assert repr(alone.metrics) == repr(found.metrics)
        assert alone.equity.equals(found.equity)
        assert alone.trades.equals(found.trades)
    default = backtest(CROSSING, "BTC-USDT", "1h", "2023-03-01", "2023-03-31", candles=candle_store,
                       store=tmp_path / "other.sqlite")
    assert result.default is not None
    assert repr(result.default.metrics) == repr(default.metrics)


@pytest.mark.parametrize("sampler", ["tpe", "gp", "random", "qmc", "grid", "cmaes", "nsga2"])
def test_the_number_of_workers_changes_nothing(run: Any, tmp_path: Path, sampler: str) -> None:
    space = {"fast": (2, 6), "slow": (21, 25)} if sampler == "grid" else SPACE
    results = [run(n_jobs=jobs, sampler=sampler, space=space, store=tmp_path / f"{jobs}.sqlite", test_ratio=0,
                   n_trials=24, period=("2023-03-01", "2023-03-12"), metric="profit") for jobs in (1, 2, 3)]
    assert trials_of(results[0]) == trials_of(results[1]) == trials_of(results[2])


def test_another_seed_gives_other_trials(run: Any) -> None:
    assert trials_of(run(seed=1)) != trials_of(run(seed=2))


def test_more_trials_continue_where_fewer_stopped(run: Any, tmp_path: Path) -> None:
    few = run(n_trials=8, store=tmp_path / "a.sqlite")
    more = run(n_trials=14, store=tmp_path / "a.sqlite")
    assert trials_of(more)[:8] == trials_of(few)
    assert all(trial.reused for trial in more.trials[:8])
    assert trials_of(run(n_trials=14, store=tmp_path / "b.sqlite")) == trials_of(more)


SCRIPT = """
import json, sys
from jesse_nb.core.analysis.studies.ranking import best_trials
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.tools.optimize.optimize import optimize
put = RunStore.put
def noted(self, spec, record, **kind):
    print("filing", spec.key, flush=True)
    put(self, spec, record, **kind)
    print("simulated", spec.key, flush=True)
RunStore.put = noted
result = optimize({source!r}, "BTC-USDT", "1h", "2023-03-01", "2023-04-15", space={space!r}, n_trials=18, seed=9,
                  neighbours=0, parity=False, min_trades=0, candles=CandleStore({candles!r}), store={store!r})
print("result", json.dumps([[trial.params, trial.values] for trial in result.trials]), flush=True)
"""


def test_killed_with_9_it_finishes_without_repeating_a_trial(run: Any, candle_store: CandleStore,
                                                             tmp_path: Path) -> None:
    def start(store: str) -> subprocess.Popen[str]:
        script = textwrap.dedent(SCRIPT).format(source=CROSSING, space=SPACE, candles=str(candle_store.root),
                                                store=str(tmp_path / store))
        return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)

    said: list[list[str]] = []
    for kill_after in (5, 6):
        process = start("killed.sqlite")
        assert process.stdout is not None
        said += [process.stdout.readline().split() for _ in range(2 * kill_after)]
        process.send_signal(signal.SIGKILL)
        said += [line.split() for line in process.stdout]  # until the kill arrived
        process.wait(10)
    output = start("killed.sqlite").communicate(timeout=120)[0].splitlines()
    said += [line.split() for line in output[:-1]]
    simulated = [words[1] for words in said if words[:1] == ["simulated"] and len(words) == 2]
    filed = {words[1] for words in said if words[:1] == ["filing"] and len(words) == 2}  # by the kill's time, or not
    assert len(simulated) == len(set(simulated)), "a finished simulation was run again"
    uninterrupted = run(period=("2023-03-01", "2023-04-15"), n_trials=18, seed=9, store=tmp_path / "whole.sqlite")
    assert output[-1] == f"result {json.dumps([[trial.params, trial.values] for trial in uninterrupted.trials])}"
    assert filed >= set(RunStore(tmp_path / "whole.sqlite").recent(1_000)["key"])


def test_an_interrupt_returns_within_a_second_with_what_finished(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted: list[float] = []
    stored = threading.Semaphore(0)
    put = RunStore.put

    def noted(self: RunStore, spec: Any, record: Any, **kind: bool) -> None:
        put(self, spec, record, **kind)
        stored.release()

    def interrupt() -> None:
        for _ in range(4):  # of which one is the strategy's own values
            stored.acquire(timeout=60)
        interrupted.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(RunStore, "put", noted)
    threading.Thread(target=interrupt).start()
    with pytest.raises(JobInterruptedError) as caught:
        run(n_trials=10_000, period=("2023-03-01", "2023-12-01"))
    assert time.monotonic() - interrupted[0] < 1.2
    partial = caught.value.job.partial_result()
    assert isinstance(partial, OptimizeResult)
    assert partial.stopped == "interrupted"
    assert 1 <= len(partial.trials) < 1_000
    assert partial.training is not None
    again = run(n_trials=len(partial.trials), period=("2023-03-01", "2023-12-01"))
    assert {trial.key for trial in again.trials if trial.reused} >= {
        trial.key for trial in partial.trials if trial.number < len(partial.trials)}


def test_in_the_background_it_can_be_read_early_and_cancelled(run: Any) -> None:
    job = run(n_trials=10_000, background=True)
    while job.progress.done < 3:
        job.wait(0.05)
    early = job.partial_result()
    assert len(early.trials) >= 3
    assert early.best is not None
    job.cancel()
    assert job.wait(2)
    with pytest.raises(JobCancelledError):
        job.result()
    assert len(job.partial_result().trials) >= len(early.trials)
    assert "Sharpe" in job.progress.best_label


def test_a_time_limit_ends_it_with_what_has_finished(run: Any) -> None:
    result = run(n_trials=10_000, timeout=3.0)
    assert result.stopped == "timeout"
    assert 0 < len(result.trials) < 10_000


def test_a_small_discrete_space_is_searched_once(run: Any) -> None:
    result = run(space={"fast": (2, 4), "slow": (30, 31)}, n_trials=500, test_ratio=0)
    assert len({json.dumps(trial.params) for trial in result.trials}) == 6
    assert len(result.trials) < 500
    assert result.stopped == "space exhausted"


def test_a_duplicate_point_is_answered_without_simulating(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    puts: list[str] = []
    put = RunStore.put
    monkeypatch.setattr(RunStore, "put", lambda self, spec, record, **kind: (puts.append(spec.key),
                                                                             put(self, spec, record, **kind)))
    result = run(space={"fast": (2, 4), "slow": (30, 31)}, n_trials=30, sampler="random", test_ratio=0)
    assert len(puts) == len(set(puts))
    assert len(puts) <= 6 + 1  # the points, and the strategy's own values
    assert len(result.trials) > 6


def test_without_a_space_the_strategy_s_own_is_used(run: Any) -> None:
    result = run(space=None, n_trials=3)
    assert result.space.names == ("fast", "slow")


def test_fixed_hyperparameters_stay_fixed(run: Any) -> None:
    result = run(space=None, hyperparameters={"slow": 33}, n_trials=3)
    assert result.space.names == ("fast",)
    assert result.training.spec.hyperparameters["slow"] == 33


def test_a_metric_of_the_user_s_and_several_at_once(run: Any) -> None:
    def profit_per_drawdown(result: BacktestResult) -> float:
        return result.metrics["net_profit"] / abs(result.metrics["max_drawdown"])  # type: ignore[no-any-return]

    result = run(metric=profit_per_drawdown, n_trials=4)
    assert result.best_value == profit_per_drawdown(result.training)
    several = run(metric=["profit", "max drawdown"], n_trials=10)
    front = several.pareto_front
    assert front
    for trial in several.trials:
        assert not any(all(mine >= theirs for mine, theirs in zip(trial.values, other.values, strict=True))
                       and trial.values != other.values for other in front)


def test_serenity_has_a_value_though_jesse_s_own_is_infinite(run: Any) -> None:
    result = run(metric="serenity", n_trials=3)
    assert math.isfinite(result.best_value)
    assert not math.isfinite(result.training.metrics["serenity_index"])


def test_a_metric_that_is_undefined_is_not_a_failure(run: Any) -> None:
    never = CROSSING.replace('return ta.sma(self.candles, self.hp["fast"]) >', "return False and 1 >")
    result = run(strategy=never, n_trials=4)
    assert result.best is None
    assert math.isnan(result.best_value)
    assert result.top == ()
    assert {trial.reason for trial in result.trials} == {"Sharpe ratio is undefined: no trades"}
    assert result.training is None


def test_an_earlier_result_is_tried_first(run: Any) -> None:
    first = run(n_trials=10)
    second = run(n_trials=6, seed=77, initial_result=first)
    assert [trial.params for trial in second.trials[:5]] == [entry.trial.params for entry in first.top[:5]]
    assert second.best_value >= first.best_value


def test_a_store_that_fills_up_keeps_the_study_going(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any, **kind: Any) -> None:
        raise StorageError("Cannot write the run store: database or disk is full.")

    monkeypatch.setattr(RunStore, "put", full)
    result = run(n_trials=4)
    assert len(result.trials) == 4
    assert result.training is not None
    assert any("disk is full" in note for note in result.notes)


def test_trials_beyond_the_lag_wait_for_the_oldest() -> None:
    from jesse_nb.core.study.metric import resolve_metrics
    from jesse_nb.core.study.space import Space

    search = search_module.Search(Space.parse(SPACE), resolve_metrics("sharpe"), sampler="random", seed=0,
                                  n_trials=100, workers=2)
    numbers = []
    while search.may_ask:
        numbers.append(search.ask()[0])
    assert numbers == list(range(search_module.LAG))
    for number in (3, 1, 2):
        search.tell(number, (1.0,))
    assert not search.may_ask  # trial 0 is still open
    search.tell(0, None)
    assert [search.may_ask and search.ask()[0] for _ in range(4)] == [8, 9, 10, 11]
    assert not search.may_ask


@pytest.mark.parametrize("seed", range(3))
def test_proposals_do_not_depend_on_the_order_in_which_trials_finish(seed: int) -> None:
    from jesse_nb.core.study.metric import resolve_metrics
    from jesse_nb.core.study.space import Space

    def propose(order: np.random.Generator) -> list[dict[str, Any]]:
        search = search_module.Search(Space.parse(SPACE), resolve_metrics("sharpe"), sampler="tpe", seed=seed,
                                      n_trials=60, workers=4)
        running: dict[int, dict[str, Any]] = {}
        proposed = []
        while not search.ended:
            while search.may_ask:
                number, params = search.ask()
                running[number] = params
                proposed.append(params)
            number = int(order.choice(list(running)))
            params = running.pop(number)
            search.tell(number, None if params["fast"] == 9 else (float(params["fast"] * 100 - params["slow"] ** 2),))
        return proposed

    assert propose(np.random.default_rng(1)) == propose(np.random.default_rng(2))


BAD: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "unknown symbol": ({"symbol": "BTC-USDC"}, CandlesNotFoundError, "BTC-USDT"),
    "unknown exchange": ({"exchange": "Binance Sport"}, CandlesNotFoundError, EXCHANGE),
    "period not stored": ({"period": ("2021-01-01", "2021-03-01")}, CandlesNotFoundError, "2023-01-01"),
    "end before start": ({"period": ("2023-04-01", "2023-03-01")}, PeriodError, "must come after"),
    "no date": ({"period": ("soon", "2023-03-01")}, PeriodError, "start is 'soon'"),
    "empty space": ({"space": {}}, SpaceError, ""),
    "contradictory space": ({"space": {"fast": (9, 3)}}, SpaceError, "fast"),
    "step too large": ({"space": {"fast": (3, 9, 20)}}, SpaceError, "fast"),
    "no options": ({"space": {"fast": []}}, SpaceError, "fast"),
    "misspelt parameter": ({"space": {"fats": (3, 9)}}, SpaceError, "Did you mean 'fast'"),
    "fixed and varied": ({"hyperparameters": {"fast": 3}}, SpaceError, "both fixed and varied"),
    "unknown metric": ({"metric": "sharp"}, MetricError, "sharpe"),
    "unknown sampler": ({"sampler": "tpa"}, InputError, "tpe"),
    "zero trials": ({"n_trials": 0}, InputError, "n_trials is 0"),
    "zero jobs": ({"n_jobs": 0}, InputError, "n_jobs is 0"),
    "negative limit": ({"timeout": -1}, InputError, "timeout is -1"),
    "unknown strategy": ({"strategy": "Nowhere"}, StrategyError, "Nowhere"),
    "syntax error": ({"strategy": "class A(Strategy):\n  def"}, StrategyError, "line 2"),
    "nothing to vary": ({"strategy": CROSSING.replace("def hyperparameters", "def other"), "space": None}, SpaceError,
                        "nothing to optimize"),
    "ratio": ({"test_ratio": 1.5}, InputError, "test_ratio is 1.5"),
    "too short to hold out": ({"period": ("2023-03-01", "2023-03-02")}, PeriodError, "test_ratio=0"),
    "test before start": ({"test_start": "2023-02-01"}, PeriodError, "held-out"),
    "a route that is none": ({"routes": [5], "symbol": None}, InputError, "The route is 5"),
    "data routes as one text": ({"data_routes": "ETH-USDT 4h"}, InputError, "data_routes is"),
    "hyperparameters as a list": ({"hyperparameters": [3]}, InputError, "hyperparameters is [3]"),
    "store in the way": ({"store": "/dev/null/runs.sqlite"}, StorageError, "JESSE_NB_STORE"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_line(run: Any, name: str) -> None:
    changes, error, words = BAD[name]
    with pytest.raises(error) as caught:
        run(**changes)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_held_out_period_behind_the_end(run: Any) -> None:
    result = run(n_trials=2, period=("2023-03-01", "2023-03-20"), test_start="2023-03-25", test_end="2023-04-05")
    assert result.training.equity.index[-1].strftime("%m-%d") == "03-20"
    assert result.test.equity.index[0].strftime("%m-%d") == "03-25"
