"""Two processes on one study with a file store share the work, and one that is killed leaves it to the other."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import jesse_nb
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.evaluation import Evaluator
from jesse_nb.core.jobs.store import RunStore, claims
from jesse_nb.core.simulator.simulation import Simulation
from tests.jobs.store.test_shared_store import PERIOD, SPACE, STRATEGY
from tests.jobs.store.test_store import make_record, make_spec, same
from tests.jobs.test_evaluation import PatientPool

HOLDER = """
import sys, time
from jesse_nb.core.jobs.store import RunStore
store = RunStore(sys.argv[1])
print(sorted(store.claim(sys.argv[2:])), flush=True)
time.sleep(600)
"""


class Other:
    """Another process, which claims runs and keeps them."""

    def __init__(self, path: Path, *keys: str) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path), *keys], stdout=subprocess.PIPE,
                                        text=True)
        assert self.process.stdout is not None
        self.claimed = self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite"


@pytest.fixture
def other(path: Path) -> Any:
    made = Other(path, "a", "b")
    yield made
    made.kill()


def test_a_claim_is_one_processs_until_it_ends(path: Path, other: Other) -> None:
    store = RunStore(path)
    assert other.claimed == "['a', 'b']"
    assert store.claim(["a", "b", "c"]) == {"c"}
    other.kill()
    assert store.claim(["a", "b", "c"]) == {"a", "b", "c"}
    store.release(["a"])
    another = Other(path, "a", "b")
    assert another.claimed == "['a']"
    another.kill()


def test_two_jobs_of_a_process_hold_a_claim_until_both_are_done(path: Path) -> None:
    one, two = RunStore(path), RunStore(path)
    assert one.claim(["a"]) == two.claim(["a"]) == {"a"}
    one.release(["a"])
    first = Other(path, "a")
    assert first.claimed == "[]"
    first.kill()
    two.release(["a"])
    second = Other(path, "a")
    assert second.claimed == "['a']"
    second.kill()


def test_another_machines_process_is_gone_when_it_shows_no_life(path: Path, other: Other) -> None:
    store = RunStore(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE claims SET host = 'elsewhere'")
    assert store.claim(["a", "b"]) == set()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE claims SET alive = alive - 100 WHERE key = 'a'")
    assert store.claim(["a", "b"]) == {"a"}


def test_a_process_shows_that_it_lives_while_it_holds_something(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "_INTERVAL", 0.05)
    store = RunStore(path)
    store.claim(["a"])
    (first,) = store._storage.read("SELECT alive FROM claims")
    until = time.monotonic() + 20
    while store._storage.read("SELECT alive FROM claims") == [first]:
        assert time.monotonic() < until
        time.sleep(0.02)
    store.release(["a"])
    held = claims._held(store.place)
    while held._thread is not None:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert store._storage.read("SELECT * FROM claims") == []


def test_a_run_that_another_process_simulates_is_waited_for(path: Path) -> None:
    pool, store = PatientPool(), RunStore(path)
    other = Other(path, make_spec().key)
    runs = Evaluator(lambda: pool, store, lambda spec: Simulation(spec, (), ()), limit=2, trial_timeout=60,
                     memory_limit=None)
    runs.submit("run", make_spec())
    assert runs.next(0.3) is None
    assert pool.tasks == []
    RunStore(path).put(make_spec(), make_record())
    until = time.monotonic() + 10
    while (answer := runs.next(0.1)) is None:
        assert time.monotonic() < until
    assert answer[1].reused
    assert same(answer[1].record, make_record())
    assert runs.simulated == 0
    runs.submit("other", make_spec(hyperparameters={"fast": 99}))
    assert len(pool.tasks) == 1
    other.kill()
    runs.cancel()
    assert store._storage.read("SELECT COUNT(*) FROM claims WHERE process = ?", (os.getpid(),)) == [(0,)]


STUDY = """
import json, sys
import jesse_nb as jn
from jesse_nb.core.jobs.evaluation import Evaluator
made, init = [], Evaluator.__init__
def noted(self, *given, **named):
    init(self, *given, **named)
    made.append(self)
Evaluator.__init__ = noted
settings = json.loads(sys.argv[1])
space = {name: tuple(bounds) for name, bounds in settings["space"].items()}
job = jn.optimize(settings["strategy"], "BTC-USDT", "1h", *settings["period"], space=space, n_trials=30, seed=5,
                  n_jobs=1, store=settings["store"], test_ratio=0, background=True)
print("started", flush=True)
study = job.result()
print(json.dumps({"simulated": sum(one.simulated for one in made),
                  "trials": [[trial.key, trial.value, trial.state] for trial in study.trials]}), flush=True)
"""


def study(path: Path, candles: CandleStore) -> subprocess.Popen[str]:
    settings = {"strategy": STRATEGY, "period": PERIOD, "space": SPACE, "store": str(path)}
    return subprocess.Popen([sys.executable, "-c", STUDY, json.dumps(settings)], stdout=subprocess.PIPE, text=True,
                            env={**os.environ, "JESSE_NB_CANDLES": str(candles.root)},
                            cwd=Path(jesse_nb.__file__).parents[1])


def test_two_processes_share_one_study(path: Path, candle_store: CandleStore, tmp_path: Path) -> None:
    alone = json.loads(study(tmp_path / "alone.sqlite", candle_store).communicate(timeout=240)[0].splitlines()[-1])
    both = [study(path, candle_store) for _ in range(2)]
    said = [json.loads(one.communicate(timeout=240)[0].splitlines()[-1]) for one in both]
    assert said[0]["trials"] == said[1]["trials"] == alone["trials"]
    distinct = RunStore(path).count()
    assert said[0]["simulated"] + said[1]["simulated"] == distinct == alone["simulated"]
    assert len(alone["trials"]) == 30
    assert min(one["simulated"] for one in said) > 0


def test_what_a_killed_process_had_begun_is_done_by_the_other(path: Path, candle_store: CandleStore) -> None:
    killed, left = study(path, candle_store), study(path, candle_store)
    store, until = RunStore(path), time.monotonic() + 120
    while store.count() < 6:
        assert time.monotonic() < until
        time.sleep(0.05)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    said = json.loads(left.communicate(timeout=240)[0].splitlines()[-1])
    assert len(said["trials"]) == 30
    assert {state for _, _, state in said["trials"]} == {"finished"}
    assert store._storage.read("SELECT COUNT(*) FROM claims WHERE process = ?", (left.pid,)) == [(0,)]
