"""Print how often a division of the money is called better than an equal one, where it is not and where it is.

``python -m tests.calibration.portfolios [SERIES]``: so many (200) sets of 500 days of four results. *alike*: the same
Sharpe ratio, volatility and correlation, so that no division is better and about 5 % are to have p below 0.05.
*unequal*: one has three times the volatility and no edge, so that a division by risk is better.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.markets.allocation_figures import allocation_table
from jesse_nb.core.analysis.markets.rebalancing import hold_together, rebalancing_days
from jesse_nb.core.analysis.markets.weights import ALLOCATIONS, allocate

DAYS, KNOWN = 500, 125
KINDS = {"alike": ([1.0, 1.0, 1.0, 1.0], [0.05, 0.05, 0.05, 0.05]),
         "unequal": ([1.0, 1.0, 1.0, 3.0], [0.1, 0.1, 0.1, 0.0])}


def study(kind: str, series: int) -> pd.DataFrame:
    """Return, for each division, how often its gain is significant and how often its interval holds zero, percent."""
    scale, edge = (np.array(values) for values in KINDS[kind])
    index, found = pd.date_range("2022-01-01", periods=DAYS, tz="UTC"), []
    for seed in range(series):
        random = np.random.default_rng(seed)
        steps = 0.5 * random.standard_t(5, (DAYS, 1)) + random.standard_t(5, (DAYS, 4)) + edge / scale
        returns = pd.DataFrame(0.01 * scale * steps, index=index, columns=list("abcd"))
        moves = rebalancing_days(index[KNOWN:], "1M")
        held = {name: hold_together(returns, KNOWN, moves,
                                    lambda past, name=name: allocate(past.iloc[-365:], name), 0.0)
                for name in ALLOCATIONS}
        table = allocation_table(held, returns.iloc[KNOWN:], seed=seed).drop("equal")
        table = table[table["kind"] == "division"]
        found.append(pd.DataFrame({
            "p < 5 %, better": (table["p"] < 0.05) & (table["sharpe_gain"] > 0),
            "p < 5 %, worse": (table["p"] < 0.05) & (table["sharpe_gain"] < 0),
            "adjusted": table["p_adjusted"] < 0.05, "gain": table["sharpe_gain"] / 100.0}))
    return (sum(each.astype(float) for each in found) / series * 100.0).round(1)


def main(series: int) -> None:
    """Print a table a kind."""
    for kind in KINDS:
        print(f"{kind}, {series:,} sets, percent (the gain in Sharpe ratio a year)")
        print(study(kind, series).to_string(), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
