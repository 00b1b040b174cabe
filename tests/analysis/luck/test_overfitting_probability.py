import itertools
import math
import time

import ffn
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from jesse_nb.core.analysis.luck.overfitting_probability import probability_of_overfitting
from jesse_nb.exceptions import InputError


def noise(days, trials, seed=0):
    return np.random.default_rng(seed).normal(0, 0.02, (days, trials))


@pytest.mark.parametrize(("days", "trials", "partitions"), [(101, 7, 8), (60, 12, 6), (64, 3, 10), (50, 2, 4)])
def test_it_is_ffns(days, trials, partitions):
    returns = noise(days, trials, seed=days) * np.arange(1, trials + 1) + 0.001
    theirs = ffn.core.calc_prob_backtest_overfitting(pd.DataFrame(returns), partitions, full_output=True)
    ours = probability_of_overfitting(returns, partitions)
    assert ours.probability == theirs["pbo"]
    np.testing.assert_allclose(ours.logits, theirs["logits"], atol=1e-10)
    assert ours.days == days // partitions * partitions


def test_twins_count_once():
    """As ffn's, of the trials that differ: copies of the best one would not put it into the middle of them all."""
    returns = noise(80, 5, seed=4)
    doubled = np.column_stack([returns, *[returns[:, 1]] * 9, returns[:, 3]])
    theirs = ffn.core.calc_prob_backtest_overfitting(pd.DataFrame(returns), 8, full_output=True)
    found = probability_of_overfitting(doubled, 8)
    np.testing.assert_allclose(found.logits, theirs["logits"], atol=1e-10)
    assert found.trials == 5


def test_the_sixteen_blocks_of_the_paper():
    returns = noise(160, 4, seed=8)
    found = probability_of_overfitting(returns)
    assert len(found.logits) == math.comb(16, 8) == 12_870
    splits = list(itertools.combinations(range(16), 8))
    for number in (0, 5_000, 12_869):
        chosen = np.isin(np.arange(160) // 10, splits[number])
        inside, outside = ([stats.ttest_1samp(part[:, trial], 0).statistic for trial in range(4)]  # in Sharpe's order
                           for part in (returns[chosen], returns[~chosen]))
        winner = int(np.argmax(inside))
        rank = stats.rankdata(outside)[winner] / 5
        assert found.logits[number] == pytest.approx(math.log(rank / (1 - rank)))
        assert found.in_sample[number] == pytest.approx(inside[winner] / math.sqrt(80) * math.sqrt(365))
        assert found.out_of_sample[number] == pytest.approx(outside[winner] / math.sqrt(80) * math.sqrt(365))
    assert found.slope == pytest.approx(stats.linregress(found.in_sample, found.out_of_sample).slope)
    assert found.loss == (found.out_of_sample < 0).mean()


def test_noise_is_a_half_and_an_edge_is_none():
    lucky = [probability_of_overfitting(noise(160, 20, seed), 8).probability for seed in range(300)]
    assert np.mean(lucky) == pytest.approx(0.5, abs=0.03)
    skilled = noise(365, 50)
    skilled[:, 17] += 0.006
    found = probability_of_overfitting(skilled)
    assert found.probability < 0.01
    assert found.loss < 0.01


def test_thousands_of_trials_in_steps(monkeypatch):
    returns = noise(96, 30)
    whole = probability_of_overfitting(returns, 12)
    monkeypatch.setattr("jesse_nb.core.analysis.luck.overfitting_probability._AT_ONCE", 1_000)
    steps = probability_of_overfitting(returns, 12)
    np.testing.assert_allclose(steps.logits, whole.logits, atol=1e-12)


def test_it_is_quick():
    started = time.process_time()
    probability_of_overfitting(noise(365, 200))
    assert time.process_time() - started < 2.0  # 0.1 s on an idle machine


def test_trials_that_do_not_trade_are_worth_nothing():
    """A trial is idle in half of the splits: its Sharpe ratio there is 0, not what rounding makes of it."""
    returns = np.zeros((64, 3))
    returns[:32, 0] = noise(32, 1)[:, 0] + 0.1 / 3
    returns[:, 1] = -0.01 + noise(64, 1, 1)[:, 0] * 0.1
    found = probability_of_overfitting(returns, 2)
    assert set(np.round(found.out_of_sample, 6)) <= {0.0, round(returns[:32, 0].mean() / returns[:32, 0].std(ddof=1)
                                                               * math.sqrt(365), 6)}
    assert np.isfinite(found.logits).all()


@pytest.mark.parametrize(
    ("returns", "reason"),
    [(noise(10, 5), "10 days"), (np.empty((0, 3)), "0 days"), (noise(100, 1), "two trials"),
     (np.zeros((100, 5)), "two trials"), (np.repeat(noise(100, 1), 4, axis=1), "two trials")],
)
def test_thin_data_says_why(returns, reason):
    found = probability_of_overfitting(returns)
    assert reason in found.reason
    assert math.isnan(found.probability)
    assert len(found.logits) == 0


@pytest.mark.parametrize(("returns", "partitions"), [(noise(50, 3), 7), (noise(50, 3), 18), (noise(50, 3)[:, 0], 4),
                                                     (np.full((50, 3), np.nan), 4)])
def test_wrong_input(returns, partitions):
    with pytest.raises(InputError):
        probability_of_overfitting(returns, partitions)
