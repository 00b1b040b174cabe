"""What is too good to be true, and what rewritten markets deny."""

import math

import numpy as np
import pytest
from scipy.stats import kurtosis, norm, skew

from jesse_nb.core.analysis.luck.doubts import BELIEVABLE_SHARPE, CONFIDENCE, LUCKY_SHARPE, denied, too_good
from jesse_nb.core.analysis.luck.significance import FEW_ACTIVE_DAYS, FEW_DAYS
from tests.calibration.too_good import suspected


def days_of(sharpe, days, *, seed=0, active=None):
    """Daily returns whose own annual Sharpe ratio is exactly so much; beyond ``active`` days nothing moves."""
    noise = np.random.default_rng(seed).normal(size=active or days)
    sample = np.zeros(days)
    sample[: len(noise)] = noise - noise.mean()
    if active:
        sample[:active] += 2.0
        return sample * 0.01
    return 0.01 * (sample / sample.std(ddof=1) + sharpe / math.sqrt(365))


def low_end(sample, trials=1.0):
    """The interval's lower end, written out: Mertens (2002), (n - 1) as Bailey and López de Prado (2012)."""
    ratio = sample.mean() / sample.std(ddof=1)
    fourth = kurtosis(sample, fisher=False)
    error = math.sqrt((1 - skew(sample) * ratio + (fourth - 1) / 4 * ratio**2) / (len(sample) - 1))
    return (ratio - norm.isf((1 - CONFIDENCE) / 2 / trials) * error) * math.sqrt(365)


@pytest.mark.parametrize("trials", [1.0, 25.0])
@pytest.mark.parametrize("days", [60, 200, 1_000])
def test_the_whole_interval_must_lie_above_what_was_ever_traded(days, trials):
    verdicts = set()
    for sharpe in np.arange(3.0, 16.0, 0.25):
        sample = days_of(sharpe, days)
        found = too_good(sample, trials)
        beyond = low_end(sample, trials) > BELIEVABLE_SHARPE
        verdicts.add(beyond)
        assert (found is not None and found.outcome == "too good to be true") == beyond
        if beyond:
            assert f"{low_end(sample, trials):.2f} to " in found.line
        elif sharpe > LUCKY_SHARPE + 1e-9:
            assert found.outcome == "too little data"
            assert "a short lucky period, not a skill" in found.line
        else:
            assert found is None
    assert verdicts == {True, False}


def test_few_days_and_few_that_moved_are_a_short_lucky_period():
    assert too_good(days_of(20.0, FEW_DAYS)).outcome == "too good to be true"
    assert too_good(days_of(20.0, FEW_DAYS - 1)).outcome == "too little data"
    assert too_good(days_of(20.0, 100, active=FEW_ACTIVE_DAYS)).outcome == "too good to be true"
    found = too_good(days_of(20.0, 100, active=FEW_ACTIVE_DAYS - 1))
    assert found.outcome == "too little data"
    assert f"100 days, {FEW_ACTIVE_DAYS - 1} of them with a gain or loss, is a short lucky period" in found.line


@pytest.mark.parametrize("sample", [[], [0.01], [0.01] * 90, [0.0] * 90, [math.nan] * 90, -days_of(9.0, 90)])
def test_what_has_no_ratio_or_a_bad_one_is_not_too_good(sample):
    assert too_good(sample) is None


@pytest.mark.parametrize(("gained", "markets", "is_denied"), [
    (0, 4, False), (0, 5, True), (1, 8, True), (2, 8, False), (41, 100, True), (42, 100, False), (0, 0, False),
])
def test_markets_deny_what_a_coin_would_not(gained, markets, is_denied):
    profits = [1.0] * gained + [-1.0] * (markets - gained) + [math.nan] * 3
    found = denied(profits)
    assert (found is not None) == is_denied
    if is_denied:
        p = sum(math.comb(markets, k) for k in range(gained + 1)) / 2**markets
        assert found.line == (f"denied by its scenarios: it gains in {gained} of {markets} markets made anew "
                              f"(p = {p:.3f}), where chance gives half")


def test_honest_strategies_are_suspected_in_one_study_of_a_hundred_and_readers_of_the_future_in_all():
    many = 250  # the whole table: python -m tests.calibration.too_good
    for days in (365, 1_095):
        alarms = [suspected(shape, 2.5, days, many) for shape in ("many small losses", "many small gains", "fat tails")]
        assert sum(alarms) <= 0.01 * many * len(alarms)
    assert suspected("many small losses", 11.0, 365, 40) == 40
