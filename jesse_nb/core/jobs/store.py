"""Finished simulations on disk, so that none is ever run twice.

One SQLite database a project (``.jesse_nb/runs.sqlite``). Everything in it is
JSON or a compressed array: nothing is unpickled, so a database from somebody
else is safe to open.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.exceptions import StorageError

__all__ = ["RunStore", "StoredRun", "default_store_path"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    key TEXT PRIMARY KEY,
    finished_at REAL NOT NULL,
    strategy TEXT NOT NULL,
    exchange TEXT NOT NULL,
    symbols TEXT NOT NULL,
    timeframe TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    spec TEXT NOT NULL,
    metrics TEXT NOT NULL,
    trades BLOB NOT NULL,
    equity BLOB NOT NULL,
    versions TEXT NOT NULL,
    seconds REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS runs_by_time ON runs (finished_at);
CREATE TABLE IF NOT EXISTS failures (
    key TEXT NOT NULL,
    failed_at REAL NOT NULL,
    strategy TEXT NOT NULL,
    spec TEXT NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL
);
"""
_VERSION = 1
_WAIT_SECONDS = 30.0


def default_store_path() -> Path:
    """Return where runs are kept: ``$JESSE_NB_STORE``, or ``.jesse_nb`` in the working directory."""
    folder = os.environ.get("JESSE_NB_STORE")
    return (Path(folder).expanduser() if folder else Path.cwd() / ".jesse_nb") / "runs.sqlite"


@dataclass(frozen=True)
class StoredRun:
    """A run found in the store."""

    spec: BacktestSpec
    record: RunRecord


class RunStore:
    """Finished runs by key.

    Parameters
    ----------
    path
        The database file; see :func:`default_store_path`. A folder that is missing is made.

    Raises
    ------
    StorageError
        When the file cannot be opened, written, or is no run store.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = Path(path).expanduser() if path is not None else default_store_path()
        self._lock = threading.Lock()  # one connection, used from the job's thread and the kernel's
        with self._explained("open"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, timeout=_WAIT_SECONDS, check_same_thread=False,
                                               isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.executescript(_SCHEMA)
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                self._connection.execute(f"PRAGMA user_version={_VERSION}")
        if version > _VERSION:
            raise StorageError(f"The run store {self.path} was written by a newer jesse_nb.", "Update jesse_nb.")

    def get(self, key: str) -> RunRecord | None:
        """Return a finished run, or None when there is none (or it cannot be read any more)."""
        with self._explained("read"):
            row = self._connection.execute(
                "SELECT metrics, trades, equity, versions, seconds FROM runs WHERE key = ?", (key,)
            ).fetchone()
        if row is None:
            return None
        try:
            return RunRecord.unpack(*row)
        except Exception:  # noqa: BLE001 - whatever is wrong with the row, simulating again mends it
            return None

    def put(self, spec: BacktestSpec, record: RunRecord) -> None:
        """Keep a finished run; an older one of the same key is replaced."""
        metrics, trades, equity, versions = record.pack()
        first = spec.routes[0]
        row = (
            spec.key, time.time(), first.strategy.name, first.exchange,
            " ".join(route.symbol for route in spec.routes), first.timeframe, spec.start, spec.end,
            spec.to_json(), metrics, trades, equity, versions, record.seconds,
        )  # fmt: skip
        with self._explained("write"):
            self._connection.execute(
                "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row
            )

    def put_failure(self, spec: BacktestSpec, kind: str, reason: str) -> None:
        """Note a failed run for the history. Failures are tried again, so none is ever answered from here."""
        with self._explained("write"):
            self._connection.execute(
                "INSERT INTO failures VALUES (?, ?, ?, ?, ?, ?)",
                (spec.key, time.time(), spec.routes[0].strategy.name, spec.to_json(), kind, reason),
            )

    def find(self, key: str) -> StoredRun | None:
        """Return a run with its spec, by its key or the first digits of it."""
        with self._explained("read"):
            rows = self._connection.execute(
                "SELECT key, spec FROM runs WHERE key >= ? AND key < ? LIMIT 2", (key, key + "g")
            ).fetchall()
        record = self.get(rows[0][0]) if len(rows) == 1 else None
        return StoredRun(BacktestSpec.from_json(rows[0][1]), record) if record else None

    def count(self) -> int:
        """Return how many finished runs there are."""
        with self._explained("read"):
            return int(self._connection.execute("SELECT COUNT(*) FROM runs").fetchone()[0])

    def recent(self, limit: int = 20) -> pd.DataFrame:
        """Return the newest runs, one row each, newest first.

        Columns: ``key``, ``finished`` (UTC), ``strategy``, ``exchange``, ``symbols``, ``timeframe``,
        ``start`` and ``end`` (UTC), ``hyperparameters``, ``trades`` (count), ``net_profit_percentage``
        (percent), ``sharpe_ratio``, ``seconds``.
        """
        with self._explained("read"):
            return pd.read_sql_query(
                """
                SELECT key, finished_at AS finished, strategy, exchange, symbols, timeframe,
                       start_ms AS start, end_ms AS end,
                       json_extract(spec, '$.hyperparameters') AS hyperparameters, metrics, seconds
                FROM runs ORDER BY finished_at DESC LIMIT ?
                """,
                self._connection,
                params=(int(limit),),
            ).pipe(_readable)

    def clear(self) -> None:
        """Forget all runs."""
        with self._explained("write"):
            self._connection.execute("DELETE FROM runs")
            self._connection.execute("DELETE FROM failures")

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._connection.close()

    @contextlib.contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        """Hold the lock, and turn what the database or the disk says into one clear error."""
        try:
            with self._lock:
                yield
        except (sqlite3.Error, OSError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise StorageError(f"Cannot {doing} the run store {self.path}: {reason}.",
                               "Free some space or choose another folder with JESSE_NB_STORE.") from error


def _readable(frame: pd.DataFrame) -> pd.DataFrame:
    metrics: list[dict[str, Any]] = [json.loads(text) for text in frame.pop("metrics")]
    frame["finished"] = pd.to_datetime(frame["finished"], unit="s", utc=True)
    for column in ("start", "end"):
        frame[column] = pd.to_datetime(frame[column], unit="ms", utc=True)
    frame.insert(len(frame.columns) - 1, "trades", [row.get("total") for row in metrics])
    for name in ("net_profit_percentage", "sharpe_ratio"):
        frame.insert(len(frame.columns) - 1, name, pd.Series([row.get(name) for row in metrics], dtype="float64"))
    return frame
