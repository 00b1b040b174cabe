"""Regimes as hidden states of returns: fitted on some days, and told of each day from the days up to it alone.

A day is an observation: where returns are of other candles than daily ones, it is one of these.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["HiddenStates", "bic_table", "filtered", "fit_states", "hamilton_filter", "smoothed"]

Vector = NDArray[np.float64]

#: Random starts of each fit: of a likelihood with several peaks five missed the highest in three of thirteen fits to
#: daily returns of bitcoin.
STARTS, _FEWER_STARTS = 30, 5

#: A state with fewer of the days than this share is a few outliers.
_RAREST = 0.05


@dataclass(frozen=True)
class HiddenStates:
    """A fitted model: each day is in one of several states, whose returns are normal; the calmest comes first.

    Attributes
    ----------
    means, deviations
        Of the daily returns in each state.
    transitions
        Row the state of a day, column that of the next.
    start
        Probabilities of the first day.
    likelihood
        Logarithm, of the days that it was fitted to.
    converged
        Whether the fit came to its end.
    """

    means: Vector
    deviations: Vector
    transitions: Vector
    start: Vector
    likelihood: float
    converged: bool

    @property
    def durations(self) -> Vector:
        """Expected days of a stay in each state."""
        stay = np.diag(self.transitions)
        return np.divide(1.0, 1.0 - stay, out=np.full(len(stay), math.inf), where=stay < 1.0)


def fit_states(returns: Vector, count: int, *, seed: int = 0) -> HiddenStates:
    """Fit states with normal returns to days: Hamilton's (1989) switching model, a hidden Markov model.

    The likelihood is maximized from several starts (`statsmodels`).

    Parameters
    ----------
    returns
        Daily returns, fractions.
    count
        How many states.
    seed
        Of the starts.
    """
    scale = float(returns.std())
    if count == 1:
        normal = -0.5 * len(returns) * (math.log(2 * math.pi * scale**2) + 1.0)
        return HiddenStates(np.array([returns.mean()]), np.array([scale]), np.ones((1, 1)), np.ones(1), normal, True)
    fitted = _fitted(returns / scale, count, seed)
    order = np.argsort(fitted.deviations)
    return HiddenStates(
        fitted.means[order] * scale, fitted.deviations[order] * scale, fitted.transitions[np.ix_(order, order)],
        fitted.start[order], fitted.likelihood - len(returns) * math.log(scale), fitted.converged)


def _fitted(values: Vector, count: int, seed: int) -> HiddenStates:
    from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

    model = MarkovRegression(values, k_regimes=count, trend="c", switching_variance=True)
    state = np.random.get_state()  # statsmodels draws its starts from numpy's own generator
    np.random.seed(seed)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = _maximized(model)
    finally:
        np.random.set_state(state)
    names = dict(zip(model.param_names, np.asarray(fitted.params), strict=True))
    transitions = np.maximum(np.asarray(fitted.regime_transition)[:, :, 0].T, 0.0)  # the last is 1 less the others
    transitions /= transitions.sum(axis=1, keepdims=True)
    return HiddenStates(
        np.array([names[f"const[{place}]"] for place in range(count)]),
        np.sqrt([names[f"sigma2[{place}]"] for place in range(count)]), transitions,
        _stationary(transitions),
        float(fitted.llf), bool(getattr(fitted, "mle_retvals", {}).get("converged", False)))


def _maximized(model: Any) -> Any:
    """Return where the likelihood is largest.

    A search ends at times in a state that is one value, or is left each time: from there statsmodels goes nowhere,
    above all where returns repeat, as those of coarse ticks do. Then it is searched less, and at last there is one
    start, as statsmodels chooses it, without improving it by expectation and maximization before.
    """
    for begun in ({"search_reps": STARTS}, {"search_reps": _FEWER_STARTS}, {}, {"em_iter": 0}):
        try:
            fitted = model.fit(disp=False, maxiter=200, **begun)
        except (ValueError, RuntimeError):  # numpy.linalg's are among them
            continue
        if np.isfinite(fitted.params).all():
            return fitted
    return model.smooth(model.start_params)


def _stationary(transitions: Vector) -> Vector:
    count = len(transitions)
    system = np.vstack([transitions.T - np.eye(count), np.ones(count)])
    found: Vector = np.linalg.lstsq(system, np.r_[np.zeros(count), 1.0], rcond=None)[0]
    return np.clip(found, 0.0, 1.0)


def _densities(model: HiddenStates, returns: Vector) -> Vector:
    away = (returns[:, None] - model.means) / model.deviations
    found: Vector = np.exp(-0.5 * away**2) / (model.deviations * math.sqrt(2.0 * math.pi))
    return np.maximum(found, 1e-300)


def filtered(model: HiddenStates, returns: Vector) -> tuple[Vector, Vector]:
    """Return how probable each state is on each day, from the returns up to that day alone, and each day's density.

    Hamilton's filter. The density is that of a day's return, as the days before it foretold it.

    Parameters
    ----------
    model
        Fitted to any days.
    returns
        Daily returns.

    Returns
    -------
    probabilities, densities
        (days, states) and (days,).
    """
    return hamilton_filter(_densities(model, returns), model.start, model.transitions)


def hamilton_filter(likely: Vector, start: Vector, transitions: Vector) -> tuple[Vector, Vector]:
    """Return the same as :func:`filtered` for any states (Hamilton 1989).

    Parameters
    ----------
    likely
        Density of each day's value in each state: (days, states).
    start
        Probabilities of the first day's states, before it is seen.
    transitions
        Row the state of a day, column that of the next.
    """
    found, density, foretold = np.empty_like(likely), np.empty(len(likely)), start
    for day in range(len(likely)):
        joint = foretold * likely[day]
        density[day] = joint.sum()
        found[day] = joint / density[day]
        foretold = found[day] @ transitions
    return found, density


def smoothed(model: HiddenStates, returns: Vector) -> Vector:
    """Return how probable each state was on each day, from all days, those after it too (Kim 1994): hindsight."""
    forward, _ = filtered(model, returns)
    found = forward.copy()
    for day in range(len(returns) - 2, -1, -1):
        foretold = forward[day] @ model.transitions
        possible = (found[day + 1] > 0) & (foretold > 0)
        ratio = np.zeros(len(foretold))
        # As logarithms, and only what they are to each other: a state for one wild day is foretold at 1e-300.
        logs = np.log(found[day + 1][possible]) - np.log(foretold[possible])
        ratio[possible] = np.exp(logs - logs.max())
        joint = forward[day] * (model.transitions @ ratio)
        found[day] = joint / joint.sum() if joint.sum() > 0 else forward[day]
    return found


def bic_table(returns: Vector, most: int = 3, *, seed: int = 0) -> dict[int, float]:
    """Return Schwarz's criterion by the number of states: the least is best.

    States that do not last are fat tails, not regimes: more than one state counts only where it also does better than
    a mixture of as many normals with days that have no order, and each holds a twentieth of the days. It is infinite
    otherwise.

    Parameters
    ----------
    returns
        Daily returns.
    most
        The largest number that is tried.
    seed
        As in :func:`fit_states`.
    """
    from sklearn.mixture import GaussianMixture

    days = len(returns)
    found = {1: -2.0 * fit_states(returns, 1).likelihood + 2 * math.log(days)}
    for count in range(2, most + 1):
        model = fit_states(returns, count, seed=seed)
        value = -2.0 * model.likelihood + (2 * count + count * (count - 1)) * math.log(days)
        # begun where the states are: the mixture is then as good as it can be, and only the order of days is left
        scaled = (returns / returns.std())[:, None]
        mixture = GaussianMixture(
            count, tol=1e-8, max_iter=5_000, random_state=seed, means_init=model.means[:, None] / returns.std(),
            precisions_init=((returns.std() / model.deviations) ** 2)[:, None, None],
            weights_init=_shares(model, returns))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of steps that got shorter than anybody counts, not short enough
            mixture.fit(scaled)
        without = (-2.0 * days * (float(mixture.score(scaled)) - math.log(float(returns.std())))
                   + (3 * count - 1) * math.log(days))
        rarest = float(_shares(model, returns).min())
        found[count] = value if model.converged and value < without and rarest >= _RAREST else math.inf
    return found


def _shares(model: HiddenStates, returns: Vector) -> Vector:
    """Return the share of the days that is in each state; they add up to one."""
    found = smoothed(model, returns).mean(axis=0)
    shares: Vector = found / found.sum()
    return shares
