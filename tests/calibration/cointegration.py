"""Print how often pairs are called cointegrated that are not, and how often those that are.

``python -m tests.calibration.cointegration [trace | size | power | universe [STUDIES]]``. ``trace`` simulates the trace
statistic of two random walks, of which the package has mean and variance. The others are of candles as a screening
sees them: logs of prices, 720 of them, with or without drift; a universe has ten markets, 45 pairs, and counts as found
when any of them is taken.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from scipy.stats import gamma

from jesse_nb.core.analysis.markets.cointegration import engle_granger, johansen_pair
from jesse_nb.core.tools.pairs.pair_screening import Screening, all_pairs, screened

CANDLES = 720

#: Half-lives, in candles, of a pair that is planted in a universe.
PLANTED = (5, 10, 20)


def trace(draws: int = 50_000, steps: int = 500) -> None:
    """Print mean, variance and quantiles of the trace statistic in the limit, and those of a gamma distribution."""
    random, found = np.random.default_rng(1), []
    for _ in range(draws // 1_000):
        moves = random.standard_normal((1_000, steps, 2))
        before = np.cumsum(moves, axis=1) - moves
        before -= before.mean(axis=1, keepdims=True)
        cross = np.einsum("ita,itb->iab", before, moves)
        inverse = np.linalg.inv(np.einsum("ita,itb->iab", before, before))
        found.append(np.einsum("ika,ikl,ila->i", cross, inverse, cross))
    values = np.concatenate(found)
    mean, variance = values.mean(), values.var()
    at = (0.5, 0.8, 0.9, 0.95, 0.99, 0.999)
    print(f"mean {mean:.4f}, variance {variance:.4f}")
    print("share     ", *(f"{share:>8}" for share in at))
    print("simulated ", *(f"{value:8.3f}" for value in np.quantile(values, at)))
    print("gamma     ", *(f"{value:8.3f}" for value in gamma.ppf(at, mean**2 / variance, scale=variance / mean)))


def walks(seed: int, markets: int, drift: float = 0.0) -> np.ndarray:
    """Return logs of prices that have nothing to do with each other: (candles, markets)."""
    moves = np.random.default_rng(seed).standard_t(4, (CANDLES, markets)) * 0.01 + drift
    return np.cumsum(moves, axis=0)


def bound(seed: int, half_life: float) -> np.ndarray:
    """Return logs of prices of two markets whose spread loses half of itself in so many candles."""
    random = np.random.default_rng(seed)
    x = np.cumsum(random.standard_t(4, CANDLES) * 0.01)
    spread, decay = np.zeros(CANDLES), 0.5 ** (1 / half_life)
    for step in range(1, CANDLES):
        spread[step] = decay * spread[step - 1] + random.normal() * 0.01
    return np.column_stack([0.8 * x + spread, x])


def size(studies: int = 1000) -> None:
    """Print how often unrelated pairs are called cointegrated at 5 %."""
    for drift in (0.0, 0.0005):
        found = np.array([[test(np.ascontiguousarray(logs[:, 0]), np.ascontiguousarray(logs[:, 1])).p
                           for test in (engle_granger, johansen_pair)]
                          for logs in (walks(seed, 2, drift) for seed in range(studies))])
        print(f"{studies:,} unrelated pairs, drift {drift:g} a candle: "
              f"Engle-Granger {(found[:, 0] < 0.05).mean():.1%}, "
              f"Johansen {(found[:, 1] < 0.05).mean():.1%}", flush=True)


def power(studies: int = 300) -> None:
    """Print how often planted pairs are found at 5 %."""
    for half_life in (10, 30, 60, 120):
        found = np.array([[test(np.ascontiguousarray(logs[:, 0]), np.ascontiguousarray(logs[:, 1])).p
                           for test in (engle_granger, johansen_pair)]
                          for logs in (bound(seed, half_life) for seed in range(studies))])
        print(f"half-life {half_life} candles: Engle-Granger {(found[:, 0] < 0.05).mean():.0%}, "
              f"Johansen {(found[:, 1] < 0.05).mean():.0%}", flush=True)


def universe(studies: int = 200) -> None:
    """Print how often a universe without any pair has one taken, and one with a planted pair has that taken."""
    names = [f"M{number}" for number in range(10)]
    for test in ("engle_granger", "johansen"):
        how = Screening(test, "ols", 0.05, 1e9, 1 / 24)  # type: ignore[arg-type]
        wrong = raw = 0
        right = dict.fromkeys(PLANTED, 0)
        for seed in range(studies):
            logs = walks(seed, 10)
            table = screened(pd.DataFrame(np.exp(logs), columns=names), all_pairs(names), how)
            raw += bool((table["p"] < 0.05).any())
            wrong += bool(table["chosen"].any())
            for half_life in PLANTED:
                logs[:, [3, 7]] = bound(seed, half_life)
                table = screened(pd.DataFrame(np.exp(logs), columns=names), all_pairs(names), how)
                right[half_life] += table.loc[table["chosen"], ["y", "x"]].to_numpy().tolist() == [["M3", "M7"]]
        print(f"{test}: of {studies:,} universes without a pair {wrong / studies:.1%} have one taken "
              f"({raw / studies:.0%} had a p below 5 % before the correction); a planted one is taken in "
              + ", ".join(f"{count / studies:.0%} (half-life {half_life})" for half_life, count in right.items()),
              flush=True)


if __name__ == "__main__":
    chosen = sys.argv[1:2] or ["trace", "size", "power", "universe"]
    for name in chosen:
        globals()[name](*[int(word) for word in sys.argv[2:3]])
