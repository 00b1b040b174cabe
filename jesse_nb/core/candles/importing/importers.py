"""Candles from files and DataFrames into the store."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from jesse_nb.core.calls import well_named
from jesse_nb.core.candles.gaps import find_gaps
from jesse_nb.core.candles.importing.archives import members_of_series, verify_checksum
from jesse_nb.core.candles.importing.columns import TableReading, read_table
from jesse_nb.core.candles.importing.expansion import expand_candles
from jesse_nb.core.candles.importing.files import read_frames
from jesse_nb.core.candles.importing.import_options import Errors, ImportOptions, OffMinute
from jesse_nb.core.candles.importing.mending import mended
from jesse_nb.core.candles.importing.remarks import Remarks
from jesse_nb.core.candles.importing.sources import source_files
from jesse_nb.core.candles.pieces.flow import CANDLE
from jesse_nb.core.candles.pieces.pieces import ArrayPieces, Pieces, SpooledPieces
from jesse_nb.core.candles.series import Candles, Gap, SeriesInfo, exchange_name, symbol_name
from jesse_nb.core.candles.store import CandleStore
from jesse_nb.core.candles.validation import check_interval, validate_candles
from jesse_nb.core.times import MINUTE_MS
from jesse_nb.exceptions import InputError, InvalidCandlesError, StorageError

__all__ = ["SeriesReading", "import_candles", "import_series", "read_series", "read_source"]

T = TypeVar("T")

#: Binance's archive calls them so: ``BTCUSD_PERP-1m-2024-01.csv``, ``BTCUSD_240329-1m-2024-01.csv``.
_COIN_MARGINED = re.compile(r"[A-Z0-9]USD_(PERP|\d{6})-\d+[mhdw]", re.IGNORECASE)

@dataclass(frozen=True)
class SeriesReading:
    """What files hold, read and checked, not stored.

    Attributes
    ----------
    pieces
        The candles and what is known of the trades within each minute, validated.
    rows
        How many candles there are.
    start, end
        First candle's minute, and the minute after the last; milliseconds UTC.
    gaps
        Minutes missing in between.
    expanded_from
        The timeframe of the files, where one-minute candles were made of longer ones; empty otherwise.
    remarks
        What was left out or changed, a sentence each.
    columns
        What the columns are called in the first table, by what they are.
    times
        How the first table's times were read.
    """

    pieces: Pieces
    rows: int
    start: int
    end: int
    gaps: tuple[Gap, ...]
    expanded_from: str
    remarks: tuple[str, ...]
    columns: dict[str, str]
    times: str

    @property
    def candles(self) -> Candles:
        """All of them at once, float64 (n, 6)."""
        return np.concatenate([self.pieces.piece(number)[:, CANDLE] for number in self.pieces.numbers()])


@well_named
def import_candles(
    source: Any,
    symbol: str,
    exchange: str,
    *,
    store: CandleStore | str | Path | None = None,
    replace: bool = False,
    columns: Sequence[str] | None = None,
    off_minute: OffMinute = "refuse",
    errors: Errors = "refuse",
    expand: bool = False,
    time_zone: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> SeriesInfo:
    """Store one-minute candles from files or a DataFrame as one series.

    Parameters
    ----------
    source
        A path, a pattern like ``"BTCUSDT-1m-2024-*.zip"``, a folder whose files carry the symbol in their
        names, a list of those, or a DataFrame; see :func:`read_source`.
    symbol, exchange
        What the series is to be called, like ``"BTC-USDT"`` and ``"Binance Spot"``.
    store
        Where to; a store or its folder, the user's own by default.
    replace
        Whether imported candles win over stored ones that differ.
    columns
        What the columns of text files and JSON lists are called, in the files' order, ``"-"`` for one without a use:
        for files without a header, or with one that is not understood. ``"date"`` and ``"time"`` may be two.
    off_minute
        What becomes of timestamps between two minutes: ``"refuse"`` the file, ``"floor"`` sets them back to the
        minute in which they lie, ``"skip"`` leaves their rows out. The result's notes count them.
    errors
        ``"refuse"`` files with rows that are no candles, or ``"skip"`` those rows; the notes say which, and why.
    expand
        Make one-minute candles of longer ones; see
        :func:`~jesse_nb.core.candles.importing.expansion.expand_candles`. Every report of a run on them says so.
    time_zone
        In which zone times are that say none, like ``"Europe/Berlin"`` or ``"+02:00"``; UTC by default. A time that is
        there twice, as clocks are set back, is refused by its row, or skipped with ``errors="skip"``.
    progress
        Called with files read and files in all.

    Returns
    -------
    SeriesInfo
        The whole series as it is now stored; its ``notes`` say what this import left out or changed.

    Raises
    ------
    InputError
        When the source does not exist, or a name cannot be used.
    InvalidCandlesError
        When the data is not one-minute candles. Nothing was written.
    StorageError
        When a file cannot be read or the store cannot be written.

    Examples
    --------
    >>> minutes = jn.read_candles("BTC-USDT", "1m", start="2023-02-01", end="2023-02-02")
    >>> jn.import_candles(minutes, "BTC-USDT", "My Exchange", store=jn.CandleStore("elsewhere")).rows
    1440
    >>> jn.import_candles("BTCUSDT-1m-2024-*.zip", "BTC-USDT", "Binance Spot")  # doctest: +SKIP
    """
    options = ImportOptions(tuple(columns) if columns is not None else None, off_minute, errors, expand,
                            time_zone)
    return import_series(source, symbol, exchange, options, CandleStore.of(store), replace=replace, progress=progress)


def import_series(
    source: Any,
    symbol: str,
    exchange: str,
    options: ImportOptions,
    store: CandleStore,
    *,
    replace: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> SeriesInfo:
    """Store files as one series; see :func:`import_candles`."""
    symbol, exchange = symbol_name(symbol), exchange_name(exchange)
    reading = read_series(source, symbol, exchange, options, progress, store.root)
    came_from = f"files ({' '.join(reading.remarks)})" if reading.remarks else None
    info = store.write_pieces(exchange, symbol, reading.pieces, replace=replace, source=came_from,
                              expanded_from=reading.expanded_from)
    return changed(info, notes=reading.remarks, imported=(reading.rows, reading.start, reading.end))


def read_source(
    source: Any,
    symbol: str = "",
    *,
    exchange: str = "",
    columns: Sequence[str] | None = None,
    off_minute: OffMinute = "refuse",
    errors: Errors = "refuse",
    expand: bool = False,
    time_zone: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Candles:
    """Return the candles of files or of a DataFrame, checked, without storing them.

    Files are Parquet, Feather, JSON (lists of rows or of objects, and exchanges' answers with one inside), CSV with a
    header, or the headerless 12-column CSV of exchange archives; each plain, zipped, or packed by gzip, zstd, bzip2 or
    xz, which is told by content, not by name. Where a file
    ``NAME.CHECKSUM`` lies beside it, its SHA-256 is compared. Columns are found by their names
    whatever the capitals; a DataFrame may have its times as index. Times are texts (ISO 8601, UTC
    when they name no zone), in one column or as date and time in two, or numbers in seconds, milliseconds,
    microseconds or nanoseconds, told apart by their size for each file. A row without prices is a missing minute.

    Parameters
    ----------
    source
        A path, a pattern, a folder, a list of those, or a DataFrame.
    symbol
        Tells which of several volume columns counts the base currency, and which rows or files of a
        folder are meant where they name symbols.
    exchange
        Tells which rows are meant where a column names several exchanges.
    columns, off_minute, errors, expand, time_zone, progress
        As :func:`import_candles`.

    Returns
    -------
    numpy.ndarray
        float64 (n, 6), validated.

    Raises
    ------
    InputError, InvalidCandlesError, StorageError
        As :func:`import_candles`.
    """
    options = ImportOptions(tuple(columns) if columns is not None else None, off_minute, errors, expand,
                            time_zone)
    return read_series(source, symbol, exchange, options, progress).candles


def read_series(
    source: Any,
    symbol: str,
    exchange: str,
    options: ImportOptions,
    progress: Callable[[int, int], None] = lambda done, total: None,
    folder: Path | None = None,
) -> SeriesReading:
    """Return the candles of files or of a DataFrame, checked, with what there is to say of how they were read.

    A few months are in memory at a time, however many files there are.

    Parameters
    ----------
    source, symbol, exchange, progress
        As :func:`read_source`.
    options
        How they are read.
    folder
        Where the others wait; the system's own for such where there is none.
    """
    remarks, read = Remarks(), SpooledPieces(folder if folder is not None and folder.is_dir() else None)
    first: TableReading | None = None
    for name, frame in _tables(source, symbol, exchange, options, remarks, progress):
        reading, rows = _named(name, partial(_checked, name, frame, symbol, exchange, options, remarks))
        first = first or reading
        read.add(name, rows)
    if first is None:
        raise InvalidCandlesError("There is no table in it.")
    pieces: Pieces = read
    expanded_from = ""
    if options.expand:
        rows, expanded_from = expand_candles(np.concatenate([read.piece(number) for number in read.numbers()]))
        pieces = ArrayPieces(rows)
    return _spanned(pieces, expanded_from, remarks, first)


def _spanned(pieces: Pieces, expanded_from: str, remarks: Remarks, first: TableReading) -> SeriesReading:
    """Look through all pieces once: they must not contradict each other, and be of one minute throughout."""
    rows, begun, ended, gaps = 0, 0.0, 0.0, list[Gap]()
    for number in pieces.numbers():
        minutes = pieces.piece(number)[:, 0]
        gaps += find_gaps(np.concatenate([[ended], minutes]) if rows else minutes)
        begun, ended, rows = begun if rows else minutes[0], minutes[-1], rows + len(minutes)
    if not expanded_from:
        check_interval(int(begun), rows, gaps)
    return SeriesReading(pieces, rows, int(begun), int(ended) + MINUTE_MS, tuple(gaps), expanded_from,
                         remarks.sentences, first.columns, first.times)


def _tables(source: Any, symbol: str, exchange: str, options: ImportOptions, remarks: Remarks,
            progress: Callable[[int, int], None]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each table with its name, which a DataFrame has not."""
    if isinstance(source, pd.DataFrame):
        yield "", source
        return
    if isinstance(source, np.ndarray):
        raise InputError("An array does not say which column is which.",
                         "Use CandleStore().write(exchange, symbol, array) for candles in Jesse's order.")
    files = source_files(source, symbol, exchange, longer=options.expand)
    for number, path in enumerate(files):
        progress(number, len(files))
        members = partial(members_of_series, path, symbol=symbol, exchange=exchange, longer=options.expand)
        yield from read_frames(path.name, _content(path), options, remarks, members)
    progress(len(files), len(files))


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StorageError(f"Cannot read {path}: {error.strerror or error}.") from error
    verify_checksum(path, content)
    return content


def _named(name: str, read: Callable[[], T]) -> T:
    """Read from a file; what is wrong with it is said with its name."""
    try:
        return read()
    except InvalidCandlesError as error:
        if not name:
            raise
        raise InvalidCandlesError(f"{name}: {error.message}", error.hint) from error


def _checked(name: str, frame: pd.DataFrame, symbol: str, exchange: str, options: ImportOptions, remarks: Remarks
             ) -> tuple[TableReading, Candles]:
    if options.columns is None and _COIN_MARGINED.search(name):
        raise InvalidCandlesError("These are of a coin-margined contract: their volume counts contracts.",
                                  "columns= or --columns timestamp,open,high,low,close,-,-,volume,-,-,-,- takes the "
                                  "eighth column, which counts coins.")
    try:
        reading = read_table(frame, symbol, exchange, lenient=options.lenient,
                             timeframe="" if options.expand else "1m", time_zone=options.time_zone or "")
        return reading, validate_candles(mended(reading.rows, options, remarks, name), sparse=options.expand,
                                         copy=False, flow=True)
    except InvalidCandlesError:
        raise
    except Exception as error:
        # Columns may hold anything that Parquet or Python knows, and pandas raises what it likes at some of it.
        reason = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
        raise InvalidCandlesError(f"The columns cannot be read as candles: {reason}.") from error
