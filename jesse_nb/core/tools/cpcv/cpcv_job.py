"""The work of a combinatorial purged cross-validation: every candidate on every group, once.

Nothing is searched: the candidates are drawn beforehand, so no choice has seen
a test group. Splits and paths are then only a matter of which runs are put
together.
"""

from __future__ import annotations

import json
import math
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.studies.stitching import returns_by_day
from jesse_nb.core.jobs.board import Median, windows_board
from jesse_nb.core.jobs.evaluation import Evaluator, RunOutcome
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.simulator.account import Ruin
from jesse_nb.core.simulator.result import ResultCard
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.study.cpcv_study import Group
from jesse_nb.core.study.metric import Metric
from jesse_nb.core.study.space import Space
from jesse_nb.core.times import utc_text
from jesse_nb.core.tools.check.check_first import check_first, note_study
from jesse_nb.core.tools.check.first_check import FirstCheck
from jesse_nb.core.tools.cpcv.cpcv_result import CpcvResult, assemble_cpcv
from jesse_nb.core.tools.description import described
from jesse_nb.core.tools.job_loop import JobLoop
from jesse_nb.core.tools.optimize.search import Search
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.prepared import Prepared
from jesse_nb.core.tools.prior_runs import PriorRuns
from jesse_nb.core.tools.request import Request
from jesse_nb.core.tools.trials import space_of, trial_from_outcome
from jesse_nb.exceptions import AllTrialsFailedError

__all__ = ["Cpcv", "CpcvPlan"]

_BASELINE = -1


@dataclass(frozen=True)
class CpcvPlan:
    """What to validate; the fields are those of :func:`~jesse_nb.core.tools.walk_forward.walk_forward.walk_forward`."""

    request: Request
    groups: tuple[Group, ...]
    test_groups: int
    gap: int
    space: Space | None
    fixed: bool
    metrics: tuple[Metric, ...]
    n_trials: int
    sampler: str
    seed: int
    timeout: float | None
    check_first: bool = False


