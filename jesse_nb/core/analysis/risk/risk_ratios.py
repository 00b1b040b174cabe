"""Return and risk as ratios, each with how far it may be off."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from jesse_nb.core.analysis.luck.sharpe_inference import (
    minimum_track_record_length,
    probabilistic_sharpe,
    sharpe_standard_error,
)
from jesse_nb.core.analysis.luck.significance import stationary_resamples, unusable
from jesse_nb.core.study.ratios import PERIODS

__all__ = ["ratio_paths", "risk_ratios"]

_UNITS = {
    "annual_return": "% a year", "volatility": "% a year", "sharpe_ratio": "annual", "sortino_ratio": "annual",
    "calmar_ratio": "ratio", "omega_ratio": "ratio", "serenity_index": "ratio", "ulcer_index": "%",
    "ulcer_performance_index": "ratio", "tail_ratio": "ratio", "kelly_fraction": "times the size",
    "probabilistic_sharpe": "probability", "minimum_track_record_length": "days",
}

#: Why a ratio is undefined although the returns vary.
_WITHOUT = {
    "sortino_ratio": "no day lost", "omega_ratio": "no day lost", "calmar_ratio": "there is no drawdown",
    "serenity_index": "there is no drawdown", "ulcer_performance_index": "there is no drawdown",
    "tail_ratio": "the 5 % quantile is zero",
}

#: Growth compounded to a year, and what is divided by a drawdown: skewed so far that a standard error says nothing.
_SKEWED = ("annual_return", "calmar_ratio", "serenity_index", "ulcer_performance_index")

#: An interval is not given when more than this share of the resamples leaves the ratio undefined.
_MOST_UNDEFINED = 0.05

_COLUMNS = ["value", "standard_error", "low", "high", "unit", "error", "reason"]


def risk_ratios(returns: ArrayLike, *, seed: int = 0, resamples: int = 2000) -> pd.DataFrame:
    """Compute the ratios of daily returns, each with a standard error and a 95 % interval.

    The Sharpe ratio's error is Mertens' formula (it takes days as independent), with a normal interval. All
    other errors come from the stationary bootstrap with Politis and White's block length: the standard
    deviation and the 2.5 % and 97.5 % quantiles over the resamples. The annual return and the ratios over a
    drawdown have the interval alone, for they are too skewed. What depends on the order of days (Calmar, ulcer,
    serenity) is resampled with its drawdowns, whose depth a few bad days decide: read its interval as a rough one.

    Parameters
    ----------
    returns
        Daily returns (fractions), one for every day of the run, in the order of time
        (:func:`~.stitching.returns_by_day`).
    seed
        Makes the intervals repeatable.
    resamples
        How many.

    Returns
    -------
    pandas.DataFrame
        One row a ratio: those of :func:`ratio_paths`, then ``probabilistic_sharpe`` (that the true Sharpe
        ratio is above zero) and ``minimum_track_record_length`` (days until that reaches 95 %). Columns
        ``value``; ``standard_error``, ``low``, ``high`` in the value's ``unit``; ``error`` (``formula``,
        ``bootstrap`` or empty); ``reason`` why a figure is NaN.
    """
    sample = np.asarray(returns, dtype=float)
    reason = _why_none(sample)
    if reason:
        rows = {name: _row(name, reason=reason) for name in _UNITS}
    else:
        values = {name: float(column[0]) for name, column in ratio_paths(sample[np.newaxis]).items()}
        drawn = ratio_paths(stationary_resamples(sample, seed=seed, resamples=resamples).paths)
        rows = {name: _resampled(name, value, drawn[name]) for name, value in values.items()}
        rows["sharpe_ratio"] = _sharpe(sample, values["sharpe_ratio"])
        rows["probabilistic_sharpe"] = _row("probabilistic_sharpe", probabilistic_sharpe(sample))
        rows["minimum_track_record_length"] = _track_record(sample)
    return pd.DataFrame.from_dict(rows, orient="index", columns=_COLUMNS).rename_axis("ratio")


def ratio_paths(paths: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Compute the ratios of many series of daily returns at once.

    Parameters
    ----------
    paths
        Fractions, shape (series, days). What lies below -1 counts as -1.

    Returns
    -------
    dict
        Arrays of shape (series,), NaN where undefined.

        ``annual_return`` (CAGR, percent), ``sharpe_ratio``, ``sortino_ratio``, ``calmar_ratio``,
        ``omega_ratio`` and ``serenity_index`` are :func:`~jesse_nb.core.study.ratios.return_ratios`, which are Jesse's.
        ``volatility``: standard deviation, annualized by 365, percent. ``ulcer_index``: root mean square of the
        drawdown in percent, the starting balance counted as a peak and a sample; ``ulcer_performance_index``:
        annual return over it (Martin and McCann 1989). ``tail_ratio``: 95 % quantile over the size of the 5 %
        quantile. ``kelly_fraction``: mean over variance, the multiple of the traded size that maximizes
        growth if such days went on (Thorp 2006).
    """
    gains = np.maximum(paths, -1.0)
    days = gains.shape[1]
    mean, spread = gains.mean(axis=1), gains.std(axis=1, ddof=1)
    spread = np.where(spread > 1e-14, spread, np.nan)
    wealth = np.cumprod(1.0 + gains, axis=1)
    lost, won = -np.minimum(gains, 0.0), np.maximum(gains, 0.0)
    low, high = np.quantile(gains, [0.05, 0.95], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        annual = np.clip(wealth[:, -1], 1e-10, 1e10) ** (PERIODS / days) - 1.0
        from_start = _from_start(wealth)
        # in the serenity index Jesse does not count the starting balance as a peak
        below = wealth / np.maximum.accumulate(wealth, axis=1) - 1.0
        deep = np.sqrt((from_start**2).sum(axis=1) / (days + 1)) * 100.0
        few = max(int((1 - 0.95) * days), 1)
        pitfall = -np.partition(below, few - 1, axis=1)[:, :few].mean(axis=1) / spread
        serene = gains.sum(axis=1) / (np.sqrt((below**2).sum(axis=1) / (days - 1)) * pitfall)
        found = {
            "annual_return": annual * 100.0,
            "volatility": spread * math.sqrt(PERIODS) * 100.0,
            "sharpe_ratio": mean / spread * math.sqrt(PERIODS),
            "sortino_ratio": mean / np.sqrt((lost**2).sum(axis=1) / (days + 1)) * math.sqrt(PERIODS),
            "calmar_ratio": annual / -from_start.min(axis=1),
            "omega_ratio": won.sum(axis=1) / lost.sum(axis=1),
            "serenity_index": serene,
            "ulcer_index": deep,
            "ulcer_performance_index": annual * 100.0 / deep,
            "tail_ratio": high / np.abs(low),
            "kelly_fraction": mean / spread**2,
        }
    return {name: np.where(np.isfinite(values), values, np.nan) for name, values in found.items()}


def _from_start(wealth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the drawdowns (fractions) when the first balance, 1, counts as a peak."""
    below: NDArray[np.float64] = wealth / np.maximum(np.maximum.accumulate(wealth, axis=1), 1.0) - 1.0
    return below


def _why_none(sample: NDArray[np.float64]) -> str:
    # asked first: an account at zero has undefined returns from then on
    ruined = np.flatnonzero(sample <= -1.0)
    if len(ruined):
        return f"the account was lost on day {ruined[0] + 1}"
    return unusable(sample)


def _resampled(name: str, value: float, drawn: NDArray[np.float64]) -> tuple[object, ...]:
    if math.isnan(value):
        return _row(name, reason=_WITHOUT.get(name, "undefined for these returns"))
    known = drawn[np.isfinite(drawn)]
    undefined = 1.0 - len(known) / len(drawn)
    if undefined > _MOST_UNDEFINED:
        return _row(name, value, reason=f"no interval: undefined in {undefined * 100:.0f} % of the resamples")
    low, high = np.quantile(known, [0.025, 0.975])
    error = math.nan if name in _SKEWED else float(known.std(ddof=1))
    return _row(name, value, error, float(low), float(high), "bootstrap")


def _sharpe(sample: NDArray[np.float64], value: float) -> tuple[object, ...]:
    from scipy.special import ndtri

    error = sharpe_standard_error(sample) * math.sqrt(PERIODS)
    margin = float(ndtri(0.975)) * error
    return _row("sharpe_ratio", value, error, value - margin, value + margin, "formula")


def _track_record(sample: NDArray[np.float64]) -> tuple[object, ...]:
    days = minimum_track_record_length(sample)
    if math.isfinite(days):
        return _row("minimum_track_record_length", days)
    return _row("minimum_track_record_length", reason="the Sharpe ratio is not above zero, so no record is long enough")


def _row(name: str, value: float = math.nan, error: float = math.nan, low: float = math.nan,
         high: float = math.nan, kind: str = "", *, reason: str = "") -> tuple[object, ...]:
    return value, error, low, high, _UNITS[name], kind, reason
