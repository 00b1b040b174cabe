"""Print how often the next year of a strategy falls inside the 90 % fan that its last year gives.

``python -m tests.calibration.projection [STRATEGIES [PATHS]]``: so many strategies (500) of each kind, with so many
paths each (2,000). Each has a year of days to learn from, and a year that comes after it. The projection, in which
the mean itself is uncertain, is to hold the final equity and the deepest drawdown of independent days in about 90 %;
beside it stands the plain bootstrap, which answers another question.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.analysis.resampling.monte_carlo import bootstrap_days, project_ahead
from jesse_nb.core.analysis.resampling.resampled_paths import path_figures

YEAR = 365
KINDS = ("normal", "t", "skewed", "garch", "decaying")


def two_years(kind: str, seed: int) -> NDArray[np.float64]:
    """Return daily returns of two years of a strategy."""
    random = np.random.default_rng([KINDS.index(kind), seed])
    mean, spread = random.normal(0.0008, 0.0008), random.uniform(0.005, 0.03)
    if kind == "t":
        return mean + spread * random.standard_t(4, 2 * YEAR) / np.sqrt(2.0)
    if kind == "skewed":  # most days a little, some a large gain
        return mean + spread * (random.gamma(0.5, size=2 * YEAR) - 0.5) / np.sqrt(0.5)
    if kind == "garch":
        shocks, variance, found = random.standard_normal(2 * YEAR + 500), 1.0, np.empty(2 * YEAR + 500)
        for day, shock in enumerate(shocks):
            found[day] = np.sqrt(variance) * shock
            variance = 0.03 + 0.09 * found[day] ** 2 + 0.88 * variance
        return mean + spread * found[500:]
    days = mean + spread * random.standard_normal(2 * YEAR)
    if kind == "decaying":  # the edge of the first year is gone in the second
        days[:YEAR] += 0.08 * spread
    return days


def inside(kind: str, strategies: int, paths: int) -> dict[str, float]:
    """Return the share of strategies whose next year lies between the 5 % and 95 % quantile of the paths."""
    held: dict[str, list[bool]] = {}
    for seed in range(strategies):
        days = np.maximum(two_years(kind, seed), -0.99)
        came = path_figures(days[None, YEAR:])
        truth = {"final_equity": float(np.exp(came.growth[0])), "max_drawdown": float(came.drawdown[0]) * 100.0}
        for name, drawn in (("projection", project_ahead(days[:YEAR], 1.0, paths=paths, seed=seed)),
                            ("plain bootstrap", bootstrap_days(days[:YEAR], 1.0, paths=paths, seed=seed))):
            for figure, value in truth.items():
                low, high = drawn.distributions.loc[figure, ["5%", "95%"]]
                held.setdefault(f"{figure}, {name}", []).append(bool(low <= value <= high))
    return {name: float(np.mean(several)) for name, several in held.items()}


def main(strategies: int, paths: int) -> None:
    """Print a line for each kind."""
    for kind in KINDS:
        told = ", ".join(f"{name} {share * 100:.1f} %" for name, share in inside(kind, strategies, paths).items())
        print(f"{strategies} strategies, {kind} days: {told}", flush=True)


if __name__ == "__main__":
    main(*(int(number) for number in (*sys.argv[1:], *("500", "2000")[len(sys.argv) - 1:])))
