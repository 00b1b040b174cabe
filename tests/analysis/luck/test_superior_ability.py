import math

import numpy as np
import pandas as pd
import pytest
from arch.bootstrap import SPA, StepM

from jesse_nb.core.analysis.luck.superior_ability import automatic_block, superior_ability
from jesse_nb.exceptions import InputError


def noise(days, trials, seed=0):
    values = np.random.default_rng(seed).standard_t(5, (days, trials)) * 0.02
    return pd.DataFrame(values, index=pd.date_range("2024-01-01", periods=days, tz="UTC"))


def studentized(better, block):
    """Arch's own long-run variance; its SPA computes it, but does not divide by it."""
    test = SPA(np.zeros(len(better)), -better, block_size=block)
    test._compute_variance()
    return better / np.sqrt(test._loss_diff_var)


@pytest.mark.parametrize(("seed", "block"), [(0, 3), (1, 7), (2, 12)])
@pytest.mark.parametrize("against_market", [False, True])
def test_it_is_archs(seed, block, against_market):
    random = np.random.default_rng(seed)
    returns = noise(200, 25, seed) * random.uniform(0.2, 3, 25) + random.normal(0.001, 0.003, 25)
    market = noise(200, 1, seed + 90)[0] if against_market else None
    better = returns.to_numpy() - (market.to_numpy()[:, None] if against_market else 0.0)
    losses = -studentized(better, block)
    theirs = SPA(np.zeros(200), losses, block_size=block, reps=300, seed=5)
    theirs.compute()
    stepwise = StepM(np.zeros(200), losses, block_size=block, reps=300, seed=5)
    stepwise.compute()
    ours = superior_ability(returns, market, block=block, resamples=300, seed=5)
    assert (ours.p_lower, ours.p, ours.p_upper) == pytest.approx(tuple(theirs.pvalues), abs=1e-10)
    assert list(ours.superior) == list(stepwise.superior_models)
    assert ours.adjusted.min() == ours.p


def test_size_on_noise():
    found = np.array([superior_ability(noise(250, 20, seed), resamples=200).p for seed in range(100)])
    assert 0.01 <= (found < 0.05).mean() <= 0.09
    assert 0.05 <= (found < 0.10).mean() <= 0.15
    assert 0.40 <= (found < 0.50).mean() <= 0.60


def test_an_edge_is_found_and_only_that():
    returns = noise(365, 40)
    returns[11] += 0.006
    found = superior_ability(returns)
    assert found.p < 0.01
    assert found.superior == (11,)
    assert found.adjusted.drop(11).min() > 0.05


def test_leverage_does_not_matter():
    returns = noise(300, 10)
    returns[3] += 0.004
    levered = returns * np.arange(1, 11)
    assert superior_ability(levered, block=3).p == pytest.approx(superior_ability(returns, block=3).p, abs=1e-10)


def test_twins_count_once():
    returns = noise(200, 8)
    doubled = pd.concat([returns, returns.add_prefix("again ")], axis=1)
    once, twice = superior_ability(returns), superior_ability(doubled)
    assert (twice.p, twice.trials) == (once.p, 8)
    np.testing.assert_array_equal(twice.adjusted.to_numpy(), np.tile(once.adjusted.to_numpy(), 2))
    returns[3] += 0.008
    found = superior_ability(pd.concat([returns, returns[[3]].add_prefix("again ")], axis=1))
    assert found.superior == (3, "again 3")
    assert found.found == superior_ability(returns).found == 1


def test_idle_trials_are_none():
    returns = noise(200, 4)
    with_idle = returns.assign(idle=0.0)
    found = superior_ability(with_idle)
    assert found.p == superior_ability(returns).p
    assert math.isnan(found.adjusted["idle"])


def test_block_follows_the_memory():
    random = np.random.default_rng(0)
    values = np.zeros((600, 5))
    for day in range(1, 600):
        values[day] = 0.6 * values[day - 1] + random.normal(0, 1, 5)
    assert automatic_block(values) > automatic_block(noise(600, 5).to_numpy())


def test_repeatable():
    returns = noise(100, 6)
    assert superior_ability(returns, seed=1).p == superior_ability(returns, seed=1).p
    assert superior_ability(returns, seed=1).p != superior_ability(returns, seed=2).p


@pytest.mark.parametrize(
    ("returns", "reason"),
    [(noise(10, 3), "10 days"), (noise(60, 2) * 0, "no trial's returns vary"), (noise(60, 0), "no trial")],
)
def test_thin_data_says_why(returns, reason):
    found = superior_ability(returns)
    assert reason in found.reason
    assert math.isnan(found.p)


def test_the_market_itself_does_not_beat_it():
    market = noise(60, 1)[0]
    assert "differs" in superior_ability(market.to_frame(), market).reason


def test_wrong_input():
    returns = noise(60, 3)
    with pytest.raises(InputError, match="days"):
        superior_ability(returns, returns[0].iloc[1:])
    with pytest.raises(InputError, match="undefined"):
        superior_ability(returns, returns[0].where(returns.index != returns.index[4]))
