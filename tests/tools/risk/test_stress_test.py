"""Stress tests simulate again: nothing changed is nothing changed, and what is changed is Jesse's doing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.record.codec import decoded, encoded
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.stress.stressed_candles import stressed
from jesse_nb.core.tools.declaration.risk_tools import _SCENARIOS, STRESS_TEST
from jesse_nb.core.tools.risk.scenarios import SCENARIOS, moments_of, scenarios_of
from jesse_nb.exceptions import CandlesError, InputError, StrategyError
from tests.analysis.walk_forwards import make_walk_forward
from tests.conftest import EXCHANGE
from tests.jobs.strategies import CROSSING, HEADER

PERIOD = ("2023-02-01", "2023-03-01")


@pytest.fixture(scope="module")
def kept(candle_store, tmp_path_factory) -> dict[str, Any]:
    return {"candles": candle_store, "store": tmp_path_factory.mktemp("runs") / "runs.sqlite"}


@pytest.fixture(scope="module")
def original(kept) -> BacktestResult:
    return jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, **kept)


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


def same(one: BacktestResult, other: BacktestResult) -> bool:
    return (np.array_equal(one.equity.to_numpy(), other.equity.to_numpy())
            and one.equity.index.equals(other.equity.index)
            and one.trades.to_dict("records") == other.trades.to_dict("records")
            and {name: value for name, value in one.metrics.items() if value == value}
            == {name: value for name, value in other.metrics.items() if value == value})


def test_a_shock_of_zero_is_the_original_to_the_last_bit(original, kept):
    found = jn.stress_test(original, None, custom_scenarios={"nothing": {"change": 0.0}}, **kept)
    assert len(found.results) == 2
    assert all(same(run, original) for run in found.results.values())
    assert (found.table["against"] == 0).all()
    assert (found.table["same_trades"] == len(original.trades)).all()


def test_a_fee_is_a_backtest_at_that_fee(original, kept):
    found = jn.stress_test(original, None, shocks={"fee": 0.0023}, **kept)
    assert list(found.table["scenario"]) == ["costs"]
    dear = jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, fee=0.0023, **kept)
    assert same(found.results[0], dear)
    slipping = jn.stress_test(original, None, shocks={"slippage_bps": 5}, **kept)
    assert same(slipping.results[0], jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, slippage_bps=5, **kept))
    assert jn.stress_test(original, None, leverage=3, **kept).results[0].spec.account.leverage == 3


def test_a_replay_of_the_period_itself_is_itself(original, kept):
    found = jn.stress_test(original, f"replay:{'..'.join(PERIOD)}", **kept)
    assert same(found.results[0], original)
    assert np.isnan(found.table.loc[0, "against"])


def test_another_markets_path_is_replayed_by_a_beta(original, kept):
    """With a beta of 1 of the market itself, its own run; with 2, one on moves that are twice as large."""
    period, other = "..".join(PERIOD), ("2023-02-10", "2023-02-20")
    found = jn.stress_test(original, [f"replay:{period}@BTC-USDT:1", f"replay:{'..'.join(other)}@ETH-USDT:2"], **kept)
    own, scaled_run = found.results[0], found.results[1]
    assert own.equity.to_numpy() == pytest.approx(original.equity.to_numpy(), rel=1e-9)
    assert own.trades["opened_at"].tolist() == original.trades["opened_at"].tolist()
    assert own.spec.synthetic
    assert found.table["what"].tolist()[1] == "2023-02-10 to 2023-02-20, each market as ETH-USDT times 2"
    path, real = (np.asarray(kept["candles"].read(EXCHANGE, symbol, "2023-02-10", "2023-02-20"))
                  for symbol in ("ETH-USDT", "BTC-USDT"))
    trade = scaled_run.trades.iloc[0]
    rows = [int((trade[name].value // 10**6 - path[0, 0]) // 60_000) - 1 for name in ("opened_at", "closed_at")]
    assert trade["exit_price"] / trade["entry_price"] == pytest.approx((path[rows[1], 2] / path[rows[0], 2]) ** 2)
    assert trade["entry_price"] < real[:, 4].min() * 1.5  # it begins at the market's own price
    with pytest.raises(CandlesError, match=r"replay:covid@ETH-USDT:1\.2 cannot be replayed"):
        jn.stress_test(original, "replay:covid@ETH-USDT:1.2", **kept)
    with pytest.raises(CandlesError, match=r"cannot be replayed: .*DOGE-USDT"):
        jn.stress_test(original, "replay:svb@DOGE-USDT:1.2", **kept)


def test_a_crash_is_jesses_run_on_other_candles(original, kept):
    found = jn.stress_test(original, ["crash", "gap"], at="2023-02-15 06:00", **kept)
    table = found.table.set_index("scenario")
    began = pd.Timestamp("2023-02-15 06:00", tz="UTC")
    assert (table["began"] == began).all()
    for number, run in found.results.items():
        before = original.trades[original.trades["closed_at"] < began]
        assert len(run.trades[run.trades["closed_at"] < began]) == len(before)
        kept_equity = run.equity[run.equity.index <= began]
        assert np.array_equal(kept_equity, original.equity[original.equity.index <= began])
        assert found.table.loc[number, "same_trades"] >= len(before)
        assert run.spec.pipeline is not None
    assert not np.allclose(found.results[0].equity.iloc[-1], original.equity.iloc[-1])


def test_its_runs_are_no_trials_and_are_not_run_again(original, kept):
    once = jn.stress_test(original, ["crash"], at="2023-02-10", shocks={"fee": 0.002}, **kept)
    job = jn.stress_test(original, ["crash"], at="2023-02-10", shocks={"fee": 0.002}, background=True, **kept)
    again = job.result(60)
    pd.testing.assert_frame_equal(again.table, once.table)
    assert job.progress.reused >= 1
    store = RunStore(kept["store"])
    try:
        kinds = store.ledger().set_index("kind")["runs"].to_dict()
        assert store.same_data(original.spec) <= {original.key, *(
            key for key in store.recent()["key"] if (found := store.find(key)) and found.spec.pipeline is None)}
    finally:
        store.close()
    assert kinds["scenario"] >= 1
    assert kinds["check"] >= 1


def test_a_stress_that_ruins_the_account_says_when(kept):
    hold = jn.backtest(HOLDING, "BTC-USDT", "1h", *PERIOD, leverage=3, **kept)
    assert hold.ruin is None
    found = jn.stress_test(hold, None, at="worst_exposure", custom_scenarios={"hole": {"change": -0.6}}, **kept)
    row = found.table.loc[0]
    assert row["why"] == "largest long trade"
    assert row["ruined_at"] >= row["began"]
    assert (row["lowest"], row["loss"]) == (0.0, 100.0)


def test_a_run_that_fails_has_its_reason_in_the_table(kept):
    """What Jesse refuses while there is money is told, and the other runs are kept."""
    daring = CROSSING.replace("self.balance * 0.9", "self.balance * 4.5")
    original = jn.backtest(daring, "BTC-USDT", "1h", *PERIOD, leverage=5, **kept)
    found = jn.stress_test(original, f"replay:{'..'.join(PERIOD)}", leverage=2, **kept)
    assert found.table["reason"].str.contains("InsufficientMargin").all()
    assert found.table["final_equity"].isna().all()
    assert "costs failed" in " ".join(str(found).split())


def test_an_account_that_cannot_pay_any_more_is_ruined(kept):
    """What Jesse raises then is no failure of the run: it had been ruined."""
    daring = CROSSING.replace("self.balance * 0.9", "self.balance * 4.5")
    original = jn.backtest(daring, "BTC-USDT", "1h", *PERIOD, leverage=5, **kept)
    found = jn.stress_test(original, None, at="worst_exposure", custom_scenarios={"hole": {"change": -0.3}}, **kept)
    row = found.table.loc[0]
    assert row["reason"] == ""
    assert row["ruined_at"] == row["began"] + pd.Timedelta(minutes=1)
    assert (row["loss"], row["final_equity"], row["drawdown"]) == (100.0, 0.0, -100.0)
    run = found.results[0]
    assert run.equity.index[-1] == row["ruined_at"]
    before = original.trades[original.trades["closed_at"] < row["began"]]
    assert (run.trades["closed_at"] <= row["ruined_at"]).sum() == len(before)
    assert run.metrics["total"] == len(run.trades)
    assert np.isnan(run.metrics.get("net_profit_percentage", np.nan))


def test_losses_are_by_the_minute(kept):
    """The lowest equity within a fall and rise that daily samples never see."""
    hold = jn.backtest(HOLDING, "BTC-USDT", "1h", *PERIOD, leverage=3, **kept)
    found = jn.stress_test(hold, None, at="2023-02-10 03:00", custom_scenarios={"dip": {"change": -0.1}}, **kept)
    row, run = found.table.loc[0], found.results[0]
    began = row["began"].value // 10**6
    minutes = kept["candles"].read(EXCHANGE, "BTC-USDT", *PERIOD)
    changed = stressed(minutes, run.spec.start, (began - run.spec.start) // 60_000, 1, -0.1, 1.0)
    entry, quantity = float(minutes[59, 2]), float(run.trades["qty"].iloc[0])
    fee = 0.001 * quantity * entry
    ends, lows = (10_000 - fee + quantity * (changed[:, column] - entry) for column in (2, 4))
    inside = (changed[:, 0] >= began) & (changed[:, 0] < began + 86_400_000 + 60_000)
    level = float(ends[minutes[:, 0] == began - 60_000][0])
    assert row["equity_before"] == pytest.approx(level)
    assert row["lowest"] == pytest.approx(lows[inside].min())
    assert row["loss"] == pytest.approx((1 - lows[inside].min() / level) * 100)
    peak = np.maximum.accumulate(np.concatenate([[10_000], np.where(minutes[:, 0] < minutes[60, 0], 10_000, ends)]))
    held = minutes[:, 0] >= minutes[60, 0]
    assert row["drawdown"] == pytest.approx(float((lows / peak[:-1] - 1)[held].min()) * 100)
    assert row["drawdown"] < row["max_drawdown"]


def account_by_minute(run: BacktestResult, candles: dict[str, np.ndarray]) -> pd.Series:
    """What an account was worth at the end of each minute, added up fill by fill."""
    first = next(iter(candles.values()))
    worth = pd.Series(run.spec.account.balance, index=pd.to_datetime(first[:, 0] + 60_000, unit="ms", utc=True))
    for trade in run.trades.itertuples():
        for order in trade.orders:
            qty = abs(order["filled_qty"]) * (1 if order["side"] == "buy" else -1)
            since = worth.index >= pd.Timestamp(order["executed_at"], unit="ms", tz="UTC")
            fee = abs(qty) * order["price"] * run.spec.account.fee
            worth[since] += qty * (candles[trade.symbol][since, 2] - order["price"]) - fee
    return worth


def back_after(run: BacktestResult, worth: pd.Series, lows: pd.Series, row: Any) -> float:
    """Days until a daily sample was back, sample by sample; NaN where none was."""
    over = run.spec.pipeline.stressed_period(run.spec.start)[1] + 86_400_000
    stress = lows[(lows.index > row["began"]) & (lows.index <= pd.Timestamp(over, unit="ms", tz="UTC"))]
    level = worth[worth.index <= row["began"]].iloc[-1]
    if stress.min() >= level:
        return np.nan
    for moment, value in run.equity.items():
        if moment >= stress.idxmin() and value >= level:
            return (moment - row["began"]).total_seconds() / 86_400
    return np.nan


@pytest.mark.parametrize(("scenario", "loss", "days"), [
    ({"change": 0.1, "minutes": 1_440}, 1, 0.5), ({"change": 0.1, "minutes": 1_440, "volatility": 3}, 5, 0.5),
    ({"change": 0.1, "minutes": 14_400}, 4, 8.5), ({"change": 0.1, "minutes": 14_400, "volatility": 3}, 36, np.nan),
], ids=["by the minute alone", "and by itself later", "back before it fell", "and not after it"])
def test_an_account_is_back_when_a_day_after_its_lowest_is(kept, scenario, loss, days):
    """Not before it fell deepest, and also where only minutes saw it fall."""
    hold = jn.backtest(HOLDING, "BTC-USDT", "1h", *PERIOD, leverage=3, **kept)
    found = jn.stress_test(hold, None, at="2023-02-03 12:00", custom_scenarios={"mine": scenario}, **kept)
    row, run = found.table.loc[0], found.results[0]
    minutes = kept["candles"].read(EXCHANGE, "BTC-USDT", *PERIOD)
    began = row["began"].value // 10**6
    changed = stressed(minutes, run.spec.start, (began - run.spec.start) // 60_000, scenario["minutes"],
                       scenario["change"], scenario.get("volatility", 1.0))
    worth = account_by_minute(run, {"BTC-USDT": changed})
    assert worth.loc[run.equity.index[1:-1]].to_numpy() == pytest.approx(run.equity.to_numpy()[1:-1])
    lows = worth - float(run.trades["qty"].iloc[0]) * (changed[:, 2] - changed[:, 4])
    assert row["recovered_after"] == pytest.approx(back_after(run, worth, lows, row), nan_ok=True)
    assert (row["loss"], row["recovered_after"]) == (pytest.approx(loss, abs=0.5), pytest.approx(days, abs=0.05,
                                                                                                 nan_ok=True))
    pd.testing.assert_frame_equal(kept_before_losses(found).table, found.table)


def kept_before_losses(found):
    """Return a stress test as it is read where it was kept without the losses to the run's end."""
    table = found.table.drop(columns=["deepest_loss", "end_loss"])
    table["recovered_after"] = np.where(table["loss"].isna(), np.nan, 4.5)  # before it fell deepest
    object.__setattr__(found := replace(found), "table", table)
    return decoded(encoded(found))


