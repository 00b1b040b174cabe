"""A parameter space: what is accepted, what is refused, and that values are clean."""

from __future__ import annotations

import itertools
import json
import warnings

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jesse_nb.core.study.dimension import Dimension
from jesse_nb.core.study.space import Space
from jesse_nb.exceptions import SpaceError

QUICKSTART = {"fast": (5, 30), "stop": (1.0, 5.0, 0.5), "mode": ["a", "b"]}


def test_a_dict_of_ranges_and_options():
    space = Space.parse(QUICKSTART)
    fast, stop, mode = space.dimensions
    assert (fast.kind, fast.low, fast.high, fast.step) == ("int", 5, 30, 1)
    assert (stop.kind, stop.low, stop.high, stop.step) == ("float", 1.0, 5.0, 0.5)
    assert (mode.kind, mode.choices) == ("categorical", ("a", "b"))
    assert space.names == ("fast", "stop", "mode")
    assert space.size == 26 * 9 * 2


def test_one_float_among_the_numbers_makes_floats():
    kinds = Space.parse({"a": (1, 5.0), "b": (1, 5, 0.5), "c": (1, 5, 2), "d": (np.int64(1), np.float64(2))})
    assert [dimension.kind for dimension in kinds.dimensions] == ["float", "float", "int", "float"]


def test_dicts_and_dimensions_and_spaces():
    space = Space.parse({
        "a": {"min": 1, "max": 100, "log": True},
        "b": {"type": "float", "min": 1, "max": 2, "default": 1.5},
        "c": {"options": [1, 2, None]},
        "d": Dimension("d", "int", 1, 3),
    })
    assert [dimension.kind for dimension in space.dimensions] == ["int", "float", "categorical", "int"]
    assert space.dimensions[0].log
    assert space.dimensions[1].default == 1.5
    assert Space.parse(space) is space
    assert Space.parse(list(space.dimensions)) == space


def test_jesse_s_own_list():
    space = Space.parse([
        {"name": "period", "type": int, "min": 10, "max": 95, "default": 20},
        {"name": "risk", "type": float, "min": 0.5, "max": 2, "step": 0.25, "default": 1},
        {"name": "kind", "type": "categorical", "options": ["ema", "sma"], "default": "ema"},
        {"name": "old", "type": "'int'", "min": 1, "max": 9, "step": None, "default": 99},
        {"name": "with spaces", "type": "float", "min": 1, "max": 2},
    ])
    kinds = [dimension.kind for dimension in space.dimensions]
    assert kinds == ["int", "float", "categorical", "int", "float"]
    assert space.dimensions[0].default == 20
    assert space.dimensions[3].default == 99


def test_the_form_of_a_command_line():
    text = "fast=5:30 stop=1.0:5.0:0.5 size=0.01:1:log mode=a,b period=10,20 on=true,false x=-1:1e3"
    space = Space.parse(text)
    assert space == Space.parse({
        "fast": (5, 30), "stop": (1.0, 5.0, 0.5), "size": {"min": 0.01, "max": 1, "log": True},
        "mode": ["a", "b"], "period": [10, 20], "on": [True, False], "x": (-1, 1000.0),
    })


