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
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from jesse_nb.core.candles.series import SYNTHETIC_MARK
from jesse_nb.core.jobs.ledger import ledger_table
from jesse_nb.core.simulator.early_stop import StoppedRun
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.exceptions import StorageError

__all__ = ["Opening", "RunStore", "StoredRun", "default_store_path"]

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
    seconds REAL NOT NULL,
    kind TEXT NOT NULL DEFAULT 'backtest'
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
CREATE TABLE IF NOT EXISTS stopped (
    key TEXT PRIMARY KEY,
    finished_at REAL NOT NULL,
    strategy TEXT NOT NULL,
    exchange TEXT NOT NULL,
    symbols TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    spec TEXT NOT NULL,
    facts TEXT NOT NULL,
    samples BLOB NOT NULL,
    kind TEXT NOT NULL DEFAULT 'stopped'
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS stopped_by_data
    ON stopped (symbols, start_ms, end_ms, exchange, strategy, kind, finished_at);
CREATE TABLE IF NOT EXISTS openings (
    study TEXT NOT NULL,
    opened_at REAL NOT NULL,
    strategy TEXT NOT NULL,
    exchange TEXT NOT NULL,
    symbols TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    params TEXT NOT NULL,
    runs TEXT NOT NULL
);
"""
#: Has all that the ledger asks, so that it reads no run.
_LEDGER_INDEX = """
CREATE INDEX IF NOT EXISTS runs_by_data ON runs (symbols, start_ms, end_ms, exchange, strategy, kind, finished_at)
"""
_VERSION = 2
_WAIT_SECONDS = 30.0
_LAST_MOMENT = 2**62


def default_store_path() -> Path:
    """Return where runs are kept: ``$JESSE_NB_STORE``, or ``.jesse_nb`` in the working directory."""
    folder = os.environ.get("JESSE_NB_STORE")
    return (Path(folder).expanduser() if folder else Path.cwd() / ".jesse_nb") / "runs.sqlite"


@dataclass(frozen=True)
class StoredRun:
    """A run found in the store."""

    spec: BacktestSpec
    record: RunRecord


class Opening(NamedTuple):
    """A study's sealed days, opened: whose, with which parameters, and the keys of the runs on them."""

    study: str
    params: dict[str, Any]
    runs: tuple[str, ...]


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
            self._use_wal()
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.executescript(_SCHEMA)
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version < _VERSION:
                self._migrate()
        if version > _VERSION:
            raise StorageError(f"The run store {self.path} was written by a newer jesse_nb.", "Update jesse_nb.")

    def _use_wal(self) -> None:
        """Switch to write-ahead logging; of two that open a new store at once, SQLite refuses one without waiting."""
        until = time.monotonic() + _WAIT_SECONDS
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:  # noqa: PERF203 - it waits anyway
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.05)
            else:
                return

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

    def put(self, spec: BacktestSpec, record: RunRecord, *, check: bool = False) -> None:
        """Keep a finished run; an older one of the same key is replaced.

        A ``check`` repeats another run to see what something changes, fees or the mode: it is no trial.
        """
        metrics, trades, equity, versions = record.pack()
        first = spec.routes[0]
        row = (
            spec.key, time.time(), first.strategy.name, first.exchange,
            " ".join(route.symbol for route in spec.routes), first.timeframe, spec.start, spec.end,
            spec.to_json(), metrics, trades, equity, versions, record.seconds,
            "scenario" if spec.pipeline is not None else "check" if check else "backtest",
        )  # fmt: skip
        with self._explained("write"):
            self._connection.execute(
                "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row
            )
            self._connection.execute("DELETE FROM stopped WHERE key = ?", (spec.key,))

    def stopped(self, key: str) -> StoppedRun | None:
        """Return what is known of a run that was stopped early; None when nothing is."""
        with self._explained("read"):
            row = self._connection.execute("SELECT facts, samples FROM stopped WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        try:
            return StoppedRun.unpack(*row)
        except Exception:  # noqa: BLE001 - whatever is wrong with the row, simulating again mends it
            return None

    def put_stopped(self, spec: BacktestSpec, run: StoppedRun) -> None:
        """Keep what is known of a run that was stopped early, apart from those that finished."""
        facts, samples = run.pack()
        first = spec.routes[0]
        row = (spec.key, time.time(), first.strategy.name, first.exchange,
               " ".join(route.symbol for route in spec.routes), spec.start, spec.end, spec.to_json(), facts, samples,
               "stopped")
        with self._explained("write"):
            self._connection.execute("INSERT OR REPLACE INTO stopped VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

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
        """Return the newest backtests, one row each, newest first.

        Scenarios and checks are left out, as they look like the run that they repeat; :meth:`ledger` counts them.

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
                FROM runs WHERE kind = 'backtest' ORDER BY finished_at DESC LIMIT ?
                """,
                self._connection,
                params=(int(limit),),
            ).pipe(_readable)

    def same_data(self, spec: BacktestSpec) -> frozenset[str]:
        """Return the keys of all backtests that traded one of a spec's symbols in some of its period.

        Those that were stopped early count, too. Whatever the exchange, but made-up candles are the same as made-up
        ones only; scenarios of a candle pipeline and checks are none of these. The spec's own run is one of them
        when it has finished.
        """
        return frozenset(self.finished_on_same_data(spec))

    def finished_on_same_data(self, spec: BacktestSpec) -> dict[str, float]:
        """Return when each of :meth:`same_data` finished, seconds since 1970, by key."""
        rows = self._on_same_data("key, finished_at", {route.symbol for route in spec.routes}, spec.start, spec.end)
        made_up = spec.routes[0].exchange.endswith(SYNTHETIC_MARK)
        return {key: moment for exchange, kind, key, moment in rows
                if kind in ("backtest", "stopped") and exchange.endswith(SYNTHETIC_MARK) == made_up}

    def ledger(
        self, symbols: Iterable[str] | None = None, start: int | None = None, end: int | None = None,
        excluding: Iterable[str] = (),
    ) -> pd.DataFrame:  # fmt: skip
        """Count the finished runs of this project by the data they share, the strategy and the kind.

        Parameters
        ----------
        symbols
            Only these; all by default.
        start, end
            Only runs that traded in some of this period (milliseconds UTC, end excluded).
        excluding
            Keys that do not count.

        Returns
        -------
        pandas.DataFrame
            Columns ``symbol``, ``start`` and ``end`` (UTC) of the shared data, ``strategy``, ``kind``
            (``backtest``, ``stopped`` for one that a pruner ended early, ``scenario`` for a run on candles that a
            pipeline rewrote, or ``check`` for one that repeats another with a higher fee or in the other mode),
            ``runs`` (count, each distinct run once), ``first`` and ``last`` (UTC) when they finished. See
            :func:`~jesse_nb.core.jobs.ledger.ledger_table`.
        """
        wanted = None if symbols is None else set(symbols)
        rows = self._on_same_data("symbols, start_ms, end_ms, strategy, COUNT(*), MIN(finished_at), MAX(finished_at)",
                                  wanted, start, end, excluding,
                                  group="symbols, start_ms, end_ms, exchange, strategy, kind")
        table = ledger_table(pd.DataFrame(rows, columns=["exchange", "kind", "symbols", "start", "end", "strategy",
                                                         "runs", "first", "last"]))
        if wanted is not None:
            table = table[table["symbol"].str.removesuffix(f" {SYNTHETIC_MARK}").isin(wanted)]
        return table.reset_index(drop=True)

    def log_opening(self, study: str, spec: BacktestSpec, params: Mapping[str, Any], runs: Iterable[str]) -> None:
        """Log that a study's sealed days are opened.

        Parameters
        ----------
        study
            Its key.
        spec
            The strategy on the sealed days.
        params
            With which they are opened.
        runs
            Keys of the runs that are made for it.
        """
        first = spec.routes[0]
        row = (study, time.time(), first.strategy.name, first.exchange, " ".join(route.symbol for route in spec.routes),
               spec.start, spec.end, json.dumps(dict(params)), json.dumps(list(runs)))
        with self._explained("write"):
            self._connection.execute("INSERT INTO openings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def openings(self, spec: BacktestSpec) -> tuple[Opening, ...]:
        """Return who opened some of a spec's days for one of its symbols, oldest first.

        Whatever the exchange, but made-up candles are the same as made-up ones only.
        """
        with self._explained("read"):
            rows = self._connection.execute(
                "SELECT exchange, symbols, study, params, runs FROM openings WHERE start_ms < ? AND end_ms > ? "
                "ORDER BY opened_at", (spec.end, spec.start)).fetchall()
        symbols = {route.symbol for route in spec.routes}
        made_up = spec.routes[0].exchange.endswith(SYNTHETIC_MARK)
        return tuple(Opening(study, json.loads(params), tuple(json.loads(runs)))
                     for exchange, traded, study, params, runs in rows
                     if symbols & set(traded.split()) and exchange.endswith(SYNTHETIC_MARK) == made_up)

    def clear(self) -> None:
        """Forget all runs. That sealed days were opened is kept: what was looked at stays looked at."""
        with self._explained("write"):
            self._connection.execute("DELETE FROM runs")
            self._connection.execute("DELETE FROM stopped")
            self._connection.execute("DELETE FROM failures")

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._connection.close()

    def _on_same_data(
        self, columns: str, symbols: set[str] | None, start: int | None, end: int | None,
        excluding: Iterable[str] = (), group: str = "",
    ) -> list[tuple[Any, ...]]:  # fmt: skip
        """Return exchange, kind and ``columns`` of the runs that traded any of the symbols in some of the period.

        Runs that were stopped early are among them: they were looked at, too.
        """
        condition = "start_ms < ? AND end_ms > ?"
        values: list[Any] = [_LAST_MOMENT if end is None else end, -_LAST_MOMENT if start is None else start]
        excluded = list(excluding)
        if excluded:
            condition += " AND key NOT IN (SELECT value FROM json_each(?))"
            values.append(json.dumps(excluded))
        rows: list[tuple[Any, ...]] = []
        for table in ("runs", "stopped"):
            source = f"{table} INDEXED BY {table}_by_data"
            with self._explained("read"):
                known = [row[0] for row in self._connection.execute(f"SELECT DISTINCT symbols FROM {source}")]  # noqa: S608
                those = [text for text in known if symbols is None or symbols & set(text.split())]
                rows += self._connection.execute(
                    f"SELECT exchange, kind, {columns} FROM {source} "  # noqa: S608 - our own columns
                    f"WHERE symbols IN (SELECT value FROM json_each(?)) AND {condition}"
                    f"{' GROUP BY ' + group if group else ''}",
                    [json.dumps(those), *values],
                ).fetchall()
        return rows

    def _migrate(self) -> None:
        """Bring a store of an earlier version, or one that was just made, to this one; once, whoever comes first."""
        with self._connection:  # a failure undoes all of it
            self._connection.execute("BEGIN IMMEDIATE")
            if "kind" not in {row[1] for row in self._connection.execute("PRAGMA table_info(runs)")}:
                self._connection.execute("ALTER TABLE runs ADD COLUMN kind TEXT NOT NULL DEFAULT 'backtest'")
            self._connection.execute(_LEDGER_INDEX)
            self._connection.execute(f"PRAGMA user_version={_VERSION}")

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
