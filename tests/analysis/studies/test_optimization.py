import math
from dataclasses import replace

import numpy as np
import pytest

from jesse_nb.core.analysis.studies.optimization import convergence, slices, top_table
from tests.analysis.results import make_optimization


@pytest.mark.parametrize(
    ("metric", "best_so_far"),
    [("sharpe", np.maximum), (("sharpe", "minimize"), np.minimum), ("max_drawdown", np.maximum)],
)
def test_convergence_is_the_running_best_in_the_metrics_direction(metric, best_so_far):
    result = make_optimization(80, metric=metric, failing=7, undefined=4)
    frame = convergence(result)
    values = np.array([trial.value for trial in result.trials])
    scored = np.isfinite(values)
    np.testing.assert_array_equal(frame["trial"], np.flatnonzero(scored))
    np.testing.assert_array_equal(frame["value"], values[scored])
    np.testing.assert_array_equal(frame["best"], best_so_far.accumulate(values[scored]))
    assert frame["best"].iloc[-1] == result.best_value


def test_convergence_is_ordered_by_trial():
    result = make_optimization(20)
    turned = replace(result, trials=tuple(reversed(result.trials)))
    assert convergence(turned).equals(convergence(result))


@pytest.mark.parametrize("size", [0, 4])
def test_nothing_scored_gives_empty_tables(size):
    result = make_optimization(size, failing=size, undefined=0)
    assert convergence(result).empty
    assert list(convergence(result).columns) == ["trial", "value", "best"]
    assert all(table.empty for table in slices(result).values())
    assert top_table(result).empty


def test_slices_hold_each_scored_trial_once():
    result = make_optimization(40)
    tables = slices(result)
    assert list(tables) == list(result.space.names)
    by_number = {trial.number: trial for trial in result.trials}
    for name, table in tables.items():
        assert len(table) == sum(trial.scored for trial in result.trials)
        for row in table.itertuples():
            assert row.x == by_number[row.trial].params[name]
            assert row.value == by_number[row.trial].value


def test_slices_leave_values_outside_of_the_space_out():
    result = make_optimization(10, failing=0, undefined=0)
    strange = replace(result.trials[3], params={**result.trials[3].params, "mode": "gone"})
    result = replace(result, trials=(*result.trials[:3], strange, *result.trials[4:]))
    assert 3 not in slices(result)["mode"]["trial"].tolist()
    assert 3 in slices(result)["fast"]["trial"].tolist()


def test_top_table_sets_training_beside_held_out():
    result = make_optimization(40)
    table = top_table(result, 5)
    assert table.index.tolist() == [1, 2, 3, 4, 5]
    for entry, (_, row) in zip(result.top, table.iterrows(), strict=False):
        assert row["trial"] == entry.trial.number
        assert {name: row[f"param_{name}"] for name in result.space.names} == entry.trial.params
        assert row["value_sharpe"] == entry.trial.value
        assert row["test_value_sharpe"] == entry.test_values[0] == entry.test.metrics["sharpe_ratio"]
        assert row["trades"] == entry.trial.metrics["total"]
        assert row["test_net_profit_percentage"] == entry.test.metrics["net_profit_percentage"]
    assert not [name for name in top_table(make_optimization(20, held_out=False)) if name.startswith("test_")]


def test_top_table_with_a_failed_held_out_run():
    result = make_optimization(20)
    broken = replace(result.top[0], test=None, test_values=(), test_reason="it crashed")
    row = top_table(replace(result, top=(broken, *result.top[1:]))).loc[1]
    assert math.isnan(row["test_value_sharpe"])
    assert math.isnan(row["test_trades"])
    assert row["test_reason"] == "it crashed"
