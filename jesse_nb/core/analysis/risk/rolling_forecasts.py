"""Each day's value at risk as it could have been forecast the evening before, from the days behind it alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.risk.tail_models import (
    StudentT,
    Tail,
    cornish_fisher,
    cornish_fisher_domain,
    cornish_fisher_tail,
    empirical_tail,
    fit_student_t,
    moments,
    normal_tail,
    student_t_tail,
)
from jesse_nb.core.analysis.risk.value_at_risk import VarMethod, too_few_beyond
from jesse_nb.core.analysis.risk.volatility import VolatilityModel, conditional_variance, fit_volatility

__all__ = ["REFIT", "Forecasts", "rolling_forecasts"]

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

#: Days after which a volatility model is fitted again.
REFIT = 21

#: Windows that are looked at together: bounds the memory.
_CHUNK = 2_000_000


@dataclass(frozen=True)
class Forecasts:
    """One method's forecasts for each day, and what came.

    Attributes
    ----------
    method
        Which.
    levels
        Confidence levels.
    days
        The days that were forecast.
    returns
        What they brought, fractions, (n,).
    var, es
        Forecast value at risk and expected shortfall by day and level, fractions, a loss above zero, (n, levels). NaN
        where the method had none that day.
    quantile
        The forecast distribution's quantile at probabilities ``u``, of the days with these numbers, both (k,).
    reasons
        Why a level has no forecast at all; empty where it has.
    notes
        Remarks.
    """

    method: VarMethod
    levels: tuple[float, ...]
    days: pd.DatetimeIndex
    returns: Floats
    var: Floats
    es: Floats
    quantile: Callable[[Floats, Whole], Floats] = field(repr=False)
    reasons: tuple[str, ...]
    notes: tuple[str, ...] = ()


def rolling_forecasts(
    returns: pd.Series[float],
    method: VarMethod,
    *,
    confidence_levels: Sequence[float] = (0.95, 0.975, 0.99),
    window: int = 365,
    vol_model: VolatilityModel = "garch",
) -> Forecasts:
    """Forecast each day from the ``window`` days before it.

    Parameters
    ----------
    returns
        Daily returns (fractions) by day, more than ``window``.
    method
        Any but ``monte_carlo``, which over one day is the historical one.
    confidence_levels
        0.99 is 99 %.
    window
        Days that a forecast looks back.
    vol_model
        Of ``fhs``: fitted again every 21 days, on the window before; its variance goes on every day.
    """
    sample, levels = returns.to_numpy(dtype=float), tuple(map(float, confidence_levels))
    p = 1.0 - np.asarray(levels)
    windows = np.lib.stride_tricks.sliding_window_view(sample, window)[:-1]
    make = {"historical": _historical, "normal": _normal, "t": _student_t, "cornish_fisher": _cornish_fisher}
    notes: tuple[str, ...] = ()
    if method == "fhs":
        tail, quantile, notes = _filtered(sample, window, p, vol_model)
    else:
        tail, quantile = make[method](windows, p)
    reasons = tuple(too_few_beyond(window, level, "days of the window") if method in ("historical", "fhs") else ""
                    for level in p)
    missing = np.where([bool(reason) for reason in reasons], np.nan, 1.0)
    var, es = -tail.quantile * missing, -tail.below * missing
    unknown = tuple(reason or ("" if np.isfinite(var[:, place]).any() else notes[0] if notes else _NEVER[method])
                    for place, reason in enumerate(reasons))
    return Forecasts(method, levels, pd.DatetimeIndex(returns.index[window:]), sample[window:], var, es, quantile,
                     unknown, notes)


_NEVER: dict[VarMethod, str] = {
    "cornish_fisher": "skewness and kurtosis of every window are outside the domain of the expansion",
    "t": "in every window too many days have the very same return for a t distribution",
    "historical": "no window varies", "normal": "no window varies", "fhs": "no window varies",
    "monte_carlo": "over one day it is the historical one",
}

_Quantile = Callable[[Floats, Whole], Floats]


def _historical(windows: Floats, p: Floats) -> tuple[Tail, _Quantile]:
    parts = [empirical_tail(part, p) for part in _chunks(windows)]
    ordered = np.sort(windows, axis=1)
    varies = np.where(ordered[:, -1] > ordered[:, 0], 1.0, np.nan)[:, None]
    tail = Tail(*(np.concatenate(several) * varies for several in zip(*parts, strict=True)))
    return tail, lambda u, day: _between(ordered, u, day)


def _between(ordered: Floats, u: Floats, day: Whole) -> Floats:
    """Return the quantiles of :func:`empirical_tail`, each of its day's own values."""
    count = ordered.shape[1]
    rank = np.clip(u * (count + 1), 1.0, count)
    whole = np.minimum(rank.astype(int), count - 1)
    low, high = ordered[day, whole - 1], ordered[day, whole]
    found: Floats = low + (rank - whole) * (high - low)
    return found


