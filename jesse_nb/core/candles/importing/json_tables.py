"""Candles in JSON: lists of rows, and the answers of exchanges as they were saved.

What each exchange's rows hold is from its own documentation and from Jesse's drivers, which read the same answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.candles.importing.import_options import ImportOptions
from jesse_nb.core.candles.importing.remarks import Remarks
from jesse_nb.core.candles.importing.text_tables import ARCHIVE_COLUMNS, named_columns
from jesse_nb.exceptions import InvalidCandlesError

__all__ = ["read_json"]

#: Rows of a JSON file that is a list of lists: what freqtrade and many tools write.
_COLUMNS = ("timestamp", "open", "high", "low", "close", "volume")

#: How deep a list of candles may lie in an answer.
_DEPTH = 3


@dataclass(frozen=True)
class _Answer:
    """How an exchange writes its answer.

    Attributes
    ----------
    exchange
        Whose it is.
    like
        Whether an object is one.
    columns
        Of its rows.
    finished
        Which rows are of minutes that were over; None where the answer has no others, or does not say.
    """

    exchange: str
    like: Callable[[dict[str, Any]], bool]
    columns: tuple[str, ...]
    finished: Callable[[dict[str, Any], pd.DataFrame], Any] | None = None


_ANSWERS = (
    _Answer("Bybit", lambda answer: "retCode" in answer, (*_COLUMNS, "turnover")),
    _Answer("OKX", lambda answer: answer.get("code") == "0" and "data" in answer,
            (*_COLUMNS[:5], "contracts", "volume", "quote volume", "confirm"),
            lambda _, rows: rows["confirm"].astype(str) == "1"),
    _Answer("Bitget", lambda answer: answer.get("code") == "00000", (*_COLUMNS, "quote volume", "usdt volume")),
    _Answer("KuCoin", lambda answer: answer.get("code") == "200000",
            ("timestamp", "open", "close", "high", "low", "volume", "turnover")),
    # Its last row is always of the minute that was not over yet; "last" is the newest that was.
    _Answer("Kraken", lambda answer: "error" in answer and isinstance(answer.get("result"), dict),
            (*_COLUMNS[:5], "vwap", "volume", "trades"),
            lambda answer, rows: rows["timestamp"] <= float(answer["result"].get("last", "inf"))),
)


def read_json(name: str, content: bytes, options: ImportOptions, remarks: Remarks) -> pd.DataFrame:
    """Read a list of rows, of objects that name them, or an answer of an exchange with one of them inside.

    Parameters
    ----------
    name
        The file's, for the errors.
    content
        All of it.
    options
        What the columns of a list of lists are called.
    remarks
        Where candles are counted that were not over when the exchange answered.

    Raises
    ------
    InvalidCandlesError
        When no list of candles is in it, or which column is which cannot be told.
    """
    answer = json.loads(content)
    if isinstance(answer, list):
        return _frame(name, answer, options, _columns_of_list)
    found = list(_lists(answer, _DEPTH)) if isinstance(answer, dict) else []
    if not found and isinstance(answer, dict) and _is_table(answer):
        return pd.DataFrame(answer)
    if len(found) != 1:
        raise InvalidCandlesError(f"{name} is JSON, but holds {len(found) or 'no'} lists of candles."
                                  if found else f"{name} is JSON, but no list of candles.")
    known = next((one for one in _ANSWERS if one.like(answer)), None)
    frame = _frame(name, found[0], options, lambda width: known.columns if known and len(known.columns) == width
                   else None)
    if options.columns is None and known is not None and list(frame.columns) == list(known.columns):
        if known.exchange == "OKX":
            _choose_volume_of_okx(frame)
        elif known.exchange == "Bybit" and _category(answer) == "inverse":
            raise InvalidCandlesError(f"{name} is of an inverse contract: its volume counts dollars.",
                                      "columns= or --columns timestamp,open,high,low,close,-,volume takes its "
                                      "turnover, which counts coins.")
        if known.finished is not None:
            over = np.asarray(known.finished(answer, frame), bool)
            remarks.add("Left out, minute was not over yet", ~over, name)
            frame = frame[over].reset_index(drop=True)
    return frame


def _frame(name: str, rows: list[Any], options: ImportOptions,
           columns_of: Callable[[int], tuple[str, ...] | None]) -> pd.DataFrame:
    if rows and all(isinstance(row, dict) for row in rows):
        return _plainly_named(pd.DataFrame(rows))
    widths = {len(row) if isinstance(row, list) else -1 for row in rows}
    if len(widths) > 1 or -1 in widths:
        raise InvalidCandlesError(f"{name} is JSON, but no list of candles like {list(_COLUMNS)}.")
    width = widths.pop() if widths else len(_COLUMNS)
    if options.columns is not None:
        return pd.DataFrame(rows, columns=named_columns(name, options.columns, width))
    columns = columns_of(width)
    if columns is None:
        raise InvalidCandlesError(
            f"{name} is JSON, but no list of candles like {list(_COLUMNS)}: its rows have {width} values.",
            "Say what they are, like columns=['timestamp', 'open', 'high', 'low', 'close', 'volume', '-'] or "
            "--columns timestamp,open,high,low,close,volume,-")
    return pd.DataFrame(rows, columns=list(columns))


def _columns_of_list(width: int) -> tuple[str, ...] | None:
    return {len(_COLUMNS): _COLUMNS, len(ARCHIVE_COLUMNS): ARCHIVE_COLUMNS}.get(width)


def _plainly_named(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table of objects with the names that are read: some exchanges' mean something else.

    Streams of candles write t for the time at which one opens, and T for that at which it closes. HTX calls the time
    id, the volume amount, and vol what that was worth.
    """
    names = {str(column) for column in frame.columns}
    if {"id", "amount", "vol", "open", "close"} <= names:
        return frame.rename(columns={"id": "timestamp", "amount": "volume", "vol": "quote volume"})
    if {"v", "V", "n", "Q"} <= names:  # Binance's streams
        frame = frame.rename(columns={"V": "taker_buy_volume"})
        names = {str(column) for column in frame.columns}
    closing = [name for name in names if len(name) == 1 and name.isupper() and name.lower() in names]
    return frame.drop(columns=closing).rename(columns={"t": "timestamp"} if "timestamp" not in names else {})


def _lists(value: Any, depth: int) -> list[list[Any]]:
    """Return all lists of lists or of objects in an object."""
    found: list[list[Any]] = []
    for inside in value.values():
        if isinstance(inside, list) and inside and isinstance(inside[0], list | dict):
            found.append(inside)
        elif isinstance(inside, dict) and depth:
            found += _lists(inside, depth - 1)
    return found


def _is_table(answer: dict[str, Any]) -> bool:
    """Return whether an object has a list for each column, all of one length."""
    lengths = {len(column) if isinstance(column, list) else -1 for column in answer.values()}
    return len(lengths) == 1 and -1 not in lengths


def _category(answer: dict[str, Any]) -> str:
    result = answer.get("result")
    return str(result.get("category", "")) if isinstance(result, dict) else ""


def _choose_volume_of_okx(frame: pd.DataFrame) -> None:
    """Take the volume in coins: of the spot market the first, of contracts the second.

    The second counts the quote currency on the spot market, where it equals the third.
    """
    if (frame["volume"].astype(str) == frame["quote volume"].astype(str)).all():
        frame["volume"] = frame["contracts"]
