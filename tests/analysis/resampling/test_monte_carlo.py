from __future__ import annotations

import math
import time

import numpy as np
import pandas as pd
import pytest
from arch.bootstrap import CircularBlockBootstrap, StationaryBootstrap, optimal_block_length
from scipy import stats

from jesse_nb.core.analysis.curves.equity import drawdown
from jesse_nb.core.analysis.resampling.monte_carlo import bootstrap_days, resample_trades, shuffle_trades
from jesse_nb.core.analysis.resampling.resampled_paths import (
    circular_blocks,
    path_figures,
    resampled,
    shuffled,
    stationary_blocks,
    walk,
)
from jesse_nb.core.analysis.trades.trade_returns import trade_returns
from jesse_nb.core.study.ratios import return_ratios
from jesse_nb.exceptions import InputError

NAMES = ["final_equity", "max_drawdown", "longest_underwater"]


def closed_trades(pnl, start="2023-01-01", hours=8):
    closed = pd.date_range(start, periods=len(pnl), freq=f"{hours}h", tz="UTC")
    return pd.DataFrame({"closed_at": closed, "pnl": np.asarray(pnl, float)})


def random_pnl(count=120, seed=0):
    return np.random.default_rng(seed).standard_t(4, count) * 80 + 10


def days(count=365, seed=0, memory=0.0):
    random = np.random.default_rng(seed)
    values = random.standard_t(5, count) * 0.015
    for day in range(1, count):
        values[day] += memory * values[day - 1]
    return values + 0.0008


def by_hand(returns, balance):
    """One path, step by step."""
    equity, peak, deepest, since, longest = balance, balance, 0.0, 0, 0
    for value in returns:
        equity *= 1 + value
        since = 0 if equity >= peak else since + 1
        peak = max(peak, equity)
        deepest, longest = min(deepest, equity / peak - 1), max(longest, since)
    return equity, deepest * 100, longest


def test_trade_returns_compound_to_the_sum_of_profits():
    trades = closed_trades(random_pnl()).sample(frac=1, random_state=1)  # rows in any order
    returns = trade_returns(trades, 10_000)
    assert returns.index.is_monotonic_increasing
    assert 10_000 * np.prod(1 + returns) == pytest.approx(10_000 + trades["pnl"].sum(), rel=1e-12)
    first = trades.sort_values("closed_at")["pnl"].iloc[0]
    assert returns.iloc[0] == pytest.approx(first / 10_000)


def test_trade_returns_end_with_the_account():
    returns = trade_returns(closed_trades([100, -400, -900, 50]), 1_000)
    assert returns.tolist() == pytest.approx([0.1, -400 / 1_100, -1.0])
    assert len(trade_returns(closed_trades([]), 1_000)) == 0


@pytest.mark.parametrize("seed", range(4))
def test_a_paths_figures_are_those_of_the_house_and_of_a_loop(seed):
    returns = days(200, seed)
    found = path_figures(np.stack([returns, returns[::-1]]))
    for row, path in enumerate((returns, returns[::-1])):
        equity = pd.Series(np.cumprod([1.0, *(1 + path)]), pd.date_range("2023", periods=201, tz="UTC"))
        assert math.exp(found.growth[row]) == pytest.approx(equity.iloc[-1], rel=1e-12)
        assert found.drawdown[row] * 100 == pytest.approx(drawdown(equity).min(), abs=1e-10)
        assert found.underwater[row] == return_ratios(path)["max_underwater_period"]
        assert (math.exp(found.growth[row]), found.drawdown[row] * 100, found.underwater[row]) == \
            pytest.approx(by_hand(path, 1.0), abs=1e-10)
        assert np.exp(found.cuts[row]) == pytest.approx(equity.to_numpy()[found.moments], rel=1e-12)


def test_every_distribution_is_that_of_the_paths_drawn():
    """The same draws, followed one by one in a loop."""
    returns = days(60)
    found = bootstrap_days(returns, 5_000, block=4, paths=300, seed=3, ruin=(5, 10))
    paths = stationary_blocks(returns, 60, 4)(np.random.default_rng(3), 300)
    expected = np.array([by_hand(path, 5_000) for path in paths])
    assert found.samples.to_numpy() == pytest.approx(expected, abs=1e-8)
    for column, q in (("5%", 5), ("25%", 25), ("50%", 50), ("75%", 75), ("95%", 95)):
        assert found.distributions[column].to_numpy() == pytest.approx(np.percentile(expected, q, axis=0), abs=1e-8)
    assert found.probability_of_loss == np.mean(expected[:, 0] < 5_000)
    assert found.probability_of_ruin.tolist() == [np.mean(expected[:, 1] <= -5), np.mean(expected[:, 1] <= -10)]
    actual = by_hand(returns, 5_000)
    assert found.distributions["actual"].to_numpy() == pytest.approx(actual)
    ranks = [stats.percentileofscore(np.round(expected[:, k], 7), round(actual[k], 7), "mean") / 100 for k in range(3)]
    assert found.distributions["rank"].to_numpy() == pytest.approx(ranks)
    equity = 5_000 * np.cumprod(1 + paths, axis=1)
    assert found.fan.index.tolist() == list(range(61))
    assert found.fan["50%"].to_numpy()[1:] == pytest.approx(np.median(equity, axis=0))
    assert found.fan["5%"].to_numpy()[1:] == pytest.approx(np.percentile(equity, 5, axis=0))
    assert found.fan["actual"].to_numpy()[1:] == pytest.approx(5_000 * np.cumprod(1 + returns))
    assert (found.fan.loc[0] == 5_000).all()


