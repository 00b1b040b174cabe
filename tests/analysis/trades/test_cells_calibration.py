"""Results that scale with volatility are not called different in wild times; means that differ are found.

A part of ``tests/calibration/mean_differences.py``, which prints all of it. All seeds are fixed.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from jesse_nb.core.analysis.market.regimes import regimes_at_entry
from jesse_nb.core.analysis.trades.group_performance import performance_by_group
from jesse_nb.core.analysis.trades.mean_differences import mean_differences
from tests.calibration.mean_differences import false_alarms, false_alarms_of_overlapping, found
from tests.calibration.noise import ARRANGEMENTS, HUGE, SHAPES, noise, results_of

pytestmark = pytest.mark.usefixtures("_without_collecting")


@pytest.fixture
def _without_collecting(monkeypatch):
    """multipletests collects garbage every time, most of its time in a large process."""
    monkeypatch.setattr("gc.collect", lambda *_: 0)


def test_noise_that_scales_with_volatility_is_hardly_ever_called_better_or_worse():
    alarms = [false_alarms(shape, arrangement, 4, 150) for shape in SHAPES for arrangement in ARRANGEMENTS]
    assert sum(alarms) <= 3  # of 64


def test_positions_that_overlap_are_hardly_ever_called_better_or_worse():
    """Taken for independent, half of these studies named a month or a regime."""
    assert false_alarms_of_overlapping(10, 500) <= 1


def test_where_a_few_huge_results_decide_nothing_is_compared():
    found = [performance_by_group(*noise(shape, "independent", seed)) for shape in HUGE for seed in range(4)]
    assert not any(study.survivors for study in found)
    silent = [study for study in found if not study.tested]
    assert len(silent) >= 5
    assert all("a few huge results decide" in study.sentence for study in silent)
    assert silent[0].table["reason"].str.contains("the index of their tail is").any()


def test_gains_alike_of_an_hour_of_large_results_are_no_proof_where_hours_differ_in_size():
    """Of results of which seven in ten are gains, twelve are gains by chance once in seventy hours."""
    random, hours = np.random.default_rng(5), np.repeat(np.arange(24), 12)
    results = np.exp(random.normal(0, 1, 24))[hours] * results_of(random, "many small gains", len(hours))
    results[hours == 5] = 8 + 0.8 * random.normal(size=12)
    days = np.arange(len(hours))
    assert mean_differences(results, hours, days).p[5] > 0.01
    # As surely as a gain is a gain: where seven in ten are losses, twelve gains of twelve are none of chance's.
    assert mean_differences(np.where(hours == 5, results, -results), hours, days).p[5] < 0.001
    # Nor is more asked for where hours do not differ in size.
    alike = np.where(hours == 5, results, results_of(random, "many small gains", len(hours)))
    assert mean_differences(alike, hours, days).p[5] < 0.001


def test_ranks_would_call_it_so():
    """What the test of means replaced: volatile times hold no skill, yet their ranks differ."""
    called = 0
    for seed in range(10):
        trades, candles = noise("many small losses", "independent", seed, count=500)
        wild = [regime == "high" for regime in regimes_at_entry(trades, candles).volatility]
        results = trades["pnl_percentage"]
        called += mannwhitneyu(results[wild], results[[not one for one in wild]]).pvalue < 0.05
    assert called >= 8


@pytest.mark.parametrize(("dimension", "cell", "by"), [("hour", "09", 3.0), ("month", "June", 1.5),
                                                       ("volatility", "high", 1.0)])
def test_a_mean_that_differs_is_found(dimension, cell, by):
    assert sum(found(shape, dimension, cell, by, 2, 300) for shape in SHAPES) >= 6  # of 8
