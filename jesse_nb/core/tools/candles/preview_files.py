"""How candle files would be read, before anything is stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from jesse_nb.core.candles import COLUMNS, Errors, Gap, ImportOptions, OffMinute, read_series
from jesse_nb.core.candles.pieces.flow import FLOW_COLUMNS
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.rendering import Shown
from jesse_nb.core.tools.candles.import_files import files_by_symbol, progress_of
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.plan import Plan, planned
from jesse_nb.core.tools.registry import PREVIEW_FILES

__all__ = ["ImportPreview", "SeriesPreview", "preview_files"]

_FIRST_ROWS = 5
_ORDER = ["open", "high", "low", "close", "volume"]


@dataclass(frozen=True)
class SeriesPreview:
    """How one series would be read.

    Attributes
    ----------
    symbol
        What it would be called.
    files
        How many files it is of.
    first
        Its first candles, indexed by moment (UTC).
    rows
        One-minute candles in all.
    start, end
        First candle's minute, and the minute after the last; milliseconds UTC.
    gaps
        Minutes missing in between.
    columns
        What each column is called in the first file.
    times
        How times were read, and in which zone.
    expanded_from
        The files' timeframe, where one-minute candles were made of longer ones; empty otherwise.
    remarks
        What was left out or changed, a sentence each.
    """

    symbol: str
    files: int
    first: pd.DataFrame
    rows: int
    start: int
    end: int
    gaps: tuple[Gap, ...]
    columns: dict[str, str]
    times: str
    expanded_from: str
    remarks: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class ImportPreview(Shown):
    """How files would be read; nothing was stored.

    Attributes
    ----------
    series
        Each series that would be stored.

    Examples
    --------
    >>> day = jn.export_candles("BTC-USDT", "a-day.csv", start="2023-02-01", end="2023-02-02")
    >>> list(jn.preview_files([day], "My Exchange", "BTC-USDT").to_frame())
    ['open', 'high', 'low', 'close', 'volume', 'symbol']
    """

    series: tuple[SeriesPreview, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return the first candles of all series, with their ``symbol``."""
        return pd.concat([one.first.assign(symbol=one.symbol) for one in self.series])


@planned
@declared(PREVIEW_FILES)
def preview_files(
    source: Sequence[str | Path],
    exchange: str | None = None,
    symbols: str | Iterable[str] | None = None,
    *,
    columns: Sequence[str] | None = None,
    off_minute: OffMinute = "refuse",
    errors: Errors = "refuse",
    expand: bool = False,
    time_zone: str | None = None,
    background: bool = False,
) -> Plan[ImportPreview]:
    """Read files as :func:`~jesse_nb.core.tools.candles.import_files.import_files` would, and store nothing.

    Parameters
    ----------
    source, symbols, columns, off_minute, errors, expand, time_zone, background
        As for the import.
    exchange
        What the series would be filed under: chooses where a folder has spot and futures.

    Returns
    -------
    ImportPreview, or Job

    Raises
    ------
    InputError, InvalidCandlesError, StorageError
        As the import would.

    Examples
    --------
    >>> day = jn.export_candles("BTC-USDT", "one-day.csv", start="2023-02-01", end="2023-02-02")
    >>> preview = jn.preview_files([day], "My Exchange", "BTC-USDT")
    >>> preview.series[0].rows, preview.series[0].gaps
    (1440, ())
    """
    options = ImportOptions(tuple(columns) if columns is not None else None, off_minute, errors, expand,
                            time_zone)
    parts = files_by_symbol(source, symbols, exchange or "", options)

    def work(control: JobControl) -> ImportPreview:
        done = []
        for symbol, files in parts.items():
            control.update(phase=f"reading {symbol}, files")
            done.append(_preview(symbol, files, exchange or "", options, control))
        return ImportPreview(tuple(done))

    return Plan("preview", ", ".join(parts), work, background=background)


def _preview(symbol: str, files: list[Path], exchange: str, options: ImportOptions, control: JobControl
             ) -> SeriesPreview:
    reading = read_series(files, symbol, exchange, options, progress_of(control))
    rows = reading.pieces.piece(reading.pieces.numbers()[0])[:_FIRST_ROWS]
    first = pd.DataFrame(rows, columns=[*COLUMNS, *FLOW_COLUMNS]).set_index("timestamp")
    first = first[[*_ORDER, *FLOW_COLUMNS] if reading.pieces.flow else _ORDER]
    first.index = pd.to_datetime(first.index, unit="ms", utc=True)
    return SeriesPreview(symbol, len(files), first, reading.rows, reading.start, reading.end, reading.gaps,
                         reading.columns, reading.times, reading.expanded_from, reading.remarks)
