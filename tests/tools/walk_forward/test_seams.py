"""Where out-of-sample periods overlap: the curve is what each account was worth at the seam, all positions closed."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.analysis.curves.midnights import price_column
from jesse_nb.core.analysis.studies.seams import trades_to_seam
from jesse_nb.core.analysis.trades.exit_kinds import exit_kinds
from jesse_nb.core.analysis.trades.fills import fills_of as fills_behind
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.tools.analyze.analyzed_run import analyzed_run
from jesse_nb.core.tools.backtest.backtest import backtest
from jesse_nb.core.tools.walk_forward.walk_forward import walk_forward
from tests.conftest import real_candles
from tests.simulator.accounts import MINUTE, Money, equity_at, fills_of, rate_of
from tests.strategies import REVERSION, TREND

MARKETS: dict[str, dict[str, Any]] = {
    "4h": {"strategy": TREND, "symbol": "BTC-USDT", "timeframe": "4h"},
    "spot": {"strategy": REVERSION, "symbol": "BTC-USDT", "timeframe": "1h", "market": "spot"},
    "two routes": {"routes": [(TREND, "BTC-USDT", "1h"), (TREND, "ETH-USDT", "4h")], "leverage": 2},
    "two fees": {"routes": [(TREND, "BTC-USDT", "1h"), (TREND, "ETH-USDT", "4h")], "leverage": 2,
                 "fee": {"BTC-USDT": 0.0004, "ETH-USDT": 0.003}},
    "from noon": {"strategy": TREND, "symbol": "BTC-USDT", "timeframe": "1h", "start": "2023-02-15 12:00"},
    "opened at midnight": {"strategy": TREND, "symbol": "BTC-USDT", "timeframe": "1D", "warm_up_candles": 30},
}


def walk(candle_store: CandleStore, **arguments: Any) -> Any:
    return walk_forward(end="2023-04-25", in_sample_period=15, hyperparameters={}, candles=candle_store,
                        **{"start": "2023-02-15", "out_sample_period": 12, "step_forward": 5, **arguments})


def left_at(moment: int, run: BacktestResult) -> tuple[float, float, int]:
    """Equity at a moment after selling all that is held then, the fee for that, and how many positions it closes."""
    account = run.spec.account
    fills = fills_of(SimpleNamespace(trades=run.trades.to_dict("records")))  # type: ignore[arg-type]
    candles = {route.symbol: real_candles(route.symbol) for route in run.spec.routes}
    candles = {symbol: rows[(rows[:, 0] >= run.spec.start) & (rows[:, 0] < run.spec.end)]
               for symbol, rows in candles.items()}
    value, = equity_at([moment], fills, candles, account)
    money, fee, positions = Money(account), 0.0, 0
    for fill in fills:
        if fill.time <= moment:
            money.take(fill)
    for symbol, held in money.held.items():
        if abs(held) > 1e-9:
            over = candles[symbol][candles[symbol][:, 0] + MINUTE <= moment]
            fee += rate_of(account, symbol) * abs(held) * float(over[-1, 2])
            positions += 1
    return value - fee, fee / value, positions


@pytest.mark.parametrize("name", MARKETS)
def test_no_candle_counts_twice_and_each_exit_is_paid(name: str, candle_store: CandleStore) -> None:
    totals = []
    for mode in ("fast", "step"):
        result = walk(candle_store, mode=mode, **MARKETS[name])
        starts = [one.window.test_start for one in result.windows][1:]
        growth, fees, positions = 1.0, 0.0, 0
        for one, seam in zip(result.windows, [*starts, None], strict=True):
            left, fee, closed = left_at(seam, one.test) if seam else (one.test.equity.iloc[-1], 0.0, 0)
            growth *= left / one.test.spec.account.balance
            fees, positions = fees + fee, positions + closed
        curve = result.stitched
        totals.append(curve.equity.iloc[-1] / curve.balance)
        assert totals[-1] == pytest.approx(growth, rel=1e-11)
        assert curve.baseline_equity.iloc[-1] / curve.balance == pytest.approx(growth, rel=1e-11)
        assert curve.seam_exits.positions == curve.baseline_exits.positions == positions > 1
        assert curve.seam_exits.fee == pytest.approx(fees, rel=1e-10)
        read = analyzed_run(result).run
        near = 1e-9 if MARKETS[name].get("market") != "spot" else 1e-3  # Jesse's formula of a trade's profit
        assert read.trades["pnl"].sum() == pytest.approx(read.equity.iloc[-1] - read.equity.iloc[0], rel=near), \
            "no move counts in two windows' trades"
        assert (exit_kinds(read.trades) == "end of window").sum() == positions
        assert (read.trades["closed_at"] <= pd.Timestamp(result.windows[-1].window.test_end, unit="ms", tz="UTC")).all()
    assert totals[0] == pytest.approx(totals[1], rel=1e-9)


@pytest.mark.parametrize("account", [
    {"leverage": 3, "leverage_mode": "cross", "slippage_bps": 4}, {"market": "spot"}, {"fee": 0.0},
])
def test_a_trade_that_a_seam_ends_is_what_jesse_makes_of_the_same_exit(
    account: dict[str, Any], candle_store: CandleStore
) -> None:
    """A seam where Jesse itself closed, its own exit put off by a minute: the same trade comes of it."""
    strategy = TREND if account.get("market") != "spot" else REVERSION
    run = backtest(strategy, "BTC-USDT", "1h", "2023-02-15", "2023-04-25", candles=candle_store, **account)
    market = run.spec.routes[0].exchange, run.spec.routes[0].symbol
    numbers = ["qty", "size", "entry_price", "exit_price", "fee", "pnl", "pnl_percentage", "holding_period"]
    seen = 0
    for place in range(len(run.trades) - 1):
        trade = run.trades.iloc[place]
        last = trade["orders"][-1]
        if run.trades.iloc[place + 1]["opened_at"] == trade["closed_at"]:
            continue  # both within a minute: put off, the exit would come after the next entry
        later = {**last, "executed_at": last["executed_at"] + 60_000, "price": last["price"] * 1.5}
        trades = run.trades.copy()
        trades.at[trades.index[place], "closed_at"] += pd.Timedelta(minutes=1)
        trades.at[trades.index[place], "orders"] = [*trade["orders"][:-1], later]
        own = pd.Series([0.0], index=[trade["closed_at"] - pd.Timedelta(days=1)])
        days = pd.DataFrame({price_column(market): [last["price"]]}, index=[trade["closed_at"]])
        found = trades_to_seam(replace(run, trades=trades), own, days, pd.Series(dtype=float))
        ended = found.loc[trades.index[place]]
        expected = trade[numbers].astype(float).to_numpy()
        assert ended[numbers].astype(float).to_numpy() == pytest.approx(expected, rel=1e-9)
        assert ended["closed_at"] == trade["closed_at"]
        assert fills_behind(found.iloc[: place + 1], run.spec.account).held.sum() == pytest.approx(0.0, abs=1e-9)
        seen += 1
    assert seen > 10


def test_where_fills_do_not_tell_the_account_is_what_jesse_sampled_next(candle_store: CandleStore) -> None:
    paying = TREND.replace("    @property\n    def rising", "    def before(self):\n        if self.index == 3:\n"
                           "            exchange = self.position.exchange\n"
                           "            exchange.assets[exchange.settlement_currency] -= 7.0\n\n"
                           "    @property\n    def rising", 1)
    result = walk(candle_store, strategy=paying, symbol="BTC-USDT", timeframe="4h")
    assert all(one.test_days is None for one in result.windows)
    curve = result.stitched
    growth = 1.0
    for one in result.windows[:-1]:
        growth *= one.test.equity.iloc[5] / one.test.equity.iloc[0]
    growth *= result.windows[-1].test.equity.iloc[-1] / result.windows[-1].test.equity.iloc[0]
    assert curve.equity.iloc[-1] / curve.balance == pytest.approx(growth * math.exp(-curve.seam_exits.fee), rel=1e-4)
    assert curve.seam_exits.positions > 1


def test_windows_that_do_not_overlap_end_with_their_run(candle_store: CandleStore) -> None:
    result = walk(candle_store, **MARKETS["4h"], out_sample_period=18, step_forward=18)
    assert all(one.test_days is None and one.baseline_days is None for one in result.windows)
    curve = result.stitched
    growth = np.prod([one.test.equity.iloc[-1] / one.test.equity.iloc[0] for one in result.windows])
    assert curve.equity.iloc[-1] / curve.balance == pytest.approx(growth, rel=1e-11)
    assert curve.seam_exits.positions == 0
