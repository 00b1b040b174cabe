"""Which trials are best."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from jesse_nb.core.tools.metric import Metric
from jesse_nb.core.tools.optimize_result import Trial

__all__ = ["best_trials"]


def best_trials(trials: Iterable[Trial], metrics: Sequence[Metric], count: int) -> list[Trial]:
    """Return the best trials with a value, each set of parameters once, best first.

    With several metrics: the trials that no other beats or equals in every metric while
    beating it in one (the Pareto front), sorted by the first metric. Ties go to the earlier trial.
    """
    distinct: dict[str, Trial] = {}
    for trial in trials:
        if trial.scored:
            distinct.setdefault(json.dumps(trial.params, sort_keys=True), trial)
    costs = {trial.number: tuple(-value if metric.direction == "maximize" else value
                                 for metric, value in zip(metrics, trial.values, strict=True))
             for trial in distinct.values()}
    ranked = sorted(distinct.values(), key=lambda trial: (costs[trial.number][0], trial.number))
    if len(metrics) > 1:
        ranked = [trial for trial in ranked
                  if not any(_dominates(cost, costs[trial.number]) for cost in costs.values())]
    return ranked[:count]


def _dominates(cost: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return cost != other and all(mine <= theirs for mine, theirs in zip(cost, other, strict=True))
