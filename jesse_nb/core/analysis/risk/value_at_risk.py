"""What a bad day, or a bad week, costs: value at risk and expected shortfall by several methods, each with an interval.

Losses are positive and in percent of the equity before them. The *value at risk* of 99 % over a day is the loss that
one day in a hundred exceeds; the *expected shortfall* is the mean loss of those that do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from jesse_nb.core.analysis.luck.significance import Resamples, stationary_resamples
from jesse_nb.core.analysis.resampling.resampled_paths import stationary_blocks
from jesse_nb.core.analysis.risk.tail_models import (
    FEWEST_FREEDOM,
    MOST_FREEDOM,
    StudentT,
    Tail,
    cornish_fisher,
    cornish_fisher_domain,
    cornish_fisher_tail,
    empirical_tail,
    fit_student_t,
    mean_below,
    moments,
    normal_tail,
    student_t_sum,
    student_t_tail,
)
from jesse_nb.core.analysis.risk.volatility import (
    VolatilityFit,
    VolatilityModel,
    conditional_variance,
    fit_volatility,
    parameter_draws,
    simulate_horizons,
)

__all__ = ["FEWEST_BEYOND", "METHODS", "VarMethod", "not_a_sample", "tail_losses", "too_few_beyond"]

Floats = NDArray[np.float64]

VarMethod = Literal["historical", "normal", "t", "cornish_fisher", "monte_carlo", "fhs"]
METHODS: tuple[VarMethod, ...] = ("historical", "normal", "t", "cornish_fisher", "monte_carlo", "fhs")

#: A quantile of what happened is not given where fewer losses than this lie beyond it on average.
FEWEST_BEYOND = 5.0

#: A t distribution has no such spike: from this share of like returns on it would close in on that one value.
_MOST_ALIKE = 0.2

_COLUMNS = ("var", "var_low", "var_high", "es", "es_low", "es_high", "observations", "reason")

#: Returns of one whole history at a time are resampled so often; simulated paths by drawn parameters are dearer.
_DRAWS, _PATHS_A_DRAW = 200, 4_000


def tail_losses(
    returns: ArrayLike,
    methods: Sequence[VarMethod] = METHODS,
    *,
    confidence_levels: Sequence[float] = (0.95, 0.975, 0.99),
    horizons: Sequence[int] = (1, 5, 10),
    vol_model: VolatilityModel = "garch",
    seed: int = 0,
    resamples: int = 500,
    paths: int = 20_000,
) -> pd.DataFrame:
    """Compute value at risk and expected shortfall by method, confidence and horizon.

    ``historical``: the returns as they were; over several days of periods that do not overlap. ``normal``, ``t``: a
    distribution fitted to the days, which are taken as independent. ``cornish_fisher``: a normal one bent by skewness
    and kurtosis, which shrink as the horizon grows; none outside its domain. ``monte_carlo``: periods put together from
    blocks of days (stationary bootstrap). ``fhs``: filtered historical simulation, whose volatility is that of the last
    days.

    Parameters
    ----------
    returns
        Daily returns (fractions), in the order of time, that :func:`not_a_sample` finds nothing wrong with.
    methods
        Which.
    confidence_levels
        Above zero, below one: 0.99 is 99 %.
    horizons
        Days ahead.
    vol_model
        Of ``fhs``.
    seed, resamples, paths
        Of what is drawn: intervals by ``resamples`` histories, multi-day losses by ``paths``.

    Returns
    -------
    pandas.DataFrame
        Index ``method``, ``confidence``, ``horizon``. Columns ``var``, ``es`` (percent of equity, a loss above zero,
        less than zero where even that day gains), each with a 95 % interval ``_low``, ``_high``: quantiles over
        histories resampled in blocks (of ``fhs``: over drawn parameters and residuals); ``observations``, the days or
        periods it rests on; ``reason`` why there is no figure.
    """
    sample = np.asarray(returns, dtype=float)
    p = 1.0 - np.asarray(confidence_levels, dtype=float)
    resampled = stationary_resamples(sample, seed=seed, resamples=resamples)
    given = _Given(sample, p, tuple(int(days) for days in horizons), seed, resampled, paths, vol_model)
    rows: dict[tuple[str, float, int], tuple[Any, ...]] = {}
    for method in methods:
        for horizon, found in _BY_METHOD[method](given).items():
            for place, level in enumerate(confidence_levels):
                rows[method, float(level), horizon] = _row(found, place)
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=list(_COLUMNS))
    frame.index = pd.MultiIndex.from_tuples(rows, names=["method", "confidence", "horizon"])
    return frame


def not_a_sample(returns: Floats, needed: int) -> str:
    """Return why daily returns have no tail to speak of; empty when they have."""
    lost = np.flatnonzero(returns <= -1.0)
    if len(lost):
        return f"the account was lost on day {lost[0] + 1:,}"
    if len(returns) < needed:
        return f"there are {len(returns):,} days, and {needed:,} are needed"
    if not np.isfinite(returns).all():
        return "some returns are undefined"
    return "the equity never changes" if float(np.ptp(returns)) < 1e-14 else ""


def too_few_beyond(observations: int, p: float, what: str = "days") -> str:
    """Say that so few observations do not reach a quantile; empty where they do."""
    expected = observations * p
    if expected >= FEWEST_BEYOND - 1e-9:
        return ""
    needed = math.ceil(FEWEST_BEYOND / p - 1e-9)
    return f"{observations:,} {what} have {expected:.1f} such losses on average; {needed:,} are needed to have five"


class _Given(NamedTuple):
    """What every method is given."""

    sample: Floats
    p: Floats
    horizons: tuple[int, ...]
    seed: int
    resampled: Resamples
    paths: int
    vol_model: VolatilityModel

    def random(self, *more: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *more])


class _Found(NamedTuple):
    """One method over one horizon: the tail of the returns, that of each resample, and why some have none."""

    tail: Tail
    drawn: Tail
    observations: int
    reasons: tuple[str, ...]


def _row(found: _Found, place: int) -> tuple[Any, ...]:
    reason = found.reasons[place]
    if reason:
        return (*[math.nan] * 6, found.observations, reason)
    figures: list[float] = []
    for value, drawn in zip(found.tail, found.drawn, strict=True):
        low, high = np.nanquantile(-drawn[:, place], [0.025, 0.975])
        figures += [-float(value[0, place]) * 100.0, float(low) * 100.0, float(high) * 100.0]
    return (*figures, found.observations, "")


def _nothing(given: _Given, reason: str) -> dict[int, _Found]:
    none = Tail(np.full((1, len(given.p)), np.nan), np.full((1, len(given.p)), np.nan))
    return {horizon: _Found(none, none, len(given.sample), (reason,) * len(given.p)) for horizon in given.horizons}


def _historical(given: _Given) -> dict[int, _Found]:
    histories = given.resampled.paths

    def of(horizon: int) -> _Found:
        periods = compounded(given.sample[None, :], horizon)
        count = periods.shape[1]
        what = "days" if horizon == 1 else f"periods of {horizon} days that do not overlap"
        reasons = tuple(too_few_beyond(count, p, what) for p in given.p)
        return _Found(empirical_tail(periods, given.p), empirical_tail(compounded(histories, horizon), given.p), count,
                      reasons)

    return {horizon: of(horizon) for horizon in given.horizons}


def compounded(paths: Floats, horizon: int) -> Floats:
    """Return the returns over periods of so many days that do not overlap, up to the last day: (n, T // horizon)."""
    count = paths.shape[1] // horizon
    growth = 1.0 + paths[:, paths.shape[1] - count * horizon:]
    periods: Floats = growth.reshape(len(paths), count, horizon).prod(axis=2) - 1.0
    return periods


def _monte_carlo(given: _Given) -> dict[int, _Found]:
    resampled = given.resampled
    days = len(given.sample)
    reasons = tuple(too_few_beyond(days, p) for p in given.p)
    wealth = np.concatenate([np.ones((len(resampled.paths), 1)), np.cumprod(1.0 + resampled.paths, axis=1)], axis=1)

    def of(horizon: int) -> _Found:
        drawn = stationary_blocks(given.sample, horizon, resampled.block)(given.random(horizon), given.paths)
        # the spread over whole histories: that periods overlap within one is no matter for it
        over = wealth[:, horizon:] / wealth[:, :-horizon] - 1.0
        periods = (1.0 + drawn).prod(axis=1) - 1.0 if horizon > 1 else given.sample  # drawn days are those that were
        return _Found(empirical_tail(periods[None, :], given.p), empirical_tail(over, given.p), days, reasons)

    return {horizon: of(horizon) for horizon in given.horizons}


def _fitted(given: _Given, one_day: Callable[[Floats], Tail], many_days: Callable[[Floats, int, Floats], Floats],
            reasons: tuple[str, ...]) -> dict[int, _Found]:
    """Return a fitted distribution's tails: of simple returns for a day, of summed log returns for several."""
    histories = given.resampled.paths

    def over(paths: Floats, horizon: int) -> Tail:
        if horizon == 1:
            return one_day(paths)
        logs = np.log1p(np.maximum(paths, -0.9999))
        deep = [mean_below(p) for p in given.p]
        quantiles = np.exp(many_days(logs, horizon, np.concatenate([given.p, *(at for at, _ in deep)]))) - 1.0
        first, *rest = np.split(quantiles, np.cumsum([len(given.p), *(len(at) for at, _ in deep)])[:-1], axis=1)
        return Tail(first, np.column_stack([part @ weight for part, (_, weight) in zip(rest, deep, strict=True)]))

    return {horizon: _Found(over(given.sample[None, :], horizon), over(histories, horizon), len(given.sample), reasons)
            for horizon in given.horizons}


def _normal(given: _Given) -> dict[int, _Found]:
    from scipy.special import ndtri

    def several(logs: Floats, horizon: int, p: Floats) -> Floats:
        mean, spread, *_ = moments(logs)
        quantiles: Floats = horizon * mean[:, None] + math.sqrt(horizon) * spread[:, None] * ndtri(p)
        return quantiles

    return _fitted(given, lambda paths: normal_tail(*moments(paths)[:2], given.p), several, ("",) * len(given.p))


def _student_t(given: _Given) -> dict[int, _Found]:
    alike = _share_alike(given.sample)
    if alike > _MOST_ALIKE:
        return _nothing(given, f"{alike * 100:.0f} % of the days have the very same return: no t distribution has that")

    def fit(paths: Floats) -> StudentT:  # of the resamples the spread is wanted, not the last digits
        return fit_student_t(paths, 30, 20) if len(paths) == 1 else fit_student_t(paths, 12, 4)

    fitted: dict[int, StudentT] = {}  # by how many histories: the days' own fit, and that of the resamples

    def several(logs: Floats, horizon: int, p: Floats) -> Floats:
        if len(logs) not in fitted:
            fitted[len(logs)] = fit(logs)
        return student_t_horizon(fitted[len(logs)], horizon, p)

    return _fitted(given, lambda paths: student_t_tail(fit(paths), given.p), several, ("",) * len(given.p))


def _share_alike(sample: Floats) -> float:
    """Return the share of the most frequent value."""
    return float(np.unique(sample, return_counts=True)[1].max() / len(sample))


def student_t_horizon(fitted: StudentT, horizon: int, p: Floats) -> Floats:
    """Return quantiles (n, k) of the sum of ``horizon`` independent days of each fitted t distribution."""
    wanted = tuple(float(level) for level in p)
    if len(fitted.loc) == 1:
        unit = np.array([student_t_sum(float(fitted.freedom[0]), horizon, wanted)])
    else:  # by a table over 1 / freedom, in which the quantiles change slowly
        grid = np.linspace(1 / MOST_FREEDOM, 1 / FEWEST_FREEDOM, 13)
        table = np.array([student_t_sum(float(1 / freedom), horizon, wanted) for freedom in grid])
        unit = np.column_stack([np.interp(1 / fitted.freedom, grid, column) for column in table.T])
    quantiles: Floats = horizon * fitted.loc[:, None] + fitted.scale[:, None] * unit
    return quantiles


def _cornish_fisher(given: _Given) -> dict[int, _Found]:
    from scipy.special import ndtri

    _, _, skew, kurtosis = moments(given.sample[None, :])
    if not cornish_fisher_domain(skew, kurtosis)[0]:
        return _nothing(given, f"skewness {skew[0]:.2f} and excess kurtosis {kurtosis[0]:.2f} are outside the domain "
                               "where the expansion rises: it is no quantile there")

    def several(logs: Floats, horizon: int, p: Floats) -> Floats:
        mean, spread, skew, kurtosis = moments(logs)
        skew, kurtosis = skew / math.sqrt(horizon), kurtosis / horizon
        spread = np.where(cornish_fisher_domain(skew, kurtosis), spread, np.nan)
        bent = cornish_fisher(ndtri(p)[None, :], skew, kurtosis)
        quantiles: Floats = horizon * mean[:, None] + math.sqrt(horizon) * spread[:, None] * bent
        return quantiles

    return _fitted(given, lambda paths: cornish_fisher_tail(*moments(paths), given.p), several, ("",) * len(given.p))


def _filtered(given: _Given) -> dict[int, _Found]:
    fit = fit_volatility(given.sample, given.vol_model)
    if fit.reason:
        return _nothing(given, fit.reason)
    days = len(given.sample)
    reasons = tuple(too_few_beyond(days, p) for p in given.p)

    def simulated(one: VolatilityFit, paths: int, random: np.random.Generator, *, again: bool) -> dict[int, Tail]:
        variance = conditional_variance(given.sample, one)
        residuals = (given.sample - one.mu) / np.sqrt(variance[:-1])
        if again:
            residuals = random.choice(residuals, days)
        drawn = simulate_horizons(one, float(variance[-1]), residuals, given.horizons, paths, random)
        tails = {horizon: empirical_tail(values[None, :], given.p) for horizon, values in drawn.items()}
        if 1 in tails:  # no simulation needed
            exact, away = empirical_tail(residuals[None, :], given.p), math.sqrt(variance[-1])
            tails[1] = Tail(one.mu + away * exact.quantile, one.mu + away * exact.below)
        return tails

    random = given.random(1)
    tails = simulated(fit, given.paths, random, again=False)
    drawn = [simulated(draw, _PATHS_A_DRAW, random, again=True) for draw in parameter_draws(fit, _DRAWS, random)]
    return {horizon: _Found(tails[horizon], Tail(*(np.concatenate([getattr(one[horizon], name) for one in drawn])
                                                   for name in Tail._fields)), days, reasons)
            for horizon in given.horizons}


_BY_METHOD: dict[VarMethod, Callable[[_Given], dict[int, _Found]]] = {
    "historical": _historical, "normal": _normal, "t": _student_t, "cornish_fisher": _cornish_fisher,
    "monte_carlo": _monte_carlo, "fhs": _filtered,
}
