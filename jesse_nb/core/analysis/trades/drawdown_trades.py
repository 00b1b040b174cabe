"""The worst drawdowns of a run, with the trades that were open in them."""

from __future__ import annotations

import pandas as pd

from jesse_nb.core.analysis.curves.drawdown_statistics import drawdowns

__all__ = ["worst_drawdowns"]


def worst_drawdowns(equity: pd.Series[float], trades: pd.DataFrame, most: int = 5) -> pd.DataFrame:
    """Return the deepest drawdowns and what was traded on the way down.

    Parameters
    ----------
    equity
        Portfolio value, UTC DatetimeIndex.
    trades
        Closed trades, columns :data:`~jesse_nb.core.simulator.result.TRADE_COLUMNS`.
    most
        How many.

    Returns
    -------
    pandas.DataFrame
        Deepest first: the columns of :func:`~jesse_nb.core.analysis.curves.drawdown_statistics.drawdowns`, and of the
        trades that were open between peak and trough ``trades`` (count), ``losing`` (count), ``lost`` (sum of their
        net losses, quote currency, 0 or below) and ``numbers`` (tuple of their places in the list, from 1).
    """
    worst = drawdowns(equity).nsmallest(most, "depth").reset_index(drop=True)
    found = []
    for row in worst.itertuples(index=False):
        inside = trades
        if len(trades):
            inside = trades[(trades["opened_at"] < row.trough) & (trades["closed_at"] > row.start)]
        losses = inside.loc[inside["pnl"] < 0, "pnl"] if len(inside) else pd.Series(dtype=float)
        found.append((len(inside), len(losses), float(losses.sum()), tuple(int(place) + 1 for place in inside.index)))
    return worst.join(pd.DataFrame(found, columns=["trades", "losing", "lost", "numbers"], index=worst.index))
