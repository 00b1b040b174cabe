"""Sealed days: the end of a study's data, which nobody looks at until the study is done, and then once.

That these days are unseen is what makes them worth something, and every look uses some of it up. So
opening them is logged in the run store before anything runs on them, and whatever else this project
ran on the same days of the same market counts, too. All of it is read from the run store when it is
asked for: a result that was kept for weeks tells what is true now.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.jobs.store import RunStore, is_there
from jesse_nb.core.rendering import Shown
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.study.constraints import Constraint
from jesse_nb.core.study.metric import Metric
from jesse_nb.core.times import DAY_MS
from jesse_nb.core.tools.plan import plan_of_run
from jesse_nb.core.tools.resimulate.rerun import prepare_again, request_again
from jesse_nb.core.tools.resimulate.resimulation import Resimulation
from jesse_nb.exceptions import InputError, JobCancelledError, MetricError, StorageError

__all__ = ["Holdout", "Looks", "OpenedHoldout"]


class Looks(NamedTuple):
    """How often the sealed days were looked at.

    Attributes
    ----------
    openings
        Parameters that were run on them by opening a study's sealed days, this study's or another's: each
        once, however often it was opened again.
    runs
        Other finished backtests of this project on some of these days of the same symbols.
    """

    openings: int
    runs: int


@dataclass(frozen=True, repr=False)
class OpenedHoldout(Shown):
    """What a study's parameters did on its sealed days.

    Attributes
    ----------
    holdout
        Which days, and of which study.
    params
        The best trial's.
    best, default
        The runs of these parameters and of the strategy's own; the latter is None where it has none or the
        run failed.
    """

    holdout: Holdout
    params: dict[str, Any]
    best: BacktestResult
    default: BacktestResult | None

    @property
    def strategy(self) -> str:
        """Name of the first route's strategy."""
        return self.best.strategy

    @property
    def spec(self) -> BacktestSpec:
        """What was simulated with the best parameters."""
        return self.best.spec

    @property
    def values(self) -> tuple[float, ...]:
        """The study's metrics on the sealed days; NaN where one is undefined."""
        return tuple(_read(metric, self.best) for metric in self.holdout.metrics)

    @property
    def violated(self) -> tuple[str, ...]:
        """The study's constraints that are broken on the sealed days; counts are compared as they are."""
        return tuple(constraint.text for constraint in self.holdout.constraints if not _keeps(constraint, self.best))


@dataclass(frozen=True)
class Holdout:
    """The sealed days of a study.

    Attributes
    ----------
    spec
        The strategy on these days, with the values that the study keeps fixed.
    study
        Key of the study: a hash of strategy, data, space and all else that decides its trials, but their number.
    metrics, constraints
        The study's.
    candles, store
        Folder of the candles, file of the run store.
    params
        Of the study's best trial; None when there is none.
    has_default
        Whether the strategy's own parameters can be run beside them.
    """

    spec: BacktestSpec
    study: str
    metrics: tuple[Metric, ...]
    constraints: tuple[Constraint, ...]
    candles: str
    store: str
    params: Mapping[str, Any] | None = field(default=None)
    has_default: bool = True

    @property
    def start(self) -> int:
        """First sealed moment, milliseconds UTC."""
        return self.spec.start

    @property
    def end(self) -> int:
        """End of the sealed days, milliseconds UTC, itself not sealed."""
        return self.spec.end

    @property
    def days(self) -> float:
        """How many days are sealed."""
        return (self.end - self.start) / DAY_MS

    def looks(self) -> Looks | None:
        """Return how often these days were looked at by now; None when the run store cannot be read."""
        if not is_there(self.store):
            return None
        try:
            with closing(RunStore(self.store)) as store:
                openings = store.openings(self.spec)
                opened = {key for opening in openings for key in opening.runs}
                runs = store.same_data(self.spec) - opened
        except StorageError:
            return None
        return Looks(len({(opening.study, opening.runs) for opening in openings}), len(runs))

    @property
    def opened(self) -> OpenedHoldout | None:
        """What was found when these days were opened with the best trial's parameters; None while they are sealed."""
        if self.params is None or not is_there(self.store):
            return None
        try:
            with closing(RunStore(self.store)) as store:
                for opening in reversed(store.openings(self.spec)):
                    if opening.study == self.study and opening.params == dict(self.params):
                        found = map(store.find, opening.runs)
                        return self._opened([run.record.to_result(run.spec) if run else None for run in found])
        except StorageError:
            pass
        return None

    def open(
        self,
        *,
        strategy: Any = None,
        project: str | Path | None = None,
        candles: CandleStore | None = None,
        store: str | Path | RunStore | None = None,
        trial_timeout: float | None = 600.0,
        memory_limit: int | None = None,
    ) -> OpenedHoldout:
        """Run the best trial's parameters, and the strategy's own, on the sealed days.

        The opening is logged first, so it counts even when a run then fails.

        Parameters
        ----------
        strategy
            The strategy, where this process does not know it any more: its class, after the kernel's restart.
        project, candles, store
            Where they are now, when they are not where the study found them.
        trial_timeout, memory_limit
            As in :func:`~jesse_nb.core.tools.backtest.backtest.backtest`.

        Raises
        ------
        InputError
            When the study has no best trial.
        StrategyError
            When the strategy is not known here, or has changed since.
        CandlesError
            When the stored candles of these days have changed since.
        StorageError
            When the opening cannot be logged.
        SimulationError
            When the best parameters' run fails.
        """
        if self.params is None:
            raise InputError("The study has no best trial, so there is nothing to run on the sealed days.",
                             "They stay sealed.")
        request = request_again(self.spec, strategy=strategy, project=project,
                                candles=candles or CandleStore(self.candles),
                                store=self.store if store is None else store,
                                trial_timeout=trial_timeout, memory_limit=memory_limit)
        prepared = prepare_again(request, self.spec)
        best = prepared.spec.with_hyperparameters({**self.spec.hyperparameters, **self.params})
        specs = [best, prepared.spec] if self.has_default else [best]

        def work(control: JobControl) -> OpenedHoldout:
            keys = [spec.key for spec in specs]
            request.resources.run_store().log_opening(self.study, self.spec, self.params or {}, keys)
            runs = Resimulation(request, prepared, control)
            runs.simulate(specs, "opening the sealed days")
            outcomes = dict(runs.outcomes())
            if 0 not in outcomes:
                raise JobCancelledError("Cancelled before the sealed days had run; that they were opened is logged.")
            error = outcomes[0].error
            if error is not None:
                raise error
            found = [outcome.record.to_result(outcome.spec) if outcome.record else None
                     for _, outcome in sorted(outcomes.items())]
            opened = self._opened(found)
            assert opened is not None
            return opened

        answer = plan_of_run("holdout", best, work, joins=True).run()
        assert isinstance(answer, OpenedHoldout)
        return answer

    def _opened(self, runs: Sequence[BacktestResult | None]) -> OpenedHoldout | None:
        """Return the runs of the best parameters and of the strategy's own as one."""
        best, default = (*runs, None)[:2]
        return OpenedHoldout(self, dict(self.params or {}), best, default) if best else None


def _read(metric: Metric, run: BacktestResult) -> float:
    try:
        return float(metric.read(run))
    except MetricError:  # the user's own function, on a run that it was not ranked by
        return math.nan


def _keeps(constraint: Constraint, run: BacktestResult) -> bool:
    try:
        return constraint.satisfied(run)
    except MetricError:
        return False
