"""Tests of many trials at once: does any of them beat a benchmark, when the best of so many always looks good.

Hansen's test of superior predictive ability (Journal of Business & Economic Statistics 23(4), 2005) and Romano and
Wolf's stepwise test (Econometrica 73(4), 2005), by the stationary bootstrap. The trials stay together when days are
resampled, so that trials which are alike count as little as they should.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.luck.significance import FEWEST, shortage
from jesse_nb.exceptions import InputError

__all__ = ["SuperiorAbility", "automatic_block", "superior_ability"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SuperiorAbility:
    """Whether trials beat a benchmark by more than the best of so many would by luck.

    Attributes
    ----------
    p
        Hansen's consistent p-value that no trial's mean daily return is above the benchmark's.
    p_lower, p_upper
        His bounds of it: trials worse than the benchmark recentered never or always.
    adjusted
        The p-value of each trial by itself, corrected for all of them (the best one's is ``p``), by column; NaN for
        trials whose difference from the benchmark does not vary.
    superior
        The trials that beat the benchmark by the stepwise test, with at most ``level`` chance of one among them
        that does not.
    level
        That chance.
    trials, found
        How many distinct trials were compared, and how many of those are ``superior``.
    block
        Mean length of the resampled blocks, days.
    resamples, seed
        How many, and drawn with which seed.
    reason
        Why the figures are NaN; empty otherwise.
    """

    p: float
    p_lower: float
    p_upper: float
    adjusted: pd.Series[float] = field(repr=False)
    superior: tuple[Any, ...]
    level: float
    trials: int
    found: int
    block: int
    resamples: int
    seed: int
    reason: str = ""


def superior_ability(
    returns: pd.DataFrame, benchmark: pd.Series[float] | None = None, *, block: int | None = None,
    resamples: int = 1000, seed: int = 0, level: float = 0.05,
) -> SuperiorAbility:
    """Test whether any trial's mean daily return is above a benchmark's.

    Each trial's mean is divided by its long-run standard error, as Hansen has it, so that a trial with a high
    leverage does not decide for all. Equal trials count once. No trial is left out: the work is a matrix product.

    Parameters
    ----------
    returns
        Daily returns, fractions: one row a day in the order of time, one column a trial.
    benchmark
        Daily returns on the same days (buy-and-hold, say); None for cash, which earns nothing.
    block
        Mean length of the resampled blocks in days; None for :func:`automatic_block` of the differences.
    resamples
        How many.
    seed
        Makes the p-values repeatable.
    level
        Of the stepwise test.

    Raises
    ------
    InputError
        When returns or benchmark are undefined on some day, or are not of the same days.
    """
    better = _differences(returns, benchmark)
    kept = _varying(better)
    adjusted = pd.Series(math.nan, index=returns.columns, dtype=float)
    days = len(better)
    if days < FEWEST or not kept.any():
        reason = (shortage(days, "day", FEWEST) if days < FEWEST
                  else "no trial's returns vary" if benchmark is None else "no trial differs from the benchmark")
        return SuperiorAbility(math.nan, math.nan, math.nan, adjusted, (), level, 0, 0, 0, resamples, seed, reason)
    numbers = np.flatnonzero(kept)
    _, first, twin = np.unique(better[:, kept], axis=1, return_index=True, return_inverse=True)
    distinct = better[:, numbers[first]]
    length = block if block is not None else automatic_block(distinct)
    scaled = distinct / np.sqrt(_long_run_variance(distinct, length))
    means = scaled.mean(axis=0)
    drawn = _counts(days, length, resamples, seed) @ scaled / days
    # a trial this far below the benchmark cannot be the best, and must not stand in the others' way
    hopeless = means < -math.sqrt(2.0 * math.log(math.log(days)) / days)
    consistent = drawn - np.where(hopeless, 0.0, means)
    best = consistent.max(axis=1)
    twin = np.asarray(twin).reshape(-1)
    adjusted.iloc[numbers] = (best[:, None] > means).mean(axis=0)[twin]
    passed = _stepwise(means, consistent, level)
    return SuperiorAbility(
        p=float((best > means.max()).mean()),
        p_lower=float(((drawn - np.maximum(means, 0.0)).max(axis=1) > means.max()).mean()),
        p_upper=float(((drawn - means).max(axis=1) > means.max()).mean()),
        adjusted=adjusted,
        superior=tuple(returns.columns[numbers[passed[twin]]]),
        level=level,
        trials=len(means),
        found=int(passed.sum()),
        block=length,
        resamples=resamples,
        seed=seed,
    )


def automatic_block(returns: Array, *, columns: int = 20) -> int:
    """Return the mean block length that suits daily returns.

    The median of Politis and White's (2004, corrected 2009) choice for each trial, rounded, between 1 and a tenth
    of the days.

    Parameters
    ----------
    returns
        (days, trials) returns.
    columns
        Of more trials than this, so many are looked at, evenly spread.
    """
    from arch.bootstrap import optimal_block_length

    some = np.unique(np.linspace(0, returns.shape[1] - 1, columns).round().astype(int))
    lengths = optimal_block_length(returns[:, some])["stationary"].to_numpy(dtype=float)
    lengths = lengths[np.isfinite(lengths)]
    usual = round(float(np.median(lengths))) if len(lengths) else 1
    return int(min(max(usual, 1), max(len(returns) // 10, 1)))


def _differences(returns: pd.DataFrame, benchmark: pd.Series[float] | None) -> Array:
    values = returns.to_numpy(dtype=float)
    if benchmark is not None:
        if not returns.index.equals(benchmark.index):
            raise InputError("The benchmark's days are not those of the trials.", "Reindex it to returns.index.")
        values = values - benchmark.to_numpy(dtype=float)[:, None]
    if not np.isfinite(values).all():
        raise InputError("Some returns of the trials or the benchmark are undefined.", "Leave them out, or fill them.")
    return values


def _varying(values: Array) -> NDArray[np.bool_]:
    """Say of each column whether it varies by more than rounding."""
    if not len(values):
        return np.zeros(values.shape[1], dtype=bool)
    varies: NDArray[np.bool_] = np.ptp(values, axis=0) > 1e-14
    return varies


def _long_run_variance(values: Array, block: int) -> Array:
    """Return the variance of sqrt(days) times the mean under the stationary bootstrap, by column.

    Politis and Romano (1994), as in Hansen (2005): autocovariances, weighted by how often days stay together.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    days = len(values)
    spectrum = rfft(values - values.mean(axis=0), next_fast_len(2 * days, real=True), axis=0)
    size = next_fast_len(2 * days, real=True)
    covariance = irfft(np.abs(spectrum) ** 2, size, axis=0)[:days] / days
    lags, leave = np.arange(1, days), 1.0 - 1.0 / block
    weights = (1.0 - lags / days) * leave**lags + lags / days * leave ** (days - lags)
    variance: Array = covariance[0] + 2.0 * weights @ covariance[1:]
    return variance


@lru_cache(maxsize=2)
def _counts(days: int, block: int, resamples: int, seed: int) -> Array:
    """Return how often each day is in each resample: its product with returns has all resamples' sums at once."""
    from arch.bootstrap import StationaryBootstrap

    drawn = StationaryBootstrap(block, np.arange(days), seed=seed)
    counts = np.array([np.bincount(positional[0], minlength=days) for positional, _ in drawn.bootstrap(resamples)],
                      dtype=float)
    counts.flags.writeable = False
    return counts


def _stepwise(means: Array, drawn: Array, level: float) -> NDArray[np.bool_]:
    """Reject trial after trial: those already found no longer raise the bar for the rest."""
    passed = np.zeros(len(means), dtype=bool)
    while not passed.all():
        bar = np.percentile(drawn[:, ~passed].max(axis=1), 100.0 * (1.0 - level))
        found = (means > bar) & ~passed
        if not found.any():
            break
        passed |= found
    return passed
