"""Print how often an honest strategy is called too good to be true, and how often one that reads the future is.

``python -m tests.calibration.too_good [STUDIES [DAYS ...]]``: so many studies (1,000) of each kind and length (90, 365
and 1,095 days).
"""

from __future__ import annotations

import math
import sys

import numpy as np

from jesse_nb.core.analysis.luck.doubts import too_good
from tests.calibration.noise import SHAPES, results_of, volatility_of

#: Spread of the logarithm of the daily volatility that :func:`volatility_of` makes of this.
WILDNESS = 3.0
#: Mean and spread of each shape's results; a t distribution of three degrees of freedom has a variance of three.
_MOMENTS = {shape: (0.0, math.sqrt(3)) for shape in SHAPES} | {
    "many small losses": (0.0, math.sqrt(0.7 * 1.01 + 0.3 * 2 * (7 / 3) ** 2)),
    "many small gains": (0.0, math.sqrt(0.7 * 1.01 + 0.3 * 2 * (7 / 3) ** 2)),
    "stop or target": (0.0, math.sqrt(3))}


def honest(shape: str, sharpe: float, days: int, seed: int, *, calm_earns: bool = False) -> np.ndarray:
    """Return daily returns with a true annual Sharpe ratio, skewed or fat-tailed, whose volatility moves over weeks.

    What is earned grows with the volatility, or is the same on calm days and on wild ones (``calm_earns``); then a calm
    year looks better than the strategy is.
    """
    random = np.random.default_rng([seed, SHAPES.index(shape), days, int(sharpe * 10), calm_earns])
    volatility = volatility_of(random, WILDNESS, days)
    mean, spread = _MOMENTS[shape]
    noise = (results_of(random, shape, days) - mean) / spread
    daily, log = sharpe / math.sqrt(365), math.log(WILDNESS) / 2
    first, second = math.exp(log**2 / 2), math.exp(2 * log**2)  # moments of the volatility
    if calm_earns:
        return 0.01 * (volatility * noise + daily * math.sqrt(second))
    edge = daily * math.sqrt(second / (first**2 - daily**2 * (second - first**2)))
    return 0.01 * volatility * (noise + edge)


def suspected(shape: str, sharpe: float, days: int, studies: int, *, calm_earns: bool = False) -> int:
    """Return how many of so many studies are called too good to be true."""
    doubts = [too_good(honest(shape, sharpe, days, seed, calm_earns=calm_earns)) for seed in range(studies)]
    return sum(doubt is not None and doubt.outcome == "too good to be true" for doubt in doubts)


def main(studies: int, lengths: tuple[int, ...]) -> None:
    """Print the table."""
    print(f"Of {studies:,} studies each, called too good to be true (true annual Sharpe ratio):")
    for days in lengths:
        for sharpe in (1.0, 2.0, 2.5, 8.0, 11.0):
            for calm in (False, True):
                counts = [f"{shape} {suspected(shape, sharpe, days, studies, calm_earns=calm)}" for shape in SHAPES]
                kind = "earns the same on calm days" if calm else "earns with the volatility"
                print(f"  {days:,} days, {sharpe:g}, {kind}: {', '.join(counts)}", flush=True)


if __name__ == "__main__":
    numbers = tuple(map(int, sys.argv[1:]))
    main(numbers[0] if numbers else 1_000, numbers[1:] or (90, 365, 1_095))
