"""One handle for everything long: watch it, stop it, wait for it, read it early.

A tool gives a :class:`Job` its work as a function that receives a
:class:`JobControl`; the job runs it in a thread of its own. Cells, panels and
the command line differ only in who waits.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar
from weakref import WeakValueDictionary

from jesse_nb.core.calls import well_named
from jesse_nb.core.jobs.job_list import JobList
from jesse_nb.core.jobs.progress import JobState, Progress
from jesse_nb.core.rendering import given_by
from jesse_nb.exceptions import JesseNbError, JobCancelledError, JobError, JobInterruptedError

if TYPE_CHECKING:
    from jesse_nb.core.simulator.spec import StrategyRef

__all__ = ["Job", "JobControl", "add_watcher", "current_job", "jobs", "run_blocking"]

T = TypeVar("T")

_log = logging.getLogger(__name__)
_numbers = itertools.count(1)
#: Those that run and the last that ended; and earlier ones, as long as somebody else holds them.
_jobs: dict[str, Job[Any]] = {}
_earlier: WeakValueDictionary[str, Job[Any]] = WeakValueDictionary()
_listing = threading.Lock()
_watchers: list[Callable[[Job[Any]], None]] = []
_current: ContextVar[JobControl | None] = ContextVar("jesse_nb_current_job", default=None)

#: Seconds between two notices to subscribers, at the least.
_NOTICE_INTERVAL = 0.1

#: Jobs that have ended and are listed whoever holds them: each keeps its result, which can be a megabyte and more.
_ENDED_KEPT = 20


class JobControl:
    """What the work of a job may do with its job: look whether it should stop, and say how far it is."""

    def __init__(self, job: Job[Any]) -> None:
        self._job = job

    @property
    def cancelled(self) -> bool:
        """True once somebody asked the job to stop."""
        return self._job._cancel.is_set()

    @property
    def elapsed(self) -> float:
        """Seconds since the job started."""
        return time.monotonic() - self._job._began

    @property
    def total(self) -> int | None:
        """How many simulations are planned, as last told."""
        return self._job._progress.total

    def update(self, **changes: Any) -> None:
        """Change fields of the job's :class:`Progress`; subscribers hear of it at most ten times a second."""
        self._job._update(changes)

    def partial(self, build: Callable[[], Any]) -> None:
        """Say how to build a result from what has finished; called from any thread, so it must only read."""
        self._job._partial = build

    def board(self, build: Callable[[], dict[str, Any]]) -> None:
        """Say how to build the board of a live view; called from any thread and often, so it must be cheap."""
        self._job._board = build

    def part(self) -> JobControl:
        """Return a control for a tool that works as a part of this job: what it has so far is not the job's result."""
        return _PartControl(self._job)


class _PartControl(JobControl):
    def partial(self, build: Callable[[], Any]) -> None:
        pass

    def board(self, build: Callable[[], dict[str, Any]]) -> None:
        pass


