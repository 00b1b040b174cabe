"""The candle table of a Jesse project: what it holds, read in one stream.

Jesse's columns are ``real``: single precision, some seven digits. PostgreSQL writes such a number with
few digits that tell it from its neighbours, and those digits, read as a double, are what Jesse itself
gets: 42345.67, not the 42345.671875 that the single stands for. Which digits those are, only PostgreSQL
knows (NumPy chooses others above 16 million). So candles are read as text, and Arrow parses it as it comes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

from jesse_nb.core.candles.database.postgres import session
from jesse_nb.core.candles.project import DatabaseSettings
from jesse_nb.core.candles.series import COLUMNS, Candles, exchange_name, symbol_name
from jesse_nb.core.candles.validation import FIRST_MOMENT, LAST_MOMENT
from jesse_nb.core.times import MINUTE_MS, utc_text
from jesse_nb.exceptions import CandlesNotFoundError, DatabaseError, InputError, did_you_mean

__all__ = ["CandleDatabase", "DatabaseSeries", "stream_candles"]

_CHUNK_BYTES = 4 * 2**20

# Hops from one series to the next in Jesse's index; DISTINCT would read a hundred million rows.
_SERIES = """
WITH RECURSIVE series AS (
    (SELECT exchange, symbol FROM {table} ORDER BY exchange, symbol LIMIT 1)
    UNION ALL
    SELECT following.exchange, following.symbol FROM series, LATERAL (
        SELECT exchange, symbol FROM {table} WHERE (exchange, symbol) > (series.exchange, series.symbol)
        ORDER BY exchange, symbol LIMIT 1) AS following)
SELECT exchange, symbol FROM series
"""

# Old databases have one-minute candles without a timeframe; Jesse reads both.
_SPANS = """
SELECT exchange, symbol, min(timestamp), max(timestamp), count(*) FROM {table}
WHERE timeframe = '1m' OR timeframe IS NULL GROUP BY exchange, symbol
"""

_PERIOD = """
COPY (SELECT timestamp, open, close, high, low, volume FROM {table}
      WHERE exchange = {exchange} AND symbol = {symbol} AND (timeframe = '1m' OR timeframe IS NULL)
            AND timestamp >= {start} AND timestamp < {end}) TO STDOUT
