import re
from dataclasses import replace

import pytest

import jesse_nb.report  # noqa: F401 -- makes results draw themselves
from jesse_nb.report.common.tables import Table, as_text, cell
from jesse_nb.report.results import text
from tests.analysis.results import make_backtest, make_optimization, make_spec


def test_an_optimization_in_words():
    result = make_optimization(60, synthetic=True)
    shown = str(result)
    assert shown.startswith("Optimization of TrendFollower: BTC-USDT 1h on Demo (synthetic)\n")
    assert "SYNTHETIC DATA" in shown
    assert f"Best trial {result.best.number}: Sharpe ratio {result.best_value:.2f}" in shown
    assert "60 of 60 trials, 3 failed; sampler tpe, seed 0" in shown
    assert "hindsight" not in shown
    verdict = " ".join(shown.split("\n\n")[1].split())
    assert verdict.startswith(f"{result.verdict.line[0].upper()}{result.verdict.line[1:]}. {result.verdict.note}")
    assert re.search(r"^  Sharpe ratio +-?\d", shown, re.MULTILINE)
    assert "SYNTHETIC" not in str(make_optimization(20))
    assert repr(result) == shown


def test_the_same_text_whatever_it_took():
    result = make_optimization(30)
    again = replace(
        result,
        elapsed=9_999.0,
        trials=tuple(replace(trial, seconds=55.0, reused=True, key="other") for trial in result.trials),
    )
    assert text(again) == text(result)
    backtest = make_backtest()
    assert text(replace(backtest, seconds=99.0)) == text(backtest)
    for shown in (text(result), text(backtest)):
        assert result.spec.routes[0].strategy.hash not in shown
        assert result.spec.key not in shown


def test_it_fits_a_terminal():
    for result in (
        make_optimization(60),
        make_optimization(30, metric=["sharpe", "max_drawdown"]),
        make_backtest(),
    ):
        assert max(map(len, text(result).splitlines())) <= 100


def test_without_a_held_out_period_it_says_so():
    shown = text(make_optimization(30, held_out=False, stopped="interrupted"))
    assert "No period was held out" in shown.replace("\n", " ")
    assert "stopped: interrupted" in shown
    assert "held out" not in [
        word for line in shown.splitlines() if line.startswith("  ") for word in line.split("  ")
    ]


def test_nothing_but_failures():
    shown = text(make_optimization(5, failing=5))
    assert "No trial has a value." in shown
    assert "ZeroDivisionError" in shown


def test_a_backtest_in_words():
    result = make_backtest(synthetic=True)
    shown = text(result)
    assert "Net profit" in shown
    assert "SYNTHETIC DATA" in shown
    assert f"{result.metrics['sharpe_ratio']:.2f}" in shown
    assert "No trade was closed" in text(make_backtest(trades=0))


def test_names_stay_on_their_line():
    shown = text(make_backtest(make_spec(name="Evil\nBacktest of Other")))
    assert shown.splitlines()[0].startswith("Backtest of Evil Backtest of Other")


def test_unknown_kinds_are_refused():
    with pytest.raises(TypeError, match="No report is known for a int"):
        text(3)


def test_columns_are_aligned():
    table = Table(("name", "value"), ((cell("a"), cell("1.00")), (cell("longer"), cell("-12.50"))))
    assert as_text(table) == ["  name     value", "  a         1.00", "  longer  -12.50"]
    assert as_text(Table(("x",), ((cell("y" * 60),),)), widest=10)[1] == "  " + "y" * 9 + "…"


def test_with_a_room_nothing_is_cut():
    rows = ((cell("Longest time under water (days)"), cell("152"), cell("-40.82% to +11.83%")),
            (cell("Sharpe"), cell("1"), cell("the same on every day")))
    table = Table(("", "against the base", "interval"), rows)
    assert as_text(table, room=96)[1] == "  Longest time under water (days)               152     -40.82% to +11.83%"
    assert as_text(table, room=50) == [
        "                       against            interval",
        "                      the base",
        "  Longest time under       152  -40.82% to +11.83%",
        "  water (days)",
        "  Sharpe                     1   the same on every",
        "                                               day",
    ]
    for room in (96, 60, 50, 40):
        lines = as_text(table, room=room)
        assert max(map(len, lines)) <= room
        assert sorted(" ".join(lines).split()) == sorted(
            " ".join([*table.head, *(one.text for row in rows for one in row)]).split())
        assert any("-40.82% to +11.83%" in line for line in lines), "words are broken before numbers"
    assert as_text(table, room=1) == as_text(table, room=5), "no word is broken"
