from __future__ import annotations

import math
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from jesse_nb.core.analysis import insight
from jesse_nb.core.analysis.insight import entry_insight
from jesse_nb.core.analysis.luck.purged_splits import purged_splits
from jesse_nb.core.analysis.trades.entry_features import FEATURES, entry_features
from jesse_nb.core.times import DAY_MS, MINUTE_MS
from jesse_nb.exceptions import InputError

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
    })  # fmt: skip


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
    }  # fmt: skip


class TestEntryFeatures:
    @pytest.mark.parametrize("seed", range(2))
    def test_against_pandas(self, seed):
        candles = {BTC: random_candles(seed=seed), ETH: random_candles(seed=seed + 10, gap=False)}
        trades = random_trades(30, seed, markets=(BTC, ETH)).sample(frac=1, random_state=seed)
        found = entry_features(trades, candles)
        expected = pd.DataFrame([by_hand(trades, candles, row) for row in trades.index], index=trades.index)
        pd.testing.assert_frame_equal(found, expected[list(FEATURES)], check_dtype=False, rtol=1e-8, atol=1e-8)
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
        changed = entry_features(trades, {BTC: candles}).iloc[-1] / entry_features(
            trades, {BTC: random_candles()}).iloc[-1]
        assert (changed[["volatility_1d", "trend_1d", "trend_30d", "distance_from_average"]] != 1).all()

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
        assert found[0].sentence.startswith("No better than chance: nothing known at entry")

    def test_a_planted_feature_is_found(self, small):
        found = [entry_insight(*planted(seed=seed)) for seed in range(6)]
        assert all(one.better_than_chance for one in found)
        assert all(one.importances.index[0] == "a" for one in found)
        assert "better than chance (AUC 0." in found[0].sentence
        assert found[0].sentence.endswith("it rests most on a.")

    def test_figures_in_full(self):
        trades, features = planted(200, 3)
        found = entry_insight(trades, features)
        assert (found.trades, found.winners) == (200, (trades["pnl"] > 0).sum())
        assert found.auc == pytest.approx(0.85, abs=0.1)
        assert found.folds["test"].sum() == 200 - 66
        assert (found.folds["train"] + found.folds["purged"] + found.folds["test"]).iloc[-1] == 200
        assert (found.folds["start"].iloc[1:].to_numpy() >= found.folds["end"].iloc[:-1].to_numpy()).all()
        pairs = found.folds["winners"] * (found.folds["test"] - found.folds["winners"])
        assert found.auc == pytest.approx((found.folds["auc"] * pairs).sum() / pairs.sum())
        assert found.importances.loc["a", "importance"] > 0.2
        assert found.importances["importance"].drop("a").abs().max() < 0.06
        won = trades["pnl"] > 0
        assert found.importances.loc["a", "winners"] == features["a"][won].median()
        assert found.importances.loc["b", "losers"] == features["b"][~won].median()
        again = entry_insight(trades, features)
        assert (again.auc, again.p) == (found.auc, found.p)
        pd.testing.assert_frame_equal(again.importances, found.importances)

    @pytest.mark.parametrize("seed", range(5))
    def test_every_shift_has_scikit_learns_auc(self, seed):
        random = np.random.default_rng(seed)
        chances, won = random.integers(0, 9, 41) / 9, random.random(41) < 0.4
        ranks = pd.Series(chances).rank().to_numpy()
        fold = insight._Fold(None, np.empty((41, 0)), won, ranks)
        aucs = insight._right_by_shift(fold) / fold.pairs
        assert aucs[0] == pytest.approx(roc_auc_score(won, chances), abs=1e-12)
        assert sorted(aucs) == pytest.approx(
            sorted(roc_auc_score(np.roll(won, shift), chances) for shift in range(41)), abs=1e-12)

    def test_the_future_teaches_nothing(self, small):
        """What a fold's trades are given does not hang on how later ones ended."""
        trades, features = planted(150, 1)
        other = trades.copy()
        other.loc[100:, "pnl"] *= -1
        one, two = entry_insight(trades, features).folds, entry_insight(other, features).folds
        before = one["end"] < trades["opened_at"].iloc[100]
        assert before.sum() >= 2
        pd.testing.assert_frame_equal(one[before], two[before])

    @pytest.mark.parametrize(("trades", "reason"), [
        (random_trades(0), "0 trades are too few"),
        (random_trades(1), "1 trade is too few"),
        (random_trades(59), "59 trades are too few"),
        (random_trades(80).assign(pnl=1.0), "80 winners and 0 losers"),
        (random_trades(80).assign(pnl=-1.0), "0 winners and 80 losers"),
        (random_trades(80, longest=59 * 1_440 + 1_000).assign(
            closed_at=pd.Timestamp("2030-01-01", tz="UTC")), "no time had both"),
    ])  # fmt: skip
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
