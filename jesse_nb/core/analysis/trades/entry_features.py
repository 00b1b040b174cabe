"""What was known when each trade was entered, and nothing that came later."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.market.prices import CandlesByMarket, candles_of, closes_at, ends_of
from jesse_nb.core.analysis.trades.trade_returns import milliseconds
from jesse_nb.core.candles.series import Candles
from jesse_nb.core.times import DAY_MS, MINUTE_MS

__all__ = ["FEATURES", "entry_features"]

_HOUR_MS = 60 * MINUTE_MS

#: What each feature means.
FEATURES = {
    "volatility_1d": "realised volatility of the day before, percent a day",
    "volatility_7d": "realised volatility of the week before, percent a day",
    "trend_1d": "change of the price over the day before, percent",
    "trend_7d": "change of the price over the week before, percent",
    "trend_30d": "change of the price over the 30 days before, percent",
    "distance_from_average": "price above (or below) its average of the week before, percent",
    "hour": "hour of the day (UTC)",
    "weekday": "day of the week (UTC), 0 is Monday",
    "long": "1 for a long trade, 0 for a short one",
    "streak": "trades in a row, closed before, that won (above 0) or lost (below 0)",
    "hours_since_last": "hours since the last trade closed",
    "market": "the traded market",
    "strategy": "the strategy that entered",
}


def entry_features(trades: pd.DataFrame, candles: CandlesByMarket) -> pd.DataFrame:
    """Return what was known when each trade was entered.

    Jesse stamps a fill with the end of the minute it happened in, so that minute is no longer the past: prices
    are those of candles over at its beginning. Earlier trades, of all markets, count when they closed before the
    stamp.

    Parameters
    ----------
    trades
        Closed trades: ``exchange``, ``symbol``, ``side``, ``opened_at``, ``closed_at`` and ``pnl`` are read, and
        ``strategy`` where there is one.
    candles
        One-minute candles of every traded market.

    Returns
    -------
    pandas.DataFrame
        Indexed as the trades, columns :data:`FEATURES`: ``market`` and ``strategy`` are categories, all others floats,
        NaN where the candles begin too late, and before the first trade closed.

    Raises
    ------
    InputError
        When a market has no candles.
    """
    opened = milliseconds(trades["opened_at"])
    frame = pd.DataFrame(np.nan, index=trades.index, columns=list(FEATURES), dtype=float)
    markets = list(zip(trades["exchange"], trades["symbol"], strict=True))
    for market in dict.fromkeys(markets):
        traded = np.array([other == market for other in markets])
        for name, values in _of_prices(candles_of(candles, market), opened[traded] - MINUTE_MS).items():
            frame.loc[traded, name] = values
    moments = pd.DatetimeIndex(pd.to_datetime(opened, unit="ms", utc=True))
    frame["hour"], frame["weekday"] = moments.hour.astype(float), moments.dayofweek.astype(float)
    frame["long"] = (trades["side"] == "long").astype(float)
    frame["streak"], frame["hours_since_last"] = _of_trades(
        opened, milliseconds(trades["closed_at"]), trades["pnl"].to_numpy(dtype=float))
    several = len({exchange for exchange, _ in markets}) > 1
    frame["market"] = _named([f"{symbol} on {exchange}" if several else symbol for exchange, symbol in markets])
    frame["strategy"] = _named(list(trades["strategy"]) if "strategy" in trades else [""] * len(trades))
    return frame


def _named(names: list[str]) -> pd.Categorical:
    return pd.Categorical(names, categories=list(dict.fromkeys(names)))


def _of_prices(series: Candles, moments: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Return the features of prices at each moment, from candles over by then."""
    ends, closes = ends_of(series), np.ascontiguousarray(series[:, 2], dtype=np.float64)
    # sums of what is before each row, so that a window is a difference; a sum knows nothing of later rows
    squares = np.concatenate([[0.0, 0.0], np.cumsum(np.diff(np.log(closes)) ** 2)])
    totals = np.concatenate([[0.0], np.cumsum(closes)])
    end = np.searchsorted(ends, moments, side="right")
    last = closes_at(series, moments)

    def window(days: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the row at which the window starts, and whether the price before it is known."""
        start = np.searchsorted(ends, moments - days * DAY_MS, side="right")
        return start, (start > 0) & (start < end)

    features = {}
    for days in (1, 7, 30):
        start, known = window(days)
        features[f"trend_{days}d"] = np.where(known, (last / closes[start - 1] - 1.0) * 100.0, np.nan)
    for days in (1, 7):
        start, known = window(days)
        variance = np.maximum(squares[end] - squares[start], 0.0) / days
        features[f"volatility_{days}d"] = np.where(known, np.sqrt(variance) * 100.0, np.nan)
    start, known = window(7)
    average = (totals[end] - totals[start]) / np.maximum(end - start, 1)
    features["distance_from_average"] = np.where(known, (last / np.where(known, average, 1.0) - 1.0) * 100.0, np.nan)
    return features


def _of_trades(opened: NDArray[np.int64], closed: NDArray[np.int64],
               pnl: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the streak before each entry, and the hours since the last close."""
    order = np.argsort(closed, kind="stable")
    ends, outcome = closed[order], np.sign(pnl[order])
    before = np.searchsorted(ends, opened, side="left")
    changed = np.flatnonzero(np.diff(outcome, prepend=np.nan) != 0)
    began = np.repeat(changed, np.diff(changed, append=len(outcome)))
    streaks = np.concatenate([[0.0], outcome * (np.arange(len(outcome)) - began + 1)])
    last = np.concatenate([[0], ends])[before]
    return streaks[before], np.where(before > 0, (opened - last) / _HOUR_MS, np.nan)
