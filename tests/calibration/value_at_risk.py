"""Print how often forecasts of the value at risk are exceeded, and how often the tests reject them.

``python -m tests.calibration.value_at_risk [SERIES [METHOD ...]]``: so many series (1,000) of each kind of returns and
each method: 500 days to look back on, and 365 days that are forecast. A right model is to be exceeded as often as it
says, and rejected in about 5 % of the series; the intervals are to hold the true value at risk in 95 %. A thousand
series of all methods take 35 minutes of one idle processor; what has come so far is printed after each hundred.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.risk.rolling_forecasts import rolling_forecasts
from jesse_nb.core.analysis.risk.value_at_risk import METHODS, tail_losses
from jesse_nb.core.analysis.risk.var_tests import TESTS, forecast_tests

KINDS = ("normal", "t", "garch")
LEVELS = (0.95, 0.99)
WINDOW, TESTED = 500, 365

#: Series after which what has come is printed.
_SHOWN = 100

#: Of the GARCH returns: mean, omega, alpha, beta, degrees of freedom.
_GARCH = (0.0005, 4e-6, 0.09, 0.90, 6.0)


def returns_of(kind: str, days: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return daily returns, and the volatility that the day after them will have."""
    random = np.random.default_rng([KINDS.index(kind), seed])
    if kind == "normal":
        return 0.0005 + 0.02 * random.standard_normal(days), np.array(0.02)
    if kind == "t":
        return 0.0005 + 0.02 * random.standard_t(4, days) / np.sqrt(2.0), np.array(0.02)
    mean, omega, alpha, beta, freedom = _GARCH
    shocks = random.standard_t(freedom, days + 500) * np.sqrt((freedom - 2) / freedom)
    variance, found = omega / (1 - alpha - beta), np.empty(days + 500)
    for day, shock in enumerate(shocks):
        found[day] = np.sqrt(variance) * shock
        variance = omega + alpha * found[day] ** 2 + beta * variance
    return mean + found[500:], np.sqrt(variance)


@lru_cache
def true_loss(kind: str, level: float, *, conditional: bool) -> float:
    """Return the true value at risk of a day: of any day in percent, or of one with volatility 1 (not of its mean)."""
    from scipy.stats import norm, t

    if kind == "normal":
        return float(-norm.ppf(1 - level)) * (1.0 if conditional else 2.0) - (0.0 if conditional else 0.05)
    freedom = 4.0 if kind == "t" else _GARCH[-1]
    unit = float(-t.ppf(1 - level, freedom) * np.sqrt((freedom - 2) / freedom))
    if conditional:
        return unit
    if kind == "t":
        return 2.0 * unit - 0.05
    return float(-np.quantile(returns_of(kind, 1_000_000, 12345)[0], 1 - level) * 100.0)


def outcomes(kind: str, method: str, seeds: Iterable[int]) -> pd.DataFrame:
    """Return exceedances, rejections and whether the interval holds the truth of each series, by confidence."""
    found: dict[str, dict[str, list[float]]] = {
        f"{level:.0%}": {name: [] for name in ("exceeded", "interval holds", *TESTS)} for level in LEVELS}
    for seed in seeds:
        sample, next_volatility = returns_of(kind, WINDOW + TESTED, seed)
        days = pd.date_range("2020-01-01", periods=len(sample), tz="UTC")
        losses = tail_losses(sample, [method], confidence_levels=LEVELS, horizons=(1,), resamples=200, seed=seed)
        for level in LEVELS:
            row = losses.loc[(method, level, 1)]
            truth = true_loss(kind, level, conditional=method == "fhs")
            if method == "fhs":
                truth = truth * float(next_volatility) * 100.0 - 0.05
            if not row["reason"]:
                found[f"{level:.0%}"]["interval holds"].append(bool(row["var_low"] <= truth <= row["var_high"]))
        if method == "monte_carlo":
            continue
        rolled = rolling_forecasts(pd.Series(sample, index=days), method, confidence_levels=LEVELS, window=WINDOW)
        tests, _ = forecast_tests(rolled, seed=0, powers=False)
        for place, level in enumerate(LEVELS):
            known = np.isfinite(rolled.var[:, place])
            if known.any():
                found[f"{level:.0%}"]["exceeded"].append((rolled.returns < -rolled.var[:, place])[known].mean())
            for test in TESTS:
                p = tests.loc[(level, test), "p"]
                if np.isfinite(p):
                    found[f"{level:.0%}"][test].append(p < 0.05)
    return pd.DataFrame(found).T


def study(kind: str, method: str, series: int) -> pd.DataFrame:
    """Return the shares of exceedances, rejections and intervals that hold the truth, by confidence."""
    return shares(outcomes(kind, method, range(series)))


def shares(found: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of each list of outcomes; NaN of an empty one."""
    return found.map(lambda several: np.mean(several) if several else np.nan).astype(float)


def main(series: int, methods: Sequence[str]) -> None:
    """Print a table for each method and kind of returns, and one of the first hundred, two hundred, ... before it."""
    for method in methods:
        so_far: dict[str, pd.DataFrame] = {}
        for first in range(0, series, _SHOWN):
            for kind in KINDS:
                came = outcomes(kind, method, range(first, min(first + _SHOWN, series)))
                so_far[kind] = so_far[kind] + came if kind in so_far else came  # lists grow
                print(f"{kind} returns, {method}, {min(first + _SHOWN, series):,} series, percent")
                print((shares(so_far[kind]) * 100).round(1).to_string(), flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000, sys.argv[2:] or METHODS)
