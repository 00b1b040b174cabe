"""Whose simulation is next: jobs that run side by side share the workers by the time they use.

Every pool has one :class:`Dispatcher` and every job a :class:`JobQueue` of it. A pool is
given as many simulations as it has workers and as many ahead as it wants, so that no worker
waits for this process; all others wait here, where a job that comes later can overtake.
"""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from jesse_nb.core.jobs.pool import Pool, pass_on
from jesse_nb.core.jobs.worker import Answer
from jesse_nb.core.simulator.simulation import Simulation
from jesse_nb.exceptions import WorkerDiedError

__all__ = ["Dispatcher", "JobQueue", "SharedFuture", "dispatcher_of"]


class SharedFuture(Future[Answer]):
    """An answer to come. ``joined`` is True when another job had asked for the same simulation already."""

    joined = False


@dataclass(eq=False)
class _Task:
    key: tuple[Any, ...]
    simulation: Simulation
    timeout: float | None
    memory_limit: int | None
    queue: JobQueue
    askers: dict[SharedFuture, JobQueue] = field(default_factory=dict)
    given: bool = False
    answer: Future[Answer] | None = None
    began: float | None = None


class JobQueue:
    """One job's part of a pool; made by :meth:`Dispatcher.share`.

    Parameters
    ----------
    dispatcher
        Of the pool.
    limit
        How many simulations of this job may run at once.
    """

    def __init__(self, dispatcher: Dispatcher, limit: int) -> None:
        self._dispatcher = dispatcher
        self.limit = limit
        self.waiting: deque[_Task] = deque()
        self.with_pool: list[_Task] = []
        self.used = 0.0
        self._finished = 0
        self._spent = 0.0

    def submit(self, simulation: Simulation, timeout: float | None, memory_limit: int | None) -> SharedFuture:
        """Run a simulation when it is this job's turn; cancelling the future stops it.

        One that another job runs or waits for at this moment runs once for both.

        Raises
        ------
        WorkerDiedError
            When the pool was stopped.
        """
        return self._dispatcher.submit(self, simulation, timeout, memory_limit)

    def charge(self, seconds: float) -> None:
        """Note what one simulation took of a worker."""
        self.used += seconds
        self._finished += 1
        self._spent += seconds

    @property
    def usual(self) -> float | None:
        """Seconds that a simulation of this job usually takes; None before the first has ended."""
        return self._spent / self._finished if self._finished else None

    @property
    def running(self) -> int:
        """How many of its simulations a worker has begun."""
        return sum(task.began is not None for task in tuple(self.with_pool))

    def used_until(self, now: float) -> float:
        """Return the worker-seconds used up to now."""
        return self.used + sum(now - task.began for task in self.with_pool if task.began is not None)

    def used_with_given(self, now: float) -> float:
        """Return the worker-seconds used when what was given out takes the usual, or what it took already."""
        usual = self.usual or 0.0
        return self.used + sum(max(usual, now - task.began) if task.began is not None else usual
                               for task in self.with_pool)


