"""What keeps a pair from being traded: each reason where it is planted, and where it is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.tools.pairs.pair_screening import Screening, all_pairs, screened

HOW = Screening("engle_granger", "ols", 0.05, 30.0, 1 / 24)
HOURS = 1_500


def spread_of(half_life: float, seed: int = 0) -> np.ndarray:
    """A deviation that is half gone after so many hours."""
    random, found = np.random.default_rng(seed), np.zeros(HOURS)
    for hour in range(1, HOURS):
        found[hour] = 0.5 ** (1 / half_life) * found[hour - 1] + random.standard_normal() * 0.005
    return found


def walk(seed: int) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).standard_normal(HOURS)) * 0.01


def reason(y: np.ndarray, x: np.ndarray, how: Screening = HOW) -> str:
    prices = pd.DataFrame({"Y": np.exp(y), "X": np.exp(x)})
    row = screened(prices, all_pairs(["Y", "X"]), how).iloc[0]
    assert row["chosen"] == (row["reason"] == "")
    return str(row["reason"])


def test_what_holds_together_is_taken():
    x = walk(1)
    assert reason(0.8 * x + spread_of(6), x) == ""


def test_a_negative_hedge_ratio_is_no_pair():
    x = walk(1)
    assert reason(-0.8 * x + spread_of(6), x) == "hedge ratio -0.80, not above zero"


def test_a_price_that_comes_back_alone_needs_no_other():
    for alpha in (0.05, 1.0):
        assert reason(spread_of(6), walk(1), Screening("engle_granger", "ols", alpha, 30.0, 1 / 24)) == \
            "Y is stationary by itself"


def test_walks_that_have_nothing_to_do_with_each_other_are_none():
    assert reason(walk(1), walk(2)) == "not cointegrated"


@pytest.mark.parametrize(("longest", "said"), [(30.0, ""), (0.1, "comes back too slowly")])
def test_half_of_a_deviation_is_gone_within_a_window(longest, said):
    x = walk(1)
    assert reason(0.8 * x + spread_of(6), x, Screening("engle_granger", "ols", 0.05, longest, 1 / 24)) == said
