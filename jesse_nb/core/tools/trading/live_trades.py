"""Trades that Jesse made live or on paper, from its CSV and JSON exports or from a table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.user_path import user_path
from jesse_nb.exceptions import InputError, StorageError, did_you_mean, shown

__all__ = ["LIVE_COLUMNS", "LiveTrades", "live_frame", "read_live_trades"]

#: Columns of live trades, in order.
LIVE_COLUMNS = ("strategy", "exchange", "symbol", "side", "opened_at", "closed_at", "entry_price", "exit_price", "qty",
                "fee", "pnl")

#: Jesse's names of them in its exports and in its dashboard.
_NAMES = {"strategy_name": "strategy", "type": "side", "PNL": "pnl"}
_NEEDED = ("symbol", "side", "opened_at", "closed_at", "entry_price", "exit_price", "qty")
_NUMBERS = ("entry_price", "exit_price", "qty", "fee", "pnl")
_LISTS = ("trades", "items", "records", "data")
_MOST_BYTES = 500 * 1024**2


@dataclass(frozen=True)
class LiveTrades:
    """Trades that were made live or on paper.

    Attributes
    ----------
    trades
        Closed ones, columns :data:`LIVE_COLUMNS`, in order of opening; times are UTC, ``fee`` and ``pnl`` are in the
        quote currency and NaN where they are not known.
    spans
        When trading ran, pairs of milliseconds UTC; empty where that is not known.
    origin
        Where they are from, in words.
    left_out
        How many had no end or no price.
    """

    trades: pd.DataFrame
    spans: tuple[tuple[int, int], ...]
    origin: str
    left_out: int


def read_live_trades(source: Any) -> LiveTrades:
    """Read live trades of a file or a table.

    Parameters
    ----------
    source
        Path of a CSV or JSON file as Jesse exports it, a DataFrame, or a list of dicts with Jesse's names.

    Raises
    ------
    InputError
        When these are no trades.
    StorageError
        When the file cannot be read.
    """
    if isinstance(source, pd.DataFrame):
        return live_frame(source, "a table")
    if isinstance(source, Sequence | Mapping) and not isinstance(source, str):
        return live_frame(_rows(source), "a list")
    path = user_path(source, "live", "a CSV or JSON file, or a table of trades")
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError.of("live", f"is {path}, which is larger than 500 MB.")
        found = _rows(json.loads(path.read_text(encoding="utf-8-sig"))) if path.suffix.lower() == ".json" \
            else pd.read_csv(path)
    except OSError as error:
        raise StorageError(f"The trades in {path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, json.JSONDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError, RecursionError) \
            as error:
        raise InputError.of("live", f"is {path}, which cannot be read as {path.suffix[1:].upper() or 'CSV'}.",
                            "Give what Jesse exported: storage/csv/… or storage/json/…") from error
    return live_frame(found, path.name)


def live_frame(found: pd.DataFrame, origin: str, spans: tuple[tuple[int, int], ...] = ()) -> LiveTrades:
    """Return trades as they are compared.

    Parameters
    ----------
    found
        With Jesse's names or with those of :data:`LIVE_COLUMNS`.
    origin, spans
        As of :class:`LiveTrades`.

    Raises
    ------
    InputError
        When a column is missing, or holds no times, numbers or sides.
    """
    table = found.rename(columns={theirs: ours for theirs, ours in _NAMES.items() if ours not in found})
    missing = [name for name in _NEEDED if name not in table]
    if missing:
        raise InputError.of("live", f"has no column {missing[0]}.",
                            did_you_mean(missing[0], list(map(str, table.columns))) if len(table.columns) else
                            "It holds no trades.")
    table = table.reindex(columns=list(LIVE_COLUMNS)).reset_index(drop=True)
    for name in ("opened_at", "closed_at"):
        table[name] = _moments(table[name], name)
    for name in _NUMBERS:
        table[name] = _numbers(table[name], name)
    table["side"] = table["side"].astype(str).str.strip().str.lower()
    table["qty"] = table["qty"].abs()
    wrong = table.loc[~table["side"].isin(("long", "short")), "side"]
    if len(wrong):
        raise InputError.of("live", f"has {shown(wrong.iloc[0])} as a side.", "Sides are long and short.")
    whole = table["closed_at"].notna() & table["opened_at"].notna() & (table["qty"] > 0) \
        & (table["entry_price"] > 0) & (table["exit_price"] > 0)
    kept = table[whole].sort_values("opened_at", kind="stable", ignore_index=True)
    return LiveTrades(kept, spans, origin, int((~whole).sum()))


def _rows(content: Any) -> pd.DataFrame:
    for _ in range(3):  # answers of the dashboard wrap the list
        if not isinstance(content, Mapping):
            break
        name = next((name for name in _LISTS if name in content), None)
        if name is None:
            break
        content = content[name]
    if not isinstance(content, Sequence) or isinstance(content, str) \
            or not all(isinstance(row, Mapping) for row in content):
        raise InputError.of("live", "holds no list of trades.", f"Jesse writes one under {_LISTS[0]}.")
    return pd.DataFrame.from_records([dict(row) for row in content])


def _moments(values: pd.Series, name: str) -> pd.Series:
    """Read milliseconds since 1970, as Jesse writes them, or dates."""
    try:
        if not isinstance(values.dtype, pd.DatetimeTZDtype) and values.dtype.kind != "M":
            numbers = pd.to_numeric(values, errors="coerce")
            if numbers.notna().sum() == values.notna().sum():
                return pd.to_datetime(numbers, unit="ms", utc=True)
        return pd.to_datetime(values, utc=True)
    except (ValueError, TypeError, OverflowError, pd.errors.OutOfBoundsDatetime) as error:
        raise InputError.of("live", f"has {name} that are no times.",
                            "Jesse writes milliseconds since 1970.") from error


def _numbers(values: pd.Series, name: str) -> pd.Series:
    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    if numbers.notna().sum() < values.notna().sum():
        wrong = values[numbers.isna() & values.notna()].iloc[0]
        raise InputError.of("live", f"has {shown(wrong)} as {name.replace('_', ' ')}.", "It is a number.")
    return numbers.replace([np.inf, -np.inf], np.nan)

