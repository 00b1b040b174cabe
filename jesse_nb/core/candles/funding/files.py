"""Funding rates from files: two columns, or what Binance, Bybit and OKX give."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.calls import well_named
from jesse_nb.core.candles.funding.rates import FundingRates, FundingSeries, checked_rates
from jesse_nb.core.candles.importing.archives import verify_checksum
from jesse_nb.core.candles.importing.columns import moments_and_values
from jesse_nb.core.candles.importing.files import read_frames
from jesse_nb.core.candles.importing.import_options import ImportOptions
from jesse_nb.core.candles.importing.remarks import Remarks
from jesse_nb.core.candles.importing.sources import source_files
from jesse_nb.core.candles.series import exchange_name, symbol_name
from jesse_nb.core.candles.store import CandleStore
from jesse_nb.core.user_path import user_path
from jesse_nb.exceptions import InputError, InvalidCandlesError, StorageError, shown

__all__ = ["import_funding", "read_funding_source"]

#: What columns are called, capitals and punctuation aside. OKX's realized rate is what was paid, its other a forecast.
_TIMES = ("time", "fundingtime", "fundingratetimestamp", "calctime", "timestamp", "datetime", "date", "ts")
_RATES = ("rate", "realizedrate", "lastfundingrate", "fundingrate", "funding")

#: Columns that say of which market a row is, and what exchanges add to a perpetual's symbol.
_MARKETS = ("symbol", "instid", "instrumentname")
_PERPETUAL = ("", "SWAP", "PERP")


@well_named
def import_funding(
    source: Any, symbol: str, exchange: str, *, store: CandleStore | str | Path | None = None, replace: bool = False
) -> FundingSeries:
    """Store funding rates of one market, beside its candles.

    Parameters
    ----------
    source
        A path, a pattern like ``"BTCUSDT-fundingRate-*.zip"``, a list of those, or a DataFrame. Understood are tables
        with a column for the time and one for the rate (``time, rate``; the times may be a DataFrame's index) and what
        the exchanges give: Binance's archive and its interface's answers, those of Bybit and OKX saved as JSON, of OKX
        the realized rate. Parquet, Feather, CSV and JSON, plain, zipped or gzipped. Rates are fractions, or end with
        ``%``.
    symbol, exchange
        The market, like ``"BTC-USDT"`` and ``"Binance Perpetual Futures"``: that of the candles.
    store
        Where to; a store or its folder, the user's own by default.
    replace
        Whether imported rates win over stored ones that differ.

    Returns
    -------
    FundingSeries
        All that is now stored of the market.

    Raises
    ------
    InputError
        When there is no such file, or a name cannot be used.
    InvalidCandlesError
        When it holds no funding rates, those of another market, or contradicts itself or what is stored.
    StorageError
        When a file cannot be read or the store cannot be written.

    Examples
    --------
    >>> import pandas as pd
    >>> times = pd.date_range("2023-02-01", "2023-04-01", freq="8h", tz="UTC")
    >>> rates = pd.DataFrame({"time": times, "rate": 0.0001})
    >>> print(jn.import_funding(rates, "BTC-USDT", "My Exchange", store=jn.CandleStore("elsewhere")))
    BTC-USDT on My Exchange: 178 funding rates, 2023-02-01 to 2023-04-01
    """
    symbol, exchange = symbol_name(symbol), exchange_name(exchange)
    rates, names = read_funding_source(source, symbol)
    return CandleStore.of(store).write_funding(exchange, symbol, rates, replace=replace, source=names)


def read_funding_source(source: Any, symbol: str) -> tuple[FundingRates, str]:
    """Return the rates of files or of a DataFrame, checked, and where they came from."""
    if isinstance(source, pd.DataFrame):
        return _of_frame("The table", source, symbol), "a table"
    parts = [source] if isinstance(source, str | os.PathLike) or not isinstance(source, Sequence) else list(source)
    for part in parts:
        if isinstance(part, str | os.PathLike) and user_path(part, "source").is_dir():
            raise InputError(f"{part} is a folder.", "Name its files with a pattern: BTCUSDT-fundingRate-*.zip.")
    files = source_files(parts, symbol)
    found = [_of_frame(name, frame, symbol) for path in files for name, frame in _frames(path)]
    rates = checked_rates(np.concatenate([part.times for part in found]),
                          np.concatenate([part.rates for part in found]))
    return rates, files[0].name if len(files) == 1 else f"{files[0].name} and {len(files) - 1:,} more"


def _frames(path: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StorageError(f"Cannot read {path}: {error.strerror or error}.") from error
    verify_checksum(path, content)
    if content[:64].lstrip().startswith(b"{"):
        yield path.name, _of_answer(path.name, content)
    else:
        yield from read_frames(path.name, content, ImportOptions(), Remarks())


def _of_answer(name: str, content: bytes) -> pd.DataFrame:
    """Read an interface's answer that was saved: OKX's has its rows in ``data``, Bybit's in ``result.list``."""
    try:
        answer = json.loads(content)
    except ValueError as error:
        raise InvalidCandlesError(f"{name} cannot be read, it may be damaged: {error}.") from error
    result = answer.get("result")
    rows = result.get("list") if isinstance(result, dict) else answer.get("data")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InvalidCandlesError(f"{name} is JSON, but no answer with funding rates.",
                                  "OKX's has a list in data, Bybit's one in result.list.")
    return pd.DataFrame(rows)


def _of_frame(name: str, frame: pd.DataFrame, symbol: str) -> FundingRates:
    try:
        return checked_rates(*moments_and_values(_rows_of(frame, symbol), _TIMES, _RATES))
    except InvalidCandlesError as error:
        raise InvalidCandlesError(f"{name}: {error.message}", error.hint) from error


def _rows_of(frame: pd.DataFrame, symbol: str) -> pd.DataFrame:
    """Return the rows of a symbol, where a column says of which each is."""
    for position, column in enumerate(frame.columns):
        if re.sub(r"[^a-z]", "", str(column).casefold()) not in _MARKETS:
            continue
        texts = frame.iloc[:, position].astype(str)
        plain = texts.str.upper().str.replace(r"[^A-Z0-9]", "", regex=True)
        meant = plain.isin([symbol.replace("-", "") + ending for ending in _PERPETUAL])
        if len(frame) and not meant.any():
            raise InvalidCandlesError(f"These are rates of {shown(texts.iloc[0])}, not of {symbol}.",
                                      "Import them under the market that they are of.")
        return frame[meant]
    return frame
