"""Equity within the days: passes through Jesse's own samples, and equals a ledger kept minute by minute."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.analysis.curves.intraday import equity_by_minute, intraday_equity
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
from tests.analysis.real_runs import FLIP, GAMBLE, PYRAMID, candles_of_run, run
from tests.strategies import CLOCK, REVERSION, TREND

TWO = ((REVERSION, "BTC-USDT", "1h"), (TREND, "ETH-USDT", "15m"))

RUNS = {
    "futures fast": (TREND, {}),
    "futures step": (TREND, {"mode": "step"}),
    "short": (REVERSION, {"hyperparameters": (("side", "short"),)}),
    "leverage": (REVERSION, {"leverage": 5, "leverage_mode": "isolated"}),
    "liquidated": (GAMBLE, {"leverage": 50, "leverage_mode": "isolated"}),
    "scaled": (PYRAMID, {}),
    "flipped": (FLIP, {"timeframe": "30m"}),
    "two symbols": (TWO, {"leverage": 3}),
    "spot fast": (REVERSION, {"market": "spot"}),
    "spot step": (CLOCK, {"market": "spot", "mode": "step"}),
    "spot scaled": (PYRAMID, {"market": "spot"}),
    "gap kept": (CLOCK, {"gaps": "keep"}),
    "1D": (CLOCK, {"timeframe": "1D", "warm_up_candles": 0}),
}


@pytest.mark.parametrize("name", RUNS)
def test_passes_through_jesses_samples(name, candle_store):
    strategy, options = RUNS[name]
    result = run(candle_store, strategy, **options)
    assert len(result.trades) >= 1
    found = intraday_equity(result.trades, candles_of_run(result), result.spec.account, sampled=result.equity)
    assert found.largest_difference < 1e-7
    assert found.equity.iloc[0] == result.spec.account.balance
    assert found.equity.iloc[-1] == pytest.approx(result.metrics["finishing_balance"], rel=1e-12)
    daily = float((result.equity / result.equity.cummax() - 1).min()) * 100
    assert found.by_extremes.percent <= found.by_closes.percent <= daily + 1e-9


def test_liquidations_happened(candle_store):
    result = run(candle_store, GAMBLE, leverage=50, leverage_mode="isolated")
    assert (result.trades["pnl_percentage"] < -99).any()


def test_spot_samples_of_several_symbols_leave_out_reserved_money(candle_store):
    """The one place where Jesse's samples are not the account's value."""
    result = run(candle_store, TWO, market="spot")
    equity = equity_by_minute(result.trades, candles_of_run(result), result.spec.account)["equity"]
    rows = equity.index.searchsorted(result.equity.index, side="right") - 1
    orders = [order for orders in result.trades["orders"] for order in orders if order["side"] == "buy"]
    for moment, missing in zip(result.equity.index, equity.to_numpy()[rows] - result.equity.to_numpy(), strict=True):
        resting = [order["qty"] * order["price"] for order in orders
                   if order["created_at"] <= moment.value // 10**6 < order["executed_at"]]
        assert abs(missing) < 1e-7 or any(missing == pytest.approx(value) for value in resting)


def ledger(trades, candles, account):
    """Keep Jesse's books, minute by minute: a wallet, and positions at their average entry price."""
    orders = sorted((order for orders in trades["orders"] for order in orders), key=lambda order: order["executed_at"])
    ends = sorted({int(moment) + MINUTE for series in candles.values() for moment in series[:, 0]})
    wallet = account.balance
    held = dict.fromkeys(candles, 0.0)
    average = dict.fromkeys(candles, 0.0)
    last = dict.fromkeys(candles, np.nan)
    by_end = {market: {int(row[0]) + MINUTE: row for row in series} for market, series in candles.items()}
    spot = account.market == "spot"

    def worth(market, price):
        if not held[market]:
            return 0.0
        return held[market] * price if spot else held[market] * (price - average[market])

    def fill(order):
        nonlocal wallet
        market, qty, price = (order["exchange"], order["symbol"]), order["filled_qty"], order["price"]
        if spot:
            wallet += -qty * price if qty > 0 else -qty * price * (1 - account.fee)
            held[market] += qty * (1 - account.fee) if qty > 0 else qty
            return
        wallet -= abs(qty) * price * account.fee
        if held[market] * qty >= 0:
            average[market] = (average[market] * held[market] + price * qty) / (held[market] + qty)
        else:
            wallet += -qty * (price - average[market])
        held[market] += qty

    rows = [(START, account.balance, account.balance)]
    for end in ends:
        now = [order for order in orders if order["executed_at"] == end]
        lowest = {}
        before = wallet
        for market in candles:
            candle = by_end[market].get(end)
            prices = [last[market]] if candle is None else [candle[4], candle[3]]
            lowest[market] = min((worth(market, price) for price in prices), default=0.0) if held[market] else 0.0
        parts = dict.fromkeys(candles, 0.0)
        for market in candles:
            own = [order for order in now if (order["exchange"], order["symbol"]) == market]
            known, changed = [], wallet
            for order in own:
                known.append(wallet - changed + worth(market, order["price"]))
                fill(order)
                known.append(wallet - changed + worth(market, order["price"]))
            if any(order["type"] != "MARKET" for order in own):
                lowest[market] = min(known)
            if end in by_end[market]:
                last[market] = by_end[market][end][2]
            parts[market] = min(lowest[market], wallet - changed + worth(market, last[market]))
        marked = sum(worth(market, last[market]) for market in candles)
        rows.append((end, wallet + marked, before + sum(parts.values())))
    frame = pd.DataFrame(rows, columns=["end", "equity", "lowest"])
    return frame.set_index(pd.to_datetime(frame.pop("end"), unit="ms", utc=True))


