"""How much of the time was in the market, and how much money went through it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.trades.exit_kinds import closing_orders
from jesse_nb.core.analysis.trades.trade_returns import milliseconds
from jesse_nb.core.study.ratios import PERIODS
from jesse_nb.core.times import DAY_MS
from jesse_nb.exceptions import InputError

__all__ = ["Exposure", "LargestPosition", "exposure", "largest_position", "traded_by_market"]


@dataclass(frozen=True)
class Exposure:
    """Time in the market, and turnover.

    Attributes
    ----------
    in_market, long, short
        Share of the run's time (fractions) with a position, a long one, a short one. Positions held at the
        same time are counted once; ``long`` and ``short`` overlap where several symbols are traded. A position
        ends with the order that closed it (:func:`~.exit_kinds.closing_orders`).
    traded
        Value of all fills, entries and exits, in the quote currency.
    turnover
        ``traded`` a year of 365 days, in multiples of the mean equity.
    reason
        Why the turnover is NaN; empty otherwise.
    """

    in_market: float
    long: float
    short: float
    traded: float
    turnover: float
    reason: str = ""


class LargestPosition(NamedTuple):
    """The most that was held at once: in multiples of the equity, in the quote currency, and since when."""

    multiple: float
    value: float
    at: pd.Timestamp | None


def exposure(trades: pd.DataFrame, equity: pd.Series[float], *, start: int, end: int) -> Exposure:
    """Measure time in the market and turnover.

    Parameters
    ----------
    trades
        Columns :data:`~jesse_nb.core.simulator.result.TRADE_COLUMNS`. Fills count as they are in
        ``orders``; a trade without orders counts with its quantity at entry and at exit.
    equity
        Portfolio value over the run.
    start, end
        The run's period, milliseconds UTC.

    Raises
    ------
    InputError
        When the period is empty.
    """
    if end <= start:
        raise InputError("The run's end must come after its start.")
    opened, closed = milliseconds(trades["opened_at"]), _left_at(trades)
    side = trades["side"].to_numpy()
    in_market, long, short = (_covered(opened[own], closed[own], start, end) / (end - start)
                              for own in (np.ones(len(trades), dtype=bool), side == "long", side == "short"))
    traded = _traded(trades)
    mean_equity = float(equity.mean()) if len(equity) else math.nan
    years = (end - start) / DAY_MS / PERIODS
    reason = "" if mean_equity > 0 else "the mean equity is not above zero"
    turnover = math.nan if reason else traded / years / mean_equity
    return Exposure(in_market, long, short, traded, turnover, reason)


def largest_position(trades: pd.DataFrame, equity: pd.Series[float]) -> LargestPosition:
    """Find the moment at which all that was held was worth most of the account.

    Parameters
    ----------
    trades
        Columns :data:`~jesse_nb.core.simulator.result.TRADE_COLUMNS`. Each counts with its quantity at its entry price,
        from its opening on, positions of several symbols together.
    equity
        Portfolio value over the run, at least one sample.

    Returns
    -------
    LargestPosition
        Measured at each opening, against the last sample of the equity before it; zero and None without a trade.
    """
    if trades.empty:
        return LargestPosition(0.0, 0.0, None)
    opened, closed = milliseconds(trades["opened_at"]), milliseconds(trades["closed_at"])
    value = (trades["qty"].abs() * trades["entry_price"]).to_numpy(dtype=float)
    held = np.array([value[(opened <= at) & ((closed > at) | (opened == at))].sum() for at in opened])
    stamps = milliseconds(equity.index.to_series())
    before = np.clip(np.searchsorted(stamps, opened, side="right") - 1, 0, None)
    multiple = held / equity.to_numpy(dtype=float)[before]
    most = int(np.argmax(multiple))
    return LargestPosition(float(multiple[most]), float(held[most]), trades["opened_at"].iloc[most])


def _left_at(trades: pd.DataFrame) -> NDArray[np.int64]:
    """Return when each trade's position was gone, but for crumbs that rounding left."""
    recorded = milliseconds(trades["closed_at"]).tolist()
    return np.array([order["executed_at"] if order and order["executed_at"] else closed
                     for order, closed in zip(closing_orders(trades), recorded, strict=True)], dtype=np.int64)


def _covered(opened: NDArray[np.int64], closed: NDArray[np.int64], start: int, end: int) -> int:
    """Return how many milliseconds of a period lie in any of the intervals."""
    if not len(opened):
        return 0
    order = np.argsort(opened, kind="stable")
    begins, ends = np.clip(opened[order], start, end), np.clip(closed[order], start, end)
    so_far = np.maximum.accumulate(ends)
    new_from = np.maximum(begins, np.concatenate([[start], so_far[:-1]]))
    return int(np.maximum(ends - new_from, 0).sum())


def traded_by_market(trades: pd.DataFrame) -> dict[str, float]:
    """Return the value of all fills by symbol, quote currency."""
    return {str(symbol): _traded(those) for symbol, those in trades.groupby("symbol", sort=False)}


def _traded(trades: pd.DataFrame) -> float:
    both_ends = trades["qty"].abs() * (trades["entry_price"] + trades["exit_price"])
    return float(sum(
        _filled(orders) if orders else value
        for orders, value in zip(trades["orders"], both_ends.to_numpy(dtype=float), strict=True)
    ))


def _filled(orders: list[dict[str, Any]]) -> float:
    return math.fsum(abs(order["filled_qty"] or 0.0) * order["price"] for order in orders)
