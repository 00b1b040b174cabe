"""Slippage: what fills cost beside the fee, where sizes, balance and equity see it."""

from __future__ import annotations

import numpy as np
import pytest

import jesse_nb as jn
from jesse_nb.core.simulator.spec import Account, BacktestSpec
from jesse_nb.exceptions import InputError
from jesse_nb.report.backtest.backtest_tables import metric_groups
from tests.jobs.strategies import CROSSING, HEADER

PERIOD = ("2023-02-01", "2023-02-15")

#: Buys for the balance that is there, by limit orders, and sells a day later.
STAKING = HEADER + """
class Staking(Strategy):
    def should_long(self):
        return self.index % 48 == 0
    def go_long(self):
        self.buy = self.balance * 0.9 / self.price, self.price
    def update_position(self):
        if self.index % 48 == 24:
            self.liquidate()
    def should_cancel_entry(self):
        return True
"""


@pytest.fixture(scope="module")
def kept(candle_store, tmp_path_factory):
    return {"candles": candle_store, "store": tmp_path_factory.mktemp("runs") / "runs.sqlite"}


@pytest.mark.parametrize("market", ["futures", "spot"])
def test_it_is_what_the_fills_say(kept, market):
    """The account written out from prices and quantities alone, each fill a little worse than its price."""
    found = jn.backtest(STAKING, "BTC-USDT", "1h", *PERIOD, market=market, fee=0.0004, slippage_bps=7, **kept)
    money, coins, cost = 10_000.0, 0.0, 0.0004 + 0.0007
    slipped = 0.0
    for orders in found.trades["orders"]:
        for order in orders:
            quantity, price = order["filled_qty"], order["price"]
            bought = quantity > 0
            if bought:
                assert quantity == pytest.approx(money * 0.9 / price)  # the size was of what was left
            money -= quantity * price + (0 if market == "spot" and bought else cost * abs(quantity) * price)
            coins += quantity * (1 - cost) if market == "spot" and bought else quantity
            slipped += 0.0007 * abs(quantity) * price
    assert coins == pytest.approx(0, abs=1e-9)
    assert found.equity.iloc[-1] == pytest.approx(money)
    assert found.audit is None or not found.audit.moved
    metrics = found.metrics
    assert metrics["slippage"] == pytest.approx(slipped)
    assert metrics["fee"] == pytest.approx(slipped * 4 / 7)
    assert metrics["net_profit"] == pytest.approx(found.trades["pnl"].sum())
    assert metrics["net_profit_before_slippage"] == pytest.approx(metrics["net_profit"] + slipped)
    assert metrics["net_profit_percentage_before_slippage"] == pytest.approx(
        metrics["net_profit_percentage"] + slipped / 100)


def test_none_is_none_to_the_last_bit(kept):
    plain = jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, **kept)
    nothing = jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, slippage_bps=0, **kept)
    assert nothing.key == plain.key
    assert nothing.metrics.keys() == plain.metrics.keys()
    assert np.array_equal(nothing.equity.to_numpy(), plain.equity.to_numpy())
    assert BacktestSpec.from_json(plain.spec.to_json()).account.slippage_bps == 0


def test_it_costs_what_so_much_fee_costs(kept):
    slipping = jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, fee=0.001, slippage_bps=5, **kept)
    dear = jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, fee=0.0015, **kept)
    assert slipping.key != dear.key
    assert np.array_equal(slipping.equity.to_numpy(), dear.equity.to_numpy())
    assert slipping.trades.to_dict("records") == dear.trades.to_dict("records")
    assert slipping.metrics["fee"] + slipping.metrics["slippage"] == pytest.approx(dear.metrics["fee"])
    assert jn.analyze_results(slipping, analysis_type="basic", **kept).run.equity.equals(slipping.equity)


def test_every_tool_that_simulates_pays_it(kept):
    given = {"slippage_bps": 20, **kept}
    single = jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, slippage_bps=20, hyperparameters={"fast": 9}, **kept)
    batch = jn.backtest_batch(CROSSING, "BTC-USDT", "1h", PERIOD, params=[{"fast": 9}], concurrent_limit=1,
                              **given)
    assert batch.to_frame()["net_profit_percentage"].tolist() == [single.metrics["net_profit_percentage"]]
    walk = jn.walk_forward(CROSSING, "BTC-USDT", "1h", *PERIOD, in_sample_period=4, out_sample_period=10,
                           step_forward=10, hyperparameters={"fast": 9}, n_jobs=1, **given)
    study = jn.optimize(CROSSING, "BTC-USDT", "1h", *PERIOD, space={"fast": (9, 10)}, sampler="grid", n_trials=1,
                        min_trades=0, test_ratio=0, neighbours=0, parity=False, n_jobs=1, **given)
    assert all(run.spec.account.slippage_bps == 20 and run.metrics["slippage"] > 0
               for run in (walk.windows[0].test, study.training))
    assert study.training.metrics["net_profit"] == single.metrics["net_profit"]  # the grid begins with 9


def test_the_report_says_both(kept):
    found = jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, slippage_bps=5, **kept)
    told = " ".join(str(found).split()).replace("−", "-")
    for name in ("net_profit_percentage_before_slippage", "net_profit_percentage"):
        assert f"{found.metrics[name]:.1f}" in told
    assert "slippage 5 basis points" in told
    assert "Net profit before slippage" in [row[0].text for row in metric_groups(found)["Returns"].rows]


@pytest.mark.parametrize("nonsense", [-1, 1_001, float("nan"), "five", True])
def test_wrong_slippage(kept, nonsense):
    with pytest.raises(InputError, match="slippage_bps"):
        jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, slippage_bps=nonsense, **kept)
    with pytest.raises(InputError, match="slippage_bps"):
        Account(slippage_bps=nonsense)
