"""Workers in place of processes: they answer, die and hang when the test says so."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import TimeoutError as FutureTimeoutError
from multiprocessing.reduction import ForkingPickler
from typing import Any

from jesse_nb.core.jobs.failures import WorkerLostError
from jesse_nb.core.jobs.local.process import WorkerStartError

__all__ = ["FakeWorker", "Machine"]


class FakeWorker:
    """One worker; ``task`` is the argument of what it has, None while it has nothing."""

    def __init__(self, machine: Machine) -> None:
        self.task: Any = None
        self.dead = self.killed = self.ended = False
        self._events: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._machine = machine

    @property
    def lives(self) -> bool:
        return not self.dead

    def ask(self, task: bytes, timeout: float | None) -> bytes:
        assert self.task is None, "two tasks at once"
        _, (self.task,) = ForkingPickler.loads(task)
        self._machine.begun.append(self.task)
        try:
            if self.dead:
                raise WorkerLostError("by signal SIGKILL")
            event = self._events.get()
            if event == "die":
                raise WorkerLostError("by signal SIGKILL")
            if event == "time out":
                self.kill()
                raise FutureTimeoutError
            return bytes(ForkingPickler.dumps(("answer", self.task)))
        finally:
            self.task = None

    def answer(self) -> None:
        self._events.put("answer")

    def time_out(self) -> None:
        self._events.put("time out")

    def die(self) -> None:
        """End it from outside."""
        self.dead = True
        self._events.put("die")

    def kill(self) -> None:
        self.killed = True
        self.die()

    def end(self) -> None:
        self.kill()
        self.ended = True


class Machine:
    """Where they are started: at once, not before :meth:`let_start`, or not at all while ``broken``."""

    def __init__(self) -> None:
        self.workers: list[FakeWorker] = []
        self.begun: list[Any] = []
        self.broken = False
        self._may_start = threading.Event()
        self._may_start.set()

    def start(self) -> FakeWorker:
        self._may_start.wait(10)
        if self.broken:
            raise WorkerStartError("no more processes")
        worker = FakeWorker(self)
        self.workers.append(worker)
        return worker

    def hold_starts(self) -> None:
        self._may_start.clear()

    def let_start(self) -> None:
        self._may_start.set()

    @property
    def living(self) -> list[FakeWorker]:
        return [worker for worker in tuple(self.workers) if worker.lives]

    @property
    def busy(self) -> list[FakeWorker]:
        return [worker for worker in self.living if worker.task is not None]
