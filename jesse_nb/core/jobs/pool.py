"""Worker processes, warm between cells.

A pool runs simulations side by side in processes that can be killed at any
moment: a running task can be cancelled or timed out, and a worker that dies
takes only its own task with it. Jobs share one pool, each with its own limit.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pebble import ProcessPool

from jesse_nb.core.jesse_runtime import CACHE_PREFIX
from jesse_nb.core.jobs import worker
from jesse_nb.core.jobs.server import start_server
from jesse_nb.core.jobs.worker import Answer
from jesse_nb.core.jobs.worker_process import WorkerContext
from jesse_nb.core.simulator.run import Simulation
from jesse_nb.core.simulator.strategy import StrategyCode
from jesse_nb.exceptions import WorkerDiedError

__all__ = [
    "SCRATCH_PREFIX",
    "LocalPool",
    "Pool",
    "available_cores",
    "local_pool",
    "memory_share",
    "pass_on",
    "remove_orphaned_scratch",
    "warm_up",
]

#: Of the temporary folders, before the number of the process that made each: one that is killed leaves it behind.
SCRATCH_PREFIX = "jesse-nb-work-"

_GIB = 1024**3


class Pool(Protocol):
    """Where simulations run."""

    @property
    def size(self) -> int:
        """How many run at once."""

    @property
    def ahead(self) -> int:
        """How many more it wants to be given, so that no worker waits for the next."""

    def submit(self, simulation: Simulation, timeout: float | None, memory_limit: int | None) -> Future[Answer]:
        """Run a simulation; cancelling the future stops it, even when it is running."""

    def describe(self, code: StrategyCode, timeout: float) -> Future[Answer]:
        """Build a strategy in a worker and ask what it declares."""


@dataclass(frozen=True)
class _Early:
    """What a pool was given before its workers had started."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    timeout: float | None
    future: Future[Any] = field(default_factory=Future)


def pass_on(answer: Future[Any], future: Future[Any]) -> None:
    """Let ``future`` end as ``answer`` did."""
    if answer.cancelled():
        future.cancel()
    elif future.set_running_or_notify_cancel():
        error = answer.exception()
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(answer.result())


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def memory_share(workers: int) -> int | None:
    """Return the bytes that each of ``workers`` may allocate: a share of 60 % of this machine's memory.

    None where the machine does not tell.
    """
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
    return max(2 * _GIB, int(0.6 * total / workers))


class LocalPool:
    """Processes on this machine, that start at once and in the background.

    A job must be able to stop while they start, so nobody waits for that: what is given meanwhile is kept.

    Parameters
    ----------
    size
        How many simulations run at once.
    """

    ahead = 1

    def __init__(self, size: int) -> None:
        self.size = size
        self._scratch = tempfile.mkdtemp(prefix=f"{SCRATCH_PREFIX}{os.getpid()}-")
        start_server()
        self._pool = ProcessPool(max_workers=size, initializer=worker.initialize, initargs=(self._scratch,),
                                 context=WorkerContext())
        self._starting = threading.Lock()
        self._early: list[_Early] | None = []  # None once the workers have started
        self._first = self._schedule(os.getpid, (), None)
        threading.Thread(target=self._start, daemon=True, name="jesse-nb-pool").start()

    @property
    def usable(self) -> bool:
        """False once the pool was stopped or its server died."""
        return self._early is not None or bool(self._pool.active)

    def ready(self, timeout: float | None = None) -> None:
        """Wait until the first worker has started."""
        self._first.result(timeout)

    def submit(self, simulation: Simulation, timeout: float | None, memory_limit: int | None) -> Future[Answer]:
        """Run a simulation; cancelling the future kills the worker that runs it."""
        return self._schedule(worker.run, (simulation, memory_limit), timeout)

    def describe(self, code: StrategyCode, timeout: float) -> Future[Answer]:
        """Build a strategy in a worker and ask what it declares."""
        return self._schedule(worker.describe, (code,), timeout)

    def _start(self) -> None:
        """Start the workers, which takes until their server has imported Jesse, and give them what they were given."""
        try:
            _ = self._pool.active  # which starts them
        except Exception:  # noqa: BLE001 - whoever waits for an answer is told
            self._pool.stop()  # type: ignore[no-untyped-call]  # Pebble's annotations are partial
        with self._starting:
            early, self._early = self._early or [], None
            for task in early:
                self._hand_over(task)

    def _schedule(
        self, task: Callable[..., Any], arguments: tuple[Any, ...], timeout: float | None
    ) -> Future[Any]:
        with self._starting:
            if self._early is not None:
                self._early.append(_Early(task, arguments, timeout))
                return self._early[-1].future
        return self._give(task, arguments, timeout)

    def _hand_over(self, task: _Early) -> None:
        if task.future.cancelled():
            return
        try:
            answer = self._give(task.function, task.arguments, task.timeout)
        except WorkerDiedError as error:
            answer = Future()
            answer.set_exception(error)
        answer.add_done_callback(lambda done: pass_on(done, task.future))
        task.future.add_done_callback(lambda done: answer.cancel() if done.cancelled() else None)

    def _give(self, task: Callable[..., Any], arguments: tuple[Any, ...], timeout: float | None) -> Future[Any]:
        try:
            return self._pool.schedule(task, args=arguments, timeout=timeout)
        except RuntimeError as error:  # a broken pool is one, too
            raise WorkerDiedError("The workers cannot be started or were stopped.",
                                  "Run the same again, or restart the kernel if that does not help.") from error

    def stop(self) -> None:
        """End all workers at once."""
        _stop(self._pool, self._scratch)


_shared: LocalPool | None = None
_shared_lock = threading.Lock()


def local_pool(size: int | None = None) -> LocalPool:
    """Return the pool that all jobs of this process share, with at least ``size`` workers.

    It is started at the first call and grows by being replaced; running jobs
    keep the one they began with.
    """
    global _shared
    wanted = max(size or 1, available_cores())
    with _shared_lock:
        if _shared is None or not _shared.usable or _shared.size < wanted:
            if _shared is not None:
                _retire(_shared)
            remove_orphaned_scratch()
            _shared = LocalPool(wanted)
        return _shared


def warm_up(size: int | None = None) -> None:
    """Start the workers in the background, so that the first job finds them ready."""
    threading.Thread(target=local_pool, args=(size,), daemon=True, name="jesse-nb-warm-up").start()


def stop_local_pool() -> None:
    """End the shared workers; the next job starts new ones."""
    global _shared
    with _shared_lock:
        pool, _shared = _shared, None
    if pool is not None:
        pool.stop()


def _retire(pool: LocalPool) -> None:
    """Stop a pool when the last job that began with it has let go of it."""
    weakref.finalize(pool, _stop, pool._pool, pool._scratch)


def _stop(pool: ProcessPool, scratch: str) -> None:
    with contextlib.suppress(RuntimeError, OSError):
        pool.stop()  # type: ignore[no-untyped-call]  # Pebble's annotations are partial
        pool.join(timeout=2)
    shutil.rmtree(scratch, ignore_errors=True)


def remove_orphaned_scratch() -> None:
    """Remove working directories and caches of processes that were killed."""
    for prefix in (SCRATCH_PREFIX, CACHE_PREFIX):
        for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
            owner = folder.name.removeprefix(prefix).partition("-")[0]
            if owner.isdigit() and not _is_running(int(owner)):
                shutil.rmtree(folder, ignore_errors=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


atexit.register(stop_local_pool)
