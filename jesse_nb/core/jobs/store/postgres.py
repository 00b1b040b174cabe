"""A run store's PostgreSQL, which the kernels of several people share.

Whoever simulates a run holds its advisory lock meanwhile. Such a lock ends with its connection,
so what a killed kernel had begun is free for the others at once.
"""

from __future__ import annotations

import hashlib
import threading
import time
import weakref
from collections.abc import Iterable, Sequence
from typing import Any

from jesse_nb.core.candles.database.postgres import KEEPALIVES, reason_of
from jesse_nb.core.jobs.store.address import connection_settings, without_password
from jesse_nb.core.jobs.store.rows import seal_earlier
from jesse_nb.core.jobs.store.tables import COLUMNS, LEDGER_INDEXES, VERSION, tables
from jesse_nb.exceptions import StorageError

__all__ = ["PostgresStorage"]

_SCHEMA = "jesse_nb"
_CONNECT_SECONDS = 10
_STATEMENT_SECONDS = 30
#: A server that does not even acknowledge for so long is gone.
_SILENT_MS = 20_000
#: After a broken connection could not be replaced, nobody waits for another attempt for so long.
_PAUSE_SECONDS = 30.0
#: Only one session makes the tables; any number that no other program is likely to lock.
_MAKING = 0x6A65737365

#: Columns that stores of before version 4 do not have, in their order.
_LATER = {"checksum": "BYTEA", "seal": "BIGINT"}

_SESSION = (
    f"SET search_path TO {_SCHEMA}; SET statement_timeout = '{_STATEMENT_SECONDS}s'; SET client_encoding TO 'UTF8'; "
    # The server lets go of the claims of a machine that vanished.
    "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3"
)


class PostgresStorage:
    """One database; all storages of a process with the same address share a session.

    Parameters
    ----------
    address
        See :mod:`jesse_nb.core.jobs.store.address`.

    Raises
    ------
    InputError
        When the address cannot be read.
    StorageError
        When the database cannot be reached, does not let us in, or holds no store and none can be made. No
        message holds the password.
    """

    shared = True
    listed = "SELECT * FROM json_array_elements_text(?)"
    by_data = ""

    def __init__(self, address: str) -> None:
        self.place = without_password(address)
        self._session = _session(self.place)

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows."""
        return self._session.run("read", statement, values)

    def write(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Change something, for good when this returns."""
        self._session.run("write", statement, values)

    def damaged_in_ledger(self) -> dict[str, set[str]]:
        """Return nothing: PostgreSQL has checksums of its own for its pages and indexes."""
        return {}

    def claim(self, keys: Iterable[str]) -> set[str]:
        """Return those that no other session holds; from now on this one does."""
        keys = list(keys)
        rows = self._session.run("read", "SELECT key, pg_try_advisory_lock(number) FROM "
                                         "unnest(CAST(? AS text[]), CAST(? AS bigint[])) AS wanted(key, number)",
                                 (keys, [_number(key) for key in keys])) if keys else []
        return {key for key, ours in rows if ours}

    def release(self, keys: Iterable[str]) -> None:
        """Let go of claims."""
        numbers = [_number(key) for key in keys]
        if numbers:
            self._session.run("read", "SELECT pg_advisory_unlock(number) "
                                      "FROM unnest(CAST(? AS bigint[])) AS mine(number)", (numbers,))

    def close(self) -> None:
        """Nothing: the session ends with the last storage that has it."""


