"""Series from a Jesse project's database into the store, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from jesse_nb.core.calls import well_named
from jesse_nb.core.candles.database.database import CandleDatabase
from jesse_nb.core.candles.database.database_writing import Written, write_to_database
from jesse_nb.core.candles.project import database_settings
from jesse_nb.core.candles.series import Candles, SeriesInfo, exchange_name, refuse_made_minutes
from jesse_nb.core.candles.store import CandleStore
from jesse_nb.core.candles.validation import validate_candles
from jesse_nb.core.times import to_ms, utc_text
from jesse_nb.exceptions import CandlesNotFoundError, InvalidCandlesError, PeriodError

__all__ = ["candles_from_database", "candles_to_database", "copy_missing", "copy_series"]

#: Called with the series' name and the number of candles so far.
Progress = Callable[[str, int], None]


@well_named
def candles_from_database(
    symbols: str | Iterable[str] | None = None,
    *,
    exchange: str | None = None,
    start: Any = None,
    end: Any = None,
    project: str | Path | None = None,
    store: CandleStore | str | Path | None = None,
    replace: bool = False,
    progress: Progress = lambda series, rows: None,
) -> list[SeriesInfo]:
    """Copy one-minute candles from a Jesse project's database into the store. The database is only read.

    Jesse keeps single precision: where a stored candle equals one of the database but for digits that the
    database does not keep, the stored one stays.

    Parameters
    ----------
    symbols
        One or several; None is all that the database has (of the exchange, when one is named).
    exchange
        Needed only when several have the symbol.
    start, end
        The period, end excluded; None is all there is. So that no hole opens in a series that is stored
        already, everything between the period and the stored candles is copied too.
    project
        The Jesse project's folder; by default the working directory.
    store
        Where to; a store or its folder, the user's own by default.
    replace
        Whether the database's candles win over stored ones that differ.
    progress
        Called now and then with a series' name and the number of its candles so far.

    Returns
    -------
    list of SeriesInfo
        Each series as it is now stored.

    Raises
    ------
    InputError
        When there is no project, or its settings or a name cannot be used.
    DatabaseError
        When the database cannot be used. The series that it happened in is as it was before.
    CandlesNotFoundError
        When the database has no such series, or nothing in that period.
    InvalidCandlesError
        When its candles are refused by the store, or contradict stored ones.

    Examples
    --------
    >>> jn.candles_from_database("BTC-USDT", project="my-project")  # doctest: +SKIP
    """
    database = CandleDatabase(database_settings(project))
    first = None if start is None else to_ms(start, "start")
    last = None if end is None else to_ms(end, "end")
    if first is not None and last is not None and first >= last:
        raise PeriodError(f"The end ({utc_text(last)}) must come after the start ({utc_text(first)}).")
    target = CandleStore.of(store)
    return [copy_series(database, target, *name, first, last, replace=replace, progress=progress)
            for name in _named(database, symbols, exchange)]


@well_named
def candles_to_database(
    symbols: str | Iterable[str],
    *,
    exchange: str | None = None,
    start: Any = None,
    end: Any = None,
    project: str | Path | None = None,
    store: CandleStore | str | Path | None = None,
) -> list[Written]:
    """Add stored candles to a Jesse project's database, where its dashboard finds them.

    Each series is written whole or not at all. Candles that the database has already stay as they are.

    Parameters
    ----------
    symbols
        One or several stored series.
    exchange
        Needed only when several stored exchanges have the symbol.
    start, end
        The period, end excluded; None is all that is stored.
    project, store
        As for :func:`candles_from_database`.

    Returns
    -------
    list of Written
        What was added for each, what was there, and what the database cannot keep of it.

    Raises
    ------
    InputError
        When there is no project, or its settings cannot be used.
    CandlesNotFoundError
        When a series is not stored, or not for the whole period.
    DatabaseError
        When the database cannot be used; the series that it happened in was not written.

    Examples
    --------
    >>> jn.candles_to_database("BTC-USDT", project="my-project")  # doctest: +SKIP
    """
    settings, source = database_settings(project), CandleStore.of(store)
    found = [source.resolve(symbol, exchange) for symbol in _several(symbols)]  # all, before one is written
    for info in found:
        refuse_made_minutes(info)
    return [write_to_database(settings, info.exchange, info.symbol, source.read(info.exchange, info.symbol, start, end))
            for info in found]


def copy_missing(database: CandleDatabase, store: CandleStore, symbol: str, exchange: str | None) -> bool:
    """Copy what the database has before and after a stored series, or all of one that is not stored.

    Returns
    -------
    bool
        Whether anything came; not when the database has no such series.

    Raises
    ------
    DatabaseError, InputError, InvalidCandlesError
        As :func:`candles_from_database`.
    """
    try:
        there, known = database.resolve(symbol, exchange)
    except CandlesNotFoundError:
        return False
    stored = _stored(store, there, known)
    if stored is None:
        return _store(store, database, there, known, database.read(there, known))
    parts = [database.read(there, known, None, stored.start), database.read(there, known, stored.end, None)]
    return _store(store, database, there, known, np.concatenate(parts))


def copy_series(
    database: CandleDatabase, store: CandleStore, exchange: str, symbol: str, start: int | None = None,
    end: int | None = None, *, replace: bool = False, progress: Progress = lambda series, rows: None,
) -> SeriesInfo:
    """Copy one series, named as the database names it; see :func:`candles_from_database`."""
    stored = _stored(store, exchange, symbol)
    first, last = start, end
    if stored is not None:
        first = None if start is None else min(start, stored.end)
        last = None if end is None else max(end, stored.start)
    rows = database.read(exchange, symbol, first, last, lambda count: progress(f"{symbol} on {exchange}", count))
    if not _store(store, database, exchange, symbol, rows, replace=replace):
        since = f" from {utc_text(start)}" if start is not None else ""
        until = f" until {utc_text(end)}" if end is not None else ""
        raise CandlesNotFoundError(f"The database {database.settings} has no one-minute candles of {symbol} on "
                                   f"{exchange}{since}{until}.", "`%candles database` lists what it has.")
    return store.info(exchange, symbol)


def _store(store: CandleStore, database: CandleDatabase, exchange: str, symbol: str, rows: Candles,
           *, replace: bool = False) -> bool:
    if len(rows) == 0:
        return False
    try:
        rows = validate_candles(rows)
        stored = _stored(store, exchange, symbol)
        if stored is not None and database.single_precision:
            rows = _with_all_digits(rows, store.read(stored.exchange, stored.symbol))
        store.write(exchange, symbol, rows, replace=replace, source=f"Jesse's database {database.settings.name}")
    except InvalidCandlesError as error:
        raise InvalidCandlesError(f"The database's {symbol} of {exchange}: {error.message}", error.hint) from error
    return True


def _with_all_digits(rows: Candles, stored: Candles) -> Candles:
    """Return the database's rows; where a stored one is the same but for digits it cannot keep, the stored one."""
    _, here, there = np.intersect1d(rows[:, 0], stored[:, 0], assume_unique=True, return_indices=True)
    same = (rows[here].astype(np.float32) == stored[there].astype(np.float32)).all(axis=1)
    rows[here[same]] = stored[there[same]]
    return rows


def _stored(store: CandleStore, exchange: str, symbol: str) -> SeriesInfo | None:
    try:
        return store.info(exchange, symbol)
    except CandlesNotFoundError:
        return None


def _named(database: CandleDatabase, symbols: str | Iterable[str] | None,
           exchange: str | None) -> list[tuple[str, str]]:
    if symbols is not None:
        return [database.resolve(symbol, exchange) for symbol in _several(symbols)]
    wanted = exchange_name(exchange).casefold() if exchange is not None else None
    found = [name for name in database.names() if wanted in (None, name[0].casefold())]
    if not found:
        raise CandlesNotFoundError(f"The database {database.settings} has no candles"
                                   + (f" of {exchange}." if exchange else "."))
    return found


def _several(symbols: str | Iterable[str]) -> list[str]:
    return [symbols] if isinstance(symbols, str) else list(symbols)
