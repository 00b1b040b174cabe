"""Print how often regimes are found in returns that have none, and in returns that have two, by each method.

``python -m tests.calibration.regimes [SERIES [METHOD ...]]``: so many (100) series of each kind. Of 365 days it prints
how often a method finds more than one state: where there is one, that is its size, where there are two, its power.
Terciles and jumps always do. Of the 365 days after them it prints how many are told rightly, as the mean of the shares
of both kinds of days (50 is chance): by one fit of hidden states, and by fits each 30 days of the others; and how often
the days called wild were the wilder ones. Two kinds of days with means of 0.1 % and -0.1 % and volatilities of 1 % and
so many times as much stay for 50 and 20 days on average.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.markets.hidden_states import bic_table, filtered, fit_states
from jesse_nb.core.analysis.markets.regime_labels import change_points, fit_jumps, refit_labels
from jesse_nb.core.analysis.markets.regime_path import volatility_states

KINDS = ("normal", "t", "two, 1.5 times", "two, 2 times", "two, 3 times")
METHODS = ("markov", "changepoint", "jump", "vol_terciles")
LEARNED = 365

_RATIOS = dict(zip(KINDS[2:], (1.5, 2.0, 3.0), strict=True))


def returns_of(kind: str, days: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return daily returns, and which days are wild."""
    random = np.random.default_rng([KINDS.index(kind), seed])
    if kind not in _RATIOS:
        return (random.normal(0.001, 0.02, days) if kind == "normal" else random.standard_t(4, days) * 0.02,
                np.zeros(days, dtype=bool))
    stay, state, wild = (0.98, 0.95), 0, np.zeros(days, dtype=bool)
    for day in range(days):
        state = state if random.random() < stay[state] else 1 - state
        wild[day] = bool(state)
    return np.where(wild, random.normal(-0.001, 0.01 * _RATIOS[kind], days), random.normal(0.001, 0.01, days)), wild


def found_and_told(method: str, returns: NDArray[np.float64], seed: int) -> tuple[bool, NDArray[np.bool_]]:
    """Return whether the first days have more than one state, and which of those after them are called wild."""
    past = returns[:LEARNED]
    if method == "vol_terciles":
        return True, volatility_states(returns, LEARNED) == 2
    if method == "markov":
        table = bic_table(past, seed=seed)
        told = filtered(fit_states(past, 2, seed=seed), returns)[0].argmax(axis=1)[LEARNED:]
        return min(table, key=lambda count: table[count]) > 1, told == 1
    fit: Any = partial(fit_jumps, count=2, seed=seed) if method == "jump" else partial(change_points, count=2)
    parts = list(refit_labels(returns, LEARNED, 30, fit))
    return len(np.unique(parts[0].past)) > 1, np.concatenate([part.states for part in parts]) == 1


def outcomes(method: str, kind: str, series: int) -> dict[str, float]:
    """Return the shares, in percent."""
    rows = []
    for seed in range(series):
        returns, wild = returns_of(kind, 2 * LEARNED, seed)
        found, called = found_and_told(method, returns, seed)
        after, truth = returns[LEARNED:], wild[LEARNED:]
        both = 0 < called.sum() < len(called)
        rows.append({
            "more than one": float(found),
            "told rightly": (called[truth].mean() + (~called[~truth]).mean()) / 2 if 0 < truth.mean() < 1 else np.nan,
            "wilder so called": float(after[called].std() > after[~called].std()) if both else np.nan})
    return {name: float(value) for name, value in (pd.DataFrame(rows).mean() * 100).items()}


def main(series: int, methods: Sequence[str]) -> None:
    """Print a row for each method and kind."""
    for method in methods:
        for kind in KINDS:
            row = pd.DataFrame({(method, kind): outcomes(method, kind, series)}).T
            print(row.round(0).to_string(header=kind == KINDS[0]), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100, sys.argv[2:] or METHODS)
