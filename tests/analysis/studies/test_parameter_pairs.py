"""Two parameters against the metric: cells that hold the median of their trials, and nothing in between."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from jesse_nb.core.analysis.studies.parameter_pairs import pair_places, pair_table, parameter_pairs
from jesse_nb.core.study.space import Space


def study(rows: list[tuple[dict[str, Any], float]], **space: Any) -> Any:
    trials = [SimpleNamespace(number=number, params=params, value=value, scored=value == value)
              for number, (params, value) in enumerate(rows)]
    return SimpleNamespace(trials=trials, space=Space.parse(space))


def test_cells_are_values_where_there_are_few():
    rows = [({"a": 1, "m": "x"}, 1.0), ({"a": 1, "m": "x"}, 4.0), ({"a": 1, "m": "x"}, 2.0),
            ({"a": 3, "m": "y"}, 7.0), ({"a": 2, "m": "y"}, float("nan"))]
    found = pair_table(study(rows, a=(1, 5), m=["x", "y", "z"]), "a", "m")
    assert list(found.columns) == [1, 3]
    assert list(found.index) == ["z", "y", "x"]
    np.testing.assert_array_equal(found.to_numpy(), [[np.nan] * 2, [np.nan, 7.0], [2.0, np.nan]])


@pytest.mark.parametrize("log", [False, True])
def test_of_many_values_each_trial_is_in_the_cell_that_holds_it(log):
    random = np.random.default_rng(0)
    points = random.uniform(1, 100, (300, 2))
    rows = [({"a": float(one), "b": float(two)}, float(number)) for number, (one, two) in enumerate(points)]
    space = {name: {"min": 1.0, "max": 100.0, "log": log} for name in "ab"}
    found = pair_table(study(rows, **space), "a", "b")
    assert found.shape == (12, 12)
    placed = np.log(points) if log else points
    share = (placed - placed.min(axis=0)) / np.ptp(placed, axis=0)
    cells = np.minimum((share * 12).astype(int), 11)
    places = pair_places(study(rows, **space), "a", "b")
    assert places == {number: (column, 11 - row) for number, (column, row) in enumerate(cells.tolist())}
    for column, row in np.ndindex(12, 12):
        inside = np.flatnonzero((cells[:, 0] == column) & (cells[:, 1] == row))
        value = found.iloc[11 - row, column]
        assert np.isnan(value) if not len(inside) else value == np.median(inside)


def test_pairs_begin_with_what_matters_most():
    rows = [({"a": number, "b": number % 3, "c": number % 2, "d": 1}, float(number)) for number in range(6)]
    made = study(rows, a=(0, 9), b=(0, 9), c=(0, 9), d=(0, 9))
    assert parameter_pairs(made, {}) == [("a", "b"), ("a", "c"), ("b", "c")], "what never varied is in no pair"
    assert parameter_pairs(made, {"c": 0.6, "b": 0.3, "a": 0.1})[0] == ("c", "b")
