"""Constraints: how they are written, and that no trial that breaks one is ever the best."""

from __future__ import annotations

import math
import operator
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import jesse_nb.core.tools.optimize.search as search_module
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.study.constraints import constraints_from_words, none_satisfies, parse_constraints
from jesse_nb.core.study.metric import resolve_metrics
from jesse_nb.core.study.space import Space
from jesse_nb.core.tools.optimize.optimize import optimize
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
from jesse_nb.core.tools.walk_forward.walk_forward import walk_forward
from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult
from jesse_nb.exceptions import InputError, JesseNbError, MetricError
from tests.analysis.results import make_backtest, make_optimization
from tests.jobs.strategies import CROSSING, SPACE

BASE = make_backtest()


def ran(**metrics: Any) -> BacktestResult:
    return replace(BASE, metrics=metrics)


@pytest.mark.parametrize("written", [
    ["trades >= 30", "max_drawdown < 25"], "trades >= 30, max_drawdown < 25", "trades>=30 and max drawdown<25",
    "Trades >= 30; max-drawdown < 25%", ("total >= 30 max_drawdown < 25",),
])
def test_many_ways_to_write_the_same(written: Any) -> None:
    trades, drawdown = parse_constraints(written)
    for total, kept in ((29, False), (30, True), (31, True)):
        assert trades.satisfied(ran(total=total)) is kept
    for deep, kept in ((-24.9, True), (-25.0, False), (-26.0, False), (0.0, True)):
        assert drawdown.satisfied(ran(max_drawdown=deep)) is kept


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">="])
def test_it_is_python_s_comparison_and_says_by_how_much_it_is_missed(sign: str) -> None:
    rng = np.random.default_rng(3)
    compare = getattr(operator, {"<": "lt", "<=": "le", ">": "gt", ">=": "ge"}[sign])
    for value, bound in zip(rng.normal(size=50).round(1), rng.normal(size=50).round(1), strict=True):
        (constraint,) = parse_constraints(f"sharpe {sign} {bound}")
        excess = constraint.measure(ran(sharpe_ratio=value))
        assert (excess == 0) == constraint.satisfied(ran(sharpe_ratio=value)) == compare(value, bound)
        if excess > 1e-9:
            assert excess == pytest.approx(abs(value - bound) / (abs(bound) or 1))


def test_fractions_are_written_as_percent_or_as_fractions() -> None:
    for text in ("win_rate > 0.4", "win rate > 40%"):
        (constraint,) = parse_constraints(text)
        assert [constraint.satisfied(ran(win_rate=rate)) for rate in (0.39, 0.41)] == [False, True]


def test_what_is_undefined_breaks_it() -> None:
    for text in ("sharpe > -5", "sharpe < 5", "max_drawdown < 50"):
        (constraint,) = parse_constraints(text)
        assert not constraint.satisfied(ran(total=0))
        assert not constraint.satisfied(ran(sharpe_ratio=math.nan, max_drawdown=math.nan))


