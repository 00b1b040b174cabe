"""Candles into a Jesse project's database, all or none, so that its dashboard sees them."""

from __future__ import annotations

import io
import os
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

from jesse_nb.core.candles.database.database import stream_candles
from jesse_nb.core.candles.database.postgres import session
from jesse_nb.core.candles.project import DatabaseSettings
from jesse_nb.core.candles.series import COLUMNS, Candles

__all__ = ["Written", "write_to_database"]

# Values take the types of Jesse's own columns as they come in, so that two sets can be compared exactly.
_TEMPORARY = """
CREATE TEMP TABLE incoming ON COMMIT DROP AS
SELECT id, timestamp, open, close, high, low, volume FROM {table} WITH NO DATA
"""

_DIFFERENT = """
SELECT count(*) FROM incoming JOIN {table} AS present USING (timestamp)
WHERE exchange = {exchange} AND symbol = {symbol} AND (timeframe = '1m' OR timeframe IS NULL)
      AND (incoming.open, incoming.close, incoming.high, incoming.low, incoming.volume)
          IS DISTINCT FROM (present.open, present.close, present.high, present.low, present.volume)
"""

# Jesse's index would let a minute without a timeframe stand beside the same minute with one.
_INSERT = """
INSERT INTO {table} (id, timestamp, open, close, high, low, volume, exchange, symbol, timeframe)
SELECT id, timestamp, open, close, high, low, volume, {exchange}, {symbol}, '1m' FROM incoming
WHERE NOT EXISTS (SELECT 1 FROM {table} AS present
                  WHERE exchange = {exchange} AND symbol = {symbol} AND (timeframe = '1m' OR timeframe IS NULL)
                        AND present.timestamp = incoming.timestamp)
ORDER BY timestamp
ON CONFLICT DO NOTHING
"""

_READ_BACK = """
COPY (SELECT timestamp, open, close, high, low, volume FROM incoming ORDER BY timestamp) TO STDOUT
"""


@dataclass(frozen=True)
class Written:
    """What writing one series to a project's database did.

    Attributes
    ----------
    exchange, symbol
        The series.
    candles
        Candles that were to be written.
    added
        Of them, those that the database did not have.
    different
        Of those that it had already, and that were left as they are: how many have other values there.
    rounded
        Of those added or compared, how many read back with fewer digits, because Jesse's table keeps about
        seven digits of a number. With the usual prices, that concerns volumes.
    """

    exchange: str
    symbol: str
    candles: int
    added: int
    different: int
    rounded: int

    def __str__(self) -> str:
        parts = [f"{self.symbol} on {self.exchange}: {self.added:,} candles added to the database"]
        if self.candles > self.added:
            parts.append(f"{self.candles - self.added:,} were there already and were left as they are")
        if self.different:
            parts.append(f"{self.different:,} of those have other values there")
        if self.rounded:
            parts.append(f"{self.rounded:,} candles have a number with more digits than Jesse's table keeps")
        return "; ".join(parts) + "."


def write_to_database(settings: DatabaseSettings, exchange: str, symbol: str, candles: Candles) -> Written:
    """Add candles to the project's table in one transaction. What is there already stays as it is.

    Parameters
    ----------
    settings
        Of the database.
    exchange, symbol
        What the series is called there.
    candles
        Validated, float64 (n, 6).

    Raises
    ------
    DatabaseError
        When the database cannot be used; nothing was changed then.
    """
    from psycopg2.sql import SQL, Identifier, Literal

    parts = {"table": Identifier(settings.schema, "candle"), "exchange": Literal(exchange), "symbol": Literal(symbol)}
    with session(settings, writing=True) as connection, connection.cursor() as cursor:
        cursor.execute(SQL(_TEMPORARY).format(**parts))
        cursor.copy_expert("COPY incoming FROM STDIN WITH (FORMAT csv)", _csv(candles))
        cursor.execute("ANALYZE incoming")
        cursor.execute(SQL(_DIFFERENT).format(**parts))
        different = cursor.fetchone()[0]
        cursor.execute(SQL(_INSERT).format(**parts))
        added = cursor.rowcount
        # Asked of PostgreSQL itself, which chooses the digits that a single reads back with.
        kept = stream_candles(cursor, _READ_BACK)
    rounded = int((kept != candles).any(axis=1).sum())
    return Written(exchange, symbol, len(candles), added, different, rounded)


def _csv(candles: Candles) -> Any:
    columns = [pa.array(_ids(len(candles))), pa.array(candles[:, 0].astype(np.int64)),
               *(pa.array(np.ascontiguousarray(candles[:, column])) for column in range(1, len(COLUMNS)))]
    buffer = pa.BufferOutputStream()
    csv.write_csv(pa.table(columns, names=["id", *COLUMNS]), buffer, csv.WriteOptions(include_header=False))
    return io.BytesIO(buffer.getvalue())


def _ids(count: int) -> list[str]:
    """Return UUIDs of version 7 (RFC 9562): in order, so that a large table's index is appended to.

    48 bits of milliseconds, then the number of the row, then chance. PostgreSQL would ask the system for
    chance row by row, which took most of the time.
    """
    number = np.arange(count, dtype=np.uint64)
    high = np.uint64(time.time_ns() // 1_000_000 << 16 | 7 << 12) | (number >> np.uint64(20))
    chance = np.frombuffer(os.urandom(8 * count), np.uint64) >> np.uint64(22)
    low = np.uint64(2 << 62) | (number & np.uint64(0xFFFFF)) << np.uint64(42) | chance
    digits = np.column_stack([high, low]).astype(">u8").tobytes().hex()
    return [digits[first : first + 32] for first in range(0, len(digits), 32)]
