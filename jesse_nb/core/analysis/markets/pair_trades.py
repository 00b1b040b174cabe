"""Trades of a pair, put together from the fills of its two legs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.trades.fills import Fills, fills_of
from jesse_nb.core.simulator.spec import Account
from jesse_nb.core.times import MINUTE_MS

__all__ = ["PAIR_TRADE_COLUMNS", "pair_trades"]

#: Columns of :func:`pair_trades`, in order.
PAIR_TRADE_COLUMNS = (
    "opened_at", "closed_at", "side", "y", "x", "y_qty", "x_qty", "y_entry", "x_entry", "y_exit", "x_exit", "fee",
    "pnl", "slip", "alone", "legs",
)


def pair_trades(trades: pd.DataFrame, y: str, x: str, account: Account, bar: int) -> pd.DataFrame:
    """Put the trades of two legs together.

    Legs belong together that were opened within one candle. What a leg did is read from its fills, so that one filled
    in parts counts by what was filled, at its mean price; one that was liquidated closed when it was; one whose other
    leg never opened is a trade of one leg.

    Parameters
    ----------
    trades
        Closed trades of both markets, columns as in :data:`~jesse_nb.core.simulator.result.TRADE_COLUMNS`.
    y, x
        Symbols of the leading leg and the other.
    account
        Its fee, or that of each market.
    bar
        Length of a candle, milliseconds.

    Returns
    -------
    pandas.DataFrame
        One row a pair trade, in order of their opening: ``side`` is ``long`` where the first was bought and the other
        sold; quantities in the base currencies, below zero where sold; prices are means over fills; ``fee`` and
        ``pnl`` (after fees) in the quote currency; ``slip`` the minutes between the openings of both legs;
        ``alone`` those during which one leg only was open; ``legs`` how many there were. What a missing leg would
        have is NaN.
    """
    if trades.empty:
        return pd.DataFrame(columns=list(PAIR_TRADE_COLUMNS))
    fills = fills_of(trades, account)
    symbols, sides = trades["symbol"].tolist(), trades["side"].tolist()
    legs = [_leg(fills, row, account.fee_of(symbol)) for row, symbol in enumerate(symbols)]
    of_x = sorted((row for row, symbol in enumerate(symbols) if symbol == x), key=lambda row: legs[row]["opened"])
    rows, taken = [], set()
    for first in (row for row, symbol in enumerate(symbols) if symbol == y):
        near = [row for row in of_x if row not in taken and abs(legs[row]["opened"] - legs[first]["opened"]) < bar]
        second = min(near, key=lambda row: abs(legs[row]["opened"] - legs[first]["opened"]), default=None)
        taken.add(second)
        rows.append(_together(legs[first], None if second is None else legs[second], sides[first], y, x))
    rows += [_together(None, legs[row], "long" if sides[row] == "short" else "short", y, x) for row in of_x
             if row not in taken]
    made = pd.DataFrame(rows, columns=list(PAIR_TRADE_COLUMNS))
    return made.sort_values("opened_at", kind="stable", ignore_index=True)


def _leg(fills: Fills, trade: int, fee: float) -> dict[str, Any]:
    """Return what a leg's fills say: entries are those of the side of its first."""
    rows = np.flatnonzero(fills.trade == trade)
    quantity, price = fills.quantity[rows], fills.price[rows]
    entry = np.sign(quantity) == np.sign(quantity[0])
    return {
        "opened": int(fills.time[rows].min()), "closed": int(fills.time[rows].max()),
        "qty": float(quantity[entry].sum()),
        "entry": float(np.average(price[entry], weights=np.abs(quantity[entry]))),
        "exit": float(np.average(price[~entry], weights=np.abs(quantity[~entry]))) if (~entry).any() else math.nan,
        "fee": float((np.abs(quantity) * price).sum() * fee), "pnl": float(fills.cash[rows].sum()),
    }


def _together(first: dict[str, Any] | None, second: dict[str, Any] | None, side: str, y: str, x: str) -> list[Any]:
    legs = [leg for leg in (first, second) if leg is not None]
    opened, closed = [leg["opened"] for leg in legs], [leg["closed"] for leg in legs]
    both = len(legs) == 2
    alone = max(opened) - min(opened) + max(closed) - min(closed) if both else closed[0] - opened[0]
    return [
        *(pd.Timestamp(moment, unit="ms", tz="UTC") for moment in (min(opened), max(closed))), side, y, x,
        *(leg[name] if leg is not None else math.nan for name in ("qty", "entry", "exit") for leg in (first, second)),
        sum(leg["fee"] for leg in legs), sum(leg["pnl"] for leg in legs),
        (max(opened) - min(opened)) / MINUTE_MS if both else math.nan, alone / MINUTE_MS, len(legs),
    ]
