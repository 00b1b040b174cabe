"""Around the best trials: whether a small change of one parameter leaves the result, or finds a lucky spike."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.studies.held_out import NO_EDGE
from jesse_nb.core.study.dimension import Dimension
from jesse_nb.core.study.metric import Metric, resolve_metric
from jesse_nb.core.study.space import Space

if TYPE_CHECKING:
    from jesse_nb.core.study.trial import Trial

__all__ = ["FEWEST_NEIGHBOURS", "MOST_CENTRES", "MOST_NEIGHBOURS", "Neighbour", "Neighbourhood", "Plateau",
           "neighbourhood", "neighbours_of", "same_point", "within_limit"]

#: How many of the best trials are looked around.
MOST_CENTRES = 5

#: How many simulations that costs at the most, beyond the trials there are: no more than half as many as those,
#: so that a look around stays cheaper than the search.
MOST_NEIGHBOURS = 60

#: How many it may cost however few trials there were: enough for the best one of three parameters.
FEWEST_NEIGHBOURS = 6

#: Into how many steps a range without a step of its own is divided.
_PARTS = 20

_NO_EDGE = {resolve_metric(key).name: value for key, value in
            {**NO_EDGE, "net_profit": 0.0, "net_profit_percentage": 0.0, "expectancy": 0.0}.items()}


@dataclass(frozen=True)
class Neighbour:
    """A point beside a trial.

    Attributes
    ----------
    parameter
        The one parameter that differs.
    steps
        By how many steps, negative for a lower value.
    params
        All values by name.
    value
        In the study's first metric; NaN where it has none or breaks a constraint.
    reason
        Why it has none; empty otherwise.
    """

    parameter: str
    steps: int
    params: dict[str, Any]
    value: float = math.nan
    reason: str = ""


@dataclass(frozen=True)
class Neighbourhood:
    """A trial and what surrounds it.

    Attributes
    ----------
    trial
        In the middle.
    neighbours
        The nearest first.
    worst, median
        Of the neighbours' values. One without a value is worse than any, so these are NaN where such a one
        decides them.
    kept
        Fraction of the trial's edge that the median neighbour still has: ``(median - no edge) / (value - no edge)``,
        negative when it loses. NaN without an edge, and for metrics of which nobody can say what no edge is.
    """

    trial: Trial
    neighbours: tuple[Neighbour, ...]
    worst: float
    median: float
    kept: float

    @property
    def unusable(self) -> int:
        """How many neighbours have no value or break a constraint."""
        return sum(math.isnan(neighbour.value) for neighbour in self.neighbours)


@dataclass(frozen=True)
class Plateau:
    """The surroundings of a study's best trials, on its training period.

    Attributes
    ----------
    metric
        The study's first, by which all is compared.
    steps
        How many steps away the farthest neighbours are.
    neighbourhoods
        As the trials are ranked.
    wanted
        How many trials were to be looked around; fewer were when that took too many simulations.
    """

    metric: Metric
    steps: int
    neighbourhoods: tuple[Neighbourhood, ...]
    wanted: int

    @property
    def ranked(self) -> tuple[Neighbourhood, ...]:
        """By the median neighbour, the best first; ties by the worst one, then as the trials are ranked."""
        sign = _sign(self.metric)
        return tuple(sorted(self.neighbourhoods, key=lambda one: (_cost(one.median, sign), _cost(one.worst, sign))))

    @property
    def centre(self) -> Trial:
        """The robust one among the best: the trial whose median neighbour does best."""
        return self.ranked[0].trial

    def to_frame(self) -> pd.DataFrame:
        """Return one row a trial, as they are ranked.

        Columns: ``value``, ``worst``, ``median``, ``kept`` (fraction), ``neighbours`` and ``unusable`` (counts),
        ``robust_rank`` (from 1, by the median neighbour) and ``param_…``.
        """
        ranks = {one.trial.number: rank for rank, one in enumerate(self.ranked, 1)}
        rows = [{"trial": one.trial.number, "value": one.trial.value, "worst": one.worst, "median": one.median,
                 "kept": one.kept, "neighbours": len(one.neighbours), "unusable": one.unusable,
                 "robust_rank": ranks[one.trial.number],
                 **{f"param_{name}": value for name, value in one.trial.params.items()}}
                for one in self.neighbourhoods]
        return pd.DataFrame(rows).set_index("trial")

    def neighbours_frame(self) -> pd.DataFrame:
        """Return one row a neighbour.

        Columns: ``trial``, ``parameter`` and ``steps`` (what differs), ``setting`` (its value of that parameter),
        ``value`` and ``reason``.
        """
        rows = [(one.trial.number, near.parameter, near.steps, near.params[near.parameter], near.value, near.reason)
                for one in self.neighbourhoods for near in one.neighbours]
        return pd.DataFrame(rows, columns=["trial", "parameter", "steps", "setting", "value", "reason"])


def neighbours_of(space: Space, params: Mapping[str, Any], steps: int) -> list[Neighbour]:
    """Return the points that differ from ``params`` in one parameter by at most ``steps`` steps, the nearest first.

    A step is the parameter's own; without one, a twentieth of its range, or of the logarithm of a logarithmic
    range (of whole numbers then at least 1). Beyond the end of a range is its end. Options are not varied.
    """
    centre = same_point(params)
    found: dict[str, Neighbour] = {}
    for count in range(1, steps + 1):
        for dimension in space.dimensions:
            if dimension.kind == "categorical":
                continue
            for signed in (-count, count):
                moved = {**params, dimension.name: _moved(dimension, params[dimension.name], signed)}
                point = same_point(moved)
                if point != centre:
                    found.setdefault(point, Neighbour(dimension.name, signed, moved))
    return list(found.values())


def within_limit(
    wanted: Sequence[tuple[Trial, list[Neighbour]]], tried: Iterable[str], room: int = MOST_NEIGHBOURS
) -> list[tuple[Trial, list[Neighbour]]]:
    """Keep the first trials whose neighbours take ``room`` new simulations at the most.

    When the first alone takes more, it keeps the nearest ones. The points ``tried`` cost nothing.
    """
    known = set(tried)
    kept: list[tuple[Trial, list[Neighbour]]] = []
    for trial, neighbours in wanted:
        new = {same_point(neighbour.params) for neighbour in neighbours} - known
        if len(new) > room:
            if not kept:
                kept.append((trial, neighbours[:room]))
            break
        room -= len(new)
        known |= new
        kept.append((trial, neighbours))
    return kept


def neighbourhood(trial: Trial, neighbours: Sequence[Neighbour], metric: Metric) -> Neighbourhood:
    """Sum up what surrounds a trial."""
    sign = _sign(metric)
    costs = np.array([_cost(neighbour.value, sign) for neighbour in neighbours])
    worst, median = (_value(float(cost), sign) for cost in (costs.max(), np.median(costs)))
    edge = trial.value - _NO_EDGE.get(metric.name, math.nan) if metric.direction == "maximize" else math.nan
    lost = trial.value - median
    return Neighbourhood(trial, tuple(neighbours), worst, median, 1 - lost / edge if edge > 0 else math.nan)


def same_point(params: Mapping[str, Any]) -> str:
    """Return what equal sets of parameters share."""
    return json.dumps(params, sort_keys=True)


def _moved(dimension: Dimension, value: Any, steps: int) -> Any:
    assert dimension.low is not None  # only ranges are moved along
    assert dimension.high is not None
    if dimension.log:
        target = value * (dimension.high / dimension.low) ** (steps / _PARTS)
        if dimension.kind == "int" and abs(target - value) < abs(steps):
            target = value + steps
    else:
        target = value + steps * (dimension.step or (dimension.high - dimension.low) / _PARTS)
    return dimension.clip(float(f"{target:.12g}"))


def _sign(metric: Metric) -> int:
    return -1 if metric.direction == "maximize" else 1


def _cost(value: float, sign: int) -> float:
    return math.inf if math.isnan(value) else sign * value


def _value(cost: float, sign: int) -> float:
    return math.nan if math.isinf(cost) else sign * cost
