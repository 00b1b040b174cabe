"""Print how often a factor is called significant in noise, and how often one that is there is found.

``python -m tests.calibration.factors [STUDIES [DAYS ...]]``: so many studies (1,000) of so many days each (180, 365 and
1,000). The universe has ten markets that move with a common one, with clusters of volatility and fat, skewed tails; the
strategy's returns have the same kind of noise, and hold a factor or none.
"""

from __future__ import annotations

import math
import sys

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.markets.factor_portfolios import FACTORS, LOOK_BACK, factor_portfolios
from jesse_nb.core.analysis.markets.factor_regression import ALPHA, factor_regression

MARKETS = 10
#: Mean of the absolute value of Student's t with 5 degrees of freedom, scaled to a variance of one.
MEAN_SIZE = 2 * math.sqrt(5) * math.gamma(3) / (math.sqrt(math.pi) * math.gamma(2.5) * 4) * math.sqrt(3 / 5)


def clustered(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return returns of a GARCH(1,1) process with skewed t innovations, standard deviation about 0.03."""
    shocks = random.standard_t(5, shape) * np.sqrt(3 / 5)
    shocks = np.where(shocks < 0, 1.15 * shocks, 0.87 * shocks) - (0.87 - 1.15) / 2 * MEAN_SIZE
    variance, made = np.full(shape[1:], 9e-4), np.empty(shape)
    for day in range(shape[0]):
        made[day] = np.sqrt(variance) * shocks[day]
        variance = 9e-4 * 0.05 + 0.15 * made[day] ** 2 + 0.80 * variance
    return made


def study(seed: int, days: int, beta: float, alpha: float) -> pd.Series:
    """Return the p-values of one study; ``beta`` to the market factor, ``alpha`` a day."""
    random = np.random.default_rng([seed, days])
    common = clustered(random, (days + LOOK_BACK,))
    own = clustered(random, (days + LOOK_BACK, MARKETS))
    index = pd.date_range("2020-01-01", periods=days + LOOK_BACK, tz="UTC")
    returns = pd.DataFrame(np.clip(common[:, None] + 0.7 * own, -0.9, 3), index)
    turnover = pd.DataFrame(random.lognormal(np.linspace(18, 12, MARKETS), 0.5, returns.shape), index)
    factors = factor_portfolios(returns, turnover).returns
    noise = clustered(random, (days,)) * 0.5
    return factor_regression(alpha + beta * factors["market"] + noise, factors).table["p"]


def main(studies: int = 1000, lengths: tuple[int, ...] = (180, 365, 1000)) -> None:
    """Print the table."""
    print(f"{studies:,} studies each, called significant at 5 %, in %")
    print(f"{'days':>6} {'planted':<22}" + "".join(f"{name:>12}" for name in (ALPHA, *FACTORS)))
    for days in lengths:
        for name, beta, alpha in (("nothing", 0.0, 0.0), ("beta of 0.1", 0.1, 0.0), ("alpha 73 % a year", 0.0, 0.002)):
            found = pd.DataFrame([study(seed, days, beta, alpha) for seed in range(studies)]) < 0.05
            print(f"{days:>6,} {name:<22}" + "".join(f"{100 * found[column].mean():>12.1f}" for column in found),
                  flush=True)


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    main(*(given[:1] or [1000]), *([tuple(given[1:])] if given[1:] else []))
