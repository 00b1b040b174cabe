"""The run store: what goes in comes out, and what is wrong with the disk is said."""

from __future__ import annotations

import math
import os
import pickletools
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.jobs.store import RunStore, default_store, is_there, sqlite
from jesse_nb.core.simulator.early_stop import StoppedRun
from jesse_nb.core.simulator.market_data import CandleSlice
from jesse_nb.core.simulator.pipeline import CandlePipeline
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.spec import BacktestSpec, Route, StrategyRef
from jesse_nb.exceptions import StorageError

DAY = 86_400_000


def make_spec(**changes: object) -> BacktestSpec:
    spec = BacktestSpec(
        routes=(Route("Binance Spot", "BTC-USDT", "1h", StrategyRef("Trend", "source", "ab" * 16, "class Trend: …")),),
        start=19_700 * DAY,
        end=19_730 * DAY,
        hyperparameters={"fast": 3, "stop": 1.5, "kind": "a"},
        candles=(CandleSlice("Binance Spot", "BTC-USDT", 19_690 * DAY, 19_730 * DAY, "f" * 32, 80),),
        jesse_version="3.5.3",
    )
    return replace(spec, **changes)


def make_record(seed: int = 0, trades: int = 3) -> RunRecord:
    random = np.random.default_rng(seed)
    return RunRecord(
        metrics={"total": trades, "sharpe_ratio": float(random.normal()), "omega_ratio": math.nan,
                 "sortino_ratio": math.inf, "win_rate": 1 / 3},
        trades=[
            {"strategy": "Trend", "exchange": "Binance Spot", "symbol": "BTC-USDT", "side": "long",
             "opened_at": 1.7e12 + number, "closed_at": 1.7e12 + number + 60_000.0, "entry_price": random.random(),
             "exit_price": random.random(), "qty": 0.1, "size": 0.01, "fee": 1e-17, "pnl": random.normal(),
             "pnl_percentage": -0.1, "holding_period": 60.0, "orders": [{"side": "buy", "price": None}]}
            for number in range(trades)
        ],
        equity_times=np.arange(30, dtype=np.int64) * DAY,
        equity_values=random.normal(10_000, 500, 30),
        seconds=0.25,
        versions={"jesse": "3.5.3"},
        output="hello ☃",
    )


def same(one: RunRecord, other: RunRecord) -> bool:
    return (
        repr(one.metrics) == repr(other.metrics)
        and one.trades == other.trades
        and np.array_equal(one.equity_times, other.equity_times)
        and np.array_equal(one.equity_values, other.equity_values)
        and (one.seconds, one.versions, one.output) == (other.seconds, other.versions, other.output)
    )


