import math
import time
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.analysis.trades.exit_kinds import exit_kinds
from jesse_nb.core.analysis.trades.trade_statistics import trade_statistics
from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.exceptions import InputError
from tests.analysis.made_trades import no_trades, order, random_trades, with_profits

#: Ours and Jesse's names.
SAME = {
    "trades": "total", "wins": "total_winning_trades", "losses": "total_losing_trades", "fees": "fee",
    "net_profit": "net_profit", "average_win": "average_win", "average_loss": "average_loss",
    "payoff": "ratio_avg_win_loss", "expectancy": "expectancy", "expectancy_percentage": "expectancy_percentage",
    "gross_profit": "gross_profit", "gross_loss": "gross_loss", "winning_streak": "winning_streak",
    "losing_streak": "losing_streak", "current_streak": "current_streak", "largest_win": "largest_winning_trade",
    "largest_loss": "largest_losing_trade",
}


@pytest.fixture
def jesse_says(monkeypatch):
    """Jesse's own metrics of trades, on an account of 10,000."""
    metrics = jesse_module("jesse.services.metrics")
    account = SimpleNamespace(starting_assets={"USDT": 10_000.0}, assets={"USDT": 10_000.0})
    app = SimpleNamespace(daily_balance_timestamps=[], total_open_trades=0, total_open_pl=0.0, ending_time=None,
                          starting_time=None)
    monkeypatch.setattr(metrics, "store", SimpleNamespace(exchanges=SimpleNamespace(storage={"x": account}), app=app))
    monkeypatch.setattr(metrics.jh, "app_currency", lambda: "USDT")
    monkeypatch.setattr(metrics.jh, "get_config", lambda _, default=None: default)

    def says(trades):
        rows = [{"type": row["side"], "PNL": row["pnl"], "fee": row["fee"], "holding_period": row["holding_period"]}
                for row in trades.to_dict("records")]
        return metrics.trades([SimpleNamespace(to_dict=row) for row in rows], [10_000.0, 10_001.0])

    return says


@pytest.mark.parametrize("seed", range(6))
def test_every_figure_is_jesses_own(seed, jesse_says):
    trades = random_trades(int(np.random.default_rng(seed).integers(20, 400)), seed)
    closing = trades.sort_values("closed_at")
    theirs = jesse_says(closing)
    ours = trade_statistics(trades, starting_balance=10_000)
    for name, jesse_name in SAME.items():
        assert getattr(ours, name) == pytest.approx(theirs[jesse_name], rel=1e-10), name
    assert ours.win_rate.share == pytest.approx(theirs["win_rate"], rel=1e-12)
    assert ours.by_side.loc["long", "win_rate"] == pytest.approx(theirs["win_rate_longs"])
    assert ours.by_side.loc["short", "win_rate"] == pytest.approx(theirs["win_rate_shorts"])
    assert ours.by_side["trades"].tolist() == [theirs["longs_count"], theirs["shorts_count"]]
    for row, name in (("all", "average_holding_period"), ("winners", "average_winning_holding_period"),
                      ("losers", "average_losing_holding_period")):
        assert ours.holding.loc[row, "mean"].total_seconds() == pytest.approx(theirs[name], rel=1e-9)
    assert ours.profit_factor == pytest.approx(theirs["gross_profit"] / -theirs["gross_loss"])
    assert not ours.reasons


def test_groups_add_up_to_the_whole():
    trades = random_trades(300, 7)
    found = trade_statistics(trades)
    for table in (found.by_side, found.by_exit):
        assert table["trades"].sum() == 300
        assert table["net_profit"].sum() == pytest.approx(found.net_profit)
        assert table["fees"].sum() == pytest.approx(found.fees)
    longs = trade_statistics(trades[trades["side"] == "long"])
    assert found.by_side.loc["long", "profit_factor"] == pytest.approx(longs.profit_factor)
    assert found.by_side.loc["long", "average_holding"] == longs.holding.loc["all", "mean"]
    assert found.by_side.loc["long", "win_rate_high"] == longs.win_rate.high
    assert list(found.by_exit["trades"]) == sorted(found.by_exit["trades"], reverse=True)


