"""The job handle, mostly without any simulation."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.job import Job, JobControl, add_watcher, jobs, run_blocking
from jesse_nb.core.jobs.progress import Progress
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.rendering import Shown
from jesse_nb.core.tools.optimize.optimize import optimize
from jesse_nb.exceptions import InputError, JobCancelledError, JobError, JobInterruptedError
from tests.conftest import EXCHANGE
from tests.jobs.strategies import CROSSING


def counting(control: JobControl) -> int:
    for number in range(5):
        control.update(phase=f"phase {number}", done=number + 1, total=5)
    return 42


def until_cancelled(control: JobControl) -> str:
    control.partial(lambda: "partly")
    control.update(phase="waiting", done=3, total=10)
    while not control.cancelled:
        time.sleep(0.01)
    return "kept"


def test_a_job_gives_its_result_and_tells_of_every_phase() -> None:
    seen: list[Progress] = []
    job: Job[int] = Job("test", "counting", counting)
    job.subscribe(seen.append)
    assert job.start().result(5) == 42
    assert job.state == "finished"
    assert [progress.phase for progress in seen[:5]] == [f"phase {number}" for number in range(5)]
    assert seen[-1].state == "finished"
    assert seen[-1].fraction == 1.0
    assert job in jobs()
    assert "counting, finished, 5 of 5 done" in repr(job)


def test_a_job_that_has_its_result_keeps_nothing_else_of_its_work() -> None:
    class Work:
        def run(self, control: JobControl) -> int:
            control.partial(self.so_far)
            control.board(self.board)
            return 42

        def so_far(self) -> int:
            return 41

        def board(self) -> dict[str, int]:
            return {"trials": 3}

    class Plan:
        def work(self, control: JobControl) -> int:
            work = Work()
            kept.append(weakref.ref(work))
            return work.run(control)

    plan = Plan()
    kept: list[weakref.ref[Any]] = [weakref.ref(plan)]
    job: Job[int] = Job("test", "forgetful", plan.work)
    del plan
    assert job.start().result(5) == job.partial_result() == 42
    assert job.board() == {"trials": 3}
    gc.collect()
    assert [reference() for reference in kept] == [None, None]


def test_no_job_that_is_over_holds_its_run_store(tmp_path: Path, candle_store: CandleStore) -> None:
    for number in range(6):
        optimize(CROSSING, "BTC-USDT", "1h", "2023-02-01", "2023-02-04", n_trials=2, neighbours=0, seed=number,
                 exchange=EXCHANGE, candles=candle_store, store=tmp_path, n_jobs=1, check_first=False)

    def held() -> list[RunStore]:
        gc.collect()
        return [thing for thing in gc.get_objects()
                if isinstance(thing, RunStore) and thing.place.startswith(str(tmp_path))]

    until = time.monotonic() + 30
    while len(held()) > 2 and time.monotonic() < until:  # a thread that ends may have one on its stack
        time.sleep(0.1)
    assert len(stores := held()) <= 2, [gc.get_referrers(store) for store in stores]


def test_a_long_session_keeps_the_results_of_the_last_jobs_and_of_those_in_use() -> None:
    class Result(Shown):  # what knows its job, which holds it
        pass

    def ended() -> Job[Result]:
        job: Job[Result] = Job("test", "one of many", lambda control: Result()).start()
        job.wait(5)
        return job

    running = Job("test", "still here", until_cancelled).start()
    in_use = ended()
    results = [weakref.ref(ended().result()) for _ in range(25)]
    gc.collect()
    alive = [result() is not None for result in results]
    assert alive[:4] == [False] * 4
    assert alive[-20:] == [True] * 20
    listed = jobs()
    assert listed[-1].result() is results[-1]()
    assert running in listed
    assert in_use in listed
    assert in_use.result().job is in_use
    starts = [int(job.id.rpartition("-")[2]) for job in listed]
    assert starts == sorted(starts)
    running.cancel()


def test_who_subscribes_too_late_hears_of_the_end() -> None:
    job = Job("test", "late", counting).start()
    job.wait(5)
    seen: list[Progress] = []
    job.subscribe(seen.append)()
    assert [progress.state for progress in seen] == ["finished"]


def test_subscribers_hear_at_most_ten_times_a_second() -> None:
    def busy(control: JobControl) -> None:
        ended = time.monotonic() + 0.55
        while time.monotonic() < ended:
            control.update(done=1)

    seen: list[Progress] = []
    job: Job[None] = Job("test", "busy", busy)
    job.subscribe(seen.append)
    job.start().wait(5)
    assert 3 <= len(seen) <= 8


def test_a_subscriber_that_fails_does_not_fail_the_job() -> None:
    job: Job[int] = Job("test", "brittle", counting)
    job.subscribe(lambda progress: 1 / 0)  # type: ignore[arg-type, return-value]
    assert job.start().result(5) == 42


def test_cancelling_keeps_what_has_finished() -> None:
    job = Job("test", "cancelled", until_cancelled).start()
    assert not job.wait(0.05)
    assert job.partial_result() == "partly"
    job.cancel()
    with pytest.raises(JobCancelledError, match="partial_result"):
        job.result(5)
    assert job.state == "cancelled"
    assert job.partial_result() == "kept"


def test_an_error_of_the_work_is_raised_where_the_result_is_asked_for() -> None:
    def wrong(control: JobControl) -> None:
        raise InputError("The answer is 41.", "It is 42.")

    job = Job("test", "wrong", wrong).start()
    with pytest.raises(InputError, match="It is 42"):
        job.result(5)
    assert job.state == "failed"
    assert job.progress.message == "The answer is 41. It is 42."


def test_a_fault_of_ours_is_not_swallowed() -> None:
    job = Job("test", "faulty", lambda control: 1 / 0).start()
    with pytest.raises(ZeroDivisionError):
        job.result(5)
    assert job.state == "failed"


def test_a_result_that_takes_too_long_is_said() -> None:
    job = Job("test", "slow", until_cancelled).start()
    with pytest.raises(JobError, match="still running after 0"):
        job.result(0.05)
    job.cancel()


def test_watchers_hear_of_new_jobs_until_they_leave() -> None:
    seen: list[str] = []
    remove = add_watcher(lambda job: seen.append(job.title))
    Job("test", "first", counting).start().wait(5)
    remove()
    Job("test", "second", counting).start().wait(5)
    assert seen == ["first"]


def test_an_interrupt_returns_within_a_second_and_holds_the_job() -> None:
    job = Job("test", "interrupted", until_cancelled).start()
    threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    with pytest.raises(JobInterruptedError, match="after 3 of 10; what finished is kept") as caught:
        run_blocking(job)
    assert time.monotonic() - began < 1.2
    assert caught.value.job is job
    assert job.partial_result() == "kept"