"""


@dataclass(frozen=True)
class DatabaseSeries:
    """One series of one-minute candles in a project's database.

    Attributes
    ----------
    exchange, symbol
        Its name there.
    start, end
        First candle's minute, and the minute after the last candle; milliseconds UTC.
    rows
        One-minute candles.
    """

    exchange: str
    symbol: str
    start: int
    end: int
    rows: int

    def __str__(self) -> str:
        return (f"{self.symbol} on {self.exchange}: {utc_text(self.start)} to {utc_text(self.end)}, "
                f"{self.rows:,} candles")


class CandleDatabase:
    """The candles in a Jesse project's PostgreSQL, read only.

    Parameters
    ----------
    settings
        Of the database, see :func:`~jesse_nb.core.candles.project.database_settings`.
    """

    def __init__(self, settings: DatabaseSettings) -> None:
        self.settings = settings

    def __repr__(self) -> str:
        return f"CandleDatabase({self.settings})"

    def series(self) -> list[DatabaseSeries]:
        """Return what is there, in order of exchange and symbol. Counting takes seconds where there is much.

        Raises
        ------
        DatabaseError
            When the database cannot be used.
        """
        return [DatabaseSeries(exchange, symbol, int(first), int(last) + MINUTE_MS, int(count))
                for exchange, symbol, first, last, count in sorted(self._asked(_SPANS))]

    def resolve(self, symbol: str, exchange: str | None = None) -> tuple[str, str]:
        """Return a series' exchange and symbol as the database writes them.

        Raises
        ------
        CandlesNotFoundError
            When it is not there.
        InputError
            When several exchanges have the symbol and none is named.
        DatabaseError
            When the database cannot be used.
        """
        return self._chosen(self.names(), symbol_name(symbol), exchange)

    def names(self) -> list[tuple[str, str]]:
        """Return exchange and symbol of every series, in order.

        Raises
        ------
        DatabaseError
            When the database cannot be used.
        """
        return sorted((exchange, symbol) for exchange, symbol in self._asked(_SERIES))

    @property
    def single_precision(self) -> bool:
        """Whether it keeps about seven digits of each number, as Jesse makes its table."""
        return bool(self._asked("SELECT pg_typeof((SELECT volume FROM {table} LIMIT 1))::text")[0][0] == "real")

    def read(self, exchange: str, symbol: str, start: int | None = None, end: int | None = None,
             progress: Callable[[int], None] = lambda rows: None) -> Candles:
        """Return one-minute candles as they are stored there, unchecked and in no promised order.

        They come in one stream; beside the array that is returned, a few megabytes are held.

        Parameters
        ----------
        exchange, symbol
            As :meth:`resolve` gives them.
        start, end
            Milliseconds UTC, end excluded; None leaves a side open.
        progress
            Called now and then with the number of candles so far.

        Returns
        -------
        numpy.ndarray
            float64 (n, 6); n is 0 when there is none.

        Raises
        ------
        DatabaseError
            When the database cannot be used, or the connection breaks.
        """
        from psycopg2.sql import SQL, Identifier, Literal

        query = SQL(_PERIOD).format(
            table=Identifier(self.settings.schema, "candle"), exchange=Literal(exchange), symbol=Literal(symbol),
            start=Literal(FIRST_MOMENT if start is None else start),
            end=Literal(LAST_MOMENT if end is None else end))
        with session(self.settings) as connection, connection.cursor() as cursor:
            return stream_candles(cursor, query, progress)

    def _asked(self, query: str) -> Sequence[tuple[Any, ...]]:
        from psycopg2.sql import SQL, Identifier

        with session(self.settings) as connection, connection.cursor() as cursor:
            cursor.execute(SQL(query).format(table=Identifier(self.settings.schema, "candle")))
            rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
        return rows

    def _chosen(self, names: list[tuple[str, str]], symbol: str, exchange: str | None) -> tuple[str, str]:
        wanted = exchange_name(exchange).casefold() if exchange is not None else None
        found = [(other, known) for other, known in names
                 if known.upper() == symbol and wanted in (None, other.casefold())]
        if len(found) > 1:
            raise InputError(f"The database has {symbol} of several exchanges: "
                             f"{', '.join(other for other, _ in found)}.",
                             f"Say which one, like exchange={found[0][0]!r}.")
        if found:
            return found[0]
        of = f" of {exchange}" if exchange else ""
        hint = did_you_mean(symbol, {known for other, known in names if wanted in (None, other.casefold())}) \
            or did_you_mean(exchange or "", {other for other, _ in names}) or "It has no candles at all."
        raise CandlesNotFoundError(f"The database {self.settings} has no candles of {symbol}{of}.", hint)


def stream_candles(cursor: Any, query: Any, progress: Callable[[int], None] = lambda rows: None) -> Candles:
    """Return what a ``COPY ... TO STDOUT`` of the candle columns sends; (n, 6), see :meth:`CandleDatabase.read`."""
    rows = _Rows(progress)
    # Fewer digits than those that tell a number apart could be this server's custom.
    cursor.execute("SET LOCAL extra_float_digits = 1")
    with io.BufferedWriter(rows, _CHUNK_BYTES) as stream:
        cursor.copy_expert(query, stream)
    return rows.candles()


class _Rows(io.RawIOBase):
    """What COPY writes to: each few megabytes are parsed in a thread while the next ones arrive."""

    def __init__(self, progress: Callable[[int], None]) -> None:
        self._progress = progress
        self._parser = ThreadPoolExecutor(1)
        self._parsing: Future[Candles] | None = None
        self._candles: Candles = np.empty((0, len(COLUMNS)))
        self._rest = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        text = self._rest + bytes(data)
        whole = text.rfind(b"\n") + 1
        self._rest = text[whole:]
        if whole:
            self._finish()  # one chunk at a time, so that memory stays what it is
            self._parsing = self._parser.submit(_parsed, text[:whole])
        return len(data)

    def close(self) -> None:
        super().close()
        self._parser.shutdown()

    def candles(self) -> Candles:
        self._finish()
        return self._candles

    def _finish(self) -> None:
        if self._parsing is not None:
            rows, self._parsing = self._parsing.result(), None
            count = len(self._candles)
            # In place: pieces put together at the end would be in memory twice.
            self._candles.resize((count + len(rows), len(COLUMNS)), refcheck=False)
            self._candles[count:] = rows
            self._progress(len(self._candles))


def _parsed(text: bytes) -> Candles:
    try:
        table = csv.read_csv(
            pa.BufferReader(text),
            read_options=csv.ReadOptions(column_names=list(COLUMNS), use_threads=False, block_size=len(text)),
            parse_options=csv.ParseOptions(delimiter="\t", quote_char=False),
            convert_options=csv.ConvertOptions(column_types=dict.fromkeys(COLUMNS, pa.float64()),
                                               null_values=["\\N"]),
        )
    except pa.ArrowException as error:
        raise DatabaseError(f"The table candle holds what is no number: {' '.join(str(error).split())[:200]}.",
                            "Is it Jesse's?") from error
    rows = np.empty((table.num_rows, len(COLUMNS)))
    for position, name in enumerate(COLUMNS):
        rows[:, position] = table.column(name).to_numpy()
    return rows
