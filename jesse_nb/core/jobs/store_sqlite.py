"""A run store's SQLite file: one connection, used from any thread of this process."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from jesse_nb.core.jobs.store_tables import LEDGER_INDEX, VERSION, tables
from jesse_nb.exceptions import StorageError

__all__ = ["SqliteStorage"]

_WAIT_SECONDS = 30.0


class SqliteStorage:
    """A file, and the folder it is in when that is missing.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    StorageError
        When it cannot be opened, written, or is no run store.
    """

    shared = False
    replacing_run = "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    listed = "SELECT value FROM json_each(?)"
    hyperparameters = "json_extract(spec, '$.hyperparameters')"
    by_data = "INDEXED BY {table}_by_data"

    def __init__(self, path: Path) -> None:
        self._path = path.expanduser()
        self.place = str(self._path.absolute())
        self._lock = threading.Lock()
        with self._explained("open"):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self._path, timeout=_WAIT_SECONDS, check_same_thread=False,
                                               isolation_level=None)
            self._use_wal()
            self._connection.execute("PRAGMA synchronous=NORMAL")
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version < VERSION:
                self._migrate()
        if version > VERSION:
            raise StorageError(f"The run store {self._path} was written by a newer jesse_nb.", "Update jesse_nb.")

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows."""
        with self._explained("read"):
            return self._connection.execute(statement, values).fetchall()

    def write(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Change something, for good when this returns."""
        with self._explained("write"):
            self._connection.execute(statement, values)

    def claim(self, keys: Iterable[str]) -> set[str]:
        """Return all of them: nobody is asked."""
        return set(keys)

    def release(self, keys: Iterable[str]) -> None:
        """Nothing is claimed."""

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

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

    def _migrate(self) -> None:
        """Bring a store of an earlier version, or one that was just made, to this one; once, whoever comes first."""
        with self._connection:  # a failure undoes all of it
            self._connection.execute("BEGIN IMMEDIATE")
            for statement in tables():
                self._connection.execute(statement)
            if "kind" not in {row[1] for row in self._connection.execute("PRAGMA table_info(runs)")}:
                self._connection.execute("ALTER TABLE runs ADD COLUMN kind TEXT NOT NULL DEFAULT 'backtest'")
            self._connection.execute(LEDGER_INDEX)
            self._connection.execute(f"PRAGMA user_version={VERSION}")

    @contextlib.contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        """Hold the lock, and turn what the database or the disk says into one clear error."""
        try:
            with self._lock:
                yield
        except (sqlite3.Error, OSError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise StorageError(f"Cannot {doing} the run store {self._path}: {reason}.",
                               "Free some space or choose another folder with JESSE_NB_STORE.") from error
