"""`jesse-nb candles fetch`, `import`, `export` and `check`."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from jesse_nb.exceptions import InputError
from jesse_nb.terminal import follow

if TYPE_CHECKING:
    from jesse_nb.core.candles import CandleStore, SeriesInfo

__all__ = ["check", "export", "fetch", "imported"]


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


def imported(store: CandleStore, options: Namespace) -> list[SeriesInfo]:
    """Import files as one series, or the series of a folder whose files carry symbols in their names."""
    import jesse_nb

    job: Any = jesse_nb.import_files(
        options.files, options.exchange, [options.symbol] if options.symbol else None, store=store,
        replace=options.replace, columns=options.columns.split(",") if options.columns else None, background=True)
    return list(follow(job))


def export(store: CandleStore, options: Namespace) -> int:
    """Write a stored series to a file."""
    import jesse_nb

    written = jesse_nb.export_candles(options.symbol, options.file, store=store, replace=options.replace,
                                      **_part(options))
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


def _part(options: Namespace) -> dict[str, Any]:
    return {"exchange": options.exchange, "start": options.start, "end": options.end}
