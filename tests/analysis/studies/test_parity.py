"""What must be the same in both modes is compared exactly, and what differs is named."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.analysis.studies.parity import SAMPLED, Parity, compare_modes
from jesse_nb.core.simulator.account import EquityAudit, Ruin
from jesse_nb.core.simulator.result import BacktestResult
from tests.analysis.results import make_backtest


def changed(run: BacktestResult, trade: int | None = None, column: str = "", value: Any = None, **metrics: Any
            ) -> BacktestResult:
    trades = run.trades.copy()
    if trade is not None:
        trades.at[trade, column] = value
    return replace(run, trades=trades, metrics={**run.metrics, **metrics})


def test_a_run_is_identical_to_itself_whatever_its_samples_say() -> None:
    run = changed(make_backtest(), 5, "exit_price", math.nan, omega_ratio=math.nan, smart_sharpe=math.inf)
    other = changed(run, sharpe_ratio=9.0, max_drawdown=-1.0)
    found = compare_modes(run, other, {})
    assert found.identical
    assert found.differences == ()
    assert found.trades == (120, 120)
    assert found.net_profit == (run.metrics["net_profit"],) * 2
    assert list(found.ratios.index) == list(SAMPLED)
    assert found.ratios.loc["sharpe_ratio", ["fast", "step"]].tolist() == [run.metrics["sharpe_ratio"], 9.0]
    assert np.isnan(found.ratios.loc["omega_ratio"]).all()
    assert found.midnight_reason == "its equity was never held against its fills"
    assert found.ratios[["fast_midnight", "step_midnight"]].isna().all(axis=None)


def test_why_midnight_is_not_known():
    run = make_backtest()
    for audit, reason in ((EquityAudit(5, moved=-7.0), "the strategy moved money itself, which no fill tells of"),
                          (EquityAudit(5, ruin=Ruin(9, "A-B", 1.0, 2.0, 3.0)), "the account was ruined")):
        both = replace(run, audit=audit)
        assert compare_modes(both, both, {}).midnight_reason == reason


def two_routes(run: BacktestResult) -> BacktestResult:
    route, = run.spec.routes
    return replace(run, spec=replace(run.spec, routes=(route, replace(route, symbol="ETH-USDT"))))


def test_of_several_routes_the_order_within_a_candle_is_no_difference():
    run = two_routes(make_backtest())
    swapped = run.trades.copy()
    swapped.iloc[[40, 41]] = swapped.iloc[[41, 40]].to_numpy()
    other = replace(changed(run, winning_streak=99, net_profit=run.metrics["net_profit"] * (1 + 1e-13)), trades=swapped)
    found = compare_modes(run, other, {})
    assert found.identical
    assert found.reordered
    assert not compare_modes(run, changed(run, winning_streak=99), {}).identical
    assert not compare_modes(run, replace(other, metrics=run.metrics | {"net_profit": 1.5}), {}).identical
    swapped.at[40, "pnl"] += 0.01
    assert "its pnl is" in compare_modes(run, replace(other, trades=swapped), {}).differences[0]
    alone = make_backtest()
    assert not compare_modes(alone, replace(alone, trades=swapped), {}).identical


@pytest.mark.parametrize(("column", "value", "words"), [
    ("exit_price", 30_000.25, "is .* in fast mode, 30000.25 in step mode"),
    ("pnl", 1e-12, "in fast mode, 1e-12 in step mode"),
    ("side", "neither", "in fast mode, neither in step mode"),
    ("orders", [{"price": 1.0}], "are not the same"),
])
def test_one_number_of_one_trade_is_found(column: str, value: Any, words: str) -> None:
    run = make_backtest()
    found = compare_modes(run, changed(run, 41, column, value), {})
    assert not found.identical
    assert len(found.differences) == 1
    assert found.differences[0].startswith(f"trade 42 differs: its {column} ")
    assert re.search(words, found.differences[0])


def test_missing_trades_profit_and_a_long_list() -> None:
    run = make_backtest()
    short = replace(run, trades=run.trades.iloc[:-1])
    assert compare_modes(run, short, {}).differences == ("120 trades in fast mode, 119 in step mode",)
    richer = changed(run, net_profit=1.5)
    assert compare_modes(run, richer, {}).differences[0].endswith("in fast mode, 1.5 in step mode")
    fewer = {name: value for name, value in run.metrics.items() if name != "fee"}
    assert compare_modes(run, replace(run, metrics=fewer), {}).differences[0].endswith("missing in step mode")
    equity = run.equity.copy()
    equity.iloc[-1] += 1e-9
    assert "the final equity is" in compare_modes(run, replace(run, equity=equity), {}).differences[0]
    others = {name: -7.0 for name in run.metrics if name not in SAMPLED}
    many = compare_modes(run, changed(run, **others), {})
    assert len(many.differences) == 11
    assert many.differences[-1] == f"and {len(others) - 10} more"


def test_without_a_trade() -> None:
    run = make_backtest(trades=0)
    found = compare_modes(run, run, {})
    assert found.identical
    assert found.trades == (0, 0)
    assert found.net_profit == (0.0, 0.0)
    assert found.ratios.isna().all(axis=None)


def test_how_far_the_modes_are_apart_is_said():
    ratios = pd.DataFrame({"fast": [2.0, -10.0, math.inf, math.nan], "step": [1.6, -10.5, 3.0, 1.0]},
                          index=["sharpe_ratio", "max_drawdown", "sortino_ratio", "serenity_index"])
    assert Parity(ratios=ratios).farthest == ("sharpe_ratio", pytest.approx(0.25))
    assert Parity(ratios=ratios.iloc[2:]).farthest == ("", 0.0)
    assert Parity().farthest == ("", 0.0)
