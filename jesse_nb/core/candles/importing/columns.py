"""Which column of a table is which."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.candles.importing.moments import joined_date_and_time, milliseconds_of
from jesse_nb.core.candles.importing.numbers import numbers_of
from jesse_nb.core.candles.pieces.flow import FLOW, FLOW_COLUMNS
from jesse_nb.core.candles.series import COLUMNS, Candles
from jesse_nb.exceptions import InvalidCandlesError, shown

__all__ = ["TableReading", "moments_and_values", "read_table"]

#: What columns are called in the wild, capitals and punctuation aside; the first that is there counts.
_NAMES = {
    "timestamp": ("timestamp", "timestampms", "opentime", "opentimestamp", "starttime", "starttimestamp", "unix",
                  "unixtime", "unixtimestamp", "datetime", "time", "date", "ts", "start"),
    "open": ("open", "openprice", "o"),
    "close": ("close", "closeprice", "c"),
    "high": ("high", "highprice", "h"),
    "low": ("low", "lowprice", "l"),
    "volume": ("volume", "vol", "v", "basevolume", "volumebase"),
}

#: What the number of trades, and what takers bought of the volume, are called where a file has them.
_FLOW_NAMES = (
    ("trades", "numberoftrades", "numtrades", "tradecount", "tradescount", "count", "n"),
    ("takerbuyvolume", "takerbasevolume", "takerbuybasevolume", "takerbuybaseassetvolume", "takerbuybase"),
)

#: Columns that only BitMEX's binned trades have.
_BITMEX = {"timestamp", "homenotional", "foreignnotional", "lastsize"}

#: MetaTrader's exports have both: of the second, many brokers know nothing.
_TWO_VOLUMES = ("tickvol", "vol")


@dataclass(frozen=True)
class TableReading:
    """A table as candles, values unchecked.

    Attributes
    ----------
    rows
        float64 (n, 8): in Jesse's column order, timestamps in milliseconds UTC; then number of trades and volume that
        takers bought, NaN where the table does not say.
    columns
        What each is called in the table.
    times
        In words, how the times were read.
    """

    rows: Candles
    columns: dict[str, str]
    times: str


def read_table(frame: pd.DataFrame, symbol: str = "", exchange: str = "", *, lenient: bool = False,
               timeframe: str = "1m", time_zone: str = "") -> TableReading:
    """Return a table's candles; values unchecked.

    Parameters
    ----------
    frame
        Columns by name, in any order and capitals; other columns are ignored. The times may be the index.
    symbol
        Like ``BTC-USDT``: makes ``Volume BTC`` the volume, and tells which rows are meant where a column
        names symbols.
    exchange
        Tells which rows are meant where a column names several exchanges.
    lenient
        Whether a cell that cannot be read is NaN.
    timeframe
        Which rows are meant where a column names timeframes; empty for the only one there is.
    time_zone
        Of times that say none; UTC if empty.

    Raises
    ------
    InvalidCandlesError
        When a column is missing or there twice, when a cell is no number, or the unit of the times
        cannot be told.
    """
    if {_plain(column) for column in frame.columns} >= _BITMEX:
        raise InvalidCandlesError(
            "These are BitMEX's: stamped with the minute after the one that they are of, and counted in contracts.",
            "Take one minute off the timestamps, and homeNotional as the volume, which counts coins.")
    frame = _rows_meant(frame, symbol, exchange, timeframe)
    chosen = _choose(frame, symbol)
    rows = np.full((len(frame), FLOW.stop), np.nan)
    rows[:, 0], times = milliseconds_of(chosen["timestamp"], lenient=lenient, time_zone=time_zone)
    values = _without_blanks({name: chosen[name] for name in COLUMNS[1:]})
    for position, name in enumerate(COLUMNS[1:], start=1):
        rows[:, position] = numbers_of(values[name], name, lenient=lenient)
    for position, names in enumerate(_FLOW_NAMES, start=FLOW.start):
        column = _flow_column(frame, names)
        if column is not None:
            rows[:, position] = numbers_of(column, str(column.name), lenient=True)
            chosen[FLOW_COLUMNS[position - FLOW.start]] = column
    return TableReading(rows, {name: str(column.name) for name, column in chosen.items()}, times)


def _flow_column(frame: pd.DataFrame, names: Sequence[str]) -> pd.Series[Any] | None:
    """Return a column that is called so, and no other is; None where nothing says which."""
    found = [position for position, column in enumerate(frame.columns) if _plain(column) in names]
    return frame.iloc[:, found[0]] if len(found) == 1 else None


def _without_blanks(values: dict[str, pd.Series[Any]]) -> dict[str, pd.Series[Any]]:
    """Return the columns with NaN in rows in which all of them are empty texts: a minute without a trade."""
    if not all(column.dtype == object for column in values.values()):
        return values
    blank = np.logical_and.reduce([(column == "").to_numpy(bool) for column in values.values()])
    return {name: column.mask(blank) for name, column in values.items()} if blank.any() else values


def _rows_meant(frame: pd.DataFrame, symbol: str, exchange: str, timeframe: str) -> pd.DataFrame:
    """Return the rows of one series, where columns say of which series and timeframe each row is.

    Jesse's ``candle`` table is so, and the files of some archives.
    """
    for name, wanted in (("timeframe", timeframe), ("symbol", symbol), ("exchange", exchange)):
        column = next((position for position, other in enumerate(frame.columns) if _plain(other) == name), None)
        if column is None:
            continue
        texts = frame.iloc[:, column].astype(str)
        found = {text: _plain(text) for text in texts.unique()}
        meant = [text for text, plain in found.items() if plain == _plain(wanted)]
        if name == "exchange" and len(found) < 2:
            continue  # what one exchange is called differs from tool to tool
        if not meant and not (wanted == "" and len(found) < 2):
            shown = ", ".join(map(repr, sorted(found)[:8])) or "nothing"
            raise InvalidCandlesError(f"The column {name} names {shown}, not {wanted or f'one {name}'}.",
                                      f"Say which {name}, or leave that column out.")
        if meant and len(found) > 1:
            frame = frame[texts.isin(meant)]
    return frame


def _choose(frame: pd.DataFrame, symbol: str) -> dict[str, pd.Series[Any]]:
    plain = [_plain(column) for column in frame.columns]
    base = _plain(symbol.split("-")[0]) if symbol else ""
    chosen: dict[str, pd.Series[Any]] = {}
    for name in COLUMNS:
        accepted = _NAMES[name] + ((f"volume{base}",) if name == "volume" and base else ())
        known = next((other for other in accepted if other in plain), None)
        if known is None:
            continue
        if plain.count(known) > 1:
            raise InvalidCandlesError(f"There are {plain.count(known)} columns called {shown(known)}.",
                                      "Keep one of them.")
        chosen[name] = frame.iloc[:, plain.index(known)]
    both = {"date", "time"}
    if "timestamp" in chosen and both <= set(plain) and _plain(chosen["timestamp"].name) in both:
        joined = joined_date_and_time(frame.iloc[:, plain.index("date")], frame.iloc[:, plain.index("time")])
        chosen["timestamp"] = chosen["timestamp"] if joined is None else joined.rename("date and time")
    if set(_TWO_VOLUMES) <= set(plain) and _plain(chosen["volume"].name) == "vol":
        raise InvalidCandlesError(
            "There are two volumes, of ticks (tickvol) and of trades (vol).",
            "Say which: columns= or --columns date,time,open,high,low,close,volume,-,- for the first, for example.")
    index = frame.index
    named = isinstance(index.name, str) and _plain(index.name) in _NAMES["timestamp"]
    if isinstance(index, pd.DatetimeIndex) or ("timestamp" not in chosen and named):
        # A DatetimeIndex says what it is; a column beside it may be anything, the close time for one.
        chosen["timestamp"] = index.to_series()
    missing = [name for name in COLUMNS if name not in chosen]
    if missing:
        found = ", ".join(" ".join(str(column).split()) for column in frame.columns[:20]) or "none"
        raise InvalidCandlesError(f"There is no column for {', '.join(missing)}.",
                                  f"Found: {found}. Needed: {', '.join(COLUMNS)}.")
    return chosen


def _plain(name: Any) -> str:
    """Return a column's name without capitals, punctuation and a remark like "(UTC)"."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r"\((?:utc|ms|s|us|ns)\)", "", str(name).casefold()))


