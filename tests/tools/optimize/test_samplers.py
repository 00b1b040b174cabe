"""Samplers: the right one, refused where it cannot work, and repeating themselves."""

from __future__ import annotations

import logging
import math
import threading
import warnings
from collections import deque

import optuna
import pytest

from jesse_nb.core.study.space import Space
from jesse_nb.core.tools.optimize.samplers import SAMPLERS, make_sampler, quiet_optuna
from jesse_nb.exceptions import InputError, SpaceError

MIXED = Space.parse("fast=5:30 slow=31:120 stop=1.0:5.0:0.5 mode=a,b")
NUMBERS = Space.parse("fast=5:30 slow=31:120 stop=1.0:5.0:0.5")


def value_of(point):
    return -((point["fast"] - 12) ** 2) - (point["slow"] - 70) ** 2 / 10 - (point["stop"] - 2.5) ** 2


def run(name, space, seed=3, trials=40, lag=4, metrics=1, fail_every=0):
    """Ask and tell with ``lag`` trials always running, as a pool of workers would."""
    sampler = make_sampler(name, seed, space, metrics)
    study = optuna.create_study(sampler=sampler, directions=["maximize"] * metrics)
    running, points = deque(), []
    for number in range(trials):
        trial = study.ask()
        points.append(space.suggest(trial))
        running.append((trial, points[-1]))
        if len(running) == lag:
            oldest, point = running.popleft()
            if fail_every and number % fail_every == 0:
                study.tell(oldest, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(oldest, [value_of(point), -point["stop"]][:metrics])
    return points


@pytest.mark.parametrize("name", ["tpe", "gp", "random", "qmc", "grid", "cmaes", "nsga2"])
def test_the_same_seed_draws_the_same_points_with_several_running(name):
    space = NUMBERS if name == "cmaes" else MIXED
    points = run(name, space, fail_every=7)
    assert points == run(name, space, fail_every=7)
    assert points != run(name, space, seed=4, fail_every=7)
    assert all(space.contains(point) for point in points)


@pytest.mark.parametrize("name", ["tpe", "nsga2", "random", "qmc", "grid"])
def test_several_metrics(name):
    assert run(name, MIXED, metrics=2) == run(name, MIXED, metrics=2)


# A Gaussian process needs fewer trials, and takes longer for each.
@pytest.mark.parametrize(("name", "trials"), [("tpe", 120), ("gp", 50), ("cmaes", 120)])
def test_a_sampler_that_learns_beats_random(name, trials):
    def best(sampler, seed):
        return max(map(value_of, run(sampler, NUMBERS, seed=seed, trials=trials)[trials // 2:]))

    assert sum(best(name, seed) for seed in range(5)) > sum(best("random", seed) for seed in range(5))


def test_running_trials_are_not_repeated():
    space = Space.parse("fast=5:30 slow=60:70:10 stop=1.0:5.0:0.5")
    points = [tuple(point.values()) for point in run("tpe", space, trials=60, lag=30)]
    assert len(set(points)) >= 50
    told = make_sampler("tpe", 0, space)
    assert isinstance(told, optuna.samplers.TPESampler)
    assert told._constant_liar


def test_a_grid_visits_every_point_once():
    space = Space.parse("a=1:3 b=0.1:0.4:0.1 c=x,y")
    study = optuna.create_study(sampler=make_sampler("grid", 0, space))
    seen = []
    for _ in range(space.size):
        trial = study.ask()
        seen.append(space.suggest(trial))
        study.tell(trial, 0.0)
    assert sorted(map(repr, seen)) == sorted(map(repr, space.grid()))


def test_a_grid_after_a_warm_start_still_visits_every_point_once():
    space = Space.parse("a=1:3 b=0.1:0.4:0.1")
    study = optuna.create_study(sampler=make_sampler("grid", 0, space))
    for known in ({"a": 3, "b": 0.3}, {"a": 1, "b": 0.1}, {"a": 2}):
        study.enqueue_trial(known)
    points = [space.suggest(study.ask()) for _ in range(space.size)]
    assert points[:2] == [{"a": 3, "b": 0.3}, {"a": 1, "b": 0.1}]
    assert points[2]["a"] == 2
    assert sorted(map(repr, points)) == sorted(map(repr, space.grid()))
    assert space.contains(space.suggest(study.ask()))  # and goes on where a caller asks for more


@pytest.mark.parametrize(("name", "space", "metrics", "error", "said"), [
    ("tpee", MIXED, 1, InputError, "Did you mean 'tpe'"),
    ("annealing", MIXED, 1, InputError, "No sampler is called 'annealing'"),
    (None, MIXED, 1, InputError, "None"),
    ("cmaes", MIXED, 1, InputError, "'mode' is categorical"),
    ("cmaes", NUMBERS, 2, InputError, "one metric, not 2"),
    ("gp", NUMBERS, 2, InputError, "one metric, not 2"),
    ("cmaes", Space.parse("a=1:9"), 1, InputError, "two parameters or more, not only 'a'"),
    ("grid", Space.parse("a=1:9 b=0.1:0.2"), 1, SpaceError, "'b' is continuous"),
    ("grid", Space.parse("a=1:1000 b=1:1000"), 1, InputError, "1,000,000 points"),
])
def test_what_cannot_work_is_refused(name, space, metrics, error, said):
    with pytest.raises(error, match=said):
        make_sampler(name, 0, space, metrics)


@pytest.mark.parametrize("seed", [-1, 1.5, True, "0", None, 2**32])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(InputError, match="seed"):
        make_sampler("tpe", seed, MIXED)


@pytest.mark.parametrize("name", ["TPE", "cma-es", "NSGA-II", "nsga_2"])
def test_spellings(name):
    assert make_sampler(name, 0, NUMBERS)


def test_making_a_sampler_says_nothing(recwarn):
    for name in SAMPLERS:
        make_sampler(name, 0, NUMBERS)
    assert not recwarn.list


def test_the_users_verbosity_is_put_back_even_from_threads(capfd):
    before = optuna.logging.get_verbosity()
    try:
        optuna.logging.set_verbosity(optuna.logging.INFO)
        first_in, second_in = threading.Event(), threading.Event()

        def other():
            with quiet_optuna():
                first_in.set()
                second_in.wait(10)

        thread = threading.Thread(target=other)
        thread.start()
        first_in.wait(10)
        with quiet_optuna():  # entered second and left second: the order that breaks a naive save and restore
            second_in.set()
            thread.join(10)
            assert optuna.logging.get_verbosity() == logging.ERROR
            optuna.create_study()
        assert optuna.logging.get_verbosity() == optuna.logging.INFO
        assert capfd.readouterr().err == ""
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            optuna.samplers.TPESampler(multivariate=True)
        assert len(seen) == 1
    finally:
        optuna.logging.set_verbosity(before)


def test_an_undefined_value_does_not_stop_a_sampler():
    study = optuna.create_study(direction="maximize", sampler=make_sampler("tpe", 0, MIXED))
    for number in range(30):
        trial = study.ask()
        MIXED.suggest(trial)
        state = optuna.trial.TrialState.FAIL if number % 2 else None
        study.tell(trial, None if state else float(number), state=state)
    assert math.isfinite(study.best_value)
