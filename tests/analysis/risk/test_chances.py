"""Probabilities of loss, ruin and a target, against the gambler's ruin and against counting."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.analysis.resampling.monte_carlo import bootstrap_days, project_ahead, simulated_paths
from jesse_nb.core.analysis.resampling.resampled_paths import path_figures, predictive
from jesse_nb.core.analysis.risk.chances import barriers_of, chances, worst_cases
from tests.calibration.projection import inside


def test_the_gamblers_ruin():
    """Who wins a step with 0.55 is ruined before 20 steps, from 10, with 0.11850."""
    step = math.log(1.05)
    bets = np.expm1(np.where(np.arange(2_000) < 1_100, step, -step))
    barriers = (math.exp(-10 * step), math.exp(10 * step))
    drawn = bootstrap_days(bets, 100.0, block=1, days=2_000, paths=4_000, barriers=barriers)
    found = chances(drawn, 100.0, target=True)
    assert found.loc["undecided", "probability"] == 0.0
    won = found.loc["target", "probability"]
    assert 1.0 - won == pytest.approx(0.11850, abs=3 * found.loc["target", "standard_error"])
    assert found.loc["target", "low"] < 1 - 0.11850 < found.loc["target", "high"]


def test_probabilities_are_counted_over_the_paths():
    paths = np.array([[0.1, 0.1, -0.9], [-0.6, 1.0, 2.0], [0.0, 0.3, 0.0], [0.01, -0.02, 0.0]])
    drawn = simulated_paths(paths, np.zeros(40) + np.linspace(0, 0.01, 40), 100.0, barriers=barriers_of(50.0, 20.0))
    found = chances(drawn, 100.0, target=True)["probability"]
    # the first reaches the target and is ruined then; the second is ruined first, and ends with a gain
    assert found.to_dict() == {"loss": 0.5, "ruin": 0.5, "target": 0.5, "undecided": 0.25}
    assert list(drawn.passages["fell_at"]) == [3, 1, 4, 4]
    assert list(drawn.passages["rose_at"]) == [2, 3, 2, 4]
    assert "target" not in chances(drawn, 100.0, target=False).index


def test_standard_errors_are_those_of_a_share():
    drawn = bootstrap_days(np.random.default_rng(0).standard_normal(200) * 0.02, 1.0, paths=1_000)
    row = chances(drawn, 1.0, target=False).loc["loss"]
    assert row["standard_error"] == pytest.approx(math.sqrt(row["probability"] * (1 - row["probability"]) / 1_000))


def test_a_total_loss_is_a_ruin_of_any_size():
    drawn = simulated_paths(np.array([[0.0, -1.0], [0.1, 0.1]]), np.linspace(0, 0.01, 40), 1.0,
                            barriers=barriers_of(100.0, None))
    assert chances(drawn, 1.0, target=False).loc["ruin", "probability"] == 0.5


def test_worst_cases_leave_so_many_paths_on_the_better_side():
    drawn = bootstrap_days(np.random.default_rng(1).standard_normal(300) * 0.02, 100.0, paths=2_000)
    for level, row in worst_cases(drawn, (0.9, 0.99)).iterrows():
        assert (drawn.samples["final_equity"] >= row["final_equity"]).mean() == pytest.approx(level, abs=0.002)
        assert (drawn.samples["max_drawdown"] >= row["max_drawdown"]).mean() == pytest.approx(level, abs=0.002)
        assert (drawn.samples["longest_underwater"] <= row["longest_underwater"]).mean() >= level


def test_first_passages_are_those_of_a_walk_by_hand():
    steps = np.random.default_rng(2).standard_normal((50, 30)) * 0.05
    found = path_figures(steps, (math.log(0.9), math.log(1.1)))
    wealth = np.cumprod(1 + steps, axis=1)
    for path in range(50):
        fell, rose = np.flatnonzero(wealth[path] <= 0.9), np.flatnonzero(wealth[path] >= 1.1)
        assert found.fell_at[path] == (fell[0] + 1 if len(fell) else 31)
        assert found.rose_at[path] == (rose[0] + 1 if len(rose) else 31)


def test_the_projection_is_wider_by_the_error_of_the_mean():
    """Of independent days the variance of the sum is that of the path and of the mean, as large again."""
    days = np.random.default_rng(3).standard_normal(400) * 0.01
    ahead = predictive(days, 400, 1)(np.random.default_rng(0), 6_000).sum(axis=1)
    assert ahead.var() == pytest.approx(2 * 400 * days.var(), rel=0.07)
    short = predictive(days, 40, 1)(np.random.default_rng(0), 6_000).sum(axis=1)
    assert short.var() == pytest.approx((40 + 40**2 / 400) * days.var(), rel=0.07)
    blocks = predictive(np.arange(10.0), 4, 4, fixed=True)(np.random.default_rng(0), 3)
    assert blocks.shape == (3, 4)


@pytest.mark.parametrize("kind", ["normal", "t", "skewed"])
def test_the_next_year_falls_into_the_fan(kind):
    """The small sister of tests/calibration/projection.py: 90 %, where a plain bootstrap has about 75 %."""
    held = inside(kind, 40, 400)
    assert held["final_equity, projection"] >= 0.8
    assert held["max_drawdown, projection"] >= 0.8
    assert held["final_equity, plain bootstrap"] < held["final_equity, projection"]


def test_the_same_seed_gives_the_same_paths():
    days = np.random.default_rng(4).standard_normal(100) * 0.01
    one, two, other = (project_ahead(days, 1.0, paths=200, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one.samples, two.samples)
    assert not one.samples.equals(other.samples)
    assert one.distributions["actual"].isna().all()
