"""The single runs of a larger result, each to be opened in the explorer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, singledispatch
from typing import Any

from jesse_nb.core.jobs.job import Job
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.tools.batch.batch_result import BatchResult
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
from jesse_nb.core.tools.resimulate.exploration import Exploration, explore_backtest, explore_spec
from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult
from jesse_nb.exceptions import InputError

__all__ = ["ExplorableRun", "runs_of"]


@dataclass(frozen=True)
class ExplorableRun:
    """One run of a larger result.

    Attributes
    ----------
    key
        By which a chart finds it: a trial's number, or a window's number and ``train`` or ``test``, or a combination's
        number.
    name
        As a list shows it.
    """

    key: Any
    name: str
    _begin: Callable[..., Any]

    def open(self, **options: Any) -> Job[Exploration]:
        """Begin to lay it open; ``options`` are those of ``explore_backtest``."""
        begun: Job[Exploration] = self._begin(title=self.name, background=True, **options)
        return begun


@singledispatch
def runs_of(result: Any) -> tuple[ExplorableRun, ...]:
    """Return the runs of a result that can be opened, those first that matter most.

    Raises
    ------
    InputError
        When the result has no runs, or none that finished.
    """
    raise InputError(f"A {type(result).__name__} cannot be explored.",
                     "Give a result of backtest, optimize, walk_forward or backtest_batch.")


@runs_of.register
def _(result: OptimizeResult) -> tuple[ExplorableRun, ...]:
    runs = [ExplorableRun(("test", top.trial.number), f"Trial {top.trial.number}, held-out period",
                          partial(explore_backtest, top.test)) for top in result.top if top.test is not None]
    best = [top.trial.number for top in result.top]
    finished = {trial.number: trial for trial in result.trials if trial.state == "finished"}
    order = [*(number for number in best if number in finished), *(run for run in finished if run not in best)]
    trained = [ExplorableRun(number, f"Trial {number}{', best' if best[:1] == [number] else ''}, training period",
                             partial(explore_spec, _of_trial(result.spec, finished[number].params),
                                     metrics=finished[number].metrics)) for number in order]
    default = [] if result.default is None else [
        ExplorableRun("default", "The strategy's own parameters, training period",
                      partial(explore_backtest, result.default))]
    return _some([*trained[:1], *runs, *trained[1:], *default], "No trial of this study finished.")


@runs_of.register
def _(result: WalkForwardResult) -> tuple[ExplorableRun, ...]:
    runs = [ExplorableRun((window.window.number, part), f"Window {window.window.number}, {words}",
                          partial(explore_backtest, run))
            for window in result.windows for part, words, run in (("test", "out-of-sample", window.test),
                                                               ("train", "in-sample", window.train)) if run is not None]
    return _some(runs, "No window of this walk-forward has a run.")


@runs_of.register
def _(result: BatchResult) -> tuple[ExplorableRun, ...]:
    def of(entry: Any) -> Callable[..., Any]:
        return lambda **options: explore_backtest(entry.result(), **options)

    runs = [ExplorableRun(entry.number, entry.name, of(entry)) for entry in result.top(len(result.finished))]
    return _some(runs, "No combination of this batch has a value.")


def _of_trial(spec: BacktestSpec, params: dict[str, Any]) -> BacktestSpec:
    return spec.with_hyperparameters({**spec.hyperparameters, **params})


def _some(runs: list[ExplorableRun], nothing: str) -> tuple[ExplorableRun, ...]:
    if not runs:
        raise InputError(nothing, "Its report says why.")
    return tuple(runs)
