from __future__ import annotations

import math
import re
import time

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.analysis import insight
from jesse_nb.core.analysis.insight import entry_insight
from jesse_nb.core.analysis.luck.purged_splits import purged_splits
from jesse_nb.core.analysis.trades.entry_features import FEATURES, entry_features
from jesse_nb.core.analysis.trades.mean_differences import mean_differences
from jesse_nb.core.analysis.trades.trade_returns import milliseconds
from jesse_nb.core.times import DAY_MS, MINUTE_MS
from jesse_nb.exceptions import InputError
from tests.calibration.known_at_entry import false_alarms, false_alarms_of_routes, found_of_routes
from tests.calibration.noise import ARRANGEMENTS, HUGE, SHAPES, noise

BEGIN = 1_672_531_200_000
BTC, ETH = ("Binance Spot", "BTC-USDT"), ("Binance Spot", "ETH-USDT")


def random_candles(days=60, seed=0, gap=True):
    """One-minute candles with a hole in them."""
    random = np.random.default_rng(seed)
    count = days * 1_440
    wildness = np.exp(0.6 * np.repeat(random.standard_normal(days), 1_440))
    closes = 30_000 * np.exp(np.cumsum(random.standard_normal(count) * 0.0004 * wildness))
    candles = np.column_stack([BEGIN + np.arange(count) * MINUTE_MS, closes, closes, closes, closes, np.ones(count)])
    return np.delete(candles, slice(50_000, 50_080), axis=0) if gap else candles


def random_trades(count=80, seed=0, days=60, markets=(BTC,), longest=600):
    random = np.random.default_rng(seed)
    opened = BEGIN + np.sort(random.integers(2, days * 1_440 - longest, count)) * MINUTE_MS
    closed = opened + random.integers(0, longest, count) * MINUTE_MS
    market = [markets[number] for number in random.integers(0, len(markets), count)]
    return pd.DataFrame({
        "exchange": [one[0] for one in market], "symbol": [one[1] for one in market],
        "side": random.choice(["long", "short"], count),
        "opened_at": pd.to_datetime(opened, unit="ms", utc=True),
        "closed_at": pd.to_datetime(closed, unit="ms", utc=True),
        "pnl": random.standard_normal(count) * (random.random(count) > 0.05),
        "strategy": ["Fades" if one == ETH else "Trends" for one in market],
    }).eval("pnl_percentage = pnl / 10")


def by_hand(trades, candles, row):
    """The features of one trade, from the frames as a reader of their description would take them."""
    trade = trades.loc[row]
    series = pd.DataFrame(candles[trade["exchange"], trade["symbol"]])
    ends = pd.to_datetime(series[0] + 60_000, unit="ms", utc=True)
    now = trade["opened_at"] - pd.Timedelta(minutes=1)
    closes = series[2].set_axis(ends)[:now]

    def price(moment):
        known = closes[:moment]
        return known.iloc[-1] if len(known) else math.nan

    def since(days):
        start = now - pd.Timedelta(days=days)
        return closes[closes.index > start] if not math.isnan(price(start)) else closes.iloc[:0] * math.nan

    def volatility(days):
        start = now - pd.Timedelta(days=days)
        inside = np.diff(np.log([price(start), *since(days)]))
        return math.sqrt((inside**2).sum() / days) * 100 if not math.isnan(price(start)) else math.nan

    earlier = trades[trades["closed_at"] < trade["opened_at"]].sort_values("closed_at", kind="stable")
    streak = 0
    for pnl in earlier["pnl"][::-1]:
        if np.sign(pnl) != np.sign(earlier["pnl"].iloc[-1]):
            break
        streak += int(np.sign(pnl))
    return {
        **{f"volatility_{days}d": volatility(days) for days in (1, 7)},
        **{f"trend_{days}d": (price(now) / price(now - pd.Timedelta(days=days)) - 1) * 100 for days in (1, 7, 30)},
        "distance_from_average": (price(now) / since(7).mean() - 1) * 100,
        "hour": trade["opened_at"].hour, "weekday": trade["opened_at"].weekday(),
        "long": float(trade["side"] == "long"), "streak": streak,
        "hours_since_last": (trade["opened_at"] - earlier["closed_at"].iloc[-1]) / pd.Timedelta(hours=1)
        if len(earlier) else math.nan,
        "market": trade["symbol"], "strategy": trade["strategy"],
    }


