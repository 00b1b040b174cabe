"""What it would have cost to close the positions that a window still held when a newer model took over."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.trades.fills import fills_of
from jesse_nb.core.analysis.trades.trade_returns import milliseconds
from jesse_nb.core.times import DAY_MS

if TYPE_CHECKING:
    from jesse_nb.core.simulator.result import BacktestResult

__all__ = ["SeamExits", "charged", "exits_at_seam"]


class SeamExits(NamedTuple):
    """How many positions are closed at a seam, and the fee for it as a fraction of the equity there."""

    positions: int
    fee: float


def exits_at_seam(run: BacktestResult, own: pd.Series[float], prices: pd.Series[float]) -> SeamExits:
    """Return what closing the positions costs that are open where a run's own days end before the run does.

    The fee is the run's, on what is held at the price then. Where a run ends with its own days, Jesse has closed
    its positions, and charged for it.

    Parameters
    ----------
    run
        A window's out-of-sample run.
    own
        Daily returns (fractions) of the days that count, in the order of time, each indexed by its beginning.
    prices
        Daily closing prices of the first traded symbol, index the day's beginning. Positions in other symbols are
        valued at the price of their last fill.
    """
    if own.empty or run.trades.empty:
        return SeamExits(0, 0.0)
    seam = int(own.index[-1].value // 1_000_000) + DAY_MS
    opened, closed = milliseconds(run.trades["opened_at"]), milliseconds(run.trades["closed_at"])
    open_trades = run.trades[(opened < seam) & (closed > seam)]
    if open_trades.empty or seam >= run.spec.end:
        return SeamExits(0, 0.0)
    if not run.spec.account.fee:
        return SeamExits(len(open_trades), 0.0)
    account, first = run.spec.account, (run.spec.routes[0].exchange, run.spec.routes[0].symbol)
    fills = fills_of(open_trades, account)
    notional = 0.0
    for trade in np.unique(fills.trade):
        before = np.flatnonzero((fills.trade == trade) & (fills.time <= seam))
        if len(before):
            price = _price(prices, own.index[-1]) if fills.markets[fills.market[before[0]]] == first else np.nan
            price = price if np.isfinite(price) else float(fills.price[before[-1]])
            notional += abs(float(fills.held[before].sum())) * price
    equity = account.balance * float(np.prod(1.0 + own.to_numpy(dtype=float)))
    return SeamExits(len(open_trades), account.fee * notional / equity if equity > 0 else 0.0)


def charged(own: pd.Series[float], fee: float) -> pd.Series[float]:
    """Return the daily returns with a fee, as a fraction of the equity at the end, taken from the last day."""
    if not fee:
        return own
    after = own.copy()
    after.iloc[-1] = max((1.0 + after.iloc[-1]) * (1.0 - fee), 0.0) - 1.0
    return after


def _price(prices: pd.Series[float], day: pd.Timestamp) -> float:
    """Return the last closing price known at a day's end."""
    known = prices.loc[:day].dropna()
    return float(known.iloc[-1]) if len(known) else np.nan
