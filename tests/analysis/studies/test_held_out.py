import math
from dataclasses import replace

import pytest

from jesse_nb.core.analysis.studies.held_out import train_test
from tests.analysis.results import make_optimization


def test_each_column_is_its_runs_own_metric():
    result = make_optimization(30)
    frame = train_test(result)
    for name in ("net_profit_percentage", "max_drawdown", "omega_ratio", "total"):
        assert frame.loc[name, "train"] == result.training.metrics[name]
        assert frame.loc[name, "test"] == result.test.metrics[name]
        assert frame.loc[name, "default"] == result.default.metrics[name]
    assert frame.loc["sharpe", "train"] == result.best_value
    assert frame.loc["sharpe", "test"] == result.top[0].test_values[0]
    assert frame.index.is_unique


def test_degradation_is_the_lost_part_of_the_edge():
    result = make_optimization(30)

    def with_ratios(run, sharpe, omega):
        return replace(run, metrics={**run.metrics, "sharpe_ratio": sharpe, "omega_ratio": omega})

    def degradation(train, test):
        top = replace(result.top[0], test=with_ratios(result.test, *test))
        return train_test(
            replace(result, training=with_ratios(result.training, *train), top=(top, *result.top[1:]))
        )["degradation"]

    lost = degradation((2.0, 1.5), (0.5, 1.1))
    assert lost["sharpe_ratio"] == pytest.approx(0.75)
    assert lost["omega_ratio"] == pytest.approx(0.8)  # an omega of 1 is no edge
    assert degradation((2.0, 1.5), (-1.0, 1.5))["sharpe_ratio"] == pytest.approx(1.5)
    assert degradation((2.0, 1.5), (3.0, 1.5))["sharpe_ratio"] == pytest.approx(-0.5)
    assert math.isnan(degradation((-0.5, 0.9), (1.0, 1.2))["sharpe_ratio"])
    for name in ("net_profit_percentage", "total", "max_drawdown"):  # they depend on the period's length
        assert math.isnan(lost[name])


def test_lower_is_better_has_no_degradation():
    frame = train_test(make_optimization(30, metric=("smart_sharpe", "minimize")))
    assert math.isnan(frame.loc["smart_sharpe", "degradation"])
    assert (
        frame.loc["smart_sharpe", "change"]
        == frame.loc["smart_sharpe", "test"] - frame.loc["smart_sharpe", "train"]
    )


def test_without_held_out_period_or_runs():
    frame = train_test(make_optimization(30, held_out=False))
    assert frame["test"].isna().all()
    assert frame["degradation"].isna().all()
    assert frame["train"].notna().any()
    assert train_test(make_optimization(4, failing=4)).isna().all().all()


def test_a_users_metric_that_raises_is_undefined_for_that_run():
    def per_trade(result):
        if result.spec.start < 1_690_000_000_000 and result.metrics["net_profit_percentage"] < 10:
            raise KeyError("fragile")
        return result.metrics["net_profit"] / result.metrics["total"]

    result = make_optimization(30)
    weak = replace(result.default, metrics={**result.default.metrics, "net_profit_percentage": 1.0})
    from jesse_nb.core.study.metric import resolve_metrics

    frame = train_test(replace(result, metrics=resolve_metrics(per_trade), default=weak))
    assert math.isnan(frame.loc["per_trade", "default"])


def test_held_out_run_without_trades():
    result = make_optimization(30)
    silent = replace(
        result.test, metrics={"total": 0, "win_rate": 0, "net_profit_percentage": 0, "annualization": 365}
    )
    top = replace(result.top[0], test=silent, test_values=(math.nan,))
    frame = train_test(replace(result, top=(top, *result.top[1:])))
    assert math.isnan(frame.loc["sharpe", "test"])
    assert frame.loc["total", "test"] == 0