def test_one_kept_without_the_losses_to_the_end_has_them_and_is_shown(original, kept):
    found = jn.stress_test(original, ["crash", "slow_bear", "replay:2023-02-01..2023-02-20"], shocks={"fee": 0.002},
                           at="2023-02-10", **kept)
    again = kept_before_losses(found)
    pd.testing.assert_frame_equal(again.table, found.table)
    assert str(again) == str(found)


#: Enters by a limit order, with a stop, and closes at the next candle.
RESTING = HEADER + """
class Resting(Strategy):
    def should_long(self):
        return True
    def go_long(self):
        self.buy = self.balance * 0.5 / self.price, self.price * 0.998
        self.stop_loss = self.balance * 0.5 / self.price, self.price * 0.98
    def on_open_position(self, order):
        print("opened", self.time)
    def update_position(self):
        self.liquidate()
    def should_cancel_entry(self):
        return True
"""


def test_in_an_outage_nothing_is_decided_and_orders_live(kept):
    original = jn.backtest(RESTING, "BTC-USDT", "1h", *PERIOD, **kept)
    found = jn.stress_test(original, None, shocks={"outage": "2d"}, at="2023-02-10", **kept)
    assert found.table["scenario"].tolist() == ["outage"]
    assert found.table.loc[0, "what"] == "candles as they were, no decisions for 2 days"
    run, begin = found.results[0], pd.Timestamp("2023-02-10", tz="UTC")
    end = begin + pd.Timedelta(days=2)
    orders = pd.DataFrame([order for several in run.trades["orders"] for order in several])
    created, executed = (pd.to_datetime(orders[name], unit="ms", utc=True) for name in ("created_at", "executed_at"))
    out = (created >= begin) & (created < end)
    assert set(orders.loc[out, "type"]) <= {"STOP"}  # named with an entry, and placed when that was filled
    assert ((executed >= begin) & (executed < end)).any()  # what rested lived
    printed = [int(float(line.split()[1])) for line in run.output.splitlines() if line.startswith("opened")]
    assert not any(begin.value // 10**6 <= moment < end.value // 10**6 for moment in printed)
    assert any(moment >= end.value // 10**6 for moment in printed)
    early = original.trades[original.trades["closed_at"] < begin]
    assert found.table.loc[0, "same_trades"] >= len(early)
    with pytest.raises(InputError, match="longer than the run"):
        jn.stress_test(original, None, shocks={"outage": "40d"}, **kept)


def test_correlation_to_one_moves_every_market_as_the_first(kept):
    two = jn.backtest(routes=[(CROSSING, "BTC-USDT", "1h"), (CROSSING.replace("Crossing", "Other"), "ETH-USDT", "1h")],
                      start=PERIOD[0], end=PERIOD[1], leverage=3, **kept)
    found = jn.stress_test(two, "correlation_to_one", at="2023-02-10", **kept)
    run = found.results[0]
    of_first = [trades.trades[trades.trades["symbol"] == "BTC-USDT"]["opened_at"].tolist() for trades in (run, two)]
    assert of_first[0] == of_first[1]
    of_other = [trades.trades[trades.trades["symbol"] == "ETH-USDT"]["opened_at"].tolist() for trades in (run, two)]
    assert of_other[0] != of_other[1]
    alone = jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, **kept)
    with pytest.raises(InputError, match="holds correlation_to_one, and this run has one market"):
        jn.stress_test(alone, "correlation_to_one", **kept)


def test_a_funding_rate_is_a_backtest_at_that_rate(original, kept):
    found = jn.stress_test(original, None, shocks={"funding_rate": 0.0005}, **kept)
    assert found.table.loc[0, "what"] == "funding 0.05% every 8 hours"
    assert same(found.results[0], jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, funding=0.0005, **kept))
    nothing = jn.stress_test(original, ["crash"], shocks={"funding_rate": 0.0}, at="2023-02-10", **kept)
    assert same(nothing.results[0], original)
    assert same(nothing.results[1], jn.stress_test(original, ["crash"], at="2023-02-10", **kept).results[0])
    replayed = jn.stress_test(original, f"replay:{'..'.join(PERIOD)}", shocks={"funding_rate": 0.0005}, **kept)
    assert same(replayed.results[1], found.results[0])


