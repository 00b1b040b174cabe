"""Jobs, dispatch and claims of two kernels on one store, under events in any order: nothing lost, nothing twice.

Everything happens in this thread, one event after another; pools, the store and the clock are the test's own.
"""

from __future__ import annotations

import itertools
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Any
from unittest import mock

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from jesse_nb.core.jobs import claims, dispatch
from jesse_nb.core.jobs.evaluation import Evaluator
from jesse_nb.core.jobs.worker import Answer
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.simulation import Simulation
from tests.jobs.locks import no_callback_under_a_lock
from tests.jobs.store.test_store import make_record, make_spec

SPECS = [make_spec(hyperparameters={"fast": number}) for number in range(8)]


class Disk:
    """What all kernels see: finished runs, and who is at which."""

    def __init__(self) -> None:
        self.runs: dict[str, RunRecord] = {}
        self.holders: dict[str, list[int]] = {}  # the kernel as often as it claimed it


class KernelStore:
    """One kernel's connection to the disk."""

    shared = True

    def __init__(self, disk: Disk, kernel: int) -> None:
        self.disk, self.kernel = disk, kernel
        self.damaged: frozenset[str] = frozenset()

    def get(self, key: str) -> RunRecord | None:
        return self.disk.runs.get(key)

    def stopped(self, key: str) -> None:
        return None

    def put(self, spec: Any, record: RunRecord, check: bool = False) -> None:
        self.disk.runs[spec.key] = record

    def put_failure(self, *_: Any) -> None:
        pass

    def claim(self, keys: Any) -> set[str]:
        """As PostgreSQL's locks: two jobs of a kernel may hold one, and each gives its own up."""
        ours = {key for key in keys if self.kernel in self.disk.holders.get(key, [self.kernel])}
        for key in ours:
            self.disk.holders.setdefault(key, []).append(self.kernel)
        return ours

    def release(self, keys: Any) -> None:
        for key in keys:
            self.disk.holders[key].remove(self.kernel)
            if not self.disk.holders[key]:
                del self.disk.holders[key]

    def which_finished(self, keys: Any) -> dict[str, float]:
        return {key: 0.0 for key in keys if key in self.disk.runs}


class Pool:
    """Takes tasks, and ends them when the test says so."""

    def __init__(self, disk: Disk, size: int) -> None:
        self.size, self.ahead, self.disk = size, 1, disk
        self.tasks: list[tuple[str, Future[Answer]]] = []

    def submit(self, simulation: Simulation, timeout: float | None, memory_limit: int | None) -> Future[Answer]:
        assert simulation.spec.key not in self.disk.runs, "simulated again"
        future: Future[Answer] = Future()
        self.tasks.append((simulation.spec.key, future))
        return future

    @property
    def running(self) -> list[tuple[str, Future[Answer]]]:
        return [(key, future) for key, future in self.tasks if not future.done()]

    def end(self, which: int, answer: Answer) -> None:
        if self.running:
            self.running[which % len(self.running)][1].set_result(answer)


class Job:
    """One evaluator, what it was asked and what it was told."""

    def __init__(self, kernel: Kernel) -> None:
        self.runs = Evaluator(lambda: kernel.pool, kernel.store, lambda spec: Simulation(spec, (), ()),  # type: ignore[arg-type,return-value]
                              limit=kernel.limit, trial_timeout=None, memory_limit=None)
        self.open: dict[int, Any] = {}

    def fetch(self) -> None:
        for _ in range(len(self.open) + 1):
            answer = self.runs.next(0)
            if answer is None:
                break
            ticket, outcome = answer
            spec = self.open.pop(ticket)  # type: ignore[call-overload]  # once, and only what was asked
            assert outcome.spec == spec
            assert outcome.record is not None or outcome.error is not None


class Kernel:
    def __init__(self, disk: Disk, number: int, size: int, limit: int) -> None:
        self.size, self.limit = size, limit
        self.store = KernelStore(disk, number)
        self.pool = Pool(disk, size)
        self.jobs = [Job(self), Job(self)]


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