def test_a_run_comes_back_bit_for_bit(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs.sqlite")
    spec, record = make_spec(), make_record(trades=5)
    assert store.get(spec.key) is None
    store.put(spec, record)
    found = RunStore(tmp_path / "runs.sqlite").get(spec.key)
    assert found is not None
    assert same(found, record)
    assert store.count() == 1


def test_other_hyperparameters_are_another_run(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs.sqlite")
    store.put(make_spec(), make_record())
    assert store.get(make_spec(hyperparameters={"fast": 4}).key) is None


def test_a_result_from_the_store_shows_utc_times_and_its_card(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs.sqlite")
    store.put(make_spec(), make_record())
    stored = store.find(make_spec().key[:8])
    assert stored is not None
    result = stored.record.to_result(stored.spec)
    assert str(result.trades["opened_at"].dt.tz) == "UTC"
    assert str(result.equity.index.tz) == "UTC"
    assert result.card.missing_minutes == 80
    assert result.card.strategies == {"Trend": "ab" * 16}
    assert not result.card.synthetic


def test_recent_lists_the_newest_first(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs.sqlite")
    for fast in (1, 2, 3):
        store.put(make_spec(hyperparameters={"fast": fast}), make_record(seed=fast, trades=fast))
    recent = store.recent(2)
    assert recent["trades"].tolist() == [3, 2]
    assert recent["hyperparameters"].tolist() == ['{"fast":3}', '{"fast":2}']
    assert recent["start"].iloc[0].isoformat() == "2023-12-09T00:00:00+00:00"
    assert store.recent(0).empty


def test_a_row_that_cannot_be_read_counts_as_missing(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs.sqlite")
    store.put(make_spec(), make_record())
    with sqlite3.connect(tmp_path / "runs.sqlite") as connection:
        connection.execute("UPDATE runs SET trades = x'00'")
    assert store.get(make_spec().key) is None


def test_nothing_stored_is_a_pickle(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs.sqlite")
    store.put(make_spec(), make_record())
    with sqlite3.connect(tmp_path / "runs.sqlite") as connection:
        row = connection.execute("SELECT * FROM runs").fetchone()
    for value in row:
        data = value.encode() if isinstance(value, str) else value
        if isinstance(data, bytes):
            with pytest.raises(ValueError, match=r".*"):
                list(pickletools.genops(data))


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="JESSE_NB_STORE"):
        RunStore(tmp_path / "file" / "runs.sqlite")


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "runs.sqlite").write_text("not a database, " * 100)
    with pytest.raises(StorageError, match="not a database"):
        RunStore(tmp_path / "runs.sqlite")


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    RunStore(tmp_path / "runs.sqlite").close()
    with sqlite3.connect(tmp_path / "runs.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StorageError, match="newer"):
        RunStore(tmp_path / "runs.sqlite")


def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs.sqlite")
    store.put(make_spec(), make_record())
    pages = store._storage._connection.execute("PRAGMA page_count").fetchone()[0]
    store._storage._connection.execute(f"PRAGMA max_page_count = {pages + 1}")  # SQLite then answers as on a full disk

    def fill() -> None:
        for fast in range(50):
            store.put(make_spec(hyperparameters={"fast": 100 + fast}), make_record(trades=200))

    with pytest.raises(StorageError, match="full"):
        fill()
    assert store.get(make_spec().key) is not None


#: Of a row's columns, one bit in each: what is told, and what is counted.
@pytest.mark.parametrize("column", ["metrics", "trades", "equity", "versions", "seconds", "spec", "finished_at",
                                    "symbols", "kind", "checksum"])
def test_a_changed_value_is_noticed_and_the_run_simulated_again(tmp_path: Path, column: str) -> None:
    path = tmp_path / "runs.sqlite"
    store = RunStore(path)
    for fast in (1, 2):
        store.put(make_spec(hyperparameters={"fast": fast}), make_record(fast))
    key = make_spec(hyperparameters={"fast": 1}).key
    with sqlite3.connect(path) as connection:
        (value,) = connection.execute(f"SELECT {column} FROM runs WHERE key = ?", (key,)).fetchone()
        connection.execute(f"UPDATE runs SET {column} = ? WHERE key = ?", (flipped(value), key))
    assert store.get(key) is None
    assert store.damaged == {key}
    assert store.count() == 1
    store.put(make_spec(hyperparameters={"fast": 1}), make_record(1))
    assert same(store.get(key), make_record(1))


def flipped(value: object) -> object:
    """The same with one digit, letter or bit another."""
    if isinstance(value, float):
        return value + 1.0
    if isinstance(value, bytes):
        return value[:7] + bytes([value[7] ^ 1]) + value[8:]
    place = next((number for number, sign in enumerate(str(value)) if sign.isdigit()), 0)
    return str(value)[:place] + chr(ord(str(value)[place]) ^ 1) + str(value)[place + 1 :]


def test_what_is_no_text_any_more_is_no_raw_error(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    store = RunStore(path)
    for fast in (1, 2, 3):
        store.put(make_spec(hyperparameters={"fast": fast}), make_record(fast))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE runs SET metrics = CAST(x'ff' || metrics AS TEXT) WHERE key = ?",
                           (make_spec(hyperparameters={"fast": 1}).key,))
        connection.execute("UPDATE runs SET strategy = CAST(x'ff' AS TEXT) WHERE key = ?",
                           (make_spec(hyperparameters={"fast": 2}).key,))
    assert store.recent()["strategy"].tolist() == ["Trend"]
    assert store.damaged == {make_spec(hyperparameters={"fast": fast}).key for fast in (1, 2)}
    assert store.find(make_spec(hyperparameters={"fast": 1}).key) is None


def test_a_ledger_counts_no_damaged_run_and_finds_what_its_index_lost(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    store = RunStore(path)
    for fast in range(6):
        store.put(make_spec(hyperparameters={"fast": fast}), make_record(fast))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE runs SET symbols = 'BTC-USDU' WHERE key = ?",
                           (make_spec(hyperparameters={"fast": 1}).key,))
        connection.execute("PRAGMA writable_schema=ON")  # one entry of the index gone, as damage leaves it
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, ', seal)', ', seal) WHERE finished_at > 1') "
                           "WHERE name = 'runs_by_data'")
    assert store.ledger()["runs"].tolist() == [5]
    assert store.damaged == {make_spec(hyperparameters={"fast": 1}).key}
    assert store.count_same_data(make_spec(), math.inf) == 5


def test_notes_and_openings_are_checked(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs.sqlite")
    store.note("a", {"b": 10})
    store.log_opening("study", make_spec(), {"fast": 3}, ["ab"])
    with sqlite3.connect(tmp_path / "runs.sqlite") as connection:
        connection.execute("UPDATE notes SET value = replace(value, '1', '3')")
    assert store.noted("a") is None
    store.note("a", {"b": 10})
    assert store.noted("a") == {"b": 10}
    assert len(store.openings(make_spec())) == 1
    with sqlite3.connect(tmp_path / "runs.sqlite") as connection:
        connection.execute("UPDATE openings SET symbols = 'ETH-USDT'")
    with pytest.raises(StorageError, match=r"log of opened days .* is damaged"):
        store.openings(make_spec())


def test_a_store_of_before_the_checksums_is_read_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    old_store(path, make_spec(), make_record())
    store = RunStore(path)
    assert same(store.get(make_spec().key), make_record())
    assert store.ledger()["runs"].tolist() == [1]
    assert len(store.openings(make_spec())) == 1
    assert store.noted("a") == [1]
    store.put(make_spec(hyperparameters={"fast": 4}), make_record(4))
    assert same(store.get(make_spec(hyperparameters={"fast": 4}).key), make_record(4))
    assert store.ledger()["runs"].tolist() == [2]
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE runs SET seconds = 9 WHERE key = ?", (make_spec().key,))
    assert store.get(make_spec().key) is None, "it has a checksum now"
    old_store(tmp_path / "torn.sqlite", make_spec(), make_record(), torn="UPDATE runs SET trades = x'00'")
    assert RunStore(tmp_path / "torn.sqlite").get(make_spec().key) is None


def test_what_lost_its_checksum_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    specs = [make_spec(hyperparameters={"fast": fast}) for fast in range(4)]
    store = RunStore(path)
    for fast, spec in enumerate(specs):
        store.put(spec, make_record(fast))
    store.note("a", [1])
    store.log_opening("study", specs[0], {"fast": 3}, ["ab"])
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE runs SET checksum = NULL WHERE key = ?", (specs[0].key,))
        connection.execute("UPDATE runs SET seal = NULL WHERE key = ?", (specs[1].key,))
        connection.execute("UPDATE runs SET checksum = NULL, seal = NULL WHERE key = ?", (specs[2].key,))
        connection.execute("UPDATE notes SET checksum = NULL")
        connection.execute("UPDATE openings SET checksum = NULL")
    assert set(store.which_finished(spec.key for spec in specs)) == {specs[0].key, specs[3].key}
    assert store.ledger()["runs"].tolist() == [2]
    store = RunStore(path)
    assert [store.get(spec.key) is None for spec in specs] == [True, True, True, False]
    assert store.ledger()["runs"].tolist() == [2], "a run that lost its figures was looked at all the same"
    assert store.noted("a") is None
    with pytest.raises(StorageError, match=r"log of opened days .* is damaged"):
        store.openings(specs[0])


@pytest.mark.parametrize("read", ["recent", "get", "find"])
def test_a_run_that_lost_its_figures_stays_looked_at(tmp_path: Path, read: str) -> None:
    path = tmp_path / "runs.sqlite"
    backtest, scenario = make_spec(), replace(make_spec(), pipeline=CandlePipeline(seed=1))
    pruned = make_spec(hyperparameters={"fast": 9})
    store = RunStore(path)
    for spec in (backtest, scenario):
        store.put(spec, make_record())
    store.put_stopped(pruned, StoppedRun("ruined", 1, (1.0, 1.0), np.arange(2), np.arange(2.0), 0, 0.5))
    before = store.ledger()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE runs SET checksum = NULL")
        connection.execute("UPDATE stopped SET facts = replace(facts, 'ruined', 'rained')")
    assert store.stopped(pruned.key) is None
    for spec in (backtest, scenario):
        {"recent": store.recent, "get": lambda key=spec.key: store.get(key),
         "find": lambda key=spec.key: store.find(key[:12])}[read]()
    pd.testing.assert_frame_equal(store.ledger(), before)
    assert backtest.key in store.same_data(backtest)
    dropped = {pruned.key, backtest.key} | (set() if read == "recent" else {scenario.key})
    assert not dropped & set(store.which_finished([pruned.key, backtest.key, scenario.key]))
    store.put(backtest, make_record())
    store.put_stopped(pruned, StoppedRun("ruined", 1, (1.0, 1.0), np.arange(2), np.arange(2.0), 0, 0.5))
    assert store.ledger()["runs"].tolist() == before["runs"].tolist(), "a run that is made again counts once"
    store.clear()
    assert store.ledger().empty


def old_store(path: Path, spec: BacktestSpec, record: RunRecord, torn: str = "") -> None:
    """A store as version 3 made it."""
    store = RunStore(path)
    store.put(spec, record)
    store.log_opening("study", spec, {"fast": 3}, ["ab"])
    store.note("a", [1])
    store.close()
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "DROP INDEX runs_by_data; DROP INDEX stopped_by_data; DROP TABLE claims;"
            "CREATE INDEX runs_by_data ON runs (symbols, start_ms, end_ms, exchange, strategy, kind, finished_at);"
            "PRAGMA user_version=3;"
            + "".join(f"ALTER TABLE {table} DROP COLUMN checksum;"
                      for table in ("runs", "stopped", "openings", "notes"))
            + "".join(f"ALTER TABLE {table} DROP COLUMN seal;" for table in ("runs", "stopped")) + torn)
    connection.close()


def test_it_is_made_for_its_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        RunStore(tmp_path / "made" / "runs.sqlite").put(make_spec(), make_record())
    finally:
        os.umask(before)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "made").iterdir()}
    assert modes["runs.sqlite"] == 0o600
    assert set(modes.values()) == {0o600}  # those beside it as well
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o700


@pytest.mark.parametrize("ending", ["", "-wal"])
def test_what_others_can_write_is_refused_with_the_remedy(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "runs.sqlite"
    store = RunStore(path)
    store.put(make_spec(), make_record())
    Path(f"{path}{ending}").chmod(0o664)
    with pytest.raises(StorageError, match=f"chmod go-w {path}{ending}$"):
        RunStore(path)


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give a file away")
def test_another_users_store_is_refused(tmp_path: Path) -> None:
    RunStore(tmp_path / "runs.sqlite").close()
    os.chown(tmp_path / "runs.sqlite", 12345, -1)
    with pytest.raises(StorageError, match="belongs to another user"):
        RunStore(tmp_path / "runs.sqlite")


@pytest.mark.parametrize("version", [3, 4])
def test_a_store_that_cannot_be_written_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    """As on a disk that is mounted read-only, of this version and of an earlier one."""
    path = tmp_path / "runs.sqlite"
    old_store(path, make_spec(), make_record())
    if version == 4:
        RunStore(path).close()
    for beside in tmp_path.glob("runs.sqlite-*"):
        beside.unlink()
    before = path.read_bytes()
    monkeypatch.setattr(sqlite, "read_only", lambda path: True)
    store = RunStore(path)
    assert not store.shared
    assert same(store.get(make_spec().key), make_record())
    assert store.recent()["trades"].tolist() == [3]
    assert store.ledger()["runs"].tolist() == [1]
    assert store.claim(["a"]) == {"a"}
    store.release(["a"])
    with pytest.raises(StorageError, match="cannot be written, so nothing is kept"):
        store.put(make_spec(hyperparameters={"fast": 4}), make_record())
    store.close()
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["runs.sqlite"]


def test_what_a_killed_process_left_in_the_log_is_read_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    live, path = RunStore(tmp_path / "live.sqlite"), tmp_path / "runs.sqlite"
    live.put(make_spec(), make_record())
    for ending in ("", "-wal"):  # as they are while it lives
        shutil.copy(tmp_path / f"live.sqlite{ending}", f"{path}{ending}")
    monkeypatch.setattr(sqlite, "read_only", lambda path: True)
    store = RunStore(path)
    assert same(store.get(make_spec().key), make_record())
    assert not store.shared


WRITER = """
import sys
sys.path.insert(0, {root!r})
from tests.jobs.store.test_store import make_record, make_spec
from jesse_nb.core.jobs.store import RunStore
store = RunStore(sys.argv[1])
for number in range(60):
    store.put(make_spec(hyperparameters={{"fast": number, "who": sys.argv[2]}}), make_record(number))
"""


def test_two_kernels_write_at_once_and_lose_nothing(tmp_path: Path) -> None:
    script = WRITER.format(root=str(Path(__file__).parents[3]))
    command = [sys.executable, "-c", script, str(tmp_path / "runs.sqlite")]
    writers = [subprocess.Popen([*command, who]) for who in ("a", "b")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert RunStore(tmp_path / "runs.sqlite").count() == 120


def test_failures_are_noted_and_never_answered(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs.sqlite")
    store.put_failure(make_spec(), "StrategyCrashError", "it raised")
    assert store.get(make_spec().key) is None
    store.clear()
    assert store.count() == 0


def test_the_newest_are_backtests_only(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs.sqlite")
    store.put(make_spec(), make_record())
    store.put(make_spec(pipeline=CandlePipeline()), make_record())
    store.put(make_spec(hyperparameters={"fast": 4}), make_record(), check=True)
    assert store.recent()["key"].tolist() == [make_spec().key]
    assert sorted(store.ledger()["kind"]) == ["backtest", "check", "scenario"]


@pytest.mark.parametrize("place", ["there", "new/folder", "new/runs.db", "there/runs.sqlite"])
def test_a_store_is_named_by_its_file_or_its_folder(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    file = tmp_path / place if place.endswith((".db", ".sqlite")) else tmp_path / place / "runs.sqlite"
    spec = make_spec()
    assert not is_there(tmp_path / place)
    with closing(RunStore(tmp_path / place)) as store:
        store.put(spec, make_record())
    assert file.is_file()
    assert is_there(tmp_path / place)
    monkeypatch.setenv("JESSE_NB_STORE", str(tmp_path / place))
    assert default_store() == file
    with closing(RunStore()) as store:
        assert store.get(spec.key) is not None
