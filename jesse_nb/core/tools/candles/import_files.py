"""Candle files into the store, as a job."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from jesse_nb.core.candles import (
    CandleStore,
    Errors,
    ImportOptions,
    OffMinute,
    SeriesInfo,
    exchange_name,
    files_of_one_market,
    import_series,
    named_series,
    source_files,
    symbol_name,
)
from jesse_nb.core.candles.importing.archives import NAMED_LIKE, is_zipped_folder
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.members import members_of
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.plan import Plan, planned
from jesse_nb.core.tools.registry import IMPORT_FILES
from jesse_nb.core.user_path import user_path
from jesse_nb.exceptions import InputError, JobCancelledError, did_you_mean

__all__ = ["files_by_symbol", "import_files", "progress_of"]


@planned
@declared(IMPORT_FILES)
def import_files(
    source: Sequence[str | Path],
    exchange: str,
    symbols: str | Iterable[str] | None = None,
    *,
    store: CandleStore | None = None,
    replace: bool = False,
    columns: Sequence[str] | None = None,
    off_minute: OffMinute = "refuse",
    errors: Errors = "refuse",
    expand: bool = False,
    time_zone: str | None = None,
    background: bool = False,
) -> Plan[list[SeriesInfo]]:
    """Store candles from files, or every series of a folder whose files carry symbols in their names.

    A series is stored whole or not at all; those before one that is refused stay stored.

    Parameters
    ----------
    source
        Paths, patterns, or folders, zipped or not; see :func:`jesse_nb.core.candles.read_source`.
    exchange
        What the series are filed under.
    symbols
        One for files; several, or None for all, for one folder.
    store
        Where to; a store or its folder, the user's own by default.
    replace
        Whether imported candles win over stored ones that differ.
    columns
        What the columns of text files and JSON lists are called; see :func:`jesse_nb.core.candles.import_candles`.
    off_minute
        ``"refuse"``, ``"floor"`` or ``"skip"`` timestamps between two minutes.
    errors
        ``"refuse"`` files with rows that are no candles, or ``"skip"`` those rows.
    expand
        Make one-minute candles of longer ones. Every report of a run on them says so.
    time_zone
        Of times that say none, like ``"Europe/Berlin"``; UTC by default. See
        :func:`jesse_nb.core.candles.import_candles`.
    background
        Return a :class:`~jesse_nb.core.jobs.job.Job` at once.

    Returns
    -------
    list of SeriesInfo, or Job
        The ``notes`` of each say what was left out or changed.

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
    exchange, target = exchange_name(exchange), CandleStore.of(store)
    options = ImportOptions(tuple(columns) if columns is not None else None, off_minute, errors, expand,
                            time_zone)
    parts = files_by_symbol(source, symbols, exchange, options)

    def work(control: JobControl) -> list[SeriesInfo]:
        done: list[SeriesInfo] = []
        control.partial(lambda: list(done))
        for symbol, files in parts.items():
            control.update(phase=f"importing {symbol}, files")
            done.append(import_series(files, symbol, exchange, options, target, replace=replace,
                                      progress=progress_of(control)))
        return done

    return Plan("import", f"{', '.join(parts)} of {exchange}", work, background=background)


def files_by_symbol(source: Sequence[str | Path], symbols: str | Iterable[str] | None, exchange: str,
                    options: ImportOptions) -> dict[str, list[Path]]:
    """Return the files of each symbol.

    Raises
    ------
    InputError
        As :func:`import_files`.
    """
    files = [source] if isinstance(source, str | Path) else [] if source is None else members_of("source", source)
    wanted = [symbols] if isinstance(symbols, str) else None if symbols is None else members_of("symbols", symbols)
    if not files:
        raise InputError("There is nothing to import.", "Name a file, a pattern or a folder.")
    if wanted is not None and len(wanted) == 1:
        symbol = symbol_name(wanted[0])
        return {symbol: source_files(files, symbol, exchange, longer=options.expand)}
    folder = user_path(files[0], "source")
    zipped = is_zipped_folder(folder)
    if len(files) > 1 or not (folder.is_dir() or zipped):
        raise InputError("These files are of one series, but which is not said.",
                         "Name one symbol, like -s BTC-USDT; several come from a folder only.")
    there = named_series(folder, longer=options.expand)
    if not there:
        raise InputError(f"{folder} has no files like {NAMED_LIKE}.",
                         f"Say which files in it, like '{folder / '*.csv'}', and one symbol.")
    chosen = list(there) if wanted is None else [symbol_name(symbol) for symbol in wanted]
    for symbol in chosen:
        if symbol not in there:
            raise InputError(f"{folder} has no one-minute file of {symbol}.", did_you_mean(symbol, there))
    of_market = {symbol: files_of_one_market(symbol, there[symbol], folder, exchange) for symbol in chosen}
    return {symbol: [folder] for symbol in chosen} if zipped else of_market


def progress_of(control: JobControl) -> Callable[[int, int], None]:
    """Return what tells a job how many files are read, and ends it where it was cancelled."""

    def tell(done: int, total: int) -> None:
        if control.cancelled:
            raise JobCancelledError("The import was stopped.", "Series that were finished are stored.")
        control.update(done=done, total=total)

    return tell
