"""Were the forecasts right? Tests of how often, when, and how deep losses went beyond the value at risk.

Each test says what it can *not* see, too: its power, the probability that it would have rejected a forecast that is
wrong by a stated amount. Where that is low, "not rejected" says little.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import xlogy

from jesse_nb.core.analysis.risk.rolling_forecasts import Forecasts

__all__ = ["ALTERNATIVES", "SIGNIFICANCE", "TESTS", "TrafficLight", "Transitions", "conditional_coverage",
           "duration_statistic", "forecast_tests", "independence", "kupiec", "kupiec_power", "shortfall_statistics",
           "traffic_light"]

Floats = NDArray[np.float64]
Hits = NDArray[np.bool_]

SIGNIFICANCE = 0.05
TESTS = ("kupiec", "independence", "conditional_coverage", "durations", "z1", "z2")

#: The wrong forecast that a test's power is the probability of rejecting.
ALTERNATIVES = {
    "kupiec": "exceeded twice as often",
    "independence": "one exceedance in three follows another",
    "conditional_coverage": "exceeded twice as often",
    "durations": "one exceedance in three follows another",
    "z1": "losses beyond it 1.5 times as deep",
    "z2": "exceeded twice as often",
}

#: Under the alternative of clusters: the probability that the day after an exceedance is one.
_FOLLOWS = 1.0 / 3.0

#: Simulated samples: of dates of exceedances, and of their depths.
_SIMULATED, _DEPTHS = 2_000, 1_000
_COLUMNS = ("statistic", "p", "power", "days", "exceedances", "expected", "reason")


class Transitions(NamedTuple):
    """From one day to the next: how often neither, only the second, only the first, or both were exceeded."""

    n00: int
    n01: int
    n10: int
    n11: int


class TrafficLight(NamedTuple):
    """The Basel Committee's zones (1996), of the last 250 days at 99 %.

    ``zone`` is green, yellow or red: below 95 %, from there, and from 99.99 % of ``probability``, that a right model
    has so many ``exceedances`` or fewer. With a ``reason`` there is none.
    """

    zone: str
    exceedances: int
    probability: float
    reason: str = ""


def kupiec(days: int, exceedances: int, p: float) -> tuple[float, float]:
    """Test whether the value at risk is exceeded as often as it should be (Kupiec 1995).

    Parameters
    ----------
    days, exceedances
        How many days, and how many of them lost more.
    p
        How often it should be: 0.05 at 95 %.

    Returns
    -------
    tuple
        The likelihood ratio, and its p-value (chi-square, 1 degree of freedom).

    Examples
    --------
    >>> ratio, p = kupiec(1043, 57, 0.05)
    >>> round(ratio, 5), round(p, 5)
    (0.46147, 0.49694)
    """
    ratio = float(_kupiec_ratio(days, np.asarray(exceedances), p))
    return ratio, _chi2_sf(ratio, 1)


def kupiec_power(days: int, p: float, true: float) -> float:
    """Return the probability that :func:`kupiec` rejects at 5 % when the true rate is ``true``; exact."""
    from scipy.stats import binom

    counts = np.arange(days + 1, dtype=float)
    rejected = _kupiec_ratio(days, counts, p) > _chi2_ppf(1)
    return float(binom.pmf(counts[rejected], days, true).sum())


def independence(counts: Transitions) -> tuple[float, float]:
    """Test whether an exceedance makes one on the next day more likely (Christoffersen 1998).

    Examples
    --------
    >>> ratio, p = independence(Transitions(n00=932, n01=53, n10=53, n11=4))
    >>> round(ratio, 5), round(p, 5)
    (0.25866, 0.61104)
    """
    ratio = float(_independence_ratio(*map(np.asarray, counts)))
    return ratio, _chi2_sf(ratio, 1)


def conditional_coverage(days: int, exceedances: int, counts: Transitions, p: float) -> tuple[float, float]:
    """Test rate and independence together: the sum of both ratios, 2 degrees of freedom (Christoffersen 1998)."""
    ratio = kupiec(days, exceedances, p)[0] + independence(counts)[0]
    return ratio, _chi2_sf(ratio, 2)


def duration_statistic(hits: Hits) -> Floats:
    """Return how much better a Weibull distribution fits the days between exceedances than one without memory.

    Christoffersen and Pelletier's likelihood ratio (2004), the first and the last duration censored where the sample
    does not begin or end with an exceedance; the shape is looked for on a grid from 0.2 to 5.

    Parameters
    ----------
    hits
        Whether each day was an exceedance, (samples, days).

    Returns
    -------
    numpy.ndarray
        (samples,); NaN with fewer than two exceedances.
    """
    return np.array([_duration_ratio(np.flatnonzero(row), len(row)) for row in np.atleast_2d(hits)])


def shortfall_statistics(returns: Floats, var: Floats, es: Floats, p: float) -> tuple[float, float]:
    """Return Acerbi and Szekely's Z1 and Z2 (2014): zero where the shortfall is right, below where losses are deeper.

    Z1 asks how deep the losses beyond the value at risk are (NaN without one), Z2 how deep and how many.

    Parameters
    ----------
    returns, var, es
        What came, and the forecasts (losses above zero), of each day, (n,).
    p
        How often the value at risk should be exceeded.
    """
    beyond = returns < -var
    depth = float((returns[beyond] / es[beyond]).sum())
    count = int(beyond.sum())
    return (depth / count + 1.0 if count else math.nan), depth / (len(returns) * p) + 1.0


def traffic_light(returns: Floats, var: Floats, level: float) -> TrafficLight:
    """Return the zone of the last 250 days; defined for 99 % only."""
    from scipy.stats import binom

    if abs(level - 0.99) > 1e-9:
        return TrafficLight("", 0, math.nan, "it is defined for 99 % only")
    if len(returns) < 250:
        return TrafficLight("", 0, math.nan, f"it is defined for 250 days, and {len(returns):,} were forecast")
    count = int((returns[-250:] < -var[-250:]).sum())
    probability = float(binom.cdf(count, 250, 0.01))
    zone = "green" if probability < 0.95 else "yellow" if probability < 0.9999 else "red"
    return TrafficLight(zone, count, probability)


def forecast_tests(
    forecasts: Forecasts, seed: int = 0, *, powers: bool = True
) -> tuple[pd.DataFrame, dict[float, TrafficLight]]:
    """Test one method's forecasts at each level.

    Parameters
    ----------
    forecasts
        What was forecast, and what came. Days without a forecast are left out.
    seed
        Of the simulated p-values and powers.
    powers
        Whether to simulate the powers of Z1 and Z2, which takes two thirds of the time; NaN without.

    Returns
    -------
    tuple
        A table with index ``confidence``, ``test`` (:data:`TESTS`) and columns ``statistic``, ``p``, ``power`` (against
        :data:`ALTERNATIVES`, at 5 %), ``days``, ``exceedances``, ``expected``, ``reason`` why there is none; and the
        traffic light by level.
    """
    rows: dict[tuple[float, str], tuple[object, ...]] = {}
    lights: dict[float, TrafficLight] = {}
    for place, level in enumerate(forecasts.levels):
        known = np.flatnonzero(np.isfinite(forecasts.var[:, place]))
        tested = _Tested(forecasts, known, place, round(1.0 - level, 12), seed, powers=powers)
        reason = forecasts.reasons[place] or ("" if len(known) >= 2 else "no day was forecast")
        for test in TESTS:
            found = _Outcome(reason=reason) if reason else tested.outcome(test)
            rows[level, test] = (found.statistic, found.p, found.power, len(known), int(tested.hits.sum()),
                                 len(known) * tested.p, found.reason)
        lights[level] = TrafficLight("", 0, math.nan, reason) if reason else traffic_light(
            tested.returns, tested.var, level)
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=list(_COLUMNS))
    frame.index = pd.MultiIndex.from_tuples(rows, names=["confidence", "test"])
    return frame, lights


class _Outcome(NamedTuple):
    statistic: float = math.nan
    p: float = math.nan
    power: float = math.nan
    reason: str = ""


class _Tested:
    """The forecasts of one level that are tested, and what the tests of depth simulate once for both of them."""

    def __init__(self, forecasts: Forecasts, known: NDArray[np.int64], place: int, p: float, seed: int, *,
                 powers: bool) -> None:
        self.returns, self.var = forecasts.returns[known], forecasts.var[known, place]
        self.p, self.hits = p, self.returns < -self.var
        self._es, self._seed, self._powers = forecasts.es[known, place], seed, powers
        self._quantile, self._known = forecasts.quantile, known
        self._depths: dict[str, tuple[Floats, Floats]] = {}

    def outcome(self, test: str) -> _Outcome:
        days, count = len(self.hits), int(self.hits.sum())
        if test == "kupiec":
            return _Outcome(*kupiec(days, count, self.p), kupiec_power(days, self.p, 2.0 * self.p))
        if test in ("z1", "z2"):
            return self._shortfall(test)
        simulated = _simulated_hits(days, self.p, self._seed)
        if test == "durations":
            value = float(duration_statistic(self.hits)[0])
            if math.isnan(value):
                return _Outcome(reason=f"{count} exceedances have no time between them")
            null = simulated.durations[np.isfinite(simulated.durations)]
            return _Outcome(value, _simulated_p(null, value), simulated.durations_power)
        counts = transitions(self.hits)
        if not count:
            return _Outcome(reason="there is no exceedance that another could follow")
        if test == "independence":
            return _Outcome(*independence(counts), simulated.independence_power)
        return _Outcome(*conditional_coverage(days, count, counts, self.p), simulated.coverage_power)

    def _shortfall(self, test: str) -> _Outcome:
        if not (self._es > 0).all():
            return _Outcome(reason="on some days the forecast shortfall is no loss")
        value = shortfall_statistics(self.returns, self.var, self._es, self.p)[test == "z2"]
        if math.isnan(value):
            return _Outcome(reason="no loss went beyond the value at risk")
        place = int(test == "z2")
        null = self._simulate("")[place]
        null = null[np.isfinite(null)]
        p = _simulated_p(-null, -value)
        if not self._powers:
            return _Outcome(value, p)
        wrong = self._simulate(test)[place]
        wrong = wrong[np.isfinite(wrong)]
        return _Outcome(value, p, float((wrong < np.quantile(null, SIGNIFICANCE)).mean()))

    def _simulate(self, alternative: str) -> tuple[Floats, Floats]:
        """Return Z1 and Z2 of samples drawn from the forecast distributions, or from an alternative to them."""
        if alternative not in self._depths:
            days = len(self.hits)
            if alternative == "z1":  # the same samples, each loss as many times as deep
                z1, z2 = self._simulate("")
                self._depths[alternative] = 1.5 * (z1 - 1.0) + 1.0, 1.5 * (z2 - 1.0) + 1.0
                return self._depths[alternative]
            rate = 2.0 * self.p if alternative == "z2" else self.p
            random = np.random.default_rng([self._seed, days, round(1e6 * self.p)])
            sample, day = np.nonzero(random.random((_DEPTHS, days)) < rate)
            drawn = self._quantile(random.random(len(day)) * self.p, self._known[day])
            depth = np.bincount(sample, drawn / self._es[day], minlength=_DEPTHS)
            count = np.bincount(sample, minlength=_DEPTHS)
            with np.errstate(divide="ignore", invalid="ignore"):
                self._depths[alternative] = depth / count + 1.0, depth / (days * self.p) + 1.0
        return self._depths[alternative]


def transitions(hits: Hits) -> Transitions:
    """Count from one day to the next."""
    before, after = hits[:-1], hits[1:]
    return Transitions(int((~before & ~after).sum()), int((~before & after).sum()), int((before & ~after).sum()),
                       int((before & after).sum()))


class _SimulatedHits(NamedTuple):
    durations: Floats
    durations_power: float
    independence_power: float
    coverage_power: float


@lru_cache(maxsize=64)
def _simulated_hits(days: int, p: float, seed: int) -> _SimulatedHits:
    """Simulate days of exceedance under a right model, in clusters, and twice as often."""
    random = np.random.default_rng([seed, days, round(1e6 * p)])
    right = random.random((_SIMULATED, days)) < p
    clustered = _clusters(random, days, p)
    often = random.random((_SIMULATED, days)) < 2.0 * p
    durations, wrong = duration_statistic(right), duration_statistic(clustered)
    known = durations[np.isfinite(durations)]
    limit = float(np.quantile(known, 1.0 - SIGNIFICANCE)) if len(known) else math.inf
    together = _kupiec_ratio(days, often.sum(axis=1), p) + _independence_ratio(*_all_transitions(often))
    return _SimulatedHits(
        durations, float((wrong > limit).mean()),
        float((_independence_ratio(*_all_transitions(clustered)) > _chi2_ppf(1)).mean()),
        float((together > _chi2_ppf(2)).mean()),
    )


def _clusters(random: np.random.Generator, days: int, p: float) -> Hits:
    """Return exceedances that are as frequent as they should be, of which one in three follows another."""
    after_none = p * (1.0 - _FOLLOWS) / (1.0 - p)
    drawn = random.random((_SIMULATED, days))
    hits = np.zeros((_SIMULATED, days), dtype=bool)
    hits[:, 0] = drawn[:, 0] < p
    for day in range(1, days):
        hits[:, day] = drawn[:, day] < np.where(hits[:, day - 1], _FOLLOWS, after_none)
    return hits


def _all_transitions(hits: Hits) -> tuple[Floats, Floats, Floats, Floats]:
    before, after = hits[:, :-1], hits[:, 1:]
    both, second, first = (before & after).sum(axis=1), after.sum(axis=1), before.sum(axis=1)
    return before.shape[1] - first - second + both, second - both, first - both, both


def _kupiec_ratio(days: int, exceedances: Floats, p: float) -> Floats:
    share = exceedances / days
    kept = days - exceedances
    ratio: Floats = 2.0 * (xlogy(kept, 1.0 - share) + xlogy(exceedances, share)
                           - xlogy(kept, 1.0 - p) - xlogy(exceedances, p))
    return np.maximum(ratio, 0.0)


def _independence_ratio(n00: Floats, n01: Floats, n10: Floats, n11: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        after_none = n01 / (n00 + n01)
        after_one = np.where(n10 + n11 > 0, n11 / (n10 + n11), 0.0)
        any_day = (n01 + n11) / (n00 + n01 + n10 + n11)
    ratio: Floats = 2.0 * (xlogy(n00, 1 - after_none) + xlogy(n01, after_none) + xlogy(n10, 1 - after_one)
                           + xlogy(n11, after_one) - xlogy(n00 + n10, 1 - any_day) - xlogy(n01 + n11, any_day))
    return np.maximum(ratio, 0.0)


_SHAPES = np.geomspace(0.2, 5.0, 81)  # its middle is 1, the one without memory


def _duration_ratio(at: NDArray[np.int64], days: int) -> float:
    if len(at) < 2:
        return math.nan
    whole = np.diff(at).astype(float)
    open_ended = np.array([at[0] + 1 if at[0] else 0, days - 1 - at[-1]], dtype=float)
    count = len(whole)
    every = np.concatenate([whole, open_ended[open_ended > 0]])
    summed = (every[None, :] ** _SHAPES[:, None]).sum(axis=1)
    likelihood = count * np.log(count / summed) + count * np.log(_SHAPES) + (_SHAPES - 1) * np.log(whole).sum()
    return float(2.0 * (likelihood.max() - likelihood[len(_SHAPES) // 2]))


def _simulated_p(null: Floats, value: float) -> float:
    """Return the share of simulated statistics as large, the one that happened counted with them."""
    return float(((null >= value - 1e-12).sum() + 1) / (len(null) + 1))


def _chi2_sf(ratio: float, freedom: int) -> float:
    from scipy.stats import chi2

    return float(chi2.sf(ratio, freedom))


@lru_cache(maxsize=4)
def _chi2_ppf(freedom: int) -> float:
    from scipy.stats import chi2

    return float(chi2.ppf(1.0 - SIGNIFICANCE, freedom))
