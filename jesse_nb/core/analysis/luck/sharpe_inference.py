"""How sure a Sharpe ratio is: its standard error, its probability of being real, and what luck alone would reach.

Sharpe ratios are per period here (of daily returns: per day, not annualized): mean over standard deviation
(``ddof=1``), with the population's skewness and non-excess kurtosis (3 for a normal distribution).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["DeflatedSharpe", "SharpeMoments", "deflated_sharpe", "expected_maximum_sharpe",
           "minimum_track_record_length", "probabilistic_sharpe", "sharpe_moments", "sharpe_standard_error"]


class SharpeMoments(NamedTuple):
    """What the distribution of an estimated Sharpe ratio depends on.

    Attributes
    ----------
    sharpe
        Per period; NaN with fewer than three returns, an undefined return, or without variance.
    days
        How many returns.
    skew, kurtosis
        Of the returns; the kurtosis is not in excess of the normal's 3.
    """

    sharpe: float
    days: int
    skew: float
    kurtosis: float


@dataclass(frozen=True)
class DeflatedSharpe:
    """The probability that the best of many trials has a true Sharpe ratio above zero.

    Attributes
    ----------
    probability
        The deflated Sharpe ratio: between 0 and 1, above 0.95 where luck is an unlikely explanation.
    sharpe
        What was observed, per period.
    expected_maximum
        What the best of that many trials without skill is expected to show, per period.
    variance
        Of the trials' Sharpe ratios, per period.
    trials
        How many independent trials it was deflated by.
    days
        How many returns.
    reason
        Why the probability is NaN; empty otherwise.
    """

    probability: float
    sharpe: float
    expected_maximum: float
    variance: float
    trials: float
    days: int
    reason: str = ""


def sharpe_moments(returns: ArrayLike) -> SharpeMoments:
    """Return a sample's Sharpe ratio per period with its length, skewness and kurtosis.

    Parameters
    ----------
    returns
        Returns per period, fractions. Taken as they are: subtract a benchmark's beforehand.
    """
    sample = np.asarray(returns, dtype=float)
    count = len(sample)
    undefined = SharpeMoments(math.nan, count, math.nan, math.nan)
    if count < 3 or not np.isfinite(sample).all():
        return undefined
    mean = float(sample.mean())
    gaps = sample - mean
    variance = float((gaps**2).mean())
    # equal returns differ by rounding, which is no variance
    if math.sqrt(variance) <= 1e-14 * max(1.0, abs(mean)):
        return undefined
    return SharpeMoments(mean / math.sqrt(variance * count / (count - 1)), count,
                         float((gaps**3).mean()) / variance**1.5, float((gaps**4).mean()) / variance**2)


def sharpe_standard_error(returns: ArrayLike | SharpeMoments) -> float:
    """Return the standard error of the Sharpe ratio per period, for returns of any distribution.

    ``sqrt((1 - skew SR + (kurtosis - 1)/4 SR²) / (n - 1))``: Mertens (2002), which is Lo's (2002) for normal
    returns; with ``n - 1`` as in Bailey and López de Prado (2012). Days are taken as independent.

    Parameters
    ----------
    returns
        Returns per period, fractions; or their moments.

    Returns
    -------
    float
        Per period; NaN where the Sharpe ratio is undefined. Times ``sqrt(365)`` for the annualized ratio's error.
    """
    moments = _moments(returns)
    if math.isnan(moments.sharpe):
        return math.nan
    return math.sqrt(_spread(moments) / (moments.days - 1))


def probabilistic_sharpe(returns: ArrayLike | SharpeMoments, benchmark: float = 0.0) -> float:
    """Return the probability that the true Sharpe ratio is above a benchmark.

    ``Φ[(SR - SR*) sqrt(n - 1) / sqrt(1 - skew SR + (kurtosis - 1)/4 SR²)]`` (Bailey and López de Prado 2012).
    It is meant for one strategy that was not chosen among others; for the best of many see
    :func:`deflated_sharpe`.

    Parameters
    ----------
    returns
        Returns per period, fractions; or their moments.
    benchmark
        Sharpe ratio per period (an annualized one divided by ``sqrt(365)``).

    Returns
    -------
    float
        Between 0 and 1; NaN where the Sharpe ratio is undefined.
    """
    from scipy.special import ndtr

    moments = _moments(returns)
    error = sharpe_standard_error(moments)
    if math.isnan(error):
        return math.nan
    gap = moments.sharpe - benchmark
    return float(ndtr(gap / error)) if error > 0 else 0.5 + 0.5 * float(np.sign(gap))


def minimum_track_record_length(
    returns: ArrayLike | SharpeMoments, benchmark: float = 0.0, confidence: float = 0.95
) -> float:
    """Return how many such days it takes until the probabilistic Sharpe ratio reaches a confidence.

    ``1 + (1 - skew SR + (kurtosis - 1)/4 SR²) (z / (SR - SR*))²`` (Bailey and López de Prado 2012).

    Parameters
    ----------
    returns
        Returns per period, fractions; or their moments.
    benchmark
        Sharpe ratio per period.
    confidence
        Between 0.5 and 1, both excluded.

    Returns
    -------
    float
        Periods (days); infinite when the Sharpe ratio is not above the benchmark, for then no length is enough;
        NaN where the Sharpe ratio is undefined.
    """
    from scipy.special import ndtri

    moments = _moments(returns)
    if math.isnan(moments.sharpe):
        return math.nan
    if not moments.sharpe > benchmark:
        return math.inf
    return 1.0 + _spread(moments) * (float(ndtri(confidence)) / (moments.sharpe - benchmark)) ** 2


def expected_maximum_sharpe(variance: float, trials: float) -> float:
    """Return the Sharpe ratio that the best of many trials without skill is expected to show.

    ``sqrt(V) [(1 - γ) Φ⁻¹(1 - 1/N) + γ Φ⁻¹(1 - 1/(N e))]`` with Euler's γ (Bailey and López de Prado 2014).

    Parameters
    ----------
    variance
        Of the trials' Sharpe ratios; per period, for a result per period.
    trials
        How many independent trials; need not be whole.

    Returns
    -------
    float
        In the unit of ``sqrt(variance)``. 0 for a single trial, where nothing was chosen, and never below it
        (the formula is an approximation, negative for less than 1.4 trials). NaN for a variance that is.
    """
    from scipy.special import ndtri

    if math.isnan(variance) or math.isnan(trials):
        return math.nan
    if trials <= 1:
        return 0.0
    standard = (1 - np.euler_gamma) * ndtri(1 - 1 / trials) + np.euler_gamma * ndtri(1 - 1 / (trials * math.e))
    return max(math.sqrt(variance) * float(standard), 0.0)


def deflated_sharpe(returns: ArrayLike | SharpeMoments, variance: float, trials: float) -> DeflatedSharpe:
    """Return the deflated Sharpe ratio: the probabilistic one against the best that luck is expected to give.

    Bailey and López de Prado (2014).

    Parameters
    ----------
    returns
        Returns per period of the trial that was chosen, fractions; or their moments.
    variance
        Of the trials' Sharpe ratios, per period.
    trials
        How many independent trials it was chosen from, all counted: those thrown away, too.
    """
    moments = _moments(returns)
    hurdle = expected_maximum_sharpe(variance, trials)
    probability = probabilistic_sharpe(moments, hurdle) if math.isfinite(hurdle) else math.nan
    reason = ""
    if math.isnan(moments.sharpe):
        reason = "the Sharpe ratio is undefined: too few returns, or they do not vary"
    elif math.isnan(probability):
        reason = "the variance of the trials' Sharpe ratios is undefined"
    return DeflatedSharpe(probability, moments.sharpe, hurdle, variance, trials, moments.days, reason)


def _moments(returns: ArrayLike | SharpeMoments) -> SharpeMoments:
    return returns if isinstance(returns, SharpeMoments) else sharpe_moments(returns)


def _spread(moments: SharpeMoments) -> float:
    """Return the asymptotic variance of the estimated Sharpe ratio, times the number of returns."""
    # never below zero, because kurtosis >= 1 + skew²; rounding may say otherwise
    return max(1.0 - moments.skew * moments.sharpe + (moments.kurtosis - 1.0) / 4.0 * moments.sharpe**2, 0.0)
