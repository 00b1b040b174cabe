"""What markets were worth: candles looked up by market, and their closes at given moments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jesse_nb.core.candles.series import Candles
from jesse_nb.core.times import DAY_MS, MINUTE_MS
from jesse_nb.exceptions import InputError, did_you_mean

__all__ = ["CandlesByMarket", "Market", "candles_of", "closes_at", "daily_closes", "ends_of"]

#: Exchange and symbol.
Market = tuple[str, str]

#: One-minute candles, float64 (n, 6) in Jesse's column order, ascending; gaps are allowed.
CandlesByMarket = Mapping[Market, Candles]


def candles_of(candles: CandlesByMarket, market: Market) -> Candles:
    """Return one market's candles.

    Raises
    ------
    InputError
        When there are none.
    """
    series = candles.get(market)
    if series is None or len(series) == 0:
        exchange, symbol = market
        raise InputError(f"There are no candles of {symbol} on {exchange}.",
                         did_you_mean(f"{symbol} on {exchange}", _names(candles)))
    return series


def ends_of(series: Candles) -> NDArray[np.int64]:
    """Return when each candle is over, milliseconds UTC."""
    return series[:, 0].astype(np.int64) + MINUTE_MS


def closes_at(series: Candles, moments: ArrayLike) -> NDArray[np.float64]:
    """Return the last close known at each moment.

    Parameters
    ----------
    series
        One market's candles.
    moments
        Milliseconds UTC, shape (m,).

    Returns
    -------
    numpy.ndarray
        float64 (m,): the close of the last candle that was over by then, so a gap shows the close
        before it; NaN before the first candle is over.
    """
    rows = np.searchsorted(ends_of(series), np.asarray(moments, dtype=np.int64), side="right") - 1
    return np.where(rows >= 0, series[np.maximum(rows, 0), 2], np.nan)


def daily_closes(series: Candles) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the midnights (UTC, milliseconds) that the candles cover, and the last close known at each.

    The first is that which ends the first day, whole or not.
    """
    first, last = int(series[0, 0]), int(series[-1, 0]) + MINUTE_MS
    midnights = np.arange((first // DAY_MS + 1) * DAY_MS, last + 1, DAY_MS, dtype=np.int64)
    return midnights, closes_at(series, midnights)


def _names(candles: CandlesByMarket) -> Iterable[str]:
    return (f"{symbol} on {exchange}" for (exchange, symbol), series in candles.items() if len(series))
