"""Where out-of-sample periods overlap: the curve is what each account was worth at the seam, all positions closed."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.simulator.result import BacktestResult
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
}


def walk(candle_store: CandleStore, **arguments: Any) -> Any:
    return walk_forward(start="2023-02-15", end="2023-04-25", in_sample_period=15, hyperparameters={},
                        candles=candle_store, **{"out_sample_period": 12, "step_forward": 5, **arguments})


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
    assert totals[0] == pytest.approx(totals[1], rel=1e-9)


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
