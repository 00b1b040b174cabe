"""Which column of a table is which, and in which unit its times are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.candles.series import COLUMNS, Candles
from jesse_nb.core.candles.validation import FIRST_MOMENT, LAST_MOMENT
from jesse_nb.exceptions import InvalidCandlesError, shown

__all__ = ["candles_from_frame", "moments_and_values"]

#: What columns are called in the wild, capitals and punctuation aside; the first that is there counts.
_NAMES = {
    "timestamp": ("timestamp", "timestampms", "opentime", "opentimestamp", "unix", "unixtime",
                  "unixtimestamp", "datetime", "time", "date", "ts"),
    "open": ("open", "openprice", "o"),
    "close": ("close", "closeprice", "c"),
    "high": ("high", "highprice", "h"),
    "low": ("low", "lowprice", "l"),
    "volume": ("volume", "vol", "v", "basevolume", "volumebase"),
}

# How many make a second; the ranges that 2009 to 2100 span in each do not overlap.
_UNITS = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000, "nanoseconds": 1_000_000_000}


def candles_from_frame(frame: pd.DataFrame, symbol: str = "", exchange: str = "") -> Candles:
    """Return a table's candles in Jesse's column order, timestamps in milliseconds; values unchecked.

    Parameters
    ----------
    frame
        Columns by name, in any order and capitals; other columns are ignored. The times may be the index.
    symbol
        Like ``BTC-USDT``: makes ``Volume BTC`` the volume, and tells which rows are meant where a column
        names symbols.
    exchange
        Tells which rows are meant where a column names several exchanges.

    Returns
    -------
    numpy.ndarray
        float64 (n, 6).

    Raises
    ------
    InvalidCandlesError
        When a column is missing or there twice, when a cell is no number, or the unit of the times
        cannot be told.
    """
    frame = _rows_meant(frame, symbol, exchange)
    chosen = _choose(frame, symbol)
    rows = np.empty((len(frame), len(COLUMNS)), np.float64)
    rows[:, 0] = _milliseconds(chosen["timestamp"])
    for position, name in enumerate(COLUMNS[1:], start=1):
        rows[:, position] = _numbers(chosen[name], name)
    return rows


def _rows_meant(frame: pd.DataFrame, symbol: str, exchange: str) -> pd.DataFrame:
    """Return the one-minute rows of one series, where columns say of which series and timeframe each row is.

    Jesse's ``candle`` table is so, and the files of some archives.
    """
    for name, wanted in (("timeframe", "1m"), ("symbol", symbol), ("exchange", exchange)):
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


def _numbers(column: pd.Series[Any], name: str) -> Candles:
    kinds = pd.api.types
    if any(is_such(column) for is_such in (kinds.is_bool_dtype, kinds.is_complex_dtype, kinds.is_datetime64_any_dtype,
                                           kinds.is_timedelta64_dtype)):
        raise InvalidCandlesError(f"The column {name} holds {column.dtype}, not numbers.")
    _refuse_lists(column, name)
    try:
        # NumPy reads texts as Python does: to the nearest double.
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        bad = pd.to_numeric(column, errors="coerce").isna().to_numpy()
        if not bad.any():
            raise InvalidCandlesError(f"The column {name} cannot be read as numbers.") from None
        row = int(bad.argmax())
        raise InvalidCandlesError(
            f"The {name} of row {row + 1:,} is {shown(str(column.iloc[row])[:60])}, not a number.") from None


def _refuse_lists(column: pd.Series[Any], name: str) -> None:
    """Refuse [1.0], which NumPy takes for 1.0."""
    kinds = pd.api.types
    if kinds.infer_dtype(column) == "mixed" and column.map(kinds.is_list_like).any():
        raise InvalidCandlesError(f"The column {name} holds lists, not numbers.")


def _milliseconds(column: pd.Series[Any]) -> Candles:
    if isinstance(column.dtype, pd.PeriodDtype):
        column = column.dt.start_time
    if not pd.api.types.is_datetime64_any_dtype(column) and not pd.api.types.is_numeric_dtype(column):
        column = _parsed(column)
    if pd.api.types.is_datetime64_any_dtype(column):
        if column.dt.tz is not None:
            column = column.dt.tz_convert("UTC").dt.tz_localize(None)
        moments = column.to_numpy().astype("datetime64[us]")
        # From whole microseconds; a missing time becomes NaN, and is refused as such.
        return np.where(np.isnat(moments), np.nan, moments.astype(np.int64) / 1e3)
    return _to_milliseconds(_numbers(column, "timestamp"))


def _parsed(column: pd.Series[Any]) -> pd.Series[Any]:
    """Read texts: numbers where all are numbers, ISO 8601 otherwise."""
    _refuse_lists(column, "timestamp")
    try:
        return column.astype(np.float64)
    except (TypeError, ValueError):
        pass
    try:
        # Other ways of writing leave open which number is the day and which the month.
        return pd.to_datetime(column, utc=True, format="ISO8601")
    except (TypeError, ValueError, OverflowError):
        # The row at fault is the first that is unlike most of the others.
        readings = (pd.to_datetime(column, utc=True, format="ISO8601", errors="coerce"),
                    pd.to_numeric(column, errors="coerce"))
        row = min((reading.isna() for reading in readings), key=lambda bad: bad.sum()).to_numpy().argmax()
        raise InvalidCandlesError(
            f"The timestamp of row {row + 1:,} is {shown(str(column.iloc[row])[:60])}, not a time.",
            "Write times like 2024-01-31 12:00, in UTC.") from None


def _to_milliseconds(values: Candles) -> Candles:
    """Tell by their size in which unit the times are, which must be the same for all."""
    found: dict[str, int] = {}
    known = np.zeros(len(values), bool)
    for unit, in_a_second in _UNITS.items():
        earliest, latest = (moment // 1_000 * in_a_second for moment in (FIRST_MOMENT, LAST_MOMENT))
        belongs = (values >= earliest) & (values <= latest)
        known |= belongs
        if belongs.any():
            found[unit] = int(np.flatnonzero(belongs)[0])
    if len(found) > 1:
        (unit, _), (other, row) = sorted(found.items(), key=lambda item: item[1])[:2]
        raise InvalidCandlesError(
            f"The timestamps begin in {unit}, but that of row {row + 1:,} is in {other}: {values[row]:.0f}.",
            "Import the parts as files of their own.")
    if not known.all():
        row = int(np.flatnonzero(~known)[0])
        raise InvalidCandlesError(
            f"The timestamp of row {row + 1:,} is {shown(float(values[row]))}, no time from 2009 to 2100.",
            f"Times count {', '.join(_UNITS)} since 1970, in UTC.")
    if not found:
        return values
    in_a_second = _UNITS[next(iter(found))]
    # Whole factors, so that a whole minute stays one: times 0.001 would not be exact.
    return values * (1_000 // in_a_second) if in_a_second <= 1_000 else values / (in_a_second // 1_000)


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
        return _milliseconds(moments), _numbers(column.astype(str).str.rstrip("%"), values[0]) / 100.0
    return _milliseconds(moments), _numbers(column, values[0])