class TestEntryFeatures:
    @pytest.mark.parametrize("seed", range(2))
    def test_against_pandas(self, seed):
        candles = {BTC: random_candles(seed=seed), ETH: random_candles(seed=seed + 10, gap=False)}
        trades = random_trades(30, seed, markets=(BTC, ETH)).sample(frac=1, random_state=seed)
        found = entry_features(trades, candles)
        expected = pd.DataFrame([by_hand(trades, candles, row) for row in trades.index], index=trades.index)
        pd.testing.assert_frame_equal(found, expected[list(FEATURES)], check_dtype=False, check_categorical=False,
                                      rtol=1e-8, atol=1e-8)
        assert found.isna().any().sum() >= 5  # the first ones have no history
        assert found.notna().sum().min() > 8

    def test_nothing_of_the_entry_minute_or_later_is_seen(self):
        """A stop entry is filled within the minute that its stamp ends: that minute is poisoned too."""
        trades, candles = random_trades(40), random_candles()
        clean = entry_features(trades, {BTC: candles})
        for row in range(0, 40, 4):
            opened = trades["opened_at"].iloc[row].value // 10**6
            poisoned = candles.copy()
            poisoned[poisoned[:, 0] >= opened - MINUTE_MS, 1:] = 1e-3
            later = trades.copy()
            unknown = later["closed_at"] >= trades["opened_at"].iloc[row]
            later.loc[unknown, "pnl"] = 1e9
            later.loc[unknown, "closed_at"] += pd.Timedelta(days=9)
            found = entry_features(later, {BTC: poisoned})
            pd.testing.assert_series_equal(found.iloc[row], clean.iloc[row], check_exact=True)

    def test_the_minute_before_is_seen(self):
        trades, candles = random_trades(40), random_candles()
        opened = trades["opened_at"].iloc[-1].value // 10**6
        candles[candles[:, 0] == opened - 2 * MINUTE_MS, 1:] *= 1.5
        names = ["volatility_1d", "trend_1d", "trend_30d", "distance_from_average"]
        changed, clean = (entry_features(trades, {BTC: one})[names].iloc[-1] for one in (candles, random_candles()))
        assert (changed != clean).all()

    def test_markets_of_two_exchanges_are_told_apart(self):
        other = ("Bybit Spot", "BTC-USDT")
        trades = random_trades(30, markets=(BTC, other)).drop(columns="strategy")
        found = entry_features(trades, {BTC: random_candles(), other: random_candles()})
        assert found["market"].tolist() == [f"BTC-USDT on {one}" for one in trades["exchange"]]
        assert found["strategy"].nunique() == 1

    def test_edges(self):
        candles = {BTC: random_candles(10)}
        assert entry_features(random_trades(1).iloc[:0], candles).shape == (0, len(FEATURES))
        alone = entry_features(random_trades(1, days=10), candles).iloc[0]
        assert alone["streak"] == 0
        assert math.isnan(alone["hours_since_last"])
        late = random_trades(1)
        late["opened_at"] += pd.Timedelta(days=400)  # long after the candles end
        assert entry_features(late, candles).iloc[0][["trend_1d", "volatility_7d"]].isna().all()
        with pytest.raises(InputError, match="no candles of BTC-USDT"):
            entry_features(random_trades(3), {ETH: candles[BTC]})

    def test_a_hundred_thousand_trades_are_quick(self):
        trades, began = random_trades(100_000), time.process_time()
        entry_features(trades, {BTC: random_candles()})
        assert time.process_time() - began < 10


class TestSplits:
    @pytest.mark.parametrize("seed", range(5))
    def test_against_the_definition(self, seed):
        random = np.random.default_rng(seed)
        opened = random.integers(0, 100 * DAY_MS, 200)
        closed = opened + random.integers(0, 10 * DAY_MS, 200)
        splits = purged_splits(opened, closed, folds=5, embargo=DAY_MS)
        tested = np.concatenate([split.test for split in splits])
        assert sorted(opened[tested]) == opened[tested].tolist() == sorted(opened)[66:]
        for split in splits:
            begins = opened[split.test].min()
            expected = {row for row in range(200) if opened[row] < begins and closed[row] < begins - DAY_MS}
            assert set(split.train.tolist()) == expected
            assert split.purged == (opened < begins).sum() - len(expected)
            assert split.purged > 0

    def test_fewer_trades_than_folds(self):
        splits = purged_splits(np.arange(3), np.arange(3), folds=5, embargo=0)
        assert [split.test.tolist() for split in splits] == [[1], [2]]


def planted(count=150, seed=0, effect=2.0, memory=0.0):
    """Trades whose outcome hangs on feature ``a`` alone; ``c`` wanders, and so may the outcomes."""
    random = np.random.default_rng(seed)
    trades = random_trades(count, seed, days=300, longest=3_000)
    features = pd.DataFrame(random.standard_normal((count, 4)), columns=list("abcd"))
    features["c"] = features["c"].cumsum()
    noise = random.standard_normal(count)
    for row in range(1, count):
        noise[row] += memory * noise[row - 1]
    trades["pnl"] = noise + effect * features["a"]
    trades["pnl_percentage"] = trades["pnl"] / 10
    features.loc[::9, "b"] = np.nan
    return trades, features


