"""Print how many regimes are found in returns that have none, and in returns that have two.

``python -m tests.calibration.regimes [SERIES [DAYS]]``: so many (100) series of each kind, of so many days (365).
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.markets.hidden_states import bic_table

KINDS = ("normal", "t", "two regimes", "two short regimes")


def returns_of(kind: str, days: int, seed: int) -> NDArray[np.float64]:
    """Return daily returns."""
    random = np.random.default_rng([KINDS.index(kind), seed])
    if kind == "normal":
        return random.normal(0.001, 0.02, days)
    if kind == "t":
        return random.standard_t(4, days) * 0.02
    stay, state, wild = (0.98, 0.95) if kind == "two regimes" else (0.9, 0.8), 0, np.zeros(days, dtype=bool)
    for day in range(days):
        state = state if random.random() < stay[state] else 1 - state
        wild[day] = bool(state)
    return np.where(wild, random.normal(-0.001, 0.03, days), random.normal(0.001, 0.01, days))


def main(series: int, days: int) -> None:
    """Print the share of series, in percent, in which so many states are found."""
    rows = {}
    for kind in KINDS:
        tables = [bic_table(returns_of(kind, days, seed), seed=seed) for seed in range(series)]
        chosen = [min(table, key=lambda count, table=table: table[count]) for table in tables]
        rows[kind] = {f"{count} found": 100 * np.mean(np.array(chosen) == count) for count in (1, 2, 3)}
        print(pd.DataFrame({kind: rows[kind]}).T.round(1).to_string(header=kind == KINDS[0]), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100, int(sys.argv[2]) if len(sys.argv) > 2 else 365)