class Job(Generic[T]):
    """A long run.

    Parameters
    ----------
    kind
        The tool that started it: ``backtest``, ``optimize``, …
    title
        What it works on, for lists: ``"TrendFollower BTC-USDT 1h"``.
    work
        Does it, and returns the result. A job that is cancelled may return what it has.
    strategies
        Those it was started with; it keeps them even when a class of that name is defined anew.

    Examples
    --------
    >>> job = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-04-01", background=True)
    >>> job.result().strategy
    'TrendFollower'
    >>> job.state
    'finished'
    """

    def __init__(
        self, kind: str, title: str, work: Callable[[JobControl], T], *, strategies: Iterable[StrategyRef] = ()
    ) -> None:
        self.id = f"{kind}-{next(_numbers)}"
        self.kind = kind
        self.title = title
        self.strategies = tuple(strategies)
        self._work = work
        self._began = time.monotonic()
        self._cancel = threading.Event()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._subscribers: list[Callable[[Progress], None]] = []
        self._noticed = 0.0
        self._progress = Progress(self.id, kind)
        self._partial: Callable[[], T | None] = lambda: None
        self._board: Callable[[], dict[str, Any] | None] = lambda: None
        self._result: T | None = None
        self._error: BaseException | None = None
        #: True while the main thread waits for the end, so that an interrupt stops the job.
        self.awaited = False

    def start(self) -> Job[T]:
        """Begin the work in a thread; front ends that watch jobs hear of it first."""
        with _listing:
            _jobs[self.id] = self
        for watcher in tuple(_watchers):
            watcher(self)
        threading.Thread(target=self._run, daemon=True, name=f"jesse-nb-{self.id}").start()
        return self

    @property
    def state(self) -> JobState:
        """``running``, ``finished``, ``failed`` or ``cancelled``."""
        return self._progress.state

    @property
    def cancelling(self) -> bool:
        """True once it was asked to stop."""
        return self._cancel.is_set()

    @property
    def progress(self) -> Progress:
        """How far it is."""
        with self._lock:
            if self._ended.is_set():
                return self._progress
            return replace(self._progress, elapsed=time.monotonic() - self._began)

    def subscribe(self, callback: Callable[[Progress], None]) -> Callable[[], None]:
        """Call ``callback`` with a :class:`Progress` when something changed, from the job's thread.

        The last call tells of the end. Returns a function that ends the subscription.
        A job that has ended calls back once, at once.
        """
        with self._lock:
            ended = self._ended.is_set()
            if not ended:
                self._subscribers.append(callback)
        if ended:
            callback(self._progress)

        def unsubscribe() -> None:
            with self._lock:
                if callback in self._subscribers:
                    self._subscribers.remove(callback)

        return unsubscribe

    def cancel(self) -> None:
        """Ask the job to stop; what has finished is kept. Returns at once."""
        self._cancel.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end; False when it did not come within ``timeout`` seconds."""
        return self._ended.wait(timeout)

    def result(self, timeout: float | None = None) -> T:
        """Wait for the result and return it.

        Raises
        ------
        JobError
            When the job failed or was cancelled, or did not end within ``timeout`` seconds.
        JesseNbError
            Whatever else the job's work raised.
        """
        if not self.wait(timeout):
            raise JobError(f"{self.id} is still running after {timeout:g} s.", "Wait longer, or call cancel().")
        if self.state == "cancelled":
            raise JobCancelledError(f"{self.id} was cancelled.", "partial_result() gives what had finished.")
        if self._error is not None:
            raise self._error
        given_by(self, self._result)
        return self._result  # type: ignore[return-value]  # set whenever there is no error

    def partial_result(self) -> T | None:
        """Return the result so far: of a running or cancelled job what has finished; None when that is nothing."""
        result = self._result if self._result is not None else self._partial()
        given_by(self, result)
        return result

    def board(self) -> dict[str, Any] | None:
        """Return what a live view shows beyond the progress, ready for JSON; None while there is nothing.

        Its ``kind`` says which of :mod:`jesse_nb.core.jobs.board`'s boards it is.
        """
        return self._board()

    def __repr__(self) -> str:
        progress = self.progress
        total = f" of {progress.total}" if progress.total else ""
        best = f", best {progress.best_label}" if progress.best_label else ""
        return f"<Job {self.id}: {self.title}, {progress.state}, {progress.done}{total} done{best}>"

    def _run(self) -> None:
        state: JobState = "finished"
        control = JobControl(self)
        _current.set(control)
        try:
            self._result = self._work(control)
            if self._result is not None:
                self._let_go()
        except JobCancelledError as error:
            self._error = error
        except JesseNbError as error:
            state, self._error = "failed", error
        except BaseException as error:  # noqa: BLE001 - a fault of ours; it is raised again where the result is asked for
            _log.exception("%s failed", self.id)
            state, self._error = "failed", error
        if self._cancel.is_set() and state == "finished":
            state = "cancelled"
        self._end(state)

    def _let_go(self) -> None:
        """Keep what is shown last, and nothing else of the work: the kernel's list keeps every job to its end."""
        last = self._board()
        self._board = lambda: last
        self._partial = lambda: None
        self._work = _over

    def _end(self, state: JobState) -> None:
        with self._lock:
            self._progress = replace(self._progress, state=state, running=0, eta=None,
                                     elapsed=time.monotonic() - self._began,
                                     message=str(self._error) if self._error else self._progress.message)
            self._ended.set()
            subscribers, self._subscribers = self._subscribers, []
        _let_earlier_go()
        self._tell(subscribers, self._progress)

    def _update(self, changes: dict[str, Any]) -> None:
        now = time.monotonic()
        with self._lock:
            if self._ended.is_set():
                return
            self._progress = replace(self._progress, **changes, elapsed=now - self._began)
            if now - self._noticed < _NOTICE_INTERVAL and "phase" not in changes:
                return
            self._noticed = now
            progress, subscribers = self._progress, list(self._subscribers)
        self._tell(subscribers, progress)

    def _tell(self, subscribers: list[Callable[[Progress], None]], progress: Progress) -> None:
        for callback in subscribers:
            try:
                callback(progress)
            except Exception:  # noqa: BLE001, PERF203 - a display that fails must not fail the run
                _log.exception("A subscriber of %s failed", self.id)


def _let_earlier_go() -> None:
    """Keep the last jobs that ended; of those before, only what somebody else holds."""
    with _listing:
        ended = [name for name, job in _jobs.items() if job._ended.is_set()]
        for name in ended[:-_ENDED_KEPT]:
            _earlier[name] = _jobs.pop(name)


def _over(_: JobControl) -> NoReturn:
    """Stand in place of work that is done, and would hold a store's connection and all runs."""
    raise RuntimeError("a job's work is done once")


def current_job() -> JobControl | None:
    """Return the control of the job in whose thread this is called; None outside of jobs."""
    return _current.get()


@well_named
def jobs() -> JobList:
    """Return this process's jobs, oldest first: a list that shows itself as a table.

    It has all that run and the last 20 that ended. An earlier one is in it as long as you keep it, in a variable for
    example: a list that kept every result would take the memory of a long session.

    Examples
    --------
    >>> [job.kind for job in jn.jobs() if job.state == "running"]
    []
    """
    with _listing:
        return JobList(sorted((*_earlier.values(), *_jobs.values()), key=lambda job: job._began))


def add_watcher(watcher: Callable[[Job[Any]], None]) -> Callable[[], None]:
    """Call ``watcher`` with every job that is started from now on; returns a function that ends this."""
    _watchers.append(watcher)

    def remove() -> None:
        if watcher in _watchers:
            _watchers.remove(watcher)

    return remove


def run_blocking(job: Job[T]) -> T:
    """Wait for a job's result in the calling thread.

    Raises
    ------
    JobInterruptedError
        When the user interrupts: the job is cancelled, and the error holds it with what had finished.
    """
    job.awaited = True
    try:
        # In slices: a signal that another thread receives does not end a wait of this one.
        while not job.wait(0.2):
            pass
        return job.result()
    except KeyboardInterrupt:
        progress = job.progress
        job.cancel()
        job.wait(1.0)
        done = f" while {progress.phase}, after {progress.done:,} of {progress.total:,}" if progress.total else ""
        raise JobInterruptedError(
            f"Interrupted{done}; what finished is kept.",
            "jn.jobs()[-1].partial_result() is that. Run the same again to continue.", job=job,
        ) from None
    finally:
        job.awaited = False
