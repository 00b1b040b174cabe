"""The fills of real runs add up to Jesse's own trades."""

from __future__ import annotations

import numpy as np
import pytest

from jesse_nb.core.analysis.trades.fills import fills_of
from jesse_nb.core.simulator.spec import Account
from tests.analysis.random_trades import BTC, NO_TRADES, simple_trade
from tests.analysis.real_runs import FLIP, GAMBLE, PYRAMID, run
from tests.strategies import REVERSION

RUNS = [(PYRAMID, {}), (REVERSION, {"leverage": 5, "leverage_mode": "isolated"}),
        (GAMBLE, {"leverage": 50, "leverage_mode": "isolated"})]


@pytest.mark.parametrize("number", range(len(RUNS)))
def test_money_of_each_trade_is_jesses_pnl(number, candle_store):
    strategy, options = RUNS[number]
    result = run(candle_store, strategy, **options)
    fills = fills_of(result.trades, result.spec.account)
    np.testing.assert_allclose(np.bincount(fills.trade, fills.cash), result.trades["pnl"], atol=1e-8)
    np.testing.assert_allclose(np.bincount(fills.trade, fills.held), 0, atol=1e-12)
    fees = result.spec.account.fee * np.abs(fills.quantity) * fills.price
    np.testing.assert_allclose(np.bincount(fills.trade, fees), result.trades["fee"], atol=1e-8)


def test_scaled_trades_have_all_their_fills(candle_store):
    fills = fills_of(run(candle_store, PYRAMID).trades, Account())
    assert np.bincount(fills.trade).max() > 2


def test_money_on_spot_is_what_the_account_gained(candle_store):
    result = run(candle_store, REVERSION, market="spot")
    fills = fills_of(result.trades, result.spec.account)
    assert len(result.trades) > 5
    gained = result.metrics["finishing_balance"] - result.spec.account.balance
    assert fills.cash.sum() == pytest.approx(gained, abs=1e-7)
    # Jesse's trades miss that coins paid as a fee gain and lose with the price
    assert gained != pytest.approx(result.metrics["net_profit"], abs=1e-4)
    np.testing.assert_allclose(np.bincount(fills.trade, fills.held), 0, atol=1e-12)


def test_an_order_that_flips_a_position_belongs_to_both_trades(candle_store):
    result = run(candle_store, FLIP, timeframe="30m")
    assert len(result.trades) > 5
    fills = fills_of(result.trades, result.spec.account)
    assert len(fills) > sum(map(len, result.trades["orders"]))
    np.testing.assert_allclose(np.bincount(fills.trade, fills.held), 0, atol=1e-12)
    first = np.flatnonzero(np.diff(fills.trade, prepend=-1))
    assert ((fills.held[first] > 0) == (result.trades["side"] == "long")).all()
    gained = result.metrics["finishing_balance"] - result.spec.account.balance
    assert fills.cash.sum() == pytest.approx(gained, abs=1e-8)


def test_none_without_trades():
    assert len(fills_of(NO_TRADES, Account())) == 0


def test_a_trade_still_open_has_its_entry_alone():
    trade = simple_trade(BTC, "short", 3, 100, 9, 90, qty=2).drop(columns="orders")
    trade["closed_at"] = trade["closed_at"].where([False])
    fills = fills_of(trade, Account(fee=0.001))
    assert (fills.held.tolist(), fills.cash.tolist()) == ([-2.0], [pytest.approx(199.8)])
