"""Jump models and change points: every way tried, planted states, and no look at the future."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.analysis.markets.regime_labels import (
    SETTLED,
    ChangePoints,
    _sorted_into,
    change_points,
    cheapest_way,
    fit_jumps,
    jump_features,
    refit_labels,
)
from tests.analysis.markets.test_hidden_states import planted


@pytest.mark.parametrize("seed", range(4))
def test_the_cheapest_way_is_the_cheapest_of_all(seed):
    losses, penalty = np.random.default_rng(seed).exponential(1.0, (7, 3)), 0.8
    ways = [np.array(way) for way in itertools.product(range(3), repeat=7)]
    costs = [losses[np.arange(7), way].sum() + penalty * (np.diff(way) != 0).sum() for way in ways]
    assert np.array_equal(cheapest_way(losses, penalty), ways[int(np.argmin(costs))])


def test_a_jump_model_is_at_rest_and_told_by_prefixes():
    returns, _ = planted(300)
    model = fit_jumps(returns, 2)
    points = np.clip((jump_features(returns)[SETTLED:] - model.middle) / model.scale, -3, 3)
    way = model.hindsight(returns)
    for state in range(2):  # each centre is the mean of its days
        assert model.centres[state] == pytest.approx(points[way[SETTLED:] == state].mean(axis=0))
    assert returns[way == 0].std() < returns[way == 1].std()
    told = model.told(returns)
    for day in (80, 150, 299):  # the last state of the cheapest way through the days so far
        assert told[day] == model.hindsight(returns[: day + 1])[day]


def test_a_jump_model_finds_what_lasts():
    random = np.random.default_rng(5)
    returns = np.r_[random.normal(0.002, 0.01, 250), random.normal(-0.004, 0.04, 150), random.normal(0.002, 0.01, 200)]
    truth = np.repeat([0, 1, 0], [250, 150, 200])
    model = fit_jumps(returns, 2)
    assert (model.hindsight(returns)[SETTLED:] == truth[SETTLED:]).mean() > 0.85
    assert (model.told(returns)[SETTLED:] == truth[SETTLED:]).mean() > 0.8


def test_features_are_those_of_the_paper():
    returns = planted(200)[0]
    weights = 0.5 ** (np.arange(200)[::-1] / 20)
    below = np.minimum(returns, 0) ** 2
    sortino = (weights @ returns) / weights.sum() / np.sqrt((weights @ below) / weights.sum())
    assert jump_features(returns)[-1, 1] == pytest.approx(sortino)
    half = pd.Series(below).ewm(halflife=10).mean().iloc[-1] ** 0.5
    assert jump_features(returns)[-1, 0] == pytest.approx(half)


def test_planted_changes_are_found():
    random = np.random.default_rng(2)
    returns = np.r_[random.normal(0, 0.01, 150), random.normal(0, 0.04, 100), random.normal(0, 0.01, 150)]
    found = change_points(returns)
    assert found.ends == pytest.approx((150, 250, 400), abs=5)
    assert found.states == (0, 1, 0)
    assert found.volatilities == pytest.approx((0.01, 0.04, 0.01), rel=0.15)
    assert change_points(random.normal(0, 0.02, 400)).states == (0,)
    assert found.told(np.zeros(420))[-1] == 0
    assert len(found.told(np.zeros(420))) == 420


def squares(logs, days, states):
    return sum(float((days[own] * (logs[own] - np.average(logs[own], weights=days[own])) ** 2).sum())
               for own in (states == state for state in np.unique(states)))


@pytest.mark.parametrize("count", [2, 3, 4])
def test_stretches_are_sorted_with_the_least_squares_of_all(count):
    # of a real market, where ten starts of k-means end at 90.54
    days = np.array([60, 65, 130, 280, 195, 45, 230, 50, 20, 20])
    spread = np.array([.013665, .029278, .033517, .036393, .040036, .044685, .051742, .084693, .095204, .138190])
    if count == 2:
        found = np.array(_sorted_into(spread, days, 2))
        assert squares(np.log(spread), days, found) == pytest.approx(90.0923, abs=0.001)
        assert found.tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 1, 1]
    for seed in range(20):
        random = np.random.default_rng(seed)
        days = random.integers(20, 200, 7)
        spread = np.exp(random.normal(-3.5, 0.5, 7))
        spread[3] = spread[5]
        found = np.array(_sorted_into(spread, days, count))
        values, which = np.unique(spread, return_inverse=True)
        best = min(squares(np.log(spread), days, np.searchsorted(cuts, which, side="right"))
                   for cuts in itertools.combinations(range(1, len(values)), count - 1))
        assert squares(np.log(spread), days, found) == pytest.approx(best, abs=1e-9)
        assert found[3] == found[5]
        assert sorted(set(found.tolist())) == list(range(count))
        assert (np.diff(found[np.argsort(spread)]) >= 0).all()
    assert _sorted_into(np.array([0.02, 0.02]), np.array([30, 30]), count) == (0, 0)


def test_an_account_that_has_not_traded_yet_is_one_stretch():
    assert change_points(np.zeros(240)) == ChangePoints((240,), (0.0,), (0,))


@pytest.mark.parametrize("fit", [lambda past: fit_jumps(past, 2), change_points])
def test_the_future_changes_nothing_and_labels_keep_their_names(fit):
    returns, _ = planted(500)
    altered = returns.copy()
    altered[400:] = 0.1
    clean, poisoned = (list(refit_labels(values, 200, 100, fit)) for values in (returns, altered))
    assert [part.place for part in clean] == [200, 300, 400]
    for part, other in itertools.islice(zip(clean, poisoned, strict=True), 2):
        assert np.array_equal(part.states, other.states)
    assert np.isnan(clean[0].changed)
    for part in clean:  # names do not swap
        past = returns[: part.place]
        assert past[part.past == 0].std() < past[part.past == 1].std()
