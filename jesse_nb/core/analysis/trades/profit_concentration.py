"""The concentration of profit: on how few trades it rests."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from jesse_nb.core.analysis.trades.trade_returns import account_lost
from jesse_nb.core.analysis.trades.trade_sequence import too_few

__all__ = ["ProfitConcentration", "profit_concentration"]

_DROPPED = (1, 3, 5, 10)


@dataclass(frozen=True)
class ProfitConcentration:
    """On how few trades the profit rests.

    Attributes
    ----------
    trades
        How many.
    profit
        Compound profit of all, percent of the starting equity.
    without
        By number of best trades left out (1, 3, 5, 10, as far as there are more trades): ``profit`` of the others,
        percent, and ``gone``, the fraction of the profit that goes with them (above 1 where a loss is left; NaN
        without a profit).
    best
        How many trades the best 5 % are, at least 1.
    gone_with_best
        The fraction of the profit that goes with those.
    enough
        How many best trades must be left out before there is no profit; 0 where there was none.
    reason
        Why there is nothing to say; empty otherwise.
    """

    trades: int
    profit: float
    without: pd.DataFrame
    best: int = 0
    gone_with_best: float = math.nan
    enough: int = 0
    reason: str = ""


def profit_concentration(returns: ArrayLike) -> ProfitConcentration:
    """Leave out the best trades, and compound the others.

    The others keep their returns on equity; that the strategy might have traded otherwise is not considered.

    Parameters
    ----------
    returns
        Trade returns, fractions.
    """
    sample = np.asarray(returns, dtype=float)
    if account_lost(sample):
        return ProfitConcentration(len(sample), -100.0, _without({}), reason="the account was lost")
    if not np.isfinite(sample).all():
        return ProfitConcentration(len(sample), math.nan, _without({}), reason="some returns are undefined")
    # the growth that is left when the k best are left out, for k = 0 to all of them
    left = np.concatenate([np.cumsum(np.log1p(np.sort(sample)))[::-1], [0.0]])
    with np.errstate(over="ignore"):
        profits = np.expm1(left) * 100.0
    profit = float(profits[0])
    # all that is left of nothing but rounding is no profit
    gains = left[0] > 1e-12
    rows = {k: {"profit": float(profits[k]), "gone": 1.0 - float(profits[k]) / profit if gains else math.nan}
            for k in _DROPPED if k < len(sample)}
    reason = too_few(len(sample)) or ("" if gains else "there is no profit")
    if reason:
        return ProfitConcentration(len(sample), profit, _without(rows), reason=reason)
    best = max(math.ceil(len(sample) * 0.05), 1)
    return ProfitConcentration(len(sample), profit, _without(rows), best, 1.0 - float(profits[best]) / profit,
                     int(np.argmax(left <= 1e-12)))


def _without(rows: dict[int, dict[str, float]]) -> pd.DataFrame:
    return pd.DataFrame.from_dict(rows, orient="index", columns=["profit", "gone"], dtype=float).rename_axis("best")