@pytest.mark.parametrize(("method", "reference"),
                         [("stationary", StationaryBootstrap), ("block", CircularBlockBootstrap)])
def test_blocks_are_drawn_as_arch_draws_them(method, reference):
    returns = days(150, seed=1, memory=0.4)
    own = bootstrap_days(returns, 1.0, method=method, block=9, paths=4_000, seed=5).samples
    theirs = np.array([by_hand(data[0][0], 1.0) for data in reference(9, returns, seed=6).bootstrap(700)])
    for column, name in enumerate(NAMES):
        assert stats.ks_2samp(own[name], theirs[:, column]).pvalue > 0.001
    # what single days drawn alone would give is told apart
    alone = bootstrap_days(returns, 1.0, method=method, block=1, paths=4_000, seed=5).samples
    assert stats.ks_2samp(own["max_drawdown"], alone["max_drawdown"]).pvalue < 1e-6


def test_stationary_blocks_have_geometric_lengths_and_wrap():
    places = stationary_blocks(np.arange(50.0), 400, 7)(np.random.default_rng(0), 200).astype(int)
    follows = places[:, 1:] == (places[:, :-1] + 1) % 50
    stays = 6 / 7 + 1 / 7 / 50  # a jump lands on the next day by chance once in fifty
    assert follows.mean() == pytest.approx(stays, abs=0.005)
    assert (follows[:, 1:] & follows[:, :-1]).mean() == pytest.approx(stays**2, abs=0.01)
    assert follows[places[:, :-1] == 49].mean() == pytest.approx(stays, abs=0.03)
    assert np.bincount(places.ravel(), minlength=50) / places.size == pytest.approx(np.full(50, 0.02), rel=0.15)


def test_circular_blocks_keep_their_length():
    places = circular_blocks(np.arange(30.0), 100, 8)(np.random.default_rng(0), 300).astype(int)
    follows = places[:, 1:] == (places[:, :-1] + 1) % 30
    inside = np.arange(1, 100) % 8 != 0
    assert follows[:, inside].all()
    assert follows[:, ~inside].mean() == pytest.approx(1 / 30, abs=0.02)


def test_shuffles_hold_every_trade_once_and_resamples_do_not():
    values = np.arange(40.0)
    random = np.random.default_rng(0)
    orders = shuffled(values)(random, 2_000)
    assert (np.sort(orders, axis=1) == values).all()
    assert stats.chisquare(np.bincount(orders[:, 0].astype(int), minlength=40)).pvalue > 0.001
    drawn = resampled(values, 40)(random, 2_000)
    distinct = np.mean([len(np.unique(row)) for row in drawn])
    assert distinct == pytest.approx(40 * (1 - (1 - 1 / 40) ** 40), rel=0.01)


def test_chunks_of_paths_change_nothing_but_the_draws():
    whole = walk(shuffled(days(365)), 365, 2_500, 0)
    assert [len(part) for part in (whole.growth, whole.drawdown, whole.underwater, whole.cuts)] == [2_500] * 4
    assert np.ptp(whole.growth) == pytest.approx(0, abs=1e-10)


def test_a_shuffle_ends_where_it_did_and_says_nothing_about_loss():
    trades = closed_trades(random_pnl())
    found = shuffle_trades(trades, 10_000, paths=500)
    final = found.distributions.loc["final_equity"]
    assert final[["5%", "50%", "95%", "actual"]].to_numpy() == pytest.approx([10_000 + trades["pnl"].sum()] * 4)
    assert math.isnan(found.probability_of_loss)
    assert math.isnan(final["rank"])
    assert 0 < found.distributions.loc["max_drawdown", "rank"] < 1
    assert (found.unit, found.steps, found.paths, found.block) == ("trades", 120, 500, 1)


