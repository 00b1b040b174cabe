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
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from jesse_nb.core.jesse_runtime import CACHE_PREFIX
from jesse_nb.core.jobs import worker
from jesse_nb.core.jobs.local.process import WorkerProcess
from jesse_nb.core.jobs.local.workers import Worker, Workers
from jesse_nb.core.jobs.worker import Answer
from jesse_nb.core.simulator.simulation import Simulation
from jesse_nb.core.simulator.spec import Route
from jesse_nb.core.simulator.strategies.strategy import StrategyCode

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

    def describe(self, code: StrategyCode, timeout: float, route: Route | None = None) -> Future[Answer]:
        """Build a strategy in a worker and ask what it declares, on that route."""


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

    #: Starts one of its processes, given the folder under which it works.
    start: Callable[[str], Worker] = WorkerProcess

    def __init__(self, size: int) -> None:
        self.size = size
        self._scratch = tempfile.mkdtemp(prefix=f"{SCRATCH_PREFIX}{os.getpid()}-")
        self._workers = Workers(size, partial(self.start, self._scratch))

    @property
    def usable(self) -> bool:
        """False once the pool was stopped, or its workers could not be started."""
        return self._workers.usable

    def ready(self, timeout: float | None = None) -> None:
        """Wait until the first worker has started.

        Raises
        ------
        WorkerDiedError
            When none can be, or none has within ``timeout`` seconds.
        """
        self._workers.ready(timeout)

    def submit(self, simulation: Simulation, timeout: float | None, memory_limit: int | None) -> Future[Answer]:
        """Run a simulation; cancelling the future kills the worker that runs it."""
        return self._workers.run(worker.run, (simulation, memory_limit), timeout)

    def describe(self, code: StrategyCode, timeout: float, route: Route | None = None) -> Future[Answer]:
        """Build a strategy in a worker and ask what it declares, on that route."""
        return self._workers.run(worker.describe, (code, route), timeout)

    def stop(self) -> None:
        """End all workers at once."""
        _stop(self._workers, self._scratch)


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
    """Start the workers in the background, so that the first job finds them ready, or says why they are not."""
    def start() -> None:
        with contextlib.suppress(Exception):
            local_pool(size)

    threading.Thread(target=start, daemon=True, name="jesse-nb-warm-up").start()


def stop_local_pool() -> None:
    """End the shared workers; the next job starts new ones."""
    global _shared
    with _shared_lock:
        pool, _shared = _shared, None
    if pool is not None:
        pool.stop()


def _retire(pool: LocalPool) -> None:
    """Stop a pool when the last job that began with it has let go of it."""
    weakref.finalize(pool, pool._workers.later, partial(_stop, pool._workers, pool._scratch))


def _stop(workers: Workers, scratch: str) -> None:
    workers.stop()
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
