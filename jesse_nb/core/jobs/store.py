"""Finished simulations, kept so that none is ever run twice.

By default one SQLite database a project (``.jesse_nb/runs.sqlite``); several people who
work on one study share a PostgreSQL. Everything in it is JSON or a compressed array:
nothing is unpickled, so a store from somebody else is safe to open.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from jesse_nb.core.candles.series import SYNTHETIC_MARK
from jesse_nb.core.jobs.ledger import ledger_table
from jesse_nb.core.jobs.store_address import is_address
from jesse_nb.core.jobs.store_sqlite import SqliteStorage
from jesse_nb.core.jobs.store_tables import Storage
from jesse_nb.core.simulator.early_stop import StoppedRun
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.spec import BacktestSpec

__all__ = ["Opening", "RunStore", "StoredRun", "default_store", "is_there"]

_LAST_MOMENT = 2**62

#: As the index by data has them, so that they are counted as they are read.
_INDEX_ORDER = "symbols, start_ms, end_ms, exchange, strategy, kind"

#: One look at the index for each; a plain DISTINCT would read all of it.
_DISTINCT_SYMBOLS = """
    WITH RECURSIVE each(one) AS (
        SELECT MIN(symbols) FROM {table}
        UNION ALL SELECT (SELECT MIN(symbols) FROM {table} WHERE symbols > one) FROM each WHERE one IS NOT NULL
    ) SELECT one FROM each WHERE one IS NOT NULL
