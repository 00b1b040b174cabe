"""Hidden states against statsmodels' own filter and smoother, planted states, and returns that have none."""

from __future__ import annotations

import itertools
import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import norm
from statsmodels.tsa.regime_switching.markov_autoregression import MarkovAutoregression
from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

from jesse_nb.core.analysis.markets.hidden_states import (
    HiddenStates,
    bic_table,
    filtered,
    fit_states,
    hamilton_filter,
    smoothed,
)

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


@pytest.mark.filterwarnings("ignore:Unknown pytest.mark")  # statsmodels keeps the data in a test of its own
def test_hamiltons_model_of_output_has_the_published_likelihood():
    """Hamilton 1989, growth of GNP with four lags: each state is what the last five quarters were, 32 of them."""
    from statsmodels.tsa.regime_switching.tests.test_markov_autoregression import rgnp

    growth, means, variance = np.array(rgnp), np.array([-0.3588, 1.1635]), 0.5914
    lags = np.array([0.0135, -0.0575, -0.2470, -0.2129])
    stay = np.array([[0.7547, 0.2453], [0.0959, 0.9041]])
    states = np.array(list(itertools.product((0, 1), repeat=5)))  # this quarter's first
    follows = (states[None, :, 1:] == states[:, None, :-1]).all(axis=2)
    transitions = follows * stay[states[:, None, 0], states[None, :, 0]]
    start = np.linalg.matrix_power(transitions, 500)[0]
    past = np.column_stack([growth[4 - lag: len(growth) - lag] for lag in range(1, 5)])
    expected = means[states[:, 0]] + (past[:, None, :] - means[states[:, 1:]]) @ lags
    likely = norm.pdf(growth[4:, None], expected, np.sqrt(variance))
    told, density = hamilton_filter(likely, start, transitions)
    assert np.log(density).sum() == pytest.approx(-181.263, abs=0.001)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = MarkovAutoregression(growth, k_regimes=2, order=4, switching_ar=False).smooth(
            np.r_[0.7547, 0.0959, means, variance, lags])
    recession = told[:, states[:, 0] == 0].sum(axis=1)
    assert recession == pytest.approx(oracle.filtered_marginal_probabilities[:, 0], abs=1e-8)


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


def test_a_state_for_one_wild_day_is_smoothed_as_by_exact_arithmetic():
    """Densities next to zero: products of all paths, in whole numbers of any length, are the oracle."""
    returns = np.array([0.0, 0.001, -0.6, 0.0005, 0.0])
    transitions = np.array([[1.0 - 1e-12, 1e-12], [1.0, 0.0]])
    model = HiddenStates(np.array([0.0, -0.6]), np.array([0.0005, 0.001]), transitions, np.array([1.0, 0.0]), 0.0, True)
    likely = np.maximum(norm.pdf(returns[:, None], model.means, model.deviations), 1e-300)
    exact = [[Fraction(0)] * 2 for _ in returns]
    for path in itertools.product((0, 1), repeat=len(returns)):
        weight = Fraction(model.start[path[0]])
        for day, state in enumerate(path):
            weight *= Fraction(likely[day, state]) * (Fraction(transitions[path[day - 1], state]) if day else 1)
        for day, state in enumerate(path):
            exact[day][state] += weight
    oracle = np.array([[float(part / sum(row)) for part in row] for row in exact])
    found = smoothed(model, returns)
    assert found == pytest.approx(oracle, abs=1e-12)
    assert found.sum(axis=1) == pytest.approx(np.ones(len(returns)))
    assert found[2, 1] == pytest.approx(1.0)


def test_no_transition_is_less_than_impossible():
    """For these days statsmodels gives one of -3e-15, which made a bitcoin's year no regimes but an error."""
    model = fit_states(np.random.default_rng(4).normal(0, 1, 150), 3)
    assert model.transitions.min() >= 0
    assert model.transitions.sum(axis=1) == pytest.approx(np.ones(3))


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


@pytest.mark.parametrize("seed", [3, 9])
def test_returns_that_repeat_have_a_fit(seed):
    """Of coarse ticks: the search ends in a state of one value, where statsmodels found no singular values."""
    returns = np.round(np.random.default_rng(seed).standard_t(3, 180) * 0.004, 3)
    found = fit_states(returns, 3)
    assert np.isfinite([*found.means, *found.deviations, *found.transitions.ravel(), found.likelihood]).all()
    density = filtered(found, returns)[1]
    assert found.likelihood == pytest.approx(np.log(density).sum(), abs=0.01)
    assert found.likelihood > fit_states(returns, 1).likelihood


def test_the_highest_of_several_peaks_is_found():
    """Five starts ended 1.16 below it."""
    returns = np.random.default_rng(41).standard_t(3, 150) * 0.015
    peaks = []
    for seed in range(20):  # each from its own place
        np.random.seed(seed)
        model = MarkovRegression(returns * 100, k_regimes=2, trend="c", switching_variance=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            peaks.append(float(model.fit(search_reps=3, disp=False).llf) + 150 * math.log(100))
    assert max(peaks) - min(peaks) > 0.5
    assert fit_states(returns, 2).likelihood == pytest.approx(max(peaks), abs=0.01)


@pytest.mark.parametrize("error", [ValueError("Could not untransform parameters."),
                                   RuntimeError("Steady-state probabilities could not be constructed.")])
def test_where_no_start_leads_anywhere_it_has_not_converged(monkeypatch, error):
    def fails(self, *args, **given):
        raise error

    monkeypatch.setattr(MarkovRegression, "fit", fails)
    found = fit_states(planted(200)[0], 2)
    assert not found.converged
    assert np.isfinite([*found.means, *found.deviations, *found.transitions.ravel()]).all()
