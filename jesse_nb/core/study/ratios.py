"""Jesse's return-based metrics, for equity curves that no single run of Jesse has.

A stitched curve is made of many runs, so Jesse cannot be asked for its Sharpe ratio. These are the
formulas of ``jesse/services/metrics.py`` (Jesse 3.5), in its units, with its treatment of the first
sample: the starting balance has no return, yet Sortino counts it as an observation. Two differ. The
maximum drawdown, and with it the Calmar ratio, count the starting balance as a peak, which Jesse's
leave out, as everywhere here. That missing first return makes Jesse's own serenity index infinite or
undefined in every run, so here it is its formula on the returns that there are.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from jesse_nb.core.times import DAY_MS

__all__ = ["PERIODS", "equity_ratios", "return_ratios", "sharpe"]

#: Days a year, as Jesse annualizes.
PERIODS = 365

_NAMES = ("net_profit_percentage", "annual_return", "max_drawdown", "max_underwater_period", "sharpe_ratio",
          "smart_sharpe", "sortino_ratio", "smart_sortino", "calmar_ratio", "omega_ratio", "serenity_index")


def equity_ratios(equity: pd.Series[float]) -> dict[str, float]:
    """Compute Jesse's return-based metrics of an equity curve.

    Parameters
    ----------
    equity
        One sample a day with a DatetimeIndex, the starting balance first.

    Returns
    -------
    dict
        By Jesse's names, in Jesse's units: percent for ``net_profit_percentage``, ``annual_return``
        and ``max_drawdown`` (0 or below), days for ``max_underwater_period``, ratios annualized by
        365. NaN where a metric is undefined or infinite: without two returns, without variance,
        without a losing day.
    """
    returns = equity.pct_change().to_numpy(dtype=float)[1:]
    if len(returns) < 2 or not np.isfinite(returns).all():
        return dict.fromkeys(_NAMES, math.nan)
    growth = float(np.prod(1.0 + returns))
    annual = _annual(growth, equity)
    wealth = np.cumprod(1.0 + returns)
    below = wealth / np.maximum.accumulate(wealth) - 1.0
    deepest = min(float((wealth / np.maximum(np.maximum.accumulate(wealth), 1.0)).min()) - 1.0, 0.0)
    values = {
        "net_profit_percentage": (growth - 1.0) * 100.0,
        "annual_return": annual * 100.0,
        "max_drawdown": deepest * 100.0,
        "max_underwater_period": float(_underwater_days(equity)),
        **_ratios(returns, below),
        "calmar_ratio": annual / -deepest if deepest else math.nan,
    }
    return {name: value if math.isfinite(value) else math.nan for name, value in values.items()}


def return_ratios(returns: ArrayLike) -> dict[str, float]:
    """Compute :func:`equity_ratios` of daily returns (fractions), taken as one day after the other."""
    gains = np.maximum(np.asarray(returns, dtype=float), -1.0)
    days = pd.date_range("2000-01-01", periods=len(gains) + 1, freq="D", tz="UTC")
    return equity_ratios(pd.Series(np.cumprod([1.0, *(1.0 + gains)]), index=days))


def sharpe(returns: NDArray[np.float64]) -> float:
    """Return the Sharpe ratio of daily returns, annualized by 365; NaN without variance."""
    spread = float(np.std(returns, ddof=1)) if len(returns) > 1 else 0.0
    # equal returns differ by rounding, which is no variance
    return float(np.mean(returns)) / spread * math.sqrt(PERIODS) if spread > 1e-14 else math.nan


def _ratios(returns: NDArray[np.float64], below: NDArray[np.float64]) -> dict[str, float]:
    """Compute the ratios that need returns and drawdowns alone."""
    plain = sharpe(returns)
    if math.isnan(plain):
        return dict.fromkeys(("sharpe_ratio", "smart_sharpe", "sortino_ratio", "smart_sortino", "omega_ratio",
                              "serenity_index"), math.nan)
    days = len(returns)
    losses, penalty = returns[returns < 0], _autocorrelation_penalty(returns)
    downside = math.sqrt(float((losses**2).sum()) / (days + 1))
    sortino = float(returns.mean()) / downside * math.sqrt(PERIODS) if downside else math.nan
    worst = np.sort(below)[: max(int((1 - 0.95) * days), 1)]
    pitfall = -float(worst.mean()) / float(returns.std(ddof=1))
    ulcer = math.sqrt(float((below**2).sum()) / (days - 1))
    return {
        "sharpe_ratio": plain,
        "smart_sharpe": plain / penalty,
        "sortino_ratio": sortino,
        "smart_sortino": sortino / penalty,
        "omega_ratio": float(returns[returns > 0].sum() / -losses.sum()) if downside else math.nan,
        "serenity_index": float(returns.sum()) / (ulcer * pitfall) if ulcer * pitfall else math.nan,
    }


def _annual(growth: float, equity: pd.Series[float]) -> float:
    index = pd.DatetimeIndex(equity.index)
    years = (index[-1] - index[0]).days / PERIODS
    return float(np.clip(growth, 1e-10, 1e10)) ** (1 / years) - 1.0 if years else 0.0


def _autocorrelation_penalty(returns: NDArray[np.float64]) -> float:
    count = len(returns)
    if count < 3:
        return math.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = abs(float(np.corrcoef(returns[:-1], returns[1:])[0, 1]))
    lags = np.arange(1, count)
    return math.sqrt(1.0 + 2.0 * float(((count - lags) / count * correlation**lags).sum()))


def _underwater_days(equity: pd.Series[float]) -> int:
    """Return the longest time in whole days that the curve stays below a peak."""
    values = equity.to_numpy(dtype=float)
    moments = pd.DatetimeIndex(equity.index).to_numpy(dtype="datetime64[ms]").astype(np.int64)
    at_peak = values >= np.maximum.accumulate(values)
    last_peak = np.maximum.accumulate(np.where(at_peak, np.arange(len(values)), 0))
    return int(((moments - moments[last_peak]) // DAY_MS).max())
