"""Excursions and tighter stops against loops over every minute, and against Jesse's own stops."""

from __future__ import annotations

import math
import time

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.analysis.trades.excursions import STOPS, excursions
from jesse_nb.core.simulator.spec import Account
from jesse_nb.exceptions import InputError
from tests.analysis.random_trades import (
    BTC,
    ETH,
    MINUTE,
    NO_TRADES,
    START,
    many_trades,
    random_candles,
    random_trades,
    simple_trade,
)
from tests.analysis.real_runs import FIXED, FLIP, PYRAMID, candles_of_run, run
from tests.strategies import REVERSION


def prices_held(orders, series):
    """Give each price that a trade surely stood at, in order of time: moment, price, index of the last fill."""
    ends = {int(row[0]) + MINUTE: row for row in series}
    moments = sorted({int(order["executed_at"]) for order in orders}
                     | {end for end in ends if orders[0]["executed_at"] < end <= orders[-1]["executed_at"]})
    done = -1
    for moment in moments:
        now = [number for number, order in enumerate(orders) if order["executed_at"] == moment]
        candle = ends.get(moment)
        if candle is not None and done >= 0 and not (now and orders[now[0]]["type"] != "MARKET"):
            yield moment, candle[4], done
            yield moment, candle[3], done
        for number in now:
            if done >= 0:
                yield moment, orders[number]["price"], done
            done = number
            if number < len(orders) - 1:
                yield moment, orders[number]["price"], done
        if candle is not None and done < len(orders) - 1:
            yield moment, candle[2], done


def books(orders, account):
    """Give position, average entry price and money after each fill."""
    held = average = money = 0.0
    for order in orders:
        qty, price = order["filled_qty"], order["price"]
        change = qty * (1 - account.fee) if account.market == "spot" and qty > 0 else qty
        if held * change >= 0:
            average = (average * held + price * change) / (held + change)
        held += change
        money -= qty * price
        if account.market == "futures" or qty < 0:
            money -= account.fee * abs(qty) * price
        yield held, average, money


@pytest.mark.parametrize("market", ["futures", "spot"])
@pytest.mark.parametrize("seed", range(3))
def test_equals_a_loop_over_every_minute(market, seed):
    candles = {BTC: random_candles(seed, 500), ETH: random_candles(seed + 50, 500)}
    account = Account(fee=0.0013, market=market)
    trades = random_trades(candles, seed, spot=market == "spot", fee=account.fee)
    stops = (0.05, 0.2, 0.5, 1.0)
    found = excursions(trades, candles, account, stops=stops)
    totals = dict.fromkeys(stops, 0.0)
    stopped = dict.fromkeys(stops, 0)
    for (_, row), (_, trade) in zip(found.trades.iterrows(), trades.iterrows(), strict=True):
        orders = trade["orders"]
        after = list(books(orders, account))
        sign = 1 if trade["side"] == "long" else -1
        moves, values = [], []
        for moment, price, number in prices_held(orders, candles[trade["exchange"], trade["symbol"]]):
            held, average, money = after[number]
            moves.append((sign * (price / average - 1) * 100, moment, number))
            values.append(money + held * price)
        lowest, highest = min(move for move, *_ in moves), max(move for move, *_ in moves)
        assert (row["mae"], row["mfe"]) == (pytest.approx(lowest, abs=1e-9), pytest.approx(highest, abs=1e-9))
        assert row["mae_quote"] == pytest.approx(min(values), abs=1e-9)
        assert row["mfe_quote"] == pytest.approx(max(values), abs=1e-9)
        assert row["pnl"] == pytest.approx(after[-1][2], abs=1e-9)
        for name, extreme in (("mae_at", lowest), ("mfe_at", highest)):
            moments = [moment for move, moment, _ in moves if math.isclose(move, extreme, abs_tol=1e-9)]
            assert row[name].value // 10**6 in moments
        for stop in stops:
            reached = [number for move, _, number in moves if move <= -stop]
            held, average, money = after[reached[0]] if reached else (0.0, 0.0, row["pnl"])
            price = average * (1 - sign * stop / 100)
            totals[stop] += money + held * price - account.fee * abs(held) * price
            stopped[stop] += bool(reached)
    assert found.stops["stopped"].to_dict() == stopped
    for stop in stops:
        assert found.stops.loc[stop, "total_pnl"] == pytest.approx(totals[stop], abs=1e-8)
        assert found.stops.loc[stop, "change"] == pytest.approx(totals[stop] - found.total_pnl, abs=1e-8)
    assert found.left_out == 0


@pytest.mark.parametrize("market", ["futures", "spot"])
def test_each_market_pays_its_own_fee(market):
    candles = {BTC: random_candles(4), ETH: random_candles(13)}
    fees = {BTC[1]: 0.0004, ETH[1]: 0.003}
    parts = [random_trades({one: candles[one]}, 4, spot=market == "spot", fee=fees[one[1]]) for one in (BTC, ETH)]
    alone = [excursions(part, candles, Account(fee=fees[part["symbol"].iloc[0]], market=market)) for part in parts]
    found = excursions(pd.concat(parts, ignore_index=True), candles, Account(fee=fees, market=market))
    expected = pd.concat([one.trades for one in alone], ignore_index=True)
    pd.testing.assert_frame_equal(found.trades, expected)
    for column in ("stopped", "total_pnl", "change"):
        assert found.stops[column].to_numpy() == pytest.approx(sum(one.stops[column].to_numpy() for one in alone))


