"""Where a newer model takes over: what a window's account was worth there, and what it cost to close its positions.

Jesse samples equity one candle after the days' end in fast mode, when the newer model has traded for a candle, too.
So that no candle counts twice, the account is valued at the seam itself, from fills and candles, where these tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.trades.fills import fills_of
from jesse_nb.core.analysis.trades.trade_returns import milliseconds
from jesse_nb.core.times import DAY_MS

if TYPE_CHECKING:
    from jesse_nb.core.simulator.result import BacktestResult

__all__ = ["SeamExits", "closed_at_seam"]


class SeamExits(NamedTuple):
    """How many positions are closed at a seam, and the fee for it as a fraction of the equity there."""

    positions: int
    fee: float


def closed_at_seam(
    run: BacktestResult, own: pd.Series[float], days: pd.DataFrame | None, prices: pd.Series[float]
) -> tuple[pd.Series[float], SeamExits]:
    """Return the days that count, their last one ended at the seam with no position left, and what that cost.

    The fee is the run's, on what is held at the price then. Where a run ends with its own days, Jesse has closed
    its positions, and charged for it.

    Parameters
    ----------
    run
        A window's out-of-sample run.
    own
        Daily returns (fractions) of the days that count, in the order of time, each indexed by its beginning.
    days
        The run's account at the end of each day, as
        :func:`~jesse_nb.core.analysis.curves.midnights.account_at` gives it; None where that is not known: then it is
        worth what Jesse sampled next.
    prices
        Daily closing prices of the first traded symbol, index the day's beginning. Without ``days`` its positions are
        valued at them, and those in other symbols at the price of their last fill.
    """
    if own.empty or run.trades.empty:
        return own, SeamExits(0, 0.0)
    seam = own.index[-1] + pd.Timedelta(milliseconds=DAY_MS)
    if int(seam.value // 1_000_000) >= run.spec.end:
        return own, SeamExits(0, 0.0)
    if days is None or seam not in days.index:
        exits = _by_last_fills(run, own, prices)
        return (_ended(own, 1.0 + own.iloc[-1], exits) if exits.fee else own), exits
    account, at_seam = run.spec.account, days.loc[seam]
    equity = max(float(at_seam["equity"]), 0.0)
    fee = float(at_seam["exits"]) / equity if equity else 0.0
    exits = SeamExits(int(at_seam["positions"]), fee)
    before = account.balance * float(np.prod(1.0 + own.to_numpy(dtype=float)[:-1]))
    return _ended(own, equity / before if before > 0 else 0.0, exits), exits


def _ended(own: pd.Series[float], growth: float, exits: SeamExits) -> pd.Series[float]:
    """Return the daily returns with that growth on the last day, and the exits paid from what is there then."""
    after = own.copy()
    after.iloc[-1] = max(growth * (1.0 - exits.fee), 0.0) - 1.0
    return after


def _by_last_fills(run: BacktestResult, own: pd.Series[float], prices: pd.Series[float]) -> SeamExits:
    """Return what the exits cost where the account is not known day by day."""
    seam = int(own.index[-1].value // 1_000_000) + DAY_MS
    opened, closed = milliseconds(run.trades["opened_at"]), milliseconds(run.trades["closed_at"])
    open_trades = run.trades[(opened <= seam) & (closed > seam)]
    if open_trades.empty:
        return SeamExits(0, 0.0)
    account, first = run.spec.account, (run.spec.routes[0].exchange, run.spec.routes[0].symbol)
    fills = fills_of(open_trades, account)
    cost = 0.0
    for trade in np.unique(fills.trade):
        before = np.flatnonzero((fills.trade == trade) & (fills.time <= seam))
        if len(before):
            market = fills.markets[fills.market[before[0]]]
            price = _price(prices, own.index[-1]) if market == first else np.nan
            price = price if np.isfinite(price) else float(fills.price[before[-1]])
            cost += account.fill_cost(market[1]) * abs(float(fills.held[before].sum())) * price
    equity = account.balance * float(np.prod(1.0 + own.to_numpy(dtype=float)))
    return SeamExits(len(open_trades), cost / equity if equity > 0 else 0.0)


def _price(prices: pd.Series[float], day: pd.Timestamp) -> float:
    """Return the last closing price known at a day's end."""
    known = prices.loc[:day].dropna()
    return float(known.iloc[-1]) if len(known) else np.nan
