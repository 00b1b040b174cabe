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
from dataclasses import replace
from typing import TypeAlias

from jesse_nb.core.jobs.claims import Claims
from jesse_nb.core.jobs.dispatch import JobQueue, SharedFuture, dispatcher_of
from jesse_nb.core.jobs.failures import failure_of
from jesse_nb.core.jobs.outcome import RunOutcome, RunRequest, known_outcome
from jesse_nb.core.jobs.pool import Pool
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.jobs.worker import Answer
from jesse_nb.core.simulator.early_stop import StoppedRun, StopRule
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.simulation import Simulation
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.exceptions import JobCancelledError, SimulationError, StorageError

__all__ = ["Evaluator", "RunOutcome"]

_Key: TypeAlias = tuple[str, StopRule | None]


class Evaluator:
    """Runs specs for one job.

    Parameters
    ----------
    pool, store
        Gives that on which simulations run, once there is one to run; and where finished ones are kept.
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
        Why finished runs could not be asked for or kept, or None while they can.
    """

    def __init__(
        self,
        pool: Callable[[], Pool],
        store: RunStore,
        prepare: Callable[[BacktestSpec], Simulation],
        *,
        limit: int,
        trial_timeout: float | None,
        memory_limit: int | None,
    ) -> None:
        self._pool_of = pool
        self._pool: Pool | None = None  # which its dispatcher does not keep alive
        self._queue: JobQueue | None = None
        self._limit = limit
        self._store = store
        self._claims = Claims(store, trial_timeout)
        self._prepare = prepare
        self._trial_timeout = trial_timeout
        self._memory_limit = memory_limit
        self._waiting: deque[RunRequest] = deque()
        self._futures: dict[_Key, SharedFuture] = {}
        self._tickets: dict[_Key, list[Hashable]] = {}
        self._answered: queue.SimpleQueue[tuple[RunRequest, SharedFuture]] = queue.SimpleQueue()
        self._ready: deque[tuple[Hashable, RunOutcome]] = deque()
        self._checks: set[str] = set()
        self._damaged: set[str] = set()
        self._closed = False
        self.simulated = 0
        self.storage_error: StorageError | None = None

    @property
    def most_in_flight(self) -> int:
        """How many simulations are under way at the most, running or next.

        One more than the pool wants waits with the dispatcher: when one of them starts, the job must not look as if
        it had nothing more to do until this thread has asked for the next.
        """
        return self._limit + (1 if self._pool is None else self._pool.ahead) + 1

    @property
    def running(self) -> int:
        """How many simulations workers have begun."""
        return 0 if self._queue is None else self._queue.running

    @property
    def pending(self) -> int:
        """How many tickets have no outcome yet, or one that was not fetched."""
        return len(self._ready) + sum(len(tickets) for tickets in self._tickets.values())

    @property
    def remarks(self) -> list[str]:
        """What a result should say of the run store: what could not be kept, and what was damaged."""
        said = []
        if self.storage_error:
            said.append(f"Finished runs could not be kept, so this cannot be resumed: {self.storage_error}")
        if self._damaged:
            count = len(self._damaged)
            said.append("A stored run was damaged, and has been simulated again." if count == 1 else
                        f"{count:,} stored runs were damaged, and have been simulated again.")
        return said

    def submit(
        self, ticket: Hashable, spec: BacktestSpec, *, check: bool = False, stop: StopRule | None = None
    ) -> None:
        """Ask for a simulation; its outcome comes from :meth:`next` under ``ticket``.

        A ``check`` is filed as one (:meth:`~jesse_nb.core.jobs.store.RunStore.put`). With ``stop``, it ends where
        that rule says so.
        """
        request = RunRequest(spec, stop)
        if request.key in self._tickets:
            self._tickets[request.key].append(ticket)
            return
        known = None
        with self._keeping():
            known = known_outcome(self._store, request)
        self._damaged |= self._store.damaged & {spec.key}
        if known is not None:
            self._ready.append((ticket, known))
            return
        if self._closed:
            return
        self._tickets[request.key] = [ticket]
        if check:
            self._checks.add(spec.key)
        self._waiting.append(request)
        self._fill()

    def next(self, timeout: float) -> tuple[Hashable, RunOutcome] | None:
        """Return the next ticket with its outcome; None when none came within ``timeout`` seconds."""
        if not self._ready:
            with contextlib.suppress(queue.Empty):
                self._take(*self._answered.get(timeout=timeout))
            self._look_elsewhere()
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
        self._claims.release_all()

    def _fill(self) -> None:
        while self._waiting and len(self._futures) < self.most_in_flight:
            request = self._waiting.popleft()
            if self._claims.take(request):
                self._start(request)

    def _start(self, request: RunRequest) -> None:
        if self._queue is None:
            self._pool = self._pool_of()
            self._queue = dispatcher_of(self._pool).queue(self._limit)
        simulation = replace(self._prepare(request.spec), stop=request.stop)
        future = self._queue.submit(simulation, self._trial_timeout, self._memory_limit)
        self._futures[request.key] = future
        future.add_done_callback(lambda _: self._answered.put((request, future)))

    def _look_elsewhere(self) -> None:
        finished, ours = self._claims.look()
        for request, outcome in finished:
            self._deliver(request, outcome)
        for request in ours:
            self._start(request)

    def _take(self, request: RunRequest, future: SharedFuture) -> None:
        if self._futures.pop(request.key, None) is None:
            return  # cancelled meanwhile
        self._fill()
        outcome = self._outcome(request.spec, future)
        self._claims.release([request.spec.key])
        self._deliver(request, outcome)

    def _deliver(self, request: RunRequest, outcome: RunOutcome) -> None:
        tickets = self._tickets.pop(request.key)
        self._ready.append((tickets[0], outcome))
        self._ready.extend((other, replace(outcome, reused=True)) for other in tickets[1:])

    def _outcome(self, spec: BacktestSpec, future: SharedFuture) -> RunOutcome:
        self.simulated += not future.joined
        error = _failure(future, self._trial_timeout)
        if isinstance(error, SimulationError):
            with self._keeping():
                self._store.put_failure(spec, type(error).__name__, str(error))
        if error is not None:
            return RunOutcome(spec, None, error, reused=future.joined)
        answer: RunRecord | StoppedRun = future.result().value
        with self._keeping():
            if isinstance(answer, StoppedRun):
                self._store.put_stopped(spec, answer)
            else:
                self._store.put(spec, answer, check=spec.key in self._checks)
        if isinstance(answer, StoppedRun):
            return RunOutcome(spec, None, reused=future.joined, stopped=answer)
        return RunOutcome(spec, answer, reused=future.joined)

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
