"""Scheduling, with a pool that answers at once in place of the simulator."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from jesse_nb.core.jobs.evaluation import Evaluator
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.jobs.worker import Answer
from jesse_nb.core.simulator.simulation import Simulation
from jesse_nb.exceptions import StorageError, StrategyCrashError
from tests.jobs.store.test_store import make_record, make_spec


class PatientPool:
    """Keeps tasks until the test lets them finish."""

    ahead = 1

    def __init__(self, size: int = 2) -> None:
        self.size = size
        self.tasks: list[tuple[Simulation, Future[Answer]]] = []

    def submit(self, simulation: Simulation, timeout: float | None, memory_limit: int | None) -> Future[Answer]:
        future: Future[Answer] = Future()
        self.tasks.append((simulation, future))
        return future

    def describe(self, code: Any, timeout: float) -> Future[Answer]:
        raise AssertionError

    def finish(self, answer: Answer | None = None) -> None:
        _, future = self.tasks.pop(0)
        future.set_result(answer or Answer(make_record()))


@pytest.fixture
def pool() -> PatientPool:
    return PatientPool()


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs.sqlite")


def evaluator(pool: PatientPool, store: RunStore, limit: int = 2) -> Evaluator:
    return Evaluator(lambda: pool, store, lambda spec: Simulation(spec, (), ()), limit=limit, trial_timeout=5,
                     memory_limit=None)


def spec(number: int) -> Any:
    return make_spec(hyperparameters={"fast": number})


def test_never_more_in_flight_than_may_be(pool: PatientPool, store: RunStore) -> None:
    runs = evaluator(pool, store)
    for number in range(9):
        runs.submit(number, spec(number))
    assert len(pool.tasks) == 3  # two may run, and one waits so that no worker does
    pool.finish()
    assert runs.next(1)[0] == 0  # type: ignore[index]
    assert len(pool.tasks) == 3


def test_one_job_of_several_leaves_room(store: RunStore) -> None:
    pool = PatientPool(size=4)
    runs = evaluator(pool, store, limit=2)
    for number in range(9):
        runs.submit(number, spec(number))
    assert len(pool.tasks) == 2


def test_a_spec_runs_once_however_often_it_is_asked_for(pool: PatientPool, store: RunStore) -> None:
    runs = evaluator(pool, store)
    for ticket in ("a", "b", "c"):
        runs.submit(ticket, spec(1))
    assert len(pool.tasks) == 1
    pool.finish()
    outcomes = [runs.next(1) for _ in range(3)]
    assert [(ticket, outcome.reused) for ticket, outcome in outcomes] == [  # type: ignore[misc]
        ("a", False), ("b", True), ("c", True)]
    runs.submit("later", spec(1))
    assert not pool.tasks
    assert runs.next(0)[1].reused  # type: ignore[index]
    assert runs.simulated == 1


def test_what_finished_before_a_cancel_is_kept_and_nothing_else_starts(pool: PatientPool, store: RunStore) -> None:
    runs = evaluator(pool, store)
    for number in range(6):
        runs.submit(number, spec(number))
    futures = [future for _, future in pool.tasks]
    pool.finish()
    runs.cancel()
    assert runs.next(0)[0] == 0  # type: ignore[index]
    assert runs.pending == 0
    assert all(future.cancelled() for future in futures[1:])
    runs.submit("unknown", spec(77))
    assert runs.pending == 0
    runs.submit("known", spec(0))
    assert runs.next(0)[1].reused  # type: ignore[index]


def test_a_failure_is_an_outcome_and_is_tried_again(pool: PatientPool, store: RunStore) -> None:
    runs = evaluator(pool, store)
    runs.submit("first", spec(1))
    pool.finish(Answer(failure="crash", message="ZeroDivisionError: division by zero", details="line 3"))
    _, outcome = runs.next(1)  # type: ignore[misc]
    assert isinstance(outcome.error, StrategyCrashError)
    assert "ZeroDivisionError" in str(outcome.error)
    assert outcome.error.details == "line 3"
    runs.submit("second", spec(1))
    assert len(pool.tasks) == 1


def test_a_disk_that_fills_up_costs_no_result(pool: PatientPool, store: RunStore, monkeypatch: Any) -> None:
    def full(*args: Any, **kind: Any) -> None:
        raise StorageError("Cannot write the run store: database or disk is full.")

    monkeypatch.setattr(store, "put", full)
    runs = evaluator(pool, store)
    runs.submit("run", spec(1))
    pool.finish()
    _, outcome = runs.next(1)  # type: ignore[misc]
    assert outcome.record is not None
    assert "full" in str(runs.storage_error)


def test_waiting_for_nothing_gives_nothing(pool: PatientPool, store: RunStore) -> None:
    assert evaluator(pool, store).next(0.01) is None