class _Session:
    """A connection, made anew when it breaks."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._lock = threading.RLock()
        self._broken_until = 0.0
        with self._lock:
            self._connection = self._connect()
            try:
                self._make_tables()
            except BaseException:
                self._connection.close()
                raise

    def run(self, doing: str, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run one statement in a transaction of its own, on a new connection when the old one broke meanwhile."""
        import psycopg2

        with self._lock:
            for attempt in (1, 2):
                self._reconnect()
                try:
                    with self._connection.cursor() as cursor:
                        return _run(cursor, statement, values)
                except psycopg2.Error as error:
                    if not self._connection.closed or attempt == 2:
                        raise self._failed(doing, error) from None
        raise AssertionError

    def _reconnect(self) -> None:
        if not self._connection.closed:
            return
        if time.monotonic() < self._broken_until:
            raise StorageError(f"The connection to the run store {self._place} broke.", "It is tried again in a while.")
        try:
            self._connection = self._connect()
        except StorageError:
            self._broken_until = time.monotonic() + _PAUSE_SECONDS
            raise

    def _connect(self) -> Any:
        import psycopg2

        try:
            connection = psycopg2.connect(**{
                "connect_timeout": _CONNECT_SECONDS, "application_name": "jesse_nb", **KEEPALIVES,
                "tcp_user_timeout": _SILENT_MS,
                **connection_settings(self._place),
            })
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(_SESSION)
        except psycopg2.Error as error:
            reason, hint = reason_of(str(error)), "Is it running, and is the address right?"
            if "password" in reason or "authentication" in reason or "role" in reason:
                hint = "Check the user in the address, and the password: in it, in PGPASSWORD or in ~/.pgpass."
            elif "database" in reason:
                hint = "Make it (CREATE DATABASE), or check the name at the end of the address."
            raise StorageError(f"The run store {self._place} cannot be opened: {reason}.", hint) from None
        return connection

    def _make_tables(self) -> None:
        version = self._version()
        if version is None or version < VERSION:
            import psycopg2

            try:
                with self._connection.cursor() as cursor:
                    cursor.execute("BEGIN")
                    cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_MAKING,))
                    cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {_SCHEMA}")
                    for statement in tables(text='TEXT COLLATE "C"', whole="BIGINT", real="DOUBLE PRECISION",
                                            data="BYTEA", keyed=""):
                        cursor.execute(statement)
                    for table, columns in COLUMNS.items():
                        for name in (name for name in _LATER if name in columns):
                            cursor.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {name} {_LATER[name]}")
                    for statement in LEDGER_INDEXES:
                        cursor.execute(statement)
                    seal_earlier(lambda statement, values: _run(cursor, statement, values))
                    cursor.execute("CREATE TABLE IF NOT EXISTS version (number BIGINT PRIMARY KEY)")
                    cursor.execute("INSERT INTO version VALUES (%s) ON CONFLICT DO NOTHING", (VERSION,))
                    cursor.execute("COMMIT")
            except psycopg2.Error as error:
                raise self._failed("open", error) from None
            version = VERSION
        if version > VERSION:
            raise StorageError(f"The run store {self._place} was written by a newer jesse_nb.", "Update jesse_nb.")

    def _version(self) -> int | None:
        found = self.run("open", "SELECT to_regclass(?)", (f"{_SCHEMA}.version",))
        if found[0][0] is None:
            return None
        rows = self.run("open", "SELECT MAX(number) FROM version", ())
        return None if rows[0][0] is None else int(rows[0][0])

    def _failed(self, doing: str, error: Any) -> StorageError:
        reason = (getattr(error.diag, "message_primary", None) or str(error).strip().split("\n")[0]).rstrip(".")
        hints = {
            "42501": "Its owner may GRANT the address's user CREATE on the database, or all on the schema jesse_nb.",
            "53100": "The server has no room left.",
            "25006": "The server takes no changes; it may be a standby.",
        }
        hint = hints.get(error.pgcode or "", "Is the server still there?" if self._connection.closed else "")
        return StorageError(f"Cannot {doing} the run store {self._place}: {reason}.", hint)


_sessions: weakref.WeakValueDictionary[str, _Session] = weakref.WeakValueDictionary()
_opening = threading.Lock()


def _session(place: str) -> _Session:
    with _opening:
        found = _sessions.get(place)
        if found is None:
            found = _sessions[place] = _Session(place)
        return found


def _run(cursor: Any, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    cursor.execute(statement.replace("%", "%%").replace("?", "%s"), [_plain(value) for value in values])
    return [_row(row) for row in cursor.fetchall()] if cursor.description else []


def _number(key: str) -> int:
    digest = hashlib.blake2b(f"jesse_nb run {key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _plain(value: Any) -> Any:
    return memoryview(value) if isinstance(value, bytes) else value


def _row(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)