def test_fees_against_what_was_gained_before_them():
    trades = random_trades(80, 3)
    price = (trades["exit_price"] - trades["entry_price"]) * np.where(trades["side"] == "long", 1, -1) * trades["qty"]
    found = trade_statistics(trades)
    assert found.fees_percentage == pytest.approx(trades["fee"].sum() / price[price > 0].sum() * 100)
    assert found.average_return == pytest.approx(trades["pnl_percentage"].mean())


@pytest.mark.parametrize(
    ("profits", "streaks"),
    [((1, 2, -1, 3, 4, 5), (3, 1, 3)), ((1, 1, 0, 1), (2, 0, 1)), ((-1, 0, -1, -1), (0, 2, -2)), ((1, 0), (1, 0, 0)),
     ((0, 0), (0, 0, 0))],
)
def test_a_break_even_trade_ends_a_streak(profits, streaks, jesse_says):
    trades = with_profits(*profits)
    found, theirs = trade_statistics(trades), jesse_says(trades)
    assert (found.winning_streak, found.losing_streak, found.current_streak) == streaks
    assert streaks == (theirs["winning_streak"], theirs["losing_streak"], theirs["current_streak"])


def test_break_even_trades_dilute_the_expectancy_here_but_not_in_jesse(jesse_says):
    trades = with_profits(10, 0, 0, -4)
    found, theirs = trade_statistics(trades), jesse_says(trades)
    assert found.expectancy == 1.5  # times the trades it is the profit
    assert theirs["expectancy"] == 3.0
    assert found.break_even == 2
    assert found.win_rate.share == theirs["win_rate"] == 0.5


def test_no_trades():
    found = trade_statistics(no_trades(), starting_balance=10_000, end=0)
    assert found.trades == found.wins == found.winning_streak == found.net_profit == found.fees == 0
    for name in found.reasons:
        value = getattr(found, name)
        assert name == "holding" or math.isnan(value.share if name == "win_rate" else value), name
    assert found.holding.isna().all(axis=None)
    assert list(found.by_side.index) == ["long", "short"]
    assert found.by_exit.empty


@pytest.mark.parametrize(("profits", "undefined"), [
    ((5,), {"average_loss", "largest_loss", "payoff", "profit_factor", "expectancy_percentage"}),
    ((5, 6, 7), {"average_loss", "largest_loss", "payoff", "profit_factor", "expectancy_percentage"}),
    ((-500, -600), {"average_win", "largest_win", "payoff", "expectancy_percentage", "fees_percentage"}),
    ((0, 0), {"win_rate", "average_win", "average_loss", "largest_win", "largest_loss", "payoff", "profit_factor",
              "expectancy_percentage"}),
])
def test_every_undefined_figure_says_why(profits, undefined):
    trades = with_profits(*profits).assign(fee=1.0)
    found = trade_statistics(trades)
    figures = {name: value for name, value in vars(found).items() if isinstance(value, float)}
    figures["win_rate"] = found.win_rate.share
    assert {name for name, value in figures.items() if math.isnan(value)} == undefined == set(found.reasons)


def test_all_losses_have_a_profit_factor_of_zero():
    assert trade_statistics(with_profits(-50, -60)).profit_factor == 0


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="no column 'fee'"):
        trade_statistics(random_trades(5).drop(columns="fee"))
    with pytest.raises(InputError, match="1 of 2 trades have no profit"):
        trade_statistics(with_profits(1, math.nan))


