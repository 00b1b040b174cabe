"""Print how often unrelated series are called correlated, how often intervals hold the truth, and what is found.

``python -m tests.calibration.correlations [SERIES]``: so many (400) of each kind: six columns of 250 returns. Of
unrelated ones about 5 % of the pairs are to have p below 0.05, and about 5 % of the series any pair after the
adjustment for 15 pairs. Of related ones the intervals are to hold the true correlation in 95 %.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.markets.correlation import (
    correlation_draws,
    correlation_intervals,
    joint_block_length,
    zero_tests,
)

KINDS = ("normal", "t", "wild together", "autocorrelated")
COUNT, COLUMNS = 250, 6


def returns_of(kind: str, rho: float, seed: int) -> NDArray[np.float64]:
    """Return series whose pairs have the correlation ``rho``."""
    random = np.random.default_rng([KINDS.index(kind), seed])
    common = random.standard_normal((COUNT, 1))
    values = np.sqrt(rho) * common + np.sqrt(1 - rho) * random.standard_normal((COUNT, COLUMNS))
    if kind == "t":
        return values / np.sqrt(random.chisquare(5, (COUNT, 1)) / 5) if rho else \
            random.standard_t(5, (COUNT, COLUMNS))
    if kind == "wild together":
        level = np.zeros(COUNT)
        for day in range(1, COUNT):
            level[day] = 0.95 * level[day - 1] + 0.25 * random.standard_normal()
        return values * np.exp(level)[:, None]
    if kind == "autocorrelated":
        for day in range(1, COUNT):
            values[day] += 0.3 * values[day - 1]
    return values


def study(kind: str, method: str, rho: float, series: int) -> dict[str, float]:
    """Return how often pairs and whole series are significant, and how often intervals hold the truth, percent."""
    from statsmodels.stats.multitest import multipletests

    upper = np.triu_indices(COLUMNS, 1)
    truth = {"pearson": rho, "spearman": 6 / np.pi * np.arcsin(rho / 2), "kendall": 2 / np.pi * np.arcsin(rho)}[method]
    single, whole, held = [], [], []
    for seed in range(series):
        values = returns_of(kind, rho, seed)
        draws = np.array([one.correlation for one in correlation_draws(
            values, method, 0.05, block=joint_block_length(values), resamples=200, seed=seed)])
        low, high = (each[upper] for each in correlation_intervals(draws))
        p = zero_tests(values, method)[upper]
        single.append((p < 0.05).mean())
        whole.append(bool((multipletests(p, 0.05, "holm")[1] < 0.05).any()))
        held.append(((low <= truth) & (truth <= high)).mean())
    return {"pairs": 100 * float(np.mean(single)), "any, adjusted": 100 * float(np.mean(whole)),
            "interval holds": 100 * float(np.mean(held))}


def main(series: int) -> None:
    """Print a table a method."""
    for method in ("pearson", "spearman", "kendall"):
        rows = {(kind, rho): study(kind, method, rho, series) for kind in KINDS for rho in (0.0, 0.2)}
        print(f"{method}, {series:,} series of {COUNT} returns of {COLUMNS} columns, percent")
        print(pd.DataFrame(rows).T.round(1).to_string(), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
