"""The run store: what goes in comes out, and what is wrong with the disk is said."""

from __future__ import annotations

import math
import pickletools
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.simulator.pipeline import CandlePipeline
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.spec import BacktestSpec, CandleSlice, Route, StrategyRef
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


WRITER = """
import sys
sys.path.insert(0, {root!r})
from tests.jobs.test_store import make_record, make_spec
from jesse_nb.core.jobs.store import RunStore
store = RunStore(sys.argv[1])
for number in range(60):
    store.put(make_spec(hyperparameters={{"fast": number, "who": sys.argv[2]}}), make_record(number))
"""


def test_two_kernels_write_at_once_and_lose_nothing(tmp_path: Path) -> None:
    script = WRITER.format(root=str(Path(__file__).parents[2]))
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
