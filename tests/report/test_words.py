import math
from dataclasses import replace

import pytest

from jesse_nb.report.common.labels import label, write
from jesse_nb.report.optimize.optimize_tables import comparison
from jesse_nb.report.optimize.optimize_words import at_the_edge, held_out
from tests.analysis.results import make_optimization


def judged(train: float, test: float, trades: int = 100) -> str:
    result = make_optimization(20, metric="profit")
    ratios = {"sharpe_ratio": train, "annual_return": train}
    training = replace(result.training, metrics={**result.training.metrics, **ratios})
    run = replace(
        result.test,
        metrics={
            **result.test.metrics,
            "sharpe_ratio": test,
            "total": trades,
            "annual_return": test,
            "net_profit_percentage": 3.0,
        },
    )
    result = replace(result, training=training, top=(replace(result.top[0], test=run), *result.top[1:]))
    return " ".join(held_out(result, comparison(result)))


@pytest.mark.parametrize(
    ("test", "words"),
    [
        (1.9, "5.0% of the edge is lost"),
        (1.2, "40% of the edge is lost."),
        (0.5, "75% of the edge is lost."),
        (-0.1, "the edge is gone"),
        (2.5, "better than in training"),
    ],
)
def test_degradation_in_words(test, words):
    said = judged(2.0, test)
    assert words in said
    assert f"from 2.00 in training to {test:.2f} on the held-out period" in said


def test_no_edge_in_training():
    assert "returned +3.00%; there was no edge in training" in judged(-1.0, 0.5)


def test_few_and_no_trades():
    assert "Only 7 held-out trades in 121 days: too few" in judged(2.0, 1.9, trades=7)
    assert "Only 1 held-out trade in" in judged(2.0, 1.9, trades=1)
    assert "did not trade" in judged(2.0, math.nan, trades=0)
    assert "Only" not in judged(2.0, 1.9, trades=30)


def test_a_failed_held_out_run_says_why():
    result = make_optimization(20)
    broken = replace(result.top[0], test=None, test_values=(), test_reason="out of candles")
    result = replace(result, top=(broken,))
    assert held_out(result, comparison(result)) == ["The best trial's held-out run failed: out of candles."]


def test_without_a_held_out_run_nothing_is_praised():
    result = make_optimization(20, stopped="interrupted")
    cut = replace(result, top=tuple(replace(entry, test=None, test_values=()) for entry in result.top))
    assert held_out(cut, comparison(cut)) == [
        "The study was stopped before the best trial could be run on the held-out period."
    ]
    never = make_optimization(20, held_out=False)
    assert "No period was held out" in held_out(never, comparison(never))[0]
    nothing = make_optimization(3, failing=3)
    assert held_out(nothing, comparison(nothing)) == []


def test_an_optimized_metric_is_shown_once():
    frame = comparison(make_optimization(30))
    assert "sharpe" in frame.index
    assert "sharpe_ratio" not in frame.index
    assert not math.isnan(frame.loc["sharpe", "degradation"])
    both = comparison(make_optimization(30, metric=["profit", "max_drawdown"]))
    assert list(both.index[:2]) == ["profit", "drawdown"]
    assert not {"net_profit_percentage", "max_drawdown"} & set(both.index)
    assert "sharpe_ratio" in both.index


def test_best_values_at_the_edge_of_the_space():
    result = make_optimization(20)
    middle = {"fast": 10, "slow": 100, "stop": 2.0, "risk": 0.05, "mode": "trend"}

    def said(**changes):
        best = replace(result.top[0].trial, params=middle | changes)
        return at_the_edge(replace(result, top=(replace(result.top[0], trial=best),)))

    assert said() == ""
    assert said(fast=30, stop=1.0).startswith(
        "At the edge of the searched range: fast (30), stop (1). A wider"
    )
    assert at_the_edge(make_optimization(3, failing=3)) == ""


def test_metrics_that_nobody_knows_keep_their_name():
    assert label("brand_new") == "brand new"
    assert write("brand_new", 1.5) == "1.50"
    assert write("average_holding_period", 7_200) == "2 h"
    assert label("average_holding_period") == "Average holding period"
