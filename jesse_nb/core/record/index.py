"""A table of all records of a folder, so that none is opened to be listed: made anew wherever it does not fit.

The files are what counts. Of each the index knows the size and the time of its last change; what differs is read again,
so a file that was copied here, or one that another process wrote, is found, and the index can be deleted at any time.
A row that lost a bit is told by its checksum, and the index is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]

from jesse_nb.core.jobs.private_files import make_private_file
from jesse_nb.core.record.entry import ResultEntry
from jesse_nb.core.record.files import ENDING, read_entry
from jesse_nb.exceptions import StorageError

__all__ = ["ResultIndex"]

_NAME = "index.sqlite"
_WAIT_SECONDS = 10.0
_FIELDS = tuple(field.name for field in fields(ResultEntry))
_TUPLES = ("tags", "strategies", "symbols", "timeframes")
_NUMBERS = ("value", "days", "trades")
_COLUMNS = (*_FIELDS, "changed", "size", "checksum")
_LISTED = ", ".join(f'"{name}"' for name in _COLUMNS)
#: Of the columns: with others, the table is made anew.
_VERSION = zlib.crc32(_LISTED.encode()) & 0x7FFFFFFF
#: A sign that no name has.
_BETWEEN = "\x1f"

#: Indexes that this process has read as a whole: a row that is not found cannot be compared with anything.
_checked: set[Path] = set()


class ResultIndex:
    """The records of a folder.

    Parameters
    ----------
    folder
        Where they are; it need not be there.

    Attributes
    ----------
    unread
        By its key, why a record could not be read when :meth:`entries` was asked last.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.unread: dict[str, StorageError] = {}

    def entries(
        self, where: str = "1", values: tuple[Any, ...] = (), *, metrics: bool = True
    ) -> list[ResultEntry]:
        """Return the entries that a condition of SQL holds for, newest first; damaged files are in :attr:`unread`.

        Without ``metrics``, which take as long to read as all else, they have none.
        """
        self.unread = {}
        if not self._folder.is_dir():
            return []
        try:
            rows = self._rows(self._folder / _NAME, where, values)
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:  # the last of SQLite's own message
            if not isinstance(error, sqlite3.OperationalError | OSError):  # it is damaged, not only locked
                with contextlib.suppress(OSError):
                    (self._folder / _NAME).unlink()
            rows = self._rows(None, where, values)
        return [_entry(row, metrics) for row in rows]

    def _rows(self, place: Path | None, where: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Return rows of an index; without a place, of one in memory for this once."""
        with contextlib.closing(_opened(place)) as connection, connection:
            if place is not None and place not in _checked:
                _check(connection)
                _checked.add(place)
            self.unread = _bring_up_to_date(connection, self._folder)
            return _selected(connection, where, values)


def _check(connection: sqlite3.Connection) -> None:
    """Read all of an index."""
    if connection.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok":
        raise sqlite3.DatabaseError("the index is damaged")
    _selected(connection, "1", ())


def _selected(connection: sqlite3.Connection, where: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Return whole rows, newest first, as they were written."""
    rows = connection.execute(f"SELECT {_LISTED} FROM results WHERE {where} "  # noqa: S608 - our own columns
                              'ORDER BY "when" DESC, key', values).fetchall()
    if any(row[-1] != _checksum(row[:-1]) for row in rows):
        raise sqlite3.DatabaseError("a row is not what was written")
    return rows


def _opened(place: Path | None) -> sqlite3.Connection:
    if place is not None and not place.exists():
        make_private_file(place)
    connection = sqlite3.connect(":memory:" if place is None else place, timeout=_WAIT_SECONDS)
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA synchronous=OFF")  # what a loss of power costs is made anew
    if connection.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
        with connection:
            connection.execute("DROP TABLE IF EXISTS results")
            connection.execute(f"CREATE TABLE results ({_LISTED}, PRIMARY KEY (key))")
            connection.execute(f"PRAGMA user_version={_VERSION}")
    return connection


def _bring_up_to_date(connection: sqlite3.Connection, folder: Path) -> dict[str, StorageError]:
    """Read the files that are new or have changed, and forget those that are gone; return what cannot be read."""
    there = dict(_files(folder))
    known = {key: (changed, size) for key, changed, size
             in connection.execute("SELECT key, changed, size FROM results")}
    read = {key: _row(folder, key, state) for key, state in there.items() if known.get(key) != state}
    rows = [row for row in read.values() if isinstance(row, tuple)]
    unread = {key: row for key, row in read.items()  # unless somebody has just deleted it
              if isinstance(row, StorageError) and (folder / f"{key}{ENDING}").exists()}
    gone = [(key,) for key in known if key not in there or key in unread]
    if gone or rows:
        connection.executemany("DELETE FROM results WHERE key = ?", gone)
        places = ", ".join("?" * len(_COLUMNS))
        connection.executemany(f"INSERT OR REPLACE INTO results VALUES ({places})", rows)  # noqa: S608 - as above
    return unread


def _files(folder: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    with os.scandir(folder) as files:
        for file in files:
            if file.name.endswith(ENDING) and not file.name.startswith("."):
                with contextlib.suppress(OSError):  # somebody has just deleted it
                    state = file.stat()
                    yield file.name.removesuffix(ENDING), (state.st_mtime_ns, state.st_size)


def _row(folder: Path, key: str, state: tuple[int, int]) -> tuple[Any, ...] | StorageError:
    try:
        entry = asdict(read_entry(folder / f"{key}{ENDING}"))
    except StorageError as error:
        return error
    entry["key"] = key  # what the file is called now
    entry |= {name: _BETWEEN.join(entry[name]) for name in _TUPLES}
    entry["metrics"] = msgpack.packb(entry["metrics"])  # a quarter of the time of JSON
    entry |= {name: None for name in _NUMBERS if entry[name] != entry[name]}  # SQLite has no NaN
    row = (*(entry[name] for name in _FIELDS), *state)
    return (*row, _checksum(row))


def _checksum(values: tuple[Any, ...]) -> bytes:
    return hashlib.blake2b(repr(values).encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _entry(row: tuple[Any, ...], metrics: bool) -> ResultEntry:
    values = dict(zip(_FIELDS, row, strict=False))
    values |= {name: tuple(values[name].split(_BETWEEN)) if values[name] else () for name in _TUPLES}
    values["metrics"] = msgpack.unpackb(values["metrics"]) if metrics else {}
    values |= {name: math.nan for name in _NUMBERS if values[name] is None}
    return ResultEntry(**values)
