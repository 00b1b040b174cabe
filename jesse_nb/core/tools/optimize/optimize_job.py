"""The work of an optimize job: trials, then the held-out period, then the result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from jesse_nb.core.analysis.studies.importances import Importances, importances
from jesse_nb.core.analysis.studies.ranking import best_trials, top_trials
from jesse_nb.core.jobs.board import Convergence
from jesse_nb.core.jobs.evaluation import Evaluator, RunOutcome
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.study.constraints import Constraint, none_satisfies, too_few_trades
from jesse_nb.core.study.metric import Metric
from jesse_nb.core.study.space import Space
from jesse_nb.core.study.trial import Trial
from jesse_nb.core.texts import short_number
from jesse_nb.core.tools.check.check_first import check_first, note_study
from jesse_nb.core.tools.check.first_check import FirstCheck
from jesse_nb.core.tools.description import described
from jesse_nb.core.tools.job_loop import PATIENCE, JobLoop
from jesse_nb.core.tools.optimize.checks import Checks
from jesse_nb.core.tools.optimize.curve_file import CurveFile
from jesse_nb.core.tools.optimize.held_out_runs import HeldOutRuns
from jesse_nb.core.tools.optimize.holdout import Holdout
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
from jesse_nb.core.tools.optimize.pruning import make_pruning, why_not
from jesse_nb.core.tools.optimize.search import Search
from jesse_nb.core.tools.optimize.trial_returns import market_prices, trial_returns
from jesse_nb.core.tools.prepared import Prepared
from jesse_nb.core.tools.prior_runs import PriorRuns
from jesse_nb.core.tools.request import Request
from jesse_nb.core.tools.trials import space_of, trial_from_outcome
from jesse_nb.exceptions import AllTrialsFailedError

__all__ = ["OptimizeJob", "OptimizePlan"]

_DEFAULT = "default"

#: A study whose first trials all fail is given up after this many.
_HOPELESS = 10


@dataclass(frozen=True)
class OptimizePlan:
    """What to optimize; the fields are those of :func:`~jesse_nb.core.tools.optimize.optimize.optimize`."""

    request: Request
    training: Prepared
    test: Prepared | None
    space: Space | None
    metrics: tuple[Metric, ...]
    n_trials: int
    sampler: str
    seed: int
    timeout: float | None
    top: int
    first: tuple[dict[str, Any], ...]
    constraints: tuple[Constraint, ...] = ()
    holdout: Holdout | None = None
    neighbours: int = 1
    parity: bool = True
    pruner: str = "none"
    min_trades: int = 0
    check_first: bool = False


class OptimizeJob:
    """One optimize job at work."""

    def __init__(self, plan: OptimizePlan, control: JobControl) -> None:
        self._plan = plan
        self._control = control
        self._loop = JobLoop(control, plan.timeout)
        self._trials: dict[int, Trial] = {}
        self._convergence = Convergence(plan.metrics[0].scale, plan.n_trials)
        self._of_few_trades = Convergence(plan.metrics[0].scale, plan.n_trials)
        self._asked: dict[int, dict[str, Any]] = {}
        self._equities = CurveFile()
        self._importances: Future[Importances] | None = None
        self._failed = 0
        self._stopped_early = 0
        self._default: BacktestResult | None = None
        self._best: tuple[Trial, BacktestResult] | None = None
        self._held_out = HeldOutRuns(plan.test, plan.metrics, plan.constraints)
        self._checks: Checks | None = None
        self._prior: PriorRuns | None = None
        self._first_check: FirstCheck | None = None
        self._top: list[Trial] = []
        self._store_path = ""
        self._notes: list[str] = []
        self._exhausted = False
        self._pruning = make_pruning(plan.pruner, plan.metrics, plan.training.spec, plan.constraints)
        self._space = plan.space
        self._fixed = dict(plan.training.spec.hyperparameters)

    def run(self) -> OptimizeResult:
        """Do all of it. When the job is cancelled, return what has finished."""
        plan = self._plan
        self._control.update(phase="starting workers", total=plan.n_trials, workers=plan.request.resources.workers)
        store = plan.request.resources.run_store()
        self._store_path = store.place
        self._prior = PriorRuns(store, plan.training.spec)
        declared = described(store, plan.request.resources.pool, plan.training.first_code,
                             lambda: self._control.cancelled, plan.training.spec.routes[0])
        self._space = space_of(plan.space, declared, self._fixed, plan.training.spec.routes[0].strategy.name)
        self._check_first(store, declared.defaults)
        evaluator = plan.request.resources.evaluator([part for part in (plan.training, plan.test) if part], store)
        try:
            self._optimize(evaluator, store, self._space, has_default=bool(declared.defaults))
            self._check_success()
            self._top = top_trials(self._trials.values(), plan.metrics, plan.top)
            self._finish(evaluator, self._space)
        finally:
            evaluator.cancel()
        if not self._loop.must_stop:
            self._prior.pin_first_run("study", self._decides())
        self._notes.extend(evaluator.remarks)
        return self.result()

    def _check_first(self, store: RunStore, own: Mapping[str, Any]) -> None:
        plan, control = self._plan, self._control
        if plan.check_first:
            self._first_check = check_first(plan.request, plan.training, self._space, own, store, control, self._loop)
            self._notes += [self._first_check.remark] if self._first_check else []
            control.update(phase="starting workers", done=0, total=plan.n_trials, running=0)
        note_study(store, (route.strategy for route in plan.training.spec.routes))

    def result(self) -> OptimizeResult:
        """Return the result of what has finished so far; only reads, so any thread may ask."""
        plan = self._plan
        trials = tuple(trial for _, trial in sorted(self._trials.copy().items()))
        assert self._space is not None
        top = self._top or top_trials(trials, plan.metrics, plan.top)
        best = self._best[1] if self._best and top and self._best[0].key == top[0].key else None
        market = self._market()
        notes = [*self._notes, *none_satisfies(trials, plan.constraints),
                 *too_few_trades(trials, plan.min_trades)]
        assert self._prior is not None
        prior_runs, remarks = self._prior.count(self._own_runs())
        result = OptimizeResult(
            spec=plan.training.spec,
            test_start=plan.test.spec.start if plan.test else None,
            test_end=plan.test.spec.end if plan.test else None,
            space=self._space,
            metrics=plan.metrics,
            sampler=plan.sampler,
            seed=plan.seed,
            trials=trials,
            n_trials=plan.n_trials,
            top=tuple(self._held_out.with_test(trial) for trial in top),
            training=best,
            default=self._default,
            elapsed=self._loop.elapsed,
            stopped=self._why_stopped(),
            notes=(*notes, *remarks),
            returns=trial_returns(self._equities, market),
            market=market,
            constraints=plan.constraints,
            holdout=plan.holdout and replace(plan.holdout, store=self._store_path,
                                             params=dict(top[0].params) if top else None,
                                             has_default=self._default is not None),
            prior_runs=prior_runs,
            plateau=self._checks.plateau if self._checks else None,
            parity=self._checks.parity if self._checks else None,
            pruner=plan.pruner if self._pruning else "none",
            first_check=self._first_check,
            min_trades=plan.min_trades,
        )
        known = self._importances
        if known is not None and known.done() and known.exception() is None:
            result.__dict__["importances"] = known.result()
        return result

    def _market(self) -> pd.Series[float]:
        """Return the market when the runs that traded were sampled; those that did not are flat at any moment."""
        run = self._best[1] if self._best else self._default
        sampled = pd.DatetimeIndex(run.equity.index) if run is not None and len(run.trades) else None
        return market_prices(self._plan.training, sampled)

    def _optimize(self, evaluator: Evaluator, store: RunStore, space: Space, *, has_default: bool) -> None:
        plan, control = self._plan, self._control
        search = Search(space, plan.metrics, sampler=plan.sampler, seed=plan.seed, n_trials=plan.n_trials,
                        workers=plan.request.resources.workers, first=plan.first, constrained=bool(plan.constraints),
                        pruning=self._pruning, store=store)
        control.update(phase="optimizing")
        if plan.pruner != "none" and self._pruning is None:
            self._notes.append(f"The pruner {plan.pruner} stopped no trial: {why_not(plan.metrics)}.")
        control.partial(self.result)
        control.board(self._board)
        if has_default:
            evaluator.submit(_DEFAULT, plan.training.spec)
        else:
            self._notes.append("The strategy declares no values of its own, so there is no baseline to compare with.")

        def feed() -> float:
            while search.may_ask:
                if not search.ready(PATIENCE):
                    return 0.0  # to look whether the job was cancelled
                number, params = search.ask()
                self._asked[number] = params
                evaluator.submit(number, plan.training.spec.with_hyperparameters({**self._fixed, **params}),
                                 stop=search.stop_rule)
            return PATIENCE

        def receive(ticket: Hashable, outcome: RunOutcome) -> None:
            trial = self._receive(ticket, outcome)
            if trial is not None:
                search.tell(trial.number, trial.values if trial.scored else None, trial.excess,
                            self._readings(outcome), stopped=trial.state == "pruned")

        def ended() -> bool:
            return len(self._trials) == self._failed == _HOPELESS or (search.ended and not evaluator.pending)

        self._loop.run(evaluator, receive, self._report, feed=feed, ended=ended)
        self._exhausted = search.exhausted

    def _receive(self, ticket: Hashable, outcome: RunOutcome) -> Trial | None:
        """Take in one outcome; return its trial, or None for the baseline."""
        if ticket == _DEFAULT:
            if outcome.record is not None:
                self._default = outcome.record.to_result(outcome.spec)
            else:
                self._notes.append(f"The baseline with the strategy's own values failed: {outcome.error}")
            return None
        assert isinstance(ticket, int)
        trial, result = trial_from_outcome(ticket, self._asked[ticket], outcome, self._plan.metrics,
                                           self._plan.constraints, self._plan.min_trades)
        self._trials[ticket] = trial
        value = trial.value if trial.eligible else None
        self._convergence.add(ticket, None if trial.few_trades else value, trial.params)
        self._of_few_trades.add(ticket, value if trial.few_trades else None, trial.params)
        self._failed += trial.state == "failed"
        self._stopped_early += trial.state == "pruned"
        if result is not None and not result.ruin:
            self._equities.add(ticket, result.equity)
        self._loop.count(outcome)
        if result is not None and trial.eligible:
            rivals = [self._best[0]] if self._best else []
            if best_trials([*rivals, trial], self._plan.metrics, 1)[0] is trial:
                self._best = trial, result
        return trial

    def _board(self) -> dict[str, Any]:
        """Return the best so far; as long as no trial has made enough trades, marked, those of fewer."""
        board, thin = self._convergence.snapshot(), self._of_few_trades.snapshot()
        return board if board["points"] or not thin["points"] else {**thin, "few_trades": self._plan.min_trades}

    def _readings(self, outcome: RunOutcome) -> tuple[float, ...]:
        if self._pruning is None:
            return ()
        if outcome.stopped is not None:
            return outcome.stopped.readings
        return () if outcome.record is None else outcome.record.judge(self._pruning.base, outcome.spec.end)[1]

    def _finish(self, evaluator: Evaluator, space: Space) -> None:
        """Run the best trials on the period that no trial saw, and check them on the training period, all at once."""
        plan, control = self._plan, self._control
        checks = Checks(plan.training, space, plan.metrics, plan.constraints, self._top, self._trials.values(),
                        neighbours=plan.neighbours, parity=plan.parity)
        self._checks = checks
        checks.submit_parity(evaluator)
        self._held_out.submit(evaluator, self._top)
        checks.submit_neighbours(evaluator)
        if evaluator.pending:  # while workers are busy: at a hundred trials, it is a third of the time of the report
            beside = ThreadPoolExecutor(1, "jesse-nb-importances")
            self._importances = beside.submit(importances, self.result())
            beside.shutdown(wait=False)
        shown = ""

        def report(evaluator: Evaluator) -> None:
            nonlocal shown
            if self._loop.must_stop:  # what an ended study is remembered by are its trials, not its last phase
                return
            phase, done, total = self._held_out.progress or checks.progress
            changes: dict[str, Any] = {} if phase == shown else {"phase": phase, "total": total, "rate": None,
                                                                 "eta": None}
            control.update(**changes, done=done, running=evaluator.running)
            shown = phase

        report(evaluator)
        self._loop.run(evaluator, self._receive_final, report)
        if not self._loop.must_stop:
            wait([self._importances] if self._importances else [])
            control.update(done=len(self._trials), total=len(self._trials), running=0)

    def _receive_final(self, ticket: Hashable, outcome: RunOutcome) -> None:
        assert self._checks is not None
        if not self._checks.receive(ticket, outcome):
            assert isinstance(ticket, int)
            self._held_out.receive(ticket, outcome)

    def _own_runs(self) -> set[str]:
        trials = {trial.key for trial in self._trials.copy().values()}
        return trials | {self._plan.training.spec.key} | (self._checks.keys if self._checks else set())

    def _decides(self) -> list[Any]:
        """Return all that decides what this study finds."""
        plan = self._plan
        assert self._space is not None
        return [plan.training.spec.key, self._space.to_dict(), [(metric.name, metric.direction)
                                                                for metric in plan.metrics],
                plan.n_trials, plan.sampler, plan.seed, plan.first, [constraint.text
                                                                     for constraint in plan.constraints], plan.pruner,
                *([plan.min_trades] if plan.min_trades else [])]

    def _why_stopped(self) -> str:
        if self._loop.stopped:
            return self._loop.stopped
        return "space exhausted" if self._exhausted and len(self._trials) < self._plan.n_trials else ""

    def _report(self, evaluator: Evaluator) -> None:
        plan, done = self._plan, len(self._trials)
        best = self._best[0] if self._best else None
        self._loop.tell(
            evaluator, done, plan.n_trials, failed=self._failed, stopped_early=self._stopped_early,
            best=best.value if best else None,
            best_label=f"{plan.metrics[0].label} {short_number(best.value)} (trial {best.number})" if best else "",
        )

    def _check_success(self) -> None:
        trials = self._trials.values()
        if trials and self._failed == len(trials) and not self._loop.must_stop:
            reason, count = Counter(trial.reason for trial in trials).most_common(1)[0]
            so = "" if count == len(trials) else f", {count} of them like this"
            raise AllTrialsFailedError(f"All {len(trials)} trials failed{so}: {reason}")
