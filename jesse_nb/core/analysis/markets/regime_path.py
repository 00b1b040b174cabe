"""Regimes as they could have been told day by day, beside hindsight: how late, how stable, and what they foretold.

A day is an observation: where returns are of other candles than daily ones, it is one of these.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.markets.hidden_states import HiddenStates, filtered, fit_states
from jesse_nb.core.study.ratios import PERIODS

__all__ = ["RefitStates", "days_late", "forecast_record", "performance_by_state", "refit_path", "volatility_states"]

Vector = NDArray[np.float64]
States = NDArray[np.int64]

#: Days that volatility looks back, and days among whose volatilities it is ranked.
WINDOW, COMPARED = 30, 365
_RESAMPLES = 1_000


class RefitStates(NamedTuple):
    """What one fit, made on the days before a day, told of that day and those until the next fit.

    Attributes
    ----------
    place
        Of the first day that it was used for.
    model
        The fit; the one before, where this one did not converge.
    converged
        Whether it did.
    probabilities
        Of each state at the end of each day, (days, states).
    densities
        Of each day's return, as the evening before foretold it.
    normal
        The same of one normal distribution, fitted to the same days.
    changed
        Share of the days before that this fit calls otherwise than the one before did; NaN of the first.
    """

    place: int
    model: HiddenStates
    converged: bool
    probabilities: Vector
    densities: Vector
    normal: Vector
    changed: float


def refit_path(returns: Vector, states: int, begin: int, every: int, *, seed: int = 0) -> Iterator[RefitStates]:
    """Yield what each fit told: each is made on all days before its first day, and no other.

    Parameters
    ----------
    returns
        Daily returns.
    states
        How many.
    begin
        Days before the first fit.
    every
        Days from one fit to the next.
    seed
        Of the fits' starts.
    """
    before: HiddenStates | None = None
    for place in range(begin, len(returns), every):
        past, end = returns[:place], min(place + every, len(returns))
        fitted = fit_states(past, states, seed=seed)
        model = fitted if fitted.converged or before is None else before
        probabilities, densities = filtered(model, returns[:end])
        changed = math.nan if before is None else float(
            (filtered(before, past)[0].argmax(axis=1) != probabilities[:place].argmax(axis=1)).mean())
        normal = np.exp(-0.5 * ((returns[place:end] - past.mean()) / past.std()) ** 2) / (
            past.std() * math.sqrt(2 * math.pi))
        yield RefitStates(place, model, fitted.converged, probabilities[place:], densities[place:], normal, changed)
        before = model


def volatility_states(returns: Vector, begin: int, *, hindsight: bool = False) -> States:
    """Return the tercile of each day's volatility: 0 the calmest, 2 the wildest.

    Parameters
    ----------
    returns
        Daily returns.
    begin
        The place of the first day that is told of.
    hindsight
        Rank among all days; otherwise among the last 365 up to each day.
    """
    volatility = pd.Series(returns).rolling(WINDOW, min_periods=WINDOW).std()
    if hindsight:
        low, high = (pd.Series(volatility.quantile(cut), index=volatility.index) for cut in (1 / 3, 2 / 3))
    else:
        ranked = volatility.rolling(COMPARED, min_periods=WINDOW)
        low, high = ranked.quantile(1 / 3), ranked.quantile(2 / 3)
    found: States = np.asarray(volatility > low, dtype=np.int64) + np.asarray(volatility > high, dtype=np.int64)
    return found[begin:]


def days_late(told: States, hindsight: States, most: int = 60) -> tuple[Vector, int]:
    """Return how many days after each change that hindsight sees, the state told was that one too.

    Parameters
    ----------
    told, hindsight
        The state of each day.
    most
        A change that was not told within so many days, or before the next one, was missed.

    Returns
    -------
    late, missed
        Days of each change that was told, and how many were missed.
    """
    changes = np.flatnonzero(np.diff(hindsight)) + 1
    late, missed = [], 0
    for change, until in zip(changes, [*changes[1:], len(told)], strict=False):
        after = np.flatnonzero(told[change:min(until, change + most)] == hindsight[change])
        if len(after):
            late.append(float(after[0]))
        else:
            missed += 1
    return np.array(late), missed


def performance_by_state(
    returns: pd.Series[float], states: States, count: int, *, periods: float = PERIODS, seed: int = 0
) -> pd.DataFrame:
    """Return how returns were on the days whose state was told the evening before.

    Parameters
    ----------
    returns
        Daily returns, one a state.
    states
        Told the evening before each.
    count
        How many states there are.
    periods
        Returns a year: 365 daily ones.
    seed
        Of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        Index the state. ``days``; ``mean``: of a day, percent, with a 95 % interval ``low``, ``high`` from days drawn
        in blocks with their states; ``volatility``: percent a year; ``sharpe``: a year. ``p``: of "the mean is that of
        all other days", from the same resamples; ``p_adjusted``: for the number of states (Holm).
    """
    from arch.bootstrap import StationaryBootstrap, optimal_block_length
    from scipy.stats import norm
    from statsmodels.stats.multitest import multipletests

    values = returns.to_numpy(dtype=float)
    block = float(optimal_block_length(values)["stationary"].iloc[0]) if np.ptp(values) > 0 else 1.0
    block = max(block if math.isfinite(block) else 1.0, len(values) ** (1 / 3))
    drawer = StationaryBootstrap(min(round(block), len(values)), np.arange(len(values)), seed=seed)
    drawn = np.array([_means(values[rows], states[rows], count) for rows in
                      (drawer.update_indices() for _ in range(_RESAMPLES))])
    means = _means(values, states, count)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a state without days, all is undefined
        low, high = np.nanquantile(drawn[:, 0], [0.025, 0.975], axis=0) * 100.0
        error = np.nanstd(drawn[:, 1], axis=0, ddof=1)
    known = np.isfinite(means[1]) & (error > 0)
    p = np.where(known, 2.0 * norm.sf(np.abs(means[1]) / np.where(known, error, 1.0)), np.nan)
    adjusted = np.full(count, math.nan)
    if known.any():
        adjusted[known] = multipletests(p[known], 0.05, "holm")[1]
    parts = [values[states == state] for state in range(count)]
    spread = np.array([part.std(ddof=1) if len(part) > 1 else math.nan for part in parts])
    return pd.DataFrame({
        "days": [len(part) for part in parts], "mean": means[0] * 100.0, "low": low, "high": high,
        "volatility": spread * math.sqrt(periods) * 100.0,
        "sharpe": np.divide(means[0], spread, out=np.full(count, math.nan), where=spread > 0) * math.sqrt(periods),
        "p": p, "p_adjusted": adjusted})


def _means(values: Vector, states: States, count: int) -> Vector:
    """Return the mean of each state's days, and how much it is above that of all others."""
    days = np.bincount(states, minlength=count).astype(float)
    sums = np.bincount(states, weights=values, minlength=count)
    rest = len(values) - days
    own = np.divide(sums, days, out=np.full(count, math.nan), where=days > 0)
    other = np.divide(values.sum() - sums, rest, out=np.full(count, math.nan), where=rest > 0)
    return np.vstack([own, own - other])


def forecast_record(densities: Vector, normal: Vector) -> dict[str, float]:
    """Return how well each day was foretold, beside one normal distribution.

    Returns
    -------
    dict
        ``gain``: mean difference of the log densities of a day; ``t`` and ``p``: two-sided, that it is none, with Newey
        and West's errors (Diebold and Mariano 1995; Amisano and Giacomini 2007).
    """
    from jesse_nb.core.analysis.luck.significance import mean_test

    found = mean_test(np.log(densities) - np.log(np.maximum(normal, 1e-300)))
    return {"gain": found.mean, "t": found.hac_t, "p": found.hac_p}
