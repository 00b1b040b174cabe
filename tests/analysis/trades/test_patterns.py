from __future__ import annotations

import gc
import itertools
import math
import re
import time

import numpy as np
import pandas as pd
import pytest
import ruptures
from scipy import stats
from statsmodels.sandbox.stats.runs import runstest_1samp
from statsmodels.stats.diagnostic import acorr_ljungbox
from statsmodels.stats.multitest import multipletests
from statsmodels.tsa.stattools import acf

from jesse_nb.core.analysis.market.change_points import drift_changes
from jesse_nb.core.analysis.trades.patterns import find_patterns
from jesse_nb.core.analysis.trades.profit_concentration import profit_concentration
from jesse_nb.core.analysis.trades.trade_sequence import decay, runs_test, serial_dependence


def by_day(values):
    return pd.Series(values, index=pd.date_range("2023-01-01", periods=len(values), tz="UTC"))


def wild(kind, count, seed, strength=0.5):
    """Returns without drift, in several tempers."""
    random = np.random.default_rng(seed)
    noise = random.standard_normal(count) * 0.02
    if kind == "fat tails":
        return random.standard_t(3, count) * 0.01
    if kind == "wild, then quiet":
        return noise * np.where(np.arange(count) < count // 3, 4, 1)
    if kind == "wild and quiet":
        return noise * np.exp(strength * np.repeat(random.standard_normal(count // 10 + 1), 10)[:count])
    if kind == "mostly flat":
        return noise * (random.random(count) < 0.2)
    return noise


def shift(seed, count=365):
    return wild("", count, seed) + np.where(np.arange(count) < 200, 0.006, -0.006)


def closed_trades(returns, balance=10_000.0, hours=24):
    """Trades with these returns on equity."""
    equity = balance * np.cumprod([1.0, *(1 + np.asarray(returns))])
    closed = pd.date_range("2023-01-01 01:00", periods=len(equity) - 1, freq=f"{hours}h", tz="UTC")
    return pd.DataFrame({"closed_at": closed, "pnl": np.diff(equity)})


def equity_of(returns, balance=10_000.0):
    return by_day(balance * np.cumprod([1.0, *(1 + np.asarray(returns))]))


class TestChangeOfDrift:
    @pytest.mark.parametrize("kind", ["noise", "fat tails", "wild, then quiet", "wild and quiet", "mostly flat"])
    def test_noise_has_none(self, kind):
        found = [drift_changes(by_day(wild(kind, 200, seed))) for seed in range(50)]
        # at most 5 % are expected; 8 of 50 would be rarer than one in two hundred
        assert sum(one.p < 0.05 for one in found) <= 7
        assert all((not one.changes) == (one.p >= 0.05) for one in found)

    def test_p_values_are_spread_evenly_when_there_is_none(self):
        p = [drift_changes(by_day(wild("", 120, seed))).p for seed in range(120)]
        assert stats.kstest(p, "uniform").pvalue > 0.005

    def test_a_change_is_found_where_it_is(self):
        found = [drift_changes(by_day(shift(seed))) for seed in range(20)]
        assert np.mean([one.p < 0.05 for one in found]) >= 0.9
        days = [abs((one.changes[0] - pd.Timestamp("2023-07-20", tz="UTC")).days) for one in found if one.changes]
        assert np.median(days) < 20

    def test_two_changes(self):
        values = wild("", 300, 1) + 0.015 * np.array([1, -1, 1]).repeat(100)
        found = drift_changes(by_day(values))
        assert len(found.changes) == 2
        assert found.segments["days"].sum() == 300
        assert (np.sign(found.segments["mean"]) == [1, -1, 1]).all()

    def test_the_segments_are_those_of_least_squares(self):
        """Against ruptures' exact search, of another algorithm, and plain means."""
        values = wild("", 210, 1) + 0.015 * np.array([1, -1, 1]).repeat(70)
        found, growth = drift_changes(by_day(values)), np.log1p(values)
        borders = ruptures.Dynp(model="l2", min_size=15, jump=1).fit(growth / growth.std()).predict(n_bkps=2)
        assert np.cumsum(found.segments["days"]).tolist() == borders
        assert found.changes == tuple(by_day(values).index[border] for border in borders[:-1])
        parts = np.split(growth, borders[:-1])
        assert found.segments["mean"].to_numpy() == pytest.approx([part.mean() * 100 for part in parts])
        annual = [(math.exp(part.mean()) ** 365 - 1) * 100 for part in parts]
        assert found.segments["annual_return"].to_numpy() == pytest.approx(annual)

    def test_the_statistic_is_the_best_split_of_a_loop(self):
        values = by_day(wild("", 100, 3) + np.array([0.015, -0.015]).repeat(50))
        growth = np.log1p(values.to_numpy())
        best = max(range(15, 86), key=lambda k: abs(growth[:k].mean() - growth[k:].mean()) * math.sqrt(k * (100 - k)))
        found = drift_changes(values)
        assert found.changes == (values.index[best],)

    def test_repeatable_by_seed(self):
        values = by_day(wild("", 100, 1))
        assert drift_changes(values, seed=1).p == drift_changes(values, seed=1).p
        assert drift_changes(values, seed=1).p != drift_changes(values, seed=2).p

    @pytest.mark.parametrize(("values", "reason"), [
        (np.zeros(0), "0 days are too few"), (wild("", 10, 0), "10 days are too few"), (np.zeros(200), "not vary"),
        (np.array([*wild("", 100, 0), -1.0, np.nan]), "the account was lost"),
        (np.array([*wild("", 100, 0), np.nan]), "undefined"),
    ])
    def test_too_thin_gives_a_reason(self, values, reason):
        found = drift_changes(by_day(values))
        assert reason in found.reason
        assert math.isnan(found.p)
        assert found.segments.empty


class TestClusters:
    @pytest.mark.parametrize("seed", range(20))
    def test_against_statsmodels(self, seed):
        random = np.random.default_rng(seed)
        returns = random.standard_normal(random.integers(20, 400)) + 0.3
        found = runs_test(returns)
        z, p = runstest_1samp((returns >= 0).astype(float), cutoff=0.5, correction=False)
        assert (found.z, found.p) == pytest.approx((z, p), abs=1e-10)
        groups = [(lost, len(list(group))) for lost, group in itertools.groupby(returns < 0)]
        assert found.runs == len(groups)
        assert found.longest_losing_run == max(length for lost, length in groups if lost)

    def test_expected_runs_are_the_mean_over_all_orders(self):
        signs = [-1, -1, -1, 1, 1, 1, 1, 1]
        runs = [runs_test(order).runs for order in set(itertools.permutations(signs))]
        assert runs_test(signs).expected_runs == pytest.approx(np.mean(runs))

    def test_direction(self):
        assert runs_test(np.repeat([1, -1] * 10, 5)).z < -3
        assert runs_test(np.tile([1, -1], 50)).z > 3

    @pytest.mark.parametrize(("returns", "reason"), [
        ([], "0 trades"), ([1.0], "1 trade"), ([1.0] * 50, "0 losses"), ([-1.0] * 50, "50 losses and 0 other"),
        ([0.0] * 30, "0 losses and 30 other"),
    ])
    def test_too_thin_gives_a_reason(self, returns, reason):
        found = runs_test(returns)
        assert reason in found.reason
        assert math.isnan(found.p)

    def test_a_hundred_thousand_trades_are_quick(self):
        returns, began = np.random.default_rng(0).standard_normal(100_000), time.process_time()
        runs_test(returns), profit_concentration(returns / 1_000), serial_dependence(returns)
        decay(pd.Series(returns, pd.date_range("2020", periods=100_000, freq="15min", tz="UTC")))
        assert time.process_time() - began < 10


class TestMemory:
    @pytest.mark.parametrize("seed", range(5))
    def test_against_statsmodels_and_a_loop(self, seed):
        returns = np.random.default_rng(seed).standard_t(8, 150)
        found = serial_dependence(returns)
        assert found.table["autocorrelation"].to_numpy() == pytest.approx(acf(returns, nlags=5)[1:], abs=1e-10)
        classic = acorr_ljungbox(returns, lags=[5])
        assert found.ljung_box == pytest.approx(classic["lb_stat"].iloc[0], abs=1e-10)
        assert found.ljung_box_p == pytest.approx(classic["lb_pvalue"].iloc[0], abs=1e-10)
        gaps, total = returns - returns.mean(), 0.0
        for lag in range(1, 6):
            above = sum(gaps[k] * gaps[k - lag] for k in range(lag, 150))
            below = sum((gaps[k] * gaps[k - lag]) ** 2 for k in range(lag, 150))
            total += above**2 / below
        assert found.statistic == pytest.approx(total)
        assert found.p == pytest.approx(stats.chi2.sf(total, 5), abs=0.1)

    def test_many_trades_have_the_chi_square(self):
        found = serial_dependence(np.random.default_rng(0).standard_t(4, 2_001))
        assert found.p == pytest.approx(stats.chi2.sf(found.statistic, 5), abs=1e-10)

    def test_skewed_returns_of_few_trades_keep_the_size(self):
        """Many equal losses and a few wins, where the chi-square is off."""
        random = np.random.default_rng(0)
        drawn = np.where(random.random((200, 60)) < 0.3, 0.03 * random.random((200, 60)), -0.006)
        assert np.mean([serial_dependence(one).p < 0.05 for one in drawn]) < 0.085

    def test_changing_variance_is_no_memory(self):
        """Where Ljung and Box's test sounds the alarm far too often."""
        found = [serial_dependence(wild("wild and quiet", 300, seed, 1.0)) for seed in range(80)]
        assert np.mean([one.p < 0.05 for one in found]) < 0.1
        assert np.mean([one.ljung_box_p < 0.05 for one in found]) > 0.15

    @pytest.mark.parametrize(("won", "share"), [(19.0, 0.05), (-97 / 3, 0.03)])
    def test_a_few_huge_trades_in_wild_times_are_no_memory(self, won, share):
        """Nothing is won or lost on average, whatever the volatility: once, 17 and 22 of 100 were called dependent."""
        called = tested = 0
        for seed in range(100):
            random = np.random.default_rng([seed, 9])
            wild_times = np.repeat(np.where(random.random(15) < 0.3, 6.0, 1.0), 10)
            small = -won * share / (1 - share)
            found = serial_dependence(np.where(random.random(150) < share, won, small) * wild_times)
            called += found.p < 0.05
            tested += not found.reason
        assert called <= 6
        assert tested < 50

    def test_one_huge_trade_is_told(self):
        assert "rests on about 1 of 201 trades" in serial_dependence([0.1] * 100 + [0.2] * 100 + [-50.0]).reason

    def test_size_and_power_on_plain_noise(self):
        noise = [wild("", 150, seed) for seed in range(120)]
        assert 0.005 < np.mean([serial_dependence(one).p < 0.05 for one in noise]) < 0.1
        linked = [one[1:] + 0.5 * one[:-1] for one in noise[:20]]
        assert np.mean([serial_dependence(one).p < 0.05 for one in linked]) > 0.9

    @pytest.mark.parametrize(("returns", "reason"), [
        ([], "0 trades"), ([0.1], "1 trade"), ([0.1] * 40, "earned the same"), ([0.1] * 39 + [np.nan], "undefined"),
    ])
    def test_too_thin_gives_a_reason(self, returns, reason):
        assert reason in serial_dependence(returns).reason
        assert reason in decay(by_day(returns)).reason


class TestDecay:
    @pytest.mark.parametrize("seed", range(4))
    def test_against_the_formulas(self, seed):
        returns = by_day(wild("fat tails", 80, seed))
        found, count = decay(returns), 80
        months = np.arange(count) / 30
        line = stats.linregress(months, returns * 100)
        assert found.slope == pytest.approx(line.slope, abs=1e-10)
        assert (found.first, found.last) == pytest.approx((line.intercept, line.intercept + line.slope * months[-1]))
        design = np.column_stack([np.ones(count), months])
        left = (returns.to_numpy() * 100 - line.intercept - line.slope * months)[:, None] * design
        lags = math.floor(4 * (count / 100) ** (2 / 9))
        middle = left.T @ left
        for lag in range(1, lags + 1):  # Bartlett weights
            crossed = left[lag:].T @ left[:-lag]
            middle += (1 - lag / (lags + 1)) * (crossed + crossed.T)
        bread = np.linalg.inv(design.T @ design)
        error = math.sqrt((bread @ middle @ bread)[1, 1] * count / (count - 2))
        assert found.standard_error == pytest.approx(error, rel=1e-9)
        assert found.hac_p == pytest.approx(2 * stats.t.sf(abs(line.slope / error), count - 2), abs=1e-9)
        assert found.p == pytest.approx(found.hac_p, abs=0.15)
        halves = returns.iloc[:40] * 100, returns.iloc[40:] * 100
        assert (found.first_half, found.second_half) == pytest.approx(tuple(half.mean() for half in halves))
        assert found.halves_p == pytest.approx(stats.ttest_ind(*halves, equal_var=False).pvalue, abs=1e-10)

    def test_size_and_power(self):
        noise = [by_day(wild("", 60, seed)) for seed in range(120)]
        assert 0.01 < np.mean([decay(one).p < 0.05 for one in noise]) < 0.09
        fading = [one - np.linspace(-0.02, 0.02, 60) for one in noise[:20]]
        assert np.mean([decay(one).p < 0.05 for one in fading]) > 0.9

    def test_one_moment_has_no_trend(self):
        values = wild("", 30, 0)
        assert "one moment" in decay(pd.Series(values, [pd.Timestamp("2023", tz="UTC")] * 30)).reason


class TestFewTrades:
    @pytest.mark.parametrize("seed", range(6))
    def test_against_a_loop(self, seed):
        returns = np.random.default_rng(seed).standard_t(3, 90) * 0.02 + 0.012
        found = profit_concentration(returns)
        ordered = sorted(returns, reverse=True)
        profits = [(np.prod([1.0, *(1 + value for value in ordered[k:])]) - 1) * 100 for k in range(91)]
        assert found.profit == pytest.approx(profits[0])
        assert found.without.index.tolist() == [1, 3, 5, 10]
        assert found.without["profit"].to_numpy() == pytest.approx([profits[k] for k in (1, 3, 5, 10)])
        assert found.without["gone"].to_numpy() == pytest.approx([1 - profits[k] / profits[0] for k in (1, 3, 5, 10)])
        assert (found.best, found.gone_with_best) == (5, pytest.approx(1 - profits[5] / profits[0]))
        assert found.enough == next(k for k in range(91) if profits[k] <= 0)

    def test_all_wins_need_all(self):
        assert profit_concentration([0.01] * 30).enough == 30

    @pytest.mark.parametrize(("returns", "reason"), [
        ([], "0 trades"), ([0.1], "1 trade"), ([-0.01] * 30, "no profit"), ([0.0] * 30, "no profit"),
        ([0.1] * 29 + [-1.0], "the account was lost"), ([0.1] * 29 + [np.nan], "undefined"),
    ])
    def test_nothing_to_say_gives_a_reason(self, returns, reason):
        found = profit_concentration(returns)
        assert reason in found.reason
        assert found.enough == 0


class TestPatterns:
    def test_noise_gives_none_in_most_runs(self, monkeypatch):
        """Holm keeps the chance of any false alarm at 5 %."""
        monkeypatch.setattr(gc, "collect", int)  # statsmodels does so in each correction, and it takes long
        alarms = []
        for seed in range(50):
            returns = wild("", 150, seed)
            found = find_patterns(closed_trades(returns), equity_of(returns), 10_000)
            alarms.append(any(one.found for one in found if not math.isnan(one.p)))
        assert sum(alarms) <= 7

    def test_holm_is_statsmodels(self):
        returns = shift(1) + 0.3 * np.roll(shift(1), 1)
        found = find_patterns(closed_trades(returns), equity_of(returns), 10_000)
        assert [one.name for one in found] == ["change of drift", "clusters of losses", "serial dependence",
                                               "decay of edge", "dependence on a few trades"]
        tested = [one for one in found if not math.isnan(one.p)]
        assert [one.corrected_p for one in tested] == pytest.approx(
            multipletests([one.p for one in tested], method="holm")[1])
        assert all(one.found == (one.corrected_p < 0.05) for one in tested)

    def test_what_is_there_is_found_and_said(self):
        random = np.random.default_rng(5)
        bad = np.repeat(random.random(40) < 0.5, 10)  # ten losses or ten wins at a time
        returns = np.where(bad, -0.012, 0.02) * random.uniform(0.5, 1.5, 400) - np.linspace(-0.01, 0.012, 400)
        _, clusters, memory, fading, few = find_patterns(closed_trades(returns), equity_of(returns), 10_000)
        assert clusters.sentence.startswith("Losses come in clusters")
        assert "1 trade before (autocorrelation +0." in memory.sentence
        assert fading.sentence.startswith("Trades earn less as time goes by")
        assert clusters.found
        assert memory.found
        assert fading.found
        assert not few.found
        assert fading.figures["slope"] < 0

    def test_a_change_of_drift_is_said(self):
        returns = shift(0)
        drift = find_patterns(closed_trades(returns), equity_of(returns), 10_000)[0]
        assert drift.found
        assert re.fullmatch(r"The equity's drift changed around 2023-0[67]-\d\d: \+0\.\d\d% then -0\.\d\d% a day "
                            r"\(p [=<] 0\.\d+ against one drift throughout\)\.", drift.sentence)
        assert len(drift.table) == 2

    def test_noise_is_said_plainly(self):
        returns = wild("", 200, 2) + 0.002
        found = find_patterns(closed_trades(returns), equity_of(returns), 10_000)
        assert [one.sentence.split(" beyond luck")[0] for one in found[:2]] == [
            "No change of the equity's drift", "No clusters of losses"]
        assert found[0].table.empty

    def test_alternating_trades(self):
        returns = np.tile([0.02, -0.01], 60) + wild("", 120, 0) * 0.1
        assert "alternate" in find_patterns(closed_trades(returns), equity_of(returns), 10_000)[1].sentence

    def test_one_trade_carries_all(self):
        returns = wild("", 100, 0) * 0.1
        returns[50] = 0.3 - returns.sum()
        returns[returns < 0.1] -= 0.001
        few = find_patterns(closed_trades(returns), equity_of(returns), 10_000)[-1]
        assert few.found
        assert few.figures["enough"] == 1
        assert few.sentence.startswith("Without its best trade of 100, the whole profit of +")

    @pytest.mark.parametrize("returns", [[], [0.01], [0.01] * 10], ids=["no trades", "one trade", "ten days"])
    def test_thin_runs_give_reasons(self, returns):
        for one in find_patterns(closed_trades(returns), equity_of(returns), 10_000):
            assert one.reason
            assert not one.found
            assert one.sentence.startswith("Not ")
            assert math.isnan(one.corrected_p)

    def test_all_wins_leave_what_can_be_tested(self):
        returns = np.abs(wild("", 120, 1))
        drift, clusters, memory, _, few = find_patterns(closed_trades(returns), equity_of(returns), 10_000)
        assert clusters.reason
        assert not drift.reason
        assert not memory.reason
        assert few.figures["enough"] == 120

    def test_a_lost_account(self):
        trades = pd.DataFrame({"closed_at": pd.date_range("2023", periods=101, tz="UTC"),
                               "pnl": [*wild("", 100, 0) * 1_000, -50_000.0]})
        equity = by_day([*(10_000 + trades["pnl"].cumsum()).clip(lower=0), 0.0])
        drift, *_, few = find_patterns(trades, equity, 10_000)
        assert drift.reason == few.reason == "the account was lost"
