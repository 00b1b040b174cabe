"""Ask for parameters and tell of values, in an order that never depends on timing.

Optuna's proposals depend on which trials it knows at the moment of asking. Here
trial ``n`` is asked for when exactly the trials up to ``n - lag`` have been told
of, however many workers there are and whichever was quicker. So the same seed
gives the same trials, and a study that was cut off is continued by asking again
from the start: the run store answers for all that had finished.
"""

from __future__ import annotations

import json
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import optuna
from optuna.samplers import CmaEsSampler
from optuna.trial import FrozenTrial, TrialState

from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.simulator.early_stop import StopRule
from jesse_nb.core.study.metric import Metric
from jesse_nb.core.study.space import Space
from jesse_nb.core.tools.optimize.gaussian_process import GaussianProcessSampler
from jesse_nb.core.tools.optimize.proposal_cache import ProposalCache
from jesse_nb.core.tools.optimize.pruning import Pruning
from jesse_nb.core.tools.optimize.samplers import make_sampler, quiet_optuna

__all__ = ["LAG", "Search"]

#: How many trials may be open at once. Up to this many workers, results do not depend on their number.
LAG = 8


class _Told(NamedTuple):
    values: tuple[float, ...] | None
    readings: tuple[float, ...]
    stopped: bool


class Search:
    """Proposes parameters.

    Parameters
    ----------
    space
        What is varied.
    metrics
        What is optimized.
    sampler, seed
        See :func:`~jesse_nb.core.tools.optimize.samplers.make_sampler`.
    n_trials
        How many trials to ask for at the most.
    workers
        How many simulations run at once.
    first
        Parameters to try before the sampler proposes any.
    constrained
        Whether trials may break constraints. ``tpe`` and ``nsga2`` are then told by how much; ``cmaes``
        and ``gp``, which know of no constraints, are told that such a trial failed.
    pruning
        Learns from the trials that finish, so that later ones can be stopped early; None for no pruning.
    store
        Knows what the same search was proposed before.
    """

    def __init__(
        self,
        space: Space,
        metrics: tuple[Metric, ...],
        *,
        sampler: str,
        seed: int,
        n_trials: int,
        workers: int,
        first: Iterable[Mapping[str, Any]] = (),
        constrained: bool = False,
        pruning: Pruning | None = None,
        store: RunStore | None = None,
    ) -> None:
        self._space = space
        self._distributions = space.distributions()
        self._lag = max(LAG, workers)
        size = space.size
        self._most_points = size
        self._points: set[str] = set()
        # A grid proposes each point once; the other samplers may repeat points.
        self._n_trials = min(n_trials, size) if sampler == "grid" and size is not None else n_trials
        self._excess: dict[int, tuple[float, ...]] = {}
        chosen = make_sampler(sampler, seed, space, len(metrics), self._violations if constrained else None)
        self._refuses = isinstance(chosen, CmaEsSampler | GaussianProcessSampler)
        directions, tried_first = [metric.direction for metric in metrics], [dict(params) for params in first]
        with quiet_optuna():
            self._study = optuna.create_study(directions=directions, sampler=chosen)
            for params in tried_first:
                self._study.enqueue_trial(params, skip_if_exists=True)
        self._proposals = ProposalCache(store, [space.to_dict(), directions, sampler, seed, self._lag, tried_first,
                                            constrained])
        self._due: deque[Callable[[], Any]] = deque()  # what the sampler has still to hear: the store answered for it
        self._recalled: dict[str, Any] | None = None
        self._asked = 0
        self._told = 0
        self._known: dict[int, _Told] = {}
        self._pruning = pruning
        self._open: dict[int, optuna.Trial] = {}

    @property
    def exhausted(self) -> bool:
        """True when every point of a discrete space was tried."""
        return self._most_points is not None and len(self._points) >= self._most_points

    @property
    def may_ask(self) -> bool:
        """Whether another trial may be asked for now."""
        due = range(self._told, self._asked - self._lag + 1)
        return self._asked < self._n_trials and not self.exhausted and all(number in self._known for number in due)

    @property
    def ended(self) -> bool:
        """True when no further trial will be asked for and all have been told of."""
        return self._told + len(self._known) == self._asked and (self._asked >= self._n_trials or self.exhausted)

    def ready(self, seconds: float) -> bool:
        """Let the sampler hear what is due, for so long at the most; return whether :meth:`ask` answers at once.

        After hundreds of trials that the store answered, it has hundreds to hear of before it can propose one.
        """
        self._pass_on(self._asked - self._lag)
        if self._recalled is None:
            self._recalled = self._proposals.recall()
        if self._recalled is None:
            until = time.monotonic() + seconds
            with quiet_optuna():
                while self._due and time.monotonic() < until:
                    self._due.popleft()()
        return self._recalled is not None or not self._due

    def ask(self) -> tuple[int, dict[str, Any]]:
        """Return the next trial's number and parameters; only when :attr:`may_ask`."""
        self._pass_on(self._asked - self._lag)
        params, self._recalled = self._recalled or self._proposals.recall(), None
        if params is None:
            params = self._propose()
            self._proposals.keep(params)
        else:
            self._due.append(self._ask_sampler)
        number = self._asked
        self._asked += 1
        self._points.add(json.dumps(params, sort_keys=True))
        return number, params

    @property
    def stop_rule(self) -> StopRule | None:
        """When the trial that was asked for last is to be stopped early."""
        return self._pruning.rule() if self._pruning else None

    def tell(
        self,
        number: int,
        values: tuple[float, ...] | None,
        excess: tuple[float, ...] = (),
        readings: tuple[float, ...] = (),
        *,
        stopped: bool = False,
    ) -> None:
        """Tell what became of a trial; in any order.

        Parameters
        ----------
        number
            Which trial.
        values
            Its values, or None when it has none.
        excess
            By how much it breaks each constraint.
        readings
            At the checkpoints of its :attr:`stop_rule`.
        stopped
            Whether that rule ended it early.
        """
        self._excess[number] = excess
        refused = self._refuses and any(excess)
        self._known[number] = _Told(None if refused else values, readings, stopped and not refused)

    def _violations(self, trial: FrozenTrial) -> tuple[float, ...]:
        # Optuna asks when a trial is passed on, so what it knows never depends on timing either.
        return self._excess[trial.number]

    def _propose(self) -> dict[str, Any]:
        with quiet_optuna():
            while self._due:
                self._due.popleft()()
            return self._ask_sampler()

    def _ask_sampler(self) -> dict[str, Any]:
        trial = self._study.ask(self._distributions)  # one object for all trials: Optuna keeps what it is given
        self._open[trial.number] = trial
        return self._space.suggest(trial)

    def _pass_on(self, last: int) -> None:
        """Let the sampler know of the trials up to ``last``: of none more, though more may have finished."""
        while self._told <= last:
            told = self._known.pop(self._told)
            self._proposals.told(self._told, told.values, self._excess[self._told],
                              *([told.readings] if told.stopped else []))
            if told.values is not None and self._pruning:
                self._pruning.learn(told.readings)
            self._due.append(partial(self._tell_sampler, self._told, told))
            self._told += 1

    def _tell_sampler(self, number: int, told: _Told) -> None:
        trial = self._open.pop(number)
        if told.stopped:
            for step, reading in enumerate(told.readings):
                if not math.isnan(reading):
                    trial.report(reading, step)
            self._study.tell(trial, state=TrialState.PRUNED)
        elif told.values is None:
            self._study.tell(trial, state=TrialState.FAIL)
        else:
            self._study.tell(trial, list(told.values))
