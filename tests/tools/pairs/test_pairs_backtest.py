"""Backtests of pairs: what was decided and earned, recomputed from the candles; what they may know."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.tools.pairs.pairs_backtest import pairs_backtest
from jesse_nb.core.tools.risk.risk_input import risk_input
from jesse_nb.exceptions import JesseNbError
from tests.conftest import EXCHANGE

from .conftest import MINUTES, START, asked, candles_of, closes_by_symbol

FEE = 0.001


def hourly(symbol: str) -> pd.Series:
    closes = closes_by_symbol()[symbol]
    moments = pd.to_datetime(START + 60_000 * np.arange(MINUTES), unit="ms", utc=True)
    return pd.Series(closes, index=moments).resample("1h").last()


def by_hand(y: pd.Series, x: pd.Series, window: pd.Series, balance: float, entry=2.0, leave=0.5, stop=4.0):
    """Trade a window by the rules, from closes alone: opening, closing and profit of each trade, and its deviations."""
    formed = (y.index >= window["formed_from"]) & (y.index < window["traded_from"])
    beta, constant = np.polyfit(np.log(x[formed]), np.log(y[formed]), 1)
    rest = np.log(y[formed]) - beta * np.log(x[formed])
    days = (y.index >= window["traded_from"]) & (y.index < window["traded_to"])
    ends = y.index[days] + pd.Timedelta(hours=1)
    side, waits, opened, trades = 0, False, None, []
    for moment, price, other in zip(ends, y[days], x[days], strict=True):
        score = (math.log(price) - beta * math.log(other) - constant) / rest.std(ddof=1)
        last = moment == ends[-1]
        if side:
            back, lost = -side * score <= leave, -side * score >= stop
            if back or lost or last:
                begun, first, second, qty_y, qty_x = opened
                fees = FEE * (qty_y * (first + price) + qty_x * (second + other))
                profit = side * (qty_y * (price - first) - qty_x * (other - second)) - fees
                trades.append((begun, moment, profit))
                balance += profit
                side, waits = 0, not back
        else:
            waits = waits and abs(score) > leave
            if not waits and entry <= abs(score) < stop and not last:
                side = -1 if score > 0 else 1
                value = 0.9 * balance
                opened = (moment, price, other, value / (1 + beta) / price, value * beta / (1 + beta) / other)
    return trades, balance


def test_the_pair_that_holds_together_is_found_and_each_pair_counts(traded):
    assert (traded.pairs, traded.tests) == (3, 6)
    assert traded.windows[["y", "x"]].to_numpy().tolist() == [["AAA-USDT", "BBB-USDT"]] * 2
    assert traded.windows["beta"].to_numpy() == pytest.approx([0.8, 0.8], abs=0.1)
    smallest = traded.candidates.groupby("window")["p"].min().to_numpy()
    assert traded.windows["p_adjusted"].to_numpy() == pytest.approx(3 * smallest)
    assert "3 pairs were tested in each of 2 windows, 6 tests in all" in str(traded)


def test_trades_are_those_that_the_rules_give_by_hand(traded):
    y, x = hourly("AAA-USDT"), hourly("BBB-USDT")
    balance, count = 10_000.0, 0
    for number, window in traded.windows.iterrows():
        expected, balance = by_hand(y, x, window, balance)
        made = traded.trades[traded.trades["window"] == number]
        assert [(trade.opened_at, trade.closed_at) for trade in made.itertuples()] == [part[:2] for part in expected]
        assert made["pnl"].to_numpy(dtype=float) == pytest.approx([part[2] for part in expected], rel=1e-6)
        count += len(expected)
    assert count >= 4
    assert traded.equity.iloc[-1] == pytest.approx(balance, rel=1e-9)
    assert (traded.trades["slip"] == 0).all()
    assert (traded.trades["alone"] == 0).all()
    assert set(traded.trades["why"]) <= {"came back", "stop", "window's end"}


def test_the_path_is_that_of_the_candles(traded):
    window = traded.windows.loc[1]
    own = traded.path[traded.path["window"] == 1]
    moment = own.index[77]
    spread = math.log(hourly("AAA-USDT")[moment - pd.Timedelta(hours=1)]) \
        - window["beta"] * math.log(hourly("BBB-USDT")[moment - pd.Timedelta(hours=1)])
    assert own["spread"].iloc[77] == pytest.approx(spread)
    assert len(own) == 15 * 24


def test_a_window_knows_nothing_of_what_comes_after_its_formation(traded, tmp_path, universe):
    """All candles from the first traded day on are others: the choice and its numbers must stay to the last bit."""
    poisoned = CandleStore(tmp_path / "candles")
    from_here = (30 + 1) * 1_440  # the start is a day after that of the candles
    random = np.random.default_rng(1)
    for symbol, closes in closes_by_symbol().items():
        other = closes.copy()
        steps = np.cumsum(random.standard_normal(MINUTES - from_here)) * 0.002
        other[from_here:] = closes[from_here - 1] * np.exp(steps)
        poisoned.write(EXCHANGE, symbol, candles_of(other))
    changed = jn.pairs_backtest(**asked(poisoned, tmp_path))
    before, after = (result.candidates[result.candidates["window"] == 0] for result in (traded, changed))
    pd.testing.assert_frame_equal(before, after, check_exact=True)
    assert changed.routes(0) == traded.routes(0)
    assert not changed.trades.equals(traded.trades)


def test_its_routes_go_on_to_other_tools(traded, universe, tmp_path):
    leader, follower = traded.routes(1)
    assert (leader[1], follower[1], leader[2]) == ("AAA-USDT", "BBB-USDT", "1h")
    window = traded.windows.loc[1]
    again = jn.backtest(routes=[leader, follower], start=window["traded_from"], end=window["traded_to"],
                        candles=universe, store=tmp_path / "runs.sqlite", warm_up_candles=1,
                        hyperparameters={"entry": 2.0})
    assert again.trades["pnl"].tolist() == traded.runs[1].trades["pnl"].tolist()
    wider = jn.backtest(routes=[leader, follower], start=window["traded_from"], end=window["traded_to"],
                        candles=universe, store=tmp_path / "runs.sqlite", warm_up_candles=1,
                        hyperparameters={"entry": 2.5})
    assert len(wider.trades) % 2 == 0
    assert wider.trades["opened_at"].tolist() != again.trades["opened_at"].tolist()
    with pytest.raises(JesseNbError, match="where no pair was traded"):
        traded.routes(9)


def test_it_is_read_by_risk_and_analysis(traded):
    read = risk_input(traded)
    assert read.sample == "out-of-sample"
    assert read.run.trades["pnl"].sum() == pytest.approx(traded.trades["pnl"].sum())
    assert len(read.run.returns) == 30


def test_it_is_kept_as_it_is(traded, kept):
    jn.keep(traded, name="pair")
    loaded = jn.load("pair")
    pd.testing.assert_frame_equal(loaded.trades, traded.trades, check_exact=True)
    assert str(loaded) == str(traded)


def test_a_liquidated_leg_takes_the_other_with_it(tmp_path):
    """The leading leg is sold, then rises by a fifth within an hour, at ten times the margin."""
    random = np.random.default_rng(3)
    common, spread = np.cumsum(random.standard_normal(MINUTES)) * 0.0003, np.zeros(MINUTES)
    for step in range(1, MINUTES):
        spread[step] = 0.995 * spread[step - 1] + random.standard_normal() * 0.0005
    jump = 31 * 1_440 + 60 * 30 + 20
    spread[31 * 1_440:] *= 0.0
    spread[31 * 1_440 + 600:] += 0.015
    spread[jump:] += 0.25
    store = CandleStore(tmp_path / "candles")
    store.write(EXCHANGE, "AAA-USDT", candles_of(100 * np.exp(common + spread)))
    store.write(EXCHANGE, "BBB-USDT", candles_of(20 * np.exp(common)))
    made = jn.pairs_backtest("AAA-USDT", "BBB-USDT", "1h", "2023-01-02", "2023-02-08", 30, 7, alpha=1.0, leverage=10,
                             leverage_mode="isolated", exposure=1.0, candles=store, store=tmp_path / "runs.sqlite")
    first = made.trades.iloc[0]
    assert (first["side"], first["why"], first["legs"]) == ("short", "a leg was lost", 2)
    assert first["closed_at"] == pd.Timestamp(START + (jump - jump % 60 + 60) * 60_000, unit="ms", tz="UTC")
    assert first["alone"] == pytest.approx(60 - jump % 60, abs=1)
    assert made.equity.iloc[-1] == pytest.approx(made.balance + made.trades["pnl"].sum())


def test_where_nothing_holds_together_nothing_is_traded(universe, tmp_path):
    made = jn.pairs_backtest("CCC-USDT", "BBB-USDT", "1h", "2023-01-02", "2023-03-03", 30, 15, candles=universe,
                             store=tmp_path / "runs.sqlite", alpha=0.001)
    assert made.runs == {}
    assert made.equity.iloc[-1] == made.balance
    assert (made.windows["reason"] != "").all()
    assert "Nothing was traded: 1 pair was tested in each of 2 windows" in str(made)
    assert made.plots() == ("windows",)


@pytest.mark.parametrize(("changed", "said"), [
    ({"y": "AAA-USDT", "x": "AAA-USDT"}, "x is AAA-USDT, as y is. A pair has two different markets."),
    ({"y": "AAA-USDT"}, "x is needed. A pair has two markets"),
    ({"universe": ["AAA-USDT"]}, "universe has one market."),
    ({"universe": ["AAA-USDT", "BBB-USDT"], "y": "CCC-USDT"}, "Give y and x, or universe, not both."),
    ({"y": "AAA-USDT", "x": "BBB-USDT", "hedge": -0.5}, "hedge is -0.5. It is 'ols', 'tls', or a ratio above zero"),
    ({"y": "AAA-USDT", "x": "BBB-USDT", "market": "spot"}, "market is 'spot', and a leg of a pair is sold short."),
    ({"y": "AAA-USDT", "x": "BBB-USDT", "entry": 0.4}, "exit lies below entry, and entry below stop."),
    ({"y": "AAA-USDT", "x": "BBB-USDT", "exposure": 1.5}, "exposure is 1.5 at a leverage of 1."),
    ({"y": "AAA-USDT", "x": "BBB-USDT", "timeframe": None}, "timeframe is needed."),
    ({"y": "AAA-USDT", "x": "BBB-USDT", "formation": 90}, "formation and trading are 90 + 15 days, the period has 60"),
    ({"y": "AAA-USDT", "x": "BBB-USDT", "timeframe": "12h"}, "At least 100 are needed"),
    ({"y": "AAA-USDT", "x": "EEE-USDT"}, "No candles of EEE-USDT are stored."),
    ({"y": "AAA-USDT", "x": "BBB-USDT", "end": "2023-06-01"}, "is stored from 2023-01-01"),
])
def test_what_is_wrong_is_said_before_anything_starts(universe, tmp_path, changed, said):
    with pytest.raises(JesseNbError) as refused:
        pairs_backtest.plan(**asked(universe, tmp_path, **{"universe": None, **changed}))
    assert said in str(refused.value)


@pytest.mark.parametrize(("other", "said"), [
    ("constant", "whose price never changes"), ("filled", "have no volume and no move"),
])
def test_series_that_say_nothing_are_refused(universe, tmp_path, other, said):
    store = CandleStore(tmp_path / "candles")
    made = candles_of(closes_by_symbol()["AAA-USDT"])
    store.write(EXCHANGE, "AAA-USDT", made)
    still = made.copy()
    begin = 0 if other == "constant" else 40 * 1_440
    still[begin:, 1:5] = still[begin, 2]
    still[begin:, 5] = 0 if begin else 1
    store.write(EXCHANGE, "BBB-USDT", still)
    with pytest.raises(JesseNbError, match=said):
        jn.pairs_backtest("AAA-USDT", "BBB-USDT", "1h", "2023-01-02", "2023-03-03", 30, 15, candles=store,
                          store=tmp_path / "runs.sqlite")


def test_slippage_is_paid_on_each_fill(universe, traded, tmp_path):
    made = jn.pairs_backtest(**asked(universe, tmp_path, slippage_bps=10_000 * FEE))
    assert made.equity.iloc[-1] - made.balance == pytest.approx(made.trades["pnl"].sum())
    before, after = traded.trades.iloc[0], made.trades.iloc[0]
    assert (after.opened_at, after.closed_at) == (before.opened_at, before.closed_at)
    assert before.pnl - after.pnl == pytest.approx(before.fee, rel=0.01)  # as much as the fee takes
