"""Real workers and strategies that misbehave: each fails alone, and nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.failures import failure_of
from jesse_nb.core.jobs.job import Job
from jesse_nb.core.jobs.local.process import WorkerProcess
from jesse_nb.core.jobs.pool import LocalPool, local_pool, stop_local_pool
from jesse_nb.core.jobs.worker import describe
from jesse_nb.core.simulator.spec import Route
from jesse_nb.core.simulator.strategies.strategy import resolve_strategy
from jesse_nb.core.tools.backtest.backtest import backtest
from jesse_nb.core.tools.optimize.optimize import optimize
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
from jesse_nb.exceptions import (
    AllTrialsFailedError,
    JobCancelledError,
    StrategyCrashError,
    TrialMemoryError,
    TrialTimeoutError,
    WorkerDiedError,
)
from tests.jobs.strategies import CROSSING, hostile

PERIOD = ("2023-03-01", "2023-03-21")

HOSTILE = {
    "raises": ("raise ZeroDivisionError('boom')", "ZeroDivisionError: boom"),
    "exits": ("os._exit(1)", "ended with exit code 1"),
    "exits with zero": ("os._exit(0)", "ended with exit code 0"),
    "sys.exit": ("sys.exit(0)", "SystemExit"),
    "interrupts": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "is killed": ("os.kill(os.getpid(), 9)", "by signal SIGKILL"),
    "loops": ("\n            while True: pass", "took longer than 3 s"),
    "sleeps": ("time.sleep(3600)", "took longer than 3 s"),
    "allocates": ("self.hoard = [bytes(10**8) for _ in range(10**6)]", "ran out of memory"),
    "recurses": ("(lambda f: f(f))(lambda f: f(f))", "RecursionError"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_strategy_fails_alone(name: str, candle_store: CandleStore) -> None:
    act, reason = HOSTILE[name]
    limits = {"trial_timeout": 3 if "longer than 3 s" in reason else 60, "memory_limit": 2**30}
    result = optimize(
        hostile(act), "BTC-USDT", "1h", *PERIOD, test_ratio=0, n_trials=6, sampler="grid", n_jobs=2, **limits,
        candles=candle_store, metric="profit", neighbours=0, parity=False,
    )
    assert len(result.trials) == 6
    failed = [trial for trial in result.trials if trial.state == "failed"]
    assert [trial.params for trial in failed] == [{"bad": 3}]
    assert reason in failed[0].reason
    assert sum(trial.scored for trial in result.trials) == 5
    assert sum(result.failures.values()) == 1


def test_one_backtest_says_what_the_strategy_did(candle_store: CandleStore) -> None:
    def run(act: str, **limits: float) -> None:
        backtest(hostile(act), "BTC-USDT", "1h", *PERIOD, hyperparameters={"bad": 3}, candles=candle_store, **limits)

    with pytest.raises(StrategyCrashError, match=r"in should_long, line \d+: `x = self.hp\['missing'\]`") as caught:
        run("x = self.hp['missing']")
    assert "KeyError" in caught.value.details
    with pytest.raises(WorkerDiedError, match="exit code 9"):
        run("os._exit(9)")
    with pytest.raises(TrialTimeoutError, match="trial_timeout"):
        run("time.sleep(60)", trial_timeout=1.0)
    with pytest.raises(TrialMemoryError, match="memory_limit"):
        run("self.hoard = bytearray(2**31)", memory_limit=2**30)


def test_workers_take_no_part_in_pytest_and_leave_alone_what_was_imported(candle_store: CandleStore) -> None:
    act = "import gc, jesse.helpers as jh; print(jh.is_unit_testing(), gc.get_freeze_count() > 10_000)"
    result = backtest(hostile(act), "BTC-USDT", "1h", *PERIOD, hyperparameters={"bad": 3}, candles=candle_store)
    assert set(result.output.splitlines()) == {"False True"}


def test_a_study_whose_every_trial_fails_ends_early_and_says_why(candle_store: CandleStore) -> None:
    broken = CROSSING.replace('ta.sma(self.candles, self.hp["fast"]) >', "1 / 0 >")
    with pytest.raises(AllTrialsFailedError, match=r"All 1\d trials failed: .*ZeroDivisionError"):
        optimize(broken, "BTC-USDT", "1h", *PERIOD, test_ratio=0, n_trials=500, candles=candle_store)


def test_workers_ignore_an_interrupt(candle_store: CandleStore) -> None:
    pool = local_pool()
    pool.ready(30)
    time.sleep(1.0)  # one that was forked this instant does not ignore anything yet; the pool would replace it
    workers = _workers(os.getpid())
    assert len(workers) >= pool.size
    for worker in workers:
        worker.send_signal(2)
    time.sleep(0.3)
    assert all(worker.is_running() for worker in workers)
    assert backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, candles=candle_store).metrics["total"] > 0


SCRIPT = """
import os, sys
import jesse_nb.core.tools.optimize.optimize as tool
from jesse_nb.core.candles import CandleStore
print("main runs", flush=True)
job = tool.optimize({source!r}, "BTC-USDT", "1h", "2023-03-01", "2023-12-01", n_trials=10_000, seed=5,
                    candles=CandleStore({candles!r}), background=True)
