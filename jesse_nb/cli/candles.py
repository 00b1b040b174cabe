"""`jesse-nb candles`: exchanges, files, checks, and the Jesse project's PostgreSQL."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jesse_nb.cli.terminal import follow
from jesse_nb.core.tools.declaration.line import given_words, read_line
from jesse_nb.core.tools.declaration.parameter import COMMAND
from jesse_nb.core.tools.registry import IMPORT_FILES
from jesse_nb.exceptions import InputError

if TYPE_CHECKING:
    from jesse_nb.core.candles import CandleStore, SeriesInfo

__all__ = ["COMMANDS", "check", "database", "export", "fetch", "from_database", "funding", "imported", "to_database"]

#: Seconds between two lines that say how far a copy is.
_LINE_EVERY = 5.0


def fetch(store: CandleStore, options: Namespace) -> int:
    """Fetch from an exchange, or bring what is stored up to now."""
    import jesse_nb

    if options.update:
        job: Any = jesse_nb.update_candles(options.names or None, options.exchange, store=store, background=True)
        print("\n\n".join(map(str, follow(job))))
        return 0
    if not 3 <= len(options.names) <= 4 or options.exchange:
        raise InputError("An exchange, a symbol and a start are needed, and an end may follow.",
                         "jesse-nb candles fetch 'Binance Spot' BTC-USDT 2023-01-01")
    job = jesse_nb.fetch_candles(*options.names, store=store, replace=options.replace, background=True)
    print(follow(job))
    return 0


def imported(store: CandleStore, options: Namespace) -> int:
    """Import files as one series, or the series of a folder whose files carry symbols in their names; or look only."""
    import jesse_nb

    reading = read_line(IMPORT_FILES, COMMAND, given_words(IMPORT_FILES, COMMAND, options))
    symbols = [options.symbol] if options.symbol else None
    if reading.pop("preview", False):
        looking: Any = jesse_nb.preview_files(options.files, options.exchange, symbols, **reading, background=True)
        print(follow(looking))
        return 0
    job: Any = jesse_nb.import_files(options.files, options.exchange, symbols, store=store, replace=options.replace,
                                     **reading, background=True)
    for series in follow(job):
        print("\n".join([str(series), *series.notes]))
    return 0


def funding(store: CandleStore, options: Namespace) -> int:
    """Store funding rates of one market."""
    import jesse_nb

    print(jesse_nb.import_funding(options.files, options.symbol, options.exchange, store=store,
                                  replace=options.replace))
    return 0


def listing(store: CandleStore) -> list[Any]:
    """Return what is stored: each series, and its funding rates after it."""
    return [one for series in store.list()
            for one in (series, store.funding(series.exchange, series.symbol)) if one is not None]


def export(store: CandleStore, options: Namespace) -> int:
    """Write a stored series to a file."""
    import jesse_nb

    written = jesse_nb.export_candles(options.symbol, options.file, timeframe=options.timeframe or "1m", store=store,
                                      replace=options.replace, **_part(options))
    print(f"Wrote {written}")
    return 0


def check(store: CandleStore, options: Namespace) -> int:
    """Look for what is suspicious in a stored series."""
    import jesse_nb

    chosen = {name: getattr(options, name) for name in ("deviations", "quiet_minutes")}
    result = jesse_nb.check_candles(options.symbol, store=store, **_part(options),
                                    **{name: value for name, value in chosen.items() if value is not None})
    print(result)
    if options.output:
        print(f"Wrote {result.to_html(options.output)}")
    return 0


def database(store: CandleStore, options: Namespace) -> int:
    """Say what the project's database has."""
    from jesse_nb.core.candles.database.database import CandleDatabase
    from jesse_nb.core.candles.project import database_settings

    there = CandleDatabase(database_settings(options.project))
    print("\n".join(map(str, there.series())) or f"The database {there.settings.name} has no one-minute candles.")
    return 0


def from_database(store: CandleStore, options: Namespace) -> list[SeriesInfo]:
    """Copy series from the project's database into the store."""
    import jesse_nb

    return jesse_nb.candles_from_database(options.symbols or None, project=options.project, store=store,
                                          replace=options.replace, progress=_Lines(), **_part(options))


def to_database(store: CandleStore, options: Namespace) -> int:
    """Add stored series to the project's database."""
    import jesse_nb

    for written in jesse_nb.candles_to_database(options.symbols, project=options.project, store=store,
                                                **_part(options)):
        print(written)
    return 0


#: What says by itself what it did.
COMMANDS: dict[str, Callable[[CandleStore, Namespace], int]] = {
    "fetch": fetch, "import": imported, "funding": funding, "export": export, "check": check, "database": database,
    "to-database": to_database}


class _Lines:
    """A line every few seconds of a long copy."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _LINE_EVERY

    def __call__(self, series: str, rows: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            print(f"{series}: {rows:,} candles so far ...", file=sys.stderr, flush=True)
            self._next = now + _LINE_EVERY


def _part(options: Namespace) -> dict[str, Any]:
    return {"exchange": options.exchange, "start": options.start, "end": options.end}
