"""`%candles`: what is stored, and how it gets there."""

# IPython is not fully typed
# mypy: disable-error-code="no-untyped-call,untyped-decorator"
from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from IPython.core.error import StdinNotImplementedError, UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments

from jesse_nb.exceptions import StorageError, did_you_mean
from jesse_nb.magics.config import JesseNb
from jesse_nb.magics.display import Listing
from jesse_nb.magics.options import option_group, parse_line, whole_number

if TYPE_CHECKING:
    from jesse_nb.core.candles import CandleStore, SeriesInfo

__all__ = ["ACTIONS", "CandlesMagics"]

#: First words after ``%candles``.
ACTIONS = ("list", "demo", "import", "delete")

_NOTHING = (
    "No candles are stored. `%candles demo` stores a synthetic market; "
    '`%candles import FILE -s BTC-USDT --exchange "Binance Spot"` reads a file.'
)


@magics_class
class CandlesMagics(Magics):
    """`%candles`."""

    def __init__(self, shell: InteractiveShell, settings: JesseNb) -> None:
        super().__init__(shell)
        self._settings = settings

    @magic_arguments("candles")
    @argument("action", nargs="?", default="list", metavar="ACTION", help="list, demo, import or delete.")
    @argument("names", nargs="*", metavar="FILE|SYMBOL", help="Files to import, or symbols to delete.")
    @argument(
        "-s",
        "--symbol",
        "--symbols",
        dest="symbols",
        nargs="+",
        metavar="SYMBOL",
        help="What an imported series is called, BTC-USDT for example; which symbols of the demo market.",
    )
    @argument("--exchange", metavar="NAME", help="Exchange under which the series is, or is to be, stored.")
    @argument("--replace", action="store_true", help="Let imported candles win over stored ones that differ.")
    @argument("--yes", action="store_true", help="Delete without asking.")
    @option_group(
        "the demo market",
        argument("--start", metavar="DATE", help="First moment to generate."),
        argument("--end", metavar="DATE", help="End of the period."),
        argument("--seed", type=whole_number, metavar="N", help="Another seed is another market."),
    )
    @argument("--candles", metavar="FOLDER", help="Folder that keeps the candles.")
    @line_magic
    def candles(self, line: str) -> Listing:
        """Show, add or delete stored one-minute candles.

        ::

            %candles                                      what is stored
            %candles demo                                 store a synthetic market to try things on
            %candles import BTCUSDT-1m-*.zip -s BTC-USDT --exchange "Binance Spot"
            %candles delete BTC-USDT --exchange "Binance Spot"

        Parquet, CSV with a header, and the exchanges' kline archives are read,
        plain or zipped. Data that is not one-minute candles is refused.
        """
        options = parse_line(self.candles, line)
        if options.action not in ACTIONS:
            raise UsageError(
                f"%candles has no action {options.action!r}. {did_you_mean(options.action, ACTIONS)}"
            )
        from jesse_nb.core.candles import CandleStore  # late, so that %load_ext stays quick

        store = CandleStore(options.candles or self._settings.candles)
        if options.action == "demo":
            return _listing(_store_demo(store, options))
        if options.action == "import":
            return _listing([_import(store, options, self._settings)])
        if options.action == "delete":
            _delete(store, options)
        elif options.names:
            raise UsageError(f"%candles list takes no names, but {options.names[0]!r} was given.")
        return _listing(store.list())


def _store_demo(store: CandleStore, options: argparse.Namespace) -> list[SeriesInfo]:
    from jesse_nb.core.candles import install_demo

    if options.names:
        raise UsageError(
            f"%candles demo takes no names, but {options.names[0]!r} was given; symbols follow -s."
        )
    chosen = {name: getattr(options, name) for name in ("symbols", "start", "end", "seed")}
    return install_demo(store, **{name: value for name, value in chosen.items() if value is not None})


def _import(store: CandleStore, options: argparse.Namespace, settings: JesseNb) -> SeriesInfo:
    from jesse_nb.core.candles import import_candles

    exchange = options.exchange or settings.exchange
    if not options.names or len(options.symbols or []) != 1 or not exchange:
        raise UsageError(
            "%candles import needs at least one file, one symbol and an exchange: "
            '%candles import FILE -s BTC-USDT --exchange "Binance Spot"'
        )
    return import_candles(options.names, options.symbols[0], exchange, store=store, replace=options.replace)


def _delete(store: CandleStore, options: argparse.Namespace) -> None:
    symbols = [*options.names, *(options.symbols or [])]
    if not symbols:
        raise UsageError('%candles delete needs a symbol: %candles delete BTC-USDT --exchange "Binance Spot"')
    found = [_named(store, symbol, options.exchange) for symbol in symbols]  # all, before one is deleted
    if not (options.yes or _agreed(found)):
        return
    for exchange, symbol in found:
        store.delete(exchange, symbol)


def _named(store: CandleStore, symbol: str, exchange: str | None) -> tuple[str, str]:
    try:
        series = store.resolve(symbol, exchange)
    except StorageError:
        if exchange is None:
            raise
        return exchange, symbol  # damaged, which is a reason to delete it
    return series.exchange, series.symbol


def _agreed(found: list[tuple[str, str]]) -> bool:
    names = ", ".join(f"{symbol} on {exchange}" for exchange, symbol in found)
    try:
        answer = input(f"Delete {names}? [y/N] ")
    except (StdinNotImplementedError, EOFError) as error:
        raise UsageError(f"Nobody can be asked here whether to delete {names}. Add --yes.") from error
    return answer.strip().casefold() in ("y", "yes")


def _listing(found: list[SeriesInfo]) -> Listing:
    import pandas as pd

    from jesse_nb.core.times import utc_text

    return Listing(
        pd.DataFrame(
            [
                (
                    series.exchange,
                    series.symbol,
                    utc_text(series.start),
                    utc_text(series.end),
                    f"{series.rows:,}",
                    f"{series.missing:,}",
                    len(series.gaps),
                    "yes" if series.synthetic else "no",
                )
                for series in found
            ],
            columns=[
                "exchange",
                "symbol",
                "from",
                "to (excluded)",
                "candles",
                "missing",
                "gaps",
                "synthetic",
            ],
        ),
        _NOTHING,
    )