@pytest.mark.parametrize("market", ["futures", "spot"])
@pytest.mark.parametrize("seed", range(4))
def test_equals_a_ledger_kept_minute_by_minute(market, seed):
    candles = {BTC: random_candles(seed, 400), ETH: random_candles(seed + 100, 400)}
    account = Account(balance=5_000, fee=0.0013, market=market)
    trades = random_trades(candles, seed, spot=market == "spot", fee=account.fee)
    assert len(trades) > 20
    ours, theirs = equity_by_minute(trades, candles, account), ledger(trades, candles, account)
    assert (ours.index == theirs.index).all()
    np.testing.assert_allclose(ours["equity"], theirs["equity"], rtol=1e-10)
    np.testing.assert_allclose(ours["lowest"], np.minimum(theirs["lowest"], theirs["equity"]), rtol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_drawdown_equals_all_pairs(seed):
    candles = {BTC: random_candles(seed, 300)}
    account = Account(balance=500)
    trades = random_trades(candles, seed)
    minutes, found = equity_by_minute(trades, candles, account), intraday_equity(trades, candles, account)
    equity, lowest = minutes["equity"].to_numpy(), minutes["lowest"].to_numpy()
    for column, drawdown in ((equity, found.by_closes), (lowest, found.by_extremes)):
        falls = {(i, j): column[j] / equity[i] - 1 for i in range(len(equity)) for j in range(i + 1, len(equity))}
        (peak, trough), deepest = min(falls.items(), key=lambda item: item[1])
        assert drawdown.percent == pytest.approx(deepest * 100, rel=1e-12)
        assert drawdown.trough == minutes.index[trough]
        assert minutes["equity"][drawdown.peak] == equity[peak]  # it may have stood there for a while


def test_intervals_hold_their_last_and_lowest_minute():
    candles = {BTC: random_candles(3, 600)}
    account = Account()
    trades = random_trades(candles, 3)
    minutes, found = equity_by_minute(trades, candles, account), intraday_equity(trades, candles, account)
    for hour in range(1, 10):
        end = pd.Timestamp(START + hour * 60 * MINUTE, unit="ms", tz="UTC")
        within = minutes[(minutes.index > end - pd.Timedelta(hours=1)) & (minutes.index <= end)]
        assert found.equity[end] == within["equity"].iloc[-1]
        assert found.lowest[end] == within["lowest"].min()


def test_without_trades_the_balance_stays():
    found = intraday_equity(NO_TRADES, {BTC: random_candles(0)}, Account(balance=700))
    assert (found.equity == 700).all()
    assert (found.by_closes.percent, found.by_extremes.percent, found.by_extremes.peak) == (0.0, 0.0, None)
    assert np.isnan(found.largest_difference)


def test_only_gains_have_no_drawdown():
    candles = np.array([[START + MINUTE * i, 100.0 + i, 101.0 + i, 101.0 + i, 100.0 + i, 1.0] for i in range(9)])
    found = intraday_equity(simple_trade(BTC, "long", 1, 101, 8, 108), {BTC: candles}, Account(balance=50, fee=0))
    assert found.equity.iloc[-1] == 57
    assert found.by_closes.percent == found.by_extremes.percent == 0.0


def test_an_account_below_zero_has_lost_more_than_everything():
    candles = np.array([[START + MINUTE * i, 100.0, price, 100.0, price - 5, 1.0]
                        for i, price in enumerate([100.0, 80.0, 40.0, 60.0])])
    trade = simple_trade(BTC, "long", 1, 100, 4, 60, qty=2)
    found = intraday_equity(trade, {BTC: candles}, Account(balance=100, fee=0), every="1min")
    assert found.equity.tolist() == [100, 100, 60, -20, 20]
    assert found.lowest.tolist() == [100, 100, 50, -30, 10]
    assert (found.by_closes.percent, found.by_extremes.percent) == (-120.0, -130.0)


def test_the_high_is_the_worst_price_of_a_short():
    candles = np.array([[START + MINUTE * i, 100.0, 100.0, 110.0, 70.0, 1.0] for i in range(3)])
    found = intraday_equity(simple_trade(BTC, "short", 1, 100, 3, 100), {BTC: candles}, Account(balance=100, fee=0))
    assert found.by_extremes.percent == pytest.approx(-10)


def test_a_minute_with_a_fill_inside_counts_only_what_was_held_for_sure():
    candles = np.array([[START, 100.0, 100.0, 100.0, 100.0, 1.0], [START + MINUTE, 100.0, 99.0, 130.0, 50.0, 1.0],
                        [START + 2 * MINUTE, 99.0, 99.0, 99.0, 98.0, 1.0]])
    trade = simple_trade(BTC, "long", 2, 97, 3, 99)
    trade.loc[0, "orders"][0]["type"] = "LIMIT"
    minutes = equity_by_minute(trade, {BTC: candles}, Account(balance=1_000, fee=0))
    assert minutes["equity"].tolist() == [1_000, 1_000, 1_002, 1_002]
    assert minutes["lowest"].tolist() == [1_000, 1_000, 1_000, 1_001]


def test_a_table_without_orders_has_its_entry_and_its_exit():
    candles = {BTC: random_candles(5, 200, missing=0)}
    close = candles[BTC][:, 2]
    for market in ("futures", "spot"):
        account = Account(balance=1_000, market=market)
        full = simple_trade(BTC, "long", 10, close[9], 50, close[49], fee=account.fee)
        full.loc[0, "orders"][1]["filled_qty"] = -(1 - account.fee) if market == "spot" else -1.0
        bare = full.drop(columns="orders")
        both = [equity_by_minute(trades, candles, account) for trades in (bare, full)]
        pd.testing.assert_frame_equal(*both)


def test_refuses_what_is_missing():
    candles = {BTC: random_candles(0, 60, missing=0)}
    late = simple_trade(BTC, "long", 30, 100, 90, 100)
    with pytest.raises(InputError, match="outside its candles"):
        intraday_equity(late, candles, Account())
    other = simple_trade(ETH, "long", 3, 100, 9, 100)
    with pytest.raises(InputError, match="no candles of ETH-USDT on Binance Spot"):
        intraday_equity(other, candles, Account())
    with pytest.raises(InputError, match="no candles"):
        intraday_equity(NO_TRADES, {}, Account())
    with pytest.raises(InputError, match="not a length of time"):
        intraday_equity(NO_TRADES, candles, Account(), every="often")
    early = pd.Series([1.0], index=pd.to_datetime([START - MINUTE], unit="ms", utc=True))
    with pytest.raises(InputError, match="begin before the candles"):
        intraday_equity(NO_TRADES, candles, Account(), sampled=early)


def test_a_hundred_thousand_trades_are_quick():
    trades, candles = many_trades(100_000)
    began = time.process_time()
    found = intraday_equity(trades, candles, Account(balance=1e6, fee=0))
    assert time.process_time() - began < 6
    assert found.equity.iloc[-1] == pytest.approx(1e6 + trades["pnl"].sum())
