"""How returns are distributed: by day, week and month, in their tails, and one after the other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.luck.significance import proportion_of, shortage, unusable

__all__ = ["ReturnDistribution", "period_returns", "return_distribution"]

#: What pandas calls each length.
_LENGTHS = {"daily": "D", "weekly": "W-SUN", "monthly": "M"}
_PERIOD_COLUMNS = ["periods", "partial", "mean", "median", "std", "skew", "kurtosis", "best", "worst",
                   "positive", "positive_low", "positive_high", "reason"]
_LEVELS = (0.01, 0.05)
_LAGS = 10


@dataclass(frozen=True)
class ReturnDistribution:
    """How returns are distributed. Returns are percent; NaN where undefined.

    Attributes
    ----------
    periods
        Rows ``daily``, ``weekly``, ``monthly``. ``periods`` (how many; ``partial`` of them cut by the run's
        start or end), ``mean``, ``median``, ``std`` (``ddof=1``), ``skew`` and ``kurtosis`` (in excess of the
        normal's, both corrected for bias), ``best``, ``worst``, and the share above zero (``positive``, a
        fraction) with its 95 % Wilson limits ``positive_low`` and ``positive_high``.
    tails
        Rows 0.01 and 0.05. ``quantile`` of the daily returns; ``expected_shortfall``, the mean of the ``days``
        at or below it.
    jarque_bera, jarque_bera_p
        Test that daily returns are normal, by skewness and kurtosis.
    best_days, worst_days
        ``day`` and ``return``, the ten highest and the ten lowest.
    autocorrelation
        Of daily returns. Index ``lag``; ``autocorrelation``; ``limit``, beyond which (either side) one lag
        is significant at 5 %; ``ljung_box`` and ``p``, which test all lags up to that one together.
    reason
        Why the tests are NaN; empty otherwise. ``periods`` and ``tails`` have a ``reason`` a row.
    """

    periods: pd.DataFrame
    tails: pd.DataFrame
    jarque_bera: float
    jarque_bera_p: float
    best_days: pd.DataFrame
    worst_days: pd.DataFrame
    autocorrelation: pd.DataFrame
    reason: str = ""


def return_distribution(returns: pd.Series[float], *, extremes: int = 10) -> ReturnDistribution:
    """Describe the distribution of daily returns.

    Parameters
    ----------
    returns
        Daily returns (fractions), index the day's beginning, every day of the run
        (:func:`~.stitching.returns_by_day`).
    extremes
        How many of the best and worst days are listed.
    """
    from scipy.stats import jarque_bera

    percent = returns.to_numpy(dtype=float) * 100.0
    reason = unusable(percent / 100.0)
    normal = None if reason else jarque_bera(percent)
    return ReturnDistribution(
        periods=pd.DataFrame.from_dict({length: _period_row(returns, length) for length in _LENGTHS}, orient="index",
                                       columns=_PERIOD_COLUMNS).rename_axis("length"),
        tails=pd.DataFrame.from_dict({level: _tail(percent, level) for level in _LEVELS}, orient="index",
                                     columns=["quantile", "expected_shortfall", "days", "reason"]).rename_axis("level"),
        jarque_bera=float(normal.statistic) if normal else math.nan,
        jarque_bera_p=float(normal.pvalue) if normal else math.nan,
        best_days=_extreme_days(returns, extremes, best=True),
        worst_days=_extreme_days(returns, extremes, best=False),
        autocorrelation=_autocorrelation(percent, reason),
        reason=reason,
    )


def period_returns(returns: pd.Series[float], length: str) -> pd.Series[float]:
    """Compound daily returns to weeks (Monday to Sunday, UTC) or months.

    Parameters
    ----------
    returns
        Daily returns (fractions), index the day's beginning.
    length
        ``daily``, ``weekly`` or ``monthly``.

    Returns
    -------
    pandas.Series
        Fractions; index the period's first day, whether or not the returns begin there.
    """
    if length == "daily" or returns.empty:
        return returns
    days = pd.DatetimeIndex(returns.index)
    begins = days.tz_localize(None).to_period(_LENGTHS[length]).start_time.tz_localize(days.tz)
    return (1.0 + returns).groupby(begins).prod() - 1.0


def _period_row(returns: pd.Series[float], length: str) -> tuple[object, ...]:
    from scipy.stats import kurtosis, skew

    gains = period_returns(returns, length) * 100.0
    count, undefined = len(gains), math.nan
    partial = _partial(pd.DatetimeIndex(returns.index), length) if count and length != "daily" else 0
    if not count or not np.isfinite(gains.to_numpy()).all():
        reason = "some returns are undefined" if count else "there are no returns"
        return count, partial, *[undefined] * 10, reason
    spread = float(gains.std(ddof=1)) if count > 1 else undefined
    varies = spread > 1e-12
    above = proportion_of(int((gains > 0).sum()), count)
    reason = "" if varies and count >= 4 else (
        "the returns do not vary" if count > 1 and not varies
        else f"{count} {'is' if count == 1 else 'are'} too few for the shape")
    return (count, partial, float(gains.mean()), float(gains.median()), spread,
            float(skew(gains, bias=False)) if varies and count > 2 else undefined,
            float(kurtosis(gains, bias=False)) if varies and count > 3 else undefined,
            float(gains.max()), float(gains.min()), above.share, above.low, above.high, reason)


def _partial(days: pd.DatetimeIndex, length: str) -> int:
    """Return how many of the weeks or months are not covered to their ends."""
    plain = days.tz_localize(None)
    periods = plain[[0, -1]].to_period(_LENGTHS[length])
    cut = {period for period, is_cut in (
        (periods[0], plain[0] > periods[0].start_time),
        (periods[1], plain[-1] < periods[1].end_time.normalize()),
    ) if is_cut}
    return len(cut)


def _tail(percent: NDArray[np.float64], level: float) -> tuple[object, ...]:
    needed = round(1 / level)
    if len(percent) < needed:
        return math.nan, math.nan, 0, shortage(len(percent), "day", needed)
    if not np.isfinite(percent).all():
        return math.nan, math.nan, 0, "some returns are undefined"
    quantile = float(np.quantile(percent, level))
    beyond = percent[percent <= quantile]
    return quantile, float(beyond.mean()), len(beyond), ""


def _extreme_days(returns: pd.Series[float], count: int, *, best: bool) -> pd.DataFrame:
    known = returns.dropna()
    chosen = (known.nlargest if best else known.nsmallest)(count)
    return pd.DataFrame({"day": pd.DatetimeIndex(chosen.index), "return": chosen.to_numpy(dtype=float) * 100.0})


def _autocorrelation(percent: NDArray[np.float64], reason: str) -> pd.DataFrame:
    from statsmodels.stats.diagnostic import acorr_ljungbox
    from statsmodels.tsa.stattools import acf

    lags = pd.RangeIndex(1, 1 + (0 if reason else min(_LAGS, len(percent) // 5)), name="lag")
    if reason:
        return pd.DataFrame(index=lags, columns=["autocorrelation", "limit", "ljung_box", "p"], dtype=float)
    tested = acorr_ljungbox(percent, lags=len(lags))
    return pd.DataFrame({
        "autocorrelation": acf(percent, nlags=len(lags), fft=False)[1:],
        "limit": 1.96 / math.sqrt(len(percent)),
        "ljung_box": tested["lb_stat"].to_numpy(),
        "p": tested["lb_pvalue"].to_numpy(),
    }, index=lags)
