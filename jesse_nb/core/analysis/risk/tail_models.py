"""How deep the worst returns go: quantiles of one history of returns, or of many at once, and the mean beyond them.

All functions take histories of shape (n, T), one row each, and return the quantile of the returns at each
probability ``p`` (shape (k,)) and the mean of the returns below it, both of shape (n, k). A loss is a negative
return here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["FEWEST_FREEDOM", "MOST_FREEDOM", "StudentT", "Tail", "cornish_fisher",
           "cornish_fisher_domain", "cornish_fisher_tail", "empirical_tail",
           "fit_student_t", "mean_below", "moments", "normal_tail", "student_t_sum", "student_t_tail"]

Floats = NDArray[np.float64]

#: Degrees of freedom of a t distribution that are looked for: below, it has no variance; above, it is a normal one.
FEWEST_FREEDOM, MOST_FREEDOM = 2.05, 200.0


class Tail(NamedTuple):
    """The quantile at each probability, and the mean of what lies below it; (n, k)."""

    quantile: Floats
    below: Floats


class StudentT(NamedTuple):
    """A t distribution by history, (n,): where it is, how wide, and its degrees of freedom."""

    loc: Floats
    scale: Floats
    freedom: Floats


def empirical_tail(paths: Floats, p: Floats) -> Tail:
    """Return the tail of the returns as they were.

    The quantile at ``p`` is the value of rank ``p (T + 1)``, between two by a straight line (the k-th smallest of T
    independent returns is undercut with a probability of k / (T + 1), whatever their distribution). The mean below is
    that of this very quantile function.

    Examples
    --------
    >>> tail = empirical_tail(np.arange(99.0)[None, :], np.array([0.05]))
    >>> tail.quantile.item(), tail.below.item()
    (4.0, 1.6)
    """
    ordered = np.sort(paths, axis=1)
    count = ordered.shape[1]
    rank = np.clip(p * (count + 1), 0.0, count)
    whole = np.minimum(rank.astype(int), count - 1)
    part = rank - whole
    following = np.concatenate([ordered[:, :1], ordered], axis=1)  # values of rank 0, 1, ..., T; rank 0 is the lowest
    low, high = following[:, whole], following[:, whole + 1]
    area = np.concatenate([np.zeros((len(ordered), 1)),
                           np.cumsum((following[:, 1:] + following[:, :-1]) / 2.0, axis=1)], axis=1)
    below = (area[:, whole] + part * low + part**2 / 2.0 * (high - low)) / rank
    return Tail(low + part * (high - low), below)


def moments(paths: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return mean, standard deviation (n - 1), skewness and excess kurtosis of each history, all (n,)."""
    mean = paths.mean(axis=1)
    away = paths - mean[:, None]
    square = away * away  # a third power costs as much as fifty products
    variance = square.mean(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        skew = (square * away).mean(axis=1) / variance**1.5
        kurtosis = (square * square).mean(axis=1) / variance**2 - 3.0
    return mean, np.sqrt(variance * paths.shape[1] / (paths.shape[1] - 1)), skew, kurtosis


def normal_tail(mean: Floats, spread: Floats, p: Floats) -> Tail:
    """Return the tail of normal returns: ``mean + spread z`` and ``mean - spread phi(z) / p``.

    Examples
    --------
    >>> tail = normal_tail(np.zeros(1), np.ones(1), np.array([0.025]))
    >>> round(tail.below.item(), 5)
    -2.3378
    """
    from scipy.special import ndtri
    from scipy.stats import norm

    z = ndtri(p)
    mean, spread = mean[:, None], spread[:, None]
    return Tail(mean + spread * z, mean - spread * norm.pdf(z) / p)


def student_t_tail(fitted: StudentT, p: Floats) -> Tail:
    """Return the tail of t-distributed returns (McNeil, Frey and Embrechts 2015, example 2.15)."""
    from scipy.stats import t

    loc, scale, freedom = (part[:, None] for part in fitted)
    q = t.ppf(p, freedom)
    deep = t.pdf(q, freedom) / p * (freedom + q**2) / (freedom - 1.0)
    return Tail(loc + scale * q, loc - scale * deep)


def fit_student_t(paths: Floats, halvings: int = 16, steps: int = 5) -> StudentT:
    """Fit a t distribution to each history, by maximum likelihood.

    The degrees of freedom, between 2.05 and 200, are found by halving the range of their inverse, where the likelihood
    has its slope; location and scale by Kent, Tyler and Vardi's EM steps (1994) on the way. All histories at once.

    Parameters
    ----------
    paths
        Returns, (n, T), which vary.
    halvings
        How often the range is halved.
    steps
        EM steps after each.
    """
    from scipy.special import digamma

    loc = np.median(paths, axis=1)
    scale = np.maximum(np.median(np.abs(paths - loc[:, None]), axis=1) * 1.3, paths.std(axis=1) * 1e-3)
    low, high = np.full((2, len(paths)), [[1 / MOST_FREEDOM], [1 / FEWEST_FREEDOM]])
    freedom = np.full(len(paths), 5.0)
    for _ in range(halvings):
        freedom = 2.0 / (low + high)
        for _ in range(steps):
            weight = (freedom[:, None] + 1.0) / (freedom[:, None] + ((paths - loc[:, None]) / scale[:, None]) ** 2)
            total = weight.sum(axis=1)
            loc = (weight * paths).sum(axis=1) / total
            scale = np.maximum(np.sqrt((weight * (paths - loc[:, None]) ** 2).sum(axis=1) / total), 1e-300)
        weight = (freedom[:, None] + 1.0) / (freedom[:, None] + ((paths - loc[:, None]) / scale[:, None]) ** 2)
        half, more = freedom / 2.0, (freedom + 1.0) / 2.0
        slope = np.log(half / more) + digamma(more) - digamma(half) + 1.0 + (np.log(weight) - weight).mean(axis=1)
        low, high = np.where(slope > 0, low, 1 / freedom), np.where(slope > 0, 1 / freedom, high)
    return StudentT(loc, scale, freedom)


@lru_cache(maxsize=4096)
def student_t_sum(freedom: float, count: int, p: tuple[float, ...]) -> tuple[float, ...]:
    """Return quantiles of the sum of ``count`` independent t variables of unit scale.

    By the count-fold convolution of their distribution on a grid, with a fast Fourier transform.
    """
    from scipy.fft import irfft, next_fast_len, rfft
    from scipy.stats import t

    step, reach = 0.05, 400.0
    half = round(reach / step)
    edges = (np.arange(-half, half + 2) - 0.5) * step
    mass = np.diff(t.cdf(edges, freedom))
    length = next_fast_len(len(mass) * count)
    summed = irfft(rfft(mass, length) ** count, length)[: count * 2 * half + 1]
    upper = (np.arange(len(summed)) - count * half + 0.5) * step
    cumulated = np.cumsum(np.maximum(summed, 0.0))
    return tuple(float(value) for value in np.interp(p, cumulated / cumulated[-1], upper))


def cornish_fisher(z: Floats, skew: Floats, kurtosis: Floats) -> Floats:
    """Return Cornish and Fisher's expansion of standardized quantiles (n, k).

    ``z + (z^2 - 1) S / 6 + (z^3 - 3 z) K / 24 - (2 z^3 - 5 z) S^2 / 36`` (Cornish and Fisher 1938).
    """
    s, k = skew[:, None], kurtosis[:, None]
    expanded: Floats = z + (z**2 - 1) * s / 6 + (z**3 - 3 * z) * k / 24 - (2 * z**3 - 5 * z) * s**2 / 36
    return expanded


def cornish_fisher_domain(skew: Floats, kurtosis: Floats) -> NDArray[np.bool_]:
    """Return where the expansion is a quantile function: where it rises with z (Maillard 2012).

    Its slope is a parabola in z, which has to stay above zero from z = -4 to 4, all but 6 in 100,000.
    """
    a, b, c = kurtosis / 8 - skew**2 / 6, skew / 3, 1 - kurtosis / 8 + 5 * skew**2 / 36
    with np.errstate(divide="ignore", invalid="ignore"):
        turn = np.where(a != 0, np.clip(-b / (2 * a), -4.0, 4.0), 0.0)
    slopes = [a * z**2 + b * z + c for z in (-4.0, turn, 4.0)]
    rises: NDArray[np.bool_] = np.min(slopes, axis=0) > 0
    return rises


def cornish_fisher_tail(mean: Floats, spread: Floats, skew: Floats, kurtosis: Floats, p: Floats) -> Tail:
    """Return the tail by the expansion; NaN where :func:`cornish_fisher_domain` says that it is none.

    The mean below is the expansion integrated up to p, ``-phi(z) / p [1 + z S / 6 + (z^2 - 1) K / 24 - (2 z^2 - 1)
    S^2 / 36]``.
    """
    from scipy.special import ndtri
    from scipy.stats import norm

    z = ndtri(p)
    s, k = skew[:, None], kurtosis[:, None]
    deep = -norm.pdf(z) / p * (1 + z * s / 6 + (z**2 - 1) * k / 24 - (2 * z**2 - 1) * s**2 / 36)
    known = np.where(cornish_fisher_domain(skew, kurtosis), spread, np.nan)[:, None]
    return Tail(mean[:, None] + known * cornish_fisher(z, skew, kurtosis), mean[:, None] + known * deep)


@lru_cache(maxsize=1)
def _nodes() -> tuple[Floats, Floats]:
    """Gauss and Legendre's nodes for a tail: crowded where it is deep, weights with them."""
    at, weight = np.polynomial.legendre.leggauss(48)  # type: ignore[no-untyped-call]
    inside = (at + 1.0) / 2.0
    return inside**3, weight / 2.0 * 3.0 * inside**2


def mean_below(p: float) -> tuple[Floats, Floats]:
    """Return probabilities below ``p`` and weights: a quantile function there, weighted, is the mean below ``p``."""
    at, weight = _nodes()
    return at * p, weight
