"""Long clusters of volatility are found where they are, and seldom where they are not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from jesse_nb.core.analysis.risk.volatility_clusters import volatility_clusters
from tests.calibration.value_at_risk import returns_of


@pytest.mark.parametrize(("kind", "fewest", "most"), [("normal", 0, 1), ("t", 0, 1), ("garch", 8, 10)])
def test_clusters_are_told_from_independent_days(kind, fewest, most):
    found = [volatility_clusters(returns_of(kind, 500, seed)[0]) for seed in range(10)]
    long = [one for one in found if one.p < 0.01 and not one.half_life < 10]
    assert fewest <= len(long) <= most


def test_the_statistic_is_the_definition_written_out():
    sample = returns_of("garch", 400, 3)[0]
    ranks = stats.rankdata(np.abs(sample - sample.mean()))
    ranks -= ranks.mean()
    mean = np.mean([np.sum(ranks[lag:] * ranks[:-lag]) / np.sum(ranks**2) for lag in range(1, 21)])
    z = (mean + 1 / 400) / math.sqrt(1 / 400 / 20)
    assert volatility_clusters(sample).p == pytest.approx(stats.norm.sf(z))


def test_alike_days_have_none():
    found = volatility_clusters(np.zeros(100))
    assert found.p == 1.0
    assert math.isnan(found.half_life)
