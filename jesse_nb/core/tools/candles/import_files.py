"""Candle files into the store, as a job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from jesse_nb.core.candles import (
    CandleStore,
    SeriesInfo,
    exchange_name,
    files_of_one_market,
    import_candles,
    named_series,
    source_files,
    symbol_name,
)
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.tools.plan import Plan, planned
from jesse_nb.core.user_path import user_path
from jesse_nb.exceptions import InputError, JobCancelledError, did_you_mean

__all__ = ["import_files"]


@planned
def import_files(
    source: Sequence[str | Path],
    exchange: str,
    symbols: Sequence[str] | None = None,
    *,
    store: CandleStore | None = None,
    replace: bool = False,
    columns: Sequence[str] | None = None,
    background: bool = False,
) -> Plan[list[SeriesInfo]]:
    """Store candles from files, or every series of a folder whose files carry symbols in their names.

    A series is stored whole or not at all; those before one that is refused stay stored.

    Parameters
    ----------
    source
        Paths, patterns or folders; see :func:`jesse_nb.core.candles.read_source`.
    exchange
        What the series are filed under.
    symbols
        One for files; several, or None for all, for one folder.
    store
        Where to; the user's own store by default.
    replace
        Whether imported candles win over stored ones that differ.
    columns
        What the columns of text files are called; see :func:`jesse_nb.core.candles.import_candles`.
    background
        Return a :class:`~jesse_nb.core.jobs.job.Job` at once.

    Returns
    -------
    list of SeriesInfo, or Job

    Raises
    ------
    InputError
        When the source does not exist, does not say of which symbol it is, or has that symbol of several markets.
    InvalidCandlesError
        When the data is not one-minute candles, or files contradict each other or stored candles.
    StorageError
        When a file cannot be read or the store cannot be written.

    Examples
    --------
    >>> jn.import_files(["BTCUSDT-1m-*.zip"], "Binance Spot", ["BTC-USDT"])  # doctest: +SKIP
    >>> jn.import_files(["data/spot"], "Binance Spot")                         # doctest: +SKIP
    """
    exchange, target = exchange_name(exchange), store or CandleStore()
    parts = _parts(list(source), symbols, exchange)

    def work(control: JobControl) -> list[SeriesInfo]:
        found: list[SeriesInfo] = []
        control.partial(lambda: list(found))
        for symbol, files in parts.items():
            control.update(phase=f"importing {symbol}, files")
            found.append(import_candles(files, symbol, exchange, store=target, replace=replace, columns=columns,
                                        progress=_progress_of(control)))
        return found

    return Plan("import", f"{', '.join(parts)} of {exchange}", work, background=background)


def _parts(source: list[str | Path], symbols: Sequence[str] | None, exchange: str) -> dict[str, list[Path]]:
    """Return the files of each symbol."""
    if not source:
        raise InputError("There is nothing to import.", "Name a file, a pattern or a folder.")
    if symbols is not None and len(symbols) == 1:
        symbol = symbol_name(symbols[0])
        return {symbol: source_files(source, symbol, exchange)}
    folder = user_path(source[0], "source")
    if len(source) > 1 or not folder.is_dir():
        raise InputError("These files are of one series, but which is not said.",
                         "Name one symbol, like -s BTC-USDT; several come from a folder only.")
    found = named_series(folder)
    if not found:
        raise InputError(f"{folder} has no files like BTCUSDT-1m-2024-01.zip or BTC_USDT-1m.feather.",
                         f"Say which files in it, like '{folder / '*.csv'}', and one symbol.")
    wanted = list(found) if symbols is None else [symbol_name(symbol) for symbol in symbols]
    for symbol in wanted:
        if symbol not in found:
            raise InputError(f"{folder} has no one-minute file of {symbol}.", did_you_mean(symbol, found))
    return {symbol: files_of_one_market(symbol, found[symbol], folder, exchange) for symbol in wanted}


def _progress_of(control: JobControl) -> Callable[[int, int], None]:
    def tell(done: int, total: int) -> None:
        if control.cancelled:
            raise JobCancelledError("The import was stopped.", "Series that were finished are stored.")
        control.update(done=done, total=total)

    return tell
