"""Paths that could have been: how returns are drawn again, and what each path comes to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Draw", "PathFigures", "circular_blocks", "path_figures", "resampled", "shuffled", "stationary_blocks",
           "walk"]

#: Returns held in memory at one time, 8 bytes each in every array.
_CHUNK = 200_000
#: Moments at which a fan is cut through the paths.
_FAN_MOMENTS = 120

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
    """

    growth: NDArray[np.float64]
    drawdown: NDArray[np.float64]
    underwater: NDArray[np.int64]
    moments: NDArray[np.int64]
    cuts: NDArray[np.float64]


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
    circle = np.resize(returns, len(returns) + steps)

    def draw(random: np.random.Generator, paths: int) -> NDArray[np.float64]:
        jumps = random.random((paths, steps)) < 1.0 / block
        jumps[:, 0] = True
        at = np.flatnonzero(jumps)
        starts = random.integers(0, len(returns), len(at))
        drawn = np.repeat(starts - at, np.diff(at, append=jumps.size)) + np.arange(jumps.size)
        path: NDArray[np.float64] = circle[drawn].reshape(paths, steps)
        return path

    return draw


def circular_blocks(returns: NDArray[np.float64], steps: int, block: int) -> Draw:
    """Draw blocks of ``block`` returns, going on from the first return after the last.

    Politis and Romano's circular block bootstrap (1992).
    """
    circle = np.resize(returns, len(returns) + block)
    blocks = math.ceil(steps / block)

    def draw(random: np.random.Generator, paths: int) -> NDArray[np.float64]:
        starts = random.integers(0, len(returns), (paths, blocks, 1))
        return np.take(circle, (starts + np.arange(block)).reshape(paths, -1)[:, :steps])

    return draw


def walk(draw: Draw, steps: int, paths: int, seed: int) -> PathFigures:
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
    """
    random = np.random.default_rng(seed)
    return _joined(path_figures(draw(random, count)) for count in _chunks(paths, steps))


def path_figures(returns: NDArray[np.float64]) -> PathFigures:
    """Compound returns (paths, steps), fractions of -1 or above, and return what each path comes to."""
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
    )


def _chunks(paths: int, steps: int) -> Iterator[int]:
    most = max(_CHUNK // steps, 1)
    yield from [most] * (paths // most) + ([paths % most] if paths % most else [])


def _joined(parts: Iterator[PathFigures]) -> PathFigures:
    every = list(parts)
    growth, drawdown, underwater, cuts = (
        np.concatenate([getattr(part, name) for part in every])
        for name in ("growth", "drawdown", "underwater", "cuts"))
    return PathFigures(growth, drawdown, underwater, every[0].moments, cuts)
