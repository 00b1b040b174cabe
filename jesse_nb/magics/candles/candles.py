"""`%candles`: what is stored, and how it gets there."""

# IPython is not fully typed
# mypy: disable-error-code="no-untyped-call,untyped-decorator"
from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from IPython.core.error import StdinNotImplementedError, UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments

from jesse_nb.core.tools.declaration.line import options as options_of
from jesse_nb.core.tools.declaration.parameter import MAGIC
from jesse_nb.core.tools.registry import IMPORT_FILES
from jesse_nb.exceptions import StorageError, did_you_mean, shown
from jesse_nb.magics.candles.candles_database import copied_from, copied_to, database_listing
from jesse_nb.magics.candles.candles_sources import checked, exported, fetched, funded, imported
from jesse_nb.magics.config import JesseNb
from jesse_nb.magics.options import option_group, parse_line, whole_number
from jesse_nb.widgets.live.display import Listing, saying

if TYPE_CHECKING:
    from jesse_nb.core.candles import CandleStore, FundingSeries, SeriesInfo

__all__ = ["ACTIONS", "CandlesMagics"]

#: First words after ``%candles``.
ACTIONS = (
    "list",
    "demo",
    "fetch",
    "import",
    "funding",
    "export",
    "check",
    "delete",
    "database",
    "from-database",
    "to-database",
)

_NOTHING = (
    "No candles are stored. `%candles demo` stores a synthetic market; "
    '`%candles fetch "Binance Spot" BTC-USDT 2023-01-01` asks an exchange; '
    '`%candles import FILE -s BTC-USDT --exchange "Binance Spot"` reads a file.'
)


@magics_class
class CandlesMagics(Magics):
    """`%candles`."""

    def __init__(self, shell: InteractiveShell, settings: JesseNb) -> None:
        super().__init__(shell)
        self._shell = shell
        self._settings = settings

    @magic_arguments("candles")
    @argument("action", nargs="?", default="list", metavar="ACTION", help=f"{', '.join(ACTIONS)}.")
    @argument(
        "names",
        nargs="*",
        metavar="FILE|SYMBOL",
        help="Files to import; symbols to check, delete or copy; exchange, symbol, start and end to fetch.",
    )
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
    @argument("--replace", action="store_true", help="Let new candles win over stored ones that differ.")
    @argument("--update", action="store_true", help="Fetch: bring stored series up to now.")
    @option_group(
        "how files are imported",
        *(argument(*flags, **how) for parameter in IMPORT_FILES.on(MAGIC) for flags, how in options_of(parameter)),
    )
    @option_group(
        "how strict a check is",
        argument("--deviations", type=float, metavar="K", help="Robust deviations that make a spike (25)."),
        argument(
            "--quiet-minutes", type=whole_number, metavar="N", help="Silent minutes worth mentioning (60)."
        ),
    )
    @argument("-t", "--timeframe", metavar="TIMEFRAME", help="Export: put minutes together, to 1h for example (1m).")
    @argument("--yes", action="store_true", help="Delete without asking.")
    @option_group(
        "the demo market, copies, exports and checks",
        argument("--start", metavar="DATE", help="First moment to generate, copy, export or check."),
        argument("--end", metavar="DATE", help="End of the period."),
        argument("--seed", type=whole_number, metavar="N", help="Another seed is another demo market."),
    )
    @argument("--project", metavar="FOLDER", help="Jesse project whose database is meant (the working directory).")
    @argument("--candles", metavar="FOLDER", help="Folder that keeps the candles.")
    @line_magic
    def candles(self, line: str) -> Any:
        """Show, add or delete stored one-minute candles.

        ::

            %candles                                      what is stored
            %candles demo                                 store a synthetic market to try things on
            %candles fetch "Binance Spot" BTC-USDT 2023-01-01          from the exchange, up to now
            %candles fetch --update                       bring what is stored up to now
            %candles import BTCUSDT-1m-*.zip -s BTC-USDT --exchange "Binance Spot"
            %candles funding FILE -s BTC-USDT --exchange "Binance Perpetual Futures"   funding rates
            %candles import data/spot --exchange "Binance Spot"        a whole archive, or freqtrade's folder
            %candles import hours.csv -s BTC-USDT --exchange "Binance Spot" --preview   how it would be read
            %candles export BTC-USDT btc.parquet          or .csv, .csv.gz, .feather
            %candles export BTC-USDT hours.csv -t 1h      put together as Jesse does
            %candles check BTC-USDT                       gaps, spikes, silence, repeated days
            %candles delete BTC-USDT --exchange "Binance Spot"
            %candles database                             what the Jesse project's PostgreSQL has
            %candles from-database BTC-USDT ETH-USDT      copy from it; without a symbol, everything
            %candles to-database BTC-USDT                 add stored candles to it

        Parquet, Feather, JSON, CSV, the exchanges' archives of candles and of funding
        rates and their saved answers are read, plain or packed. Data that is not
        one-minute candles is refused; --off-minute, --errors and --expand say what is
        to become of it.
        """
        options = parse_line(self.candles, line)
        if options.action not in ACTIONS:
            raise UsageError(
                f"%candles has no action {shown(options.action)}. {did_you_mean(options.action, ACTIONS)}"
            )
        from jesse_nb.core.candles import CandleStore  # late, so that %load_ext stays quick

        store = CandleStore(options.candles or self._settings.candles)
        if options.action == "demo":
            which = ", ".join(options.symbols or ()) or "all its symbols"
            with saying(self._shell, f"Storing the demo market (synthetic prices, not a real market): {which} ..."):
                return _listing(store, _store_demo(store, options))
        if options.action == "import":
            candles = imported(store, options, self._settings)
            return _listing(store, candles, _imported_words(candles)) if isinstance(candles, list) else candles
        if options.action == "funding":
            return funded(store, options, self._settings)
        if options.action == "fetch":
            return fetched(store, options)
        if options.action == "export":
            return exported(store, options)
        if options.action == "check":
            return checked(store, options)
        if options.action == "database":
            return database_listing(options, self._settings)
        if options.action == "from-database":
            return _listing(store, copied_from(self._shell, store, options, self._settings))
        if options.action == "to-database":
            return copied_to(self._shell, store, options, self._settings)
        if options.action == "delete":
            said = _delete(store, options)
            return _listing(store, store.list(), said)
        if options.names:
            raise UsageError(f"%candles list takes no names, but {shown(options.names[0])} was given.")
        return _listing(store, store.list())


