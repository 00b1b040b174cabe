"""Stopping trials early: the median rule against Optuna's own, and whole studies on the real simulator."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

import jesse_nb.report  # noqa: F401 - so that results show themselves
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.study.constraints import broken_by_drawdown, deepest_drawdown, parse_constraints
from jesse_nb.core.study.metric import resolve_metrics
from jesse_nb.core.tools.optimize import pruning as pruning_module
from jesse_nb.core.tools.optimize.optimize import optimize
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
from jesse_nb.core.tools.optimize.pruning import CHECKPOINTS, STARTUP_TRIALS, Pruning, make_pruning
from jesse_nb.exceptions import InputError
from tests.jobs.strategies import CROSSING, SPACE
from tests.simulator.helpers import make_spec

STEPS = len(CHECKPOINTS)


def random_readings(generator: np.random.Generator, missing: float) -> tuple[float, ...]:
    values = np.cumsum(generator.normal(0, 1, STEPS))
    first = generator.integers(0, STEPS) if generator.random() < missing else 0
    return tuple(math.nan if step < first else float(value) for step, value in enumerate(values))


OPTUNAS = {
    50.0: optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS, n_warmup_steps=0),
    75.0: optuna.pruners.PercentilePruner(25.0, n_startup_trials=STARTUP_TRIALS, n_warmup_steps=0),
}


def optuna_stops_at(percentile: float, finished: list[tuple[float, ...]], readings: tuple[float, ...]) -> int | None:
    """Return the step at which Optuna's own pruner stops a trial with these readings."""
    study = optuna.create_study(direction="maximize", pruner=OPTUNAS[percentile])
    for row in finished:
        known = {step: value for step, value in enumerate(row) if not math.isnan(value)}
        study.add_trial(optuna.trial.create_trial(value=0.0, intermediate_values=known))
    trial = study.ask()
    for step, value in enumerate(readings):
        if not math.isnan(value):
            trial.report(value, step)
            if trial.should_prune():
                return step
    return None


def stops_at(pruning: Pruning, readings: tuple[float, ...]) -> int | None:
    best = math.nan
    for step, (reading, floor) in enumerate(zip(readings, pruning.rule().floors, strict=True)):
        best = reading if math.isnan(best) else max(best, reading)
        if not math.isnan(reading) and best < floor:
            return step
    return None


@pytest.mark.parametrize("percentile", OPTUNAS)
@pytest.mark.parametrize("missing", [0.0, 0.5])
@pytest.mark.parametrize("count", [0, STARTUP_TRIALS - 1, STARTUP_TRIALS, STARTUP_TRIALS + 13])
def test_it_stops_what_optunas_pruner_stops(count: int, missing: float, percentile: float) -> None:
    generator = np.random.default_rng(count)
    finished = [random_readings(generator, missing) for _ in range(count)]
    pruning = Pruning("return", percentile, 0, 86_400_000 * 100)
    for row in finished:
        pruning.learn(row)
    stopped = []
    for _ in range(12):
        readings = random_readings(generator, missing)
        stopped.append(stops_at(pruning, readings))
        assert stopped[-1] == optuna_stops_at(percentile, finished, readings)
    assert any(step is not None for step in stopped) == (count >= STARTUP_TRIALS)


@pytest.mark.parametrize(("metric", "measure"), [("sharpe", "sharpe"), ("serenity", "sharpe"), ("profit", "return"),
                                                 ("annual_return", "return")])
def test_what_is_measured_fits_the_metric(metric: str, measure: str) -> None:
    pruning = make_pruning("median", resolve_metrics(metric), make_spec(), ())
    assert pruning is not None
    assert pruning.base.measure == measure


@pytest.mark.parametrize("metric", ["win_rate", "total", "jesse_score", ["sharpe", "profit"], ("sharpe", "minimize"),
                                    lambda result: 1.0, "max_drawdown"])
def test_no_trial_is_stopped_for_a_metric_that_says_nothing_before_the_end(metric: Any) -> None:
    assert make_pruning("median", resolve_metrics(metric), make_spec(), ()) is None


def test_of_constraints_only_an_upper_bound_of_the_drawdown_is_broken_for_good() -> None:
    assert deepest_drawdown(parse_constraints("trades >= 30, max_drawdown < 25, drawdown <= 20%")) == 0.2
    assert deepest_drawdown(parse_constraints("trades >= 30, max_drawdown > 5")) is None


def test_by_how_much_a_drawdown_breaks_a_constraint_is_as_for_a_whole_run() -> None:
    rules = parse_constraints("trades >= 30, max_drawdown < 25, drawdown <= 0")
    assert broken_by_drawdown(rules, 0.3) == (0.0, pytest.approx(0.2), pytest.approx(30.0))
    assert broken_by_drawdown(rules, 0.0) == (0.0, 0.0, 0.0)


def test_an_unknown_pruner_is_refused() -> None:
    with pytest.raises(InputError, match="No pruner is called 'medain'") as caught:
        pruning_module.check_pruner("medain")
    assert "median" in str(caught.value)
    assert pruning_module.check_pruner(None) == "none"