def _normal(windows: Floats, p: Floats) -> tuple[Tail, _Quantile]:
    from scipy.special import ndtri

    mean, spread, *_ = _all_moments(windows)
    spread = np.where(spread > 1e-14, spread, np.nan)
    return normal_tail(mean, spread, p), lambda u, day: mean[day] + spread[day] * ndtri(u)


def _student_t(windows: Floats, p: Floats) -> tuple[Tail, _Quantile]:
    from scipy.stats import t

    alike = np.array([np.unique(row, return_counts=True)[1].max() for row in windows]) > 0.2 * windows.shape[1]
    loc, scale, freedom = np.full((3, len(windows)), np.nan)
    where = np.flatnonzero(~alike)
    if len(where):
        parts = [fit_student_t(part) for part in _chunks(windows[where])]
        loc[where], scale[where], freedom[where] = (np.concatenate(several) for several in zip(*parts, strict=True))
    fitted = StudentT(loc, scale, freedom)
    return student_t_tail(fitted, p), lambda u, day: loc[day] + scale[day] * t.ppf(u, freedom[day])


def _cornish_fisher(windows: Floats, p: Floats) -> tuple[Tail, _Quantile]:
    from scipy.special import ndtri

    mean, spread, skew, kurtosis = _all_moments(windows)
    spread = np.where(cornish_fisher_domain(skew, kurtosis), spread, np.nan)

    def quantile(u: Floats, day: Whole) -> Floats:
        bent: Floats = mean[day] + spread[day] * cornish_fisher(ndtri(u)[:, None], skew[day], kurtosis[day])[:, 0]
        return bent

    return cornish_fisher_tail(mean, spread, skew, kurtosis, p), quantile


def _filtered(
    sample: Floats, window: int, p: Floats, model: VolatilityModel
) -> tuple[Tail, _Quantile, tuple[str, ...]]:
    """Forecast with a volatility model: what is known the evening before is its fit, and the variance since then."""
    count = len(sample) - window
    mean, spread = np.full(count, np.nan), np.full(count, np.nan)
    block = np.arange(count) // REFIT
    residuals = np.full((int(block[-1]) + 1, window), np.nan)
    fit, failed, reason = None, 0, ""
    for number, first in enumerate(range(0, count, REFIT)):
        now = fit_volatility(sample[first:first + window], model)
        if now.reason:
            failed, reason = failed + 1, now.reason
        else:
            fit = now
        if fit is None:
            continue
        last = min(first + REFIT, count)
        variance = conditional_variance(sample[first:last - 1 + window], fit, window)
        residuals[number] = np.sort((sample[first:first + window] - fit.mu) / np.sqrt(variance[:window]))
        mean[first:last], spread[first:last] = fit.mu, np.sqrt(variance[window:])
    own = empirical_tail(residuals, p)
    tail = Tail(*(mean[:, None] + spread[:, None] * part[block] for part in own))
    notes = () if not failed else (f"of {len(residuals):,} fits {failed:,} failed ({reason}); there the fit before "
                                   "went on, or nothing was forecast",)
    return tail, lambda u, day: mean[day] + spread[day] * _between(residuals, u, block[day]), notes


def _all_moments(windows: Floats) -> list[Floats]:
    parts = [moments(part) for part in _chunks(windows)]
    return [np.concatenate(several) for several in zip(*parts, strict=True)]


def _chunks(windows: Floats) -> list[Floats]:
    return np.array_split(windows, max(1, math.ceil(windows.size / _CHUNK)))
