"""Metrics by name, as a function, and Jesse's own score."""

from __future__ import annotations

import ast
import functools
import importlib.util
import math
import pickle
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from jesse_nb.core.study.metric import Metric, metric_names, resolve_metric, resolve_metrics
from jesse_nb.exceptions import MetricError

JESSE = Path(importlib.util.find_spec("jesse").origin).parent


def result(**metrics):
    return SimpleNamespace(metrics=metrics, ruin=None)  # a metric reads nothing else of a result


WITHOUT_TRADES = result(total=0, win_rate=0, net_profit_percentage=0, annualization=365)


def keys_that_jesse_returns():
    """The keys of the dict that ends `trades()` in Jesse's own source."""
    tree = ast.parse((JESSE / "services/metrics.py").read_text())
    trades = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "trades")
    final = [node.value for node in ast.walk(trades) if isinstance(node, ast.Return)]
    return max(([key.value for key in value.keys] for value in final if isinstance(value, ast.Dict)), key=len)


def test_every_metric_of_jesse_has_a_name_and_is_read_untouched():
    keys = keys_that_jesse_returns()
    assert len(keys) > 40
    for index, key in enumerate(keys):
        metric = resolve_metric(key)
        assert metric.read(result(**{key: index - 20.5})) == index - 20.5
        assert key in metric_names()


@pytest.mark.parametrize(("name", "key", "direction", "unit"), [
    ("profit", "net_profit_percentage", "maximize", "percent"),
    ("sharpe", "sharpe_ratio", "maximize", "ratio"),
    ("calmar", "calmar_ratio", "maximize", "ratio"),
    ("sortino", "sortino_ratio", "maximize", "ratio"),
    ("omega", "omega_ratio", "maximize", "ratio"),
    ("win rate", "win_rate", "maximize", "fraction"),
    ("max drawdown", "max_drawdown", "maximize", "percent"),
    ("serenity", "serenity_index", "maximize", "ratio"),
    ("smart sharpe", "smart_sharpe", "maximize", "ratio"),
    ("smart sortino", "smart_sortino", "maximize", "ratio"),
    ("losing streak", "losing_streak", "minimize", "count"),
    ("fee", "fee", "minimize", "currency"),
    ("average loss", "average_loss", "minimize", "currency"),
    ("gross loss", "gross_loss", "maximize", "currency"),
    ("max underwater period", "max_underwater_period", "minimize", ""),
])
def test_names(name, key, direction, unit):
    metric = resolve_metric(name)
    assert (metric.direction, metric.unit) == (direction, unit)
    assert metric.read(result(**{key: -12.5})) == -12.5
    for spelling in (name.replace(" ", "-"), name.replace(" ", "_"), name.upper(), f"  {name} "):
        assert resolve_metric(spelling) == metric
    assert resolve_metric(key) == metric


def test_a_drawdown_is_better_when_nearer_to_zero():
    metric = resolve_metric("max drawdown")
    assert metric.read(result(max_drawdown=-10.0)) > metric.read(result(max_drawdown=-30.0))
    assert metric.direction == "maximize"


def test_without_trades_ratios_are_undefined_and_profit_is_zero():
    assert resolve_metric("profit").read(WITHOUT_TRADES) == 0
    assert resolve_metric("total").read(WITHOUT_TRADES) == 0
    for name in ("sharpe", "calmar", "sortino", "omega", "max drawdown", "net_profit", "smart_sharpe"):
        assert math.isnan(resolve_metric(name).read(WITHOUT_TRADES)), name


def test_a_win_rate_of_no_trades_is_undefined():
    one_sided = result(win_rate_longs=0.5, longs_count=8, win_rate_shorts=0.0, shorts_count=0)
    assert resolve_metric("win_rate_longs").read(one_sided) == 0.5
    assert math.isnan(resolve_metric("win_rate_shorts").read(one_sided))
    assert resolve_metric("win_rate_shorts").read(result(win_rate_shorts=0.0, shorts_count=3)) == 0.0


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, None])
def test_what_cannot_be_ranked_is_undefined(value):
    assert math.isnan(resolve_metric("sortino").read(result(sortino_ratio=value)))


@pytest.mark.parametrize(("name", "said"), [
    ("sharp", "'sharpe'"), ("max_drawdwn", "'max_drawdown'"), ("jesse scor", "'jesse_score'"),
    ("zzzzzz", "Known: "), ("", "Known: "), (5, "5"), (None, "None"), (("sharpe", "up"), "'up'"),
])
def test_unknown_metrics_name_the_close_ones(name, said):
    with pytest.raises(MetricError, match=said) as caught:
        resolve_metric(name)
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------ Jesse's score


@functools.lru_cache
def code_of_jesse_s_score():
    functions = [node for file in ("helpers.py", "modes/optimize_mode/fitness.py")
                 for node in ast.parse((JESSE / file).read_text()).body
                 if isinstance(node, ast.FunctionDef) and node.name in ("normalize", "get_fitness")]
    assert len(functions) == 2
    return compile(ast.Module(functions, []), "jesse", "exec")