def moments_and_values(frame: pd.DataFrame, times: Sequence[str], values: Sequence[str]) -> tuple[Candles, Candles]:
    """Return a table's times, milliseconds UTC, and one column of numbers beside them.

    Parameters
    ----------
    frame
        Columns by name; the times may be the index.
    times, values
        What the columns are called in the wild, capitals and punctuation aside; the first that is there counts.

    Raises
    ------
    InvalidCandlesError
        When a column is missing, a cell is none of its kind, or the unit of the times cannot be told.
    """
    plain = [_plain(column) for column in frame.columns]
    chosen = [next((plain.index(name) for name in names if name in plain), None) for names in (times, values)]
    moments = frame.index.to_series() if isinstance(frame.index, pd.DatetimeIndex) else \
        None if chosen[0] is None else frame.iloc[:, chosen[0]]
    if moments is None or chosen[1] is None:
        found = ", ".join(" ".join(str(column).split()) for column in frame.columns[:20]) or "none"
        raise InvalidCandlesError(f"There is no column for {times[0] if moments is None else values[0]}.",
                                  f"Found: {found}.")
    column = frame.iloc[:, chosen[1]]
    if pd.api.types.is_object_dtype(column) and column.astype(str).str.endswith("%").all():
        return milliseconds_of(moments)[0], numbers_of(column.astype(str).str.rstrip("%"), values[0]) / 100.0
    return milliseconds_of(moments)[0], numbers_of(column, values[0])