@pytest.mark.parametrize(("space", "said"), [
    ({}, "empty"),
    ([], "empty"),
    ("", "empty"),
    (None, "None"),
    (7, "7"),
    ({"a": (5, 5)}, "hyperparameters={'a': 5}"),
    ({"a": (30, 5)}, "from 30 down to 5"),
    ({"a": (1, 3, 5)}, "step of 'a' is 5, larger than its range"),
    ({"a": (0.1, 0.3, 0.3)}, "a step of 0.2 at the most"),
    ({"a": (1, 3, 0)}, "step of 'a' is 0"),
    ({"a": (1.0, 3, -0.5)}, "step of 'a' is -0.5"),
    ({"a": []}, "no options"),
    ({"a": ["x"]}, "one option 'x'"),
    ({"a": ["x", "y", "x"]}, "option 'x' twice"),
    ({"a": [1, True]}, "option True twice"),
    ({"a": [float("nan"), 1]}, "finite"),
    ({"a": [(1, 2), (3, 4)]}, r"\(1, 2\)"),
    ({"a": {"min": 0, "max": 3, "log": True}}, "logarithmic but starts at 0"),
    ({"a": {"min": -1.0, "max": 3, "log": True}}, "logarithmic but starts at -1.0"),
    ({"a": {"min": 1, "max": 8, "step": 2, "log": True}}, "logarithmic and has the step 2"),
    ({"a": {"min": 1, "max": 8, "log": "yes"}}, "log of 'a' is 'yes'"),
    ({"a": {"min": 1}}, "no max"),
    ({"a": {}}, "no min and no max"),
    ({"a": {"min": 1, "max": 2, "stpe": 1}}, "Did you mean .*'step'"),
    ({"a": {"type": "str", "min": 1, "max": 2}}, "'str'"),
    ({"a": {"type": "int", "min": 1.5, "max": 2}}, "min of 'a' is 1.5"),
    ({"a": {"type": "int", "min": 1, "max": 2, "options": [1, 2]}}, "has options"),
    ({"a": {"type": "categorical"}}, "no options"),
    ({"a": {"type": "categorical", "options": "ab"}}, "'ab'"),
    ({"a": {"min": 1, "max": 2, "default": object()}}, "default of 'a'"),
    ({"a": (True, False)}, "min of 'a' is True"),
    ({"a": (False, 5)}, "min of 'a' is False"),
    ({"a": (1, float("inf"))}, "max of 'a' is inf"),
    ({"a": (float("nan"), 1)}, "min of 'a' is nan"),
    ({"a": (-1e308, 1e308)}, "too wide"),
    ({"a": (1, 2, 3, 4)}, "'a'"),
    ({"a": (1,)}, "'a'"),
    ({"a": 5}, "'a' is 5"),
    ({"a": "x"}, "'a' is 'x'"),
    ({"a": ("x", "y")}, r"a=\['x', 'y'\]"),
    ({"not a name": (1, 2)}, "'not a name'"),
    ({1: (1, 2)}, "called 1"),
    ({"a": Dimension("b", "int", 1, 2)}, "'b'"),
    ([{"name": "a", "type": int, "min": 1, "max": 2}] * 2, "'a' is in the space twice"),
    ([{"type": int, "min": 1, "max": 2}], "has no name"),
    ([{"name": "", "type": int, "min": 1, "max": 2}], "called ''"),
    ([5], "holds 5"),
    ("fast", "'fast'"),
    ("fast=5", "single value '5'"),
    ("fast=5:a", "max of 'fast' is 'a'"),
    ("fast=1:2:3:4", "range of 'fast'"),
    ("fast=:", "min of 'fast' is ''"),
])
def test_what_contradicts_itself_is_refused_in_one_line(space, said):
    with pytest.raises(SpaceError, match=said) as caught:
        Space.parse(space)
    assert "\n" not in str(caught.value)


def test_a_dimension_that_mixes_a_range_and_options_is_refused():
    with pytest.raises(SpaceError, match="options"):
        Dimension("a", "int", 1, 2, choices=(1, 2))
    with pytest.raises(SpaceError, match="categorical but has min"):
        Dimension("a", "categorical", 1, 2, choices=(1, 2))


def test_the_end_of_a_range_is_a_value_that_can_be_reached_and_optuna_has_nothing_to_warn_about():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        space = Space.parse({"a": (1.0, 2.0, 0.3), "b": (1, 10, 4)})
        distributions = space.distributions()
    assert [dimension.high for dimension in space.dimensions] == [1.9, 9]
    assert distributions["a"] == optuna.distributions.FloatDistribution(1.0, 1.9, step=0.3)
    assert distributions["b"] == optuna.distributions.IntDistribution(1, 9, step=4)