def _store_demo(store: CandleStore, options: argparse.Namespace) -> list[SeriesInfo]:
    from jesse_nb.core.candles import install_demo

    if options.names:
        raise UsageError(
            f"%candles demo takes no names, but {shown(options.names[0])} was given; symbols follow -s."
        )
    chosen = {name: getattr(options, name) for name in ("symbols", "start", "end", "seed")}
    return install_demo(store, **{name: value for name, value in chosen.items() if value is not None})


def _delete(store: CandleStore, options: argparse.Namespace) -> str:
    symbols = [*options.names, *(options.symbols or [])]
    if not symbols:
        raise UsageError('%candles delete needs a symbol: %candles delete BTC-USDT --exchange "Binance Spot"')
    found = [_named(store, symbol, options.exchange) for symbol in symbols]  # all, before one is deleted
    if not (options.yes or _agreed(found)):
        return "Nothing was deleted."
    for exchange, symbol in found:
        store.delete(exchange, symbol)
    return f"Deleted {_names(found)}."


def _named(store: CandleStore, symbol: str, exchange: str | None) -> tuple[str, str]:
    try:
        series = store.resolve(symbol, exchange)
    except StorageError:
        if exchange is None:
            raise
        return exchange, symbol  # damaged, which is a reason to delete it
    return series.exchange, series.symbol


def _agreed(found: list[tuple[str, str]]) -> bool:
    names = _names(found)
    try:
        answer = input(f"Delete {names}? [y/N] ")
    except (StdinNotImplementedError, EOFError) as error:
        raise UsageError(f"Nobody can be asked here whether to delete {names}. Add --yes.") from error
    return answer.strip().casefold() in ("y", "yes")


def _names(found: list[tuple[str, str]]) -> str:
    return ", ".join(f"{symbol} on {exchange}" for exchange, symbol in found)


def _listing(store: CandleStore, found: list[SeriesInfo], said: str = "") -> Listing:
    import pandas as pd

    from jesse_nb.core.times import utc_text

    rates = [store.funding(series.exchange, series.symbol) for series in found]
    frame = pd.DataFrame(
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
        columns=["exchange", "symbol", "from", "to (excluded)", "candles", "missing", "gaps", "synthetic"],
    )
    if any(series.expanded_from for series in found):
        frame["expanded from"] = [series.expanded_from for series in found]
    if any(series.flow for series in found):
        frame["order flow"] = [f"{series.flow:,}" for series in found]
    if any(rates):
        frame["funding rates"] = [_funding_words(rate) for rate in rates]
    if any(series.notes for series in found):
        frame["remark"] = [" ".join(series.notes) for series in found]
    return Listing(frame, _NOTHING, said=said)


def _imported_words(found: list[SeriesInfo]) -> str:
    """Say what files gave, which is not what is stored by now where something was before."""
    from jesse_nb.core.times import utc_text

    counts, starts, ends = zip(*(series.imported for series in found), strict=True)
    symbols = ", ".join(series.symbol for series in found)
    return (f"Imported {sum(counts):,} candles of {symbols} on {found[0].exchange}, {utc_text(min(starts))} to "
            f"{utc_text(max(ends))} (excluded).")


def _funding_words(series: FundingSeries | None) -> str:
    from jesse_nb.core.times import utc_text

    return f"{len(series.rates):,}, {utc_text(series.start)} to {utc_text(series.end)}" if series else "none"
