"""What a study does with its best trials on the training period: look around them, and run the winner in step mode."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jesse_nb.core.analysis.studies.parity import Parity, compare_modes
from jesse_nb.core.jobs.evaluation import Evaluator, RunOutcome
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.study.constraints import Constraint
from jesse_nb.core.study.metric import Metric
from jesse_nb.core.study.space import Space
from jesse_nb.core.study.trial import Trial
from jesse_nb.core.tools.optimize.neighbourhood import (
    FEWEST_NEIGHBOURS,
    MOST_CENTRES,
    MOST_NEIGHBOURS,
    Neighbour,
    Plateau,
    neighbourhood,
    neighbours_of,
    same_point,
    within_limit,
)
from jesse_nb.core.tools.prepared import Prepared
from jesse_nb.core.tools.trials import trial_from_outcome

__all__ = ["Checks"]


@dataclass(frozen=True)
class _Ticket:
    """Which check a simulation is for: a neighbour by its point, or the winner by the mode."""

    check: str
    which: str


class Checks:
    """The neighbours of the best trials and the winner's step-mode run, within a study's evaluator.

    Parameters
    ----------
    prepared
        The training period's spec, with the values that stay fixed, and its candles.
    space, metrics, constraints
        Of the study.
    top
        The best trials, best first.
    tried
        All trials: those that are neighbours of others are not simulated again, unless they were stopped early.
    neighbours
        How many steps to look around; 0 looks around none.
    parity
        Whether the winner is to be run in step mode.
    """

    def __init__(
        self,
        prepared: Prepared,
        space: Space,
        metrics: tuple[Metric, ...],
        constraints: tuple[Constraint, ...],
        top: Sequence[Trial],
        tried: Iterable[Trial],
        *,
        neighbours: int,
        parity: bool,
    ) -> None:
        self._spec, self._mapped = prepared.spec, prepared.mapped
        self._metrics = metrics
        self._constraints = constraints
        self._steps = neighbours
        self._wanted = min(len(top), MOST_CENTRES)
        around = [(trial, neighbours_of(space, trial.params, neighbours)) for trial in top[:MOST_CENTRES]]
        known = {same_point(trial.params): trial for trial in tried if trial.state != "pruned"}
        room = min(MOST_NEIGHBOURS, max(FEWEST_NEIGHBOURS, len(known) // 2))
        self._around = within_limit([(trial, near) for trial, near in around if near], known, room)
        points = {same_point(neighbour.params): neighbour.params for _, near in self._around for neighbour in near}
        self._values = {point: _verdict(known[point]) for point in points if point in known}
        self._points = {point: params for point, params in points.items() if point not in known}
        self._done = 0
        self._winner = top[0] if parity and top and self._spec.mode == "fast" else None
        self._runs: dict[str, RunOutcome] = {}

    def submit_parity(self, evaluator: Evaluator) -> None:
        """Ask for the winner in both modes; early, as step mode takes the longest of all."""
        if self._winner is not None:
            fast = self._with(self._winner.params)
            evaluator.submit(_Ticket("parity", "step"), replace(fast, mode="step"), check=True)
            evaluator.submit(_Ticket("parity", "fast"), fast)  # the run store has it

    def submit_neighbours(self, evaluator: Evaluator) -> None:
        """Ask for the neighbours."""
        for point, params in self._points.items():
            evaluator.submit(_Ticket("neighbour", point), self._with(params))

    def receive(self, ticket: Hashable, outcome: RunOutcome) -> bool:
        """Take in an outcome when it is for a check; return whether it was."""
        if not isinstance(ticket, _Ticket):
            return False
        if ticket.check == "parity":
            self._runs[ticket.which] = outcome
            return True
        trial, _ = trial_from_outcome(0, self._points[ticket.which], outcome, self._metrics, self._constraints)
        self._values[ticket.which] = _verdict(trial)
        self._done += 1
        return True

    @property
    def progress(self) -> tuple[str, int, int]:
        """What is being checked, in words, how much of it is done and how much there is."""
        if self._done < len(self._points):
            return "checking the neighbourhood", self._done, len(self._points)
        return "comparing with step mode", len(self._runs), 2

    @property
    def plateau(self) -> Plateau | None:
        """The neighbourhoods; None when there are none, or not all has finished."""
        if not self._around or self._done < len(self._points):
            return None
        metric = self._metrics[0]
        return Plateau(
            metric, self._steps, wanted=self._wanted,
            neighbourhoods=tuple(neighbourhood(trial, [self._valued(neighbour) for neighbour in near], metric)
                                 for trial, near in self._around),
        )

    @property
    def parity(self) -> Parity | None:
        """The winner in both modes; None when that was not wanted, or has not finished."""
        if len(self._runs) < 2:
            return None
        for mode, outcome in self._runs.items():
            if outcome.record is None:
                return Parity(reason=f"The winner's run in {mode} mode failed: {outcome.error}")
        fast, step = (self._runs[mode] for mode in ("fast", "step"))
        assert fast.record is not None
        assert step.record is not None
        candles = {(part.exchange, part.symbol): part.read()[1] for part in self._mapped}
        return compare_modes(fast.record.to_result(fast.spec), step.record.to_result(step.spec), candles)

    @property
    def keys(self) -> set[str]:
        """Keys of all runs that were asked for."""
        specs = [self._with(params) for params in self._points.values()]
        if self._winner is not None:
            specs.append(replace(self._with(self._winner.params), mode="step"))
        return {spec.key for spec in specs}

    def _with(self, params: Mapping[str, Any]) -> BacktestSpec:
        return self._spec.with_hyperparameters({**self._spec.hyperparameters, **params})

    def _valued(self, one: Neighbour) -> Neighbour:
        value, reason = self._values[same_point(one.params)]
        return replace(one, value=value, reason=reason)


def _verdict(trial: Trial) -> tuple[float, str]:
    """Return the first metric's value of a trial, and why it has none or may not be used."""
    return (math.nan, f"breaks {', '.join(trial.violated)}") if trial.violated else (trial.values[0], trial.reason)
