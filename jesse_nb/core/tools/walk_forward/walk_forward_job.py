"""The work of a walk-forward job: all windows at once, on one pool.

Each window searches in-sample on its own; what one window cannot use while it
waits for its oldest trial, the next one takes, so no core idles at a window's
end. Every trial with a value is run out-of-sample, too: not to choose by it,
but to see whether in-sample rank means anything there.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.curves.midnights import account_by_day
from jesse_nb.core.analysis.studies.ranking import best_trials
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.board import windows_board
from jesse_nb.core.jobs.evaluation import Evaluator, RunOutcome
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.study.constraints import Constraint, none_satisfies
from jesse_nb.core.study.metric import Metric
from jesse_nb.core.study.space import Space
from jesse_nb.core.study.trial import Trial
from jesse_nb.core.study.walk_forward_study import WindowResult
from jesse_nb.core.study.windows import Window
from jesse_nb.core.times import DAY_MS, utc_text
from jesse_nb.core.tools.check.check_first import check_first, note_study
from jesse_nb.core.tools.check.first_check import FirstCheck
from jesse_nb.core.tools.description import described
from jesse_nb.core.tools.job_loop import PATIENCE, JobLoop
from jesse_nb.core.tools.optimize.search import Search
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.prepared import Prepared
from jesse_nb.core.tools.prior_runs import PriorRuns
from jesse_nb.core.tools.request import Request
from jesse_nb.core.tools.trials import space_of, trial_from_outcome
from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult
from jesse_nb.exceptions import AllTrialsFailedError, JobCancelledError, MetricError

__all__ = ["WalkForward", "WalkForwardPlan", "daily_closes", "window_seed"]


@dataclass(frozen=True)
class WalkForwardPlan:
    """What to walk; the fields are those of :func:`~jesse_nb.core.tools.walk_forward.walk_forward.walk_forward`."""

    request: Request
    start: int
    end: int
    windows: tuple[Window, ...]
    days: Mapping[str, int]
    anchored: bool
    space: Space | None
    fixed: bool
    metrics: tuple[Metric, ...]
    n_trials: int
    sampler: str
    seed: int
    timeout: float | None
    constraints: tuple[Constraint, ...] = ()
    min_trades: int = 0
    check_first: bool = False


def window_seed(seed: int, number: int) -> int:
    """Return a window's own seed, derived from the seed of the whole."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def daily_closes(store: CandleStore, exchange: str, symbol: str, start: int, end: int) -> pd.Series[float]:
    """Return each day's last close from ``start`` to ``end`` (milliseconds UTC), indexed by the day's beginning."""
    candles = store.read(exchange, symbol, start, end)
    days = candles[:, 0].astype(np.int64) // DAY_MS
    last = np.flatnonzero(np.diff(days, append=-1))
    return pd.Series(candles[last, 2], index=pd.to_datetime(days[last] * DAY_MS, unit="ms", utc=True), name=symbol)


