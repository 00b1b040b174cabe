"""A fee of each market: where sizes, balance, equity and trades see it, as they see one fee for all."""

from __future__ import annotations

import pickle
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.core.jobs.pool import local_pool
from jesse_nb.core.record.codec import decoded, encoded
from jesse_nb.core.simulator.fees import MarketFees, checked_fee, fee_of_run, fee_words, mean_fee
from jesse_nb.core.simulator.simulation import Simulation
from jesse_nb.core.simulator.spec import Account, BacktestSpec
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.request import Request
from jesse_nb.exceptions import InputError
from tests.jobs.strategies import HEADER

PERIOD = ("2023-02-01", "2023-02-15")
SYMBOLS = ("BTC-USDT", "ETH-USDT")
FEES = {"BTC-USDT": 0.0004, "ETH-USDT": 0.003}

#: Buys for the money that is left and its own fee, adds, takes half off by an order above what is held, and liquidates.
SIZING = HEADER + """
class Sizing(Strategy):
    def should_long(self):
        return self.index % 40 == (0 if self.symbol == "BTC-USDT" else 7)
    def go_long(self):
        self.vars["told"] = self.fee_rate
        assert self.position.exchange.fee_rate == self.fee_rate
        self.buy = self.balance * 0.2 * (1 - 10 * self.fee_rate) / self.price, self.price
    def update_position(self):
        if self.index % 40 == 15:
            self.buy = self.balance * 0.1 / self.price, self.price
        if self.index % 40 == 22:
            self.take_profit = [(self.position.qty / 2, self.price * 1.0001), (self.position.qty, self.price * 1.3)]
        if self.index % 40 == 33:
            self.liquidate()
    def on_open_position(self, order):
        assert order.fee == self.fee_rate * abs(order.filled_qty * order.price), order.fee
        assert self.fee_rate == self.vars["told"]
    def on_close_position(self, order, closed_trade=None):
        assert self.fee_rate == self.vars["told"]
    def on_route_open_position(self, strategy):
        print(strategy.symbol, strategy.fee_rate, self.symbol, self.fee_rate)
    def should_cancel_entry(self):
        return True
"""

#: Turns from long to short by one order that is twice as large, on futures.
TURNING = HEADER + """
class Turning(Strategy):
    def should_long(self):
        return self.index % 60 == 5
    def should_short(self):
        return self.index % 60 == 35
    def go_long(self):
        self.buy = 1000 / self.price, self.price
    def go_short(self):
        self.sell = 1000 / self.price, self.price
    def update_position(self):
        if self.index % 60 == 20 and self.is_long:
            self.broker.sell_at_market(self.position.qty * 2)
        if self.index % 60 == 50:
            self.liquidate()
    def should_cancel_entry(self):
        return True
"""


@pytest.fixture(scope="module")
def kept(candle_store, tmp_path_factory):
    return {"candles": candle_store, "store": tmp_path_factory.mktemp("runs") / "runs.sqlite"}


def two(strategy=SIZING, *, timeframes=("1h", "1h"), **given):
    routes = [(strategy, symbol, timeframe) for symbol, timeframe in zip(SYMBOLS, timeframes, strict=True)]
    return jn.backtest(routes=routes, start=PERIOD[0], end=PERIOD[1], **given)


def fills(found):
    """Every executed order once, in the order of its execution."""
    orders = [order for trade in found.trades["orders"] for order in trade if order["filled_qty"]]
    return sorted(orders, key=lambda order: order["executed_at"])


@pytest.mark.parametrize("slippage", [0, 6])
@pytest.mark.parametrize("mode", ["fast", "step"])
@pytest.mark.parametrize(("market", "strategy"), [("futures", SIZING), ("spot", SIZING), ("futures", TURNING)],
                         ids=["futures", "spot", "turning"])
def test_it_is_what_the_fills_say(kept, market, strategy, mode, slippage):
    """The account written out from prices and quantities alone, each market at its own rate."""
    found = two(strategy, market=market, mode=mode, fee=FEES, slippage_bps=slippage, **kept)
    assert "fast path" in found.card.versions["simulator"]
    cost = {symbol: fee + slippage / 10_000 for symbol, fee in FEES.items()}
    money, coins, charged, slipped = 10_000.0, Counter(), Counter(), 0.0
    for order in fills(found):
        symbol, quantity, price = order["symbol"], order["filled_qty"], order["price"]
        coins_paid = market == "spot" and quantity > 0
        money -= quantity * price + (0 if coins_paid else cost[symbol] * abs(quantity) * price)
        coins[symbol] += quantity * (1 - cost[symbol]) if coins_paid else quantity
        charged[symbol] += cost[symbol] * abs(quantity) * price
        slipped += slippage / 10_000 * abs(quantity) * price
    assert len(fills(found)) > 30
    assert list(coins.values()) == pytest.approx([0, 0], abs=1e-9)
    assert found.equity.iloc[-1] == pytest.approx(money, abs=1e-6)
    assert found.metrics["fee"] == pytest.approx(charged.total() - slipped)
    assert found.metrics.get("slippage", 0.0) == pytest.approx(slipped)
    for symbol, fee in charged.items():
        own = found.trades[found.trades["symbol"] == symbol]
        assert own["fee"].sum() == pytest.approx(fee)
    gross = sum(trade["qty"] * (trade["exit_price"] - trade["entry_price"]) * (1 if trade["side"] == "long" else -1)
                for trade in found.trades.to_dict("records"))
    if market == "futures" and strategy is SIZING:  # Jesse files all of an order that turns a position under one trade
        assert found.metrics["net_profit"] == pytest.approx(gross - charged.total())
        assert found.metrics["net_profit"] == pytest.approx(money - 10_000)
    assert found.audit is None or not found.audit.moved
    assert found.spec.account.fee == FEES


