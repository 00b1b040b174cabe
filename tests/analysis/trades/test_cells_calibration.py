"""Results that scale with volatility are not called different in wild times; means that differ are found.

A part of ``tests/calibration/mean_differences.py``, which prints all of it. All seeds are fixed.
"""

from __future__ import annotations

import pytest
from scipy.stats import mannwhitneyu

from jesse_nb.core.analysis.market.regimes import regimes_at_entry
from tests.calibration.mean_differences import false_alarms, found
from tests.calibration.noise import ARRANGEMENTS, SHAPES, noise

pytestmark = pytest.mark.usefixtures("_without_collecting")


@pytest.fixture
def _without_collecting(monkeypatch):
    """multipletests collects garbage every time, most of its time in a large process."""
    monkeypatch.setattr("gc.collect", lambda *_: 0)


def test_noise_that_scales_with_volatility_is_hardly_ever_called_better_or_worse():
    alarms = [false_alarms(shape, arrangement, 4, 150) for shape in SHAPES for arrangement in ARRANGEMENTS]
    assert sum(alarms) <= 3  # of 64


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
