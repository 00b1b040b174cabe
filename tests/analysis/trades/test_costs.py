"""Re-priced fills against Jesse simulating again at other fees."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.analysis.trades.costs import cost_fragility
from jesse_nb.core.simulator.spec import Account
from jesse_nb.exceptions import InputError
from tests.analysis.random_trades import BTC, ETH, NO_TRADES, many_trades, random_candles, random_trades
from tests.analysis.real_runs import FIXED, PYRAMID, run


def gained(result):
    return result.metrics["finishing_balance"] - result.spec.account.balance


@pytest.mark.parametrize("strategy", [FIXED, PYRAMID], ids=["fixed", "pyramid"])
@pytest.mark.parametrize("market", ["futures", "spot"])
def test_other_fees_are_what_jesse_makes_of_them(strategy, market, candle_store):
    """Quantities do not depend on the balance here, so the assumption holds exactly."""
    usual = run(candle_store, strategy, market=market)
    found = cost_fragility(usual.trades, usual.spec.account)
    assert found.net_profit == pytest.approx(gained(usual), abs=1e-8)
    if market == "futures":
        assert found.net_profit == pytest.approx(usual.metrics["net_profit"], abs=1e-8)
    for multiple in (0, 3):
        again = run(candle_store, strategy, market=market, fee=multiple * 0.001)
        assert found.table.loc[multiple * 0.001, 0.0] == pytest.approx(gained(again), abs=1e-8)


@pytest.mark.parametrize("market", ["futures", "spot"])
def test_at_the_break_even_fee_jesse_has_nothing_left(market, candle_store):
    # some weeks and hours gain on any candles
    tried = ({"end": end, "hyperparameters": (("phase", phase),)}
             for end in ("2023-04-03", "2023-03-16", "2023-03-20", "2023-03-27") for phase in (3, 9))
    for options in tried:
        usual = run(candle_store, FIXED, market=market, **options)
        found = cost_fragility(usual.trades, usual.spec.account)
        assert (found.break_even_fee < 0) == (found.table.loc[0.0, 0.0] < 0)
        if found.break_even_fee > 0:
            break
    again = run(candle_store, FIXED, market=market, fee=found.break_even_fee, **options)
    assert gained(again) == pytest.approx(0, abs=1e-8)


def loop(trades, account, fee, slippage):
    """Trade every fill again."""
    total = 0.0
    for orders in trades["orders"]:
        coins = was = 0.0
        for order in orders:
            qty, price = order["filled_qty"], order["price"] * (1 + slippage * np.sign(order["filled_qty"]))
            if account.market == "futures":
                total -= qty * price + fee * abs(qty) * price
            elif qty > 0:
                total -= qty * price
                coins, was = coins + qty * (1 - fee), was + qty * (1 - account.fee)
            else:
                share = -qty / was  # the same share of what is held
                total += share * coins * price * (1 - fee)
                coins, was = coins * (1 - share), was * (1 - share)
    return total


@pytest.mark.parametrize("market", ["futures", "spot"])
@pytest.mark.parametrize("seed", range(3))
def test_equals_trading_every_fill_again(market, seed):
    candles = {BTC: random_candles(seed), ETH: random_candles(seed + 9)}
    account = Account(fee=0.0007, market=market)
    trades = random_trades(candles, seed, spot=market == "spot", fee=account.fee)
    found = cost_fragility(trades, account)
    for fee, row in found.table.iterrows():
        for points, value in row.items():
            assert value == pytest.approx(loop(trades, account, fee, points / 10_000), abs=1e-9)
    assert loop(trades, account, found.break_even_fee, 0.0) == pytest.approx(0, abs=1e-9)
    assert loop(trades, account, account.fee, found.break_even_slippage) == pytest.approx(0, abs=1e-9)
    value = sum(abs(order["qty"]) * order["price"] for orders in trades["orders"] for order in orders)
    assert (found.turnover, found.fills) == (pytest.approx(value), sum(map(len, trades["orders"])))


@pytest.mark.parametrize("market", ["futures", "spot"])
@pytest.mark.parametrize("seed", range(3))
def test_markets_with_fees_of_their_own_are_each_traded_again(market, seed):
    own = {BTC[1]: Account(fee=0.0004, market=market), ETH[1]: Account(fee=0.003, market=market)}
    account = Account(fee={symbol: one.fee for symbol, one in own.items()}, market=market)
    trades = pd.concat([random_trades({one: random_candles(seed + place)}, seed, spot=market == "spot",
                                      fee=own[one[1]].fee) for place, one in enumerate((BTC, ETH))], ignore_index=True)
    parts = {symbol: trades[trades["symbol"] == symbol] for symbol in own}

    def again(fee, slippage):
        return sum(loop(parts[symbol], one, fee(one.fee), slippage) for symbol, one in own.items())

    found = cost_fragility(trades, account)
    for multiple, (_, row) in zip((0, 1, 2, 3), found.table.iterrows(), strict=True):
        for points, value in row.items():
            assert value == pytest.approx(again(lambda fee, by=multiple: by * fee, points / 10_000), abs=1e-9)
    assert found.net_profit == pytest.approx(again(lambda fee: fee, 0.0), abs=1e-9)
    assert again(lambda fee: found.break_even_fee, 0.0) == pytest.approx(0, abs=1e-9)
    assert again(lambda fee: fee, found.break_even_slippage) == pytest.approx(0, abs=1e-9)
    values = {symbol: sum(abs(order["qty"]) * order["price"] for orders in part["orders"] for order in orders)
              for symbol, part in parts.items()}
    mean = sum(own[symbol].fee * value for symbol, value in values.items()) / sum(values.values())
    assert found.fee == pytest.approx(mean)
    assert found.table.index.to_numpy() == pytest.approx([0, mean, 2 * mean, 3 * mean])


def test_without_a_fee_all_rows_are_alike():
    trades = random_trades({BTC: random_candles(1)}, 1, fee=0.0)
    found = cost_fragility(trades, Account(fee=0))
    assert (found.table.nunique() == 1).all()
    assert found.net_profit == pytest.approx(trades["pnl"].sum(), abs=1e-9)


def test_no_trades():
    found = cost_fragility(NO_TRADES, Account())
    assert (found.reason, found.net_profit, found.fills) == ("no trades", 0.0, 0)
    assert np.isnan(found.break_even_fee)
    assert np.isnan(found.break_even_slippage)
    assert (found.table == 0).all(axis=None)


def test_refuses_costs_below_zero():
    with pytest.raises(InputError, match="0 or above"):
        cost_fragility(NO_TRADES, Account(), slippage_points=[-1.0])
    with pytest.raises(InputError, match="0 or above"):
        cost_fragility(NO_TRADES, Account(), fee_multiples=[float("nan")])


def test_a_hundred_thousand_trades_are_quick():
    trades, _ = many_trades(100_000)
    began = time.process_time()
    found = cost_fragility(trades, Account(fee=0))
    assert time.process_time() - began < 5
    assert found.net_profit == pytest.approx(trades["pnl"].sum())
