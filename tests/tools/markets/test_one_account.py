"""A portfolio in one account: Jesse's own run of it, what each strategy sees of the money, and what is refused."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.simulator.strategies import strategy_registry
from jesse_nb.core.simulator.strategies.strategy import resolve_strategy
from jesse_nb.core.simulator.stress.stressed_candles import stressed
from jesse_nb.core.times import to_ms
from jesse_nb.core.tools.markets.share_strategy import text_within
from jesse_nb.exceptions import InputError, JesseNbError, StrategyError
from jesse_nb.report.html import fragment
from jesse_nb.report.results import plots, report_of, text
from tests.analysis.results import make_backtest, make_spec
from tests.analysis.walk_forwards import make_walk_forward
from tests.conftest import EXCHANGE, real_candles
from tests.jobs.strategies import CROSSING, HEADER
from tests.report.test_html import words
from tests.tools.risk.test_stress_test import account_by_minute, back_after

PERIOD = ("2023-01-25", "2023-04-20")


@pytest.fixture(scope="module")
def folder(markets, tmp_path_factory):
    return {"candles": markets, "store": tmp_path_factory.mktemp("one account") / "runs.sqlite"}


@pytest.fixture(scope="module")
def runs(folder):
    """Two results of one strategy, with values of their own."""
    return {"fast": jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, market="futures", hyperparameters={"fast": 4},
                                **folder),
            "slow": jn.backtest(CROSSING, "ETH-USDT", "2h", *PERIOD, market="futures", **folder)}


@pytest.fixture(scope="module")
def held(runs, folder):
    return jn.portfolio(runs, "inverse_vol", "1M", mode="simulated", **folder)


def first_fills(run):
    """Value of each trade's first fill, and its trade."""
    return [(trade.orders[0]["filled_qty"] * trade.orders[0]["price"], trade) for trade in run.trades.itertuples()]


def test_a_class_of_a_module_can_be_run_again_afterwards(folder, tmp_path, monkeypatch):
    (tmp_path / "held_together.py").write_text(CROSSING)
    monkeypatch.syspath_prepend(str(tmp_path))
    strategy = importlib.import_module("held_together").Crossing
    parts = {"fast": jn.backtest(strategy, "BTC-USDT", "1h", *PERIOD, hyperparameters={"fast": 4}, **folder),
             "slow": jn.backtest(strategy, "ETH-USDT", "1h", *PERIOD, **folder)}
    first, second = (jn.portfolio(parts, "equal", "never", mode="simulated", **folder) for _ in range(2))
    assert first.equity.equals(second.equity)


@pytest.mark.parametrize("market", ["futures", "spot"])
def test_all_money_on_one_part_is_jesses_own_run_of_it(runs, folder, market):
    parts = runs if market == "futures" else {
        name: jn.backtest(CROSSING, run.spec.routes[0].symbol, run.spec.routes[0].timeframe, *PERIOD, market=market,
                          hyperparameters=run.spec.hyperparameters, **folder) for name, run in runs.items()}
    found = jn.portfolio(parts, {"fast": 1.0, "slow": 0.0}, "never", mode="simulated", **folder)
    one = found.simulated.run
    alone = jn.backtest(CROSSING, "BTC-USDT", "1h", one.spec.start, one.spec.end, market=market, balance=20_000,
                        hyperparameters={"fast": 4}, **folder)
    assert len(alone.trades) > 20
    assert one.trades.to_dict("records") == alone.trades.to_dict("records")
    assert one.equity.to_numpy() == pytest.approx(alone.equity.to_numpy())