class _WindowWork:
    """One window at work: what is to be simulated next, and what came of it."""

    def __init__(self, plan: WalkForwardPlan, window: Window, space: Space | None, store: RunStore, *,
                 has_defaults: bool) -> None:
        self.window = window
        self.train = prepare(plan.request, window.train_start, window.train_end)
        self.test = prepare(plan.request, window.test_start, window.test_end)
        self._fixed = dict(self.train.spec.hyperparameters)
        self._metrics = plan.metrics
        self._constraints, self._min_trades = plan.constraints, plan.min_trades
        self._search = None if space is None else Search(
            space, plan.metrics, sampler=plan.sampler, seed=window_seed(plan.seed, window.number),
            n_trials=plan.n_trials, workers=plan.request.resources.workers, constrained=bool(plan.constraints),
            store=store)
        self._asked: dict[int, dict[str, Any]] = {}
        self.trials: dict[int, Trial] = {}
        self._waiting: list[tuple[Hashable, Any]] = []  # tickets and specs that can run at once
        self._open: set[Hashable] = set()
        self.test_values: dict[int, float] = {}
        self.chosen: dict[str, Any] | None = None
        self.found: dict[str, BacktestResult] = {}
        self._overlaps = plan.days["step_forward"] < plan.days["out_sample_period"]
        self._days: dict[str, pd.DataFrame | None] = {}
        self._best = math.nan  # in-sample, while the search goes on
        self._values: dict[str, float] = {}
        self.reasons: dict[str, str] = {}
        self.keys: set[str] = set()
        if has_defaults:
            own = {} if plan.fixed else self._fixed
            self._waiting.append(("baseline", self.test.spec.with_hyperparameters(own)))
        if self._search is None:
            self._choose(self._fixed)

    @property
    def ended(self) -> bool:
        """True when nothing is left to do."""
        return self.chosen is not None and not self._waiting and not self._open

    @property
    def state(self) -> str:
        """``waiting``, ``in-sample``, ``out-of-sample``, ``done`` or ``failed``."""
        if self.ended:
            return "done" if "test" in self.found else "failed"
        if self.chosen is not None and self.found:
            return "out-of-sample"
        return "in-sample" if self._asked or self._open or self.found else "waiting"

    def board_row(self) -> dict[str, Any]:
        """Return what a live view says of this window."""
        window = self.window
        return {"number": window.number, "period": f"{utc_text(window.test_start)} to {utc_text(window.test_end)}",
                "state": self.state,
                "values": [self._values.get("train", self._best), self._values.get("test", math.nan)]}

    def submit_next(self, evaluator: Evaluator) -> bool:
        """Hand one simulation to the evaluator; False when there is none to hand over now."""
        if self._waiting:
            name, spec = self._waiting.pop(0)
        elif self._search is not None and self._search.may_ask:
            number, params = self._search.ask()
            self._asked[number] = params
            name, spec = ("trial", number), self._with(self.train, params)
        else:
            return False
        self._open.add(name)
        self.keys.add(spec.key)
        evaluator.submit((self.window.number, name), spec)
        return True

    def receive(self, name: Any, outcome: RunOutcome) -> None:
        """Take in what became of one simulation."""
        self._open.discard(name)
        if isinstance(name, str):
            self._keep(name, outcome)
        elif name[0] == "trial":
            self._judge(name[1], outcome)
        else:
            self.test_values[name[1]] = self._value(outcome)
        if self._search is not None and self.chosen is None and self._search.ended:
            best = best_trials(self.trials.values(), self._metrics, 1)
            self._choose({**self._fixed, **best[0].params} if best else None)

    def result(self) -> WindowResult:
        """Return what is known by now."""
        reason = self.reasons.get("test") or self.reasons.get("train") or ("" if "test" in self.found else "not run")
        return WindowResult(
            window=self.window,
            params=dict(self.chosen or {}),
            trials=tuple(trial for _, trial in sorted(self.trials.copy().items())),
            test_values=dict(sorted(self.test_values.copy().items())),
            train=self.found.get("train"),
            test=self.found.get("test"),
            baseline=self.found.get("baseline"),
            reason="" if "test" in self.found else reason,
            test_days=self._days.get("test"),
            baseline_days=self._days.get("baseline"),
        )

    def _with(self, prepared: Prepared, params: Mapping[str, Any]) -> Any:
        return prepared.spec.with_hyperparameters({**self._fixed, **params})

    def _choose(self, params: dict[str, Any] | None) -> None:
        """Run the chosen parameters whole; trials that have run already are answered by the store."""
        self.chosen = params or {}
        if params is None:
            reasons = [trial.reason for trial in self.trials.values() if trial.reason]
            unfit = none_satisfies(list(self.trials.values()), self._constraints)
            self.reasons["test"] = unfit[0] if unfit else \
                f"no trial has a value: {max(reasons, key=reasons.count)}" if reasons else "no trial"
            return
        self._waiting += [("train", self._with(self.train, params)), ("test", self._with(self.test, params))]

    def _judge(self, number: int, outcome: RunOutcome) -> None:
        assert self._search is not None
        trial, _ = trial_from_outcome(number, self._asked[number], outcome, self._metrics, self._constraints,
                                      self._min_trades)
        self.trials[number] = trial
        self._search.tell(number, trial.values if trial.scored else None, trial.excess)
        cost = self._metrics[0].scale.cost
        may_be_best = trial.eligible and not trial.few_trades
        if may_be_best and not cost(trial.value) >= cost(self._best):  # NaN before the first
            self._best = trial.value
        if trial.scored:
            self._waiting.append((("out-of-sample", number), self._with(self.test, trial.params)))

    def _value(self, outcome: RunOutcome) -> float:
        if outcome.record is None:
            return math.nan
        try:
            return float(self._metrics[0].read(outcome.record.to_result(outcome.spec)))
        except MetricError:
            return math.nan

    def _keep(self, name: str, outcome: RunOutcome) -> None:
        if outcome.record is not None:
            found = outcome.record.to_result(outcome.spec)
            if self._overlaps and name != "train":
                candles = {(part.exchange, part.symbol): part.read()[1] for part in self.test.mapped}
                self._days[name] = account_by_day(found, candles)
            self.found[name] = found
            self._values[name] = self._value(outcome)
        else:
            self.reasons[name] = str(outcome.error)


