"""Candles that the store lacks and the Jesse project's database has: copied before a run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.candles.database.database import CandleDatabase
from jesse_nb.core.candles.database.database_copy import candles_from_database, copy_missing
from jesse_nb.core.candles.project import find_database
from jesse_nb.exceptions import CandlesError, CandlesNotFoundError, DatabaseError, InputError

__all__ = ["SOURCES", "Source", "bring_all", "bring_missing"]

Source = Literal["auto", "store", "database"]
SOURCES: tuple[str, ...] = get_args(Source)

#: Symbol, and exchange where it is known.
Market = tuple[str, "str | None"]


def bring_all(markets: Iterable[Market], store: CandleStore, project: str | Path | None) -> None:
    """Copy whole series from the project's database; its candles win over stored ones that differ.

    Raises
    ------
    InputError, DatabaseError, CandlesNotFoundError, InvalidCandlesError
        As :func:`~jesse_nb.core.candles.database.database_copy.candles_from_database`.
    """
    for symbol, exchange in markets:
        candles_from_database(symbol, exchange=exchange, project=project, store=store, replace=True)


def bring_missing(
    error: CandlesError, markets: Iterable[Market], store: CandleStore, project: str | Path | None
) -> bool:
    """Copy what the store lacks of some series from the database of the project in use.

    Without a project that names a database, nothing is done.

    Parameters
    ----------
    error
        What the store lacks.
    markets
        The series that may mend it.
    store, project
        Where to, and whose database.

    Returns
    -------
    bool
        Whether anything came.

    Raises
    ------
    CandlesError
        ``error`` again, saying why the database was no help, when it could not be used.
    """
    came = False
    try:
        settings = find_database(project)
        if settings is None:
            return False
        for symbol, exchange in markets:
            came |= copy_missing(CandleDatabase(settings), store, symbol, exchange or _stored_at(store, symbol))
    except (InputError, DatabaseError, CandlesError) as reason:
        raise type(error)(error.message, f"The project's database was no help: {reason}") from reason
    return came


def _stored_at(store: CandleStore, symbol: str) -> str | None:
    try:
        return store.resolve(symbol).exchange
    except CandlesNotFoundError:
        return None
