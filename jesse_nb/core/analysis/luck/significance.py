"""Could these daily returns be luck? Tests of the mean, and bootstrap intervals that keep its order in time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jesse_nb.core.study.ratios import PERIODS, sharpe

__all__ = [
    "FEW_ACTIVE_DAYS",
    "FEW_DAYS",
    "Bootstrap",
    "Interval",
    "MeanTest",
    "Proportion",
    "Resamples",
    "bootstrap",
    "mean_test",
    "proportion_of",
    "stationary_resamples",
    "unusable",
]

#: Fewer returns than this are not resampled or tested.
FEWEST = 20
#: Fewer days, or fewer of them with a gain or a loss, say nothing, whatever they show.
FEW_DAYS, FEW_ACTIVE_DAYS = 60, 30


@dataclass(frozen=True)
class Interval:
    """A figure and its 95 % confidence interval, in the figure's unit; NaN where undefined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class MeanTest:
    """Two-sided tests that the mean of daily returns is zero.

    Attributes
    ----------
    days
        How many returns.
    mean
        Mean daily return, a fraction.
    t, p
        Student's t-test, which takes the days to be independent.
    hac_t, hac_p
        The same with Newey and West's standard error, which allows for autocorrelation and changing variance.
    lags
        Newey and West's number of lags, ``floor(4 (n / 100)^(2/9))``.
    reason
        Why the figures are NaN; empty otherwise.
    """

    days: int
    mean: float
    t: float = math.nan
    p: float = math.nan
    hac_t: float = math.nan
    hac_p: float = math.nan
    lags: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Bootstrap:
    """Stationary-bootstrap intervals of daily returns.

    Attributes
    ----------
    annual_return
        Compound growth a year of 365 days, percent.
    mean
        Mean daily return, a fraction.
    sharpe
        Annualized by 365.
    block
        Mean length of the resampled blocks in days (Politis and White's automatic choice, rounded).
    resamples, seed
        How many, and drawn with which seed.
    reason
        Why the intervals are NaN; empty otherwise.
    """

    annual_return: Interval
    mean: Interval
    sharpe: Interval
    block: int
    resamples: int
    seed: int
    reason: str = ""


@dataclass(frozen=True)
class Proportion:
    """How many of how many, with the 95 % Wilson interval of the share (fractions; NaN of none)."""

    count: int
    total: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """The share itself."""
        return self.count / self.total if self.total else math.nan


def mean_test(returns: ArrayLike) -> MeanTest:
    """Test whether the mean of daily returns differs from zero.

    Parameters
    ----------
    returns
        Daily returns, fractions, in the order of time.
    """
    from scipy.stats import ttest_1samp
    from statsmodels.regression.linear_model import OLS

    sample = np.asarray(returns, dtype=float)
    mean = float(sample.mean()) if len(sample) else math.nan
    reason = unusable(sample)
    if reason:
        return MeanTest(len(sample), mean, reason=reason)
    plain = ttest_1samp(sample, 0.0)
    lags = math.floor(4 * (len(sample) / 100) ** (2 / 9))
    robust = OLS(sample, np.ones(len(sample))).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}, use_t=True)
    return MeanTest(len(sample), mean, float(plain.statistic), float(plain.pvalue), float(robust.tvalues[0]),
                    float(robust.pvalues[0]), lags)


def bootstrap(returns: ArrayLike, *, seed: int = 0, resamples: int = 2000) -> Bootstrap:
    """Resample daily returns in blocks of random length, so that their order in time is kept.

    Politis and Romano's stationary bootstrap with percentile intervals; the mean block length is that of
    Politis and White (2004, corrected 2009).

    Parameters
    ----------
    returns
        Daily returns, fractions, in the order of time.
    seed
        Makes the intervals repeatable.
    resamples
        How many.
    """
    sample = np.asarray(returns, dtype=float)
    reason = unusable(sample)
    if reason:
        undefined = Interval(math.nan, math.nan, math.nan)
        return Bootstrap(undefined, undefined, undefined, 0, 0, seed, reason)
    drawn = stationary_resamples(sample, seed=seed, resamples=resamples)
    figures = np.array([_figures(path) for path in drawn.paths])
    annual, mean, ratio = (
        Interval(value, *map(float, np.nanquantile(column, [0.025, 0.975])))
        for value, column in zip(map(float, _figures(sample)), figures.T, strict=True)
    )
    return Bootstrap(annual, mean, ratio, drawn.block, resamples, seed)


class Resamples(NamedTuple):
    """Daily returns drawn anew: ``paths`` of shape (resamples, days), in blocks of ``block`` days on average."""

    paths: NDArray[np.float64]
    block: int


def stationary_resamples(sample: NDArray[np.float64], *, seed: int = 0, resamples: int = 2000) -> Resamples:
    """Draw daily returns as :func:`bootstrap` does.

    Parameters
    ----------
    sample
        Returns in the order of time, that :func:`unusable` finds nothing wrong with.
    seed
        Makes the draws repeatable.
    resamples
        How many.
    """
    from arch.bootstrap import StationaryBootstrap, optimal_block_length

    block = float(optimal_block_length(sample)["stationary"].iloc[0])
    length = min(max(round(block), 1), len(sample)) if math.isfinite(block) else 1
    drawer = StationaryBootstrap(length, sample, seed=seed)
    return Resamples(sample[np.array([drawer.update_indices() for _ in range(resamples)])], length)


def proportion_of(count: int, total: int) -> Proportion:
    """Return a share with its Wilson interval."""
    from statsmodels.stats.proportion import proportion_confint

    if not total:
        return Proportion(0, 0, math.nan, math.nan)
    low, high = proportion_confint(count, total, alpha=0.05, method="wilson")
    return Proportion(count, total, float(low), float(high))


def shortage(count: int, unit: str, needed: int) -> str:
    """Say that so many are too few: ``1 day is too few; 20 are needed``."""
    return f"{count} {unit} is too few; {needed} are needed" if count == 1 else (
        f"{count} {unit}s are too few; {needed} are needed")


def unusable(sample: NDArray[np.float64]) -> str:
    """Return why daily returns cannot be tested or resampled; empty when they can."""
    if len(sample) < FEWEST:
        return shortage(len(sample), "day", FEWEST)
    if not np.isfinite(sample).all():
        return "some returns are undefined"
    if float(np.std(sample)) < 1e-14:
        return "the returns do not vary"
    return ""


def _figures(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        growth = np.log1p(np.maximum(returns, -1.0)).mean()
    return np.array([np.expm1(growth * PERIODS) * 100.0, returns.mean(), sharpe(returns)])