"""


def default_store() -> str | Path:
    """Return where runs are kept: in what ``$JESSE_NB_STORE`` names, or ``.jesse_nb`` in the working directory.

    The variable names a folder, or a PostgreSQL by its address.
    """
    named = os.environ.get("JESSE_NB_STORE")
    if named and is_address(named):
        return named
    return (Path(named).expanduser() if named else Path.cwd() / ".jesse_nb") / "runs.sqlite"


def is_there(place: str | Path) -> bool:
    """Tell whether there may be a store to look into, as opening a file would make it."""
    return is_address(place) or Path(place).expanduser().is_file()


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
    place
        A SQLite file, whose folder is made when it is missing, or the address of a PostgreSQL,
        ``postgresql://user@host/database``; by default :func:`default_store`.

    Attributes
    ----------
    place
        Where it is, such that it opens it again from any working directory; without a password.
    shared
        Whether other kernels are expected to work on the same runs at the same time: see :meth:`claim`.

    Raises
    ------
    StorageError
        When it cannot be opened or written, or is no run store.
    """

    def __init__(self, place: str | Path | None = None) -> None:
        self._storage = _opened(default_store() if place is None else place)
        self.place = self._storage.place
        self.shared = self._storage.shared

    def get(self, key: str) -> RunRecord | None:
        """Return a finished run, or None when there is none (or it cannot be read any more)."""
        rows = self._storage.read("SELECT metrics, trades, equity, versions, seconds FROM runs WHERE key = ?", (key,))
        if not rows:
            return None
        try:
            return RunRecord.unpack(*rows[0])
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
        self._storage.write(self._storage.replacing_run, row)
        self._storage.write("DELETE FROM stopped WHERE key = ?", (spec.key,))

    def stopped(self, key: str) -> StoppedRun | None:
        """Return what is known of a run that was stopped early; None when nothing is."""
        rows = self._storage.read("SELECT facts, samples FROM stopped WHERE key = ?", (key,))
        try:
            return StoppedRun.unpack(*rows[0]) if rows else None
        except Exception:  # noqa: BLE001 - whatever is wrong with the row, simulating again mends it
            return None

    def put_stopped(self, spec: BacktestSpec, run: StoppedRun) -> None:
        """Keep what is known of a run that was stopped early, apart from those that finished."""
        facts, samples = run.pack()
        first = spec.routes[0]
        row = (spec.key, time.time(), first.strategy.name, first.exchange,
               " ".join(route.symbol for route in spec.routes), spec.start, spec.end, spec.to_json(), facts, samples,
               "stopped")
        self._storage.write("INSERT INTO stopped VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE "
                            "SET finished_at = excluded.finished_at, facts = excluded.facts, "
                            "samples = excluded.samples", row)

    def put_failure(self, spec: BacktestSpec, kind: str, reason: str) -> None:
        """Note a failed run for the history. Failures are tried again, so none is ever answered from here."""
        # What a strategy raises may hold what no database takes as a text.
        text = reason.replace("\0", "?").encode("utf-8", "replace").decode()
        self._storage.write("INSERT INTO failures VALUES (?, ?, ?, ?, ?, ?)",
                            (spec.key, time.time(), spec.routes[0].strategy.name, spec.to_json(), kind, text))

    def claim(self, keys: Iterable[str]) -> set[str]:
        """Return those of the keys that are this kernel's to simulate now; the others' is at it already.

        In a store that is not :attr:`shared`, all are. A claim is given up by :meth:`release`, and by the
        end of this process, however it ends.
        """
        return self._storage.claim(keys)

    def release(self, keys: Iterable[str]) -> None:
        """Give claims up, once the runs are kept or will not be made."""
        self._storage.release(keys)

    def which_finished(self, keys: Iterable[str]) -> dict[str, float]:
        """Return those of the keys whose runs are kept, whole or as far as they went, and since when.

        In seconds since 1970.
        """
        listed = _listing(keys)
        rows = [row for table in ("stopped", "runs") for row in self._storage.read(
                f"SELECT key, finished_at FROM {table} "  # noqa: S608 - our own tables
                f"WHERE key IN ({self._storage.listed})", (listed,))]
        return dict(rows)

    def note(self, key: str, value: Any) -> None:
        """Keep what was worked out from all that ``key`` is a hash of; it must be what JSON gives back as it was."""
        self._storage.write("INSERT INTO notes VALUES (?, ?) ON CONFLICT (key) DO NOTHING", (key, json.dumps(value)))

    def noted(self, key: str) -> Any:
        """Return what was noted under a key; None when nothing was, or it cannot be read any more."""
        rows = self._storage.read("SELECT value FROM notes WHERE key = ?", (key,))
        try:
            return json.loads(rows[0][0]) if rows else None
        except ValueError:
            return None

    def find(self, key: str) -> StoredRun | None:
        """Return a run with its spec, by its key or the first digits of it."""
        rows = self._storage.read("SELECT key, spec FROM runs WHERE key >= ? AND key < ? LIMIT 2", (key, key + "g"))
        record = self.get(rows[0][0]) if len(rows) == 1 else None
        return StoredRun(BacktestSpec.from_json(rows[0][1]), record) if record else None

    def count(self) -> int:
        """Return how many finished runs there are."""
        return int(self._storage.read("SELECT COUNT(*) FROM runs")[0][0])

    def recent(self, limit: int = 20) -> pd.DataFrame:
        """Return the newest backtests, one row each, newest first.

        Scenarios and checks are left out, as they look like the run that they repeat; :meth:`ledger` counts them.

        Columns: ``key``, ``finished`` (UTC), ``strategy``, ``exchange``, ``symbols``, ``timeframe``,
        ``start`` and ``end`` (UTC), ``hyperparameters``, ``trades`` (count), ``net_profit_percentage``
        (percent), ``sharpe_ratio``, ``seconds``.
        """
        rows = self._storage.read(
            f"SELECT key, finished_at, strategy, exchange, symbols, timeframe, start_ms, end_ms, "  # noqa: S608 - ours
            f"{self._storage.hyperparameters}, metrics, seconds "
            "FROM runs WHERE kind = 'backtest' ORDER BY finished_at DESC LIMIT ?", (int(limit),))
        return _readable(pd.DataFrame(rows, columns=["key", "finished", "strategy", "exchange", "symbols", "timeframe",
                                                     "start", "end", "hyperparameters", "metrics", "seconds"]))

    def same_data(self, spec: BacktestSpec) -> frozenset[str]:
        """Return the keys of all backtests that traded one of a spec's symbols in some of its period.

        Those that were stopped early count, too. Whatever the exchange, but made-up candles are the same as made-up
        ones only; scenarios of a candle pipeline and checks are none of these. The spec's own run is one of them
        when it has finished.
        """
        return frozenset(key for (key,) in self._backtests_on_same_data("key", spec))

    def count_same_data(self, spec: BacktestSpec, before: float, excluding: Iterable[str] = ()) -> int:
        """Count those of :meth:`same_data` that finished before a moment (seconds since 1970), without some keys."""
        counted = self._backtests_on_same_data("COUNT(*)", spec, before=before, group=_INDEX_ORDER)
        # Those left out are few: they are looked up one by one, and not told apart from all the others.
        excluded = self._backtests_on_same_data("key", spec, before=before, among=excluding)
        return sum(int(count) for (count,) in counted) - len(excluded)

    def _backtests_on_same_data(self, columns: str, spec: BacktestSpec, **limits: Any) -> list[list[Any]]:
        rows = self._on_same_data(columns, {route.symbol for route in spec.routes}, spec.start, spec.end, **limits)
        made_up = spec.routes[0].exchange.endswith(SYNTHETIC_MARK)
        return [found for exchange, kind, *found in rows
                if kind in ("backtest", "stopped") and exchange.endswith(SYNTHETIC_MARK) == made_up]

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
                                  group=_INDEX_ORDER)
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
        self._storage.write("INSERT INTO openings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def openings(self, spec: BacktestSpec) -> tuple[Opening, ...]:
        """Return who opened some of a spec's days for one of its symbols, oldest first.

        Whatever the exchange, but made-up candles are the same as made-up ones only.
        """
        rows = self._storage.read(
            "SELECT exchange, symbols, study, params, runs FROM openings WHERE start_ms < ? AND end_ms > ? "
            "ORDER BY opened_at", (spec.end, spec.start))
        symbols = {route.symbol for route in spec.routes}
        made_up = spec.routes[0].exchange.endswith(SYNTHETIC_MARK)
        return tuple(Opening(study, json.loads(params), tuple(json.loads(runs)))
                     for exchange, traded, study, params, runs in rows
                     if symbols & set(traded.split()) and exchange.endswith(SYNTHETIC_MARK) == made_up)

    def clear(self) -> None:
        """Forget all runs. That sealed days were opened is kept: what was looked at stays looked at."""
        for table in ("runs", "stopped", "failures", "notes"):
            self._storage.write(f"DELETE FROM {table}")  # noqa: S608 - our own tables

    def close(self) -> None:
        """Close the database."""
        self._storage.close()

    def _on_same_data(
        self, columns: str, symbols: set[str] | None, start: int | None, end: int | None,
        excluding: Iterable[str] = (), group: str = "", before: float = math.inf, among: Iterable[str] | None = None,
    ) -> list[tuple[Any, ...]]:  # fmt: skip
        """Return exchange, kind and ``columns`` of the runs that traded any of the symbols in some of the period.

        Runs that were stopped early are among them: they were looked at, too.
        """
        condition = "start_ms < ? AND end_ms > ?"
        values: list[Any] = [_LAST_MOMENT if end is None else end, -_LAST_MOMENT if start is None else start]
        if before < math.inf:
            condition += " AND finished_at < ?"
            values.append(before)
        excluded = list(excluding)
        if excluded:
            condition += f" AND key NOT IN ({self._storage.listed})"
            values.append(_listing(excluded))
        if among is not None:
            condition += f" AND key IN ({self._storage.listed})"
            values.append(_listing(among))
        rows: list[tuple[Any, ...]] = []
        for table in ("runs", "stopped"):
            index = "" if among is not None else self._storage.by_data.format(table=table)
            known = [row[0] for row in self._storage.read(_DISTINCT_SYMBOLS.format(table=table))]
            those = [text for text in known if symbols is None or symbols & set(text.split())]
            rows += self._storage.read(
                f"SELECT exchange, kind, {columns} FROM {table} {index} "  # noqa: S608 - our own columns
                f"WHERE symbols IN ({self._storage.listed}) AND {condition}"
                f"{' GROUP BY ' + group if group else ''}",
                [_listing(those), *values],
            )
        return rows


def _opened(place: str | Path) -> Storage:
    if is_address(place):
        from jesse_nb.core.jobs.store_postgres import PostgresStorage

        return PostgresStorage(str(place))
    return SqliteStorage(Path(place))


def _listing(values: Iterable[str]) -> str:
    return json.dumps(list(values))


def _readable(frame: pd.DataFrame) -> pd.DataFrame:
    metrics: list[dict[str, Any]] = [json.loads(text) for text in frame.pop("metrics")]
    frame["finished"] = pd.to_datetime(frame["finished"], unit="s", utc=True)
    for column in ("start", "end"):
        frame[column] = pd.to_datetime(frame[column], unit="ms", utc=True)
    frame.insert(len(frame.columns) - 1, "trades", [row.get("total") for row in metrics])
    for name in ("net_profit_percentage", "sharpe_ratio"):
        frame.insert(len(frame.columns) - 1, name, pd.Series([row.get(name) for row in metrics], dtype="float64"))
    return frame
