"""Worker processes side by side, and the tasks that wait for one.

A thread looks after each worker: it starts it, gives it the next task, and starts another when it
has ended, whoever ended it. Answers are told in one more thread, so that no worker waits for those
who receive them, and none of them is called while a lock is held.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from functools import partial
from multiprocessing.reduction import ForkingPickler
from queue import SimpleQueue
from typing import Any, Protocol

from jesse_nb.core.jobs.failures import MOST_LOSSES, WorkerLostError, lost_too_often, way_it_was_lost
from jesse_nb.core.jobs.local.process import WorkerStartError
from jesse_nb.exceptions import WorkerDiedError

__all__ = ["Worker", "Workers"]

#: As many starts in a row must fail, with no worker left, until it is said that workers cannot be started; and the
#: seconds after the first that fails, twice as many after each further one.
_MOST_FAILED_STARTS, _PAUSE = 6, 0.1

#: Seconds that ended workers have to disappear.
_STOP_SECONDS = 2.0


class Worker(Protocol):
    """What :class:`~jesse_nb.core.jobs.local.process.WorkerProcess` does."""

    @property
    def lives(self) -> bool:
        """False once it has ended or was killed."""

    def ask(self, task: bytes, timeout: float | None) -> bytes:
        """Let it run a task and return its answer."""

    def kill(self) -> None:
        """End it at once; called from any thread."""

    def end(self) -> None:
        """Kill it and give back what it needed."""


class _Task:
    def __init__(self, content: bytes, timeout: float | None) -> None:
        self.content = content
        self.timeout = timeout
        self.future: Future[Any] = Future()
        self.losses = 0
        self._worker: Worker | None = None
        self._lock = threading.Lock()

    def run(self, worker: Worker) -> bytes | BaseException | None:
        """Return the answer, or what ended it; None when nobody waits for it any more."""
        with self._lock:
            if self.future.cancelled():
                return None
            self._worker = worker
        try:
            return worker.ask(self.content, self.timeout)
        except (WorkerLostError, FutureTimeoutError) as error:
            return error
        except Exception as error:  # noqa: BLE001 - whatever it is, the task must end and the worker is not to be trusted
            worker.kill()
            return error
        finally:
            with self._lock:
                self._worker = None

    def stop(self) -> None:
        """Kill the worker that runs it, if there is one."""
        with self._lock:
            if self._worker is not None:
                self._worker.kill()


class Workers:
    """Processes that run tasks in the order in which they come.

    Parameters
    ----------
    size
        How many there are.
    start
        Starts one and returns it when it is ready; raises
        :class:`~jesse_nb.core.jobs.local.process.WorkerStartError`.
    """

    def __init__(self, size: int, start: Callable[[], Worker]) -> None:
        self._start = start
        self._changed = threading.Condition()
        self._queue: deque[_Task] = deque()
        self._living: set[Worker] = set()
        self._failed_starts = 0
        self._why_closed = ""
        self._closed, self._first = threading.Event(), threading.Event()
        self._errands: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._keepers = size
        for name, work in [("answers", self._run_errands)] + size * [("worker", self._keep)]:
            threading.Thread(target=work, daemon=True, name=f"jesse-nb-{name}").start()

    @property
    def usable(self) -> bool:
        """False once it was stopped or workers could not be started."""
        return not self._closed.is_set()

    def ready(self, timeout: float | None = None) -> None:
        """Wait until the first worker has started.

        Raises
        ------
        WorkerDiedError
            When none can be, or none has within ``timeout`` seconds.
        """
        if not self._first.wait(timeout):
            raise WorkerDiedError(f"No worker has started within {timeout:g} s.")
        if self._why_closed:
            raise _no_workers(self._why_closed)

    def run(self, function: Callable[..., Any], arguments: tuple[Any, ...], timeout: float | None) -> Future[Any]:
        """Let a worker call a function; cancelling the future ends it at once.

        Raises
        ------
        WorkerDiedError
            When there will be no worker.
        """
        task = _Task(bytes(ForkingPickler.dumps((function, arguments))), timeout)
        with self._changed:
            if self._why_closed:
                raise _no_workers(self._why_closed)
            self._queue.append(task)
            self._changed.notify()
        task.future.add_done_callback(lambda future: task.stop() if future.cancelled() else None)
        return task.future

    def stop(self) -> None:
        """End all workers at once, and let all who wait know."""
        self._close("The workers were stopped.")
        with self._changed:
            living = tuple(self._living)
        for worker in living:
            worker.kill()
        with self._changed:
            self._changed.wait_for(lambda: not self._keepers, _STOP_SECONDS)

    def later(self, errand: Callable[[], None]) -> None:
        """Do something in the thread that tells of answers; may be called from wherever Python collects garbage."""
        self._errands.put(errand)

    def _close(self, reason: str) -> None:
        with self._changed:
            self._why_closed = self._why_closed or reason
            for task in self._queue:
                self._errands.put(partial(self._tell, task, _no_workers(self._why_closed)))
            self._queue.clear()
            self._closed.set()
            self._first.set()
            self._changed.notify_all()

    # Looking after one worker: a thread for each.

    def _keep(self) -> None:
        while (worker := self._next_worker()) is not None:
            while (task := self._next_task(worker)) is not None:
                answer = task.run(worker)
                if answer is not None:
                    self._errands.put(partial(self._tell, task, answer))
            with self._changed:
                self._living.discard(worker)
            worker.end()
        with self._changed:
            self._keepers -= 1
            if not self._keepers:
                self._errands.put(None)
                self._changed.notify_all()

    def _next_worker(self) -> Worker | None:
        """Start a worker, again and again while there is hope."""
        while not self._closed.is_set():
            try:
                worker = self._start()
            except Exception as error:  # noqa: BLE001 - no memory, no thread: the next start may succeed
                self._despair(error)
                continue
            with self._changed:
                self._living.add(worker)  # before it is asked whether all were stopped: then it is among them
                self._failed_starts = 0
            self._first.set()
            return worker
        return None

    def _despair(self, error: Exception) -> None:
        with self._changed:
            self._failed_starts += 1
            failed, alone = self._failed_starts, not self._living
        if failed >= _MOST_FAILED_STARTS and alone:
            reason = str(error) if isinstance(error, WorkerStartError) else f"{type(error).__name__}: {error}"
            self._close(f"The workers cannot be started: {reason}.")
        self._closed.wait(_PAUSE * 2 ** min(failed, _MOST_FAILED_STARTS))

    def _next_task(self, worker: Worker) -> _Task | None:
        """Wait for a task; None when the worker has ended, or all were stopped."""
        with self._changed:
            while not self._why_closed:
                if not worker.lives:
                    self._changed.notify()  # if there is a task, another may be idle
                    return None
                if not self._queue:
                    self._changed.wait()
                elif not (task := self._queue.popleft()).future.cancelled():
                    return task
        return None

    # Telling of answers: one thread.

    def _run_errands(self) -> None:
        while (errand := self._errands.get()) is not None:
            errand()

    def _tell(self, task: _Task, answer: bytes | BaseException) -> None:
        value = _read(answer)
        lost = way_it_was_lost(value)
        if lost:
            task.losses += 1
            if task.losses < MOST_LOSSES and self._take_back(task):
                return
            value = _no_workers(self._why_closed) if task.losses < MOST_LOSSES else lost_too_often(lost)
        if not task.future.set_running_or_notify_cancel():
            return
        if isinstance(value, BaseException):
            task.future.set_exception(value)
        else:
            task.future.set_result(value)

    def _take_back(self, task: _Task) -> bool:
        """Let a task that lost its worker be the next; False when there will be no other worker."""
        with self._changed:
            if self._why_closed:
                return False
            self._queue.appendleft(task)
            self._changed.notify()
            return True


def _read(answer: bytes | BaseException) -> Any:
    if isinstance(answer, BaseException):
        return answer
    try:
        return ForkingPickler.loads(answer)
    except Exception as error:  # noqa: BLE001 - whatever a class does when it is read
        return error


def _no_workers(reason: str) -> WorkerDiedError:
    return WorkerDiedError(reason, "Run the same again, or restart the kernel if that does not help.")
