"""How much of a result is the market: correlation, beta and alpha against a benchmark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.curves.curves import daily_equity
from jesse_nb.core.analysis.luck.significance import FEWEST, Interval, shortage
from jesse_nb.core.analysis.market.prices import CandlesByMarket, Market, candles_of, closes_at
from jesse_nb.core.study.ratios import PERIODS
from jesse_nb.exceptions import InputError, shown

__all__ = ["Benchmark", "against", "buy_and_hold"]

_UNDEFINED = Interval(math.nan, math.nan, math.nan)

#: Fewer days with the benchmark up (or down) give no capture.
_FEWEST_CAPTURED = 10


@dataclass(frozen=True)
class Benchmark:
    """A strategy's daily returns against those of a benchmark.

    Attributes
    ----------
    name
        Of the benchmark.
    days
        How many days both have a return.
    dropped
        How many of the strategy's days the benchmark has none for, or an undefined one.
    pearson, spearman
        Correlations, -1 to 1; Pearson's with Fisher's 95 % interval, for independent days.
    spearman_p
        Two-sided.
    beta
        Slope of ``r = alpha + beta b``, least squares, with a 95 % interval by Newey and West's errors.
    alpha
        Its intercept times 365 (not compounded; no risk-free rate taken off), percent a year, with the same.
    alpha_t, alpha_p
        Of the alpha, with Newey and West's errors.
    lags
        Their number, ``floor(4 (n / 100)^(2/9))``.
    r_squared
        Share of the variance that the benchmark explains.
    up_capture, down_capture
        Mean return on the days the benchmark rose (fell), as a fraction of the benchmark's own; NaN below 10 such
        days.
    note
        A warning about the series' dates; empty otherwise.
    reason
        Why the figures are NaN; empty otherwise.
    """

    name: str
    days: int
    dropped: int
    pearson: Interval = _UNDEFINED
    spearman: float = math.nan
    spearman_p: float = math.nan
    beta: Interval = _UNDEFINED
    alpha: Interval = _UNDEFINED
    alpha_t: float = math.nan
    alpha_p: float = math.nan
    lags: int = 0
    r_squared: float = math.nan
    up_capture: float = math.nan
    down_capture: float = math.nan
    note: str = ""
    reason: str = ""


def buy_and_hold(
    candles: CandlesByMarket, equity: pd.Series[float], markets: Sequence[Market] | None = None
) -> pd.Series[float]:
    """Return the value of buying markets at the start and holding them, at the moments of an equity curve.

    Parameters
    ----------
    candles
        One-minute candles by market.
    equity
        The curve to be compared, UTC DatetimeIndex.
    markets
        Which to hold, with equal money at the start; by default all. No costs are charged.

    Returns
    -------
    pandas.Series
        On the index of ``equity``, beginning with 1 when all of them have a price (NaN before): the first
        candle's opening price where it begins with the curve, else the last close.

    Raises
    ------
    InputError
        When candles are missing, or no market is given.
    """
    held = list(candles) if markets is None else list(markets)
    if not held:
        raise InputError("There is no market to hold.")
    moments = pd.DatetimeIndex(equity.index).as_unit("ms").astype(np.int64).to_numpy()
    curves = []
    for market in held:
        series = candles_of(candles, market)
        prices = closes_at(series, moments)
        prices[moments == int(series[0, 0])] = series[0, 1]
        curves.append(prices)
    prices = np.column_stack(curves)
    priced = np.flatnonzero(np.isfinite(prices).all(axis=1))
    values = np.full(len(prices), np.nan)
    if len(priced):
        values[priced] = (prices[priced] / prices[priced[0]]).mean(axis=1)
    return pd.Series(values, index=equity.index, name=held[0][1] if len(held) == 1 else "buy and hold")


def against(
    equity: pd.Series[float],
    benchmark: pd.Series[float],
    *,
    name: str | None = None,
    stamped: Literal["end", "start"] = "end",
) -> Benchmark:
    """Compare an equity curve's daily returns with a benchmark's.

    Parameters
    ----------
    equity
        Portfolio value, sampled once a day, UTC DatetimeIndex.
    benchmark
        Prices or values (not returns), one a day. Dates without a zone are read as UTC.
    name
        What the benchmark is called; by default the series' own name.
    stamped
        What a date means in the benchmark. ``end``: the value stood at that moment, as in an equity curve of
        this package (the close of 1 January is stamped 2 January 00:00). ``start``: it is the close of the day
        that begins there, as price providers write it (the close of 1 January is stamped 1 January).

    Raises
    ------
    InputError
        When an index holds no dates, or ``stamped`` is neither.
    """
    if stamped not in ("end", "start"):
        raise InputError(f"stamped is {shown(stamped)}.", "It is 'end' or 'start'.")
    called = name if name is not None else str(benchmark.name) if benchmark.name is not None else "benchmark"
    own, other = _returns(equity, "equity"), _returns(benchmark, called)
    if stamped == "start":
        other.index += pd.Timedelta(days=1)
    both = pd.concat([own, other.reindex(own.index)], axis=1, keys=["own", "other"])
    undefined = int(both["own"].isna().sum())
    usable = both.dropna()
    dropped = len(both) - undefined - len(usable)
    x, y = usable["other"].to_numpy(), usable["own"].to_numpy()
    reason = _unusable(x, y, undefined)
    if reason:
        return Benchmark(called, len(usable), dropped, reason=reason)
    return _compare(called, x, y, dropped, _shifted(own, other))


def _compare(name: str, x: NDArray[np.float64], y: NDArray[np.float64], dropped: int, note: str) -> Benchmark:
    from scipy.stats import pearsonr, spearmanr
    from statsmodels.regression.linear_model import OLS

    linear, ranks = pearsonr(x, y), spearmanr(x, y)
    spread = linear.confidence_interval(0.95)
    lags = math.floor(4 * (len(x) / 100) ** (2 / 9))
    # in units of the benchmark's spread, so that returns of any size are conditioned alike
    scale = float(x.std())
    fitted = OLS(y, np.column_stack([np.ones(len(x)), x / scale])).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}, use_t=True)
    bounds = fitted.conf_int()
    alpha, beta = fitted.params
    up, down = x > 0, x < 0
    return Benchmark(
        name=name,
        days=len(x),
        dropped=dropped,
        pearson=Interval(float(linear.statistic), float(spread.low), float(spread.high)),
        spearman=float(ranks.statistic),
        spearman_p=float(ranks.pvalue),
        beta=Interval(*(float(value) / scale for value in (beta, *bounds[1]))),
        alpha=Interval(*(float(value) * PERIODS * 100 for value in (alpha, *bounds[0]))),
        alpha_t=float(fitted.tvalues[0]),
        alpha_p=float(fitted.pvalues[0]),
        lags=lags,
        r_squared=float(linear.statistic) ** 2,
        up_capture=float(y[up].mean() / x[up].mean()) if up.sum() >= _FEWEST_CAPTURED else math.nan,
        down_capture=float(y[down].mean() / x[down].mean()) if down.sum() >= _FEWEST_CAPTURED else math.nan,
        note=note,
    )


def _returns(values: pd.Series[float], name: str) -> pd.Series[float]:
    """Return the simple returns from one day to the next; NaN across missing days and from nothing left."""
    if not isinstance(values.index, pd.DatetimeIndex):
        raise InputError(f"{name} has no dates: its index is {type(values.index).__name__}.",
                         "Give a pandas Series with a DatetimeIndex.")
    index = values.index.tz_localize("UTC") if values.index.tz is None else values.index.tz_convert("UTC")
    daily = daily_equity(pd.Series(values.to_numpy(dtype=float), index=index).sort_index())
    before = daily.shift()
    one_day = daily.index.to_series().diff() == pd.Timedelta(days=1)
    returns = (daily / before - 1).where(one_day & (before > 0))
    return returns.replace([np.inf, -np.inf], np.nan).iloc[1:]


def _unusable(x: NDArray[np.float64], y: NDArray[np.float64], undefined: int) -> str:
    if len(x) < FEWEST:
        ruined = (f"; {undefined} more {'has' if undefined == 1 else 'have'} no return, because a day is missing "
                  "or nothing was left" if undefined else "")
        return f"{shortage(len(x), 'common day', FEWEST)}{ruined}"
    if float(y.std()) < 1e-14:
        return "the equity does not vary"
    if float(x.std()) < 1e-14:
        return "the benchmark does not vary"
    return ""


def _shifted(own: pd.Series[float], other: pd.Series[float]) -> str:
    """Warn when the two fit far better a day apart: dates are easily read as the wrong end of the day."""
    correlations = {}
    for days in (-1, 0, 1):
        moved = other.set_axis(other.index + pd.Timedelta(days=days))
        correlations[days] = abs(own.corr(moved, min_periods=FEWEST))
    best = max((-1, 1), key=lambda days: np.nan_to_num(correlations[days]))
    if correlations[best] > correlations[0] + 0.3:
        return (f"Moved by a day it would correlate far more ({correlations[best]:.2f} against {correlations[0]:.2f}): "
                "its dates may mean the other end of the day (stamped='start' or 'end').")
    return ""