class TestInsight:
    @pytest.fixture
    def small(self, monkeypatch):
        """Fewer trees, for the studies of many seeds; what is tested does not hang on their number."""
        monkeypatch.setattr(insight, "_TREES", 12)
        monkeypatch.setattr(insight, "_MOST_REPEATS", 1)

    @pytest.mark.parametrize(("count", "memory"), [(100, 0.0), (200, 0.6)])
    def test_noise_is_called_chance(self, small, count, memory):
        """Also where outcomes and a feature wander, which a free shuffle would take for skill."""
        found = [entry_insight(*planted(count, seed, 0.0, memory)) for seed in range(20)]
        assert sum(not one.better_than_chance for one in found) >= 18
        assert re.fullmatch(r"No better than chance: by what was known at entry, later trades that promised more made "
                            r"[+-]0\.\d\d% a trade, the others [+-]0\.\d\d% \(p = 0\.\d+\)\.", found[0].sentence)

    def test_noise_that_looks_like_trading_is_called_chance(self, small):
        """Skewed results that scale with volatility, entered in wild times, alike within days and across markets."""
        alarms = [false_alarms(shape, arrangement, 2, 150) for shape in SHAPES for arrangement in ARRANGEMENTS]
        assert sum(alarms) <= 4  # of 32

    def test_where_a_few_huge_results_decide_nothing_is_claimed(self, small):
        """A half that lacks the huge gains, which come seldom, passes for the better one."""
        assert sum(false_alarms(shape, "independent", 4, 150) for shape in HUGE) <= 1
        trades, candles = noise("few huge gains", "independent", 0)
        found = entry_insight(trades.assign(side="long"), entry_features(trades.assign(side="long"), candles))
        assert re.search(r"a few huge results decide every mean \(index of their tail \d\.\d, where ", found.reason)
        assert math.isnan(found.p)

    def test_routes_that_differ_in_how_often_they_win_are_no_skill(self, small):
        assert false_alarms_of_routes(10, 300) <= 2

    def test_a_route_that_makes_more_is_found(self, small):
        assert found_of_routes(1.5, 6, 300) >= 5

    def test_a_planted_feature_is_found(self, small):
        found = [entry_insight(*planted(seed=seed)) for seed in range(6)]
        assert all(one.better_than_chance for one in found)
        assert all(one.importances.index[0] == "a" for one in found)
        assert re.match(r"What was known at entry tells better trades from worse: later ones that promised more made "
                        r"\+0\.\d\d% a trade, the others -0\.\d\d% \(p [=<] 0\.00\d\); ", found[0].sentence)
        assert found[0].sentence.endswith("it rests most on a.")

    def test_figures_by_hand(self):
        """With a single thing known, which is one of two names, the model prefers the one that made more."""
        trades, _ = planted(200, 3, 0.0)
        random = np.random.default_rng(5)
        names = random.choice(["plain", "gold"], 200, p=[0.4, 0.6])
        trades["pnl_percentage"] += 0.1 * (names == "gold")
        known = pd.DataFrame({"kind": pd.Categorical(names), "same": 1.0, "again": (names != "gold") * 1.0})
        found = entry_insight(trades, known)
        splits = purged_splits(milliseconds(trades["opened_at"]), milliseconds(trades["closed_at"]), folds=5,
                               embargo=DAY_MS)
        made, gold = trades["pnl_percentage"].to_numpy(), names == "gold"
        centred = np.concatenate([made[one.test] - made[one.test].mean() for one in splits])
        tested = np.concatenate([one.test for one in splits])
        assert (found.trades, found.winners) == (200, (trades["pnl"] > 0).sum())
        assert found.preferred == pytest.approx(made[tested][gold[tested]].mean())
        assert found.others == pytest.approx(made[tested][~gold[tested]].mean())
        assert found.difference == pytest.approx(centred[gold[tested]].mean() - centred[~gold[tested]].mean())
        for row, one in zip(found.folds.itertuples(), splits, strict=True):
            inside = made[one.test], gold[one.test]
            assert row.difference == pytest.approx(inside[0][inside[1]].mean() - inside[0][~inside[1]].mean())
            assert (row.train, row.test, row.purged) == (len(one.train), len(one.test), one.purged)
        days = milliseconds(trades["opened_at"])[tested] // DAY_MS
        by_means = mean_differences(centred, gold[tested].astype(int), days).p[1] / 2
        assert by_means <= found.p < 0.01
        assert found.importances.index.tolist() == ["kind"]  # again says the same
        assert found.importances.loc["kind", ["preferred", "others"]].tolist() == ["gold", "plain"]
        assert found.importances.loc["kind", "importance"] == pytest.approx(found.difference, abs=0.05)
        again = entry_insight(trades, known)
        assert (again.difference, again.p) == (found.difference, found.p)
        pd.testing.assert_frame_equal(again.importances, found.importances)

    def test_wins_that_make_no_more_are_not_preferred(self):
        """A market that wins four times of five, and loses four times as much as it gains."""
        trades = random_trades(400, 1, days=300, markets=(BTC, ETH))
        often = (trades["symbol"] == "BTC-USDT").to_numpy()
        for market, (share, gain, loss) in {True: (0.8, 0.25, 1.0), False: (0.2, 4.0, 1.0)}.items():
            rows = np.flatnonzero(often == market)
            wins = np.arange(len(rows)) % 5 < round(share * 5)
            trades.loc[rows, "pnl_percentage"] = np.where(wins, gain, -loss)
        trades["pnl"] = trades["pnl_percentage"]
        features = pd.DataFrame({"market": pd.Categorical(trades["symbol"])})
        found = entry_insight(trades, features)
        assert found.trades == 400
        assert found.p > 0.2
        assert not found.better_than_chance

    @pytest.mark.parametrize("seed", range(3))
    def test_shifts_and_halves_by_definition(self, seed):
        random = np.random.default_rng(seed)
        results, chosen = random.standard_t(3, 41), random.random(41) < 0.4
        sums = insight._sums_by_shift(insight._Fold(None, np.empty((41, 0)), results, chosen))
        assert sums[0] == pytest.approx(results[chosen].sum())
        assert sorted(sums) == pytest.approx(sorted(np.roll(results, by)[chosen].sum() for by in range(41)))
        halves = {(1, 2, 3, 4): [2, 3], (1, 2, 3): [2], (5, 5, 5, 1): [0, 1, 2], (5, 1, 1, 1): [0], (2, 2): []}
        for expected, upper in halves.items():
            assert np.flatnonzero(insight._upper_half(np.array(expected, dtype=float))).tolist() == upper

    def test_the_future_teaches_nothing(self, small):
        """What a fold's trades are given does not hang on how later ones ended."""
        trades, features = planted(150, 1)
        other = trades.copy()
        other.loc[100:, ["pnl", "pnl_percentage"]] *= -1
        one, two = entry_insight(trades, features).folds, entry_insight(other, features).folds
        before = one["end"] < trades["opened_at"].iloc[100]
        assert before.sum() >= 2
        pd.testing.assert_frame_equal(one[before], two[before])
        trades.loc[::7, "pnl_percentage"] = np.nan
        assert entry_insight(trades, features).trades == 150 - 22

    @pytest.mark.parametrize(("trades", "reason"), [
        (random_trades(0), "0 trades are too few"),
        (random_trades(1), "1 trade is too few"),
        (random_trades(59), "59 trades are too few"),
        (random_trades(80).assign(pnl=1.0), "80 winners and 0 losers"),
        (random_trades(80).assign(pnl=-1.0), "0 winners and 80 losers"),
        (random_trades(80, longest=59 * 1_440 + 1_000).assign(
            closed_at=pd.Timestamp("2030-01-01", tz="UTC")), "no time had trades before it"),
        (random_trades(240).assign(**dict.fromkeys(("opened_at", "closed_at"), pd.Timestamp(
            "2023-01-01", tz="UTC") + pd.to_timedelta(np.arange(240) // 40, "D"))), "fewer than 5 days"),
    ])
    def test_too_little_gives_a_reason(self, trades, reason):
        features = pd.DataFrame(np.random.default_rng(0).standard_normal((len(trades), 2)), columns=["a", "b"])
        found = entry_insight(trades, features)
        assert reason in found.reason
        assert found.sentence == f"Not tested: {found.reason}."
        assert math.isnan(found.p)
        assert not found.better_than_chance
        assert found.importances.empty

    def test_features_that_never_change_say_nothing(self):
        trades = random_trades(80)
        features = pd.DataFrame({"a": np.ones(80), "b": np.full(80, np.nan)})
        assert "nothing known at entry differs" in entry_insight(trades, features).reason

    def test_of_very_many_trades_the_latest_are_taken(self, small, monkeypatch):
        monkeypatch.setattr(insight, "_MOST_TRADES", 100)
        trades, features = planted(300, 2)
        pd.testing.assert_frame_equal(entry_insight(trades, features).importances,
                                      entry_insight(trades.iloc[-100:], features.iloc[-100:]).importances)