def test_each_part_trades_with_its_share_and_its_own_values(held, runs):
    run = held.simulated.run
    assert set(run.trades["symbol"]) == {"BTC-USDT", "ETH-USDT"}
    assert set(run.trades["strategy"]) == {"Crossing"}
    for name, part in runs.items():  # their values differ, so each trades when it did by itself
        symbol = part.spec.routes[0].symbol
        begun = part.trades[part.trades["opened_at"] >= held.equity.index[0] + np.timedelta64(3, "D")]
        same = run.trades[(run.trades["symbol"] == symbol)]["opened_at"]
        assert begun["opened_at"].isin(same).mean() > 0.9, name
    moments = held.weights.index[[0]].union(held.turnover.index)
    assert len(moments) == 3
    names = {"BTC-USDT": "fast", "ETH-USDT": "slow"}
    for value, trade in first_fills(run):
        divided = moments[moments <= trade.opened_at][-1]
        closed = run.trades[run.trades["closed_at"] <= trade.opened_at]
        before = 20_000 + closed[closed["closed_at"] <= divided]["pnl"].sum()
        since = closed[(closed["closed_at"] > divided) & (closed["symbol"] == trade.symbol)]["pnl"].sum()
        money = held.weights.loc[divided, names[trade.symbol]] * before + since
        # size_to_qty leaves three fees and rounds; fees of what is open are borne by both parts
        assert value == pytest.approx(0.9 * money * (1 - 3 * 0.001), rel=0.004)


def test_both_ways_are_compared(held):
    table, one = held.simulated.comparison, held.simulated
    returns = one.curves.pct_change().iloc[1:]
    assert one.correlation == pytest.approx(returns.corr().iloc[0, 1])
    assert one.correlation > 0.9
    assert one.apart == pytest.approx(np.sqrt(((returns["accounts"] - returns["simulated"]) ** 2).mean()) * 100)
    assert table.loc["accounts", "sharpe"] == pytest.approx(held.allocations.loc["inverse_vol", "sharpe"])
    assert table.loc["simulated", "trades"] == len(one.run.trades)
    assert table.loc["simulated", "costs"] == 0.0 < table.loc["accounts", "costs"]
    paid = one.run.trades["fee"].sum() / 20_000 / len(held.weights) * 365 * 100
    assert table.loc["simulated", "fees"] == pytest.approx(paid, rel=0.15)  # of a balance that moves meanwhile
    assert table.loc["accounts", "fees"] == pytest.approx(table.loc["simulated", "fees"], rel=0.1)


def test_shares_know_the_past_alone(held, runs, folder, tmp_path):
    """With other prices from a day on, all that the one account did before is the same."""
    turn = to_ms("2023-03-20")
    other = CandleStore(tmp_path / "poisoned")
    for symbol in ("BTC-USDT", "ETH-USDT"):
        rows = real_candles(symbol)[: 120 * 1_440].copy()
        later = rows[:, 0] >= turn
        rows[later, 1:5] *= np.exp(np.cumsum(np.random.default_rng(3).standard_normal(later.sum()) * 0.002))[:, None]
        other.write(EXCHANGE, symbol, rows)
    again = {name: jn.backtest(CROSSING, run.spec.routes[0].symbol, run.spec.routes[0].timeframe, *PERIOD,
                               market="futures", hyperparameters=run.spec.hyperparameters, candles=other,
                               store=folder["store"]) for name, run in runs.items()}
    poisoned = jn.portfolio(again, "inverse_vol", "1W", mode="simulated", candles=other, store=folder["store"])
    clean = jn.portfolio(runs, "inverse_vol", "1W", mode="simulated", **folder)
    before = [trades[trades["closed_at"].astype("int64") < turn * 1_000_000].drop(columns="orders")
              for trades in (clean.simulated.run.trades, poisoned.simulated.run.trades)]
    assert len(before[0]) > 5
    assert before[0].to_dict("records") == before[1].to_dict("records")
    assert clean.simulated.run.trades["pnl"].sum() != poisoned.simulated.run.trades["pnl"].sum()


