"""Funding: the money that fills and rates say, where sizes, balance and equity see it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.core.analysis.curves.intraday import intraday_equity
from jesse_nb.core.analysis.curves.midnights import account_by_day
from jesse_nb.core.candles.funding.rates import FUNDING_MS, checked_rates
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.times import MINUTE_MS, to_ms
from jesse_nb.core.tools.changes import changes_since
from jesse_nb.exceptions import CandlesError, CandlesNotFoundError, InputError
from tests.conftest import EXCHANGE, real_candles
from tests.jobs.strategies import CROSSING, HEADER

PERIOD = ("2023-02-01", "2023-03-01")
SYMBOLS = ("BTC-USDT", "ETH-USDT")

#: Long or short with the average, by limit orders now and then, so that fills come at any minute.
BOTH_SIDES = HEADER + """
class BothSides(Strategy):
    def should_long(self):
        return ta.sma(self.candles, 8) > ta.sma(self.candles, 30)
    def should_short(self):
        return ta.sma(self.candles, 8) < ta.sma(self.candles, 30)
    def go_long(self):
        self.buy = self.balance * 0.4 / self.price, self.price * (0.999 if self.index % 2 else 1)
    def go_short(self):
        self.sell = self.balance * 0.4 / self.price, self.price * (1.001 if self.index % 2 else 1)
    def on_open_position(self, order):
        side = 1 if self.is_long else -1
        self.take_profit = self.position.qty, self.position.entry_price * (1 + 0.02 * side)
        self.stop_loss = self.position.qty, self.position.entry_price * (1 - 0.02 * side)
    def should_cancel_entry(self):
        return True
"""

#: Buys once, at twice its balance, and holds.
HOLDING = HEADER + """
class Holding(Strategy):
    def should_long(self):
        return self.index == 0
    def go_long(self):
        self.buy = utils.size_to_qty(self.balance * 2, self.price, fee_rate=self.fee_rate), self.price
    def should_cancel_entry(self):
        return True
"""

#: What strategies did themselves, where nobody books for them.
HOOK = """
    def before(self):
        if self.position.is_open and self.time // 3_600_000 % 8 == 0:
            exchange = self.position.exchange
            exchange.assets[exchange.settlement_currency] -= self.position.qty * self.price * 0.0003
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> dict[str, Any]:
    store = jn.CandleStore(tmp_path_factory.mktemp("funded"))
    times = np.arange(to_ms("2023-01-20"), to_ms("2023-03-05"), FUNDING_MS)
    draw = np.random.default_rng(5)
    for symbol in SYMBOLS:
        store.write(EXCHANGE, symbol, real_candles(symbol)[: 65 * 1_440])
        store.write_funding(EXCHANGE, symbol, checked_rates(times, draw.normal(2e-4, 4e-4, len(times))))
    return {"candles": store, "store": tmp_path_factory.mktemp("runs") / "runs.sqlite"}


def same(one: BacktestResult, other: BacktestResult) -> bool:
    return (one.equity.equals(other.equity) and one.trades.to_dict("records") == other.trades.to_dict("records")
            and repr(one.metrics) == repr(other.metrics))


def recomputed(result: BacktestResult, kept: dict[str, Any]) -> pd.Series[float]:
    """What its fills, the minutes' closes and the stored rates say was paid, by instant and market."""
    start, end, paid = result.spec.start, result.spec.end, {}
    for route in result.spec.routes:
        minutes = kept["candles"].read(EXCHANGE, route.symbol)
        close = dict(zip(minutes[:, 0].astype(int) + MINUTE_MS, minutes[:, 2], strict=True))
        stored = kept["candles"].funding(EXCHANGE, route.symbol).rates
        fills = [order for orders in result.trades.loc[result.trades["symbol"] == route.symbol, "orders"]
                 for order in orders if order["executed_at"]]
        for time, rate in zip(stored.times.tolist(), stored.rates, strict=True):
            if start < time < end:
                # What a strategy orders at an instant comes after it.
                held = sum(order["filled_qty"] for order in fills
                           if order["executed_at"] < time or (order["executed_at"] == time > order["created_at"]))
                if abs(held) > 1e-9:
                    paid[time, route.symbol] = held * close[time] * rate
    return pd.Series(paid).sort_index()


