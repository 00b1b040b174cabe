"""How wild tomorrow is: variances that follow the days before, and what they leave of each return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["VolatilityFit", "VolatilityModel", "conditional_variance", "fit_volatility", "parameter_draws",
           "simulate_horizons"]

Floats = NDArray[np.float64]

VolatilityModel = Literal["garch", "gjr", "ewma"]

#: RiskMetrics' decay for daily returns (1996).
_DECAY = 0.94

#: ``arch`` wants returns of about 1 to 1,000, so it is given percent.
_PERCENT = 100.0


@dataclass(frozen=True)
class VolatilityFit:
    """A variance of tomorrow: ``omega + (alpha + gamma [r < mu]) (r - mu)^2 + beta variance of today``.

    Attributes
    ----------
    model
        ``garch`` (Bollerslev 1986), ``gjr`` (Glosten, Jagannathan and Runkle 1993) or ``ewma`` (RiskMetrics 1996:
        nothing is fitted).
    mu, omega, alpha, gamma, beta
        Of daily returns as fractions.
    covariance
        Of the estimates, in the order ``mu, omega, alpha, (gamma,) beta``, robust; None where nothing is fitted.
    reason
        Why there is no fit; empty otherwise.
    """

    model: VolatilityModel
    mu: float = 0.0
    omega: float = 0.0
    alpha: float = 1.0 - _DECAY
    gamma: float = 0.0
    beta: float = _DECAY
    covariance: Floats | None = None
    reason: str = ""

    @property
    def estimates(self) -> Floats:
        """What was fitted, in the order of ``covariance``."""
        own = (self.gamma,) if self.model == "gjr" else ()
        return np.array([self.mu, self.omega, self.alpha, *own, self.beta])


def fit_volatility(returns: Floats, model: VolatilityModel) -> VolatilityFit:
    """Fit a model to daily returns (fractions) with a constant mean, by quasi-maximum likelihood (``arch``).

    A fit that did not converge, or whose variance would grow without end, is none: it has a reason.
    """
    if model == "ewma":
        return VolatilityFit(model)
    from arch.univariate import arch_model

    given: Any = arch_model(returns * _PERCENT, mean="Constant", vol="GARCH", p=1, o=int(model == "gjr"), q=1,
                            rescale=False)
    try:
        found = given.fit(disp="off", show_warning=False)
        covariance = np.asarray(found.param_cov, dtype=float)
    except (ValueError, np.linalg.LinAlgError) as error:
        return VolatilityFit(model, reason=f"the {model.upper()} model could not be fitted: {error}")
    names = {name.partition("[")[0]: float(value) for name, value in found.params.items()}
    persistence = names["alpha"] + names["beta"] + names.get("gamma", 0.0) / 2.0
    if found.convergence_flag != 0 or not np.isfinite(list(names.values())).all():
        return VolatilityFit(model, reason=f"the {model.upper()} model did not converge")
    if persistence > 1.0 + 1e-6:
        return VolatilityFit(model, reason=f"the variance of the fitted {model.upper()} model grows without end")
    scale = np.array([_PERCENT, _PERCENT**2, *([1.0] * (len(names) - 2))])
    robust = covariance / np.outer(scale, scale)
    return VolatilityFit(model, names["mu"] / _PERCENT, names["omega"] / _PERCENT**2, names["alpha"],
                         names.get("gamma", 0.0), names["beta"],
                         robust if np.isfinite(robust).all() else None)


def conditional_variance(returns: Floats, fit: VolatilityFit, known: int | None = None) -> Floats:
    """Return the variance that each day (T,) was expected to have from the days before, and that of the day after.

    Shape (T + 1,). The first is the mean square of the first ``known`` returns (of all, without it): a forecast must
    not begin with what came later.
    """
    from scipy.signal import lfilter

    away = returns - fit.mu
    shock = fit.omega + (fit.alpha + fit.gamma * (away < 0)) * away**2
    first = float((away[:known] ** 2).mean())
    driven, _ = lfilter([1.0], [1.0, -fit.beta], shock, zi=[fit.beta * first])
    return np.concatenate([[first], driven])


def parameter_draws(fit: VolatilityFit, count: int, random: np.random.Generator) -> list[VolatilityFit]:
    """Return fits whose parameters are drawn from the normal distribution of the estimates.

    Draws that are no model (negative, or with a variance that grows without end) are left out; where nothing was
    fitted, or none is left, it is the fit itself.
    """
    if fit.covariance is None:
        return [fit] * count
    drawn = random.multivariate_normal(fit.estimates, fit.covariance, size=count, method="eigh")
    gjr = fit.model == "gjr"
    gamma = drawn[:, 3] if gjr else np.zeros(count)
    mu, omega, alpha, beta = drawn[:, 0], drawn[:, 1], drawn[:, 2], drawn[:, -1]
    able = (omega > 0) & (alpha >= 0) & (alpha + gamma >= 0) & (beta >= 0) & (alpha + beta + gamma / 2 < 1)
    kept = [VolatilityFit(fit.model, *row) for row in
            np.column_stack([mu, omega, alpha, gamma, beta])[able].tolist()]
    return kept or [fit] * count


def simulate_horizons(
    fit: VolatilityFit, variance: float, residuals: Floats, horizons: tuple[int, ...], paths: int,
    random: np.random.Generator,
) -> dict[int, Floats]:
    """Return returns over each horizon (days), compounded, of paths that go on from today.

    Each day's shock is one of the residuals, drawn again, times that day's own volatility (filtered historical
    simulation: Barone-Adesi, Giannopoulos and Vosper 1999).

    Parameters
    ----------
    fit, variance
        The model, and the variance that it expects of the first day.
    residuals
        Standardized, to draw from.
    horizons
        In days.
    paths
        How many.
    random
        What draws.
    """
    found: dict[int, Floats] = {}
    now, growth = np.full(paths, variance), np.ones(paths)
    for day in range(1, max(horizons) + 1):
        away = np.sqrt(now) * random.choice(residuals, paths)
        growth *= np.maximum(1.0 + fit.mu + away, 0.0)
        now = fit.omega + (fit.alpha + fit.gamma * (away < 0)) * away**2 + fit.beta * now
        if day in horizons:
            found[day] = growth - 1.0
    return found