def test_it_goes_on_as_a_run_with_trades(held, folder):
    analysis = jn.analyze_results(held, analysis_type="basic")
    assert analysis.run.origin.startswith("one account, inverse_vol")
    assert len(analysis.run.trades) == len(held.simulated.run.trades)
    assert jn.stress_test(held, None, shocks={"fee": 0.002}, **folder).results[0].spec.account.fee == 0.002
    said = words(fragment(held))
    assert "In one account" in said
    assert set(plots(held)) == set(report_of(held).pictures(held))
    assert "In one account it returned" in text(held)
    assert all(len(line) <= 125 for line in text(held).splitlines())


def test_under_stress_it_is_back_when_a_day_after_its_lowest_is(held, folder):
    """Both markets rise, and minutes alone saw the account fall: it was back within a day, or fell later."""
    run = held.simulated.run
    begun = first_fills(run)[0][1].opened_at + pd.Timedelta("30min")
    found = jn.stress_test(held, None, at=f"{begun:%Y-%m-%d %H:%M}", custom_scenarios={
        "rise": {"change": 0.3, "minutes": 600}, "wild": {"change": 0.1, "minutes": 14_400, "volatility": 2}}, **folder)
    for number, row in found.table.iterrows():
        stressed_run = found.results[number]
        settings = stressed_run.spec.pipeline.settings
        candles = {symbol: stressed(np.asarray(folder["candles"].read(EXCHANGE, symbol, run.spec.start, run.spec.end)),
                                    run.spec.start, int(settings["at"]), int(settings["minutes"]), settings["change"],
                                    settings["volatility"]) for symbol in ("BTC-USDT", "ETH-USDT")}
        worth = account_by_minute(stressed_run, candles)
        assert worth.loc[stressed_run.equity.index[1:-1]].to_numpy() == pytest.approx(
            stressed_run.equity.to_numpy()[1:-1])
        assert row["loss"] > 0
        assert row["recovered_after"] == pytest.approx(back_after(stressed_run, worth, worth, row), nan_ok=True), number
    assert found.table.loc[0, "recovered_after"] < 1


def test_it_is_kept_as_it_is(held, kept):
    jn.keep(held, name="together")
    again = jn.load("together")
    assert text(again) == text(held)
    pd.testing.assert_frame_equal(again.simulated.run.trades, held.simulated.run.trades)
    pd.testing.assert_frame_equal(again.simulated.comparison, held.simulated.comparison)


def in_another_session(monkeypatch):
    """As in a kernel that was given no strategy yet."""
    monkeypatch.setattr(strategy_registry, "_by_hash", {})
    monkeypatch.setattr(strategy_registry, "_given", set())


def test_what_was_kept_runs_again_with_the_strategy_it_was_made_of(folder, kept, tmp_path, monkeypatch):
    """The class around it is the portfolio's own: nobody can give that one."""
    (tmp_path / "kept_together.py").write_text(CROSSING)
    monkeypatch.syspath_prepend(str(tmp_path))
    strategy = importlib.import_module("kept_together").Crossing
    parts = {"fast": jn.backtest(strategy, "BTC-USDT", "1h", *PERIOD, hyperparameters={"fast": 4}, **folder),
             "slow": jn.backtest(strategy, "ETH-USDT", "1h", *PERIOD, **folder)}
    jn.keep(jn.portfolio(parts, "equal", "never", mode="simulated", **folder), name="a class")
    in_another_session(monkeypatch)
    again = jn.load("a class")
    dear = {"scenarios": None, "shocks": {"fee": 0.002}, **folder}
    with pytest.raises(StrategyError, match="was not given in this session"):
        jn.stress_test(again, **dear)
    (tmp_path / "other.py").write_text(CROSSING.replace("self.balance * 0.9", "self.balance * 0.8"))
    with pytest.raises(StrategyError, match="has changed since"):
        jn.stress_test(again, strategy=importlib.import_module("other").Crossing, **dear)
    given = jn.stress_test(again, strategy=strategy, **dear)
    in_another_session(monkeypatch)
    resolve_strategy(strategy)  # as any tool that was given it
    known = jn.stress_test(again, **dear)
    assert given.results[0].equity.equals(known.results[0].equity)
    assert len(given.results[0].trades) > 10


