"""Equity at each midnight, from fills and candles: the same instants in both of Jesse's modes.

Jesse takes its daily samples one candle after a whole day in fast mode, and one minute after it in step mode. An open
position moves in between, so ratios of the same trades differ between the modes by as much as a market moves in a
candle: by more than a tenth in a third of random runs (``python -m tests.calibration.modes``).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.market.prices import CandlesByMarket, candles_of
from jesse_nb.core.analysis.trades.fills import fills_of
from jesse_nb.core.simulator.account.minutes import value_at
from jesse_nb.core.simulator.spec import Account
from jesse_nb.core.times import DAY_MS

__all__ = ["midnight_equity"]


def midnight_equity(
    trades: pd.DataFrame, candles: CandlesByMarket, account: Account, start: int, end: int
) -> pd.Series[float]:
    """Return what an account was worth at the start, at each midnight (UTC) and at the end.

    Parameters
    ----------
    trades
        Closed trades, with their ``orders``.
    candles
        Of every traded market, over the whole backtest.
    account
        What the backtest began with.
    start, end
        Of the backtest, milliseconds UTC.

    Returns
    -------
    pandas.Series
        Quote currency, by moment (UTC): all that was filled by then, at the last close known then.

    Raises
    ------
    InputError
        When a traded market has no candles.

    Examples
    --------
    >>> from jesse_nb.core.times import to_ms
    >>> trades = pd.DataFrame({"exchange": ["E"], "symbol": ["BTC-USDT"], "side": ["long"], "qty": [2.0],
    ...                        "opened_at": pd.to_datetime(["2024-01-01 06:00"], utc=True), "entry_price": [100.0],
    ...                        "closed_at": pd.to_datetime(["2024-01-02 06:00"], utc=True), "exit_price": [120.0]})
    >>> first, last = to_ms("2024-01-01"), to_ms("2024-01-03")
    >>> minutes = np.full((2880, 6), 110.0)
    >>> minutes[:, 0] = np.arange(first, last, 60_000)
    >>> midnight_equity(trades, {("E", "BTC-USDT"): minutes}, Account(1000.0, fee=0.0), first, last).tolist()
    [1000.0, 1020.0, 1040.0]
    """
    moments = np.unique(np.array([start, *range(start - start % DAY_MS + DAY_MS, end, DAY_MS), end], dtype=np.int64))
    values = np.full(len(moments), account.balance)
    fills = fills_of(trades, account)
    for number, market in enumerate(fills.markets):
        rows = np.flatnonzero(fills.market == number)
        rows = rows[np.argsort(fills.time[rows], kind="stable")]
        cash, held = (np.concatenate([[0.0], np.cumsum(part[rows])]) for part in (fills.cash, fills.held))
        values += value_at(candles_of(candles, market), moments, fills.time[rows], cash, held)
    return pd.Series(values, index=pd.to_datetime(moments, unit="ms", utc=True), name="equity at midnight")
