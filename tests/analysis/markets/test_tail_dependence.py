"""Tail dependence against closed forms and simulated copulas; drawdowns counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.analysis.markets.tail_dependence import (
    deep_drawdown,
    drawdown_overlap,
    fit_t_copula,
    normal_tail,
    t_copula_tail,
)


def drawn(rho, freedom, count, seed):
    random = np.random.default_rng(seed)
    values = random.multivariate_normal([0, 0], [[1, rho], [rho, 1]], count)
    return values if freedom is None else values / np.sqrt(random.chisquare(freedom, count) / freedom)[:, None]


def test_the_limits_of_the_t_copula():
    assert t_copula_tail(0.8, 4) == pytest.approx(0.48959, abs=5e-6)
    assert t_copula_tail(1.0, 4) == 1.0
    assert t_copula_tail(-1.0, 4) == 0.0
    assert t_copula_tail(0.5, 1e6) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("rho", [-0.7, 0.0, 0.3, 0.9])
def test_the_normal_tail_at_the_median_is_sheppards(rho):
    assert normal_tail(rho, 0.5) == pytest.approx(2 * (0.25 + math.asin(rho) / (2 * math.pi)), abs=1e-4)


def test_the_normal_tail_is_what_is_counted():
    values = drawn(0.7, None, 200_000, 0)
    low = values < np.quantile(values, 0.05, axis=0)
    assert normal_tail(0.7, 0.05) == pytest.approx(low.all(axis=1).mean() / 0.05, abs=0.01)
    assert normal_tail(1.0, 0.05) == 1.0


@pytest.mark.parametrize(("rho", "freedom"), [(0.6, 3.0), (0.8, 6.0)])
def test_a_t_copula_is_found_again(rho, freedom):
    values = drawn(rho, freedom, 4_000, 1)
    found = fit_t_copula(np.exp(values[:, 0]), values[:, 1] ** 3)  # only the ranks count
    assert found.rho == pytest.approx(rho, abs=0.03)
    assert found.freedom == pytest.approx(freedom, rel=0.3)
    assert found.tail == pytest.approx(t_copula_tail(rho, freedom), abs=0.05)


def test_a_normal_copula_has_no_tail_to_speak_of():
    assert fit_t_copula(*drawn(0.6, None, 4_000, 2).T).tail < 0.06
    one = np.arange(50.0)
    assert fit_t_copula(one, one).tail == 1.0


def test_drawdowns_overlap_as_counted():
    returns = pd.DataFrame({"a": [0.0, -0.2, 0.0, 0.25, 0.0, -0.05], "b": [0.0, 0.0, -0.1, 0.0, 1 / 9, 0.0]})
    deep = deep_drawdown(returns)
    assert deep["a"].tolist() == [False, True, True, False, False, False]
    assert deep["b"].tolist() == [False, False, True, True, False, False]
    assert drawdown_overlap(deep, "a", "b") == pytest.approx(1 / 3)
    assert math.isnan(drawdown_overlap(deep_drawdown(returns.abs()), "a", "b"))
