"""Cointegration against statsmodels and published figures."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.datasets import danish_data
from statsmodels.tsa.stattools import adfuller, coint
from statsmodels.tsa.vector_ar.vecm import coint_johansen

from jesse_nb.core.analysis.markets.cointegration import (
    engle_granger,
    half_life,
    hedge_ratio,
    johansen,
    johansen_pair,
    unit_root_p,
)


@pytest.fixture(scope="module")
def danish() -> np.ndarray:
    """Money, income, bond and deposit rate of Denmark (Johansen and Juselius 1990), by quarters."""
    return danish_data.load().data[["lrm", "lry", "ibo", "ide"]].to_numpy(dtype=float)


def test_johansen_on_the_danish_data(danish):
    seasons = np.tile(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]]) - 0.25, (20, 1))[:len(danish)]
    found = johansen(danish, constant="restricted", beside=seasons)
    assert found.eigenvalues == pytest.approx([0.43317, 0.17758, 0.11279, 0.04341], abs=5e-6)
    assert found.trace == pytest.approx([49.14, 19.06, 8.69, 2.35], abs=0.005)
    assert found.maximum == pytest.approx([30.09, 10.36, 6.34, 2.35], abs=0.01)


@pytest.mark.parametrize("lags", [1, 2, 3])
def test_johansen_as_statsmodels_has_it(danish, lags):
    same = coint_johansen(danish, 0, lags)
    found = johansen(danish, lags)
    assert found.trace == pytest.approx(same.lr1, rel=1e-8)
    assert found.maximum == pytest.approx(same.lr2, rel=1e-8)


@pytest.mark.parametrize("seed", range(6))
def test_engle_granger_as_statsmodels_has_it(seed):
    random = np.random.default_rng(seed)
    x = np.cumsum(random.normal(size=300))
    y = x * 0.7 * (seed % 2) + np.convolve(random.normal(size=302), [0.5, 0.3, 0.2], "valid")
    y = y if seed % 3 else np.cumsum(random.normal(size=300))
    statistic, p, _ = coint(y, x, trend="c", autolag="aic")
    found = engle_granger(y, x)
    assert (found.statistic, found.p) == pytest.approx((statistic, p), rel=1e-9)
    assert unit_root_p(y) == pytest.approx(adfuller(y, autolag="AIC")[1], rel=1e-9)
    assert found.lags == adfuller(y - np.polyval(np.polyfit(x, y, 1), x), regression="n", autolag="AIC")[2]


def test_prices_that_wander_alone_pass_on_returns_and_not_on_logs():
    random = np.random.default_rng(5)
    walks = [np.cumsum(random.normal(0, 0.01, (200, 2)), axis=0) for _ in range(40)]
    on_logs = sum(engle_granger(logs[:, 0].copy(), logs[:, 1].copy()).p < 0.05 for logs in walks)
    moves = [np.diff(logs, axis=0) for logs in walks]
    on_returns = sum(engle_granger(part[:, 0].copy(), part[:, 1].copy()).p < 0.05 for part in moves)
    assert on_returns == 40
    assert on_logs <= 6


def test_the_trace_of_a_pair_has_the_published_level():
    """Johansen and Juselius 1990, table A2, two walks without drift, constant unrestricted: 15.583 and 17.844."""
    from scipy.stats import gamma

    from jesse_nb.core.analysis.markets import cointegration

    mean, variance = cointegration._TRACE_MEAN, cointegration._TRACE_VARIANCE
    law = gamma(mean**2 / variance, scale=variance / mean)
    assert law.ppf([0.9, 0.95]) == pytest.approx([15.583, 17.844], rel=0.01)


def test_what_holds_together_is_found_in_either_order():
    random = np.random.default_rng(3)
    x = np.cumsum(random.normal(size=400))
    y = 1.5 * x + random.normal(size=400)
    assert johansen_pair(x, y) == pytest.approx(johansen_pair(y, x)) or \
        johansen_pair(x, y).statistic == pytest.approx(johansen_pair(y, x).statistic)
    assert johansen_pair(x, y).p < 1e-6


def test_hedge_ratios():
    random = np.random.default_rng(1)
    x, y = random.normal(size=(2, 200))
    constant, slope = hedge_ratio(y, x)
    assert (slope, constant) == pytest.approx(tuple(np.polyfit(x, y, 1)))
    line = 2.0 + 0.5 * x
    assert hedge_ratio(line, x, "tls") == pytest.approx((2.0, 0.5))
    _, forwards = hedge_ratio(x + y, x, "tls")
    _, back = hedge_ratio(x, x + y, "tls")
    assert forwards == pytest.approx(1 / back)


def test_half_life_of_a_simulated_process():
    random = np.random.default_rng(2)
    spread = np.zeros(20_000)
    for step in range(1, len(spread)):
        spread[step] = 0.95 * spread[step - 1] + random.normal()
    found = half_life(spread)
    assert found.low < 13.513 < found.high
    assert found.value == pytest.approx(13.513, rel=0.1)
    assert half_life(np.cumsum(np.ones(50))).value == np.inf
