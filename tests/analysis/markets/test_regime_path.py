"""Regimes told day by day: counted by hand, and with a future that must not matter."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.analysis.markets.regime_path import (
    days_late,
    forecast_record,
    performance_by_state,
    refit_path,
    volatility_states,
)

from .test_hidden_states import planted


def told(returns, seed=0):
    return list(refit_path(returns, 2, 300, 60, seed=seed))


def test_what_is_told_rests_on_days_before():
    returns, _ = planted(480)
    altered = returns.copy()
    altered[420:] = np.random.default_rng(0).standard_normal(60) * 0.2
    first, other = told(returns), told(altered)
    assert [fit.place for fit in first] == [300, 360, 420]
    for one, same in zip(first[:2], other[:2], strict=True):
        assert np.array_equal(one.probabilities, same.probabilities)
        assert np.array_equal(one.densities, same.densities)
    assert first[2].model.likelihood == other[2].model.likelihood  # made on the days before, too
    assert not np.array_equal(first[2].probabilities, other[2].probabilities)
    assert np.isnan(first[0].changed)
    assert 0 <= first[1].changed < 0.2  # the calmest stays the first: names do not swap


def test_normal_densities_are_of_the_past():
    returns, _ = planted(360)
    (fit,) = told(returns)
    past = returns[:300]
    from scipy.stats import norm

    assert fit.normal == pytest.approx(norm.pdf(returns[300:], past.mean(), past.std()))


def test_terciles_of_volatility_by_pandas():
    returns = planted(500)[0]
    found = volatility_states(returns, 200)
    spread = pd.Series(returns).rolling(30).std()
    for day in (200, 333, 499):
        ranked = spread.iloc[max(0, day - 364):day + 1].dropna()
        assert found[day - 200] == int(spread[day] > ranked.quantile(1 / 3)) + int(spread[day] > ranked.quantile(2 / 3))
    altered = returns.copy()
    altered[450:] = 0.3
    assert np.array_equal(volatility_states(altered, 200)[:250], found[:250])
    hindsight = volatility_states(returns, 29, hindsight=True)
    assert np.bincount(hindsight) == pytest.approx([157, 157, 157], abs=1)


def test_lateness_by_hand():
    hindsight = np.array([0, 0, 1, 1, 1, 1, 0, 0, 1, 0])
    as_told = np.array([0, 0, 0, 0, 1, 1, 0, 0, 0, 0])
    late, missed = days_late(as_told, hindsight)
    assert late.tolist() == [2.0, 0.0, 0.0]
    assert missed == 1
    assert days_late(as_told, np.zeros(10, dtype=int))[1] == 0


def test_performance_by_hand():
    random = np.random.default_rng(0)
    states = random.integers(0, 2, 400)
    returns = pd.Series(np.where(states, 0.02, 0.0) + 0.01 * random.standard_normal(400))
    found = performance_by_state(returns, states, 3)
    for state in (0, 1):
        part = returns[states == state]
        assert found.loc[state, "days"] == len(part)
        assert found.loc[state, "mean"] == pytest.approx(part.mean() * 100)
        assert found.loc[state, "volatility"] == pytest.approx(part.std() * np.sqrt(365) * 100)
        reach = 1.96 * part.std() / np.sqrt(len(part)) * 100
        assert found.loc[state, "high"] - found.loc[state, "low"] == pytest.approx(2 * reach, rel=0.25)
    assert (found["p_adjusted"].iloc[:2] < 1e-6).all()
    assert found.loc[2, "days"] == 0
    assert np.isnan(found.loc[2, "mean"])
    assert np.isnan(found.loc[2, "p"])


def test_the_record_tells_a_forecast_from_none():
    returns, _ = planted(900)
    fits = list(refit_path(returns, 2, 400, 250))
    densities, normal = (np.concatenate([getattr(fit, name) for fit in fits]) for name in ("densities", "normal"))
    good = forecast_record(densities, normal)
    assert good["gain"] > 0.1
    assert good["p"] < 0.01
    noise = np.random.default_rng(0).uniform(1, 2, (2, 500))
    assert forecast_record(*noise)["p"] > 0.05
