"""Which trials of a study are stopped on the way: those that do worse than most of the earlier ones did.

The rules are those of Optuna's ``MedianPruner`` and ``PercentilePruner``. What they compare with are the finished
trials that the sampler knew when the trial was asked for, so nothing depends on timing: the same seed stops the same
trials, whatever the number of workers. The floors travel with the simulation, and the worker stops by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from jesse_nb.core.simulator.early_stop import Measure, StopRule
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.study.constraints import Constraint, deepest_drawdown
from jesse_nb.core.study.metric import Metric
from jesse_nb.exceptions import InputError, did_you_mean, shown

__all__ = ["PRUNERS", "Pruning", "check_pruner", "make_pruning", "why_not"]

#: By name, the percentile of the finished trials that a trial must reach; None stops none.
PRUNERS: dict[str, float | None] = {"median": 50.0, "quartile": 75.0, "none": None}

#: So many trials finish before any is compared with them.
STARTUP_TRIALS = 10

#: Parts of the period after which a trial is looked at. Before a quarter of it, what a trial has earned says next to
#: nothing of what it will have earned at the end.
CHECKPOINTS = tuple(number / 20 for number in range(5, 20))

#: What is read at the checkpoints for a metric; metrics that are missing say nothing before the end.
_MEASURES: dict[str, Measure] = {
    "net_profit": "return", "net_profit_percentage": "return", "finishing_balance": "return", "annual_return": "return",
    "sharpe_ratio": "sharpe", "smart_sharpe": "sharpe", "sortino_ratio": "sharpe", "smart_sortino": "sharpe",
    "calmar_ratio": "sharpe", "omega_ratio": "sharpe", "serenity_index": "sharpe",
}


class Pruning:
    """The floors of a study's trials, from those that have finished.

    Parameters
    ----------
    measure
        What is read.
    percentile
        Of the finished trials' readings at a checkpoint, below which a trial is stopped; 0 to 100.
    start, end
        Of the simulated period, milliseconds UTC.
    deepest
        The drawdown (fraction) beyond which no trial can be the best; None for any.
    """

    def __init__(
        self, measure: Measure, percentile: float, start: int, end: int, deepest: float | None = None
    ) -> None:
        self._percentile = percentile
        moments = tuple(start + math.ceil((end - start) * part) for part in CHECKPOINTS)
        #: Reads the checkpoints and stops nothing that is not ruined or too deep.
        self.base = StopRule(measure, moments, (-math.inf,) * len(moments), deepest)
        self._finished: list[tuple[float, ...]] = []

    def learn(self, readings: Sequence[float]) -> None:
        """Take in a finished trial's readings, in the order of the trials."""
        # Daily samples can be too sparse to pass the last checkpoints before the end.
        self._finished.append((*readings, *[math.nan] * (len(self.base.moments) - len(readings))))

    def rule(self) -> StopRule:
        """Return the rule for a trial that is asked for now."""
        base = self.base
        if len(self._finished) < STARTUP_TRIALS:
            return base
        floors = tuple(self._floor(readings) for readings in zip(*self._finished, strict=True))
        return StopRule(base.measure, base.moments, floors, base.deepest)

    def _floor(self, readings: Sequence[float]) -> float:
        known = [value for value in readings if not math.isnan(value)]
        return float(np.percentile(known, self._percentile)) if known else -math.inf


def check_pruner(pruner: Any) -> str:
    """Return a pruner's name as it is known.

    Raises
    ------
    InputError
        When there is none of that name.
    """
    name = "none" if pruner is None else str(pruner).strip().casefold()
    if name not in PRUNERS:
        raise InputError(f"No pruner is called {shown(pruner)}.", did_you_mean(str(pruner), PRUNERS), argument="pruner")
    return name


def why_not(metrics: Sequence[Metric]) -> str:
    """Say why a study's trials cannot be judged on their way; empty when they can."""
    if len(metrics) > 1:
        return "with several metrics, none is worse than another on its way"
    if metrics[0].direction != "maximize":
        return f"{metrics[0].label} is minimized"
    if metrics[0].key not in _MEASURES:
        return f"{metrics[0].label} says nothing before the end of a run"
    return ""


def make_pruning(
    pruner: str, metrics: Sequence[Metric], spec: BacktestSpec, constraints: Sequence[Constraint]
) -> Pruning | None:
    """Return how a study's trials are stopped early; None when they never are.

    They are not with several metrics, with a metric that says nothing before the end, or one that is minimized.
    """
    percentile = PRUNERS[pruner]
    if percentile is None or why_not(metrics):
        return None
    return Pruning(_MEASURES[metrics[0].key], percentile, spec.start, spec.end, deepest_drawdown(constraints))