def test_exit_kinds_of_made_up_orders():
    trades = random_trades(8, 2, leverage=4)
    trades["side"] = ["long", "long", "short", "long", "short", "long", "long", "long"]
    entry = 100.0
    trades["entry_price"], trades["size"], trades["qty"] = entry, 200.0, 2.0
    trades["pnl"] = [1, 2, 3, -50, -50, 4, -50, 0.0]
    trades["pnl_percentage"] = trades["pnl"] / (200 / 4) * 100
    trades["orders"] = pd.Series([
        [order("buy", 100), order("sell", 103, 1, "LIMIT"), order("sell", 98, 1, "STOP")],  # the last one counts
        [order("buy", 100), order("sell", 98, 2, "STOP"), order("sell", 110, 2, "LIMIT", "CANCELED")],
        [order("sell", 100), order("buy", 99, 2)],
        [order("buy", 100), order("sell", 75, 2)],  # bankruptcy: 100 x (1 - 1/4)
        [order("sell", 100), order("buy", 125, 2)],
        [],
        [order("buy", 100), order("sell", 75.01, 2)],
        [order("buy", 100), order("sell", 103, 2, "LIMIT"), order("sell", 98, 3e-16, "STOP")],  # a crumb
    ])
    expected = ["stop", "stop", "market", "liquidation", "liquidation", "unknown", "market", "limit"]
    assert exit_kinds(trades).tolist() == expected
    end = int(trades["closed_at"].iloc[2].timestamp() * 1000)
    at_end = trades["closed_at"] >= trades["closed_at"].iloc[2]
    found = exit_kinds(trades, end=end)
    assert found.tolist() == ["end of run" if late and kind == "market" else kind
                              for kind, late in zip(expected, at_end, strict=True)]
    assert found.iloc[2] == "end of run"
    assert exit_kinds(trades, end=end, open_at_end=0).tolist() == expected


EXITS = """
from jesse.strategies import Strategy

class Exits(Strategy):
    def should_long(self): return self.index % 12 == 0
    def should_short(self): return self.index % 12 == 6
    def go_long(self):
        qty = self.balance * self.leverage * 0.1 / self.price
        self.buy = qty, self.price
        if self.index % 24 == 0:
            self.take_profit = [(qty / 2, self.price * 1.004), (qty / 2, self.price * 1.006)]
            self.stop_loss = qty, self.price * 0.995
    def go_short(self):
        qty = self.balance * self.leverage * 0.1 / self.price
        self.sell = qty, self.price
        if self.index % 24 == 6:
            self.take_profit = qty, self.price * 0.995
    def update_position(self):
        if self.index % 36 == 35: self.liquidate()
    def should_cancel_entry(self): return True
"""


def test_exit_kinds_of_a_real_run(candle_store):
    from jesse_nb.core.tools.backtest.backtest import backtest

    run = backtest(EXITS, "BTC-USDT", "1h", "2023-03-10", "2023-04-06 05:00", candles=candle_store, leverage=50,
                   leverage_mode="isolated", warm_up_candles=0)
    assert run.metrics["total_open_trades"] == 1
    found = trade_statistics(run.trades, starting_balance=10_000, end=run.spec.end, open_at_end=1)
    kinds = exit_kinds(run.trades, end=run.spec.end, open_at_end=1)
    assert set(kinds) == {"stop", "limit", "market", "liquidation", "end of run"}
    assert dict(found.by_exit["trades"]) == Counter(kinds)
    assert kinds.iloc[-1] == "end of run"
    assert (kinds == "end of run").sum() == 1
    # whoever is liquidated has lost the margin of a fiftieth, and the fees
    lost = run.trades["pnl"] + run.trades["fee"]
    np.testing.assert_allclose(lost[kinds == "liquidation"], -run.trades["size"][kinds == "liquidation"] / 50)
    assert (run.trades["pnl"][kinds == "limit"] > 0).all()
    assert (lost[kinds == "stop"] < 0).all()
    for name, jesse_name in SAME.items():
        assert getattr(found, name) == pytest.approx(run.metrics[jesse_name]), name


def test_a_hundred_thousand_trades():
    trades = pd.concat([random_trades(1_000, 4)] * 100, ignore_index=True)
    began = time.process_time()
    found = trade_statistics(trades)
    assert time.process_time() - began < 3
    assert found.trades == 100_000
    assert found.net_profit == pytest.approx(100 * trades["pnl"].iloc[:1_000].sum())
