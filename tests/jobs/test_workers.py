"""Workers in threads of their own, with fakes in place of processes: whatever ends when, no task is lost or stuck."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import ExitStack
from typing import Any
from unittest import mock

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from jesse_nb.core.jobs.local import workers as room
from jesse_nb.core.jobs.local.workers import Workers
from jesse_nb.exceptions import WorkerDiedError
from tests.jobs.fake_workers import FakeWorker, Machine
from tests.jobs.locks import no_callback_under_a_lock

#: Threads answer within milliseconds; this is for a busy machine, and its passing is a failure.
SECONDS = 20.0


def work(number: int) -> None:
    raise AssertionError("only its name is sent")


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.001)
    return holds()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_PAUSE", 0.001)


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def workers(machine: Machine) -> Iterator[Workers]:
    workers = Workers(1, machine.start)
    yield workers
    workers.stop()


def give(workers: Workers, number: int) -> Future[Any]:
    return workers.run(work, (number,), None)


def has(machine: Machine, number: int) -> FakeWorker:
    """Wait until a worker has this task, and return it."""
    assert eventually(lambda: any(worker.task == number for worker in machine.busy))
    return next(worker for worker in machine.busy if worker.task == number)


def test_what_loses_its_worker_gets_another(workers: Workers, machine: Machine) -> None:
    futures = [give(workers, number) for number in range(3)]
    has(machine, 0).die()
    for _ in range(3):
        assert eventually(lambda: bool(machine.busy))
        answered = machine.busy[0].task
        machine.busy[0].answer()
        assert futures[answered].result(SECONDS) == ("answer", answered)
    assert sorted(machine.begun) == [0, 0, 1, 2]
    assert len(machine.workers) == 2


def test_what_ends_three_workers_fails_and_it_alone(workers: Workers, machine: Machine) -> None:
    culprit, other = give(workers, 0), give(workers, 1)
    while not culprit.done():
        for worker in machine.busy:
            task = worker.task
            (worker.answer if task else worker.die)()
            assert eventually(lambda worker=worker, task=task: worker.task != task)
    error = culprit.exception(SECONDS)
    assert isinstance(error, WorkerDiedError)
    assert "by signal SIGKILL, in each of 3 attempts" in str(error)
    if not other.done():
        has(machine, 1).answer()
    assert other.result(SECONDS) == ("answer", 1)
    assert machine.begun.count(0) == 3


def test_a_cancel_and_a_time_limit_are_not_tried_again(workers: Workers, machine: Machine) -> None:
    cancelled, slow, other = (give(workers, number) for number in range(3))
    worker = has(machine, 0)
    cancelled.cancel()
    assert worker.killed
    has(machine, 1).time_out()
    assert isinstance(slow.exception(SECONDS), FutureTimeoutError)
    has(machine, 2).answer()
    assert other.result(SECONDS) == ("answer", 2)
    assert machine.begun == [0, 1, 2]


def test_an_idle_worker_that_was_killed_gets_no_task(workers: Workers, machine: Machine) -> None:
    workers.ready(SECONDS)
    machine.living[0].die()
    has_it = give(workers, 0)
    has(machine, 0).answer()
    assert has_it.result(SECONDS) == ("answer", 0)
    assert machine.begun == [0]


def test_whoever_asks_for_more_while_he_is_told_does_not_wait_for_himself(machine: Machine) -> None:
    """What waits while workers start is told that there will be none, and asks for the next in the same breath."""
    machine.broken = True
    machine.hold_starts()
    workers = Workers(2, machine.start)
    refused: list[str] = []

    def ask_again(_: Future[Any]) -> None:
        try:
            give(workers, 9)
        except WorkerDiedError as error:
            refused.append(str(error))

    futures = [give(workers, number) for number in range(4)]
    for future in futures:
        future.add_done_callback(ask_again)
    machine.let_start()
    for future in futures:
        assert "The workers cannot be started: no more processes." in str(future.exception(SECONDS))
    assert eventually(lambda: len(refused) == 4)
    assert not workers.usable
    with pytest.raises(WorkerDiedError, match="cannot be started"):
        workers.ready(SECONDS)


def test_starts_that_fail_for_a_while_are_made_again(workers: Workers, machine: Machine) -> None:
    workers.ready(SECONDS)
    machine.broken = True
    machine.living[0].die()
    future = give(workers, 0)
    assert eventually(lambda: workers._failed_starts > 2)
    machine.broken = False
    has(machine, 0).answer()
    assert future.result(SECONDS) == ("answer", 0)


def test_no_kind_of_error_leaves_anybody_waiting(workers: Workers, machine: Machine) -> None:
    class Odd(FakeWorker):
        def ask(self, task: bytes, timeout: float | None) -> bytes:
            super().ask(task, timeout)
            raise MemoryError

    workers.ready(SECONDS)
    odd = machine.living[0]
    odd.__class__ = Odd
    future = give(workers, 0)
    has(machine, 0).answer()
    assert isinstance(future.exception(SECONDS), MemoryError)
    assert eventually(lambda: odd.ended)

    def start() -> FakeWorker:
        raise RuntimeError("can't start new thread")

    helpless = Workers(2, start)
    assert "cannot be started: RuntimeError: can't start new thread" in str(give(helpless, 0).exception(SECONDS))


def test_an_answer_that_cannot_be_read_fails_its_task_only(workers: Workers, machine: Machine) -> None:
    class Odd(FakeWorker):
        def ask(self, task: bytes, timeout: float | None) -> bytes:
            super().ask(task, timeout)
            return b"no pickle"

    workers.ready(SECONDS)
    machine.living[0].__class__ = Odd
    future, other = give(workers, 0), give(workers, 1)
    has(machine, 0).answer()
    assert future.exception(SECONDS) is not None
    machine.living[0].__class__ = FakeWorker
    has(machine, 1).answer()
    assert other.done() or eventually(other.done)


class AnythingHappens(RuleBasedStateMachine):
    """Tasks come, workers answer, die, hang and cannot be started, and jobs are stopped, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.wrong = self.stack.enter_context(no_callback_under_a_lock(room))
        self.stack.enter_context(mock.patch.object(room, "_PAUSE", 0.001))
        self.machine = Machine()
        self.futures: list[Future[Any]] = []
        self.losses: dict[int, int] = {}
        self.expected: dict[int, str] = {}
        self.told: list[int] = []

    @initialize(size=st.integers(1, 3), held=st.booleans(), end=st.sampled_from(["finish", "stop", "break"]))
    def begin(self, size: int, held: bool, end: str) -> None:
        self.size, self.end, self.held = size, end, held
        if held:
            self.machine.hold_starts()
        self.workers = Workers(size, self.machine.start)

    @rule()
    def give(self) -> None:
        number = len(self.futures)
        future = give(self.workers, number)
        self.futures.append(future)
        self.losses[number] = 0
        future.add_done_callback(lambda _: self.told.append(number))
        self.settle()

    # No rule has a precondition: what is open to choose must not depend on the threads' timing.

    @rule(which=st.integers(0, 2), what=st.sampled_from(["answer", "die", "die", "time out"]))
    def something_happens_to_a_task(self, which: int, what: str) -> None:
        busy = self.machine.busy
        if not busy:
            return
        worker = busy[which % len(busy)]
        number = worker.task
        {"answer": worker.answer, "die": worker.die, "time out": worker.time_out}[what]()
        if what == "die":
            self.losses[number] += 1
        if what != "die" or self.losses[number] == 3:
            self.expected[number] = what
        self.settle()

    @rule()
    def an_idle_worker_dies(self) -> None:
        for worker in [worker for worker in self.machine.living if worker.task is None][:1]:
            worker.die()
        self.settle()

    @rule(which=st.integers(0, 99))
    def cancel(self, which: int) -> None:
        if not self.open:
            return
        number = self.open[which % len(self.open)]
        running = [worker for worker in self.machine.busy if worker.task == number]
        self.expected[number] = "cancel"
        self.futures[number].cancel()
        assert all(worker.killed for worker in running)
        self.settle()

    @rule()
    def starts_are_held(self) -> None:
        self.held = True
        self.machine.hold_starts()

    @rule()
    def starts_go_on(self) -> None:
        self.held = False
        self.machine.let_start()
        self.settle()

    @invariant()
    def nobody_is_called_under_a_lock(self) -> None:
        assert not self.wrong

    @property
    def open(self) -> list[int]:
        return [number for number in range(len(self.futures)) if number not in self.expected]

    def settle(self) -> None:
        """Nothing waits while a worker is idle; what has ended is told, once."""
        def calm() -> bool:
            room_for = len(self.machine.living) if self.held else self.size
            return (len(self.machine.busy) == min(room_for, len(self.open))
                    and sorted(self.told) == sorted(self.expected))

        assert eventually(calm), (self.open, self.told, self.expected, self.machine.begun)
        for number in self.machine.begun:
            assert self.machine.begun.count(number) <= self.losses[number] + 1
        for number, what in self.expected.items():
            self.check(self.futures[number], number, what)

    @staticmethod
    def check(future: Future[Any], number: int, what: str) -> None:
        if what == "cancel":
            assert future.cancelled()
        elif what == "answer":
            assert future.result(0) == ("answer", number)
        else:
            assert isinstance(future.exception(0), WorkerDiedError if what == "die" else FutureTimeoutError)

    def teardown(self) -> None:
        with self.stack:
            if hasattr(self, "workers"):
                self.finish()

    def finish(self) -> None:
        if self.end == "finish":
            self.starts_go_on()
            while self.open:
                self.something_happens_to_a_task(0, "answer")
        elif self.end == "break":
            self.machine.broken = True
            self.machine.let_start()
            waiting = self.open
            deadline = time.monotonic() + SECONDS
            while (waiting or self.workers.usable) and time.monotonic() < deadline and self.open:
                for worker in self.machine.living:
                    worker.die()
                waiting = [number for number in self.open if not self.futures[number].done()]
                time.sleep(0.001)
                if not waiting:
                    break
            assert not waiting
        self.workers.stop()
        self.machine.let_start()
        assert eventually(lambda: all(future.done() for future in self.futures))
        assert eventually(lambda: all(worker.ended for worker in self.machine.workers))
        assert sorted(self.told) == list(range(len(self.futures)))
        assert not self.wrong


TestAnythingHappens = AnythingHappens.TestCase
TestAnythingHappens.settings = settings(max_examples=60, stateful_step_count=25, deadline=None, derandomize=True,
                                        database=None, phases=[Phase.generate])
