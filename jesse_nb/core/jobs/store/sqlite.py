"""A run store's SQLite file: one connection, used from any thread of this process."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from jesse_nb.core.jobs.private_files import make_private_file, make_private_folder, read_only, why_not_private
from jesse_nb.core.jobs.store.claims import CLAIMS_TABLE, FileClaims
from jesse_nb.core.jobs.store.rows import seal_earlier, seal_fits
from jesse_nb.core.jobs.store.tables import COLUMNS, LEDGER_INDEXES, LOOKED_AT, SEALED, VERSION, tables
from jesse_nb.exceptions import StorageError

__all__ = ["SqliteStorage"]

_WAIT_SECONDS = 30.0


class SqliteStorage:
    """A file, and the folder it is in when that is missing; both for this user alone.

    A file that cannot be written is read, and what is to be kept in it meets an error.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    StorageError
        When it cannot be opened, somebody else could have written it, or it is no run store.
    """

    listed = "SELECT value FROM json_each(?)"
    by_data = "INDEXED BY {table}_by_data"

    def __init__(self, path: Path) -> None:
        self._path = path.expanduser()
        self.place = str(self._path.absolute())
        self._lock = threading.Lock()
        with self._explained("open"):
            self._writable = self._prepare_file()
            self._connection = self._connected() if self._writable else self._connected_to_read()
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version < VERSION:
                self._migrate()
        if version > VERSION:
            raise StorageError(f"The run store {self._path} was written by a newer jesse_nb.", "Update jesse_nb.")
        self.shared = self._writable
        self._claims = FileClaims(self.place, self._connection)

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows."""
        with self._explained("read"):
            return self._connection.execute(statement, values).fetchall()

    def write(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Change something, for good when this returns."""
        if not self._writable:
            raise StorageError(f"The run store {self._path} cannot be written, so nothing is kept.",
                               "Choose another folder with JESSE_NB_STORE.")
        with self._explained("write"):
            self._connection.execute(statement, values)

    def damaged_in_ledger(self) -> dict[str, set[str]]:
        """Return by table the keys of rows that a ledger would count wrongly; what an index lost is mended."""
        if self.place in _checked:
            return {}
        damaged = {}
        for table in LOOKED_AT:
            counted, damaged[table] = self._ledger_keys(table)
            there = self.read(f"SELECT COUNT(*) FROM {table} NOT INDEXED")[0][0]  # noqa: S608 - our own tables
            if (damaged[table] or there != len(counted)) and self._writable:
                self.write(f"REINDEX {table}")  # the rows themselves may be sound, or be what is lost
                left, spoilt = self._ledger_keys(table)
                damaged[table] = spoilt | (counted - left)
        _checked.add(self.place)
        return damaged

    def _ledger_keys(self, table: str) -> tuple[set[str], set[str]]:
        """Return the keys of all that a ledger counts, and of those whose seal does not fit."""
        rows = self.read(f"SELECT {', '.join(SEALED)}, seal FROM {table} "  # noqa: S608 - our own tables
                         f"{self.by_data.format(table=table)}")
        return {row[0] for row in rows}, {row[0] for row in rows if not seal_fits(row)}

    def claim(self, keys: Iterable[str]) -> set[str]:
        """Return those that no other process works on: where nothing can be noted, all."""
        if not self._writable:
            return set(keys)
        with self._explained("write"):
            return self._claims.take(keys)

    def release(self, keys: Iterable[str]) -> None:
        """Let go of claims."""
        if not self._writable:
            return
        with self._explained("write"):
            self._claims.give_up(keys)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _prepare_file(self) -> bool:
        """Make the file where there is none, and see that it is ours; tell whether it can be written."""
        if not self._path.exists():
            make_private_folder(self._path.parent)
            make_private_file(self._path)
            return True
        for file in (self._path, *(Path(f"{self._path}{ending}") for ending in ("-wal", "-shm"))):
            if file.exists() and (why := why_not_private(file)):
                raise StorageError(f"The run store is not used. {why}")
        return os.access(self._path, os.W_OK) and not read_only(self._path)

    def _connected(self) -> sqlite3.Connection:
        connection = _connection(str(self._path))
        self._use_wal(connection)
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    def _connected_to_read(self) -> sqlite3.Connection:
        """Return a connection that changes nothing."""
        # Otherwise SQLite makes files for the log beside the store, or fails where it cannot.
        nobody_writes = read_only(self._path) or not os.access(self._path.parent, os.W_OK)
        log = Path(f"{self._path}-wal")
        if nobody_writes and log.exists() and log.stat().st_size:  # of a process that was killed: it holds runs
            with tempfile.TemporaryDirectory() as folder:
                for file in (self._path, log):
                    shutil.copyfile(file, Path(folder) / file.name)
                return _in_memory(_connection(str(Path(folder) / self._path.name)))
        how = "immutable=1" if nobody_writes else "mode=ro"
        connection = _connection(f"{self._path.absolute().as_uri()}?{how}", uri=True)
        if connection.execute("PRAGMA user_version").fetchone()[0] >= VERSION:
            return connection
        return _in_memory(connection)  # of an earlier version: it is brought to this one where it can be written

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        """Switch to write-ahead logging; of two that open a new store at once, SQLite refuses one without waiting."""
        until = time.monotonic() + _WAIT_SECONDS
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:  # noqa: PERF203 - it waits anyway
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.05)
            else:
                return

    def _migrate(self) -> None:
        """Bring a store of an earlier version, or one that was just made, to this one; once, whoever comes first."""
        connection = self._connection
        with connection:  # a failure undoes all of it
            connection.execute("BEGIN IMMEDIATE")
            for statement in tables():
                connection.execute(statement)
            for table, columns in COLUMNS.items():
                there = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
                for name in columns:  # those that came later may be empty, but for the kind of a run
                    if name not in there:
                        connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {_LATER[name]}")
            for statement in (*LEDGER_INDEXES, CLAIMS_TABLE):
                connection.execute(statement)
            seal_earlier(lambda statement, values: connection.execute(statement, values).fetchall())
            connection.execute(f"PRAGMA user_version={VERSION}")

    @contextlib.contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        """Hold the lock, and turn what the database or the disk says into one clear error."""
        try:
            with self._lock:
                yield
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:  # the last of SQLite's own message
            reason = getattr(error, "strerror", None) or str(error)
            if isinstance(error, UnicodeDecodeError):
                reason = "its schema is malformed"
            hint = "Free some space or choose another folder with JESSE_NB_STORE."
            if "malformed" in reason or "not a database" in reason:
                hint = "The file is damaged: move it away, or put a copy of it in its place."
            raise StorageError(f"Cannot {doing} the run store {self._path}: {reason}.", hint) from error


#: The files whose ledger this process has looked at: of a hundred thousand runs that takes a part of a second.
_checked: set[str] = set()

#: Columns that earlier versions did not have.
_LATER = {"kind": "TEXT NOT NULL DEFAULT 'backtest'", "checksum": "BLOB", "seal": "INTEGER"}


def _in_memory(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Return a copy of a whole database, in place of its connection."""
    copy = _connection(":memory:")
    connection.backup(copy)
    connection.close()
    return copy


def _connection(place: str, *, uri: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(place, timeout=_WAIT_SECONDS, check_same_thread=False, isolation_level=None, uri=uri)
    # A damaged text is told by its checksum, where the row is read; SQLite itself looks closer at what it reads.
    connection.text_factory = lambda data: data.decode("utf-8", "backslashreplace")
    connection.execute("PRAGMA cell_size_check=ON")
    connection.execute("PRAGMA trusted_schema=OFF")
    return connection
