"""`%candles database`, `from-database` and `to-database`: the Jesse project's PostgreSQL."""

from __future__ import annotations

import argparse
import sys
import time
import uuid
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from jesse_nb.exceptions import shown
from jesse_nb.magics.config import JesseNb
from jesse_nb.widgets.live.display import LaunchingCell, Listing, Note, saying

if TYPE_CHECKING:
    from jesse_nb.core.candles import CandleStore, SeriesInfo

__all__ = ["copied_from", "copied_to", "database_listing"]

_QUIET_SECONDS = 2.0
_EVERY_SECONDS = 0.25


def database_listing(options: argparse.Namespace, settings: JesseNb) -> Listing:
    """Return what the project's database has."""
    import pandas as pd

    from jesse_nb.core.candles.database.database import CandleDatabase
    from jesse_nb.core.candles.project import database_settings
    from jesse_nb.core.times import utc_text

    if options.names:
        raise UsageError(f"%candles database takes no names, but {shown(options.names[0])} was given.")
    database = CandleDatabase(database_settings(options.project or settings.project))
    rows = [(found.exchange, found.symbol, utc_text(found.start), utc_text(found.end), f"{found.rows:,}")
            for found in database.series()]
    return Listing(pd.DataFrame(rows, columns=["exchange", "symbol", "from", "to (excluded)", "candles"]),
                   f"The database {database.settings.name} has no one-minute candles.")


def copied_from(
    shell: InteractiveShell, store: CandleStore, options: argparse.Namespace, settings: JesseNb
) -> list[SeriesInfo]:
    """Copy series from the project's database into the store; says how far it is once that takes long."""
    from jesse_nb.core.candles import candles_from_database

    progress = _Progress(shell)
    try:
        return candles_from_database(
            _symbols(options) or None,
            replace=options.replace,
            progress=progress,
            **_arguments(store, options, settings),
        )
    finally:
        progress.close()


def copied_to(
    shell: InteractiveShell, store: CandleStore, options: argparse.Namespace, settings: JesseNb
) -> Listing:
    """Add stored series to the project's database, and return what that did."""
    import pandas as pd

    from jesse_nb.core.candles import candles_to_database

    symbols = _symbols(options)
    if not symbols:
        raise UsageError("%candles to-database needs a symbol: %candles to-database BTC-USDT")
    with saying(shell, f"Writing {', '.join(symbols)} to the project's database ..."):
        written = candles_to_database(symbols, **_arguments(store, options, settings))
    return Listing(
        pd.DataFrame(
            [(series.exchange, series.symbol, f"{series.added:,}", f"{series.candles - series.added:,}",
              f"{series.different:,}",
              f"{series.rounded:,}") for series in written],
            columns=["exchange", "symbol", "added", "already there", "of those different", "rounded by the database"],
        ),
        "Nothing was written.",
    )


def _symbols(options: argparse.Namespace) -> list[str]:
    return [*options.names, *(options.symbols or [])]


def _arguments(store: CandleStore, options: argparse.Namespace, settings: JesseNb) -> dict[str, Any]:
    return {"store": store, "exchange": options.exchange or settings.exchange, "start": options.start,
            "end": options.end, "project": options.project or settings.project}


class _Progress:
    """Says how many candles have come, where there is somebody to see it; nothing is left of it."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._cell, self._id = LaunchingCell(shell), uuid.uuid4().hex
        self._next = time.monotonic() + _QUIET_SECONDS
        self._shown = ""

    def __call__(self, series: str, rows: int) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        text = f"{series}: {rows:,} candles so far ..."
        if self._cell.live:
            self._cell.publish(Note(text), self._id, update=bool(self._shown))
        elif self._cell.terminal:
            sys.stderr.write(f"\r{text:<{len(self._shown)}}")
            sys.stderr.flush()
        self._shown, self._next = text, now + _EVERY_SECONDS

    def close(self) -> None:
        if self._shown and self._cell.live:
            self._cell.publish(None, self._id, update=True)
        elif self._shown and self._cell.terminal:
            sys.stderr.write(f"\r{'':<{len(self._shown)}}\r")
            sys.stderr.flush()
