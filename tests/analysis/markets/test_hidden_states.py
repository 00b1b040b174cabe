"""Hidden states against statsmodels' own filter and smoother, planted states, and returns that have none."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

from jesse_nb.core.analysis.markets.hidden_states import bic_table, filtered, fit_states, smoothed

STAY = np.array([[0.98, 0.02], [0.05, 0.95]])


def planted(count: int = 900, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Returns of calm and wild days, and which they were."""
    random = np.random.default_rng(seed)
    states = np.zeros(count, dtype=int)
    for day in range(1, count):
        states[day] = random.choice(2, p=STAY[states[day - 1]])
    return np.where(states, random.normal(-0.001, 0.03, count), random.normal(0.001, 0.01, count)), states


@pytest.fixture(scope="module")
def fitted():
    returns, _ = planted()
    return fit_states(returns, 2)


def test_the_filter_is_statsmodels(fitted):
    returns, _ = planted()
    model = MarkovRegression(returns * 100, k_regimes=2, trend="c", switching_variance=True)
    params = np.r_[fitted.transitions[0, 0], fitted.transitions[1, 0], fitted.means * 100,
                   (fitted.deviations * 100) ** 2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = model.smooth(params)
    told, density = filtered(fitted, returns)
    assert told == pytest.approx(oracle.filtered_marginal_probabilities, abs=1e-8)
    assert smoothed(fitted, returns) == pytest.approx(oracle.smoothed_marginal_probabilities, abs=1e-8)
    assert np.log(density).sum() == pytest.approx(oracle.llf + len(returns) * math.log(100))
    assert fitted.likelihood == pytest.approx(np.log(density).sum(), rel=1e-6)


def test_planted_states_are_found_and_in_order(fitted):
    returns, states = planted()
    assert fitted.converged
    assert fitted.deviations == pytest.approx([0.01, 0.03], rel=0.1)
    assert np.diag(fitted.transitions) == pytest.approx([0.98, 0.95], abs=0.025)
    assert fitted.durations == pytest.approx(1 / (1 - np.diag(fitted.transitions)))
    told = filtered(fitted, returns)[0].argmax(axis=1)
    hindsight = smoothed(fitted, returns).argmax(axis=1)
    assert 0.9 < (told == states).mean() < (hindsight == states).mean()  # hindsight looks better
    again = fit_states(returns, 2)
    assert again.likelihood == fitted.likelihood


def test_the_filter_sees_no_day_after(fitted):
    returns, _ = planted()
    altered = returns.copy()
    altered[500:] = 0.2
    assert np.array_equal(filtered(fitted, returns)[0][:500], filtered(fitted, altered)[0][:500])
    assert not np.allclose(smoothed(fitted, returns)[:500], smoothed(fitted, altered)[:500])


def test_how_many_states_there_are():
    random = np.random.default_rng(0)
    chosen = [min(table, key=table.get) for table in (
        bic_table(planted(500)[0], 2), bic_table(random.normal(0, 0.02, 400), 2),
        bic_table(random.standard_t(3, 400) * 0.02, 2))]  # fat tails are no regimes
    assert chosen == [2, 1, 1]
