"""Cells against SciPy's permutation test and loops; regimes that cannot see ahead; and how often luck gets through."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from scipy.stats import permutation_test

from jesse_nb.core.analysis.market.regimes import regimes_at_entry
from jesse_nb.core.analysis.trades.group_performance import performance_by_group
from jesse_nb.exceptions import InputError
from tests.analysis.random_trades import BTC, ETH, NO_TRADES, START, many_trades
from tests.analysis.real_runs import candles_of_run, run
from tests.strategies import TREND

DAY = 86_400_000


def drawn(seed, count=600, days=300, *, tails=4):
    random = np.random.default_rng(seed)
    opened = pd.to_datetime(np.sort(START + random.integers(0, days * DAY, count)), unit="ms", utc=True)
    result = random.standard_t(tails, count)
    return pd.DataFrame({"exchange": BTC[0], "symbol": np.where(random.random(count) < 0.5, BTC[1], ETH[1]),
                         "opened_at": opened, "closed_at": opened + pd.Timedelta(hours=2),
                         "pnl": result * random.uniform(50, 150, count),
                         "pnl_percentage": result})


def slow_candles(seed, days=300, every=60):
    """Hourly rows are enough for daily closes; volatility changes with the weeks."""
    random = np.random.default_rng(seed)
    count = days * 1440 // every
    calm = 0.002 * (1.5 + np.sin(np.arange(count) / 24 / 20 + seed))
    closes = 100 * np.exp(np.cumsum(random.normal(0, calm)))
    times = START + np.arange(count) * every * 60_000.0
    return np.column_stack([times, closes, closes, closes, closes, closes])


CANDLES = {BTC: slow_candles(1), ETH: slow_candles(2)}


def holm(values):
    order = np.argsort(values)
    adjusted, largest = np.empty(len(values)), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(values) - rank) * values[place]))
        adjusted[place] = largest
    return adjusted


def benjamini_hochberg(values):
    order = np.argsort(values)[::-1]
    adjusted, smallest = np.empty(len(values)), 1.0
    for rank, place in enumerate(order):
        smallest = min(smallest, values[place] * len(values) / (len(values) - rank))
        adjusted[place] = smallest
    return adjusted


@pytest.mark.parametrize(("correction", "by_hand"), [("holm", holm), ("fdr_bh", benjamini_hochberg)])
def test_equals_loops_cell_by_cell(correction, by_hand):
    trades = drawn(3)
    found = performance_by_group(trades, CANDLES, correction=correction)
    regimes = regimes_at_entry(trades, CANDLES)
    opened = trades["opened_at"].dt
    labels = {"hour": opened.strftime("%H"), "weekday": opened.day_name(), "month": opened.month_name(),
              "volatility": pd.Series(regimes.volatility), "trend": pd.Series(regimes.trend)}
    assert set(found.table.index.get_level_values("dimension")) == set(labels)
    for dimension, label in labels.items():
        assert set(found.table.loc[dimension].index) == set(label.dropna())
        known = trades[label.notna()]
        assert found.left_out[dimension] == len(trades) - len(known)
        for cell, row in found.table.loc[dimension].iterrows():
            inside, outside = known[label[known.index] == cell], known[label[known.index] != cell]
            a, b = inside["pnl_percentage"], outside["pnl_percentage"]
            assert row["trades"] == len(inside)
            assert row["mean"] == pytest.approx(a.mean(), rel=1e-10)
            assert row["difference"] == pytest.approx(a.mean() - b.mean(), rel=1e-10)
            assert row["win_rate"] == pytest.approx((inside["pnl"] > 0).mean())
            assert row["win_low"] < row["win_rate"] < row["win_high"]
            assert row["total"] == pytest.approx(inside["pnl"].sum(), abs=1e-9)
    assert found.tested == found.table["p"].notna().sum() > 40
    np.testing.assert_allclose(found.table["p_adjusted"], by_hand(found.table["p"].to_numpy()), rtol=1e-10)


def one_a_day(seed, count=60):
    """Trades of different days, so that each is an observation; wilder and skewed on Fridays."""
    random = np.random.default_rng(seed)
    trades = drawn(seed, count)
    trades["opened_at"] = pd.date_range("2023-01-01 05:00", periods=count, tz="UTC")
    trades["closed_at"] = trades["opened_at"] + pd.Timedelta(hours=2)
    friday = (trades["opened_at"].dt.dayofweek == 4).to_numpy()
    trades["pnl_percentage"] = (random.exponential(1, count) - 1) * np.where(friday, 3.0, 1.0)
    return trades, friday


@pytest.mark.parametrize("seed", range(3))
def test_p_is_the_larger_of_two_permutation_tests_of_scipy(seed):
    trades, friday = one_a_day(seed)
    values = trades["pnl_percentage"].to_numpy()

    def studentized(x, y, axis=-1):
        spread = np.var(x, ddof=1, axis=axis) / x.shape[axis] + np.var(y, ddof=1, axis=axis) / y.shape[axis]
        return np.abs(np.mean(x, axis=axis) - np.mean(y, axis=axis)) / np.sqrt(spread)

    def plain(x, y, axis=-1):
        return np.abs(np.mean(x, axis=axis) - np.mean(y, axis=axis))

    ours = performance_by_group(trades).table.loc[("weekday", "Friday"), "p"]
    theirs = [permutation_test((values[friday], values[~friday]), statistic, alternative="greater",
                               n_resamples=19_999, vectorized=True, random_state=seed).pvalue
              for statistic in (studentized, plain)]
    assert ours == pytest.approx(max(theirs), abs=0.05)  # three standard errors of 999 permutations


def test_trades_of_one_day_are_one_observation():
    """Copies of the same trades tell nothing new."""
    trades, _ = one_a_day(0)
    copies = pd.concat([trades] * 5, ignore_index=True).sort_values("opened_at", ignore_index=True)
    once, often = performance_by_group(trades).table, performance_by_group(copies).table
    weekday = once.loc["weekday", "p"].notna()
    assert weekday.sum() == 7
    np.testing.assert_allclose(often.loc["weekday", "p"], once.loc["weekday", "p"], rtol=1e-9)


def test_overlapping_positions_are_one_observation():
    trades = drawn(2)
    held = trades.assign(closed_at=trades["opened_at"] + pd.Timedelta(days=3))
    assert performance_by_group(trades).together == 1
    assert performance_by_group(held).together == 6
    assert performance_by_group(held.assign(symbol=BTC[1])).together == 6
    one_after_another = held.iloc[::20].assign(closed_at=held["opened_at"].iloc[::20] + pd.Timedelta(days=3))
    assert performance_by_group(one_after_another[::2].assign(symbol=BTC[1])).together == 1
    one_for_long = trades.copy()
    one_for_long.loc[5, "closed_at"] += pd.Timedelta(days=200)  # beside the others, which follow each other
    assert performance_by_group(one_for_long).together == 1
    some_for_long = trades.copy()
    some_for_long.loc[::10, "closed_at"] += pd.Timedelta(days=10)
    assert performance_by_group(some_for_long).together == 20
    assert performance_by_group(held.head(20)).table["reason"].str.contains("fewer than 5 periods of 6 days").any()


def test_repeatable():
    trades = drawn(4, 100)
    one, other = (performance_by_group(trades, seed=seed).table["p"] for seed in (1, 1))
    pd.testing.assert_series_equal(one, other)


def skewed(seed, count=150):
    """Without any effect: seven of ten trades lose a little, the others gain a lot."""
    trades, random = drawn(seed, count), np.random.default_rng(seed + 999)
    loses = random.random(count) < 0.7
    trades["pnl_percentage"] = np.where(loses, random.normal(-1, 0.1, count), random.exponential(3, count))
    return trades


@pytest.fixture
def _without_collecting(monkeypatch):
    """multipletests collects garbage every time, most of its time in a large process."""
    monkeypatch.setattr("gc.collect", lambda *_: 0)


@pytest.mark.usefixtures("_without_collecting")
@pytest.mark.parametrize("draw", [drawn, skewed])
def test_luck_gets_through_in_about_one_study_of_twenty(draw):
    """Without the correction, nearly every one of these studies would name some hour or day."""
    studies = [performance_by_group(draw(seed, 150)) for seed in range(8)]
    assert sum(bool(study.survivors) for study in studies) <= 1
    if draw is drawn:
        assert sum((study.table["p"] < 0.05).any() for study in studies) >= 4
    silent = next(study for study in studies if not study.survivors)
    assert silent.sentence.startswith("No hour, weekday, month or regime differs from the rest beyond luck (")
    assert "looked at alone" in silent.sentence


def test_a_planted_hour_is_found():
    trades = drawn(5)
    at_nine = trades["opened_at"].dt.hour == 9
    trades.loc[at_nine, ["pnl", "pnl_percentage"]] += [300.0, 3.0]
    found = performance_by_group(trades)
    assert found.survivors == (("hour", "09"),)
    difference = trades["pnl_percentage"][at_nine].mean() - trades["pnl_percentage"][~at_nine].mean()
    assert f"1 differs from the rest beyond luck: hour 09 is better ({difference:+.2f} percentage points a trade, " \
        in found.sentence


def test_groups_whose_results_are_all_alike():
    """A group of identical losses that missed its one gain is luck; nothing is divided by its spread of zero."""
    trades, friday = one_a_day(1)
    trades["pnl_percentage"] = np.where(np.arange(60) % 4 == 3, 3.0, -1.0)
    trades.loc[friday, "pnl_percentage"] = -1.0
    row = performance_by_group(trades).table.loc[("weekday", "Friday")]
    assert row["difference"] < 0
    assert 0.01 < row["p"] < 0.5


def test_regimes_equal_a_loop_that_knows_only_the_past():
    trades = drawn(6, 40)
    found = regimes_at_entry(trades, CANDLES)
    for row, trade in trades.iterrows():
        series = CANDLES[trade["exchange"], trade["symbol"]]
        midnight = trade["opened_at"].value // 10**6 // DAY * DAY
        past = series[series[:, 0] + 60_000 <= midnight]
        closes = [past[past[:, 0] + 60_000 <= end][-1, 2] for end in range(START + DAY, midnight + 1, DAY)]
        steps = np.diff(np.log(closes))
        spreads = [np.std(steps[end - 30 : end], ddof=1) for end in range(30, len(steps) + 1)]
        if len(spreads) < 30:
            assert found.volatility[row] is None
        else:
            low, high = np.quantile(spreads[-365:], [1 / 3, 2 / 3])
            expected = "low" if spreads[-1] <= low else "medium" if spreads[-1] <= high else "high"
            assert found.volatility[row] == expected
        if len(closes) < 31:
            assert found.trend[row] is None
        else:
            assert found.trend[row] == ("rising" if closes[-1] > closes[-31] else "falling")


def test_regimes_do_not_look_ahead():
    trades = drawn(7, 300)
    moment = pd.Timestamp(START + 150 * DAY + 7 * 3_600_000, unit="ms", tz="UTC")
    changed = {}
    for market, series in CANDLES.items():
        later = series[:, 0] >= moment.value // 10**6
        changed[market] = np.where(later[:, None] & (np.arange(6) > 0), series * 7.3, series)
    before = (trades["opened_at"] <= moment).to_numpy()
    assert before.sum() > 50
    for one, other in zip(regimes_at_entry(trades, CANDLES), regimes_at_entry(trades, changed), strict=True):
        assert (np.array(one)[before] == np.array(other)[before]).all()
        assert (np.array(one)[~before] != np.array(other)[~before]).any()


def test_a_trade_long_after_the_last_candle_has_no_regime():
    trades = drawn(7, 50)
    short = {market: series[: 100 * 24] for market, series in CANDLES.items()}
    found = regimes_at_entry(trades, short)
    late = (trades["opened_at"] > pd.Timestamp(START + 101 * DAY, unit="ms", tz="UTC")).to_numpy()
    assert all(found.trend[row] is None for row in np.flatnonzero(late))


def test_a_real_run(candle_store):
    result = run(candle_store, TREND)
    found = performance_by_group(result.trades, candles_of_run(result))
    assert found.table.loc["weekday", "trades"].sum() == len(result.trades)
    assert found.table.loc["hour", "total"].sum() == pytest.approx(result.metrics["net_profit"])
    assert found.left_out["volatility"] == len(result.trades)  # three weeks are too short to know


def test_no_trades():
    found = performance_by_group(NO_TRADES, {})
    assert (found.tested, found.survivors, found.table.empty) == (0, (), True)
    assert found.sentence == "There are no trades to compare."


def test_one_trade():
    found = performance_by_group(drawn(0, 1))
    assert found.tested == 0
    assert (found.table["reason"] == "other trades were entered on fewer than 5 days").all()
    assert found.sentence.startswith("Too few trades")


@pytest.mark.parametrize(("sign", "rate"), [(1, 1.0), (-1, 0.0)])
def test_all_wins_or_all_losses(sign, rate):
    trades = drawn(1, 100)
    trades[["pnl", "pnl_percentage"]] = sign * trades[["pnl", "pnl_percentage"]].abs()
    assert (performance_by_group(trades).table["win_rate"] == rate).all()


def test_equal_results_are_not_tested():
    trades = drawn(1, 100)
    trades["pnl_percentage"] = 0.1
    found = performance_by_group(trades)
    assert found.tested == 0
    assert "the results do not vary" in set(found.table["reason"])
    assert found.sentence == "All trades have the same result: there is nothing to compare."


def test_all_in_one_month_leaves_nothing_to_compare_that_month_with():
    found = performance_by_group(drawn(1, 100, days=20))
    assert found.table.loc[("month", "January"), "reason"] == "other trades were entered on fewer than 5 days"


def test_undefined_results_are_left_out_and_counted():
    trades = drawn(1, 100)
    trades.loc[:9, "pnl_percentage"] = np.nan
    found = performance_by_group(trades)
    assert found.left_out["hour"] == 10
    assert found.table.loc["hour", "trades"].sum() == 90


def test_refuses_unknown_ways():
    with pytest.raises(InputError, match="'holm' or 'fdr_bh'"):
        performance_by_group(NO_TRADES, correction="none")
    with pytest.raises(InputError, match="no candles of"):
        performance_by_group(drawn(1, 10), {BTC: CANDLES[BTC]})


def test_a_hundred_thousand_trades_are_quick():
    trades, candles = many_trades(100_000)
    began = time.process_time()
    assert performance_by_group(trades, candles).tested > 20
    assert time.process_time() - began < 6
