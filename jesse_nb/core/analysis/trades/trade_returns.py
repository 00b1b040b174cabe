"""What each trade earned of the account's equity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["account_lost", "milliseconds", "trade_returns"]


def trade_returns(trades: pd.DataFrame, balance: float) -> pd.Series[float]:
    """Return each closed trade's profit as a fraction of the equity before it.

    Equity is the starting balance with the profit of all trades closed before, so the returns, compounded
    in this order, come to the starting balance and all profits, also where trades of several markets overlap.

    Parameters
    ----------
    trades
        One row a closed trade; ``closed_at`` and ``pnl`` (net of fees, in the quote currency) are read.
    balance
        Starting balance in the quote currency.

    Returns
    -------
    pandas.Series
        Fractions of -1 or above, in the order in which the trades closed, which is their index. Ends with
        the trade that lost the whole account, if one did: the later ones had no equity to earn on.
    """
    order = np.argsort(milliseconds(trades["closed_at"]), kind="stable")
    closed = pd.DatetimeIndex(trades["closed_at"])[order]
    profit = trades["pnl"].to_numpy(dtype=float)[order]
    after = balance + np.cumsum(profit)
    before = np.concatenate([[balance], after[:-1]])
    lost = np.flatnonzero(after <= 0)
    living = lost[0] + 1 if len(lost) else len(profit)
    returns = np.maximum(profit[:living] / before[:living], -1.0)
    return pd.Series(returns, index=closed[:living], name="return", dtype=float)


def account_lost(returns: NDArray[np.float64]) -> bool:
    """Return whether one of these returns (fractions) took the whole account."""
    return bool((returns <= -1.0).any())


def milliseconds(moments: pd.Series[pd.Timestamp] | pd.Index[Any]) -> NDArray[np.int64]:
    """Return moments as milliseconds UTC."""
    return pd.DatetimeIndex(moments).to_numpy(dtype="datetime64[ms]").astype(np.int64)