def test_a_lucky_order_shows():
    """All losses at the end: no order draws down deeper."""
    pnl = np.sort(random_pnl(80))[::-1]
    assert shuffle_trades(closed_trades(pnl), 10_000, paths=500).distributions.loc["max_drawdown", "rank"] < 0.01
    resample = resample_trades(closed_trades(pnl), 10_000, paths=2_000)
    returns = trade_returns(closed_trades(pnl), 10_000).to_numpy()
    theory = stats.norm.cdf(0, np.log1p(returns).sum(), np.log1p(returns).std() * math.sqrt(80))
    assert resample.probability_of_loss == pytest.approx(theory, abs=0.04)


def test_block_lengths_are_arch_s():
    returns = days(500, memory=0.5)
    lengths = optimal_block_length(returns)
    assert bootstrap_days(returns, 1.0, paths=10).block == round(lengths["stationary"].iloc[0])
    assert bootstrap_days(returns, 1.0, method="block", paths=10).block == round(lengths["circular"].iloc[0])


def test_other_horizons_have_no_actual_path():
    found = bootstrap_days(days(100), 1_000, days=365, paths=200)
    assert found.steps == 365
    assert found.distributions[["actual", "rank"]].isna().all(axis=None)
    assert found.distributions["50%"].notna().all()
    assert found.fan.index[-1] == 365
    assert len(found.fan) == 121


def test_repeatable_by_seed():
    one, two, other = (bootstrap_days(days(), 1.0, paths=100, seed=seed).samples for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, two)
    assert not one.equals(other)


@pytest.mark.parametrize(("pnl", "reason"), [
    ([], "0 trades are too few"),
    ([50.0], "1 trade"),
    ([10.0] * 10, "10 trades are too few"),
    ([0.0] * 30, "the returns do not vary"),
    ([100.0] * 20 + [-20_000.0] + [100.0] * 20, "the account was lost"),
    ([math.nan, *[10.0] * 30], "some returns are undefined"),
])
def test_too_thin_trades_give_reasons(pnl, reason):
    for method in (shuffle_trades, resample_trades):
        found = method(closed_trades(pnl), 10_000)
        assert reason in found.reason
        assert found.paths == 0
        assert math.isnan(found.probability_of_loss)
        assert found.probability_of_ruin.index.tolist() == [20, 30, 50]
        assert found.probability_of_ruin.isna().all()
        assert found.distributions.isna().all(axis=None)
        assert found.samples.empty
        assert found.fan.empty


@pytest.mark.parametrize(("returns", "reason"), [
    (np.array([]), "0 days are too few"), (days(10), "10 days are too few"), (np.zeros(100), "do not vary"),
    (np.array([*days(50), -1.0, math.nan]), "the account was lost"),
    (np.array([*days(50), math.nan]), "some returns are undefined"), (np.full(400, 1e3), "do not vary"),
    (np.array([*np.full(400, 1e3), 5.0]), "exceed every amount of money"),
])
def test_too_thin_days_give_reasons(returns, reason):
    assert reason in bootstrap_days(returns, 1.0, paths=50).reason


def test_all_wins_and_all_losses():
    won = resample_trades(closed_trades(np.arange(1, 41)), 1_000, paths=200)
    assert (won.probability_of_loss, won.distributions.loc["max_drawdown", "5%"]) == (0, 0)
    assert won.distributions.loc["longest_underwater", "95%"] == 0
    lost = resample_trades(closed_trades(-np.arange(1, 41)), 1_000, paths=200)
    assert lost.probability_of_loss == 1
    assert lost.probability_of_ruin[50.0] == 1
    assert lost.distributions.loc["longest_underwater", "5%"] == 40


def test_a_fall_to_exactly_the_level_is_ruin():
    falls = np.tile([-0.2, 0.25], 15)
    found = bootstrap_days(falls, 1.0, block=1, days=1, paths=400, ruin=(20,))
    assert found.probability_of_ruin[20.0] == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("options", [
    {"paths": 0}, {"paths": 2.5}, {"paths": True}, {"days": 0}, {"block": -1}, {"ruin": (0,)}, {"ruin": (120,)},
    {"ruin": (math.nan,)}, {"method": "wild"},
])
def test_bad_arguments_are_named(options):
    with pytest.raises(InputError, match=next(iter(options))):
        bootstrap_days(days(), 1.0, **options)


def test_a_balance_of_nothing_is_refused():
    with pytest.raises(InputError, match="above zero"):
        bootstrap_days(days(), 0.0)


def test_a_hundred_thousand_trades_are_quick():
    trades = closed_trades(random_pnl(100_000) * 0.05, hours=1)
    began = time.process_time()
    found = shuffle_trades(trades, 100_000)
    assert time.process_time() - began < 20
    assert found.paths == 100
    assert len(found.fan) == 121
