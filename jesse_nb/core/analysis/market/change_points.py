"""Changes of the equity's drift that are more than luck."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.luck.significance import shortage
from jesse_nb.core.study.ratios import PERIODS

__all__ = ["FEWEST_DAYS", "DriftChanges", "drift_changes"]

#: Fewer days than this are not searched.
FEWEST_DAYS = 60
_LEVEL, _RESAMPLES, _MOST_CHANGES = 0.05, 999, 4
_COLUMNS = ["start", "end", "days", "mean", "annual_return"]


@dataclass(frozen=True)
class DriftChanges:
    """Change points of the mean daily return.

    Attributes
    ----------
    days
        How many returns were searched.
    p
        Of "the drift never changed": the share of resamples without a change in which the best single split
        separates the means as far as it does here. NaN with ``reason``.
    changes
        First day of each new drift; empty when ``p`` is 0.05 or above.
    segments
        Rows from one change to the next: ``start``, ``end`` (its last day), ``days``, ``mean`` (logarithm of a
        day's growth, percent) and ``annual_return`` (compound, percent).
    block
        Days over which a resample keeps a sign.
    seed
        Makes the resamples repeatable.
    reason
        Why nothing was searched; empty otherwise.
    """

    days: int
    p: float
    changes: tuple[pd.Timestamp, ...]
    segments: pd.DataFrame
    block: int
    seed: int
    reason: str = ""


def drift_changes(returns: pd.Series[float], *, seed: int = 0) -> DriftChanges:
    """Search daily returns for changes of their mean.

    Whether there is a change is tested with the largest CUSUM (the difference of the means before and after a
    day, by its standard error under constant variance) against a dependent wild bootstrap (Shao 2010): the
    deviations from the mean keep their place and size, only their signs are drawn, a block of days at a time. So
    neither wild and quiet times nor fat tails nor short memory pass for a change of drift. Halves of a series that
    is split are tested in their turn. As many changes as that gives are then placed all together, by least squares
    (`ruptures`).

    Parameters
    ----------
    returns
        Daily returns, fractions, in the order of time, with a DatetimeIndex.
    seed
        Makes the resamples repeatable.
    """
    sample = returns.to_numpy(dtype=float)
    reason = _unusable(sample)
    if reason:
        return DriftChanges(len(sample), math.nan, (), pd.DataFrame(columns=_COLUMNS), 0, seed, reason)
    growth = np.log1p(sample)
    block, random = _block_length(growth), np.random.default_rng(seed)
    p, count = _search(growth, block, random)
    starts = _placed(growth, min(count, _MOST_CHANGES))
    days = pd.DatetimeIndex(returns.index)
    rows = [{"start": days[first], "end": days[last - 1], "days": last - first,
             "mean": float(growth[first:last].mean()) * 100.0,
             "annual_return": _annual(float(growth[first:last].mean()))}
            for first, last in zip([0, *starts], [*starts, len(growth)], strict=True)]
    return DriftChanges(len(sample), p, tuple(days[start] for start in starts), pd.DataFrame(rows, columns=_COLUMNS),
                        block, seed)


def _search(growth: NDArray[np.float64], block: int, random: np.random.Generator) -> tuple[float, int]:
    """Return the p-value of the first split, and how many splits hold."""
    if len(growth) < FEWEST_DAYS:
        return math.nan, 0
    separation = _separation(growth[None, :])[0]
    deviations = growth - growth.mean()
    signs = random.choice(np.array([-1.0, 1.0]), (_RESAMPLES, math.ceil(len(growth) / block)))
    drawn = np.repeat(signs, block, axis=1)[:, : len(growth)] * deviations
    p = float((1 + (_separation(drawn).max(axis=1) >= separation.max()).sum()) / (1 + _RESAMPLES))
    if p >= _LEVEL:
        return p, 0
    split = _least(len(growth)) + int(separation.argmax())
    return p, 1 + sum(_search(half, block, random)[1] for half in (growth[:split], growth[split:]))


def _separation(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each split of each row (rows, days) separates the means: (rows, possible splits)."""
    count, least = samples.shape[1], _least(samples.shape[1])
    before = np.arange(least, count - least + 1)
    sums = np.cumsum(samples, axis=1)
    gaps = sums[:, before - 1] - sums[:, -1:] * (before / count)
    separation: NDArray[np.float64] = np.abs(gaps) / np.sqrt(before * (count - before) / count)
    return separation


def _placed(growth: NDArray[np.float64], changes: int) -> list[int]:
    if not changes:
        return []
    import ruptures

    search = ruptures.KernelCPD(kernel="linear", min_size=_least(len(growth) // changes))
    # scaled, because the search compares costs with absolute tolerances
    search.fit((growth / growth.std())[:, None])
    return [int(start) for start in search.predict(n_bkps=changes)[:-1]]


def _least(days: int) -> int:
    """Fewest days on either side of a change: a tenth, and so that a few wild days are no drift."""
    return max(days // 10, 15)


def _block_length(growth: NDArray[np.float64]) -> int:
    """Return Politis and White's automatic length, of what is left when two changes are taken out.

    A change of drift is memory too, of the longest kind: left in, it would make the blocks so long that the
    resamples show what they should not have. What is taken out may be memory of another kind, so the length is no
    less than the cube root of the days.
    """
    from arch.bootstrap import optimal_block_length

    parts = np.split(growth, _placed(growth, 2))
    left = np.concatenate([part - part.mean() for part in parts])
    length = float(optimal_block_length(left)["circular"].iloc[0]) if np.ptp(left) > 1e-14 else 1.0
    least = round(float(len(growth) ** (1 / 3)))
    return min(max(round(length), least), len(growth) // 10) if math.isfinite(length) else least


def _annual(mean: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.expm1(np.float64(mean * PERIODS)) * 100.0)


def _unusable(sample: NDArray[np.float64]) -> str:
    if (sample <= -1.0).any():
        return "the account was lost"
    if len(sample) < FEWEST_DAYS:
        return shortage(len(sample), "day", FEWEST_DAYS)
    if not np.isfinite(sample).all():
        return "some returns are undefined"
    return "the returns do not vary" if float(np.ptp(sample)) < 1e-14 else ""
