"""Regimes without a distribution: a jump model of features, and change points of the volatility.

A day is an observation: where returns are of other candles than daily ones, it is one of these.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["ChangePoints", "JumpStates", "LabelModel", "RefitLabels", "change_points", "cheapest_way", "fit_jumps",
           "jump_features", "refit_labels"]

Vector = NDArray[np.float64]
States = NDArray[np.int64]

#: Cost of a jump, in squared standard deviations of the features (Shu, Yu and Mulvey 2024).
PENALTY = 50.0

#: Fewest days between two change points, and the days of the grid on which they are looked for.
SHORTEST, _GRID = 20, 5

#: Days before a jump model's features, which are averages of all days before, have settled.
SETTLED = 60

_STARTS, _CLIP = 10, 3.0


class LabelModel(Protocol):
    """What was learned from some days."""

    def told(self, returns: Vector) -> States:
        """Return the state of each day of ``returns``, which begin with the days learned from, from days up to it."""

    def hindsight(self, returns: Vector) -> States:
        """Return the state of each day as all of them together show it."""


class RefitLabels(NamedTuple):
    """What a model, made on the days before a day, told of that day and those until the next one.

    Attributes
    ----------
    place
        Of the first day that it was used for.
    states
        Told of these days.
    past
        Each earlier day's state in the eyes of this model: 0 the calmest.
    changed
        Share of the earlier days that it calls otherwise than the model before did; NaN of the first.
    """

    place: int
    states: States
    past: States
    changed: float


def refit_labels(
    returns: Vector, begin: int, every: int, fit: Callable[[Vector], LabelModel]
) -> Iterator[RefitLabels]:
    """Yield what each model told: each is made on all days before its first day, and no other.

    Parameters
    ----------
    returns
        Daily returns.
    begin
        Days before the first model.
    every
        Days from one model to the next.
    fit
        Makes a model of days.
    """
    before: LabelModel | None = None
    for place in range(begin, len(returns), every):
        past, end = returns[:place], min(place + every, len(returns))
        model = fit(past)
        back = model.hindsight(past)
        changed = math.nan if before is None else float((before.hindsight(past) != back).mean())
        yield RefitLabels(place, model.told(returns[:end])[place:], back, changed)
        before = model


def jump_features(returns: Vector) -> Vector:
    """Return what a jump model looks at, one row a day, of days up to it: (days, 3).

    Downside deviation with a half-life of 10 days, and the Sortino ratio with 20 and 60 (Shu, Yu and Mulvey, Journal
    of Asset Management 25, 2024).
    """
    steps = pd.Series(returns)
    below = steps.clip(upper=0.0) ** 2
    columns = [np.sqrt(below.ewm(halflife=10).mean())]
    for days in (20, 60):
        deviation = np.sqrt(below.ewm(halflife=days).mean())
        columns.append(steps.ewm(halflife=days).mean() / deviation.where(deviation > 0))
    found: Vector = np.column_stack(columns)
    return np.nan_to_num(found)


@dataclass(frozen=True)
class JumpStates:
    """A fitted jump model: each day is near the centre of its state, and a jump costs; the calmest comes first.

    Attributes
    ----------
    centres
        Of the features in each state, standardized: (states, features).
    middle, scale
        Mean and deviation of each feature on the days learned from.
    penalty
        Cost of a jump.
    """

    centres: Vector
    middle: Vector
    scale: Vector
    penalty: float = PENALTY

    def _losses(self, returns: Vector) -> Vector:
        points = np.clip((jump_features(returns)[SETTLED:] - self.middle) / self.scale, -_CLIP, _CLIP)
        return _losses(points, self.centres)

    def told(self, returns: Vector) -> States:
        """See :class:`LabelModel`: the end of the cheapest way through the days up to each, the first 60 left out."""
        ends: States = _cheapest(self._losses(returns), self.penalty)[0].argmin(axis=1)
        return _from_settled(ends)

    def hindsight(self, returns: Vector) -> States:
        """See :class:`LabelModel`: the cheapest way through all days but the first 60, which are like the next."""
        return _from_settled(cheapest_way(self._losses(returns), self.penalty))


def _from_settled(states: States) -> States:
    found: States = np.r_[np.full(SETTLED, states[0]), states]
    return found


def _losses(points: Vector, centres: Vector) -> Vector:
    """Return half the squared distance of each day's point to each centre: (..., days, states)."""
    found: Vector = 0.5 * ((points[:, None, :] - centres[..., None, :, :]) ** 2).sum(axis=-1)
    return found


def _cheapest(losses: Vector, penalty: float) -> tuple[Vector, States]:
    """Return the least cost of a way that ends in each state on each day, and the state before."""
    days, count = losses.shape[-2:]
    jump = penalty * (1.0 - np.eye(count))
    costs, came = np.empty_like(losses), np.zeros(losses.shape, dtype=np.int64)
    costs[..., 0, :] = losses[..., 0, :]
    for day in range(1, days):
        ways = costs[..., day - 1, :, None] + jump
        came[..., day, :] = ways.argmin(axis=-2)
        costs[..., day, :] = ways.min(axis=-2) + losses[..., day, :]
    return costs, came


