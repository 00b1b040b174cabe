"""Simulated studies: trials without skill that are unlike, alike or fat-tailed, and some with a planted edge."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from tests.conftest import real_candles

KINDS = ("independent", "fat tails", "one factor", "clusters", "neighbours")


def study(kind: str, seed: int, *, days: int = 365, trials: int = 40, edge: float = 0.0) -> tuple[pd.DataFrame, int]:
    """Daily returns, and the number of the trial with the best Sharpe ratio.

    ``edge`` is the true annual Sharpe ratio of the first tenth of the trials, which resemble each other.
    """
    random = np.random.default_rng([seed, KINDS.index(kind)])
    own = random.normal(size=(days, trials))
    if kind == "fat tails":
        own = random.standard_t(3, (days, trials))
    elif kind == "one factor":
        own = math.sqrt(0.5) * (random.normal(size=(days, 1)) + own)
    elif kind == "clusters":
        factors = random.normal(size=(days, 8))[:, random.integers(0, 8, trials)]
        own = math.sqrt(0.7) * factors + math.sqrt(0.3) * own
    elif kind == "neighbours":  # as along one parameter
        for trial in range(1, trials):
            own[:, trial] = 0.95 * own[:, trial - 1] + math.sqrt(1 - 0.95**2) * own[:, trial]
    if edge:
        skilled = max(trials // 10, 1)
        own[:, :skilled] = (math.sqrt(0.8) * random.normal(size=(days, 1))
                            + math.sqrt(0.2) * random.normal(size=(days, skilled)) + edge / math.sqrt(365))
    return _with_best(own * 0.02)


def coin_flips(seed: int, *, trials: int = 40, short: bool) -> tuple[pd.DataFrame, int, pd.Series]:
    """Positions in real BTC that ignore it, held for days: long or flat, or long or short; and buy-and-hold."""
    close = real_candles("BTC-USDT")[::1440, 2]
    market = pd.Series(close[1:] / close[:-1] - 1.0)
    market.index = pd.date_range("2023-01-02", periods=len(market), tz="UTC")
    random = np.random.default_rng(seed)
    turns = random.random((len(market), trials)) < 1 / random.uniform(2, 10, trials)
    side = random.random(trials) < 0.5
    position = (np.cumsum(turns, axis=0) + side) % 2
    returns, best = _with_best((2 * position - 1 if short else position) * market.to_numpy()[:, None])
    return returns.set_index(market.index), best, market


def _with_best(values: np.ndarray) -> tuple[pd.DataFrame, int]:
    index = pd.date_range("2023-01-01", periods=len(values), tz="UTC")
    return pd.DataFrame(values, index=index), int((values.mean(axis=0) / values.std(axis=0)).argmax())
