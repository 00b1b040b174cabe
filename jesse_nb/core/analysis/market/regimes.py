"""What kind of market each trade was entered in, judged only by what was known at the entry."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.market.prices import CandlesByMarket, candles_of, daily_closes
from jesse_nb.core.candles.series import Candles
from jesse_nb.core.times import DAY_MS

__all__ = ["TREND", "VOLATILITY", "Regimes", "regimes_at_entry"]

#: The regimes, in order.
VOLATILITY, TREND = ("low", "medium", "high"), ("falling", "rising")

#: Days that volatility and trend look back, days that a volatility is ranked among, and the fewest of these.
WINDOW, COMPARED, FEWEST = 30, 365, 30


class Regimes(NamedTuple):
    """One entry a trade; None where there was too little history."""

    volatility: list[str | None]
    trend: list[str | None]


def regimes_at_entry(trades: pd.DataFrame, candles: CandlesByMarket) -> Regimes:
    """Return the volatility and the trend of its market at each trade's entry.

    Both rest on the closes of whole days (UTC) before the entry. Volatility is the standard deviation of the
    last 30 daily log returns; it is low, medium or high by the terciles of the last 365 such values, itself
    included (as many as there are, at least 30: the first 60 days have none). The trend is rising when the last
    close is above that of 30 days earlier, else falling.

    Parameters
    ----------
    trades
        Columns ``exchange``, ``symbol``, ``opened_at``.
    candles
        Of every traded market. Earlier candles than the backtest's give earlier trades a regime.

    Raises
    ------
    InputError
        When a traded market has no candles.
    """
    volatility: list[str | None] = [None] * len(trades)
    trend: list[str | None] = [None] * len(trades)
    opened = pd.DatetimeIndex(trades["opened_at"]).as_unit("ms").astype(np.int64).to_numpy()
    traded = list(zip(trades["exchange"], trades["symbol"], strict=True))
    for market in dict.fromkeys(traded):
        rows = np.flatnonzero([other == market for other in traded])
        midnights, turbulence, direction = _by_day(candles_of(candles, market))
        days = np.searchsorted(midnights, opened[rows], side="right") - 1
        for row, day in zip(rows.tolist(), days.tolist(), strict=True):
            # beyond a day after the last candle nothing is known
            if day >= 0 and opened[row] - midnights[day] <= DAY_MS:
                volatility[row] = turbulence[day]
                trend[row] = direction[day]
    return Regimes(volatility, trend)


def _by_day(series: Candles) -> tuple[NDArray[np.int64], list[str | None], list[str | None]]:
    """Return the midnights, and the regimes known from each on."""
    midnights, closes = daily_closes(series)
    logs = pd.Series(np.log(closes))
    volatility = logs.diff().rolling(WINDOW).std()
    ranked = volatility.rolling(COMPARED, min_periods=FEWEST)
    lower, upper = ranked.quantile(1 / 3), ranked.quantile(2 / 3)
    change = logs.diff(WINDOW)
    turbulence = [None if np.isnan(low) or np.isnan(value) else VOLATILITY[int(value > low) + int(value > high)]
                  for value, low, high in zip(volatility, lower, upper, strict=True)]
    direction = [None if np.isnan(value) else TREND[int(value > 0)] for value in change]
    return midnights, turbulence, direction
