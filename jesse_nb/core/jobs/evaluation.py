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
from dataclasses import dataclass

from jesse_nb.core.jobs.dispatch import SharedFuture, dispatcher_of
from jesse_nb.core.jobs.pool import Pool, failure_of
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.jobs.worker import Answer
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.run import Simulation
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.exceptions import JesseNbError, JobCancelledError, SimulationError, StorageError

__all__ = ["Evaluator", "Outcome"]


@dataclass(frozen=True)
class Outcome:
    """What became of one simulation: a record, or the reason why there is none.

    ``reused`` is True when nothing was simulated for it alone: it was stored, or ran for another job as well.
    """

    spec: BacktestSpec
    record: RunRecord | None
    error: JesseNbError | None = None
    reused: bool = False


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
    most_in_flight
        How many simulations it has under way at the most.
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
        # One more than the pool wants waits with the dispatcher: when one of them starts, the job must not look as if
        # it had nothing more to do until this thread has asked for the next.
        self.most_in_flight = limit + pool.ahead + 1
        self._trial_timeout = trial_timeout
        self._memory_limit = memory_limit
        self._waiting: deque[BacktestSpec] = deque()
        self._futures: dict[str, SharedFuture] = {}
        self._tickets: dict[str, list[Hashable]] = {}
        self._answered: queue.SimpleQueue[tuple[BacktestSpec, SharedFuture]] = queue.SimpleQueue()
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

    def submit(self, ticket: Hashable, spec: BacktestSpec, *, check: bool = False) -> None:
        """Ask for a simulation; its outcome comes from :meth:`next` under ``ticket``.

        A ``check`` is filed as one (:meth:`~jesse_nb.core.jobs.store.RunStore.put`).
        """
        if spec.key in self._tickets:
            self._tickets[spec.key].append(ticket)
            return
        known = self._store.get(spec.key)
        if known is not None:
            self._ready.append((ticket, Outcome(spec, known, reused=True)))
            return
        if self._closed:
            return
        self._tickets[spec.key] = [ticket]
        if check:
            self._checks.add(spec.key)
        self._waiting.append(spec)
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

    def _fill(self) -> None:
        while self._waiting and len(self._futures) < self.most_in_flight:
            spec = self._waiting.popleft()
            future = self._share.submit(self._prepare(spec), self._trial_timeout, self._memory_limit)
            self._futures[spec.key] = future
            future.add_done_callback(lambda done, spec=spec: self._answered.put((spec, done)))  # type: ignore[misc]

    def _take(self, spec: BacktestSpec, future: SharedFuture) -> None:
        if self._futures.pop(spec.key, None) is None:
            return  # cancelled meanwhile
        self._fill()
        outcome = self._outcome(spec, future)
        tickets = self._tickets.pop(spec.key)
        self._ready.append((tickets[0], outcome))
        for other in tickets[1:]:
            self._ready.append((other, Outcome(spec, outcome.record, outcome.error, reused=True)))

    def _outcome(self, spec: BacktestSpec, future: SharedFuture) -> Outcome:
        self.simulated += not future.joined
        error = _failure(future, self._trial_timeout)
        if error is None:
            record: RunRecord = future.result().value
            with self._keeping():
                self._store.put(spec, record, check=spec.key in self._checks)
            return Outcome(spec, record, reused=future.joined)
        if isinstance(error, SimulationError):
            with self._keeping():
                self._store.put_failure(spec, type(error).__name__, str(error))
        return Outcome(spec, None, error, reused=future.joined)

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
