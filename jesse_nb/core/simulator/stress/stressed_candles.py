"""Markets under stress: the period's own candles with a fall, a rise or a wilder time put in, every market alike."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.times import MINUTE_MS

__all__ = ["follow", "stressed", "stressing"]


def stressing(
    base: type[Any], start: int, at: int, minutes: int, change: float, volatility: float,
    leader: NDArray[np.float64] | None = None,
) -> type[Any]:
    """Return a pipeline for Jesse that puts :func:`stressed` in place of each market's candles.

    With a ``leader``, the first market's candles, those of the others :func:`follow` it first. Without any change the
    candles are left alone, so that the run is the original's to the last bit.
    """

    class Stress(base):  # type: ignore[misc]  # Jesse is untyped
        def process(self, original: NDArray[np.float64], out: NDArray[np.float64]) -> bool:
            if change == 0.0 and volatility == 1.0 and leader is None:
                return False
            moved = original if leader is None else follow(original, leader, start, at, minutes)
            out[:] = stressed(moved, start, at, minutes, change, volatility)
            return True

    return Stress


def follow(
    candles: NDArray[np.float64], leader: NDArray[np.float64], start: int, at: int, minutes: int
) -> NDArray[np.float64]:
    """Return candles that move as a leader's for a while, and on their own from where that led them.

    Each move is the leader's times one factor: the ratio of both markets' own root mean square of one-minute moves in
    that time. So their correlation is one, and each varies as much as it did.

    Parameters
    ----------
    candles, leader
        One-minute candles in Jesse's order, (n, 6) and (m, 6). A minute that the leader lacks has no move.
    start
        When the period begins, milliseconds UTC.
    at, minutes
        Minutes from there to the beginning, and how long it lasts.

    Examples
    --------
    >>> minute = np.arange(4) * 60_000.0
    >>> flat = np.column_stack([minute, np.tile([[10.0, 10, 10, 10, 1]], (4, 1))])
    >>> risen = flat + np.outer([0, 1, 2, 3], [0, 1, 1, 1, 1, 0])
    >>> bool((follow(flat, risen, 0, at=1, minutes=2)[:, 2] == 10).all())  # what never moved has no size of its own
    True
    """
    if len(candles) == len(leader) and np.array_equal(candles, leader):
        return candles
    minute = ((candles[:, 0] - start) // MINUTE_MS).astype(np.int64)
    rows = np.flatnonzero((minute >= at) & (minute < at + minutes))
    if not len(rows):
        return candles
    place = np.minimum(np.searchsorted(leader[:, 0], candles[rows, 0]), len(leader) - 1)
    there = leader[place, 0] == candles[rows, 0]
    own, theirs = _moves(candles)[rows, 1], np.where(there[:, None], _moves(leader)[place], 0.0)
    size = float(np.sqrt((own**2).sum() / (theirs[:, 1] ** 2).sum())) if theirs[:, 1].any() else 0.0
    before = float(candles[rows[0] - 1, 2]) if rows[0] else float(candles[0, 1])
    closes = np.log(before) + size * np.cumsum(theirs[:, 1])
    from_close = np.concatenate([[np.log(before)], closes[:-1]])
    new = candles.copy()
    for column, move in zip((1, 3, 4), (0, 2, 3), strict=True):
        new[rows, column] = np.exp(from_close + size * theirs[:, move])
    new[rows, 2] = np.exp(closes)
    new[rows, 3] = new[rows, 1:4].max(axis=1)
    new[rows, 4] = new[rows][:, [1, 2, 4]].min(axis=1)
    new[rows[-1] + 1 :, 1:5] *= new[rows[-1], 2] / candles[rows[-1], 2]
    return new


def _moves(candles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithms of open, close, high and low against the close before, (n, 4)."""
    before = np.concatenate([candles[:1, 1], candles[:-1, 2]])
    moves: NDArray[np.float64] = np.log(candles[:, 1:5] / before[:, None])
    return moves


def stressed(
    candles: NDArray[np.float64], start: int, at: int, minutes: int, change: float, volatility: float
) -> NDArray[np.float64]:
    """Return candles that change by so much, and vary so many times as much, for a while; all after it stays changed.

    Within that time each close moves by ``volatility`` times the logarithm of its own move, and by an equal part of
    the change. A change within one minute comes before the minute's open: a gap.

    Parameters
    ----------
    candles
        One-minute candles in Jesse's order, (n, 6). All before the beginning stay as they are, to the last bit.
    start
        When the period begins, milliseconds UTC.
    at, minutes
        Minutes from there to the beginning, and how long it lasts.
    change
        Fraction by which prices end higher or lower, above -1.
    volatility
        Factor; 1 leaves the market's own moves alone.

    Returns
    -------
    NDArray[np.float64]
        The same timestamps and volumes; high and low hold open and close, and all prices are above zero.

    Examples
    --------
    >>> flat = np.array([[minute * 60_000.0, 100, 100, 101, 99, 1] for minute in range(5)])
    >>> stressed(flat, 0, at=2, minutes=1, change=-0.5, volatility=1.0)[:, 1:5].round(1).tolist()
    [[100.0, 100.0, 101.0, 99.0], [100.0, 100.0, 101.0, 99.0], [50.0, 50.0, 50.5, 49.5], [50.0, 50.0, 50.5, 49.5], \
[50.0, 50.0, 50.5, 49.5]]
    """
    minute = ((candles[:, 0] - start) // MINUTE_MS).astype(np.int64)
    first = int(np.searchsorted(minute, at))
    if first == len(candles):
        return candles.copy()
    opened, closed = candles[:, 1], candles[:, 2]
    before = np.concatenate([opened[:1], closed[:-1]])
    own = np.where((minute >= at) & (minute < at + minutes), np.log(closed / before), 0.0)
    share = np.clip((minute - at + 1) / minutes, 0.0, 1.0)
    factor = np.exp(share * math.log1p(change) + (volatility - 1.0) * np.cumsum(own))
    earlier = np.concatenate([[1.0], factor[:-1]])
    if minutes == 1:
        earlier[first] = factor[first]
    new = candles.copy()
    rest = slice(first, None)
    new[rest, 1], new[rest, 2] = opened[rest] * earlier[rest], closed[rest] * factor[rest]
    ends = new[rest, 1:3]
    new[rest, 3] = np.maximum(candles[rest, 3] * factor[rest], ends.max(axis=1))
    new[rest, 4] = np.minimum(candles[rest, 4] * factor[rest], ends.min(axis=1))
    return new
