import gc
from dataclasses import replace

import optuna
import pytest

from jesse_nb.core.analysis.studies.importances import importances, rebuilt_study
from jesse_nb.core.study.space import Space
from jesse_nb.core.study.trial import Trial
from tests.analysis.results import make_optimization

SPACE = Space.parse({"a": (0.0, 1.0), "b": {"min": 1, "max": 1000, "log": True}, "c": ["x", "y"]})


def optimized(n: int, objective, direction: str = "maximize"):
    """Run Optuna itself; return its study, and the same trials as a result of ours."""
    study = optuna.create_study(direction=direction, sampler=optuna.samplers.TPESampler(seed=1))
    study.optimize(lambda trial: objective(**SPACE.suggest(trial)), n_trials=n)
    trials = tuple(
        Trial(trial.number, trial.params, (trial.value,), "finished", "", {}, 0.0, False, "")
        for trial in study.trials
    )
    metric = ("sharpe", direction)
    return study, replace(
        make_optimization(1, metric=metric, space=SPACE, failing=0, undefined=0), trials=trials
    )


def curve(a, b, c):
    return 3 * a + 0.001 * b + (0.2 if c == "x" else 0.0)


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_equal_to_optunas_own_on_the_same_study(direction):
    study, result = optimized(60, curve, direction)
    measured = importances(result)
    theirs = optuna.importance.get_param_importances(
        study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0)
    )
    assert measured.values == pytest.approx(theirs)
    assert (measured.method, measured.reason) == ("fANOVA", "")
    assert sum(measured.values.values()) == pytest.approx(1)
    assert next(iter(measured.values)) == "a"
    assert importances(result) == measured  # the seed is fixed


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_many_trials_take_the_fast_method(direction):
    study, result = optimized(230, curve, direction)
    measured = importances(result)
    theirs = optuna.importance.get_param_importances(
        study, evaluator=optuna.importance.PedAnovaImportanceEvaluator()
    )
    assert measured.method == "PED-ANOVA"
    assert measured.values == pytest.approx(theirs)


def test_reasons_in_place_of_numbers():
    few = importances(make_optimization(20, failing=1, undefined=0))
    assert (few.values, few.method) == ({}, "")
    assert "at least 20" in few.reason
    assert "there are 19" in few.reason
    assert importances(make_optimization(3, failing=3)).reason
    _, constant = optimized(30, lambda a, b, c: 1.0)
    assert "same value" in importances(constant).reason


def test_parameters_that_never_changed_explain_nothing():
    _, result = optimized(30, curve)
    still = tuple(replace(trial, params={"a": 0.5, "b": 10, "c": "x"}) for trial in result.trials)
    assert importances(replace(result, trials=still)).reason == "No parameter was varied."


def test_twice_as_many_trials_as_parameters_are_needed():
    wide = Space.parse({f"p{number}": (0, 9) for number in range(15)})
    assert "at least 30" in importances(make_optimization(25, space=wide, failing=0, undefined=0)).reason
    assert importances(make_optimization(31, space=wide, failing=0, undefined=0)).values


def test_only_usable_trials_enter_the_study(capfd):
    _, result = optimized(30, curve)
    outside = replace(result.trials[0], params={"a": 7.0, "b": 1, "c": "x"})
    unknown = replace(result.trials[1], params={"a": 0.5, "b": 1, "c": "gone"})
    endless = replace(result.trials[2], values=(float("inf"),))
    failed = replace(result.trials[3], state="failed", values=(float("nan"),))
    capfd.readouterr()
    study = rebuilt_study(replace(result, trials=(outside, unknown, endless, failed, *result.trials[4:])))
    assert len(study.trials) == 26
    assert study.best_value == max(trial.value for trial in result.trials[4:])
    assert capfd.readouterr().err == ""  # Optuna announces new studies otherwise


def test_no_tree_of_the_forest_is_kept():
    assert importances(make_optimization(30)).method == "fANOVA"
    gc.collect()
    assert not [kept for kept in gc.get_objects() if type(kept).__name__ == "_FanovaTree"]
