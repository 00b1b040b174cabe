"""`%candles fetch`, `import`, `funding`, `export` and `check`: exchanges, files, and how good what is stored is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from jesse_nb.core.tools.declaration.line import given_words, read_line
from jesse_nb.core.tools.declaration.parameter import MAGIC
from jesse_nb.core.tools.registry import IMPORT_FILES
from jesse_nb.magics.config import JesseNb
from jesse_nb.widgets.live.display import Listing, Note

if TYPE_CHECKING:
    from jesse_nb.core.candles import CandleStore, SeriesInfo
    from jesse_nb.core.tools.candles.check_candles import CandleCheck
    from jesse_nb.core.tools.candles.preview_files import ImportPreview

__all__ = ["checked", "exported", "fetched", "funded", "imported"]


def fetched(store: CandleStore, options: argparse.Namespace) -> Any:
    """Fetch from an exchange, or bring what is stored up to now; its progress shows as any job's does."""
    from jesse_nb.core.tools.candles.fetch_candles import fetch_candles, update_candles

    if options.update:
        return _updates(update_candles(options.names or options.symbols, options.exchange, store=store))
    words = [*options.names, *(word for word in (options.start, options.end) if word)]
    if not 3 <= len(words) <= 4 or options.symbols or options.exchange:
        raise UsageError(
            "%candles fetch needs an exchange, a symbol and a start, and may have an end: "
            '%candles fetch "Binance Spot" BTC-USDT 2023-01-01; or --update for what is stored.'
        )
    return fetch_candles(*words, store=store, replace=options.replace)


def imported(
    store: CandleStore, options: argparse.Namespace, settings: JesseNb
) -> list[SeriesInfo] | ImportPreview:
    """Import files as one series, or the series of a folder whose files carry symbols in their names; or look only."""
    import jesse_nb.report  # noqa: F401 - a preview then draws itself
    from jesse_nb.core.tools.candles.import_files import import_files
    from jesse_nb.core.tools.candles.preview_files import preview_files

    exchange, symbols = options.exchange or settings.exchange, options.symbols
    folder = len(options.names) == 1 and _is_folder(Path(options.names[0]).expanduser())
    if not options.names or not exchange or (len(symbols or []) != 1 and not folder):
        raise UsageError(
            "%candles import needs at least one file, one symbol and an exchange: "
            '%candles import FILE -s BTC-USDT --exchange "Binance Spot". '
            "A folder of an exchange archive or of freqtrade needs no symbol."
        )
    reading = read_line(IMPORT_FILES, MAGIC, given_words(IMPORT_FILES, MAGIC, options))
    if reading.pop("preview", False):
        preview: Any = preview_files(options.names, exchange, symbols, **reading)
        return preview  # type: ignore[no-any-return]
    found: Any = import_files(options.names, exchange, symbols, store=store, replace=options.replace, **reading)
    return list(found)


def funded(store: CandleStore, options: argparse.Namespace, settings: JesseNb) -> Note:
    """Import funding rates of one market."""
    from jesse_nb.core.candles import import_funding

    exchange, symbols = options.exchange or settings.exchange, options.symbols
    if not options.names or not exchange or len(symbols or []) != 1:
        raise UsageError(
            "%candles funding needs at least one file, one symbol and an exchange: "
            '%candles funding FILE -s BTC-USDT --exchange "Binance Perpetual Futures".'
        )
    return Note(f"{import_funding(options.names, symbols[0], exchange, store=store, replace=options.replace)}.")


def _is_folder(path: Path) -> bool:
    from jesse_nb.core.candles.importing.archives import is_zipped_folder

    return path.is_dir() or is_zipped_folder(path)


def exported(store: CandleStore, options: argparse.Namespace) -> Note:
    """Write a stored series to a file."""
    from jesse_nb.core.candles import export_candles

    if len(options.names) != 2:
        raise UsageError("%candles export needs a symbol and a file: %candles export BTC-USDT btc.parquet")
    symbol, path = options.names
    written = export_candles(
        symbol,
        path,
        timeframe=options.timeframe or "1m",
        exchange=options.exchange,
        start=options.start,
        end=options.end,
        store=store,
        replace=options.replace,
    )
    return Note(f"Wrote {written}.")


def checked(store: CandleStore, options: argparse.Namespace) -> CandleCheck:
    """Look for what is suspicious in a stored series."""
    import jesse_nb.report  # noqa: F401 - the check then draws itself
    from jesse_nb.core.tools.candles.check_candles import check_candles

    symbols = [*options.names, *(options.symbols or [])]
    if len(symbols) != 1:
        raise UsageError("%candles check needs one symbol: %candles check BTC-USDT")
    chosen = {name: getattr(options, name) for name in ("deviations", "quiet_minutes")}
    return check_candles(
        symbols[0],
        options.exchange,
        options.start,
        options.end,
        store=store,
        **{name: value for name, value in chosen.items() if value is not None},
    )


def _updates(found: Any) -> Listing:
    import pandas as pd

    from jesse_nb.core.times import utc_text

    rows = [
        (one.series.exchange, one.series.symbol, f"{one.candles:,}", utc_text(one.series.end), " ".join(one.notes))
        for one in found
    ]
    return Listing(
        pd.DataFrame(rows, columns=["exchange", "symbol", "fetched", "to (excluded)", "remark"]), "Nothing to update."
    )
