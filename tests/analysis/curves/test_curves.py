import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.analysis.curves.curves import correlation, daily_equity, daily_returns, equal_weight
from jesse_nb.exceptions import InputError


def curve(days: int = 40, seed: int = 0, start: str = "2023-03-01", hour: int = 0) -> "pd.Series[float]":
    """Equity as Jesse samples it: at the start, then daily at some hour, and at the end."""
    first = pd.Timestamp(start, tz="UTC")
    moments = [first, *(first + pd.Timedelta(days=day, hours=hour) for day in range(1, days)),
               first + pd.Timedelta(days=days)]
    steps = np.random.default_rng(seed).normal(0.001, 0.02, len(moments) - 1)
    return pd.Series(10_000 * np.cumprod([1.0, *(1 + steps)]), index=pd.DatetimeIndex(moments))


def test_samples_taken_at_different_hours_meet_on_their_days() -> None:
    midnight, later = curve(hour=0), curve(hour=4)
    assert daily_equity(midnight).index.equals(daily_equity(later).index)
    assert daily_equity(later).to_numpy() == pytest.approx(later.to_numpy())
    found = correlation({"one": midnight, "other": later})  # the same returns, sampled four hours apart
    assert found.loc["one", "other"] == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(5))
def test_correlation_is_that_of_numpy_on_common_days(seed: int) -> None:
    one, other = curve(40, seed), curve(50, seed + 100, start="2023-03-11", hour=1)
    found = correlation({"one": one, "other": other}).loc["one", "other"]
    mine, theirs = one.pct_change().to_numpy()[11:41], other.pct_change().to_numpy()[1:31]
    assert found == pytest.approx(np.corrcoef(mine, theirs)[0, 1])


def test_too_few_common_days_or_no_movement_give_no_correlation() -> None:
    flat = pd.Series(1.0, index=curve().index)
    found = correlation({"one": curve(), "apart": curve(start="2023-04-05"), "flat": flat})
    assert math.isnan(found.loc["one", "apart"])
    assert math.isnan(found.loc["one", "flat"])


def test_returns_over_several_days_are_left_out() -> None:
    sparse = curve(12).iloc[[0, 1, 2, 5, 6, 12]]
    assert [f"{day:%d}" for day in daily_returns(sparse).index] == ["02", "03", "07"]


@pytest.mark.parametrize("seed", range(5))
def test_both_portfolios_by_hand(seed: int) -> None:
    curves = {str(number): curve(30, seed * 10 + number, hour=number) for number in range(3)}
    values = np.array([one.to_numpy() / one.iloc[0] for one in curves.values()])
    shares, held = [1.0], np.ones(3) / 3
    for day in range(1, 31):  # sell and buy back in equal parts every day
        held = held * values[:, day] / values[:, day - 1]
        shares.append(held.sum())
        held = np.full(3, held.sum() / 3)
    assert equal_weight(curves).equity.to_numpy() == pytest.approx(shares)
    assert equal_weight(curves, "never").equity.to_numpy() == pytest.approx(values.mean(axis=0))
    assert equal_weight(curves).metrics["net_profit_percentage"] == pytest.approx((shares[-1] - 1) * 100)


def test_a_portfolio_covers_the_common_days_only() -> None:
    one, other = curve(30), curve(30, 1, start="2023-03-11")
    found = equal_weight({"one": one, "other": other})
    assert (found.equity.index[0], found.equity.index[-1]) == (pd.Timestamp("2023-03-11", tz="UTC"),
                                                               pd.Timestamp("2023-03-31", tz="UTC"))
    assert found.equity.iloc[0] == 1.0
    assert len(found.daily_returns) == 20


def test_a_curve_with_fewer_samples_stands_still_between_them() -> None:
    dense, sparse = curve(12), curve(12, 3).iloc[[0, 3, 6, 9, 12]]
    found = equal_weight({"dense": dense, "sparse": sparse}, "never").equity
    expected = (dense.to_numpy() / dense.iloc[0] + np.repeat(sparse.to_numpy() / sparse.iloc[0], [3, 3, 3, 3, 1])) / 2
    assert found.to_numpy() == pytest.approx(expected)


@pytest.mark.parametrize(("curves", "rebalance", "words"), [
    ({}, "daily", "at least one run"),
    ({"one": curve(10), "other": curve(10, start="2023-05-01")}, "daily", "no two days"),
    ({"one": curve(10)}, "weekly", "rebalance is 'weekly'"),
])
def test_what_cannot_be_held_is_one_clear_line(curves: dict[str, Any], rebalance: Any, words: str) -> None:
    with pytest.raises(InputError) as caught:
        equal_weight(curves, rebalance)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
