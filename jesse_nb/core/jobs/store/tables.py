"""What a run store keeps where: its tables, and what any database must do for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

__all__ = ["COLUMNS", "LEDGER_INDEXES", "LOOKED_AT", "SEALED", "VERSION", "Storage", "inserting", "replacing", "tables"]

#: Of the tables below; a store of a higher one is left alone.
VERSION = 5

#: What a ledger reads of a run; in the index by data, which has a seal for them.
SEALED = ("key", "symbols", "start_ms", "end_ms", "exchange", "strategy", "kind", "finished_at")

#: The tables whose rows a ledger counts. Of a run whose own row was damaged, ``lost`` has what it counts.
LOOKED_AT = ("runs", "stopped", "lost")

#: Of each table that has checksums or seals, in order. Version 4 added these, and 5 gave them to all rows of before.
COLUMNS = {
    "runs": ("key", "finished_at", "strategy", "exchange", "symbols", "timeframe", "start_ms", "end_ms", "spec",
             "metrics", "trades", "equity", "versions", "seconds", "kind", "checksum", "seal"),
    "stopped": ("key", "finished_at", "strategy", "exchange", "symbols", "start_ms", "end_ms", "spec", "facts",
                "samples", "kind", "checksum", "seal"),
    "openings": ("study", "opened_at", "strategy", "exchange", "symbols", "start_ms", "end_ms", "params", "runs",
                 "checksum"),
    "lost": (*SEALED, "seal"),
    "notes": ("key", "value", "checksum"),
}


class Storage(Protocol):
    """A database for a run store. Statements have a ``?`` for each value.

    Attributes
    ----------
    place
        Where it is, without a password.
    shared
        Whether other kernels work on the same runs at the same time.
    listed
        A query for the strings of a JSON list.
    by_data
        What makes a query of a ``{table}`` of runs use the index that has all a ledger asks.
    """

    place: str
    shared: bool
    listed: str
    by_data: str

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows."""

    def write(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Change something, for good when this returns."""

    def damaged_in_ledger(self) -> dict[str, set[str]]:
        """Return by table the keys of rows that a ledger would count wrongly; what an index lost is mended.

        This process looks once.
        """

    def claim(self, keys: Iterable[str]) -> set[str]:
        """Do what :meth:`~jesse_nb.core.jobs.store.RunStore.claim` says."""

    def release(self, keys: Iterable[str]) -> None:
        """Do what :meth:`~jesse_nb.core.jobs.store.RunStore.release` says."""

    def close(self) -> None:
        """Let go of the database."""


def inserting(table: str) -> str:
    """Return the statement that keeps a row of a table."""
    columns = COLUMNS[table]
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 - ours


def replacing(table: str) -> str:
    """Return the statement that keeps a row of a table in place of one with the same key."""
    changed = ", ".join(f"{name} = EXCLUDED.{name}" for name in COLUMNS[table][1:])
    return f"{inserting(table)} ON CONFLICT (key) DO UPDATE SET {changed}"


def tables(*, text: str = "TEXT", whole: str = "INTEGER", real: str = "REAL", data: str = "BLOB",
           keyed: str = " WITHOUT ROWID") -> tuple[str, ...]:
    """Return the statements that make the tables where they are missing, in the words of one database.

    Parameters
    ----------
    text, whole, real, data
        Types of a text, a whole number of 64 bits, a number and bytes. Texts are compared byte by byte.
    keyed
        What makes a table be ordered by its key.
    """
    return (
        f"""CREATE TABLE IF NOT EXISTS runs (
            key {text} PRIMARY KEY, finished_at {real} NOT NULL, strategy {text} NOT NULL, exchange {text} NOT NULL,
            symbols {text} NOT NULL, timeframe {text} NOT NULL, start_ms {whole} NOT NULL, end_ms {whole} NOT NULL,
            spec {text} NOT NULL, metrics {text} NOT NULL, trades {data} NOT NULL, equity {data} NOT NULL,
            versions {text} NOT NULL, seconds {real} NOT NULL, kind {text} NOT NULL DEFAULT 'backtest',
            checksum {data}, seal {whole}
        ){keyed}""",
        "CREATE INDEX IF NOT EXISTS runs_by_time ON runs (finished_at)",
        f"""CREATE TABLE IF NOT EXISTS failures (
            key {text} NOT NULL, failed_at {real} NOT NULL, strategy {text} NOT NULL, spec {text} NOT NULL,
            kind {text} NOT NULL, reason {text} NOT NULL
        )""",
        f"""CREATE TABLE IF NOT EXISTS stopped (
            key {text} PRIMARY KEY, finished_at {real} NOT NULL, strategy {text} NOT NULL, exchange {text} NOT NULL,
            symbols {text} NOT NULL, start_ms {whole} NOT NULL, end_ms {whole} NOT NULL, spec {text} NOT NULL,
            facts {text} NOT NULL, samples {data} NOT NULL, kind {text} NOT NULL DEFAULT 'stopped',
            checksum {data}, seal {whole}
        ){keyed}""",
        f"""CREATE TABLE IF NOT EXISTS lost (
            key {text} PRIMARY KEY, symbols {text} NOT NULL, start_ms {whole} NOT NULL, end_ms {whole} NOT NULL,
            exchange {text} NOT NULL, strategy {text} NOT NULL, kind {text} NOT NULL, finished_at {real} NOT NULL,
            seal {whole}
        ){keyed}""",
        f"""CREATE TABLE IF NOT EXISTS openings (
            study {text} NOT NULL, opened_at {real} NOT NULL, strategy {text} NOT NULL, exchange {text} NOT NULL,
            symbols {text} NOT NULL, start_ms {whole} NOT NULL, end_ms {whole} NOT NULL, params {text} NOT NULL,
            runs {text} NOT NULL, checksum {data}
        )""",
        f"CREATE TABLE IF NOT EXISTS notes (key {text} PRIMARY KEY, value {text} NOT NULL, checksum {data}){keyed}",
    )


#: Have all that a ledger asks, so that it reads no run.
LEDGER_INDEXES = tuple(
    statement for table in LOOKED_AT for statement in (
        f"DROP INDEX IF EXISTS {table}_by_data",
        f"CREATE INDEX {table}_by_data ON {table} ({', '.join(SEALED[1:])}, seal)",
    ))