def test_a_tighter_stop_is_what_jesse_makes_of_it(candle_store):
    """A strategy by the clock cannot enter again before the trade's own end, so nothing depends on the path."""
    free = run(candle_store, FIXED)
    stops = (0.3, 0.7, 1.5)
    found = excursions(free.trades, candles_of_run(free), free.spec.account, stops=stops)
    assert found.total_pnl == pytest.approx(free.metrics["net_profit"], abs=1e-8)
    for stop in stops:
        stopped = run(candle_store, FIXED, hyperparameters=(("stop", stop),))
        assert len(stopped.trades) == len(free.trades)
        assert 0 < found.stops.loc[stop, "stopped"] < len(free.trades)
        assert found.stops.loc[stop, "stopped"] == (stopped.trades["orders"].str[-1].str["type"] == "STOP").sum()
        assert found.stops.loc[stop, "win_rate"] == pytest.approx(stopped.metrics["win_rate"])
        assert found.stops.loc[stop, "total_pnl"] == pytest.approx(stopped.metrics["net_profit"], abs=1e-8)


def test_trades_that_hit_their_own_stop_or_target_show_it(candle_store):
    result = run(candle_store, REVERSION)
    found = excursions(result.trades, candles_of_run(result), result.spec.account).trades
    kinds = result.trades["orders"].str[-1].str["type"]
    assert (kinds == "STOP").any()
    assert (kinds == "LIMIT").any()
    assert found["mae"][kinds == "STOP"].to_numpy() == pytest.approx(-2.0, abs=0.05)
    assert found["mfe"][kinds == "LIMIT"].to_numpy() == pytest.approx(1.5, abs=0.05)
    assert (found["mae_at"][kinds == "STOP"] == result.trades["closed_at"][kinds == "STOP"]).all()


@pytest.mark.parametrize("strategy", [PYRAMID, FLIP], ids=["pyramid", "flip"])
def test_the_end_lies_between_the_excursions(strategy, candle_store):
    result = run(candle_store, strategy, **({"timeframe": "30m"} if strategy is FLIP else {}))
    found = excursions(result.trades, candles_of_run(result), result.spec.account)
    table = found.trades
    assert found.left_out == 0
    assert (table["mae"] <= 0).all()
    assert (table["mfe"] >= 0).all()
    exit_fee = table["mfe_quote"] - table["pnl"]
    assert (exit_fee > 0).all()
    assert (table["mae_quote"] < table["pnl"] + 10).all()
    assert (table["mae_at"] >= table["opened_at"]).all()
    assert (table["mae_at"] <= result.trades["closed_at"]).all()
    gained = result.metrics["finishing_balance"] - result.spec.account.balance
    assert found.total_pnl == pytest.approx(gained, abs=1e-8)
    assert found.stops["stopped"].is_monotonic_decreasing


def test_a_fill_inside_a_minute_does_not_claim_its_high_and_low():
    candles = {BTC: np.array([[START, 100.0, 100.0, 140.0, 60.0, 1.0], [START + MINUTE, 100.0, 101.0, 103.0, 98.0, 1.0],
                              [START + 2 * MINUTE, 101.0, 99.0, 150.0, 50.0, 1.0]])}
    trade = simple_trade(BTC, "long", 1, 90, 3, 110)
    for order in trade.loc[0, "orders"]:
        order["type"] = "LIMIT"
    row = excursions(trade, candles, Account(fee=0)).trades.loc[0]
    assert (row["mae"], row["minutes"]) == (0, 1)
    assert row["mfe"] == pytest.approx((110 / 90 - 1) * 100)
    trade.loc[0, "orders"][1].update(type="MARKET", price=99.0)
    row = excursions(trade, candles, Account(fee=0)).trades.loc[0]
    assert row["mae"] == pytest.approx((50 / 90 - 1) * 100)


def test_a_position_still_open_is_followed_to_the_last_candle():
    candles = {BTC: random_candles(2, 100, missing=0)}
    close = candles[BTC][:, 2]
    trade = simple_trade(BTC, "long", 10, close[9], 100, close[-1]).drop(columns="orders")
    whole = excursions(trade, candles, Account(fee=0)).trades.loc[0]
    trade["closed_at"] = trade["closed_at"].where([False])
    still = excursions(trade, candles, Account(fee=0)).trades.loc[0]
    assert still[["mae", "mfe", "pnl"]].tolist() == pytest.approx(whole[["mae", "mfe", "pnl"]].tolist())


def test_an_entry_that_is_missing_is_left_out_and_counted():
    candles = {BTC: random_candles(2, 100, missing=0)}
    trade = simple_trade(BTC, "long", 10, 100, 20, 101)
    del trade.loc[0, "orders"][0]
    found = excursions(trade, candles, Account(fee=0))
    assert found.left_out == 1
    assert found.trades["mae"].isna().all()


def test_no_trades():
    found = excursions(NO_TRADES, {}, Account())
    assert (found.reason, found.total_pnl, len(found.trades)) == ("no trades", 0.0, 0)
    assert list(found.stops.index) == list(STOPS)
    assert found.stops["win_rate"].isna().all()
    assert (found.stops["stopped"] == 0).all()


@pytest.mark.parametrize("stop", [0, -1, 100, float("nan")])
def test_refuses_stops_that_are_none(stop):
    with pytest.raises(InputError, match="above 0 and below 100"):
        excursions(NO_TRADES, {}, Account(), stops=[stop])


def test_a_hundred_thousand_trades_are_quick():
    trades, candles = many_trades(100_000)
    began = time.process_time()
    found = excursions(trades, candles, Account(fee=0))
    assert time.process_time() - began < 10
    assert found.total_pnl == pytest.approx(trades["pnl"].sum())
    assert len(found.trades) == 100_000
