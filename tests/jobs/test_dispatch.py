"""Which job's simulation is next, with a pool whose simulations end when a clock of the test's own says so."""

from __future__ import annotations

import heapq
import itertools
from concurrent.futures import Future
from typing import Any

import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs import dispatch
from jesse_nb.core.jobs.dispatch import Dispatcher, JobQueue, SharedFuture, dispatcher_of
from jesse_nb.core.jobs.pool import local_pool
from jesse_nb.core.jobs.worker import Answer
from jesse_nb.core.simulator.simulation import Simulation
from jesse_nb.core.tools.optimize.optimize import optimize
from jesse_nb.exceptions import WorkerDiedError
from tests.jobs.store.test_store import make_spec
from tests.jobs.strategies import CROSSING


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


class TimedPool:
    """Workers that take tasks in their order, each for the seconds that its ``fast`` says."""

    def __init__(self, clock: Clock, size: int = 2, ahead: int = 1) -> None:
        self.size = size
        self.ahead = ahead
        self.queue: list[tuple[float, Future[Answer]]] = []
        self.running: list[tuple[float, int, Future[Answer]]] = []
        self.most_queued = 0
        self.idle = 0.0
        self._clock = clock
        self._numbers = itertools.count()

    def submit(self, simulation: Simulation, timeout: float | None, memory_limit: int | None) -> Future[Answer]:
        future: Future[Answer] = Future()
        self.queue.append((simulation.spec.hyperparameters["seconds"], future))
        self._take()
        self.most_queued = max(self.most_queued, len(self.queue))
        return future

    def describe(self, code: Any, timeout: float) -> Future[Answer]:
        raise AssertionError

    def step(self) -> None:
        """Go on to the next end of a task."""
        end, _, future = heapq.heappop(self.running)
        self.idle += (self.size - 1 - len(self.running)) * (end - self._clock.now)
        self._clock.now = end
        if not future.cancelled():
            self._take()
            future.set_result(Answer("done"))

    def _take(self) -> None:
        while self.queue and len(self.running) < self.size:
            seconds, future = self.queue.pop(0)
            heapq.heappush(self.running, (self._clock.now + seconds, next(self._numbers), future))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(dispatch, "time", clock)
    return clock


class Worklist:
    """A job that always wants the next simulation, as an evaluator does."""

    numbers = itertools.count()

    def __init__(self, queue: JobQueue, seconds: float) -> None:
        self.queue, self.seconds, self.done = queue, seconds, 0
        for _ in range(queue.limit + 2):
            self.ask()

    def ask(self) -> None:
        spec = make_spec(hyperparameters={"seconds": self.seconds, "number": next(self.numbers)})
        self.queue.submit(Simulation(spec, (), ()), None, None).add_done_callback(self.take)

    def take(self, future: Future[Answer]) -> None:
        self.done += 1
        self.ask()


@pytest.mark.parametrize("size", [1, 2, 4])
def test_jobs_get_the_same_worker_time_however_long_their_simulations_are(clock: Clock, size: int) -> None:
    pool = TimedPool(clock, size)
    dispatcher = Dispatcher(pool)
    long = Worklist(dispatcher.queue(size), 10.0)
    while clock.now < 35:
        pool.step()
    joined = clock.now
    short = Worklist(dispatcher.queue(size), 0.5)
    before = long.done
    while clock.now < joined + 400:
        pool.step()
    used = [(long.done - before) * 10.0, short.done * 0.5]
    assert sum(used) == pytest.approx(400 * size, rel=0.1)
    assert used[1] == pytest.approx(200 * size, rel=0.15)
    assert pool.most_queued == 1


def test_a_job_alone_keeps_all_workers_busy(clock: Clock) -> None:
    pool = TimedPool(clock, 4)
    job = Worklist(Dispatcher(pool).queue(4), 1.0)
    for _ in range(400):
        pool.step()
    assert (job.done, clock.now, pool.idle) == (400, 100.0, 0.0)


def test_a_pool_that_is_far_away_is_given_more_ahead(clock: Clock) -> None:
    pool = TimedPool(clock, 4, ahead=3)
    dispatcher = Dispatcher(pool)
    job = Worklist(dispatcher.queue(4), 1.0)
    assert len(pool.queue) == 2  # an evaluator asks for more in the same breath; this one keeps two waiting
    for _ in range(40):
        pool.step()
    assert (job.done, pool.most_queued) == (40, 2)
    single = dispatcher.queue(1)
    for number in range(9):
        spec = make_spec(hyperparameters={"seconds": 1.0, "single": number})
        single.submit(Simulation(spec, (), ()), None, None)
    assert len(single.with_pool) <= 1  # a job of less than all workers never has more than it may run