@pytest.mark.parametrize(("written", "error", "words"), [
    ("trads >= 30", MetricError, "Did you mean 'trades'"),
    ("trades = 30", InputError, "<="),
    ("trades == 30", InputError, "'=='"),
    ("trades", InputError, "not a comparison"),
    ("30 <= trades", InputError, "not a comparison"),
    ("trades >= many", InputError, "not a comparison"),
    ("trades >= __import__('os')", InputError, "not a comparison"),
    ("trades >= 30 or sharpe > 1 or", JesseNbError, ""),
    ("", InputError, "empty"),
    ("max_drawdown > -25", InputError, "'max_drawdown < 25'"),
    ("win_rate > 40", InputError, "40%"),
    ("trades >= 30%", InputError, "Leave the % out"),
    (["trades >= 30", "trades >= 30"], InputError, "twice"),
    (30, InputError, "cannot be 30"),
])
def test_what_is_no_constraint_is_refused_in_one_line(written: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        parse_constraints(written)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_functions_say_true_or_false() -> None:
    def calm(result: BacktestResult) -> bool:
        return bool(result.metrics["total"] < 5)

    kept, unnamed, odd = parse_constraints([calm, lambda result: np.bool_(True), lambda result: 1])
    assert (kept.text, unnamed.text) == ("calm", "constraint 2")
    assert kept.satisfied(ran(total=4))
    assert not kept.satisfied(ran(total=5))
    assert unnamed.satisfied(ran())
    with pytest.raises(MetricError, match="'total'"):
        kept.measure(ran())
    with pytest.raises(MetricError, match="True"):
        odd.measure(ran())


def test_words_of_a_command_line() -> None:
    def calm(result: BacktestResult) -> bool:
        return True

    for words in (["trades >= 30", "sharpe > 1", "calm"], ["trades", ">=", "30", "calm", "sharpe", ">", "1"]):
        parsed = parse_constraints(constraints_from_words(words, {"calm": calm, "trades": print}))
        assert [one.text for one in parsed] == ["trades >= 30", "sharpe > 1", "calm"]


def test_they_are_picklable() -> None:
    for one in pickle.loads(pickle.dumps(parse_constraints("trades >= 30, max_drawdown < 25"))):
        assert one.satisfied(ran(total=40, max_drawdown=-3))


RULES = ["trades >= 8", "max_drawdown < 11"]


@pytest.fixture(scope="module")
def study(candle_store: CandleStore) -> OptimizeResult:
    result = optimize(CROSSING, "BTC-USDT", "1h", "2023-03-01", "2023-04-10", space=SPACE, n_trials=12, seed=3,
                      candles=candle_store, constraints=RULES, min_trades=0)
    assert isinstance(result, OptimizeResult)
    return result


def test_a_trial_that_breaks_one_is_kept_marked_and_never_best(study: OptimizeResult) -> None:
    broken = {trial.number for trial in study.trials
              if trial.metrics["total"] < 8 or trial.metrics["max_drawdown"] <= -11}
    assert 0 < len(broken) < len(study.trials) == 12
    assert {trial.number for trial in study.trials if trial.violated} == broken
    assert study.best_value == max(trial.value for trial in study.trials if trial.number not in broken)
    assert not broken & {entry.trial.number for entry in study.top}
    assert study.training is not None
    assert study.training.metrics["sharpe_ratio"] == study.best_value
    assert study.broken == {rule: sum(rule in trial.violated for trial in study.trials) for rule in RULES}
    assert list(study.history["violated"].ne("")) == [trial.number in broken for trial in study.trials]


def test_the_held_out_run_says_whether_they_still_hold(study: OptimizeResult) -> None:
    for entry in study.top:
        assert entry.test is not None
        expected = ["trades >= 8"] if entry.test.metrics["total"] < 8 else []
        expected += ["max_drawdown < 11"] if not entry.test.metrics["max_drawdown"] > -11 else []
        assert list(entry.test_violated) == expected


def test_reports_say_what_was_kept(study: OptimizeResult) -> None:
    import jesse_nb.report  # noqa: F401 - gives results their text

    kept = sum(trial.eligible for trial in study.trials)
    said = " ".join(str(study).split()).replace("- ", "-")
    few, deep = (f"broken by {study.broken[text]}" for text in ("trades >= 8", "max_drawdown < 11"))
    assert f"Constraints: trades >= 8 ({few}), max_drawdown < 11 ({deep}). {kept} of 12 trials" in said
    assert "On the held-out period the best trial breaks trades >= 8." in said
    assert "trades &gt;= 8" in study._repr_mimebundle_()["text/html"]


def test_when_no_trial_keeps_them_there_is_no_best(candle_store: CandleStore) -> None:
    result = optimize(CROSSING, "BTC-USDT", "1h", "2023-03-01", "2023-03-12", space=SPACE, n_trials=4, test_ratio=0,
                      candles=candle_store, constraints=["trades >= 1000", "sharpe > -1000"])
    assert isinstance(result, OptimizeResult)
    assert result.best is None
    assert result.training is None
    assert result.top == ()
    assert len(result.trials) == 4
    assert any("trades >= 1000 was broken by 4 of 4" in note for note in result.notes)
    assert "sharpe" not in result.notes[-1]
    assert "trades >= 1000 was broken by 4 of 4" in str(result)
    assert "No trial keeps the constraints" in result._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize("sampler", ["tpe", "gp", "nsga2", "cmaes", "random"])
def test_what_samplers_learn_does_not_depend_on_timing(sampler: str) -> None:
    def propose(order: np.random.Generator, constrained: bool) -> list[dict[str, Any]]:
        search = search_module.Search(Space.parse(SPACE), resolve_metrics("sharpe"), sampler=sampler, seed=1,
                                      n_trials=60, workers=4, constrained=constrained)
        running: dict[int, dict[str, Any]] = {}
        proposed = []
        while not search.ended:
            while search.may_ask:
                number, params = search.ask()
                running[number] = params
                proposed.append(params)
            number = int(order.choice(list(running)))
            params = running.pop(number)
            excess = (max(0.0, (12 - params["fast"]) / 12), float(params["slow"] > 60))
            search.tell(number, None if params["fast"] == 9 else (float(-params["fast"]),),
                        excess if constrained else ())
        return proposed

    first, second = (propose(np.random.default_rng(seed), True) for seed in (1, 2))
    assert first == second
    if sampler == "tpe":  # the value pulls to small ones, which break the first constraint
        kept, free = ([params["fast"] >= 12 and params["slow"] <= 60 for params in proposed[30:]]
                      for proposed in (first, propose(np.random.default_rng(1), False)))
        assert np.mean(kept) > 0.5 > np.mean(free)


def test_in_a_walk_forward_every_window_keeps_them(candle_store: CandleStore) -> None:
    result = walk_forward(CROSSING, "BTC-USDT", "1h", "2023-03-01", "2023-04-05", in_sample_period=15,
                          out_sample_period=10, step_forward=10, space=SPACE, n_trials=4, candles=candle_store,
                          constraints="trades <= 6")
    assert isinstance(result, WalkForwardResult)
    assert any("trades <= 6" in note for note in result.notes)
    for one in result.windows:
        fit = [trial for trial in one.trials if trial.metrics["total"] <= 6]
        if not fit:
            assert "No trial keeps" in one.reason
        else:
            assert one.params == max(fit, key=lambda trial: trial.value).params
    assert any(one.test is not None for one in result.windows)
    with pytest.raises(InputError, match="no constraints"):
        walk_forward(CROSSING, "BTC-USDT", "1h", "2023-03-01", "2023-04-05", split="cpcv", candles=candle_store,
                     constraints="trades <= 6")


def test_none_satisfies_is_silent_when_one_does_or_none_has_a_value() -> None:
    trials = make_optimization(6, failing=0, undefined=0).trials
    rules = parse_constraints("trades >= 30")
    assert none_satisfies(trials, rules) == []
    assert none_satisfies([], rules) == []
    assert none_satisfies([replace(trial, violated=("trades >= 30",)) for trial in trials], rules) == [
        "No trial keeps the constraints, so none is the best: trades >= 30 was broken by 6 of 6."]
