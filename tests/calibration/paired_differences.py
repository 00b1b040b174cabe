"""Print how often two results are told apart that do not differ, and two that do.

``python -m tests.calibration.paired_differences [STUDIES]``: so many pairs (400) of each shape, length and likeness.
Both earn the same on average and vary alike; the standard error of a count of 5 % in 400 is 1.1 %.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.analysis.comparison.paired_differences import COMPARED, paired_differences

SHAPES = ("normal", "heavy tails", "volatility in clusters", "autocorrelated", "rarely invested")
#: Share of the variance that both have in common.
LIKENESS = (0.0, 0.9)


def pair(shape: str, days: int, likeness: float, seed: int) -> NDArray[np.float64]:
    """Return (days, 2) daily returns that differ by chance alone."""
    random = np.random.default_rng(seed)
    parts = random.standard_t(4, (days, 3)) / np.sqrt(2) if shape == "heavy tails" else random.normal(size=(days, 3))
    made = np.sqrt(likeness) * parts[:, :1] + np.sqrt(1 - likeness) * parts[:, 1:]
    if shape == "volatility in clusters":  # GARCH(1,1)
        variance = np.ones(2)
        for day in range(days):
            made[day] *= np.sqrt(variance)
            variance = 0.05 + 0.1 * made[day] ** 2 + 0.85 * variance
    elif shape == "autocorrelated":
        for day in range(1, days):
            made[day] += 0.2 * made[day - 1]
    elif shape == "rarely invested":
        made *= np.repeat(random.random((days // 5 + 1, 1)) < 0.4, 5, axis=0)[:days]
    return 0.001 + 0.02 * made


def told_apart(shape: str, days: int, likeness: float, apart: float, studies: int) -> dict[str, float]:
    """Return in which share of studies each figure differs at 5 %, where one earns ``apart`` more a day."""
    alarms = np.zeros(len(COMPARED))
    for seed in range(studies):
        base, other = pair(shape, days, likeness, seed).T
        alarms += [found.p < 0.05 for found in paired_differences(base, other + apart, seed=seed, resamples=500)]
    return dict(zip(COMPARED, alarms / studies, strict=True))


def main(arguments: Sequence[str]) -> None:
    """Print both tables."""
    studies = int(arguments[0]) if arguments else 400
    for title, apart in (("alike", 0.0), ("one earns 0.1 % a day more", 0.001)):
        print(f"Pairs that are {title}: share told apart at 5 %")
        for days in (90, 365):
            for shape in SHAPES:
                for likeness in LIKENESS:
                    found = told_apart(shape, days, likeness, apart, studies)
                    said = ", ".join(f"{name} {share:.1%}" for name, share in found.items())
                    print(f"  {days} days, {shape}, {likeness:.0%} in common: {said}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