def test_a_job_of_one_worker_is_not_starved_by_one_of_all(clock: Clock) -> None:
    pool = TimedPool(clock, 2)
    dispatcher = Dispatcher(pool)
    long = Worklist(dispatcher.queue(2), 10.0)
    pool.step()
    single = Worklist(dispatcher.queue(1), 0.5)
    began, before = clock.now, long.done
    while clock.now < began + 200:
        pool.step()
        assert single.queue.running <= 1
    assert single.done * 0.5 > 0.85 * (clock.now - began)
    assert (long.done - before) * 10 > 0.9 * (clock.now - began)


def test_the_same_simulation_runs_once_for_two_jobs_and_goes_on_for_the_one_that_stays(clock: Clock) -> None:
    pool = TimedPool(clock)
    dispatcher = Dispatcher(pool)
    first, second = dispatcher.queue(2), dispatcher.queue(2)
    simulations = [Simulation(make_spec(hyperparameters={"seconds": 1.0, "number": n}), (), ()) for n in range(5)]
    mine = [first.submit(one, None, None) for one in simulations]
    theirs = [second.submit(one, None, None) for one in simulations]
    assert [one.joined for one in mine + theirs] == [False] * 5 + [True] * 5
    assert second.submit(simulations[0], 5.0, None).joined is False  # other limits might end otherwise
    for future in mine:
        future.cancel()
    assert first.running == 0
    for _ in range(6):
        pool.step()
    assert [one.result(0).value for one in theirs] == ["done"] * 5
    assert clock.now == 3.0


def test_what_nobody_waits_for_any_more_does_not_start(clock: Clock) -> None:
    pool = TimedPool(clock)
    queue = Dispatcher(pool).queue(2)
    futures: list[SharedFuture] = [
        queue.submit(Simulation(make_spec(hyperparameters={"seconds": 1.0, "number": n}), (), ()), None, None)
        for n in range(6)]
    given = [future for _, _, future in pool.running] + [future for _, future in pool.queue]
    for future in reversed(futures):
        future.cancel()
    assert len(given) == 3
    assert all(future.cancelled() for future in given)
    assert len(pool.running) + len(pool.queue) == 3
    assert not queue.waiting
    assert not queue.with_pool


def test_a_pool_that_was_stopped_is_said_to_all_who_wait(clock: Clock) -> None:
    class Stopped(TimedPool):
        def submit(self, *task: Any) -> Future[Answer]:
            raise WorkerDiedError("The workers were stopped.")

    pool = Stopped(clock)
    queue = dispatcher_of(pool).queue(2)
    simulation = Simulation(make_spec(hyperparameters={"seconds": 1.0}), (), ())
    with pytest.raises(WorkerDiedError, match="stopped"):
        queue.submit(simulation, None, None).result(0)
    with pytest.raises(WorkerDiedError, match="stopped"):
        queue.submit(simulation, None, None)


def test_real_jobs_side_by_side_and_a_pool_that_grows_under_them(candle_store: CandleStore) -> None:
    """A long job neither starves a short one nor dies when a later one wants more workers."""
    options: dict[str, Any] = {"test_ratio": 0, "neighbours": 0, "parity": False, "sampler": "random",
                               "candles": candle_store, "background": True}
    size = local_pool().size
    long = optimize(CROSSING, "BTC-USDT", "1h", "2023-02-01", "2023-08-01", n_trials=2_000, **options)
    while long.progress.done < 1:  # type: ignore[union-attr]
        assert not long.wait(0.05)  # type: ignore[union-attr]
    short = optimize(CROSSING, "BTC-USDT", "1h", "2023-02-01", "2023-02-08", n_trials=6, n_jobs=1, **options)
    before = long.progress.done  # type: ignore[union-attr]
    assert len(short.result(60).trials) == 6  # type: ignore[union-attr]
    beside = long.progress.done - before  # type: ignore[union-attr]
    larger = optimize(CROSSING, "BTC-USDT", "1h", "2023-02-01", "2023-02-07", n_trials=2, n_jobs=size + 1, **options)
    assert len(larger.result(60).trials) == 2  # type: ignore[union-attr]
    now = long.progress.done  # type: ignore[union-attr]
    while long.progress.done < now + 2:  # type: ignore[union-attr]
        assert not long.wait(0.05), long  # type: ignore[union-attr]
    long.cancel()  # type: ignore[union-attr]
    assert long.wait(5)  # type: ignore[union-attr]
    assert beside <= 2 * 6
    assert long.progress.failed == 0  # type: ignore[union-attr]