def test_the_distributions_are_optuna_s():
    space = Space.parse("a=5:30 b=0.01:1:log c=x,y")
    assert space.distributions() == {
        "a": optuna.distributions.IntDistribution(5, 30),
        "b": optuna.distributions.FloatDistribution(0.01, 1, log=True),
        "c": optuna.distributions.CategoricalDistribution(("x", "y")),
    }


@settings(max_examples=100, deadline=None)
@given(low=st.integers(-1000, 1000), steps=st.integers(1, 200), step=st.integers(1, 500),
       decimals=st.integers(1, 6), seed=st.integers(0, 1000))
def test_values_on_a_step_are_those_that_one_would_type(low, steps, step, decimals, seed):
    written = [float(f"{(low + index * step) / 10**decimals:.{decimals}f}") for index in range(steps + 1)]
    dimension = Dimension("a", "float", written[0], written[-1], float(f"{step / 10**decimals:.{decimals}f}"))
    assert dimension.values == written
    assert dimension.size == steps + 1
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    assert dimension.suggest(study.ask()) in written


def test_suggested_points_lie_in_the_space_and_have_the_right_types():
    space = Space.parse("a=5:30:5 b=0.1:0.9:0.1 c=0.01:1:log d=1:1000:log e=x,3,true")
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(200):
        point = space.suggest(study.ask())
        assert space.contains(point)
        assert isinstance(point["a"], int)
        assert repr(point["b"]) == f"{point['b']:.1f}"
        assert isinstance(point["d"], int)
        assert type(point["e"]) in (str, int, bool)
        assert json.loads(json.dumps(point)) == point


def test_the_grid_is_the_product_of_the_values():
    points = list(Space.parse("a=1:3 b=0.1:0.3:0.1 c=x,y").grid())
    expected = itertools.product([1, 2, 3], [0.1, 0.2, 0.3], ["x", "y"])
    assert [tuple(point.values()) for point in points] == list(expected)


def test_a_continuous_space_has_no_size_and_no_grid():
    space = Space.parse("a=1:3 b=0.1:0.3")
    assert space.size is None
    with pytest.raises(SpaceError, match="'b' is continuous"):
        space.grid()


def test_contains():
    space = Space.parse("a=1:9:2 b=0.1:0.9:0.1 c=0.5:2 d=x,y")
    inside = {"a": 3, "b": 0.30000000000000004, "c": 1.234, "d": "y"}
    assert space.contains(inside)
    assert space.contains(inside | {"a": np.int64(9), "c": np.float64(2)})
    for wrong in ({"a": 2}, {"a": 11}, {"a": 3.5}, {"a": True}, {"b": 0.35}, {"c": 2.1}, {"c": "1"},
                  {"d": "z"}, {"d": ["x"]}, {"e": 1}):
        assert not space.contains(inside | wrong), wrong
    assert not space.contains({"a": 3})


def test_a_warm_start_from_another_space_is_clipped_to_this_one():
    space = Space.parse("a=1:9:2 b=0.1:0.9:0.1 c=0.5:2 d=x,y e=1:5")
    clipped = space.clip({"a": 100, "b": 0.3401, "c": 0, "d": "z", "e": "five", "other": 1})
    assert clipped == {"a": 9, "b": 0.3, "c": 0.5}
    assert space.clip({"a": 4.9, "d": "x", "b": float("inf")}) == {"a": 5, "b": 0.9, "d": "x"}
    assert space.clip({"a": True, "b": float("nan"), "c": np.float64(1.5)}) == {"c": 1.5}


def test_it_survives_json():
    space = Space.parse({**QUICKSTART, "c": (0.1, 2.0), "d": [1, None, True and 2.5], "e": {
        "min": 1, "max": 9, "log": True, "default": 4}})
    assert Space.from_dict(json.loads(json.dumps(space.to_dict()))) == space


@pytest.mark.parametrize("stored", [{}, {"dimensions": [{"name": "a"}]}, {"dimensions": [
    {"name": "a", "kind": "int", "low": 1, "high": 2, "choices": [], "colour": 1}]}])
def test_a_damaged_stored_space_is_refused(stored):
    with pytest.raises(SpaceError, match="stored parameter space"):
        Space.from_dict(stored)