@pytest.mark.parametrize("market", ["futures", "spot"])
def test_each_size_knows_the_fee_of_its_market(kept, market):
    found = two(market=market, fee=FEES, **kept)
    first = {order["symbol"]: order for order in reversed(fills(found))}
    btc, eth = (first[symbol]["filled_qty"] * first[symbol]["price"] for symbol in SYMBOLS)
    assert btc == pytest.approx(10_000 * 0.2 * (1 - 10 * 0.0004))
    balance = 10_000 - (btc if market == "spot" else 0.0004 * btc)
    assert eth == pytest.approx(balance * 0.2 * (1 - 10 * 0.003))
    assert "ETH-USDT 0.003 BTC-USDT 0.0004" in found.output


@pytest.mark.parametrize("market", ["futures", "spot"])
def test_daily_equity_is_that_of_the_fills(kept, candle_store, market):
    found = two(market=market, mode="step", fee=FEES, **kept)
    closes = {symbol: candle_store.read(found.spec.routes[0].exchange, symbol) for symbol in SYMBOLS}
    for moment, equity in found.equity.iloc[1:-1].items():
        until = int(moment.timestamp() * 1000)
        money, coins = 10_000.0, Counter()
        for order in fills(found):
            if order["executed_at"] <= until:
                symbol, quantity, value = order["symbol"], order["filled_qty"], order["filled_qty"] * order["price"]
                in_coins = market == "spot" and quantity > 0
                money -= value + (0 if in_coins else FEES[symbol] * abs(value))
                coins[symbol] += quantity * (1 - FEES[symbol]) if in_coins else quantity
        worth = 0.0
        for symbol, held in coins.items():
            rows = closes[symbol]
            worth += held * rows[np.searchsorted(rows[:, 0], until - 60_000, side="right") - 1, 2]
        assert equity == pytest.approx(money + worth, rel=1e-9), moment


def recorded(spec: BacktestSpec, prepared, *, plain=False):
    simulation: Simulation = replace(prepared.simulation(spec), plain=plain)
    answer = local_pool().submit(simulation, 120, None).result()
    assert answer.value is not None, answer.error
    return answer.value


@pytest.mark.parametrize("mode", ["fast", "step"])
@pytest.mark.parametrize("market", ["futures", "spot"])
def test_booked_one_by_one_equal_fees_are_one_fee_to_the_last_bit(kept, market, mode):
    request = Request(routes=[(SIZING, symbol, "1h") for symbol in SYMBOLS], market=market, fee=0.0007, mode=mode,
                      candles=kept["candles"])
    prepared = prepare(request, *PERIOD)
    apart = replace(prepared.spec)
    # A spec makes one fee of it, so that nothing is booked one by one; here it is to be.
    object.__setattr__(apart, "account", replace(apart.account, fee=dict.fromkeys(SYMBOLS, 0.0007)))
    assert apart.account.fee == {"BTC-USDT": 0.0007, "ETH-USDT": 0.0007}
    one = recorded(prepared.spec, prepared)
    for other in (recorded(apart, prepared), recorded(apart, prepared, plain=True)):
        assert other.trades == one.trades
        assert np.array_equal(other.equity_values, one.equity_values)
        assert np.array_equal(other.equity_times, one.equity_times)
        assert {name: value for name, value in other.metrics.items() if value == value} == {
            name: value for name, value in one.metrics.items() if value == value}


def test_both_paths_agree_on_different_fees(kept):
    request = Request(routes=[(SIZING, symbol, "1h") for symbol in SYMBOLS], market="spot", fee=FEES,
                      candles=kept["candles"])
    prepared = prepare(request, *PERIOD)
    quick, plain = recorded(prepared.spec, prepared), recorded(prepared.spec, prepared, plain=True)
    assert plain.versions["simulator"] != quick.versions["simulator"]
    assert quick.trades == plain.trades
    assert np.array_equal(quick.equity_values, plain.equity_values)


def test_fees_that_are_alike_are_the_run_of_one_fee(kept):
    plain = two(fee=0.0007, **kept)
    alike = two(fee={**dict.fromkeys(SYMBOLS, 0.0007), "SOL-USDT": 0.09}, **kept)
    assert alike.key == plain.key
    assert alike.spec.account.fee == 0.0007
    single = jn.backtest(SIZING, "BTC-USDT", "1h", *PERIOD, fee=0.0004, **kept)
    assert jn.backtest(SIZING, "btc/usdt", "1h", *PERIOD, fee=FEES, **kept).key == single.key
    mixed = two(fee=FEES, **kept)
    assert mixed.key not in (plain.key, two(fee={"BTC-USDT": 0.0004, "ETH-USDT": 0.002}, **kept).key)
    assert two(fee={"ETH/USDT": 0.003, "btc-usdt": 0.0004}, **kept).key == mixed.key  # whatever the order


