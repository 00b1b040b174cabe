"""Which trials are best."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.study.metric import Metric

if TYPE_CHECKING:
    from jesse_nb.core.study.trial import Trial

__all__ = ["best_trials", "knee", "top_trials"]


def best_trials(trials: Iterable[Trial], metrics: Sequence[Metric], count: int | None = None) -> list[Trial]:
    """Return the best trials with a value that break no constraint, each set of parameters once, best first.

    Those with too few trades (:attr:`~jesse_nb.core.study.trial.Trial.few_trades`) come after all others.

    With several metrics: the trials that no other beats or equals in every metric while
    beating it in one (the Pareto front), sorted by the first metric. Ties go to the earlier trial.

    Parameters
    ----------
    trials, metrics
        Of a study.
    count
        How many at the most; None for all.
    """
    distinct: dict[str, Trial] = {}
    for trial in trials:
        if trial.eligible:
            distinct.setdefault(json.dumps(trial.params, sort_keys=True), trial)
    candidates = list(distinct.values())
    costs = _costs(candidates, metrics)
    few = np.array([trial.few_trades for trial in candidates], dtype=float)
    ranked = sorted(range(len(candidates)), key=lambda row: (few[row], costs[row, 0], candidates[row].number))
    if len(metrics) > 1:
        enough = few == few.min(initial=1)  # no trial of one trade beats those of many
        front = _undominated(np.where(enough[:, None], costs, np.inf)) & set(np.flatnonzero(enough).tolist())
        ranked = [row for row in ranked if row in front]
    return [candidates[row] for row in ranked[:count]]


def top_trials(trials: Iterable[Trial], metrics: Sequence[Metric], count: int) -> list[Trial]:
    """Return the best ``count`` trials; of a longer Pareto front, its knee in place of the last."""
    ranked = best_trials(trials, metrics)
    top = ranked[:count]
    bend = knee(ranked, metrics)
    return [*top[:-1], bend] if bend is not None and bend not in top else top


def knee(front: Sequence[Trial], metrics: Sequence[Metric]) -> Trial | None:
    """Return the trial where a Pareto front bends most: beyond it, a little more of one metric costs much of another.

    Every metric is scaled over the front, 0 for its best value and 1 for its worst. The knee has the
    smallest sum of these: of all it lies farthest from the line (the hyperplane, for more metrics)
    through the front's ends, and nearest to the ideal point in Manhattan distance; both are the same
    trial (Chiu, Yen & Juan 2016, "Minimum Manhattan distance approach to multiple criteria decision
    making in multiobjective optimization problems", IEEE TEVC 20(6)). Ties go to the earlier trial.

    Returns
    -------
    Trial or None
        None when the front has fewer than three trials, or bends the other way: then every trial between
        the ends gives more away than it gains.
    """
    if len(metrics) < 2 or len(front) < 3:
        return None
    costs = _costs(front, metrics)
    low, high = costs.min(axis=0), costs.max(axis=0)
    if (low == high).any():
        return None
    scaled = (costs - low) / (high - low)
    sums = scaled.sum(axis=1)
    ends = (scaled == 0).any(axis=1)
    chosen = min(range(len(front)), key=lambda row: (round(float(sums[row]), 12), front[row].number))
    return front[chosen] if sums[chosen] < sums[ends].min() - 1e-12 else None


def _costs(trials: Sequence[Trial], metrics: Sequence[Metric]) -> NDArray[np.float64]:
    """Return one row a trial, one column a metric, each the better the lower."""
    signs = np.array([-1.0 if metric.direction == "maximize" else 1.0 for metric in metrics])
    costs: NDArray[np.float64] = np.array([trial.values for trial in trials]).reshape(-1, len(metrics)) * signs
    return costs


def _undominated(costs: NDArray[np.float64]) -> set[int]:
    front: list[int] = []
    for row in np.lexsort(costs.T[::-1]):  # whoever beats a row comes before it
        held = costs[front]
        if not ((held <= costs[row]).all(axis=1) & (held < costs[row]).any(axis=1)).any():
            front.append(int(row))
    return set(front)
