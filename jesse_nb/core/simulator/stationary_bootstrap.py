"""Markets that could have been: the minutes of the whole period, put together anew in blocks of random length.

Jesse's own block bootstrap draws within each batch of minutes. A batch's drift is then in each of its blocks, and what
the blocks add by chance comes on top: over the length of a batch such a market varies about twice as much as the real
one, which is to say that it trends. Drawn from the whole period, blocks know nothing of each other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["drawn_minutes", "rewritten", "stationary_bootstrap"]

_DAY = 1_440


def stationary_bootstrap(base: type[Any], block: int, seed: int) -> type[Any]:
    """Return a pipeline for Jesse that rewrites the whole period at once.

    Parameters
    ----------
    base
        Jesse's ``BaseCandlesPipeline``.
    block
        Mean length of a block, minutes.
    seed
        The same for all markets of a run: their minutes stay together.
    """

    class StationaryBootstrap(base):  # type: ignore[misc]  # Jesse is untyped
        def process(self, original: NDArray[np.float64], out: NDArray[np.float64]) -> bool:
            out[:] = rewritten(original, drawn_minutes(len(original), block, seed))
            return True

    return StationaryBootstrap


def drawn_minutes(minutes: int, block: int, seed: int) -> NDArray[np.int64]:
    """Return from which real minute each minute is taken; shape (minutes,).

    The stationary bootstrap of Politis and Romano (JASA 89(428), 1994) on a circle, but that a block comes from the
    time of day at which it is put, since the hours of a day are not alike (as in the seasonal block bootstrap of
    Dudek, Leskow, Paparoditis and Politis, Journal of Time Series Analysis 35(2), 2014).

    Parameters
    ----------
    minutes
        How many there are.
    block
        Mean length of a block; lengths are geometric.
    seed
        The same seed draws the same.
    """
    random = np.random.default_rng(seed)
    begins = random.random(minutes) < 1 / block
    begins[0] = True
    places = np.flatnonzero(begins)
    days = random.integers(0, -(-minutes // _DAY), len(places))
    shifts = places % _DAY + days * _DAY - places
    return (np.arange(minutes) + np.repeat(shifts, np.diff(places, append=minutes))) % minutes


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
