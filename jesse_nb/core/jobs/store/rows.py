"""What makes a damaged row of a run store known: a checksum over all of it, and a seal over what a ledger counts.

SQLite has no checksums of its own, and a bit that a disk or a copy lost can be a digit of a result. The checksum
is a BLAKE2b of 16 bytes: no damage is likelier than 2**-128 to go unnoticed, and it takes less time than to
decompress the row. It says nothing of who wrote the row: whoever can write the store can write a checksum.

Rows that versions before 4 wrote had none. They get theirs when their store is brought to version 5, so that from then
on one that has none has lost it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from jesse_nb.core.jobs.store.tables import COLUMNS, SEALED, inserting
from jesse_nb.core.simulator.record import RunRecord

__all__ = ["intact", "seal_earlier", "seal_fits", "with_checksum"]

_SEALED_PLACES = {table: tuple(columns.index(name) for name in SEALED)
                  for table, columns in COLUMNS.items() if "seal" in columns}


def with_checksum(table: str, values: Sequence[Any]) -> tuple[Any, ...]:
    """Return a table's row: its values, what they must be, and a seal where the table has one."""
    places = _SEALED_PLACES.get(table)
    seal = () if places is None else (_seal(values[place] for place in places),)
    return (*values, _digest(values), *seal)


def intact(table: str, row: Sequence[Any]) -> bool:
    """Tell whether a whole row is as it was written."""
    place = COLUMNS[table].index("checksum")
    return bool(row[place] == _digest(row[:place]))


def seal_fits(values: Sequence[Any]) -> bool:
    """Tell whether the columns :data:`~jesse_nb.core.jobs.store.tables.SEALED`, and the seal after them, fit."""
    return bool(values[-1] == _seal(values[:-1]))


def seal_earlier(run: Callable[[str, Sequence[Any]], Sequence[Sequence[Any]]]) -> None:
    """Give the rows of before version 4 what later ones have; those that cannot be read stay without.

    Parameters
    ----------
    run
        Runs a statement with its values, and returns the rows.
    """
    for table in ("runs", "stopped", "notes"):
        unsealed = "seal" if table in _SEALED_PLACES else "checksum"
        for (key,) in run(f"SELECT key FROM {table} WHERE {unsealed} IS NULL", ()):  # noqa: S608 - our own tables
            (row,) = run(f"SELECT {', '.join(COLUMNS[table])} FROM {table} WHERE key = ?", (key,))  # noqa: S608
            values = row[:COLUMNS[table].index("checksum")]
            if any(value is not None for value in row[len(values):]) or not _can_be_read(table, values):
                continue
            names = ", ".join(f"{name} = ?" for name in COLUMNS[table][len(values):])
            run(f"UPDATE {table} SET {names} WHERE key = ?",  # noqa: S608
                (*with_checksum(table, values)[len(values):], key))
    opened = run(f"SELECT {', '.join(COLUMNS['openings'])} FROM openings WHERE checksum IS NULL", ())  # noqa: S608
    run("DELETE FROM openings WHERE checksum IS NULL", ())
    for row in opened:
        run(inserting("openings"), with_checksum("openings", row[:-1]))


def _can_be_read(table: str, values: Sequence[Any]) -> bool:
    if table != "runs":
        return True
    found = dict(zip(COLUMNS[table], values, strict=False))
    try:
        record = RunRecord.unpack(*(found[name] for name in ("metrics", "trades", "equity", "versions", "seconds")))
        return record.trades is not None
    except Exception:  # noqa: BLE001 - whatever is wrong with the row, simulating again mends it
        return False


def _seal(values: Iterable[Any]) -> int:
    # Of a ledger's hundred thousand rows all are looked at, so this is as short as it can be.
    return int.from_bytes(hashlib.blake2b(repr(tuple(values)).encode(), digest_size=8).digest(), "big", signed=True)


def _digest(values: Iterable[Any]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for value in values:
        data = value if isinstance(value, bytes) else _text(value).encode()
        digest.update(b"%d %d " % (isinstance(value, bytes), len(data)))
        digest.update(data)
    return digest.digest()


def _text(value: Any) -> str:
    """Return a value such that another has another text, whatever the database's own numbers are called."""
    return repr(float(value) if isinstance(value, float) else value)
