"""Factor portfolios: beside an account that is kept by hand, and blind to what comes later."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.analysis.markets.factor_portfolios import FACTORS, factor_portfolios
from jesse_nb.exceptions import InputError


def markets(seed: int, count: int = 7, days: int = 100) -> tuple[pd.DataFrame, pd.DataFrame]:
    random = np.random.default_rng(seed)
    index = pd.date_range("2023-01-01", periods=days, tz="UTC")
    names = [f"COIN{number}-USDT" for number in range(count)]
    moves = random.standard_t(4, (days, count)) * np.linspace(0.01, 0.04, count)
    money = random.lognormal(np.linspace(15, 12, count), 0.5, (days, count))
    return pd.DataFrame(moves, index, names).clip(-0.5, 0.5), pd.DataFrame(money, index, names)


def by_hand(factor: str, returns: pd.DataFrame, turnover: pd.DataFrame, every: int, look_back: int) -> list[float]:
    """Money put on each side at each forming, kept coin by coin until the next."""
    made, long, short = [], {}, {}
    for day in range(look_back, len(returns)):
        if (day - look_back) % every == 0:
            past, money = returns.iloc[day - look_back:day], turnover.iloc[day - look_back:day]
            score = {"market": past.iloc[0] * 0, "momentum": (1 + past).prod() - 1, "volatility": past.std(ddof=0),
                     "liquidity": (past.abs() / money).mean()}[factor]
            third = max(1, len(score) // 3)
            best, worst = score.nlargest(third).index, score.nsmallest(third).index
            long = dict.fromkeys(score.index if factor == "market" else best, 1.0)
            short = {} if factor == "market" else dict.fromkeys(worst, 1.0)
        total = 0.0
        for side, sign in ((long, 1), (short, -1)):
            if side:
                before = sum(side.values())
                for name in side:
                    side[name] *= 1 + returns[name].iloc[day]
                total += sign * (sum(side.values()) / before - 1)
        made.append(total)
    return made


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize(("count", "every"), [(5, 7), (9, 30)])
def test_returns_are_those_of_an_account_kept_by_hand(factor: str, count: int, every: int) -> None:
    returns, turnover = markets(count, count)
    made = factor_portfolios(returns, turnover, (factor,), every=every)  # type: ignore[arg-type]
    np.testing.assert_allclose(made.returns[factor], by_hand(factor, returns, turnover, every, 28), atol=1e-12)


def test_the_future_changes_nothing_before_it() -> None:
    returns, turnover = markets(1)
    whole = factor_portfolios(returns, turnover)
    poisoned = returns.copy()
    poisoned.iloc[70:] = 9.9
    later = factor_portfolios(poisoned, turnover)
    pd.testing.assert_frame_equal(whole.returns[:42], later.returns[:42])  # 28 days to sort by come first
    formed = whole.weights.index.get_level_values("day") <= returns.index[70]
    pd.testing.assert_frame_equal(whole.weights[formed], later.weights[formed])


def test_weights_add_up() -> None:
    made = factor_portfolios(*markets(2))
    sums = made.weights.sum(axis=1)
    np.testing.assert_allclose(sums.loc["market"], 1.0)
    np.testing.assert_allclose(sums.drop("market"), 0.0, atol=1e-12)
    np.testing.assert_allclose(made.weights.clip(lower=0).sum(axis=1), 1.0)


def test_a_side_that_is_lost_stays_lost_until_the_next_forming() -> None:
    returns, turnover = markets(3, count=5, days=50)
    returns.iloc[30] = -1.0
    made = factor_portfolios(returns, turnover, ("market",), every=7).returns["market"]
    assert made.iloc[2] == -1.0
    assert (made.iloc[3:7] == 0.0).all()
    assert (made.iloc[7:] != 0.0).all()


def test_bad_universes_are_refused() -> None:
    returns, turnover = markets(4)
    with pytest.raises(InputError, match="has 4 markets"):
        factor_portfolios(returns.iloc[:, :4], turnover)
    with pytest.raises(InputError, match="shares 29 days"):
        factor_portfolios(returns[:29], turnover)
    with pytest.raises(InputError, match="no volume of COIN3-USDT"):
        factor_portfolios(returns, turnover.assign(**{"COIN3-USDT": 0.0}))
    assert len(factor_portfolios(returns, turnover * 0, ("market", "momentum")).returns) == 72
