"""The best trials on the period that no trial saw."""

from __future__ import annotations

import math
from collections.abc import Sequence

from jesse_nb.core.jobs.evaluation import Evaluator, RunOutcome
from jesse_nb.core.study.constraints import Constraint
from jesse_nb.core.study.metric import Metric
from jesse_nb.core.study.trial import TopTrial, Trial
from jesse_nb.core.tools.prepared import Prepared
from jesse_nb.exceptions import MetricError

__all__ = ["HeldOutRuns"]


class HeldOutRuns:
    """Runs the best trials on the held-out period, and puts both side by side."""

    def __init__(
        self, prepared: Prepared | None, metrics: tuple[Metric, ...], constraints: tuple[Constraint, ...]
    ) -> None:
        self._prepared = prepared
        self._metrics = metrics
        self._constraints = constraints
        self._outcomes: dict[int, RunOutcome] = {}
        self._planned = 0

    def submit(self, evaluator: Evaluator, top: Sequence[Trial]) -> None:
        """Ask for the best trials' runs, where a period was held out."""
        if self._prepared is None:
            return
        self._planned = len(top)
        spec = self._prepared.spec
        for trial in top:
            evaluator.submit(trial.number, spec.with_hyperparameters({**spec.hyperparameters, **trial.params}))

    def receive(self, number: int, outcome: RunOutcome) -> None:
        """Take in the outcome of a trial, by its number."""
        self._outcomes[number] = outcome

    @property
    def progress(self) -> tuple[str, int, int] | None:
        """What it does, in words, how many runs are done and how many there are; None when all are."""
        done = len(self._outcomes)
        return ("testing on the held-out period", done, self._planned) if done < self._planned else None

    def with_test(self, trial: Trial) -> TopTrial:
        """Return a trial with its held-out run, where there is one."""
        outcome = self._outcomes.get(trial.number)
        if outcome is None:
            return TopTrial(trial)
        if outcome.record is None:
            return TopTrial(trial, test_reason=str(outcome.error))
        test = outcome.record.to_result(outcome.spec)
        try:
            values = tuple(float(metric.read(test)) for metric in self._metrics)
            violated = tuple(constraint.text for constraint in self._constraints if not constraint.satisfied(test))
        except MetricError as error:
            return TopTrial(trial, test, (math.nan,) * len(self._metrics), str(error))
        return TopTrial(trial, test, values, test_violated=violated)
