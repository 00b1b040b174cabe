"""Finished simulations, kept so that none is ever run twice.

By default one SQLite database a project (``.jesse_nb/runs.sqlite``); several people who
work on one study share a PostgreSQL. Everything in it is JSON or a compressed array:
nothing is unpickled or run, so a store from somebody else is safe to open. Each row has a
checksum; one that fails it is dropped, so that it is simulated again.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from jesse_nb.core.jobs.store.address import is_address
from jesse_nb.core.jobs.store.looks import Looks, listing
from jesse_nb.core.jobs.store.rows import intact, seal_fits, with_checksum
from jesse_nb.core.jobs.store.sqlite import SqliteStorage
from jesse_nb.core.jobs.store.tables import COLUMNS, LOOKED_AT, SEALED, Storage, inserting, replacing
from jesse_nb.core.simulator.early_stop import StoppedRun
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.user_path import working_folder
from jesse_nb.exceptions import InputError, StorageError, shown

__all__ = ["RunStore", "StoredRun", "default_store", "is_there"]

#: What a store's file is called in its folder.
_FILE = "runs.sqlite"

#: As many rows are listed at the most: more than anybody reads.
_MOST_LISTED = 1_000_000


def default_store() -> str | Path:
    """Return where runs are kept: in what ``$JESSE_NB_STORE`` names, or ``.jesse_nb`` in the working directory.

    The variable names what :class:`RunStore` takes.
    """
    named = os.environ.get("JESSE_NB_STORE")
    if named and is_address(named):
        return named
    return _file_of(named) if named else working_folder() / ".jesse_nb" / _FILE


def is_there(place: str | Path) -> bool:
    """Tell whether there may be a store to look into, as opening a file would make it."""
    return is_address(place) or _file_of(place).is_file()


def _file_of(place: str | Path) -> Path:
    """Return the file of a store that is named by its file or by its folder.

    What is not there yet is a file where its name has an ending, and a folder otherwise.
    """
    path = Path(place).expanduser()
    folder = path.is_dir() or not (path.is_file() or path.suffix)
    return path / _FILE if folder else path


@dataclass(frozen=True)
class StoredRun:
    """A run found in the store."""

    spec: BacktestSpec
    record: RunRecord


class RunStore(Looks):
    """Finished runs by key.

    Parameters
    ----------
    place
        A SQLite file, or a folder with a file ``runs.sqlite``, which are made when they are missing; or the address
        of a PostgreSQL, ``postgresql://user@host/database``; by default :func:`default_store`. What is not there yet
        is a file where its name has an ending.

    Attributes
    ----------
    place
        Where it is, such that it opens it again from any working directory; without a password.
    shared
        Whether others may work on the same runs at the same time, see :meth:`claim`; not where nothing can be kept.
    damaged
        Keys of the rows that were found damaged, and dropped, since this was opened.

    Raises
    ------
    StorageError
        When it cannot be opened or written, or is no run store.
    """

    def __init__(self, place: str | Path | None = None) -> None:
        self._storage = _opened(default_store() if place is None else place)
        self.place = self._storage.place
        self.shared = self._storage.shared
        self.damaged: set[str] = set()

    def get(self, key: str) -> RunRecord | None:
        """Return a finished run, or None when there is none (or it is damaged)."""
        row = self._row("runs", key)
        return None if row is None else self._unpacked(row)

    def _unpacked(self, row: Sequence[Any]) -> RunRecord | None:
        found = dict(zip(COLUMNS["runs"], row, strict=True))
        try:
            return RunRecord.unpack(*(found[name] for name in ("metrics", "trades", "equity", "versions", "seconds")))
        except Exception:  # noqa: BLE001 - whatever is wrong with the row, simulating again mends it
            self._drop("runs", found["key"])
            return None

    def _row(self, table: str, key: str) -> Sequence[Any] | None:
        """Return a whole row; None when there is none, or it is damaged, which :attr:`damaged` knows then."""
        columns = ", ".join(COLUMNS[table])
        rows = self._storage.read(f"SELECT {columns} FROM {table} WHERE key = ?", (key,))  # noqa: S608 - our own
        if rows and not intact(table, rows[0]):
            self._drop(table, key)
            return None
        return rows[0] if rows else None

    def _drop(self, table: str, key: str) -> None:
        if table in LOOKED_AT:
            self.damaged.add(key)
        with contextlib.suppress(StorageError):  # where it cannot be dropped, it is found damaged again
            if table in ("runs", "stopped"):
                self._keep_look(table, key)
            self._storage.write(f"DELETE FROM {table} WHERE key = ?", (key,))  # noqa: S608 - our own tables

    def _keep_look(self, table: str, key: str) -> None:
        """Keep what a ledger counts of a damaged run, where that is sound: what was looked at stays looked at."""
        rows = self._storage.read(f"SELECT {', '.join(COLUMNS['lost'])} FROM {table} WHERE key = ?", (key,))  # noqa: S608
        if rows and seal_fits(rows[0]):
            self._storage.write(f"{inserting('lost')} ON CONFLICT (key) DO NOTHING", rows[0])

    def put(self, spec: BacktestSpec, record: RunRecord, *, check: bool = False) -> None:
        """Keep a finished run; an older one of the same key is replaced.

        A ``check`` repeats another run to see what something changes, fees or the mode: it is no trial.
        """
        metrics, trades, equity, versions = record.pack()
        first = spec.routes[0]
        row = (
            spec.key, time.time(), first.strategy.name, first.exchange,
            " ".join(route.symbol for route in spec.routes), first.timeframe, spec.start, spec.end,
            spec.to_json(), metrics, trades, equity, versions, float(record.seconds),
            "scenario" if spec.pipeline is not None else "check" if check else "backtest",
        )
        self._storage.write(replacing("runs"), with_checksum("runs", row))
        for table in ("stopped", "lost"):
            self._storage.write(f"DELETE FROM {table} WHERE key = ?", (spec.key,))  # noqa: S608 - our own tables

    def stopped(self, key: str) -> StoppedRun | None:
        """Return what is known of a run that was stopped early; None when nothing is."""
        row = self._row("stopped", key)
        if row is None:
            return None
        found = dict(zip(COLUMNS["stopped"], row, strict=True))
        try:
            return StoppedRun.unpack(found["facts"], found["samples"])
        except Exception:  # noqa: BLE001 - whatever is wrong with the row, simulating again mends it
            self._drop("stopped", key)
            return None

    def put_stopped(self, spec: BacktestSpec, run: StoppedRun) -> None:
        """Keep what is known of a run that was stopped early, apart from those that finished."""
        facts, samples = run.pack()
        first = spec.routes[0]
        row = (spec.key, time.time(), first.strategy.name, first.exchange,
               " ".join(route.symbol for route in spec.routes), spec.start, spec.end, spec.to_json(), facts, samples,
               "stopped")
        self._storage.write(replacing("stopped"), with_checksum("stopped", row))
        self._storage.write("DELETE FROM lost WHERE key = ?", (spec.key,))

    def put_failure(self, spec: BacktestSpec, kind: str, reason: str) -> None:
        """Note a failed run for the history. Failures are tried again, so none is ever answered from here."""
        # What a strategy raises may hold what no database takes as a text.
        text = reason.replace("\0", "?").encode("utf-8", "replace").decode()
        self._storage.write("INSERT INTO failures VALUES (?, ?, ?, ?, ?, ?)",
                            (spec.key, time.time(), spec.routes[0].strategy.name, spec.to_json(), kind, text))

    def claim(self, keys: Iterable[str]) -> set[str]:
        """Return those of the keys that are this process's to simulate now; another one is at the rest already.

        A claim is given up by :meth:`release`, and by the end of this process, however it ends.
        """
        return self._storage.claim(keys)

    def release(self, keys: Iterable[str]) -> None:
        """Give claims up, once the runs are kept or will not be made."""
        self._storage.release(keys)

    def which_finished(self, keys: Iterable[str]) -> dict[str, float]:
        """Return those of the keys whose runs are kept, whole or as far as they went, and since when.

        In seconds since 1970.
        """
        listed = listing(keys)
        rows = [row for table in ("stopped", "runs") for row in self._storage.read(
                f"SELECT {', '.join(SEALED)}, seal FROM {table} "  # noqa: S608 - our own tables
                f"WHERE key IN ({self._storage.listed})", (listed,))]
        return {row[0]: row[SEALED.index("finished_at")] for row in rows if seal_fits(row)}

    def note(self, key: str, value: Any) -> None:
        """Keep what was worked out from all that ``key`` is a hash of; it must be what JSON gives back as it was."""
        self._storage.write(f"{inserting('notes')} ON CONFLICT (key) DO NOTHING",
                            with_checksum("notes", (key, json.dumps(value))))

    def noted(self, key: str) -> Any:
        """Return what was noted under a key; None when nothing was, or it is damaged."""
        row = self._row("notes", key)
        try:
            return None if row is None else json.loads(row[1])
        except ValueError:
            return None

    def find(self, key: str) -> StoredRun | None:
        """Return a run with its spec, by its key or the first digits of it."""
        rows = self._storage.read("SELECT key FROM runs WHERE key >= ? AND key < ? LIMIT 2", (key, key + "g"))
        row = self._row("runs", rows[0][0]) if len(rows) == 1 else None
        record = None if row is None else self._unpacked(row)
        if row is None or record is None:
            return None
        try:
            return StoredRun(BacktestSpec.from_json(row[COLUMNS["runs"].index("spec")]), record)
        except (InputError, ValueError, TypeError, KeyError):  # damaged before there were checksums
            self._drop("runs", rows[0][0])
            return None

    def count(self) -> int:
        """Return how many finished runs there are."""
        return int(self._storage.read("SELECT COUNT(*) FROM runs")[0][0])

    def recent(self, limit: int = 20) -> pd.DataFrame:
        """Return the newest backtests, one row each, newest first.

        Scenarios and checks are left out, as they look like the run that they repeat; :meth:`ledger` counts them.

        Columns: ``key``, ``finished`` (UTC), ``strategy``, ``exchange``, ``symbols``, ``timeframe``,
        ``start`` and ``end`` (UTC), ``hyperparameters``, ``trades`` (count), ``net_profit_percentage``
        (percent), ``sharpe_ratio``, ``seconds``.

        Raises
        ------
        InputError
            When ``limit`` is no whole number from 0 up.
        """
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
            raise InputError.of("limit", f"is {shown(limit)}.", "It is a whole number from 0 up.")
        rows = self._storage.read(
            f"SELECT {', '.join(COLUMNS['runs'])} "  # noqa: S608 - our own columns
            "FROM runs WHERE kind = 'backtest' ORDER BY finished_at DESC LIMIT ?", (min(limit, _MOST_LISTED),))
        listed = [(row, _listed(row)) for row in rows]
        for row, readable in listed:
            if readable is None:
                self._drop("runs", row[0])
        return _readable([readable for _, readable in listed if readable is not None])

    def clear(self) -> None:
        """Forget all runs. That sealed days were opened is kept: what was looked at stays looked at."""
        for table in (*LOOKED_AT, "failures", "notes"):
            self._storage.write(f"DELETE FROM {table}")  # noqa: S608 - our own tables

    def close(self) -> None:
        """Close the database."""
        self._storage.close()

def _opened(place: str | Path) -> Storage:
    if is_address(place):
        from jesse_nb.core.jobs.store.postgres import PostgresStorage

        return PostgresStorage(str(place))
    return SqliteStorage(_file_of(place))


#: Of a run in a list, before its figures.
_SHOWN = ["key", "finished", "strategy", "exchange", "symbols", "timeframe", "start", "end", "hyperparameters",
          "seconds"]


def _listed(row: Sequence[Any]) -> dict[str, Any] | None:
    """Return a run as :meth:`RunStore.recent` lists it; None when it is damaged."""
    found = dict(zip(COLUMNS["runs"], row, strict=True))
    try:
        parameters = json.loads(found["spec"])["hyperparameters"]
        found |= {"hyperparameters": json.dumps(parameters, separators=(",", ":"), ensure_ascii=False),
                  "metrics": dict(json.loads(found["metrics"]))}
    except (ValueError, TypeError, KeyError):
        return None
    return found if intact("runs", row) else None


def _readable(rows: list[dict[str, Any]]) -> pd.DataFrame:
    metrics = [row["metrics"] for row in rows]
    frame = pd.DataFrame(rows, columns=[*COLUMNS["runs"], "hyperparameters"])
    frame = frame.rename(columns={"finished_at": "finished", "start_ms": "start", "end_ms": "end"})[_SHOWN]
    frame["finished"] = pd.to_datetime(frame["finished"], unit="s", utc=True)
    for column in ("start", "end"):
        frame[column] = pd.to_datetime(frame[column], unit="ms", utc=True)
    frame.insert(len(frame.columns) - 1, "trades", [row.get("total") for row in metrics])
    for name in ("net_profit_percentage", "sharpe_ratio"):
        frame.insert(len(frame.columns) - 1, name, pd.Series([row.get(name) for row in metrics], dtype="float64"))
    return frame