@pytest.mark.parametrize(("timeframe", "symbols", "warm_up"), [
    ("1h", SYMBOLS, 60), ("45m", SYMBOLS[:1], 60), ("1D", SYMBOLS[:1], 31)])
def test_the_money_is_that_of_fills_and_rates(timeframe, symbols, warm_up, kept):
    given = {"start": PERIOD[0] if timeframe == "1D" else "2023-02-01", "end": PERIOD[1], "funding": "stored",
             "warm_up_candles": warm_up, "leverage": 2,
             "routes": [(BOTH_SIDES, symbol, timeframe) for symbol in symbols]}
    found = jn.backtest(**given, **kept)
    expected = recomputed(found, kept)
    paid = found.funding.assign(time=found.funding.index.astype("int64") // 10**6).set_index(["time", "symbol"])["paid"]
    assert set(np.sign(found.funding["qty"])) == {-1.0, 1.0}
    assert len(found.funding) > 20
    assert paid.index.sort_values().equals(expected.index)
    assert np.allclose(paid.sort_index(), expected, rtol=1e-9)
    assert found.metrics["funding"] == pytest.approx(expected.sum())
    assert found.metrics["net_profit_before_funding"] == pytest.approx(found.trades["pnl"].sum())
    assert found.metrics["net_profit"] == pytest.approx(found.trades["pnl"].sum() - expected.sum())
    assert found.equity.iloc[-1] == pytest.approx(10_000 + found.metrics["net_profit"])
    assert found.audit.moved == 0
    step = jn.backtest(**given, mode="step", **kept)
    pd.testing.assert_frame_equal(step.funding, found.funding)
    keys = ["symbol", "opened_at"]  # Jesse lists trades of several markets in another order
    assert np.allclose(step.trades.sort_values(keys)["qty"], found.trades.sort_values(keys)["qty"], rtol=1e-12)


def test_curves_within_the_days_count_it(kept):
    found = jn.backtest(BOTH_SIDES, "BTC-USDT", "1h", *PERIOD, funding="stored", leverage=2, **kept)
    market = {(EXCHANGE, "BTC-USDT"): kept["candles"].read(EXCHANGE, "BTC-USDT", *PERIOD)}
    within = intraday_equity(found.trades, market, found.spec.account, sampled=found.equity, payments=found.payments)
    blind = intraday_equity(found.trades, market, found.spec.account, sampled=found.equity)
    assert within.largest_difference < 1e-6
    assert blind.largest_difference == pytest.approx(found.funding["paid"].cumsum().abs().max(), rel=0.2)
    days = account_by_day(found, market)
    assert np.allclose(days["equity"], within.equity.loc[days.index])


def test_it_is_what_a_strategy_that_debits_itself_sees(kept):
    period = PERIOD[0], "2023-02-28 20:00"  # an end at an instant does not pay it, and the strategy would
    hooked = jn.backtest(BOTH_SIDES.replace("class BothSides(Strategy):", f"class BothSides(Strategy):{HOOK}"),
                         "BTC-USDT", "1h", *period, leverage=2, **kept)
    found = jn.backtest(BOTH_SIDES, "BTC-USDT", "1h", *period, leverage=2, funding=0.0003, **kept)
    assert found.equity.equals(hooked.equity)
    assert found.trades["qty"].tolist() == hooked.trades["qty"].tolist()  # sizes saw it
    jesses = {**found.metrics, "net_profit": found.metrics["net_profit_before_funding"],
              "net_profit_percentage": found.metrics["net_profit_percentage_before_funding"]}
    assert {name: repr(jesses[name]) for name in hooked.metrics} == {
        name: repr(value) for name, value in hooked.metrics.items()}
    assert hooked.audit.moved
    assert not found.audit.moved


@pytest.mark.parametrize("mode", ["fast", "step"])
def test_no_funding_is_no_funding_to_the_last_bit(mode, kept):
    plain = jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, mode=mode, **kept)
    nothing = jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, mode=mode, funding=0.0, **kept)
    assert same(plain, nothing)
    assert nothing.funding.empty
    assert plain.key != nothing.key


