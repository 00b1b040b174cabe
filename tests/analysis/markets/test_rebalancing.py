"""Accounts held together, computed by hand, and with a future that must not matter."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.analysis.markets.rebalancing import hold_together, rebalancing_days
from jesse_nb.core.analysis.markets.weights import ALLOCATIONS, allocate

DAYS = pd.date_range("2023-01-30", periods=4, tz="UTC")


def even(past: pd.DataFrame) -> pd.Series:
    return pd.Series(1 / past.shape[1], index=past.columns)


def test_two_accounts_by_hand():
    steps = pd.DataFrame({"a": [0.0, 0.10, 0.0, -0.10], "b": [0.0, 0.0, 0.20, 0.0]}, index=DAYS)
    held = hold_together(steps, 1, [0, 1], even, 0.01)
    # 0.5 and 0.5; a gains a tenth: 0.55 and 0.5, of which 0.025 each are moved, at a hundredth
    cost = 0.01 * 0.05
    half = (1.05 - cost) / 2
    third = half + half * 1.2
    fourth = half * 0.9 + half * 1.2
    assert held.equity.tolist() == pytest.approx([1.0, 1.05, third, fourth])
    assert held.turnover.tolist() == pytest.approx([0.05 / 1.05])
    assert held.weights.iloc[2].tolist() == pytest.approx([half / third, half * 1.2 / third])
    assert held.contributions["costs"].tolist() == pytest.approx([0.0, -cost / 1.05, 0.0])
    assert held.contributions.sum(axis=1).to_numpy() == pytest.approx(held.returns.to_numpy(), abs=1e-15)
    assert held.equity.index[0] == DAYS[1]
    assert held.equity.index[-1] == DAYS[3] + pd.Timedelta(days=1)


def test_never_and_daily_are_known():
    steps = pd.DataFrame(np.random.default_rng(0).standard_normal((50, 3)) * 0.02,
                         index=pd.date_range("2023-01-01", periods=50, tz="UTC"), columns=list("abc"))
    bought = hold_together(steps, 0, [0], even, 0.01)
    assert bought.equity.iloc[-1] == pytest.approx((1 + steps).prod().mean())
    daily = hold_together(steps, 0, list(range(50)), even, 0.0)
    assert daily.equity.iloc[-1] == pytest.approx((1 + steps.mean(axis=1)).prod())
    assert hold_together(steps, 0, list(range(50)), even, 0.001).equity.iloc[-1] < daily.equity.iloc[-1]


def test_days_on_which_money_is_moved():
    days = pd.date_range("2023-01-30", "2023-03-02", tz="UTC")
    assert [days[place].strftime("%m-%d") for place in rebalancing_days(days, "1M")] == ["01-30", "02-01", "03-01"]
    assert [days[place].day_name() for place in rebalancing_days(days, "1W")[1:]] == ["Monday"] * 4
    assert rebalancing_days(days, "1D") == list(range(len(days)))
    assert rebalancing_days(days, "never") == rebalancing_days(days, "1Y") == [0]
    assert len(rebalancing_days(days, "3M")) == 1


@pytest.mark.parametrize("method", ALLOCATIONS)
def test_the_future_does_not_matter(method):
    drawer = np.random.default_rng(0)
    steps = pd.DataFrame(drawer.standard_normal((200, 4)) * [0.01, 0.02, 0.015, 0.03],
                         index=pd.date_range("2023-01-01", periods=200, tz="UTC"), columns=list("abcd"))
    poisoned = steps.copy()
    poisoned.iloc[150:] = drawer.standard_normal((50, 4)) * 0.3
    moves = rebalancing_days(pd.DatetimeIndex(steps.index[60:]), "1W")

    def choose(past: pd.DataFrame) -> pd.Series:
        return allocate(past.iloc[-60:], method)

    first, other = (hold_together(each, 60, moves, choose, 0.001) for each in (steps, poisoned))
    pd.testing.assert_series_equal(first.equity.iloc[:91], other.equity.iloc[:91])
    pd.testing.assert_frame_equal(first.weights.iloc[:91], other.weights.iloc[:91])


def test_a_lost_portfolio_stays_lost():
    steps = pd.DataFrame({"a": [-1.0, 0.5], "b": [-1.0, 0.5]}, index=DAYS[:2])
    assert hold_together(steps, 0, [0, 1], even, 0.01).equity.tolist() == [1.0, 0.0, 0.0]