class Cpcv:
    """One cross-validation job at work."""

    def __init__(self, plan: CpcvPlan, control: JobControl) -> None:
        self._plan = plan
        self._control = control
        self._loop = JobLoop(control, plan.timeout)
        self._parts: list[Prepared] = []
        self._space: Space | None = None
        self._candidates: list[dict[str, Any]] = []
        self._values: dict[tuple[int, int], float] = {}
        self._returns: dict[tuple[int, int], pd.Series[float]] = {}
        self._ruins: dict[tuple[int, int], Ruin] = {}
        self._medians = [Median() for _ in plan.groups]
        self._done = [0 for _ in plan.groups]
        self._card: ResultCard | None = None
        self._reasons: list[str] = []
        self._answered = 0
        self._prior: PriorRuns | None = None
        self._first_check: FirstCheck | None = None
        self._own: set[str] = set()
        # Nothing is told back to it, so an adaptive sampler would draw at random, too.
        self._sampler = "grid" if plan.sampler == "grid" else "random"
        self._notes: list[str] = []

    def run(self) -> CpcvResult:
        """Do all of it. When the job is cancelled, return what the finished runs say."""
        plan, control = self._plan, self._control
        control.update(phase="starting workers", workers=plan.request.resources.workers)
        store = plan.request.resources.run_store()
        self._parts = [prepare(plan.request, group.start, group.end) for group in plan.groups]
        spec = self._parts[0].spec
        self._prior = PriorRuns(store, self._whole())
        declared = described(store, plan.request.resources.pool, self._parts[0].first_code,
                             lambda: control.cancelled, spec.routes[0])
        fixed = dict(spec.hyperparameters)
        self._space = None if plan.fixed else space_of(plan.space, declared, fixed, spec.routes[0].strategy.name)
        if plan.check_first:
            self._first_check = check_first(plan.request, self._parts[0], self._space, declared.defaults, store,
                                            control, self._loop)
            self._notes += [self._first_check.remark] if self._first_check else []
        note_study(store, (route.strategy for route in spec.routes))
        self._candidates = [fixed] if self._space is None else self._draw(self._space, fixed)
        evaluator = plan.request.resources.evaluator(self._parts, store)
        control.update(phase=f"running {len(self._candidates)} candidates on {len(plan.groups)} groups")
        control.partial(self.result)
        control.board(self._board)
        try:
            self._evaluate(evaluator, has_baseline=bool(declared.defaults), own={} if plan.fixed else fixed)
        finally:
            evaluator.cancel()
        self._loop.drain(evaluator, self._receive)
        self._notes.extend(evaluator.remarks)
        if not self._loop.must_stop:
            self._prior.pin_first_run("cpcv", [self._whole().key, plan.test_groups, len(plan.groups), plan.gap,
                                                 self._candidates, plan.metrics[0].name, plan.metrics[0].direction])
        if not self._returns and not self._loop.must_stop:
            reason = max(self._reasons, key=self._reasons.count) if self._reasons else "nothing ran"
            raise AllTrialsFailedError(f"No candidate could be run on any group: {reason}")
        return self.result()

    def result(self) -> CpcvResult:
        """Put the runs that have finished together."""
        plan = self._plan
        shape = range(len(self._candidates)), range(len(plan.groups))
        values, returns = self._values.copy(), self._returns.copy()
        baseline = [returns.get((_BASELINE, group)) for group in shape[1]]
        assert self._prior is not None
        prior_runs, remarks = self._prior.count(self._own.copy())
        found = assemble_cpcv(
            spec=self._whole(),
            card=self._card,
            groups=plan.groups,
            test_groups=plan.test_groups,
            gap=plan.gap,
            space=self._space,
            metric=plan.metrics[0],
            sampler=self._sampler,
            seed=plan.seed,
            candidates=self._candidates,
            values=np.array([[values.get((candidate, group), math.nan) for group in shape[1]]
                             for candidate in shape[0]]),
            returns=[[returns.get((candidate, group)) for group in shape[1]] for candidate in shape[0]],
            ruins=self._ruins.copy(),
            baseline=baseline if any(part is not None for part in baseline) else (),
            elapsed=self._loop.elapsed,
            stopped=self._loop.stopped,
            notes=[*self._notes, *remarks],
            prior_runs=prior_runs,
        )
        return replace(found, first_check=self._first_check)

    def _whole(self) -> BacktestSpec:
        """Return a run over all groups."""
        return replace(self._parts[0].spec, end=self._parts[-1].spec.end)

    def _board(self) -> dict[str, Any]:
        candidates = len(self._candidates)
        rows = [{"number": group.number, "period": f"{utc_text(group.start)} to {utc_text(group.end)}",
                 "state": "done" if done == candidates else "running" if done else "waiting",
                 "values": [median.value], "done": done, "total": candidates}
                for group, median, done in zip(self._plan.groups, self._medians, self._done, strict=True)]
        return windows_board(self._plan.metrics[0].scale, "group", ("Median of the candidates",), rows)

    def _draw(self, space: Space, fixed: dict[str, Any]) -> list[dict[str, Any]]:
        """Draw the candidates, each once."""
        plan = self._plan
        search = Search(space, plan.metrics, sampler=self._sampler, seed=plan.seed, n_trials=plan.n_trials, workers=1)
        distinct: dict[str, dict[str, Any]] = {}
        while not search.ended:
            number, params = search.ask()
            search.tell(number, None)
            distinct.setdefault(json.dumps(params, sort_keys=True), {**fixed, **params})
        return list(distinct.values())

    def _evaluate(self, evaluator: Evaluator, *, has_baseline: bool, own: dict[str, Any]) -> None:
        wanted = [(candidate, group) for candidate in range(len(self._candidates))
                  for group in range(len(self._plan.groups))]
        if has_baseline:
            wanted = [(_BASELINE, group) for group in range(len(self._plan.groups))] + wanted
        else:
            self._notes.append("The strategy declares no values of its own, so there is no baseline to compare with.")
        for candidate, group in wanted:
            params = own if candidate == _BASELINE else self._candidates[candidate]
            spec = self._parts[group].spec.with_hyperparameters(params)
            self._own.add(spec.key)
            evaluator.submit((candidate, group), spec)
        self._loop.run(evaluator, self._receive,
                       lambda evaluator: self._loop.tell(evaluator, self._answered, len(wanted)))

    def _receive(self, ticket: Hashable, outcome: RunOutcome) -> None:
        assert isinstance(ticket, tuple)
        self._loop.count(outcome)
        self._answered += 1
        candidate = ticket[0]
        params = {} if candidate == _BASELINE else self._candidates[candidate]
        trial, result = trial_from_outcome(candidate, params, outcome, self._plan.metrics)
        self._values[ticket] = trial.value
        if candidate != _BASELINE:
            self._done[ticket[1]] += 1
            self._medians[ticket[1]].add(trial.value)
        if result is None:
            self._reasons.append(trial.reason)
            return
        self._returns[ticket] = returns_by_day(result)
        if result.ruin:
            self._ruins[ticket] = result.ruin
        self._card = self._card or result.card
