"""An account at any moment, from fills and candles, and at each midnight: the same instants in both of Jesse's modes.

Jesse takes its daily samples one candle after a whole day in fast mode, and one minute after it in step mode. An open
position moves in between, so ratios of the same trades differ between the modes by as much as a market moves in a
candle: by more than a tenth in a third of random runs (``python -m tests.calibration.modes``).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.market.prices import CandlesByMarket, Market, candles_of
from jesse_nb.core.analysis.trades.fills import fills_of
from jesse_nb.core.simulator.account.funding_payments import FundingPayments
from jesse_nb.core.simulator.account.minutes import value_at
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.spec import Account
from jesse_nb.core.times import DAY_MS

__all__ = ["account_at", "account_by_day", "midnight_equity", "price_column", "why_unknown"]

#: A position so much smaller than the fills of its market, as a fraction, is what rounding leaves of a closed one.
_CRUMB = 1e-12


def midnight_equity(
    trades: pd.DataFrame, candles: CandlesByMarket, account: Account, start: int, end: int,
    payments: FundingPayments | None = None,
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
    payments
        What it paid for holding positions.

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
    return account_at(moments, trades, candles, account, payments)["equity"].rename("equity at midnight")


def account_at(
    moments: NDArray[np.int64], trades: pd.DataFrame, candles: CandlesByMarket, account: Account,
    payments: FundingPayments | None = None,
) -> pd.DataFrame:
    """Return what an account was worth and what it held at some moments.

    Parameters
    ----------
    moments
        Milliseconds UTC, ascending, shape (n,).
    trades, candles, account, payments
        As for :func:`midnight_equity`.

    Returns
    -------
    pandas.DataFrame
        By moment (UTC): ``equity`` in the quote currency, how many ``positions`` were open, what it would have cost to
        close them then (``exits``), in the quote currency, and the last close of each traded market, in a column that
        :func:`price_column` names.

    Raises
    ------
    InputError
        When a traded market has no candles.
    """
    equity, exits = np.full(len(moments), account.balance), np.zeros(len(moments))
    positions, prices = np.zeros(len(moments), dtype=int), {}
    fills = fills_of(trades, account)
    for number, market in enumerate(fills.markets):
        rows = np.flatnonzero(fills.market == number)
        rows = rows[np.argsort(fills.time[rows], kind="stable")]
        times, series = fills.time[rows], candles_of(candles, market)
        cash, held = (np.concatenate([[0.0], np.cumsum(part[rows])]) for part in (fills.cash, fills.held))
        held[np.abs(held) <= _CRUMB * np.abs(fills.held[rows]).max(initial=0.0)] = 0.0
        equity += value_at(series, moments, times, cash, held)
        worth = value_at(series, moments, times, np.zeros(len(cash)), np.abs(held))
        positions += worth > 0
        exits += worth * account.fill_cost(market[1])
        prices[price_column(market)] = value_at(series, moments, times, np.zeros(len(cash)), np.ones(len(cash)))
    if payments is not None:
        equity -= payments.paid_by(moments)
    index = pd.to_datetime(moments, unit="ms", utc=True)
    return pd.DataFrame({"equity": equity, "positions": positions, "exits": exits, **prices}, index=index)


def price_column(market: Market) -> str:
    """Return what :func:`account_at` calls the prices of a market."""
    return f"price of {market[1]} on {market[0]}"


def account_by_day(run: BacktestResult, candles: CandlesByMarket) -> pd.DataFrame | None:
    """Return :func:`account_at` whole days after a run's start, before its end or ruin; None if fills do not tell."""
    if why_unknown(run):
        return None
    end = run.ruin.moment if run.ruin else run.spec.end
    days = np.arange(run.spec.start + DAY_MS, end, DAY_MS)
    return account_at(days, run.trades, candles, run.spec.account, run.payments)


def why_unknown(run: BacktestResult) -> str:
    """Return why fills and candles do not tell what a run's account was worth; empty where they do."""
    if run.audit is None:
        return "its equity was never held against its fills"
    return "the strategy moved money itself, which no fill tells of" if run.audit.moved else ""
