"""Trades that were made live beside those of a backtest: which were missed, and at what prices the others came."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.stats import t as student

__all__ = ["FILL_COLUMNS", "LIVE_MATCH_COLUMNS", "fills_of", "match_live", "slippage_table"]

#: Columns of :func:`match_live`, in order.
LIVE_MATCH_COLUMNS = (
    "symbol", "side", "found", "opened_backtest", "opened_live", "closed_backtest", "closed_live", "entry_backtest",
    "entry_live", "exit_backtest", "exit_live", "qty_backtest", "qty_live", "pnl_backtest", "pnl_live",
    "entry_delay", "exit_delay", "entry_slippage", "exit_slippage",
)

#: Columns of :func:`fills_of`, in order.
FILL_COLUMNS = ("trade", "fill", "moment", "slippage", "cost")

_TAKEN = ("opened_at", "closed_at", "entry_price", "exit_price", "qty", "pnl")
_CALLED = {"opened_at": "opened", "closed_at": "closed", "entry_price": "entry", "exit_price": "exit", "qty": "qty",
           "pnl": "pnl"}
_BASIS_POINTS = 10_000.0
#: Trades from which on an interval is given.
_FEWEST = 5


def match_live(backtest: pd.DataFrame, live: pd.DataFrame, tolerance: pd.Timedelta) -> pd.DataFrame:
    """Match trades of the same symbol and side that were opened at about the same time, each with one at most.

    Of all ways to match them, one with the most pairs is taken, and among those the one with the smallest sum of time
    differences (linear assignment).

    Parameters
    ----------
    backtest, live
        Closed trades: ``symbol``, ``side``, ``opened_at``, ``closed_at`` (UTC), ``entry_price``, ``exit_price``,
        ``qty``, ``pnl``.
    tolerance
        How far apart their openings may be.

    Returns
    -------
    pandas.DataFrame
        One row a trade, or a pair, in order of opening; columns :data:`LIVE_MATCH_COLUMNS`. ``found`` is ``both``,
        ``missed`` (the backtest's only) or ``extra`` (live only). Delays are seconds, live later than the backtest
        above zero; ``exit_delay`` is of all pairs, ``exit_slippage`` only of those closed within ``tolerance``.
        Slippage is basis points of the backtest's price, what costs money above zero.
    """
    rows: list[dict[str, Any]] = []
    theirs, mine = live.reset_index(drop=True), backtest.reset_index(drop=True)
    markets = sorted({*zip(mine["symbol"], mine["side"], strict=True), *zip(theirs["symbol"], theirs["side"],
                                                                            strict=True)})
    for symbol, side in markets:
        one = mine[(mine["symbol"] == symbol) & (mine["side"] == side)]
        two = theirs[(theirs["symbol"] == symbol) & (theirs["side"] == side)]
        pairs = _pairs(_seconds(one["opened_at"]), _seconds(two["opened_at"]), tolerance.total_seconds())
        matched = {one.index[left]: two.index[right] for left, right in pairs}
        left_over = set(two.index) - set(matched.values())
        rows += [_row(mine.loc[number], theirs.loc[matched[number]] if number in matched else None, tolerance)
                 for number in one.index]
        rows += [_row(None, theirs.loc[number], tolerance) for number in left_over]
    table = pd.DataFrame(rows, columns=list(LIVE_MATCH_COLUMNS))
    for column in ("opened_backtest", "opened_live", "closed_backtest", "closed_live"):
        table[column] = pd.to_datetime(table[column], utc=True)
    first = table["opened_backtest"].fillna(table["opened_live"])
    return table.iloc[np.argsort(_seconds(first), kind="stable")].reset_index(drop=True)


def fills_of(matched: pd.DataFrame) -> pd.DataFrame:
    """Return the fills whose slippage is known: entries of all pairs, and exits at about the same time.

    Parameters
    ----------
    matched
        Of :func:`match_live`.

    Returns
    -------
    pandas.DataFrame
        Columns :data:`FILL_COLUMNS`: ``trade`` is the row of ``matched``, ``fill`` ``entry`` or ``exit``, ``moment``
        when it was made live, ``slippage`` basis points, ``cost`` quote currency, of the live quantity.
    """
    parts = []
    for fill, moment in (("entry", "opened_live"), ("exit", "closed_live")):
        known = matched[matched[f"{fill}_slippage"].notna()]
        slippage = known[f"{fill}_slippage"].astype(float)
        cost = slippage / _BASIS_POINTS * known[f"{fill}_backtest"].astype(float) * known["qty_live"].astype(float)
        parts.append(pd.DataFrame({"trade": known.index, "fill": fill, "moment": known[moment], "slippage": slippage,
                                   "cost": cost}))
    return pd.concat(parts, ignore_index=True)[list(FILL_COLUMNS)].sort_values(["trade", "fill"], ignore_index=True)


def slippage_table(fills: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Estimate what a fill costs by slippage, with an interval.

    Fills of one trade are not taken for independent: the standard error is robust to clusters (Liang and Zeger 1986),
    with Student's t of as many degrees of freedom as there are trades, less one. Trades are taken for independent.

    Parameters
    ----------
    fills
        Of :func:`fills_of`.
    level
        Of the interval.

    Returns
    -------
    pandas.DataFrame
        Rows ``entry``, ``exit``, ``all``; ``fills`` and ``trades`` (counts), ``mean``, ``low``, ``high``, ``median``
        and ``worst`` in basis points, ``cost`` in the quote currency. No interval (NaN) from fewer than five trades.
    """
    rows = {}
    for name in ("entry", "exit", "all"):
        part = fills if name == "all" else fills[fills["fill"] == name]
        values = part["slippage"].to_numpy(float)
        trades = part["trade"].nunique()
        half = _half_width(values, part["trade"].to_numpy(), level) if trades >= _FEWEST else math.nan
        mean = float(values.mean()) if len(values) else math.nan
        rows[name] = {
            "fills": len(values), "trades": trades, "mean": mean, "low": mean - half, "high": mean + half,
            "median": float(np.median(values)) if len(values) else math.nan,
            "worst": float(values.max()) if len(values) else math.nan, "cost": float(part["cost"].sum()),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _half_width(values: NDArray[np.float64], clusters: NDArray[Any], level: float) -> float:
    sums = pd.Series(values - values.mean()).groupby(clusters).sum().to_numpy(float)
    number = len(sums)
    error = math.sqrt(number / (number - 1) * float(sums @ sums)) / len(values)
    return float(student.ppf(0.5 + level / 2, number - 1)) * error


def _pairs(
    left: NDArray[np.float64], right: NDArray[np.float64], most: float
) -> Iterator[tuple[int, int]]:
    """Yield positions of pairs not further apart than ``most``; both are moments in seconds."""
    if not len(left) or not len(right):
        return
    moments = np.sort(np.concatenate([left, right]))
    # What is further apart than that cannot be matched across: parts are matched each for itself.
    borders = moments[1:][np.diff(moments) > most]
    parts_left, parts_right = np.searchsorted(borders, left, "right"), np.searchsorted(borders, right, "right")
    for part in np.intersect1d(parts_left, parts_right):
        mine, theirs = np.flatnonzero(parts_left == part), np.flatnonzero(parts_right == part)
        apart = np.abs(left[mine][:, None] - right[theirs][None, :])
        # A pair that is too far apart costs more than all others together.
        far = apart > most
        chosen = linear_sum_assignment(np.where(far, (most + 1.0) * (len(mine) + len(theirs) + 1), apart))
        yield from ((int(mine[first]), int(theirs[two]))
                    for first, two in zip(*chosen, strict=True) if not far[first, two])


def _row(mine: pd.Series | None, theirs: pd.Series | None, tolerance: pd.Timedelta) -> dict[str, Any]:
    known = mine if mine is not None else theirs
    assert known is not None
    row: dict[str, Any] = {"symbol": known["symbol"], "side": known["side"],
                           "found": "missed" if theirs is None else "extra" if mine is None else "both"}
    for trade, whose in ((mine, "backtest"), (theirs, "live")):
        row |= {f"{_CALLED[name]}_{whose}": None if trade is None else trade[name] for name in _TAKEN}
    row |= dict.fromkeys(("entry_delay", "exit_delay", "entry_slippage", "exit_slippage"), math.nan)
    if mine is None or theirs is None:
        return row
    sign = 1.0 if known["side"] == "long" else -1.0
    opened, closed = theirs["opened_at"] - mine["opened_at"], theirs["closed_at"] - mine["closed_at"]
    row["entry_delay"], row["exit_delay"] = opened.total_seconds(), closed.total_seconds()
    row["entry_slippage"] = sign * (theirs["entry_price"] / mine["entry_price"] - 1) * _BASIS_POINTS
    if abs(closed) <= tolerance:
        row["exit_slippage"] = -sign * (theirs["exit_price"] / mine["exit_price"] - 1) * _BASIS_POINTS
    return row


def _seconds(moments: pd.Series) -> NDArray[np.float64]:
    return pd.to_datetime(moments, utc=True).astype("datetime64[ns, UTC]").astype("int64").to_numpy() / 1e9