class WalkForward:
    """One walk-forward job at work."""

    def __init__(self, plan: WalkForwardPlan, control: JobControl) -> None:
        self._plan = plan
        self._control = control
        self._loop = JobLoop(control, plan.timeout)
        self._works: list[_WindowWork] = []
        self._prior: PriorRuns | None = None
        self._first_check: FirstCheck | None = None
        self._prices: pd.Series[float] = pd.Series(dtype=float)
        kept = ", ".join(constraint.text for constraint in plan.constraints)
        self._notes = [f"In every window the best trial that keeps {kept} in-sample is taken."] if kept else []
        self._done = 0

    def run(self) -> WalkForwardResult:
        """Do all of it. When the job is cancelled, return what has finished."""
        plan, control = self._plan, self._control
        per_window = 1 + (2 if plan.fixed else 2 * plan.n_trials + 2)
        resources = plan.request.resources
        control.update(phase="starting workers", total=per_window * len(plan.windows), workers=resources.workers)
        store = resources.run_store()
        self._prepare(store)
        first, last = self._works[0].test.spec, self._works[-1].test.spec
        self._prior = PriorRuns(store, replace(first, end=last.end))
        evaluator = plan.request.resources.evaluator([part for work in self._works for part in (work.train, work.test)],
                                           store)
        control.update(phase=f"walking {len(self._works)} windows")
        control.partial(self.result)
        control.board(self._board)
        try:
            self._walk(evaluator)
        finally:
            evaluator.cancel()
        self._loop.drain(evaluator, self._receive)
        self._notes.extend(evaluator.remarks)
        control.update(done=self._done)
        if all(work.ended for work in self._works):  # a trial without a value has no out-of-sample run
            control.update(total=self._done)
            self._prior.pin_first_run("walk-forward", self._decides())
        self._check_success()
        return self.result()

    def result(self) -> WalkForwardResult:
        """Return the result of the windows that have an out-of-sample run, or failed to have one."""
        plan = self._plan
        stopped = self._loop.stopped
        works = [work for work in self._works if not stopped or work.ended]
        assert self._prior is not None
        prior_runs, remarks = self._prior.count({key for work in self._works for key in work.keys.copy()})
        return WalkForwardResult(
            spec=self._works[0].train.spec,
            start=plan.start,
            end=plan.end,
            windows=tuple(work.result() for work in works if work.ended),
            in_sample_period=plan.days["in_sample_period"],
            out_sample_period=plan.days["out_sample_period"],
            step_forward=plan.days["step_forward"],
            gap=plan.days["gap"],
            anchored=plan.anchored,
            space=self._space,
            metrics=plan.metrics,
            sampler=plan.sampler,
            seed=plan.seed,
            n_trials=plan.n_trials,
            prices=self._prices,
            planned=len(plan.windows),
            elapsed=self._loop.elapsed,
            stopped=stopped,
            notes=(*self._notes, *self._thin_windows(), *remarks),
            prior_runs=prior_runs,
            first_check=self._first_check,
        )

    def _thin_windows(self) -> list[str]:
        """Say in how many windows no trial made enough trades."""
        best = [best_trials(work.trials.copy().values(), self._plan.metrics, 1) for work in self._works]
        thin = sum(chosen.few_trades for first in best for chosen in first)
        return [f"In {thin:,} of {len(best):,} windows no trial made {self._plan.min_trades:,} trades in-sample: the "
                "best of fewer was taken (min_trades)."] if thin else []

    def _decides(self) -> list[Any]:
        """Return all that decides what this walk-forward finds."""
        plan = self._plan
        return [self._works[0].train.spec.key, self._works[-1].test.spec.key, plan.days, plan.anchored,
                self._space and self._space.to_dict(), [(metric.name, metric.direction) for metric in plan.metrics],
                plan.n_trials, plan.sampler, plan.seed, [constraint.text for constraint in plan.constraints],
                *([plan.min_trades] if plan.min_trades else [])]

    def _board(self) -> dict[str, Any]:
        return windows_board(self._plan.metrics[0].scale, "window", ("In-sample", "Out-of-sample"),
                             [work.board_row() for work in self._works])

    def _prepare(self, store: RunStore) -> None:
        """Resolve strategy, candles and prices of every window."""
        plan, total = self._plan, self._control.total
        first = prepare(plan.request, plan.windows[0].train_start, plan.windows[0].train_end)
        fixed = dict(first.spec.hyperparameters)
        route = first.spec.routes[0]
        declared = described(store, plan.request.resources.pool, first.first_code,
                             lambda: self._control.cancelled, route)
        self._space = None if plan.fixed else space_of(plan.space, declared, fixed, route.strategy.name)
        if plan.check_first:
            self._first_check = check_first(plan.request, first, self._space, declared.defaults, store, self._control,
                                            self._loop)
            self._notes += [self._first_check.remark] if self._first_check else []
            self._control.update(done=0, running=0, total=total)
        note_study(store, (route.strategy for route in first.spec.routes))
        has_defaults = bool(declared.defaults)
        if not has_defaults:
            self._notes.append("The strategy declares no values of its own, so there is no baseline to compare with.")
        self._prices = daily_closes(plan.request.candles or CandleStore(), route.exchange, route.symbol,
                                    plan.start, plan.end)
        for window in plan.windows:
            if self._control.cancelled:
                raise JobCancelledError("The walk-forward was cancelled before its first window.")
            self._control.update(phase=f"preparing window {window.number}, of 0 to {len(plan.windows) - 1}")
            self._works.append(_WindowWork(plan, window, self._space, store, has_defaults=has_defaults))

    def _walk(self, evaluator: Evaluator) -> None:
        enough = evaluator.most_in_flight

        def feed() -> float:
            while evaluator.pending < enough and any(work.submit_next(evaluator) for work in self._works):
                pass
            return PATIENCE

        self._loop.run(evaluator, self._receive, self._report, feed=feed,
                       ended=lambda: all(work.ended for work in self._works))

    def _receive(self, ticket: Any, outcome: RunOutcome) -> None:
        number, name = ticket
        self._works[number].receive(name, outcome)
        self._done += 1
        self._loop.count(outcome)

    def _report(self, evaluator: Evaluator) -> None:
        ended = sum(work.ended for work in self._works)
        self._loop.tell(evaluator, self._done, self._control.total or 0,
                        best_label=f"{ended} of {len(self._works)} windows" if ended else "")

    def _check_success(self) -> None:
        if self._loop.must_stop or any("test" in work.found for work in self._works):
            return
        work = self._works[0]
        when = f"window {work.window.number}, tested from {utc_text(work.window.test_start)}"
        raise AllTrialsFailedError(f"No window has an out-of-sample run. The reason in {when}: {work.result().reason}")
