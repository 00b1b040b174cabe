"""Markets under stress: the period's own candles with a fall, a rise or a wilder time put in, every market alike."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.times import MINUTE_MS

__all__ = ["stressed", "stressing"]


def stressing(base: type[Any], start: int, at: int, minutes: int, change: float, volatility: float) -> type[Any]:
    """Return a pipeline for Jesse that puts :func:`stressed` in place of each market's candles.

    Without any change it leaves them alone, so that the run is the original's to the last bit.
    """

    class Stress(base):  # type: ignore[misc]  # Jesse is untyped
        def process(self, original: NDArray[np.float64], out: NDArray[np.float64]) -> bool:
            if change == 0.0 and volatility == 1.0:
                return False
            out[:] = stressed(original, start, at, minutes, change, volatility)
            return True

    return Stress


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
