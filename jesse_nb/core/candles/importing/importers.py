"""Candles from files and DataFrames into the store."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.candles.importing.archives import is_checksum, named_series, verify_checksum
from jesse_nb.core.candles.importing.columns import candles_from_frame
from jesse_nb.core.candles.importing.file_markets import files_of_one_market, refuse_untraded
from jesse_nb.core.candles.importing.files import read_frames
from jesse_nb.core.candles.series import Candles, SeriesInfo, exchange_name, symbol_name
from jesse_nb.core.candles.store import CandleStore
from jesse_nb.core.candles.validation import validate_candles
from jesse_nb.core.user_path import user_path
from jesse_nb.exceptions import InputError, InvalidCandlesError, StorageError, did_you_mean

__all__ = ["import_candles", "read_source", "source_files"]


def import_candles(
    source: Any,
    symbol: str,
    exchange: str,
    *,
    store: CandleStore | None = None,
    replace: bool = False,
    columns: Sequence[str] | None = None,
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
        Where to; the user's own store by default.
    replace
        Whether imported candles win over stored ones that differ.
    columns
        What the columns of text files are called, in the files' order, ``"-"`` for one without a use:
        for files without a header, or with one that is not understood.
    progress
        Called with files read and files in all.

    Returns
    -------
    SeriesInfo
        The whole series as it is now stored.

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
    symbol, exchange = symbol_name(symbol), exchange_name(exchange)
    candles = read_source(source, symbol, exchange=exchange, columns=columns, progress=progress)
    return (store or CandleStore()).write(exchange, symbol, candles, replace=replace)


def read_source(
    source: Any,
    symbol: str = "",
    *,
    exchange: str = "",
    columns: Sequence[str] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Candles:
    """Return the candles of files or of a DataFrame, checked, without storing them.

    Files are Parquet, Feather, JSON lists, CSV with a header, or the headerless 12-column CSV of exchange
    archives; each plain, zipped or gzipped, which is told by content, not by name. Where a file
    ``NAME.CHECKSUM`` lies beside it, its SHA-256 is compared. Columns are found by their names
    whatever the capitals; a DataFrame may have its times as index. Times are texts (ISO 8601, UTC
    when they name no zone), or numbers in seconds, milliseconds, microseconds or nanoseconds, told
    apart by their size for each file.

    Parameters
    ----------
    source
        A path, a pattern, a folder, a list of those, or a DataFrame.
    symbol
        Tells which of several volume columns counts the base currency, and which rows or files of a
        folder are meant where they name symbols.
    exchange
        Tells which rows are meant where a column names several exchanges.
    columns, progress
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
    if isinstance(source, pd.DataFrame):
        return _checked(source, symbol, exchange)
    if isinstance(source, np.ndarray):
        raise InputError("An array does not say which column is which.",
                         "Use CandleStore().write(exchange, symbol, array) for candles in Jesse's order.")
    files, parts = source_files(source, symbol, exchange), []
    for number, path in enumerate(files):
        progress(number, len(files))
        parts += [(name, _named(name, frame, symbol, exchange)) for name, frame in _tables(path, columns)]
    progress(len(files), len(files))
    return parts[0][1] if len(parts) == 1 else _together(parts)