while job.progress.done < 4:
    job.wait(0.05)
print("working", os.getpid(), flush=True)
{then}
"""


def _start(then: str, candle_store: CandleStore, tmp_path: Path) -> subprocess.Popen[str]:
    """Run a script without a main guard, so that a worker that imported it would start all over."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT).format(source=CROSSING, candles=str(candle_store.root), then=then))
    environment = {**os.environ, "JESSE_NB_STORE": str(tmp_path / "store")}
    environment.pop("PYTEST_CURRENT_TEST", None)
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == "main runs\n"
    assert process.stdout.readline().startswith("working"), "a worker ran the script again"
    return process


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _workers(parent: int) -> list[psutil.Process]:
    return [child for child in psutil.Process(parent).children(recursive=True)
            if child.status() != psutil.STATUS_ZOMBIE and "forkserver" in " ".join(child.cmdline())
            and child.children() == []]


@pytest.mark.parametrize("end", ["killed", "exits"])
def test_no_process_is_left_a_second_after_the_end(end: str, candle_store: CandleStore, tmp_path: Path) -> None:
    process = _start("import time; time.sleep(60)" if end == "killed" else "", candle_store, tmp_path)
    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    if end == "killed":
        assert len(family) >= 3  # server, resource tracker, workers
        process.kill()
    process.wait(15)
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline and any(_lives(member) for member in family):
        time.sleep(0.02)
    assert not [member for member in family if _lives(member)]


