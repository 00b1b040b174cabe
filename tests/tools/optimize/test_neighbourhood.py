"""Around the best trials: which points are neighbours, what is made of their values, and what it may cost."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jesse_nb.core.study.metric import Metric, resolve_metric
from jesse_nb.core.study.space import Space
from jesse_nb.core.study.trial import Trial
from jesse_nb.core.tools.optimize.neighbourhood import (
    MOST_NEIGHBOURS,
    Neighbour,
    Plateau,
    neighbourhood,
    neighbours_of,
    same_point,
    within_limit,
)

SPACE = Space.parse({
    "fast": (5, 30), "slow": (30, 120, 10), "stop": (1.0, 5.0, 0.5), "size": (0.0, 2.0), "mode": ["a", "b"],
    "risk": {"min": 0.001, "max": 1.0, "log": True}, "length": {"min": 1, "max": 1000, "log": True},
})
CENTRE = {"fast": 10, "slow": 60, "stop": 2.5, "size": 1.0, "mode": "a", "risk": 0.1, "length": 100}


def make_trial(number: int, value: float, params: dict[str, Any] | None = None) -> Trial:
    return Trial(number, params or {"fast": number}, (value,), "finished", "", {}, 0.1, False, f"{number}")


def around(value: float, *values: float, metric: str | Metric = "sharpe", number: int = 0) -> Any:
    near = [Neighbour("fast", place, {"fast": place}, one) for place, one in enumerate(values, 1)]
    return neighbourhood(make_trial(number, value), near, resolve_metric(metric))


def test_each_parameter_moves_alone_by_its_own_step() -> None:
    settings: dict[str, list[Any]] = {}
    for one in neighbours_of(SPACE, CENTRE, 2):
        differing = [name for name, value in CENTRE.items() if one.params[name] != value]
        assert differing == [one.parameter]
        settings.setdefault(one.parameter, []).append((one.steps, one.params[one.parameter]))
    assert settings == {
        "fast": [(-1, 9), (1, 11), (-2, 8), (2, 12)],
        "slow": [(-1, 50), (1, 70), (-2, 40), (2, 80)],
        "stop": [(-1, 2.0), (1, 3.0), (-2, 1.5), (2, 3.5)],
        "size": [(-1, 0.9), (1, 1.1), (-2, 0.8), (2, 1.2)],  # a twentieth of the range
        "risk": [(steps, pytest.approx(0.1 * 1000 ** (steps / 20))) for steps in (-1, 1, -2, 2)],
        "length": [(-1, 71), (1, 141), (-2, 50), (2, 200)],
    }
    assert [abs(one.steps) for one in neighbours_of(SPACE, CENTRE, 2)] == [1] * 12 + [2] * 12


def test_at_the_border_it_stays_inside_and_no_point_comes_twice() -> None:
    corner = {"fast": 5, "slow": 120, "stop": 4.8, "size": 1.97, "mode": "b", "risk": 0.001, "length": 1}
    found = [(one.parameter, one.steps, one.params[one.parameter]) for one in neighbours_of(SPACE, corner, 2)]
    assert [entry for entry in found if entry[0] in ("fast", "slow", "length")] == [
        ("fast", 1, 6), ("slow", -1, 110), ("length", 1, 2), ("fast", 2, 7), ("slow", -2, 100), ("length", 2, 3)]
    assert ("size", 1, 2.0) in found
    assert ("size", 2, 2.0) not in found


@given(st.data(), st.integers(1, 4))
def test_neighbours_are_points_of_the_space(data: Any, steps: int) -> None:
    centre = {"fast": data.draw(st.integers(5, 30)), "slow": 10 * data.draw(st.integers(3, 12)),
              "stop": 0.5 * data.draw(st.integers(2, 10)), "size": data.draw(st.floats(0, 2)),
              "mode": data.draw(st.sampled_from("ab")), "risk": data.draw(st.floats(0.001, 1)),
              "length": data.draw(st.integers(1, 1000))}
    found = neighbours_of(SPACE, centre, steps)
    points = [same_point(one.params) for one in found]
    assert len(points) == len(set(points))
    assert same_point(centre) not in points
    assert all(SPACE.contains(one.params) for one in found)
    assert 6 * steps <= len(found) <= 12 * steps
    assert found == neighbours_of(SPACE, centre, steps)


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize("seed", range(5))
def test_worst_and_median_are_numpys(direction: Any, seed: int) -> None:
    metric = resolve_metric((lambda result: 0.0, direction))
    values = np.random.default_rng(seed).normal(size=7 + seed)
    found = around(1.0, *values, metric=metric)
    assert found.worst == (values.min() if direction == "maximize" else values.max())
    assert found.median == np.median(values)
    assert math.isnan(found.kept)  # nobody can say what no edge is in a metric of one's own
    with_gap = around(1.0, *values, math.nan, metric=metric)
    assert math.isnan(with_gap.worst)
    assert with_gap.unusable == 1
    ends = [-math.inf if direction == "maximize" else math.inf, *values]
    assert with_gap.median == np.median(ends)
    assert math.isnan(around(1.0, 2.0, math.nan, math.nan, metric=metric).median)


@pytest.mark.parametrize(("metric", "value", "median", "kept"), [
    ("sharpe", 2.0, 1.5, 0.75), ("sharpe", 2.0, -1.0, -0.5), ("profit", 40.0, 10.0, 0.25), ("omega", 1.5, 1.25, 0.5),
    ("sharpe", -1.0, -2.0, None), ("max drawdown", -10.0, -20.0, None), ("trades", 100, 90, None),
    (("sharpe", "minimize"), 2.0, 1.0, None), ("sharpe", 2.0, math.nan, None),
])
def test_how_much_of_the_edge_is_kept(metric: Any, value: float, median: float, kept: float | None) -> None:
    found = around(value, median, metric=metric).kept
    assert math.isnan(found) if kept is None else found == kept


def test_the_robust_centre_is_the_one_whose_median_neighbour_does_best() -> None:
    spike = around(3.0, 0.1, 0.2, 0.3, number=4)
    plateau = around(2.0, 1.8, 1.9, 1.9, number=7)
    cliff = around(2.5, 2.4, math.nan, math.nan, number=2)
    tie = around(1.9, 1.7, 1.9, 2.0, number=9)
    found = Plateau(resolve_metric("sharpe"), 1, (spike, cliff, plateau, tie), wanted=4)
    assert [one.trial.number for one in found.ranked] == [7, 9, 4, 2]
    assert found.centre is plateau.trial
    frame = found.to_frame()
    assert list(frame.index) == [4, 2, 7, 9]
    assert list(frame["robust_rank"]) == [3, 4, 1, 2]
    assert list(frame["unusable"]) == [0, 2, 0, 0]
    assert list(frame["param_fast"]) == [4, 2, 7, 9]
    assert len(found.neighbours_frame()) == 12
    assert Plateau(resolve_metric(("sharpe", "minimize")), 1, (plateau, spike), wanted=2).centre is spike.trial


def test_what_it_may_cost_is_limited() -> None:
    space = Space.parse({f"p{number}": (0, 100) for number in range(11)})
    trials = [make_trial(number, 5.0 - number, dict.fromkeys(space.names, 10 * number + 5)) for number in range(5)]

    def planned(steps: int, tried: tuple[str, ...] = ()) -> list[tuple[int, int]]:
        wanted = [(trial, neighbours_of(space, trial.params, steps)) for trial in trials]
        return [(trial.number, len(near)) for trial, near in within_limit(wanted, tried)]

    assert planned(1) == [(0, 22), (1, 22)]  # a third would make 66
    known = tuple(same_point(one.params) for one in neighbours_of(space, trials[0].params, 1))
    assert planned(1, known) == [(0, 22), (1, 22), (2, 22)]
    assert planned(3) == [(0, MOST_NEIGHBOURS)]
    assert within_limit([], []) == []