class TwoKernels(RuleBasedStateMachine):
    """Jobs ask, simulations end and fail, jobs are cancelled, kernels are killed."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.wrong = self.stack.enter_context(no_callback_under_a_lock(dispatch))
        self.clock, self.disk = Clock(), Disk()
        for module in (claims, dispatch):
            self.stack.enter_context(mock.patch.object(module, "time", self.clock))
        self.numbers = itertools.count()
        self.kernels: list[Kernel] = []

    @initialize(sizes=st.tuples(st.integers(1, 3), st.integers(1, 3)), limit=st.integers(1, 3))
    def begin(self, sizes: tuple[int, int], limit: int) -> None:
        self.kernels = [Kernel(self.disk, next(self.numbers), size, limit) for size in sizes]

    @rule(kernel=st.integers(0, 1), job=st.integers(0, 1), spec=st.integers(0, len(SPECS) - 1))
    def ask(self, kernel: int, job: int, spec: int) -> None:
        asked, ticket = self.kernels[kernel].jobs[job], next(self.numbers)
        asked.open[ticket] = SPECS[spec]
        asked.runs.submit(ticket, SPECS[spec])

    @rule(kernel=st.integers(0, 1), which=st.integers(0, 5))
    def a_simulation_ends(self, kernel: int, which: int) -> None:
        self.kernels[kernel].pool.end(which, Answer(make_record()))

    @rule(kernel=st.integers(0, 1), which=st.integers(0, 5))
    def a_simulation_fails(self, kernel: int, which: int) -> None:
        self.kernels[kernel].pool.end(which, Answer(failure="crash", message="ZeroDivisionError: 0"))

    @rule(kernel=st.integers(0, 1), job=st.integers(0, 1))
    def a_job_looks(self, kernel: int, job: int) -> None:
        self.kernels[kernel].jobs[job].fetch()

    @rule()
    def time_passes(self) -> None:
        self.clock.now += 1.0

    @rule(kernel=st.integers(0, 1), job=st.integers(0, 1))
    def a_job_is_cancelled(self, kernel: int, job: int) -> None:
        where = self.kernels[kernel]
        where.jobs[job].runs.cancel()
        where.jobs[job] = Job(where)

    @rule(kernel=st.integers(0, 1))
    def a_kernel_is_killed(self, kernel: int) -> None:
        old = self.kernels[kernel]
        self.disk.holders = {key: who for key, who in self.disk.holders.items() if old.store.kernel not in who}
        self.kernels[kernel] = Kernel(self.disk, next(self.numbers), old.size, old.limit)

    @invariant()
    def nothing_runs_twice(self) -> None:
        running = [key for kernel in self.kernels for key, _ in kernel.pool.running]
        assert len(running) == len(set(running))

    @invariant()
    def nobody_has_more_than_fits(self) -> None:
        for kernel in self.kernels:
            assert len(kernel.pool.running) <= kernel.size + kernel.pool.ahead

    @invariant()
    def nobody_is_called_under_a_lock(self) -> None:
        assert not self.wrong

    def teardown(self) -> None:
        """All who still wait are answered once simulations go on ending."""
        with self.stack:
            rounds = 20 * len(SPECS)
            while any(job.open for kernel in self.kernels for job in kernel.jobs):
                rounds -= 1
                assert rounds, [job.open for kernel in self.kernels for job in kernel.jobs]
                self.clock.now += 1.0
                for kernel in self.kernels:
                    kernel.pool.end(0, Answer(make_record()))
                    for job in kernel.jobs:
                        job.fetch()
                self.nothing_runs_twice()
            assert not any(kernel.pool.running for kernel in self.kernels)
            assert not self.disk.holders
            assert not self.wrong


TestTwoKernels = TwoKernels.TestCase
TestTwoKernels.settings = settings(max_examples=100, stateful_step_count=40, deadline=None, derandomize=True,
                                   database=None, phases=[Phase.generate])
