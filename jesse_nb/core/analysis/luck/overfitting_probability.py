"""Whether the trial that is best on one half of the days stays above the others on the other half.

The probability of backtest overfitting by combinatorially symmetric cross-validation (CSCV): Bailey, Borwein,
López de Prado and Zhu, "The Probability of Backtest Overfitting", Journal of Computational Finance 20(4), 2017.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from jesse_nb.core.analysis.luck.distinct_trials import distinct_trials
from jesse_nb.core.study.ratios import PERIODS
from jesse_nb.exceptions import InputError

__all__ = ["OverfittingProbability", "probability_of_overfitting"]

Array = NDArray[np.float64]

#: Values that one step works on, so that memory stays bounded with thousands of trials.
_AT_ONCE = 1_000_000


@dataclass(frozen=True, eq=False)
class OverfittingProbability:
    """What becomes, out-of-sample, of the trial that is best in-sample.

    Attributes
    ----------
    probability
        Share of the splits in which it is at or below the median of all trials out-of-sample: near 0.5 when
        choosing was no better than drawing lots, near 0 when the same trials are good everywhere.
    logits
        One a split: ``log(rank / (1 - rank))`` of its relative rank out-of-sample; at or below 0 counts as overfit.
    in_sample, out_of_sample
        One a split: its Sharpe ratios in both halves, annualized by 365.
    slope
        Of the regression of ``out_of_sample`` on ``in_sample``: how much of a better Sharpe ratio is left. One
        half's luck is the other's lack of it, so it is negative for most trials, skilled or not.
    loss
        Share of the splits in which it loses out-of-sample.
    trials, days
        How many distinct trials and days were used; days beyond a multiple of the partitions are left out at the end.
    partitions
        How many blocks of days the halves are put together from.
    reason
        Why the figures are NaN and the arrays empty; empty otherwise.
    """

    probability: float
    logits: Array = field(repr=False)
    in_sample: Array = field(repr=False)
    out_of_sample: Array = field(repr=False)
    slope: float
    loss: float
    trials: int
    days: int
    partitions: int
    reason: str = ""


def probability_of_overfitting(returns: pd.DataFrame | ArrayLike, partitions: int = 16) -> OverfittingProbability:
    """Return the probability of backtest overfitting.

    The days are cut into blocks; each way to take half of the blocks is one split (12,870 for 16 blocks). Trials
    are compared by the Sharpe ratio, which is 0 where a trial's returns do not vary in a half (it did not trade).
    Equal trials count once; of equally good ones the first counts as chosen.

    Parameters
    ----------
    returns
        (days, trials) returns per day, fractions, days in the order of time.
    partitions
        How many blocks; even, from 2 to 16.

    Raises
    ------
    InputError
        When ``partitions`` is not such a number, ``returns`` is not two-dimensional, or some are undefined.
    """
    values = np.asarray(returns, dtype=float)
    if partitions not in range(2, 17, 2):
        raise InputError(f"partitions is {partitions}.", "It is an even number from 2 to 16.")
    if values.ndim != 2:
        raise InputError(f"Returns of shape {values.shape} are no table.", "One row a day, one column a trial.")
    if not np.isfinite(values).all():
        raise InputError("Some of the trials' returns are undefined.", "Leave those trials out, or fill them.")
    size = len(values) // partitions
    used = values[: size * partitions]
    distinct = used[:, distinct_trials(used)[0]]
    if size < 2 or distinct.shape[1] < 2:
        nothing = np.empty(0)
        reason = (f"{len(values)} days cannot be cut into {partitions} blocks of two or more" if size < 2
                  else "it needs two trials that differ")
        return OverfittingProbability(math.nan, nothing, nothing, nothing, math.nan, math.nan, distinct.shape[1],
                                      size * partitions, partitions, reason)
    ranks, inside, outside = _all_splits(distinct, partitions)
    share = ranks / (distinct.shape[1] + 1.0)
    logits = np.log(share / (1.0 - share))
    spread = inside - inside.mean()
    varied = float(spread @ spread)
    return OverfittingProbability(
        probability=float((logits <= 0.0).mean()),
        logits=logits,
        in_sample=inside * math.sqrt(PERIODS),
        out_of_sample=outside * math.sqrt(PERIODS),
        slope=float(spread @ outside) / varied if varied > 0 else math.nan,
        loss=float((outside < 0.0).mean()),
        trials=distinct.shape[1],
        days=size * partitions,
        partitions=partitions,
    )


def _all_splits(values: Array, partitions: int) -> tuple[Array, Array, Array]:
    """Return rank out-of-sample and Sharpe ratios in-sample and out-of-sample of each split's best trial.

    A half's mean and variance follow from sums over its blocks, so all splits are one matrix product. A split
    and its mirror image need the same two halves: the first block is in-sample in one of them.
    """
    days = len(values)
    blocks = values.reshape(partitions, days // partitions, -1)
    sums, squares = blocks.sum(axis=1), (blocks**2).sum(axis=1)
    halves = _halves(partitions)
    count = len(halves)
    found = np.empty((3, 2 * count))
    step = max(_AT_ONCE // values.shape[1], 1)
    for start in range(0, count, step):
        some = halves[start : start + step]
        here = _sharpe(some @ sums, some @ squares, days // 2)
        there = _sharpe((1.0 - some) @ sums, (1.0 - some) @ squares, days // 2)
        # mirror images lie at the other end of the lexicographic order
        positions = np.arange(start, start + len(some))
        found[:, positions] = _best(here, there)
        found[:, 2 * count - 1 - positions] = _best(there, here)
    return found[0], found[1], found[2]


@lru_cache(maxsize=2)
def _halves(partitions: int) -> Array:
    """Return every choice of half of the blocks that holds the first, as rows of ones and zeros."""
    chosen = np.array([(0, *rest) for rest in itertools.combinations(range(1, partitions), partitions // 2 - 1)])
    rows = np.zeros((len(chosen), partitions))
    np.put_along_axis(rows, chosen, 1.0, axis=1)
    rows.flags.writeable = False
    return rows


def _sharpe(total: Array, square: Array, days: int) -> Array:
    mean = total / days
    variance = (square - total * mean) / (days - 1)
    varies = variance > 1e-12 * square / days
    return np.where(varies, mean / np.sqrt(np.where(varies, variance, 1.0)), 0.0)


def _best(inside: Array, outside: Array) -> Array:
    rows = np.arange(len(inside))
    winner = inside.argmax(axis=1)
    its = outside[rows, winner]
    below, equal = outside < its[:, None], outside == its[:, None]
    rank = below.sum(axis=1) + (equal.sum(axis=1) + 1.0) / 2.0
    return np.stack([rank, inside[rows, winner], its])
