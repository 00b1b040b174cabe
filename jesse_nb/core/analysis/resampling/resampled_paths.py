"""Paths that could have been: how returns are drawn again, and what each path comes to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Draw", "PathFigures", "circular_blocks", "path_figures", "predictive", "resampled", "shuffled",
           "stationary_blocks", "walk"]

#: Returns held in memory at one time, 8 bytes each in every array.
_CHUNK = 200_000
#: Moments at which a fan is cut through the paths.
_FAN_MOMENTS = 120
#: What counts as reaching a barrier, whatever the last bit says.
_EXACT = 1e-12

#: Draws (paths, steps) returns.
Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]


class PathFigures(NamedTuple):
    """What each path comes to.

    Attributes
    ----------
    growth
        Logarithm of the final over the starting equity, (paths,); -inf where all is lost.
    drawdown
        Deepest fall below the highest equity so far, the start included; fraction, 0 or below, (paths,).
    underwater
        Most steps from one peak to the last step still below it, (paths,).
    moments
        Steps at which the paths were cut, (k,), 0 the start.
    cuts
        Logarithm of equity over the starting equity at those steps, (paths, k).
    fell_at, rose_at
        First step at or below the lower barrier, and at or above the upper one, (paths,); one more than there are
        steps where there is none.
    """

    growth: NDArray[np.float64]
    drawdown: NDArray[np.float64]
    underwater: NDArray[np.int64]
    moments: NDArray[np.int64]
    cuts: NDArray[np.float64]
    fell_at: NDArray[np.int64]
    rose_at: NDArray[np.int64]


def shuffled(returns: NDArray[np.float64]) -> Draw:
    """Draw the same returns in another order, each order as likely as any other."""
    return lambda random, paths: random.permuted(np.broadcast_to(returns, (paths, len(returns))), axis=1)


def resampled(returns: NDArray[np.float64], steps: int) -> Draw:
    """Draw single returns with replacement."""
    return lambda random, paths: np.take(returns, random.integers(0, len(returns), (paths, steps)))


def stationary_blocks(returns: NDArray[np.float64], steps: int, block: int) -> Draw:
    """Draw blocks of geometric length with mean ``block``, going on from the first return after the last.

    Politis and Romano's stationary bootstrap (1994): after each return the next in time follows,
    or, with probability 1 / ``block``, any return.
    """
    return lambda random, paths: returns[_stationary_places(random, paths, steps, len(returns), block)]


def predictive(returns: NDArray[np.float64], steps: int, block: int, *, fixed: bool = False) -> Draw:
    """Draw what could come next: a history as it could have been, and the path from that history.

    A path drawn from the one history that there is has that history's mean, on average. But the mean is known only up
    to an error as large as what a period of that length brings by chance, so each path here has a history of its own,
    drawn as the path is: in blocks of random length, or of ``fixed`` length.
    """
    places = _circular_places if fixed else _stationary_places

    def draw(random: np.random.Generator, paths: int) -> NDArray[np.float64]:
        history = returns[places(random, paths, len(returns), len(returns), block)]
        return np.take_along_axis(history, places(random, paths, steps, len(returns), block), axis=1)

    return draw


def _stationary_places(random: np.random.Generator, paths: int, steps: int, count: int,
                       block: int) -> NDArray[np.int64]:
    jumps = random.random((paths, steps)) < 1.0 / block
    jumps[:, 0] = True
    at = np.flatnonzero(jumps)
    starts = random.integers(0, count, len(at))
    drawn = np.repeat(starts - at, np.diff(at, append=jumps.size)) + np.arange(jumps.size)
    path: NDArray[np.int64] = (drawn % count).reshape(paths, steps)
    return path


def circular_blocks(returns: NDArray[np.float64], steps: int, block: int) -> Draw:
    """Draw blocks of ``block`` returns, going on from the first return after the last.

    Politis and Romano's circular block bootstrap (1992).
    """
    return lambda random, paths: returns[_circular_places(random, paths, steps, len(returns), block)]


def _circular_places(random: np.random.Generator, paths: int, steps: int, count: int,
                     block: int) -> NDArray[np.int64]:
    starts = random.integers(0, count, (paths, math.ceil(steps / block), 1))
    places: NDArray[np.int64] = ((starts + np.arange(block)) % count).reshape(paths, -1)[:, :steps]
    return places


def walk(draw: Draw, steps: int, paths: int, seed: int,
         barriers: tuple[float, float] = (-math.inf, math.inf)) -> PathFigures:
    """Draw paths, a chunk at a time, and return what each comes to.

    Parameters
    ----------
    draw
        Gives the returns (fractions of equity) of several paths.
    steps
        Returns a path.
    paths
        How many paths.
    seed
        Makes them repeatable.
    barriers
        As in :func:`path_figures`.
    """
    random = np.random.default_rng(seed)
    return _joined(path_figures(draw(random, count), barriers) for count in _chunks(paths, steps))


def path_figures(returns: NDArray[np.float64],
                 barriers: tuple[float, float] = (-math.inf, math.inf)) -> PathFigures:
    """Compound returns (paths, steps), fractions of -1 or above, and return what each path comes to.

    ``barriers`` are logarithms of equity over the starting equity, whose first passages are asked for.
    """
    paths, steps = returns.shape
    with np.errstate(divide="ignore"):
        wealth = np.cumsum(np.log1p(returns), axis=1)
    peak = np.maximum(np.maximum.accumulate(wealth, axis=1), 0.0)
    step = np.arange(1, steps + 1)
    last_peak = np.maximum.accumulate(np.where(wealth >= peak, step, 0), axis=1)
    moments = np.unique(np.linspace(0, steps, min(steps, _FAN_MOMENTS) + 1).round().astype(np.int64))
    return PathFigures(
        growth=wealth[:, -1].copy(),
        drawdown=np.minimum(np.expm1((wealth - peak).min(axis=1)), 0.0),
        underwater=(step - last_peak).max(axis=1),
        moments=moments,
        cuts=np.concatenate([np.zeros((paths, 1)), wealth[:, moments[1:] - 1]], axis=1),
        fell_at=_first(wealth <= barriers[0] + _EXACT), rose_at=_first(wealth >= barriers[1] - _EXACT),
    )


def _first(reached: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1, reached.shape[1] + 1)


def _chunks(paths: int, steps: int) -> Iterator[int]:
    most = max(_CHUNK // steps, 1)
    yield from [most] * (paths // most) + ([paths % most] if paths % most else [])


def _joined(parts: Iterator[PathFigures]) -> PathFigures:
    every = list(parts)
    joined = {name: np.concatenate([getattr(part, name) for part in every]) for name in PathFigures._fields
              if name != "moments"}
    return PathFigures(moments=every[0].moments, **joined)
