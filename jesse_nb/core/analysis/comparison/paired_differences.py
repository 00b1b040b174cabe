"""Whether two results on the same days differ by more than noise: a paired bootstrap of their daily returns."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jesse_nb.core.analysis.luck.superior_ability import automatic_block
from jesse_nb.core.study.ratios import PERIODS
from jesse_nb.exceptions import InputError

__all__ = ["COMPARED", "FEWEST_DAYS", "PairedDifference", "paired_differences"]

#: Figures whose differences are tested, and their units. Drawdowns hang on the order of all days, of which a sample
#: has one; and volatility comes and goes for so long that equal ones were told apart in 4 of 10 samples of a GARCH
#: process. Their differences are shown, and not tested.
COMPARED = {"mean_return": "percent", "sharpe_ratio": "ratio"}

#: On fewer days in common nothing is tested.
FEWEST_DAYS = 60
_LEVEL = 0.95
#: Days are equal where they differ by less.
_EQUAL = 1e-12


@dataclass(frozen=True)
class PairedDifference:
    """How a figure of one result differs from that of another.

    Attributes
    ----------
    figure
        One of :data:`COMPARED`.
    base, value
        Of the first result and of the other one, in the figure's unit.
    difference, low, high
        ``value - base``, and its 95 % interval.
    p
        Probability of a difference as large, either way, if there is none; NaN with a ``reason``.
    reason
        Why it is not tested; empty otherwise.
    """

    figure: str
    base: float
    value: float
    difference: float
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    reason: str = ""


def paired_differences(
    base: ArrayLike, other: ArrayLike, *, seed: int = 0, resamples: int = 2_000
) -> tuple[PairedDifference, ...]:
    """Compare two results by their returns on the same days.

    Both are drawn from the same days in the same blocks (the stationary bootstrap of Politis and Romano, 1994), so what
    the market did to both cancels out. Each difference is divided by its standard error, in the sample as in each draw
    (Ledoit and Wolf, "Robust performance hypothesis testing with the Sharpe ratio", 2008), which comes from the
    influence of each day with Bartlett's weights over the length of a block. Intervals are those of the bootstrap-t,
    symmetric.

    Parameters
    ----------
    base, other
        Daily returns, fractions, shape (days,) each, in the order of time.
    seed
        Makes the draws repeatable.
    resamples
        How many.

    Returns
    -------
    tuple of PairedDifference
        One for each of :data:`COMPARED`: the mean daily return times 365 (percent), and the mean over the standard
        deviation of daily returns, times sqrt(365).

    Raises
    ------
    InputError
        When they are not of the same days.

    Examples
    --------
    >>> random = np.random.default_rng(1)
    >>> base = random.normal(0, 0.02, 400)
    >>> found = paired_differences(base, base + 0.01 + random.normal(0, 0.001, 400))
    >>> [round(each.p, 3) < 0.05 for each in found]
    [True, True]
    """
    pair = np.stack([np.asarray(base, dtype=float), np.asarray(other, dtype=float)], axis=-1) \
        if np.shape(base) == np.shape(other) and np.ndim(base) == 1 else None
    if pair is None:
        raise InputError(f"The returns have shapes {np.shape(base)} and {np.shape(other)}.",
                         "Give one return a day, of the same days.")
    figures = _figures(pair[None])[0]
    reason = _why_not(pair)
    if reason:
        return tuple(PairedDifference(name, *_parts(figures, place), reason=reason)
                     for place, name in enumerate(COMPARED))
    block = automatic_block(np.column_stack([pair, pair[:, 1] - pair[:, 0]]))
    errors = _errors(pair[None], block)[0]
    differences = figures[1] - figures[0]
    drawn = np.concatenate([_drawn(pair, part, block, differences) for part in _places(len(pair), block, seed,
                                                                                       resamples)])
    found = []
    for place, name in enumerate(COMPARED):
        ratios = np.abs(drawn[:, place])
        observed = abs(differences[place]) / errors[place]
        reach = float(np.quantile(ratios, _LEVEL)) * float(errors[place])
        p = (1 + int((ratios >= observed).sum())) / (1 + len(ratios))
        gap = float(differences[place])
        found.append(PairedDifference(name, *_parts(figures, place), gap - reach, gap + reach, p))
    return tuple(found)


def _parts(figures: NDArray[np.float64], place: int) -> tuple[float, float, float]:
    base, value = float(figures[0, place]), float(figures[1, place])
    return base, value, value - base


def _why_not(pair: NDArray[np.float64]) -> str:
    """Return why nothing can be tested; empty where it can."""
    if not np.isfinite(pair).all():
        return "a return is undefined"
    if len(pair) < FEWEST_DAYS:
        return f"{len(pair):,} days in common; {FEWEST_DAYS} are needed"
    if (np.abs(pair[:, 1] - pair[:, 0]) < _EQUAL).all():
        return "the returns are the same on every day"
    if (np.ptp(pair, axis=0) < _EQUAL).any():
        return "one of them does not vary"
    return ""


def _figures(pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the figures of (draws, days, 2) returns, shape (draws, 2, figures)."""
    if pairs.shape[1] < 2:
        return np.full((len(pairs), 2, len(COMPARED)), np.nan)
    mean, spread = pairs.mean(axis=1), pairs.std(axis=1, ddof=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(spread > _EQUAL, mean / spread, np.nan)
    return np.stack([mean * PERIODS * 100, ratio * math.sqrt(PERIODS)], axis=-1)


def _errors(pairs: NDArray[np.float64], block: int) -> NDArray[np.float64]:
    """Return the standard errors of the differences of (draws, days, 2) returns, shape (draws, figures).

    Of each figure the influence of each day, and the long-run variance of the differences of these.
    """
    days = pairs.shape[1]
    mean, spread = pairs.mean(axis=1, keepdims=True), np.maximum(pairs.std(axis=1, keepdims=True), _EQUAL)
    off = pairs - mean
    wider = (off**2 - spread**2) / (2 * spread)
    influence = np.stack([off * PERIODS * 100, (off / spread - mean * wider / spread**2) * math.sqrt(PERIODS)], axis=-1)
    gaps = influence[:, :, 1] - influence[:, :, 0]
    variance = (gaps**2).mean(axis=1)
    for lag in range(1, min(block, days - 1)):
        variance += 2 * (1 - lag / block) * (gaps[:, lag:] * gaps[:, :-lag]).sum(axis=1) / days
    return np.asarray(np.sqrt(np.maximum(variance, 1e-30) / days))


def _drawn(
    pair: NDArray[np.float64], places: NDArray[np.int64], block: int, differences: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how far drawn differences are from the sample's, in their own standard errors; (draws, figures)."""
    pairs = pair[places]
    figures = _figures(pairs)
    ratios = (figures[:, 1] - figures[:, 0] - differences) / _errors(pairs, block)
    return np.nan_to_num(ratios, nan=0.0, posinf=0.0, neginf=0.0)


def _places(days: int, block: int, seed: int, resamples: int) -> list[NDArray[np.int64]]:
    """Return which days each draw takes, in parts that fit into memory."""
    from arch.bootstrap import StationaryBootstrap

    drawer = StationaryBootstrap(block, np.arange(days), seed=seed)
    places = np.array([drawer.update_indices() for _ in range(resamples)])
    return list(np.array_split(places, max(days * resamples // 1_000_000, 1)))
