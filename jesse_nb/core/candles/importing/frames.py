"""Stored candles as a table, of any of Jesse's timeframes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.calls import well_named
from jesse_nb.core.candles.pieces.flow import CANDLE, FLOW, FLOW_COLUMNS
from jesse_nb.core.candles.resampling import checked_timeframe, minutes_present, resample_candles, sums_of_minutes
from jesse_nb.core.candles.series import COLUMNS
from jesse_nb.core.candles.store import CandleStore

__all__ = ["read_candles"]

_ORDER = ["open", "high", "low", "close", "volume"]


@well_named
def read_candles(
    symbol: str,
    timeframe: str = "1m",
    *,
    exchange: str | None = None,
    start: Any = None,
    end: Any = None,
    store: CandleStore | str | Path | None = None,
    forming: bool = False,
    flow: bool = False,
) -> pd.DataFrame:
    """Read stored candles as a table, put together to a timeframe as Jesse does it.

    Parameters
    ----------
    symbol
        Which series.
    timeframe
        One of Jesse's; see :func:`~jesse_nb.core.candles.resampling.resample_candles` for where its candles begin.
    exchange
        Needed only when several stored exchanges have the symbol.
    start, end
        Which one-minute candles are used, end excluded; None is the first and the last stored. A start or an
        end inside a candle leaves minutes of it out.
    store
        Where they are; a store or its folder, the user's own by default.
    forming
        Whether to keep the last candle when its last minute is not among those used.
    flow
        Whether to add what is known of the trades within each candle: ``trades``, their number, and
        ``taker_buy_volume``, the part of the volume whose buyer took what was offered. Both are sums over the minutes,
        and NaN where one of them is not known.

    Returns
    -------
    pandas.DataFrame
        One row a candle, indexed by the moment it begins (UTC): ``open``, ``high``, ``low``, ``close``,
        ``volume``, and ``minutes``: of how many one-minute candles it consists. Fewer than the timeframe
        has are gaps, or a candle that is cut at the start or end.

    Raises
    ------
    InputError
        When Jesse has no such timeframe, or several exchanges store the symbol.
    CandlesNotFoundError
        When the series is not stored, or not for the whole period.

    Examples
    --------
    >>> days = jn.read_candles("BTC-USDT", "1D", start="2023-02-01", end="2023-02-08")
    >>> days["minutes"].tolist()
    [1440, 1440, 1440, 1440, 1440, 1440, 1440]
    >>> list(jn.read_candles("BTC-USDT", "1D", start="2023-02-01", end="2023-02-08", flow=True))[-2:]
    ['trades', 'taker_buy_volume']
    """
    checked_timeframe(timeframe)
    source = CandleStore.of(store)
    info = source.resolve(symbol, exchange)
    rows = source.read(info.exchange, info.symbol, start, end, flow=flow)
    made = resample_candles(rows[:, CANDLE], timeframe, forming=forming)
    frame = pd.DataFrame(made, columns=list(COLUMNS))
    index = pd.to_datetime(frame["timestamp"].astype(np.int64), unit="ms", utc=True).rename("timestamp")
    frame = frame.set_index(index)[_ORDER]
    frame = frame.assign(minutes=minutes_present(rows[:, 0], timeframe)[: len(made)])
    for position, name in enumerate(FLOW_COLUMNS if flow else (), start=FLOW.start):
        frame[name] = sums_of_minutes(rows[:, 0], rows[:, position], timeframe)[: len(made)]
    return frame
