"""A market's books valued by its candles: at the end of each minute, and at the worst price within it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.candles.series import Candles
from jesse_nb.core.times import MINUTE_MS

__all__ = ["rows_over", "value_at", "value_through"]

Floats = NDArray[np.float64]
Moments = NDArray[np.int64]

#: How far from a minute's close, as a fraction, a market order's price may lie that was filled at that close:
#: Jesse turns orders within 0.015 % of the price into market orders and keeps the price they name.
_NEAR = 0.0002


def rows_over(candles: Candles, moments: Moments) -> NDArray[np.int64]:
    """Return the row of the last candle that was over at each moment (milliseconds UTC); -1 before the first was."""
    first = int(candles[0, 0])
    if int(candles[-1, 0]) - first == (len(candles) - 1) * MINUTE_MS:  # one every minute
        return np.clip((moments - first) // MINUTE_MS - 1, -1, len(candles) - 1)
    return np.searchsorted(candles[:, 0].astype(np.int64) + MINUTE_MS, moments, side="right") - 1


def value_at(candles: Candles, moments: Moments, times: Moments, cash: Floats, held: Floats) -> Floats:
    """Return money and position at each moment, valued at the last close known then.

    Parameters
    ----------
    candles
        One-minute candles, (m, 6).
    moments
        Milliseconds UTC, ascending.
    times, cash, held
        As in :class:`~jesse_nb.core.simulator.account.ledger.Ledger`. ``held`` may be any amount that is valued at
        the price.
    """
    after = np.searchsorted(times, moments, side="right")
    values: Floats = cash[after] + held[after] * candles[np.maximum(rows_over(candles, moments), 0), 2]
    return values


def filled_at_close(
    candles: Candles, times: Moments, prices: Floats, at_market: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which fills happened at the close of their minute, the others somewhere within it."""
    close = candles[np.maximum(rows_over(candles, times), 0), 2]
    near: NDArray[np.bool_] = at_market & (np.abs(prices / close - 1.0) <= _NEAR)
    return near


def value_through(
    candles: Candles, moments: Moments, times: Moments, prices: Floats, inside: NDArray[np.bool_], cash: Floats,
    held: Floats,
) -> tuple[Floats, Floats]:
    """Return the value at the end of each minute, and at the worst price within it.

    The worst price is the low for longs and the high for shorts, of what was held through the whole minute. In a
    minute with a fill inside it, only the fill's price and the close are known to have been held through.

    Parameters
    ----------
    candles, times, cash, held
        As for :func:`value_at`.
    moments
        When minutes end, milliseconds UTC, ascending.
    prices, inside
        Of each fill: its price, and whether it happened within its minute (not :func:`filled_at_close`).
    """
    rows = rows_over(candles, moments)
    close, high, low = (candles[np.maximum(rows, 0), column] for column in (2, 3, 4))
    stale = candles[np.maximum(rows, 0), 0].astype(np.int64) + MINUTE_MS != moments
    after = np.searchsorted(times, moments, side="right")
    at_end = cash[after] + held[after] * close

    through = np.searchsorted(times, moments, side="left")
    adverse = np.where(stale, close, np.where(held[through] > 0, low, high))
    worst = cash[through] + held[through] * adverse
    within = np.flatnonzero(np.isin(times, times[inside]))
    minute = np.searchsorted(moments, times[within])
    known = minute < len(moments)
    known[known] = moments[minute[known]] == times[within][known]
    within, minute = within[known], minute[known]
    worst[minute] = np.inf
    np.minimum.at(worst, minute, np.minimum(cash[within] + held[within] * prices[within],
                                            cash[within + 1] + held[within + 1] * prices[within]))
    return at_end, np.minimum(worst, at_end)