class Dispatcher:
    """Gives a pool's workers to those who wait: the job that used the least worker-seconds is next.

    Parameters
    ----------
    pool
        Whose workers they are; it is not kept alive.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool: Pool = weakref.proxy(pool)
        self._lock = threading.RLock()
        self._tasks: dict[tuple[Any, ...], _Task] = {}
        self._with_pool: list[_Task] = []  # in the order in which the pool takes them
        self._queues: list[JobQueue] = []  # that have anything waiting or running
        self._broken: WorkerDiedError | None = None
        self._giving = False  # True while a thread gives tasks to the pool
        self._asked = 0  # for how many calls somebody gives tasks to the pool at this moment

    def queue(self, limit: int) -> JobQueue:
        """Return a new job's part, of at most ``limit`` simulations at once."""
        return JobQueue(self, limit)

    def submit(
        self, queue: JobQueue, simulation: Simulation, timeout: float | None, memory_limit: int | None
    ) -> SharedFuture:
        """Do what :meth:`JobQueue.submit` says."""
        future = SharedFuture()
        with self._lock:
            if self._broken is not None:
                raise self._broken
            key = (simulation.spec.key, simulation.stop, timeout, memory_limit)
            task = self._tasks.get(key)
            if task is None:
                task = self._tasks[key] = _Task(key, simulation, timeout, memory_limit, queue)
                self._wake(queue)
                queue.waiting.append(task)
            else:
                future.joined = True
            task.askers[future] = queue
        future.add_done_callback(lambda done: self._leave(task, future) if done.cancelled() else None)
        self._dispatch()
        return future

    def _wake(self, queue: JobQueue) -> None:
        """Let a job that had nothing to do start level with the others: time that it left unused is gone."""
        if queue not in self._queues:
            now = time.monotonic()
            queue.used = max(queue.used, min((other.used_until(now) for other in self._queues), default=0.0))
            self._queues.append(queue)

    def _dispatch(self) -> None:
        """Give the pool what it has room for.

        One thread at a time does, so that the pool has the tasks in this order. It holds no lock meanwhile: a pool
        that is far away takes its time, and one that refuses a task calls those who wait for it.
        """
        with self._lock:
            if self._giving:
                return  # who does looks once more after each task
            self._giving = True
        while (task := self._take_next()) is not None:
            self._give(task)

    def _take_next(self) -> _Task | None:
        with self._lock:
            task = self._next()
            if task is None:
                self._giving = False
                return None
            task.given = True
            task.queue.waiting.remove(task)
            task.queue.with_pool.append(task)
            self._with_pool.append(task)
            self._note_starts()
            return task

    def _give(self, task: _Task) -> None:
        try:
            answer = self._pool.submit(task.simulation, task.timeout, task.memory_limit)
        except (WorkerDiedError, ReferenceError) as error:
            self._broken = error if isinstance(error, WorkerDiedError) else WorkerDiedError("No workers.")
            answer = _failed(self._broken)
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            answer = _failed(error)
        with self._lock:
            task.answer = answer
            wanted = bool(task.askers)
        if not wanted:
            answer.cancel()
        answer.add_done_callback(lambda done: self._end(task, done))

    def _next(self) -> _Task | None:
        ahead = self._ahead()
        free = self._pool_size() + ahead - len(self._with_pool)
        if free <= 0:
            return None
        now = time.monotonic()
        fair = math.ceil(self._pool_size() / max(len(self._queues), 1))

        def rank(queue: JobQueue) -> tuple[bool, float, int]:
            running = len(queue.with_pool)
            # Nobody knows yet how long it takes: it gets its part of the workers, and no more.
            return queue.usual is None and running >= fair, queue.used_with_given(now), running

        waiting = sorted((queue for queue in self._queues if queue.waiting), key=rank)
        if free <= ahead:
            waiting = waiting[:1]  # if it must wait for one of its own, the place ahead is kept for it
        return next((queue.waiting[0] for queue in waiting if len(queue.with_pool) < self._most(queue)), None)

    def _most(self, queue: JobQueue) -> int:
        return queue.limit if queue.limit < self._pool_size() else queue.limit + self._ahead()

    def _pool_size(self) -> int:
        try:
            return self._pool.size
        except ReferenceError:
            return len(self._with_pool)

    def _ahead(self) -> int:
        try:
            return self._pool.ahead
        except ReferenceError:
            return 1

    def _note_starts(self) -> None:
        for task in self._with_pool[: self._pool_size()]:
            if task.began is None:
                task.began = time.monotonic()

    def _end(self, task: _Task, answer: Future[Answer]) -> None:
        with self._lock:
            self._with_pool.remove(task)
            self._forget(task)
            task.queue.with_pool.remove(task)
            if task.began is not None:
                task.queue.charge(time.monotonic() - task.began)
            self._drop_if_idle(task.queue)
            self._note_starts()
            askers = list(task.askers)
        self._dispatch()
        for future in askers:
            pass_on(answer, future)

    def _leave(self, task: _Task, future: SharedFuture) -> None:
        """Stop a task when nobody waits for it any more; otherwise it is charged to one who still does."""
        with self._lock:
            task.askers.pop(future, None)
            if task.answer is not None and task.answer.done():
                return
            heir = next(iter(task.askers.values()), None)
            mine = task.queue.with_pool if task.given else task.queue.waiting
            if heir is None:
                self._forget(task)
                if not task.given:
                    mine.remove(task)
                    self._drop_if_idle(task.queue)
            elif heir is not task.queue:
                mine.remove(task)
                self._drop_if_idle(task.queue)
                self._wake(heir)
                (heir.with_pool if task.given else heir.waiting).append(task)
                task.queue = heir
            stopped = task.answer if heir is None else None
        if stopped is not None:
            stopped.cancel()
        self._dispatch()

    def _forget(self, task: _Task) -> None:
        if self._tasks.get(task.key) is task:
            del self._tasks[task.key]

    def _drop_if_idle(self, queue: JobQueue) -> None:
        if queue in self._queues and not queue.waiting and not queue.with_pool:
            self._queues.remove(queue)


def _failed(error: Exception) -> Future[Answer]:
    answer: Future[Answer] = Future()
    answer.set_exception(error)
    return answer


_dispatchers: weakref.WeakKeyDictionary[Pool, Dispatcher] = weakref.WeakKeyDictionary()
_making = threading.Lock()


def dispatcher_of(pool: Pool) -> Dispatcher:
    """Return the one dispatcher of a pool."""
    with _making:
        if pool not in _dispatchers:
            _dispatchers[pool] = Dispatcher(pool)
        return _dispatchers[pool]
