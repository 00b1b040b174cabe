"""The Pareto front and its knee, against slow and plain definitions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jesse_nb.core.analysis.studies.ranking import best_trials, knee, top_trials
from jesse_nb.core.study.metric import resolve_metrics
from jesse_nb.core.study.trial import Trial
from tests.analysis.results import make_optimization

TWO = resolve_metrics(["profit", "losing_streak"])  # one to maximize, one to minimize
THREE = resolve_metrics(["profit", "losing_streak", "sharpe"])


def trials_of(values: np.ndarray) -> list[Trial]:
    return [Trial(number, {"x": number}, tuple(map(float, row)), "finished", "", {}, 0.0, False, str(number))
            for number, row in enumerate(values)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("metrics", [TWO, THREE])
def test_the_front_is_what_no_other_dominates(metrics: tuple, seed: int) -> None:
    rng = np.random.default_rng(seed)
    trials = trials_of(rng.integers(0, 12, size=(80, len(metrics))))  # whole numbers, so that there are ties
    signs = [1 if metric.direction == "maximize" else -1 for metric in metrics]
    gains = np.array([trial.values for trial in trials]) * signs
    front = {trial.number for trial in trials
             if not any((gain >= gains[trial.number]).all() and (gain > gains[trial.number]).any() for gain in gains)}
    found = best_trials(trials, metrics)
    assert {trial.number for trial in found} == front
    assert [trial.value for trial in found] == sorted((trial.value for trial in found), reverse=True)


def test_trials_of_few_trades_come_last_whatever_their_value() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(60, 2))
    rare = [bool(rng.random() < 0.4) for _ in values]
    single = [replace(trial, few_trades=few) for trial, few in zip(trials_of(values[:, :1]), rare, strict=True)]
    found = best_trials(single, TWO[:1])
    assert [trial.few_trades for trial in found] == sorted(rare)
    assert found[: rare.count(False)] == best_trials([trial for trial in single if not trial.few_trades], TWO[:1])
    trials = [replace(trial, few_trades=few) for trial, few in zip(trials_of(values), rare, strict=True)]
    enough = [trial for trial in trials if not trial.few_trades]
    assert best_trials(trials, TWO) == best_trials(enough, TWO)
    few = [replace(trial, few_trades=True) for trial in trials]  # none has enough: as if all had
    assert [one.number for one in best_trials(few, TWO)] == [
        one.number for one in best_trials([replace(one, few_trades=False) for one in few], TWO)]


@pytest.mark.parametrize("seed", range(6))
def test_the_knee_lies_farthest_from_the_line_through_the_ends(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cost = np.sort(rng.uniform(0, 1, 30))
    # a convex front, in units of very different size: profit to maximize, streak to minimize
    values = np.column_stack([-1000 * (1 - cost) ** (2 + seed), 7 * cost**2])
    front = best_trials(trials_of(values), TWO)
    points = np.array([trial.values for trial in front])
    scaled = (points - points.min(axis=0)) / np.ptp(points, axis=0)
    (x1, y1), (x2, y2) = scaled[0], scaled[-1]
    distance = np.abs((y2 - y1) * scaled[:, 0] - (x2 - x1) * scaled[:, 1] + x2 * y1 - y2 * x1)
    found = knee(front, TWO)
    assert found is not None
    assert found.number == front[int(np.argmax(distance))].number


def test_without_a_bend_there_is_no_knee() -> None:
    line = np.linspace(0, 1, 9)
    assert knee(best_trials(trials_of(np.column_stack([line, line])), TWO), TWO) is None
    bulge = np.column_stack([np.sin(line * np.pi / 2), 1 - np.cos(line * np.pi / 2)])
    assert knee(best_trials(trials_of(bulge), TWO), TWO) is not None
    hollow = np.column_stack([1 - np.cos(line * np.pi / 2), np.sin(line * np.pi / 2)])
    assert knee(best_trials(trials_of(hollow), TWO), TWO) is None
    assert knee(trials_of(np.array([[1.0, 1.0], [2.0, 2.0]])), TWO) is None
    assert knee([], TWO) is None
    assert knee(trials_of(np.ones((5, 2))), TWO) is None
    assert knee(trials_of(np.arange(5.0).reshape(-1, 1)), resolve_metrics("profit")) is None


def test_the_knee_of_three_metrics_is_nearest_to_the_ideal() -> None:
    values = np.array([[10.0, 9.0, 0.0], [0.0, 0.0, 0.1], [1.0, 9.0, 2.0], [8.0, 2.0, 1.7], [5.0, 5.0, 1.0]])
    trials = trials_of(values)
    front = best_trials(trials, THREE)
    assert knee(front, THREE) is trials[3]


def test_of_a_long_front_the_knee_is_among_the_top() -> None:
    cost = np.linspace(0, 1, 40)
    trials = trials_of(np.column_stack([-((1 - cost) ** 3), cost**3]))
    found = knee(best_trials(trials, TWO), TWO)
    top = top_trials(trials, TWO, 5)
    assert found in top
    assert len(top) == 5
    assert top[:4] == best_trials(trials, TWO, 4)
    assert top_trials(trials, TWO[:1], 5) == best_trials(trials, TWO[:1], 5)


def test_a_long_front_is_found_quickly() -> None:
    rng = np.random.default_rng(0)
    assert len(best_trials(trials_of(rng.normal(size=(5_000, 3))), THREE)) > 20


def test_reports_name_the_knee() -> None:
    import jesse_nb.report  # noqa: F401 - gives results their text

    study = make_optimization(60, metric=["profit", "max_drawdown"])
    assert len(study.pareto_front) >= len(study.top) > 0
    said = " ".join(str(study).split())
    if study.knee is None:
        assert "knee" not in said or "it has no knee" in said
    else:
        assert f"is trial {study.knee.number}" in said
    labels = study.plot("pareto").axes[0].get_legend_handles_labels()[1]
    assert any("knee" in text for text in labels) == (study.knee is not None)