def kill_one(victim: str) -> None:
    """Kill a run, a worker or the workers' server, as soon as there is one."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended by itself meanwhile
            servers = [child for child in psutil.Process().children() if "forkserver" in " ".join(child.cmdline())]
            workers = [worker for server in servers for worker in server.children()]
            runs = [run for worker in workers for run in worker.children()]
            for process in {"run": runs, "worker": workers, "server": servers}[victim][:1]:
                process.kill()
                return
    raise AssertionError(f"there was no {victim} to kill")


@pytest.mark.parametrize("victim", ["run", "worker", "server"])
def test_what_is_killed_from_outside_costs_no_trial(victim: str, candle_store: CandleStore, tmp_path: Path) -> None:
    def run(name: str) -> Job[OptimizeResult]:
        return optimize(CROSSING, "BTC-USDT", "1h", *PERIOD, n_trials=24, seed=5, candles=candle_store, neighbours=0,
                        parity=False, store=str(tmp_path / name), background=True)

    expected = run("undisturbed.sqlite").result(120)
    pool = local_pool()
    job = run("disturbed.sqlite")
    for done in (3, 9, 15):
        while job.progress.done < done and not job.wait(0.01):
            pass
        kill_one(victim)
    result = job.result(120)
    assert [(trial.params, trial.values) for trial in result.trials] == [
        (trial.params, trial.values) for trial in expected.trials]
    assert local_pool() is pool


def test_a_server_that_still_imports_goes_with_its_kernel() -> None:
    script = "from jesse_nb.core.jobs.server import start_server; start_server(); print('up', flush=True); input()"
    kernel = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert kernel.stdout is not None
    assert kernel.stdout.readline() == "up\n"
    time.sleep(0.5)
    family = psutil.Process(kernel.pid).children(recursive=True)
    assert len(family) == 2  # server, resource tracker
    kernel.kill()
    kernel.wait()
    deadline = time.monotonic() + 2.0
    while time.monotonic() < deadline and any(_lives(member) for member in family):
        time.sleep(0.02)
    assert not [member for member in family if _lives(member)]


def test_an_interrupt_while_the_workers_start_does_not_keep_them_from_it() -> None:
    def servers() -> list[psutil.Process]:
        return [child for child in psutil.Process().children() if "forkserver" in " ".join(child.cmdline())]

    stop_local_pool()
    for server in servers():
        server.kill()
        server.wait()
    pool = local_pool()
    deadline = time.monotonic() + 60
    while not servers() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)  # now it imports Jesse
    servers()[0].send_signal(2)
    pool.ready(60)
    assert pool.describe(resolve_strategy(CROSSING), 60).result(60).value.defaults["fast"] == 8


class _SlowToStart(LocalPool):
    """A pool whose workers start when told to: their server takes seconds to import Jesse on a busy machine."""

    def __init__(self, size: int) -> None:
        self.go_on = go_on = threading.Event()

        def start(scratch: str) -> WorkerProcess:
            go_on.wait(60)
            return WorkerProcess(scratch)

        self.start = start
        super().__init__(size)


@pytest.fixture
def slow_pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[_SlowToStart]:
    pool = _SlowToStart(2)
    monkeypatch.setattr("jesse_nb.core.jobs.pool._shared", pool)
    yield pool
    pool.go_on.set()
    pool.stop()


def test_a_job_stops_while_the_workers_start(candle_store: CandleStore, tmp_path: Path, slow_pool: _SlowToStart):
    def start() -> Job[OptimizeResult]:
        return optimize(CROSSING, "BTC-USDT", "1h", *PERIOD, n_trials=20, seed=5, candles=candle_store,
                        store=str(tmp_path / "runs.sqlite"), background=True)

    new = start()
    assert not new.wait(1.0)
    new.cancel()
    assert new.wait(5.0)
    assert (new.state, new.partial_result()) == ("cancelled", None)

    slow_pool.go_on.set()
    result = optimize(CROSSING, "BTC-USDT", "1h", *PERIOD, n_trials=4, seed=5, candles=candle_store,
                      store=str(tmp_path / "runs.sqlite"))
    assert all(trial.scored for trial in result.trials)


def test_a_job_that_the_store_answers_in_part_stops_while_the_workers_start(
    candle_store: CandleStore, tmp_path: Path, slow_pool: _SlowToStart, monkeypatch: pytest.MonkeyPatch
):
    settings = {"seed": 5, "candles": candle_store, "store": str(tmp_path / "runs.sqlite")}
    with monkeypatch.context() as patched:
        patched.setattr("jesse_nb.core.jobs.pool._shared", None)
        optimize(CROSSING, "BTC-USDT", "1h", *PERIOD, n_trials=12, **settings)
        stop_local_pool()
    more = optimize(CROSSING, "BTC-USDT", "1h", *PERIOD, n_trials=300, **settings, background=True)
    deadline = time.monotonic() + 60
    while more.progress.done < 12 and time.monotonic() < deadline:
        time.sleep(0.02)
    more.cancel()
    assert more.wait(5.0)
    assert not slow_pool.go_on.is_set()
    assert more.state == "cancelled"
    assert len(more.partial_result().trials) >= 12


@pytest.mark.parametrize("started", [False, True])
def test_a_pool_that_is_stopped_while_it_starts_says_so(started: bool, candle_store: CandleStore):
    pool = _SlowToStart(1)
    given = pool.describe(resolve_strategy(CROSSING), 60)
    if started:
        pool.go_on.set()
        pool.stop()
    else:
        pool.stop()
        pool.go_on.set()
    error = given.exception(60)
    assert isinstance(failure_of(error), WorkerDiedError | JobCancelledError)
    with pytest.raises(WorkerDiedError):
        pool.describe(resolve_strategy(CROSSING), 60)
    assert not pool.usable


def test_workers_that_cannot_be_started_are_said_and_the_next_pool_is_another(monkeypatch: pytest.MonkeyPatch):
    def start(self: Any) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    with monkeypatch.context() as patched:
        patched.setattr("jesse_nb.core.jobs.worker_process.ProcessWithoutMain.start", start)
        pool = _SlowToStart(1)
        given = pool.describe(resolve_strategy(CROSSING), 60)
        pool.go_on.set()
        error = failure_of(given.exception(60))
    assert isinstance(error, WorkerDiedError)
    assert "restart the kernel" in str(error)
    with pytest.raises(WorkerDiedError, match="restart the kernel"):
        pool.describe(resolve_strategy(CROSSING), 60)
    assert not pool.usable
    monkeypatch.setattr("jesse_nb.core.jobs.pool._shared", pool)
    mended = local_pool()
    assert mended is not pool
    mended.ready(60)
    stop_local_pool()


#: Jesse asks a strategy for its DNA, and its declaration, on its route.
BY_SYMBOL = CROSSING + """
    def dna(self):
        return {"BTC-USDT": "(w", "ETH-USDT": "w("}[self.symbol]
"""


def test_what_a_strategy_declares_is_that_of_its_route() -> None:
    code = resolve_strategy(BY_SYMBOL)
    btc, eth = (describe(code, Route("Binance Spot", symbol, "1h", code.ref)) for symbol in ("BTC-USDT", "ETH-USDT"))
    # the first gene of Jesse's alphabet is the least value, the last one the greatest: fast 2 to 20, slow 21 to 80
    assert btc.value.defaults == {"fast": 2, "slow": 80}
    assert eth.value.defaults == {"fast": 20, "slow": 21}
    assert describe(code).failure  # no route, no symbol
