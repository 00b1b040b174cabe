"""Candles from files and DataFrames into the store."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.candles.columns import candles_from_frame
from jesse_nb.core.candles.files import read_frames
from jesse_nb.core.candles.series import Candles, SeriesInfo, exchange_name, symbol_name
from jesse_nb.core.candles.store import CandleStore
from jesse_nb.core.candles.validation import validate_candles
from jesse_nb.exceptions import InputError, InvalidCandlesError, StorageError, did_you_mean

__all__ = ["import_candles", "read_source"]


def import_candles(
    source: Any,
    symbol: str,
    exchange: str,
    *,
    store: CandleStore | None = None,
    replace: bool = False,
) -> SeriesInfo:
    """Store one-minute candles from files or a DataFrame as one series.

    Parameters
    ----------
    source
        A path, a pattern like ``"BTCUSDT-1m-2024-*.zip"``, a list of those, or a DataFrame; see
        :func:`read_source`.
    symbol, exchange
        What the series is to be called, like ``"BTC-USDT"`` and ``"Binance Spot"``.
    store
        Where to; the user's own store by default.
    replace
        Whether imported candles win over stored ones that differ.

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
    >>> import_candles("BTCUSDT-1m-2024-*.zip", "BTC-USDT", "Binance Spot")  # doctest: +SKIP
    """
    symbol, exchange = symbol_name(symbol), exchange_name(exchange)
    candles = read_source(source, symbol)
    return (store or CandleStore()).write(exchange, symbol, candles, replace=replace)


def read_source(source: Any, symbol: str = "") -> Candles:
    """Return the candles of files or of a DataFrame, checked, without storing them.

    Files are Parquet, CSV with a header, or the headerless 12-column CSV of exchange archives; each
    plain, zipped or gzipped, which is told by content, not by name. Columns are found by their names
    whatever the capitals; a DataFrame may have its times as index. Times are texts (ISO 8601, UTC
    when they name no zone), or numbers in seconds, milliseconds, microseconds or nanoseconds, told
    apart by their size for each file.

    Parameters
    ----------
    source
        A path, a pattern, a list of those, or a DataFrame.
    symbol
        Tells which of several volume columns counts the base currency.

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
        return validate_candles(candles_from_frame(source, symbol))
    if isinstance(source, np.ndarray):
        raise InputError("An array does not say which column is which.",
                         "Use CandleStore().write(exchange, symbol, array) for candles in Jesse's order.")
    parts = [candles for path in _expand(source) for candles in _read_file(path, symbol)]
    return parts[0] if len(parts) == 1 else validate_candles(np.concatenate(parts))


def _read_file(path: Path, symbol: str) -> list[Candles]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StorageError(f"Cannot read {path}: {error.strerror or error}.") from error
    return [_named(name, frame, symbol) for name, frame in read_frames(path.name, content)]


def _named(name: str, frame: pd.DataFrame, symbol: str) -> Candles:
    """Return a table's candles; what is wrong with them is said with its name."""
    try:
        return validate_candles(candles_from_frame(frame, symbol))
    except InvalidCandlesError as error:
        raise InvalidCandlesError(f"{name}: {error.message}", error.hint) from error


def _expand(source: Any) -> list[Path]:
    """Turn paths and patterns into existing files, each once."""
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
        path = Path(os.fspath(part)).expanduser()
        if path.is_dir():
            raise InputError(f"{path} is a folder.", f"Say which files in it, like '{path / '*.csv'}'.")
        matches = [path] if path.is_file() else sorted(_matching(path))
        matches = [match for match in matches if match.is_file()]
        if not matches:
            raise _no_such_file(path)
        files.update(dict.fromkeys(match.resolve() for match in matches))
    return list(files)


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
