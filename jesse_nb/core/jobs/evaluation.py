"""Simulations of one job: asked of the store first, of the pool otherwise.

An :class:`Evaluator` takes specs and gives outcomes back as they come. It runs
a spec once however often it is asked for, files what finishes, and never has
more simulations running than the job may have.
"""

from __future__ import annotations

import contextlib
import queue
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import NamedTuple

from jesse_nb.core.jobs.dispatch import SharedFuture, dispatcher_of
from jesse_nb.core.jobs.pool import Pool, failure_of
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.jobs.worker import Answer
from jesse_nb.core.simulator.early_stop import StoppedRun, StopRule
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.run import Simulation
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.exceptions import JesseNbError, JobCancelledError, SimulationError, StorageError

__all__ = ["Evaluator", "Outcome"]


@dataclass(frozen=True)
class Outcome:
    """What became of one simulation: a record, what is known of a run that its rule stopped, or why there is neither.

    ``reused`` is True when nothing was simulated for it alone: it was stored, or ran for another job as well.
    """

    spec: BacktestSpec
    record: RunRecord | None
    error: JesseNbError | None = None
    reused: bool = False
    stopped: StoppedRun | None = None


class _Question(NamedTuple):
    """What is asked of the store and the pool: a run, and when it may end early."""

    spec: BacktestSpec
    stop: StopRule | None

    @property
    def key(self) -> tuple[str, StopRule | None]:
        """What equal questions share."""
        return self.spec.key, self.stop


class Evaluator:
    """Runs specs for one job.

    Parameters
    ----------
    pool, store
        Where simulations run, and where finished ones are kept.
    prepare
        Turns a spec into what a worker needs.
    limit
        How many simulations this job may have running.
    trial_timeout
        Seconds one simulation may take; None for no limit.
    memory_limit
        Bytes one simulation may allocate; None for no limit.

    Attributes
    ----------
    simulated
        How many simulations really ran.
    storage_error
        Why finished runs could not be kept, or None while they can.
    """

    def __init__(
        self,
        pool: Pool,
        store: RunStore,
        prepare: Callable[[BacktestSpec], Simulation],
        *,
        limit: int,
        trial_timeout: float | None,
        memory_limit: int | None,
    ) -> None:
        self._pool = pool  # which its dispatcher does not keep alive
        self._share = dispatcher_of(pool).share(limit)
        self._store = store
        self._prepare = prepare
        # Two more than may run wait with the dispatcher: when one of them starts, the job must not look as if it
        # had nothing more to do until this thread has asked for the next.
        self._most_in_flight = limit + 2
        self._trial_timeout = trial_timeout
        self._memory_limit = memory_limit
        self._waiting: deque[_Question] = deque()
        self._futures: dict[tuple[str, StopRule | None], SharedFuture] = {}
        self._tickets: dict[tuple[str, StopRule | None], list[Hashable]] = {}
        self._answered: queue.SimpleQueue[tuple[_Question, SharedFuture]] = queue.SimpleQueue()
        self._ready: deque[tuple[Hashable, Outcome]] = deque()
        self._checks: set[str] = set()
        self._closed = False
        self.simulated = 0
        self.storage_error: StorageError | None = None

    @property
    def running(self) -> int:
        """How many simulations workers have begun."""
        return self._share.running

    @property
    def pending(self) -> int:
        """How many tickets have no outcome yet, or one that was not fetched."""
        return len(self._ready) + sum(len(tickets) for tickets in self._tickets.values())

    def submit(
        self, ticket: Hashable, spec: BacktestSpec, *, check: bool = False, stop: StopRule | None = None
    ) -> None:
        """Ask for a simulation; its outcome comes from :meth:`next` under ``ticket``.

        A ``check`` is filed as one (:meth:`~jesse_nb.core.jobs.store.RunStore.put`). With ``stop``, the run may end
        early; one that the store has to its end is judged by the same rule.
        """
        question = _Question(spec, stop)
        if question.key in self._tickets:
            self._tickets[question.key].append(ticket)
            return
        known = self._known(question)
        if known is not None:
            self._ready.append((ticket, known))
            return
        if self._closed:
            return
        self._tickets[question.key] = [ticket]
        if check:
            self._checks.add(spec.key)
        self._waiting.append(question)
        self._fill()

    def next(self, timeout: float) -> tuple[Hashable, Outcome] | None:
        """Return the next ticket with its outcome; None when none came within ``timeout`` seconds."""
        if not self._ready:
            try:
                self._take(*self._answered.get(timeout=timeout))
            except queue.Empty:
                return None
        return self._ready.popleft() if self._ready else None

    def cancel(self) -> None:
        """Stop everything that is under way, and keep what had finished already.

        From then on only the store is asked: what it does not have gets no outcome.
        """
        self._closed = True
        self._waiting.clear()
        with contextlib.suppress(queue.Empty):
            while True:
                self._take(*self._answered.get_nowait())
        for future in reversed(self._futures.values()):  # those that wait first, or they would start for a moment
            future.cancel()
        self._futures.clear()
        self._tickets.clear()

    def _known(self, question: _Question) -> Outcome | None:
        spec, stop = question
        record = self._store.get(spec.key)
        if record is not None:
            stopped = None if stop is None else record.judge(stop, spec.end)[0]
            return Outcome(spec, None if stopped else record, reused=True, stopped=stopped)
        if stop is None:
            return None
        partly = self._store.stopped(spec.key)
        stopped = None if partly is None else partly.again(stop)
        return None if stopped is None else Outcome(spec, None, reused=True, stopped=stopped)

    def _fill(self) -> None:
        while self._waiting and len(self._futures) < self._most_in_flight:
            question = self._waiting.popleft()
            simulation = replace(self._prepare(question.spec), stop=question.stop)
            future = self._share.submit(simulation, self._trial_timeout, self._memory_limit)
            self._futures[question.key] = future
            future.add_done_callback(
                lambda done, question=question: self._answered.put((question, done)))  # type: ignore[misc]

    def _take(self, question: _Question, future: SharedFuture) -> None:
        if self._futures.pop(question.key, None) is None:
            return  # cancelled meanwhile
        self._fill()
        outcome = self._outcome(question.spec, future)
        tickets = self._tickets.pop(question.key)
        self._ready.append((tickets[0], outcome))
        for other in tickets[1:]:
            self._ready.append((other, replace(outcome, reused=True)))

    def _outcome(self, spec: BacktestSpec, future: SharedFuture) -> Outcome:
        self.simulated += not future.joined
        error = _failure(future, self._trial_timeout)
        if isinstance(error, SimulationError):
            with self._keeping():
                self._store.put_failure(spec, type(error).__name__, str(error))
        if error is not None:
            return Outcome(spec, None, error, reused=future.joined)
        answer: RunRecord | StoppedRun = future.result().value
        if isinstance(answer, StoppedRun):
            with self._keeping():
                self._store.put_stopped(spec, answer)
            return Outcome(spec, None, reused=future.joined, stopped=answer)
        with self._keeping():
            self._store.put(spec, answer, check=spec.key in self._checks)
        return Outcome(spec, answer, reused=future.joined)

    @contextlib.contextmanager
    def _keeping(self) -> Iterator[None]:
        """Go on when the disk is full: the job has its result, it only cannot be resumed."""
        try:
            yield
        except StorageError as error:
            self.storage_error = error


def _failure(future: Future[Answer], timeout: float | None) -> SimulationError | JobCancelledError | None:
    try:
        answer = future.result()
    except BaseException as error:  # noqa: BLE001 - futures raise whatever ended their task
        return failure_of(error, timeout)
    return failure_of(answer) if answer.failure else None