def test_stored_rates_are_part_of_the_key(kept):
    stored = jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, funding="stored", **kept)
    assert BacktestSpec.from_json(stored.spec.to_json()) == stored.spec
    assert stored.spec.funding[0].instants == 83
    assert jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, funding="stored", **kept).funding.equals(stored.funding)
    again = jn.fee_stress(stored, [1], **kept)
    assert again.results[1.0].key == stored.key
    assert changes_since(stored.spec, kept["candles"]) == ()
    other = checked_rates([to_ms("2023-02-10")], [0.0005])
    before = kept["candles"].funding(EXCHANGE, "BTC-USDT").rates
    kept["candles"].write_funding(EXCHANGE, "BTC-USDT", other, replace=True)
    try:
        assert jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, funding="stored", **kept).key != stored.key
        with pytest.raises(CandlesError, match=r"funding rates of BTC-USDT .* are not those of this run"):
            jn.fee_stress(stored, [1], **kept)
        said, = changes_since(stored.spec, kept["candles"])
        assert said == f"The stored funding rates of BTC-USDT on {EXCHANGE} are not those of this run."
    finally:
        kept["candles"].write_funding(EXCHANGE, "BTC-USDT", before, replace=True)


def test_funding_ruins_an_account_too(kept):
    found = jn.backtest(HOLDING, "BTC-USDT", "1h", *PERIOD, leverage=3, funding=0.009, **kept)
    ruin, payments = found.ruin, found.audit.funding
    assert jn.backtest(HOLDING, "BTC-USDT", "1h", *PERIOD, leverage=3, **kept).ruin is None
    minutes = kept["candles"].read(EXCHANGE, "BTC-USDT", PERIOD[0], PERIOD[1])
    quantity = payments.quantities[0]
    entry = float(minutes[59, 2])
    money = 10_000 - 0.001 * quantity * entry - payments.paid_by(minutes[:, 0].astype(np.int64) + MINUTE_MS)
    left = money + quantity * (minutes[:, 4] - entry) - 0.004 * quantity * minutes[:, 4]
    first = 60 + int(np.argmax(left[60:] <= 0))
    assert ruin.moment == int(minutes[first, 0]) + MINUTE_MS
    assert np.isnan(found.metrics["net_profit"])


def test_studies_pay_it_too(kept):
    batch = jn.backtest_batch(CROSSING, "BTC-USDT", "1h", PERIOD, funding=0.001, params=[{"fast": 5}, {"fast": 9}],
                              **kept)
    single = jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, funding=0.001, hyperparameters={"fast": 9}, **kept)
    rows = batch.to_frame()
    assert single.metrics["net_profit_percentage"] in rows["net_profit_percentage"].tolist()
    assert single.metrics["net_profit_percentage"] < single.metrics["net_profit_percentage_before_funding"]


@pytest.mark.parametrize(("given", "error", "said"), [
    ({"market": "spot", "funding": 0.0001}, InputError, "funding is paid on futures"),
    ({"market": "spot", "funding": "stored"}, InputError, "funding is paid on futures"),
    ({"funding": "stroed"}, InputError, "Did you mean 'stored'?"), ({"funding": 0.02}, InputError, "0.0001 for 0.01 %"),
    ({"funding": float("nan")}, InputError, "funding is nan"), ({"funding": True}, InputError, "funding is True"),
    ({"funding": "stored", "end": "2023-03-06"}, CandlesNotFoundError, "no funding rate of 2023-03-05."),
])
def test_wrong_arguments(given, error, said, kept):
    with pytest.raises(error) as refused:
        jn.backtest(**{"strategy": CROSSING, "symbol": "BTC-USDT", "timeframe": "1h", "start": PERIOD[0],
                       "end": PERIOD[1], **given, **kept})
    assert said in str(refused.value)


def test_the_report_says_both(kept):
    found = jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, funding=0.001, **kept)
    before, after = (f"{found.metrics[name]:.1f}" for name in ("net_profit_percentage_before_funding",
                                                               "net_profit_percentage"))
    told = " ".join(str(found).split())
    assert "Funding: " in told
    assert before in told.replace("−", "-")
    assert f"after funding {after}" in told.replace("−", "-")


def test_a_market_without_rates(kept):
    kept["candles"].write("Another", "BTC-USDT", real_candles("BTC-USDT")[: 15 * 1_440])
    with pytest.raises(CandlesNotFoundError, match="No funding rates of BTC-USDT on Another are stored"):
        jn.backtest(CROSSING, "BTC-USDT", "1h", "2023-01-12", "2023-01-15", exchange="Another", funding="stored",
                    **kept)
