"""Equity and drawdown minute by minute, from the candles and the fills.

Jesse samples equity once a day; what happens in between is hidden. Here it is marked to market at every
minute's close, and at the worst price within every minute.

Where the two cannot agree: of the money that resting buy orders reserve on a spot account, Jesse's samples count
that of one symbol only (whichever comes first in an unordered set), so with several symbols they can be too low,
and its drawdown too deep. Everywhere else the curve passes through Jesse's samples, at whatever moments these were
taken (in fast mode one candle after midnight). A position that is open at the end is closed by Jesse at the last
price, and so it is here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.market.prices import CandlesByMarket, candles_of, ends_of
from jesse_nb.core.analysis.trades.fills import Fills, at_close, fills_of
from jesse_nb.core.candles.series import Candles
from jesse_nb.core.simulator.account.funding_payments import FundingPayments
from jesse_nb.core.simulator.account.minutes import value_through
from jesse_nb.core.simulator.spec import Account
from jesse_nb.exceptions import InputError

__all__ = ["DeepestDrawdown", "IntradayEquity", "equity_by_minute", "intraday_equity"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DeepestDrawdown:
    """The largest fall from a peak: percent (0 or below), and when peak and trough were (None without a fall)."""

    percent: float
    peak: pd.Timestamp | None = None
    trough: pd.Timestamp | None = None


@dataclass(frozen=True)
class IntradayEquity:
    """Equity within the days.

    Attributes
    ----------
    equity
        Portfolio value in the quote currency at the end of each interval (UTC DatetimeIndex), the starting
        balance first. Intervals without a candle are left out.
    lowest
        The lowest portfolio value within each interval, each minute at its worst price; same index.
    by_closes
        Deepest drawdown of the minute closes.
    by_extremes
        Deepest drawdown from a peak of the closes to the worst price of a later minute: the low for longs, the
        high for shorts. With positions in several markets at once, their worst prices of one minute are taken
        together, though they need not have coincided, so it may be slightly too deep. In a minute with a fill
        inside it only the fill's price and the close are known to have been held through, so that it may also
        be slightly too shallow.
    largest_difference
        Largest absolute difference from Jesse's own samples, quote currency; NaN when none were given.
    """

    equity: pd.Series[float]
    lowest: pd.Series[float]
    by_closes: DeepestDrawdown
    by_extremes: DeepestDrawdown
    largest_difference: float


def intraday_equity(
    trades: pd.DataFrame,
    candles: CandlesByMarket,
    account: Account,
    *,
    sampled: pd.Series[float] | None = None,
    every: str = "1h",
    payments: FundingPayments | None = None,
) -> IntradayEquity:
    """Reconstruct the equity within the days.

    Parameters
    ----------
    trades
        Closed trades, with their ``orders``.
    candles
        Of every traded market, over the whole backtest.
    account
        What the backtest began with.
    sampled
        Jesse's own samples, to be compared with.
    every
        Length of the intervals returned, as pandas writes it.
    payments
        What the backtest paid for holding positions.

    Raises
    ------
    InputError
        When candles are missing.
    """
    try:
        pd.tseries.frequencies.to_offset(every)
    except ValueError as error:
        raise InputError(f"every is {every!r}, not a length of time.", "For example '15min', '1h' or '1D'.") from error
    minutes = equity_by_minute(trades, candles, account, payments)
    equity, lowest = minutes["equity"], minutes["lowest"]
    return IntradayEquity(
        equity=equity.resample(every, closed="right", label="right").last().dropna(),
        lowest=lowest.resample(every, closed="right", label="right").min().dropna(),
        by_closes=_deepest(equity, equity),
        by_extremes=_deepest(equity, lowest),
        largest_difference=_difference(equity, sampled),
    )


def equity_by_minute(
    trades: pd.DataFrame, candles: CandlesByMarket, account: Account, payments: FundingPayments | None = None
) -> pd.DataFrame:
    """Return the equity at each minute's close.

    Parameters
    ----------
    trades, candles, account, payments
        As for :func:`intraday_equity`.

    Returns
    -------
    pandas.DataFrame
        By the moment a minute ends (UTC), the start first: ``equity`` and ``lowest``, in the quote currency.
    """
    fills = fills_of(trades, account)
    markets = fills.markets or tuple(candles)
    if not markets:
        raise InputError("There are no candles.", "Give those of the markets that were traded.")
    series = [candles_of(candles, market) for market in markets]
    start = min(int(one[0, 0]) for one in series)
    moments = np.unique(np.concatenate([[start], *(ends_of(one) for one in series)]))
    equity, lowest = np.full(len(moments), account.balance), np.full(len(moments), account.balance)
    inside = ~at_close(fills, candles)
    for number in range(len(fills.markets)):
        gained, worst = _gains(series[number], moments, fills, np.flatnonzero(fills.market == number), inside)
        equity += gained
        lowest += worst
    if payments is not None:
        paid = payments.paid_by(moments)
        equity, lowest = equity - paid, lowest - paid
    index = pd.to_datetime(moments, unit="ms", utc=True)
    return pd.DataFrame({"equity": equity, "lowest": np.minimum(equity, lowest)}, index=index)


def _gains(
    series: Candles, moments: NDArray[np.int64], fills: Fills, rows: NDArray[np.int64], inside: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Return what one market has earned by each moment: at the close, and at the worst price of the minute."""
    rows = rows[np.argsort(fills.time[rows], kind="stable")]
    times, prices = fills.time[rows], fills.price[rows]
    cash = np.concatenate([[0.0], np.cumsum(fills.cash[rows])])
    position = np.concatenate([[0.0], np.cumsum(fills.held[rows])])

    return value_through(series, moments, times, prices, inside[rows], cash, position)


def _deepest(equity: pd.Series[float], lowest: pd.Series[float]) -> DeepestDrawdown:
    values, lows = equity.to_numpy(), lowest.to_numpy()
    peaks = np.maximum.accumulate(values)
    # the close comes after the minute's worst price, so it cannot be the peak that this price fell from
    before = np.concatenate([peaks[:1], peaks[:-1]])
    fall = lows / before - 1.0
    trough = int(fall.argmin())
    if not fall[trough] < 0:
        return DeepestDrawdown(0.0)
    peak = int(np.flatnonzero(values[: max(trough, 1)] == before[trough])[-1])
    return DeepestDrawdown(float(fall[trough]) * 100.0, equity.index[peak], equity.index[trough])


def _difference(equity: pd.Series[float], sampled: pd.Series[float] | None) -> float:
    if sampled is None or sampled.empty:
        return math.nan
    rows = equity.index.searchsorted(sampled.index, side="right") - 1
    if (rows < 0).any():
        raise InputError("The samples begin before the candles.", "Give the candles of the whole backtest.")
    return float(np.abs(equity.to_numpy()[rows] - sampled.to_numpy(dtype=float)).max())