def _tables(path: Path, columns: Sequence[str] | None) -> list[tuple[str, pd.DataFrame]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StorageError(f"Cannot read {path}: {error.strerror or error}.") from error
    verify_checksum(path, content)
    return list(read_frames(path.name, content, columns))


def _together(parts: list[tuple[str, Candles]]) -> Candles:
    """Return the candles of several tables; where two contradict each other, both are named."""
    try:
        return validate_candles(np.concatenate([candles for _, candles in parts]))
    except InvalidCandlesError as error:
        for number, (name, candles) in enumerate(parts):
            for other, earlier in parts[:number]:
                if _contradict(earlier, candles):
                    raise InvalidCandlesError(error.message, f"{other} and {name} contradict each other.") from error
        raise


def _contradict(first: Candles, second: Candles) -> bool:
    _, here, there = np.intersect1d(first[:, 0], second[:, 0], assume_unique=True, return_indices=True)
    return bool((first[here] != second[there]).any())


def _named(name: str, frame: pd.DataFrame, symbol: str, exchange: str) -> Candles:
    """Return a file's candles; what is wrong with them is said with its name."""
    try:
        return _checked(frame, symbol, exchange)
    except InvalidCandlesError as error:
        raise InvalidCandlesError(f"{name}: {error.message}", error.hint) from error


def _checked(frame: pd.DataFrame, symbol: str, exchange: str) -> Candles:
    try:
        return validate_candles(candles_from_frame(frame, symbol, exchange))
    except InvalidCandlesError:
        raise
    except Exception as error:
        # Columns may hold anything that Parquet or Python knows, and pandas raises what it likes at some of it.
        reason = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
        raise InvalidCandlesError(f"The columns cannot be read as candles: {reason}.") from error


def source_files(source: Any, symbol: str, exchange: str = "") -> list[Path]:
    """Return the files that paths, patterns and folders stand for, each once.

    Parameters
    ----------
    source
        A path, a pattern, a folder, or a list of those.
    symbol
        Whose files are taken from a folder.
    exchange
        What they are filed under: where a folder has the symbol of several markets, it chooses between spot and
        futures.

    Raises
    ------
    InputError
        When there is no such file, a folder has the symbol of several markets, or nobody trades at its prices.
    """
    if isinstance(source, str | os.PathLike):
        parts: list[Any] = [source]
    elif isinstance(source, Iterable):
        parts = list(source)
    else:
        parts = [source]
    if not parts:
        raise InputError("The source is an empty list.", "Name at least one file.")
    files: dict[Path, None] = {}
    for part in parts:
        if not isinstance(part, str | os.PathLike) or isinstance(part, bytes):
            raise InputError(f"The source holds {type(part).__name__}, which cannot be imported.",
                             "Give a path, a pattern, a list of those, or a DataFrame.")
        path = user_path(part, "source", "a file's path, or a pattern")
        if path.is_dir():
            files.update(dict.fromkeys(match.resolve() for match in _in_folder(path, symbol, exchange)))
            continue
        matches = [path] if path.is_file() else sorted(_matching(path))
        matches = [match for match in matches if match.is_file() and not is_checksum(match)]
        if not matches:
            raise _no_such_file(path)
        for match in matches:
            refuse_untraded(match)
        files.update(dict.fromkeys(match.resolve() for match in matches))
    return list(files)


def _in_folder(folder: Path, symbol: str, exchange: str) -> list[Path]:
    """Return a folder's one-minute files of a symbol on one market, told by their names."""
    found = named_series(folder)
    if symbol in found:
        return files_of_one_market(symbol, found[symbol], folder, exchange)
    hint = f"Say which files in it, like '{folder / '*.csv'}'."
    if not found:
        raise InputError(f"{folder} is a folder without files like BTCUSDT-1m-2024-01.zip or BTC_USDT-1m.feather.",
                         hint)
    raise InputError(f"{folder} has no one-minute file of {symbol or 'a symbol that was named'}.",
                     did_you_mean(symbol, found))


def _matching(pattern: Path) -> list[Path]:
    # pathlib takes patterns only below a folder without one; this one may have stars in its folders.
    return [Path(name) for name in glob.glob(str(pattern), recursive=True)]  # noqa: PTH207


def _no_such_file(path: Path) -> InputError:
    if glob.has_magic(str(path)):
        return InputError(f"No file matches {str(path)!r}.", f"Looked from {Path.cwd()}.")
    try:
        neighbours = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    except OSError:
        return InputError(f"There is no file {str(path)!r}.", f"Its folder {path.parent} cannot be read.")
    return InputError(f"There is no file {str(path)!r}.",
                      did_you_mean(path.name, neighbours) or f"Looked from {Path.cwd()}.")