@pytest.fixture
def early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare with four finished trials already, so that a small study has something to stop."""
    monkeypatch.setattr(pruning_module, "STARTUP_TRIALS", 4)


def study(candle_store: CandleStore, store: Path, **changes: Any) -> OptimizeResult:
    arguments: dict[str, Any] = {"space": SPACE, "n_trials": 26, "seed": 3, "pruner": "median",
                                 "candles": candle_store, "store": store, "neighbours": 0, "parity": False,
                                 "test_ratio": 0, "top": 3} | changes
    return optimize(CROSSING, "BTC-USDT", "1h", "2023-03-01", "2023-04-10", **arguments)  # type: ignore[return-value]


def facts(result: OptimizeResult) -> list[tuple[Any, ...]]:
    return [(trial.number, trial.params, trial.state, trial.reason, trial.simulated, str(trial.values))
            for trial in result.trials]


@pytest.mark.usefixtures("early")
class TestStudies:
    @pytest.fixture
    def folder(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tmp_path_factory.mktemp("pruned")

    def test_a_study_that_stops_trials(self, candle_store: CandleStore, folder: Path) -> None:
        result = study(candle_store, folder / "one.sqlite", n_jobs=2)
        pruned = result.pruned
        assert pruned
        assert all(trial.number >= 4 for trial in pruned)
        assert all(0.25 <= trial.simulated < 1 for trial in pruned)
        assert all(math.isnan(trial.value) and not trial.metrics for trial in pruned)
        assert not {trial.number for trial in pruned} & set(result.returns.columns)  # nothing of it enters PBO
        assert result.overfit is not None
        assert result.overfit.unfinished == len(pruned)
        assert result.simulated == pytest.approx(np.mean([trial.simulated for trial in result.trials]))
        assert "stopped early" in str(result)

        store = RunStore(folder / "one.sqlite")
        assert all(store.get(trial.key) is None for trial in pruned)
        assert all(store.stopped(trial.key) is not None for trial in pruned)
        assert {trial.key for trial in pruned} <= store.same_data(result.spec)  # they were looked at
        ledger = store.ledger().set_index("kind")["runs"]
        assert ledger["stopped"] == len({trial.key for trial in pruned})

        again = study(candle_store, folder / "one.sqlite", n_jobs=2)
        assert facts(again) == facts(result)
        assert all(trial.reused for trial in again.trials)
        alone = study(candle_store, folder / "two.sqlite", n_jobs=1)
        assert facts(alone) == facts(result)

    def test_it_stops_the_same_trials_where_the_store_has_them_whole(
        self, candle_store: CandleStore, folder: Path
    ) -> None:
        whole = study(candle_store, folder / "whole.sqlite", sampler="random", pruner="none")
        assert not whole.pruned
        fresh = study(candle_store, folder / "fresh.sqlite", sampler="random")
        answered = study(candle_store, folder / "whole.sqlite", sampler="random")
        assert facts(answered) == facts(fresh)
        assert answered.pruned
        assert all(trial.reused for trial in answered.trials)
        kept = {trial.number: trial.values for trial in whole.trials}
        assert all(trial.values == kept[trial.number] for trial in fresh.trials if trial.state == "finished")

    def test_a_run_that_is_asked_for_whole_later_is_simulated_whole(
        self, candle_store: CandleStore, folder: Path
    ) -> None:
        path = folder / "later.sqlite"
        first = study(candle_store, path, sampler="random").pruned[0]
        later = study(candle_store, path, sampler="random", pruner="none")
        assert later.trials[first.number].state == "finished"
        store = RunStore(path)
        assert store.get(first.key) is not None
        assert store.stopped(first.key) is None  # what is known whole is not half known, too

    def test_a_drawdown_that_breaks_a_constraint_for_good_is_stopped_at_once(
        self, candle_store: CandleStore, folder: Path
    ) -> None:
        result = study(candle_store, folder / "deep.sqlite", constraints="max_drawdown < 9", sampler="random",
                       n_trials=8)
        whole = study(candle_store, folder / "whole.sqlite", constraints="max_drawdown < 9", sampler="random",
                      n_trials=8, pruner="none")
        assert result.pruned
        for trial, other in zip(result.trials, whole.trials, strict=True):
            if "drawdown exceeded 9 %" in trial.reason:
                assert trial.violated == other.violated == ("max_drawdown < 9",)
                assert 0 < trial.excess[0] <= other.excess[0] + 1e-9
        assert result.best_params == whole.best_params
        assert result.broken["max_drawdown < 9"] > 0
        assert "only a drawdown too deep is known" in " ".join(str(result).split())

    def test_that_all_broke_a_constraint_is_said(self, candle_store: CandleStore, folder: Path) -> None:
        result = study(candle_store, folder / "all.sqlite", constraints="max_drawdown < 0.1", sampler="random",
                       n_trials=8)
        assert result.best is None
        assert any("max_drawdown < 0.1 was broken by" in note for note in result.notes)

    def test_a_pruner_that_cannot_judge_says_so(self, candle_store: CandleStore, folder: Path) -> None:
        result = study(candle_store, folder / "rate.sqlite", metric="win_rate", n_trials=3)
        assert result.pruner == "none"
        assert "The pruner median stopped no trial: Win rate says nothing before the end of a run." in result.notes