def test_only_what_a_portfolio_makes_is_taken_for_it(held):
    ref = held.simulated.run.spec.routes[0].strategy
    assert text_within(ref.source, "CrossingAlone", "Crossing").count("class ") == 1
    for evil in (ref.source + "import os\n", ref.source.replace("return held *", "return 2 * held *"),
                 ref.source.replace("fast': 4", "fast': exit()"), CROSSING):
        assert evil != ref.source
        assert text_within(evil, "CrossingAlone", "Crossing") is None


def test_a_kernel_keeps_its_modules(runs, folder, tmp_path, monkeypatch):
    """A text's own values are asked of a worker: to build it here would put away what the user has imported."""
    (tmp_path / "mine.py").write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    mine, path = importlib.import_module("mine"), list(sys.path)
    jn.portfolio(runs, {"fast": 0.5, "slow": 0.5}, "never", mode="simulated", **folder)
    assert sys.modules.get("mine") is mine
    assert sys.path == path


#: A strategy that declares nothing, and whose balance others use.
PLAIN = HEADER + """
class Plain(Strategy):
    def should_long(self):
        return self.index % 50 == 10
    def go_long(self):
        self.buy = utils.size_to_qty(self.available_margin * self.hp["part"], self.price), self.price
    def update_position(self):
        if self.index % 50 == 40:
            self.liquidate()
"""


def test_values_that_nobody_declared_are_bound_too(runs, folder):
    plain = jn.backtest(PLAIN, "ETH-USDT", "1h", *PERIOD, market="futures", hyperparameters={"part": 0.5}, **folder)
    found = jn.portfolio({"fast": runs["fast"], "plain": plain}, "equal", "1D", mode="simulated", **folder)
    value = next(value for value, trade in first_fills(found.simulated.run) if trade.symbol == "ETH-USDT")
    assert value == pytest.approx(0.5 * 0.5 * 20_000, rel=0.1)


def test_what_one_account_cannot_hold(runs, folder, curves):
    def refused(parts, **given):
        with pytest.raises(JesseNbError) as error:
            jn.portfolio(parts, mode="simulated", **{**folder, **given})
        return error.value

    same = jn.backtest(CROSSING, "BTC-USDT", "30m", *PERIOD, market="futures", **folder)
    assert "trade BTC-USDT twice: fast and same. Jesse has one strategy a market" in str(
        refused({"fast": runs["fast"], "same": same}))
    for changed, said in (({"leverage": 2}, "leverage"), ({"funding": 0.0001}, "funding"),
                          ({"market": "spot"}, "kind of account"), ({"mode": "step"}, "mode")):
        other = jn.backtest(CROSSING, "ETH-USDT", "2h", *PERIOD, **{"market": "futures", **changed}, **folder)
        error = refused({"fast": runs["fast"], "other": other})
        assert f"differ in their {said};" in str(error), changed
        assert isinstance(error, InputError)
    assert "holds trend, a series of equity, and one run" in str(refused(curves))
    assert "a WalkForwardResult, and one run is simulated of backtests" in str(
        refused([make_walk_forward(), runs["fast"]]))
    spec = make_spec(name="Other")
    usdc = make_backtest(replace(spec, routes=(replace(spec.routes[0], symbol="BTC-USDC"),)))
    assert "USDT and USDC, which cannot be added up" in str(refused([make_backtest(make_spec(name="One")), usdc]))
    unknown = refused({"a": make_backtest(make_spec(name="One"), seed=1), "b": make_backtest(
        replace(spec, routes=(replace(spec.routes[0], symbol="ETH-USDT"),)), seed=2)})
    assert isinstance(unknown, StrategyError)