def jesse_s_own_score(objective, metrics, optimal_total):
    """Run the very code of Jesse's `get_fitness`, with the backtest and the log swapped for the metrics."""
    scope = {
        "np": np, "log10": math.log10,
        "isolated_backtest": lambda *_, **__: {"metrics": metrics},
        "_formatted_inputs_for_isolated_backtest": lambda *_: {},
        "exceptions": SimpleNamespace(RouteNotFound=OSError),
        "logger": SimpleNamespace(log_optimize_mode=lambda *_: None),
    }
    exec(code_of_jesse_s_score(), scope)
    scope["jh"] = SimpleNamespace(normalize=scope["normalize"])
    return scope["get_fitness"]({}, [], [], [], {}, {}, {}, {}, {}, optimal_total, True, "", objective)[0]


OBJECTIVES = {
    "sharpe": "sharpe_ratio", "calmar": "calmar_ratio", "sortino": "sortino_ratio", "omega": "omega_ratio",
    "serenity": "serenity_index", "smart sharpe": "smart_sharpe", "smart sortino": "smart_sortino",
}


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_jesse_score_is_the_fitness_of_jesse_s_dashboard(objective):
    metric = resolve_metric(f"jesse score {objective}")
    random = np.random.default_rng(7)
    cases = [(int(random.integers(0, 120)), float(random.normal(1, 2))) for _ in range(200)]
    cases += [(0, 1.0), (5, 2.0), (6, 2.0), (50, 2.0), (51, 2.0)]
    cases += [(30, ratio) for ratio in (0.0, -0.1, math.nan, -math.inf)]
    for total, ratio in cases:
        metrics = {"total": total, OBJECTIVES[objective]: ratio, "net_profit_percentage": 1.0, "win_rate": 1}
        expected = jesse_s_own_score(objective, metrics, optimal_total=50)
        assert metric.read(result(**metrics)) == pytest.approx(expected, rel=1e-12), (total, ratio)


def test_jesse_score_is_by_sharpe_and_defined_without_trades():
    metrics = result(total=30, sharpe_ratio=1.5)
    assert resolve_metric("jesse score").read(metrics) == resolve_metric("jesse-score-sharpe").read(metrics)
    assert resolve_metric("jesse score").read(WITHOUT_TRADES) == 0.0001
    assert math.isnan(resolve_metric("jesse score sortino").read(result(total=30, sortino_ratio=math.inf)))


# ------------------------------------------------------------------ functions


def trades_a_loss(run):
    return run.metrics["total"] / 2


def test_a_function_is_a_metric():
    metric = resolve_metric(trades_a_loss)
    assert (metric.name, metric.direction) == ("trades_a_loss", "maximize")
    assert metric.read(result(total=5)) == 2.5
    smaller = resolve_metric((trades_a_loss, "minimize"))
    assert smaller.direction == "minimize"
    assert resolve_metric(lambda run: np.float32(0.5)).read(result()) == 0.5


def test_the_direction_of_a_named_metric_can_be_turned():
    assert resolve_metric(("total", "minimize")) == replace(resolve_metric("total"), direction="minimize")


@pytest.mark.parametrize("value", [None, math.nan, math.inf, np.nan])
def test_a_function_may_say_undefined(value):
    assert math.isnan(resolve_metric(lambda run: value).read(result()))


@pytest.mark.parametrize(("returned", "said"), [
    ("a", "returned 'a'"), ([1], "returned"), (object(), "returned"), ("x" * 500, r"\.\.\."),
    (1j, "returned 1j"),
])
def test_a_function_that_returns_no_number_is_named(returned, said):
    def odd(run):
        return returned

    with pytest.raises(MetricError, match=said) as caught:
        resolve_metric(odd).read(result())
    assert "'odd'" in str(caught.value)


def test_a_function_that_raises_is_named():
    def broken(run):
        return run.metrics["sharpe_ratio"]

    said = r"'broken' raised KeyError: 'sharpe_ratio'.*without trades"
    with pytest.raises(MetricError, match=said) as caught:
        resolve_metric(broken).read(WITHOUT_TRADES)
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(MetricError, match="ZeroDivisionError"):
        resolve_metric(lambda run: 1 / 0).read(result())


def test_several_metrics():
    one, other = resolve_metrics(["sharpe", (trades_a_loss, "minimize")])
    assert (one.name, other.name, other.direction) == ("sharpe", "trades_a_loss", "minimize")
    assert resolve_metrics("sharpe") == (one,)
    assert resolve_metrics((trades_a_loss, "minimize"))[0].direction == "minimize"
    assert [metric.name for metric in resolve_metrics(("sharpe", "calmar"))] == ["sharpe", "calmar"]
    unnamed = resolve_metrics([lambda run: 1, lambda run: 2])
    assert [metric.name for metric in unnamed] == ["custom", "custom_2"]
    assert resolve_metrics(one) == (one,)
    with pytest.raises(MetricError, match="'sharpe' is in the list twice"):
        resolve_metrics(["sharpe", "sharpe_ratio"])
    with pytest.raises(MetricError, match="No metric"):
        resolve_metrics([])


def test_metrics_pickle_and_compare():
    for name in metric_names():
        metric = resolve_metric(name)
        assert pickle.loads(pickle.dumps(metric)) == metric
    assert isinstance(pickle.loads(pickle.dumps(resolve_metric(trades_a_loss))), Metric)
