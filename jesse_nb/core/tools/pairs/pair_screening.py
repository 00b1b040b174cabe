"""Which pair to trade, from the candles of a formation window alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.markets.cointegration import (
    CointegrationMethod,
    HedgeMethod,
    engle_granger,
    half_life,
    hedge_ratio,
    johansen_pair,
    unit_root_p,
)

__all__ = ["CANDIDATE_COLUMNS", "Screening", "all_pairs", "chosen_pair", "screened"]

#: Columns of the table of :func:`screened`, in order.
CANDIDATE_COLUMNS = (
    "y", "x", "observations", "statistic", "p", "p_adjusted", "beta", "mean", "deviation", "half_life",
    "half_life_low", "half_life_high", "chosen", "reason",
)

#: Candles that a pair must share in a formation window.
FEWEST = 100


@dataclass(frozen=True)
class Screening:
    """How pairs are tested.

    Attributes
    ----------
    test
        ``engle_granger`` or ``johansen``.
    hedge
        ``ols``, ``tls``, or a hedge ratio that is given.
    alpha
        Level: a pair is traded where its p-value, corrected for the number of pairs, is below; 1 trades whatever the
        test says.
    longest_half_life
        In days: what comes back more slowly is not traded.
    candle
        Length of a candle in days.
    """

    test: CointegrationMethod
    hedge: HedgeMethod | float
    alpha: float
    longest_half_life: float
    candle: float


def screened(prices: pd.DataFrame, pairs: Sequence[tuple[str, str]], how: Screening) -> pd.DataFrame:
    """Test pairs on the closes of a formation window.

    Parameters
    ----------
    prices
        Closes, one column a symbol, of the formation window and nothing else.
    pairs
        Symbols, the leading one first. Each is one test; their p-values are corrected together (Holm).
    how
        Test, hedge ratio and level.

    Returns
    -------
    pandas.DataFrame
        One row a pair, columns :data:`CANDIDATE_COLUMNS`: ``half_life`` and its interval in days; ``mean`` and
        ``deviation`` of the spread of log prices; ``reason`` why a pair cannot be traded, empty where it can;
        ``chosen`` is true for the pair with the smallest p-value of those, if it is small enough.
    """
    from statsmodels.stats.multitest import multipletests

    logs: pd.DataFrame = prices.apply(np.log)
    rooted = {name: _root_reason(name, logs[name].dropna().to_numpy(dtype=float))
              for name in dict.fromkeys(name for pair in pairs for name in pair)}
    rows = [_row(logs, y, x, how, rooted[y] or rooted[x]) for y, x in pairs]
    table = pd.DataFrame(rows, columns=list(CANDIDATE_COLUMNS))
    tested = table["p"].notna().to_numpy()
    if tested.any():
        table.loc[tested, "p_adjusted"] = multipletests(table["p"].to_numpy(dtype=float)[tested], method="holm")[1]
    table.loc[(table["reason"] == "") & (how.alpha < 1) & ~(table["p_adjusted"] < how.alpha), "reason"] = \
        "not cointegrated"
    best = chosen_pair(table)
    if best is not None:
        table.loc[best, "chosen"] = True
    return table


def chosen_pair(table: pd.DataFrame) -> int | None:
    """Return the row of the pair that can be traded and has the smallest p-value; None where there is none."""
    able = table[table["reason"] == ""]
    return None if able.empty else int(able["p"].fillna(math.inf).idxmin())


def all_pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return every pair of some symbols, each once, in their order."""
    return list(combinations(names, 2))


def _root_reason(name: str, logs: NDArray[np.float64]) -> str:
    """Say why a series is no random walk; empty where it may be one."""
    if len(logs) < FEWEST or np.ptp(logs) == 0:
        return ""  # which is said of the pair
    if unit_root_p(logs) < 0.01:
        return f"{name} is stationary by itself"
    return f"{name} is not I(1)" if unit_root_p(np.diff(logs)) >= 0.01 else ""


def _row(logs: pd.DataFrame, y: str, x: str, how: Screening, rooted: str) -> tuple[object, ...]:
    both = logs[[y, x]].dropna().to_numpy(dtype=float)
    first, second = np.ascontiguousarray(both[:, 0]), np.ascontiguousarray(both[:, 1])
    if len(both) < FEWEST or len(both) < 0.9 * len(logs):
        return _untested(y, x, len(both), f"they share {len(both):,} of {len(logs):,} candles")
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return _untested(y, x, len(both), "a price never changes")
    test = (engle_granger if how.test == "engle_granger" else johansen_pair)(first, second)
    beta = how.hedge if isinstance(how.hedge, float) else hedge_ratio(first, second, how.hedge)[1]
    spread = first - beta * second
    life = half_life(spread)
    days = [value * how.candle for value in (life.value, life.low, life.high)]
    reason = rooted
    if not reason and not beta > 0:
        reason = f"hedge ratio {beta:.2f}, not above zero"
    if not reason and days[0] > how.longest_half_life:
        reason = "comes back too slowly"
    return (y, x, len(both), test.statistic, test.p, math.nan, beta, float(spread.mean()), float(spread.std(ddof=1)),
            *days, False, reason)


def _untested(y: str, x: str, observations: int, reason: str) -> tuple[object, ...]:
    return (y, x, observations, *[math.nan] * 9, False, reason)
