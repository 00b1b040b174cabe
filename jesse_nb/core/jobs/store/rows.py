"""What makes a damaged row of a run store known: a checksum over all of it, and a seal over what a ledger counts.

SQLite has no checksums of its own, and a bit that a disk or a copy lost can be a digit of a result. The checksum
is a BLAKE2b of 16 bytes: no damage is likelier than 2**-128 to go unnoticed, and it takes less time than to
decompress the row. It says nothing of who wrote the row: whoever can write the store can write a checksum.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from jesse_nb.core.jobs.store.tables import COLUMNS, SEALED

__all__ = ["intact", "seal_fits", "with_checksum"]

_SEALED_PLACES = {table: tuple(columns.index(name) for name in SEALED)
                  for table, columns in COLUMNS.items() if "seal" in columns}


def with_checksum(table: str, values: Sequence[Any]) -> tuple[Any, ...]:
    """Return a table's row: its values, what they must be, and a seal where the table has one."""
    places = _SEALED_PLACES.get(table)
    seal = () if places is None else (_seal(values[place] for place in places),)
    return (*values, _digest(values), *seal)


def intact(table: str, row: Sequence[Any]) -> bool:
    """Tell whether a whole row is as it was written; one of before December 2026 has no checksum."""
    place = COLUMNS[table].index("checksum")
    return row[place] is None or row[place] == _digest(row[:place])


def seal_fits(values: Sequence[Any]) -> bool:
    """Tell whether the columns :data:`~jesse_nb.core.jobs.store.tables.SEALED`, and the seal after them, fit."""
    return values[-1] is None or values[-1] == _seal(values[:-1])


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