def cheapest_way(losses: Vector, penalty: float) -> States:
    """Return the states, one a day, with the least sum of losses and of ``penalty`` for each jump (Viterbi 1967).

    Parameters
    ----------
    losses
        Of each day in each state: (..., days, states), each of the first dimensions by itself.
    penalty
        Of one jump.
    """
    costs, came = _cheapest(losses, penalty)
    way = np.empty(losses.shape[:-1], dtype=np.int64)
    way[..., -1] = costs[..., -1, :].argmin(axis=-1)
    for day in range(losses.shape[-2] - 1, 0, -1):
        way[..., day - 1] = np.take_along_axis(came[..., day, :], way[..., day, None], axis=-1)[..., 0]
    return way


def fit_jumps(returns: Vector, count: int, *, penalty: float = PENALTY, seed: int = 0) -> JumpStates:
    """Fit a jump model (Nystrup, Lindström and Madsen 2020): centres and way in turn, from ten starts.

    Parameters
    ----------
    returns
        Daily returns, more than 60; the first 60 are not fitted to.
    count
        How many states.
    penalty
        Cost of a jump.
    seed
        Of the starts.
    """
    from sklearn.cluster import kmeans_plusplus

    features = jump_features(returns)[SETTLED:]
    middle, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    points = np.clip((features - middle) / scale, -_CLIP, _CLIP)
    centres = np.array([kmeans_plusplus(points, count, random_state=seed + start)[0] for start in range(_STARTS)])
    ways = cheapest_way(_losses(points, centres), penalty)
    for _ in range(300):  # all starts at once, each until it rests
        centres = np.array([[points[way == state].mean(axis=0) if (way == state).any() else centre[state]
                             for state in range(count)] for way, centre in zip(ways, centres, strict=True)])
        again = cheapest_way(_losses(points, centres), penalty)
        if np.array_equal(again, ways):
            break
        ways = again
    near = np.take_along_axis(_losses(points, centres), ways[..., None], axis=-1)[..., 0].sum(axis=-1)
    chosen = int(np.round(near + penalty * (np.diff(ways, axis=-1) != 0).sum(axis=-1), 9).argmin())
    best, best_way = centres[chosen], ways[chosen]
    called = _from_settled(best_way)  # the first days, too: names follow what is measured of all that are called so
    spread = [float(returns[called == state].std()) if (called == state).any() else math.inf for state in range(count)]
    return JumpStates(best[np.argsort(spread, kind="stable")], middle, scale, penalty)


@dataclass(frozen=True)
class ChangePoints:
    """Stretches of days between change points, and how wild each was.

    Attributes
    ----------
    ends
        Places after the last day of each stretch, in order of time.
    volatilities
        Standard deviation of the returns in each.
    states
        Of each stretch, 0 the calmest: what their logarithms are nearest to (k-means, weighted by days).
    """

    ends: tuple[int, ...]
    volatilities: tuple[float, ...]
    states: tuple[int, ...]

    def told(self, returns: Vector) -> States:
        """See :class:`LabelModel`: until the next model, the last stretch goes on."""
        return self.hindsight(returns)

    def hindsight(self, returns: Vector) -> States:
        """See :class:`LabelModel`."""
        lengths = np.diff((0, *self.ends[:-1], max(len(returns), self.ends[-1])))
        return np.repeat(np.array(self.states, dtype=np.int64), lengths)


def change_points(returns: Vector, count: int = 2) -> ChangePoints:
    """Find when mean or variance of the returns changed (PELT; Killick, Fearnhead and Eckley 2012).

    The cost is that of a normal likelihood, a change costs Schwarz's three parameters (mean, variance, when), and no
    stretch is shorter than 20 days. Changes are looked for on every fifth day.

    Parameters
    ----------
    returns
        Daily returns.
    count
        How many states the stretches are sorted into; fewer where there are fewer stretches.
    """
    import ruptures

    if not returns.std() > 0.0:  # an account that has not traded yet
        return ChangePoints((len(returns),), (0.0,), (0,))
    scaled = returns / returns.std()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it remarks that it copes with constant stretches
        ends = ruptures.Pelt("normal", min_size=SHORTEST, jump=_GRID).fit(scaled[:, None]).predict(
            3.0 * math.log(len(returns)))
    edges = [0, *(int(end) for end in ends)]
    spread = np.array([returns[start:end].std() for start, end in itertools.pairwise(edges)])
    return ChangePoints(tuple(edges[1:]), tuple(spread.tolist()), _sorted_into(spread, np.diff(edges), count))


def _sorted_into(spread: Vector, days: NDArray[np.int64], count: int) -> tuple[int, ...]:
    """Return the state of each stretch: of all ways to cut the order of volatilities, the one with the least squares.

    In one dimension that is k-means itself, and not where ten of its starts happened to end.
    """
    values, which = np.unique(np.log(np.maximum(spread, 1e-12)), return_inverse=True)
    weights = np.bincount(which, weights=days)
    sums = [np.r_[0.0, np.cumsum(weights * values**power)] for power in range(3)]
    total, first, second = (part[None, :] - part[:, None] for part in sums)
    # squares that are left in one state of the values from row to column
    left = second - np.divide(first**2, total, out=np.zeros_like(total), where=total > 0)
    left[np.tril_indices(len(values) + 1)] = np.inf
    cost, cuts = left[0], []
    for _ in range(min(count, len(values)) - 1):
        ways = cost[:, None] + left
        cuts.append(ways.argmin(axis=0))
        cost = ways.min(axis=0)
    end, state = len(values), np.zeros(len(values), dtype=int)
    for cut in reversed(cuts):
        end = int(cut[end])
        state[end:] += 1
    return tuple(int(place) for place in state[which])
