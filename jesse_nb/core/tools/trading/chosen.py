"""Which strategy and which values of a result go to trading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jesse_nb.core.jobs.job import Job
from jesse_nb.core.record.about import verdict_of
from jesse_nb.core.record.result_store import ResultStore
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.spec import BacktestSpec, StrategyRef
from jesse_nb.core.study.space import Space
from jesse_nb.core.times import utc_text
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
from jesse_nb.core.tools.record.finding import load
from jesse_nb.core.tools.record.keeping import entry_of
from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult
from jesse_nb.exceptions import InputError, shown

__all__ = ["ChosenValues", "chosen_values", "said_of_name"]


@dataclass(frozen=True)
class ChosenValues:
    """A strategy with the values that a result chose for it.

    Attributes
    ----------
    spec
        What was simulated with them.
    run
        The run that they gave; None where it was not kept.
    space
        What was searched; None where nothing was.
    origin
        What they are, in words: ``trial 12 of 100``.
    verdict
        What the result is worth, in a few words; empty where nothing judges it.
    key, name
        Of the result in the research record, or of its run; what it is called there.
    others
        More runs of the result with these values: of a study the held-out one, of a walk-forward's window its test.
    note
        Which of several results of one name it is; empty otherwise.
    """

    spec: BacktestSpec
    run: BacktestResult | None
    space: Space | None
    origin: str
    verdict: str
    key: str
    name: str
    others: tuple[BacktestResult, ...] = ()
    note: str = ""

    @property
    def strategy(self) -> StrategyRef:
        """The strategy."""
        return self.spec.routes[0].strategy

    @property
    def values(self) -> dict[str, Any]:
        """The values that were chosen, by name; the strategy's own of all others."""
        return dict(self.spec.hyperparameters)

    @property
    def market(self) -> str:
        """Where they were chosen: markets and period in words."""
        markets = ", ".join(f"{route.symbol} {route.timeframe}" for route in self.spec.routes)
        made_up = " (synthetic)" if self.spec.synthetic and "synthetic" not in self.spec.routes[0].exchange else ""
        return (f"{markets} on {self.spec.routes[0].exchange}{made_up}, {utc_text(self.spec.start)} to "
                f"{utc_text(self.spec.end)}")


def chosen_values(result: Any, trial: int | None = None, window: int | None = None) -> ChosenValues:
    """Return what a result chose.

    Parameters
    ----------
    result
        A backtest, a study, a walk-forward, a job of one, or the name or key of a kept one.
    trial
        Of a study, by number; its best one by default.
    window
        Of a walk-forward, by number; by default the last one that chose something, which saw the newest days.

    Raises
    ------
    InputError
        When it is none of these, or chose nothing.
    """
    note = ""
    if isinstance(result, str):
        note, result = said_of_name(result), load(result)
    result = result.result() if isinstance(result, Job) else result
    if trial is not None and not isinstance(result, OptimizeResult):
        raise InputError.of("trial", f"is {shown(trial)}.", "Only a study has trials.")
    if window is not None and not isinstance(result, WalkForwardResult):
        raise InputError.of("window", f"is {shown(window)}.", "Only a walk-forward has windows.")
    found: tuple[BacktestSpec, BacktestResult | None, Space | None, str]
    if isinstance(result, BacktestResult):
        found = result.spec, result, None, "the values of a backtest"
    elif isinstance(result, OptimizeResult):
        found = _of_study(result, trial)
    elif isinstance(result, WalkForwardResult):
        found = _of_walk_forward(result, window)
    else:
        raise InputError.of("result", f"is {type(result).__name__}.",
                            "Give a backtest, a study or a walk-forward; of a batch an entry's result().")
    spec, run, space, origin = found
    if len({route.strategy.hash for route in spec.routes}) > 1:
        raise InputError(f"The result trades several strategies: {spec.strategy_names}.",
                         "One is written at a time: run each of them alone.", argument="result")
    entry = entry_of(result)
    others = tuple(other for other in _runs_of(result) if other is not run and _is_of(other.spec, spec))
    return ChosenValues(spec, run, space, origin, _verdict(result), entry.key if entry else spec.key[:16],
                        entry.name if entry else "", others, note)


def said_of_name(word: str) -> str:
    """Say which result a name stands for that several have; empty otherwise.

    Parameters
    ----------
    word
        A name, or the first digits of a key.
    """
    called = ResultStore().called(word.strip())
    if len(called) < 2:
        return ""
    newest, *more = called
    others = f"{len(more):,} other kept results are" if len(more) > 1 else "One other kept result is"
    return (f"{others} called {shown(newest.name)}: this is the newest, {newest.key[:8]}, kept on "
            f"{utc_text(int(newest.when) // 60 * 60_000)} UTC, {newest.what}. To take another one, give its key: "
            "%results and `jesse-nb results` list them.")


def _runs_of(result: Any) -> list[BacktestResult]:
    """Return the runs that a result holds, beside the one that chose its values."""
    runs = [part.test for part in result.windows] if isinstance(result, WalkForwardResult) else \
        [getattr(result, "test", None)]
    return [run for run in runs if isinstance(run, BacktestResult)]


def _is_of(spec: BacktestSpec, chosen: BacktestSpec) -> bool:
    return (spec.hyperparameters == chosen.hyperparameters
            and [route.strategy.hash for route in spec.routes] == [route.strategy.hash for route in chosen.routes])


def _of_study(study: OptimizeResult, number: int | None) -> tuple[BacktestSpec, BacktestResult | None, Space, str]:
    best = study.best
    if number is None and best is None:
        raise InputError("The study has no best trial: no trial has a value that keeps the constraints.",
                         "Choose one with trial=NUMBER, or search anew.", argument="result")
    if number is None or (best is not None and number == best.number):
        assert best is not None
        origin = f"the best of {len(study.trials):,} trials, number {best.number}"
        if study.training is not None:
            return study.training.spec, study.training, study.space, origin
        return _with_values(study.spec, best.params), None, study.space, origin
    if not 0 <= number < len(study.trials):
        raise InputError.of("trial", f"is {number:,}.", f"The study has trials 0 to {len(study.trials) - 1:,}.")
    trial = study.trials[number]
    return (_with_values(study.spec, trial.params), None, study.space,
            f"trial {number} of {len(study.trials):,}, which was not the best")


def _of_walk_forward(
    walk: WalkForwardResult, number: int | None
) -> tuple[BacktestSpec, BacktestResult | None, Space | None, str]:
    having = {part.window.number: part for part in walk.windows if part.train is not None or part.params}
    if not having:
        raise InputError("No window of the walk-forward chose anything.", argument="result")
    number = max(having) if number is None else number
    if number not in having:
        raise InputError.of("window", f"is {number:,}.", f"Windows {', '.join(map(str, having))} chose something.")
    part = having[number]
    run = part.train or part.test
    spec = run.spec if run is not None else _with_values(walk.spec, part.params)
    return spec, run, walk.space, f"the choice of window {number}, of 0 to {walk.planned - 1}"


def _with_values(spec: BacktestSpec, values: Any) -> BacktestSpec:
    return spec.with_hyperparameters({**spec.hyperparameters, **values})


def _verdict(result: Any) -> str:
    """Return a result's verdict with its sentence."""
    outcome = verdict_of(result)
    verdict = getattr(result, "verdict", None)
    said = getattr(verdict, "line", "") or " ".join(getattr(verdict, "sentences", ()))
    if not said or said == outcome:
        return outcome
    return said if said.casefold().startswith(outcome) else f"{outcome}. {said}"
