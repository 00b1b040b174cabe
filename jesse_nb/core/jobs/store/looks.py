"""What was looked at: the runs on the same data, and the sealed days that were opened."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from jesse_nb.core.candles.series import SYNTHETIC_MARK
from jesse_nb.core.jobs.ledger import ledger_table
from jesse_nb.core.jobs.store.rows import intact, with_checksum
from jesse_nb.core.jobs.store.tables import COLUMNS, LOOKED_AT, Storage, inserting
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.exceptions import StorageError

__all__ = ["Looks", "Opening", "listing"]

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


class Opening(NamedTuple):
    """A study's sealed days, opened: whose, with which parameters, and the keys of the runs on them."""

    study: str
    params: dict[str, Any]
    runs: tuple[str, ...]


class Looks:
    """Questions about a run store by the data that its runs share; a part of it."""

    place: str
    _storage: Storage
    _drop: Callable[[str, str], None]

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

    def _check_ledger(self) -> None:
        """Drop what would be counted wrongly: a ledger reads an index only, and no checksum."""
        for table, keys in self._storage.damaged_in_ledger().items():
            for key in keys:
                self._drop(table, key)

    def _backtests_on_same_data(self, columns: str, spec: BacktestSpec, **limits: Any) -> list[list[Any]]:
        rows = self._on_same_data(columns, {route.symbol for route in spec.routes}, spec.start, spec.end, **limits)
        made_up = spec.routes[0].exchange.endswith(SYNTHETIC_MARK)
        return [found for exchange, kind, *found in rows
                if kind in ("backtest", "stopped") and exchange.endswith(SYNTHETIC_MARK) == made_up]

    def ledger(
        self, symbols: Iterable[str] | None = None, start: int | None = None, end: int | None = None,
        excluding: Iterable[str] = (),
    ) -> pd.DataFrame:
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
        self._storage.write(inserting("openings"), with_checksum("openings", row))

    def openings(self, spec: BacktestSpec) -> tuple[Opening, ...]:
        """Return who opened some of a spec's days for one of its symbols, oldest first.

        Whatever the exchange, but made-up candles are the same as made-up ones only.
        """
        rows = self._storage.read(f"SELECT {', '.join(COLUMNS['openings'])} "  # noqa: S608 - our own columns
                                  "FROM openings ORDER BY opened_at")
        if not all(intact("openings", row) for row in rows):
            raise StorageError(f"The log of opened days in {self.place} is damaged.",
                               "Put a copy of the run store in its place: what was looked at must stay known.")
        symbols = {route.symbol for route in spec.routes}
        made_up = spec.routes[0].exchange.endswith(SYNTHETIC_MARK)
        found = [dict(zip(COLUMNS["openings"], row, strict=True)) for row in rows]
        return tuple(Opening(one["study"], json.loads(one["params"]), tuple(json.loads(one["runs"]))) for one in found
                     if one["start_ms"] < spec.end and one["end_ms"] > spec.start
                     and symbols & set(one["symbols"].split()) and one["exchange"].endswith(SYNTHETIC_MARK) == made_up)

    def _on_same_data(
        self, columns: str, symbols: set[str] | None, start: int | None, end: int | None,
        excluding: Iterable[str] = (), group: str = "", before: float = math.inf, among: Iterable[str] | None = None,
    ) -> list[tuple[Any, ...]]:
        """Return exchange, kind and ``columns`` of the runs that traded any of the symbols in some of the period.

        Runs that were stopped early are among them, and those whose rows were damaged: they were looked at, too.
        """
        self._check_ledger()
        condition = "start_ms < ? AND end_ms > ?"
        values: list[Any] = [_LAST_MOMENT if end is None else end, -_LAST_MOMENT if start is None else start]
        if before < math.inf:
            condition += " AND finished_at < ?"
            values.append(before)
        excluded = list(excluding)
        if excluded:
            condition += f" AND key NOT IN ({self._storage.listed})"
            values.append(listing(excluded))
        if among is not None:
            condition += f" AND key IN ({self._storage.listed})"
            values.append(listing(among))
        rows: list[tuple[Any, ...]] = []
        for table in LOOKED_AT:
            index = "" if among is not None else self._storage.by_data.format(table=table)
            known = [row[0] for row in self._storage.read(_DISTINCT_SYMBOLS.format(table=table))]
            those = [text for text in known if symbols is None or symbols & set(text.split())]
            rows += self._storage.read(
                f"SELECT exchange, kind, {columns} FROM {table} {index} "  # noqa: S608 - our own columns
                f"WHERE symbols IN ({self._storage.listed}) AND {condition}"
                f"{' GROUP BY ' + group if group else ''}",
                [listing(those), *values],
            )
        return rows


def listing(values: Iterable[str]) -> str:
    """Return strings as a statement takes them where it says ``listed``."""
    return json.dumps(list(values))