def test_what_a_spec_says_of_it_comes_back(kept):
    found = two(fee=FEES, **kept)
    again = BacktestSpec.from_json(found.spec.to_json())
    assert again == found.spec
    assert again.key == found.key
    assert again.account.fee == FEES
    assert hash(again.account) == hash(found.spec.account)
    assert pickle.loads(pickle.dumps(found.spec)).account.fee == FEES
    assert decoded(encoded(found)).spec == found.spec
    assert '"fee":{"BTC-USDT":0.0004,"ETH-USDT":0.003}' in found.spec.to_json()


@pytest.mark.parametrize(("nonsense", "said"), [
    ({"BTC-USDT": -0.001}, "fee is -0.001 for BTC-USDT, not a fraction of a fill's value from 0 to below 0.1. 0.1 %"),
    ({"BTC-USDT": float("nan")}, "fee is nan for BTC-USDT, not"),
    ({"BTC-USDT": 1.5}, "fee is 1.5 for BTC-USDT, not"),
    ({"BTC-USDT": True}, "fee is True for BTC-USDT, not"),
    ({"BTC-USDT": "dear"}, "fee is 'dear' for BTC-USDT, not"),
    ({}, "fee is empty. Give one for all markets"),
    ({"BTC-UDST": 0.001}, "fee has none for BTC-USDT, and it must have one for every market that is traded. Was "
                          "BTC-UDST to be BTC-USDT?"),
    ({"SOL-EUR": 0.001}, "fee has none for BTC-USDT, and it must have one for every market that is traded. It has "
                         "SOL-EUR."),
    ({"bitcoin": 0.001}, "fee names 'bitcoin', which is no symbol."),
    ({7: 0.001}, "fee names 7, which is no symbol."),
    ({"BTC-USDT": 0.001, "btc/usdt": 0.002}, "fee gives BTC-USDT twice."),
    ([0.001], "fee is [0.001], not a fraction of a fill's value from 0 to below 0.1. 0.1 % is 0.001. Or give one for "
              "each market"),
    (1.5, "fee is 1.5, not a fraction of a fill's value from 0 to below 0.1."),
    (float("nan"), "fee is nan, not"),
])
def test_wrong_fees(kept, nonsense, said):
    with pytest.raises(InputError) as error:
        jn.backtest(SIZING, "BTC-USDT", "1h", *PERIOD, fee=nonsense, **kept)
    assert str(error.value).startswith(said)
    assert error.value.argument == "fee"
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("text", "said"), [
    ("BTC-USDT=0.0004,BTC-USDT=0.001", "fee gives BTC-USDT twice."),
    ("BTC-USDT=0.0004,ETH-USDT", "fee takes SYMBOL=FRACTION pairs, not 'ETH-USDT'."),
    ("BTC-USDT=0.0004,", "fee takes SYMBOL=FRACTION pairs, not ''."),
    ("=0.0004", "fee takes SYMBOL=FRACTION pairs, not '=0.0004'."),
    ("BTC-USDT=nan", "fee is nan for BTC-USDT, not"),
    ("BTC-USDT=cheap", "fee is 'cheap' for BTC-USDT, not"),
])
def test_wrong_fees_of_a_line(text, said):
    with pytest.raises(InputError) as error:
        checked_fee("fee", text)
    assert str(error.value).startswith(said)


def test_words_and_means():
    fees = checked_fee("fee", "btc-usdt=0.0004, ETH/USDT=0.003")
    assert fees == FEES
    assert str(fees) == "BTC-USDT=0.0004,ETH-USDT=0.003"
    assert checked_fee("fee", str(fees)) == fees
    assert fee_words(fees) == "0.04% (BTC-USDT) and 0.3% (ETH-USDT)"
    assert fee_words(0.001) == "0.1%"
    assert mean_fee(fees, {"BTC-USDT": 3.0, "ETH-USDT": 1.0}) == pytest.approx(0.00105)
    assert mean_fee(fees, {}) == pytest.approx(0.0017)
    assert mean_fee(0.001, {"BTC-USDT": 3.0}) == 0.001
    assert fee_of_run(fees, ["ETH-USDT"]) == 0.003
    assert isinstance(Account(fee=FEES).fee, MarketFees)


def test_the_report_says_each(kept):
    found = two(fee=FEES, **kept)
    assert "fee 0.04% (BTC-USDT) and 0.3% (ETH-USDT)" in " ".join(str(found).split())
    dear = two(fee=0.003, **kept)
    settings = jn.compare(found, dear).settings
    assert settings.loc["fee"].tolist() == ["BTC-USDT=0.0004,ETH-USDT=0.003", "0.003"]
    assert isinstance(settings, pd.DataFrame)