def test_a_scenario_begins_in_the_largest_trade_that_it_goes_against():
    from tests.analysis.results import make_backtest
    from tests.tools.risk.test_var_calculation import risk_input

    run = risk_input(make_backtest()).run
    value = run.trades["qty"] * run.trades["entry_price"]
    for change, side in ((-0.3, "long"), (0.3, "short")):
        moment, = moments_of(["worst_exposure"], run, 0, change)
        own = run.trades[run.trades["side"] == side]
        largest = own.loc[value[own.index].idxmax()]
        assert largest["opened_at"] <= pd.Timestamp(moment.at, unit="ms", tz="UTC") <= largest["closed_at"]
        assert moment.why == f"largest {side} trade"
    one, two, other = (moments_of(["random"], run, seed, 0.0)[0].at for seed in (1, 1, 2))
    assert one == two != other
    assert run.start <= one < run.end


@pytest.mark.parametrize(("given", "said"), [
    ({"scenarios": "crush"}, "scenarios is 'crush'. Did you mean 'crash'?"),
    ({"scenarios": "replay:lunar"}, "Did you mean 'luna'?"),
    ({"scenarios": "replay:luna@BTC-USDT"}, "with the beta to it, above zero to 10: replay:ftx@BTC-USDT:1.5."),
    ({"scenarios": "replay:luna@BTC-USDT:-1"}, "with the beta to it"),
    ({"scenarios": "replay:2023-03-01..2023-02-01"}, "Its end comes after its start."),
    ({"at": "2024-01-01"}, "The run is from 2023-02-01 to 2023-03-01."),
    ({"at": "worst"}, "at is 'worst'. It is worst_exposure, random, or a date."),
    ({"scenarios": None}, "There is no stress to simulate."),
    ({"shocks": {"fees": 1}}, "Did you mean 'fee'?"), ({"shocks": {"fee": -1}}, "shocks has -1 for fee."),
    ({"custom_scenarios": {"mine": {"change": -1.2}}}, "no price would be above zero"),
    ({"custom_scenarios": {"mine": {"chance": 1}}}, "Did you mean 'change'?"),
    ({"custom_scenarios": {"mine": 3}}, "Write dict(change=-0.3"),
    ({"shocks": {"outage": "4 weeks"}}, "shocks has '4 weeks' for outage. Write it as '4h'"),
    ({"shocks": {"outage": -3}}, "shocks has -3 for outage."), ({"shocks": {"outage": "40d"}}, "longer than the run"),
    ({"shocks": {"funding_rate": 0.3}}, "funding_rate is 0.3"), ({"shocks": {"funding": 0.1}}, "'funding_rate'"),
    ({"shocks": {"funding_rate": "high"}}, "shocks has 'high' for funding_rate."),
    ({"scenarios": "corelation_to_one"}, "Did you mean 'correlation_to_one'?"),
    ({"scenarios": "correlation_to_one"}, "this run has one market"),
])
def test_wrong_arguments(original, kept, given, said):
    with pytest.raises(InputError) as refused:
        jn.stress_test(original, **given, **kept)
    assert said in str(refused.value)


def test_what_cannot_be_simulated_again(original, kept, equity):
    with pytest.raises(StrategyError, match="is not known to this kernel"):
        jn.stress_test(make_walk_forward(), **kept)
    with pytest.raises(CandlesError, match="replay:covid cannot be replayed"):
        jn.stress_test(original, "replay:covid", **kept)


def test_scenarios_are_read_by_name():
    assert set(_SCENARIOS) == set(SCENARIOS)
    crash, own = scenarios_of(["crash"], {"mine": {"minutes": 60, "change": 0.1, "volatility": 2}})
    assert str(crash) == "-35% over 4 hours"
    assert str(own) == "+10% at 2 times the volatility over 1 hour"
    assert scenarios_of(["replay:svb"], None)[0].period is not None


def test_replays_that_are_offered_are_those_there_are():
    from jesse_nb.core.tools.risk.scenarios import REPLAYS

    offered = STRESS_TEST.parameter("scenarios").reader.suggested
    assert {name.removeprefix("replay:") for name in offered if name.startswith("replay:")} == set(REPLAYS)
    assert set(_SCENARIOS) <= set(offered)
