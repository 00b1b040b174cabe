"""Which process simulates what, noted in a run store's file that several processes work on.

A claim names its process, and since when that runs: one whose process is gone is free at once. Of a process on
another machine only a sign of life can be seen, which it writes every few seconds while it holds a claim.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterable
from functools import cache

from jesse_nb.core.jobs.journal import process_start

__all__ = ["CLAIMS_TABLE", "FileClaims"]

CLAIMS_TABLE = """CREATE TABLE IF NOT EXISTS claims (
    key TEXT PRIMARY KEY, host TEXT NOT NULL, process INTEGER NOT NULL, started REAL NOT NULL, alive REAL NOT NULL
) WITHOUT ROWID"""

#: Seconds between two signs of life, and how long after the last one another machine's process is taken for gone.
_INTERVAL, _SILENT = 10.0, 60.0

_KEYS = "key IN (SELECT value FROM json_each(?))"
_MINE = "host = ? AND process = ? AND started = ?"


class FileClaims:
    """The claims of this process in one file; whoever calls holds the connection's lock.

    Parameters
    ----------
    place
        The file's whole path.
    connection
        To it.
    """

    def __init__(self, place: str, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._held = _held(place)

    def take(self, keys: Iterable[str]) -> set[str]:
        """Return those that no other process works on; from now on this one does."""
        keys, me, now = list(keys), _me(), time.time()
        if not keys:
            return set()
        with self._held.lock, self._connection:  # a failure undoes all of it
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT INTO claims VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
                                         [(key, *me, now) for key in keys])
            rows = self._connection.execute(f"SELECT * FROM claims WHERE {_KEYS}",  # noqa: S608 - our own words
                                            (json.dumps(keys),)).fetchall()
            gone = {owner for owner in {row[1:] for row in rows} if owner[:3] != me and _is_gone(*owner)}
            left = [row[0] for row in rows if row[1:] in gone]
            self._connection.executemany("UPDATE claims SET host = ?, process = ?, started = ?, alive = ? "
                                         "WHERE key = ?", [(*me, now, key) for key in left])
            ours = {row[0] for row in rows if row[1:4] == me} | set(left)
            self._held.add(ours)
        return ours

    def give_up(self, keys: Iterable[str]) -> None:
        """Let go of claims; one that two jobs of this process hold is kept for the other."""
        keys = list(keys)
        if not keys:
            return
        with self._held.lock:
            free = json.dumps(self._held.without(keys))
            self._connection.execute(f"DELETE FROM claims WHERE {_KEYS} AND {_MINE}",  # noqa: S608 - our own words
                                     (free, *_me()))


class _Held:
    """What this process holds in one file, and the thread that shows that it lives."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._counts: Counter[str] = Counter()
        self._thread: threading.Thread | None = None
        self.lock = threading.Lock()

    def add(self, keys: Iterable[str]) -> None:
        self._counts.update(keys)
        if self._counts and self._thread is None:
            self._thread = threading.Thread(target=self._live, daemon=True, name="jesse-nb-claims")
            self._thread.start()

    def without(self, keys: Iterable[str]) -> list[str]:
        """Count down; return those that nobody in this process holds any more."""
        self._counts.subtract(keys)
        free = [key for key in keys if self._counts[key] <= 0]
        for key in free:
            del self._counts[key]
        return free

    def _live(self) -> None:
        while True:
            time.sleep(_INTERVAL)
            with self.lock:
                if not self._counts:
                    self._thread = None
                    return
            with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(self._place)) as connection, \
                    connection:
                connection.execute(f"UPDATE claims SET alive = ? WHERE {_MINE}",  # noqa: S608 - our own words
                                   (time.time(), *_me()))


_by_place: dict[str, _Held] = {}
_making = threading.Lock()


def _held(place: str) -> _Held:
    with _making:
        return _by_place.setdefault(os.path.realpath(place), _Held(place))


@cache
def _owner(process: int) -> tuple[str, int, float]:
    return socket.gethostname(), process, process_start(process) or 0.0


def _me() -> tuple[str, int, float]:
    return _owner(os.getpid())


def _is_gone(host: object, process: object, started: object, alive: object) -> bool:
    """Tell whether a claim's process is gone; what cannot be read is nobody's."""
    if not (isinstance(process, int) and isinstance(started, float) and isinstance(alive, float)):
        return True
    if host != socket.gethostname():
        return abs(time.time() - alive) > _SILENT
    since = process_start(process)
    return since is None or abs(since - started) > 2  # another process can have got its number
