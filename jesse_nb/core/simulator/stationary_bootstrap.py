"""Markets that could have been: the minutes of the whole period, put together anew in blocks of random length.

Jesse's own block bootstrap draws within each batch of minutes. A batch's drift is then in each of its blocks, and what
the blocks add by chance comes on top: over the length of a batch such a market varies about twice as much as the real
one, which is to say that it trends. Drawn from the whole period, blocks know nothing of each other.

All is by the clock and not by row: markets of a run stay together whatever minutes each of them lacks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.candles.gaps import fill_gaps
from jesse_nb.core.times import MINUTE_MS

__all__ = ["FEWEST_MINUTES", "drawn_minutes", "rewritten", "stationary_bootstrap"]

_DAY = 1_440

#: In a shorter period some minutes have no other of their time of day.
FEWEST_MINUTES = 2 * _DAY


def stationary_bootstrap(base: type[Any], start: int, minutes: int, block: int, seed: int) -> type[Any]:
    """Return a pipeline for Jesse that rewrites the whole period at once.

    Parameters
    ----------
    base
        Jesse's ``BaseCandlesPipeline``.
    start, minutes
        When the period begins, milliseconds UTC, and how long it is, whatever minutes of it a market has.
    block
        Mean length of a block, minutes.
    seed
        The same for all markets of a run: their minutes stay together.
    """

    class StationaryBootstrap(base):  # type: ignore[misc]  # Jesse is untyped
        def process(self, original: NDArray[np.float64], out: NDArray[np.float64]) -> bool:
            rows = ((original[:, 0] - start) // MINUTE_MS).astype(np.int64)
            out[:] = rewritten(_every_minute(original, start, minutes), drawn_minutes(minutes, block, seed))[rows]
            return True

    return StationaryBootstrap


def _every_minute(candles: NDArray[np.float64], start: int, minutes: int) -> NDArray[np.float64]:
    """Return one candle a minute: what is missing stays flat at the price before it, or at the first one after."""
    if len(candles) == minutes:
        return candles
    ends = candles[[0, -1]].copy()
    ends[:, 0] = start, start + (minutes - 1) * MINUTE_MS
    ends[:, 1:5] = [[candles[0, 1]], [candles[-1, 2]]]
    ends[:, 5] = 0.0
    before, after = ends[:1], ends[1:]
    return fill_gaps(np.concatenate([before[before[:, 0] < candles[0, 0]], candles,
                                     after[after[:, 0] > candles[-1, 0]]]))


def drawn_minutes(minutes: int, block: int, seed: int) -> NDArray[np.int64]:
    """Return from which real minute each minute is taken; shape (minutes,).

    The stationary bootstrap of Politis and Romano (JASA 89(428), 1994) on a circle, but that a block comes from the
    time of day at which it is put, since the hours of a day are not alike (as in the seasonal block bootstrap of
    Dudek, Leskow, Paparoditis and Politis, Journal of Time Series Analysis 35(2), 2014). The circle is one of whole
    days: what the last, shorter day lacks is taken from another day, drawn each time that a block comes there. So
    every minute is from its time of day, and one of that time is as likely as another.

    Parameters
    ----------
    minutes
        How many there are. Of less than two days, some have no other to be taken from.
    block
        Mean length of a block; lengths are geometric, but that a block is cut where the period ends, and again where
        the day ends that was drawn for what the last one lacks.
    seed
        The same seed draws the same.

    Examples
    --------
    >>> drawn = drawn_minutes(43_920, 10_080, seed=1)  # 30.5 days
    >>> bool((drawn % 1_440 == np.arange(43_920) % 1_440).all())
    True
    """
    random = np.random.default_rng(seed)
    begins = random.random(minutes) < 1 / block
    begins[0] = True
    places = np.flatnonzero(begins)
    whole, days = minutes // _DAY, -(-minutes // _DAY)
    shifts = places % _DAY + random.integers(0, days, len(places)) * _DAY - places
    drawn = (np.arange(minutes) + np.repeat(shifts, np.diff(places, append=minutes))) % (days * _DAY)
    lacking = np.flatnonzero(drawn >= minutes)
    runs = np.cumsum(np.diff(drawn[lacking], prepend=-1) != 1) - 1
    if len(runs):
        drawn[lacking] = drawn[lacking] % _DAY + random.integers(0, whole, runs[-1] + 1)[runs] * _DAY
    return drawn


def rewritten(candles: NDArray[np.float64], minutes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return candles that make the moves of other minutes, one after the other.

    Parameters
    ----------
    candles
        The real ones, shape (n, 6) in Jesse's order: timestamp, open, close, high, low, volume.
    minutes
        Whose move, high, low and volume each candle has; shape (n,). Moves are those of the logarithm of the close,
        the first from its own open.

    Returns
    -------
    NDArray[np.float64]
        Shape (n, 6): the same timestamps, from the first real open on; each opens where the one before it closed.
    """
    _, opened, closed, high, low, volume = candles.T
    moves = np.log(closed / np.concatenate([opened[:1], closed[:-1]]))
    new = candles.copy()
    new[:, 2] = opened[0] * np.exp(np.cumsum(moves[minutes]))
    new[:, 1] = np.concatenate([opened[:1], new[:-1, 2]])
    new[:, 3] = np.maximum(new[:, 2] * (high / closed)[minutes], np.maximum(new[:, 1], new[:, 2]))
    new[:, 4] = np.minimum(new[:, 2] * (low / closed)[minutes], np.minimum(new[:, 1], new[:, 2]))
    new[:, 5] = volume[minutes]
    return new
