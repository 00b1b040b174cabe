"""Factors made from the candles of several markets: the market, momentum, volatility, liquidity."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.exceptions import InputError

__all__ = ["FACTORS", "FEWEST_MARKETS", "LOOK_BACK", "Factor", "FactorPortfolios", "factor_portfolios"]

Factor = Literal["market", "momentum", "volatility", "liquidity"]
FACTORS: tuple[Factor, ...] = ("market", "momentum", "volatility", "liquidity")

#: With fewer, "the market" is mostly the traded market itself, and a third of them is none.
FEWEST_MARKETS = 5
#: Days that markets are sorted by.
LOOK_BACK = 28


class FactorPortfolios(NamedTuple):
    """The factors' daily returns, and what they held.

    Attributes
    ----------
    returns
        One row a day, one column a factor; fractions of what is held on one side.
    weights
        Index ``factor``, ``day`` (of rebalancing); one column a market. They sum to 1 for the market, and to 0 for the
        others, +1 in what is bought and -1 in what is sold.
    """

    returns: pd.DataFrame
    weights: pd.DataFrame


def factor_portfolios(
    returns: pd.DataFrame,
    turnover: pd.DataFrame,
    factors: tuple[Factor, ...] = FACTORS,
    *,
    every: int = 7,
    look_back: int = LOOK_BACK,
) -> FactorPortfolios:
    """Return the returns of portfolios that are formed from the days before, and held until the next forming.

    The market holds all markets alike. The others buy a third of the markets and sell another third, by what the last
    ``look_back`` days showed: momentum buys what rose most and sells what rose least; volatility buys what moved most
    (standard deviation) and sells what moved least; liquidity buys what is least liquid and sells what is most liquid
    by Amihud's measure, the mean of absolute return over money traded (Journal of Financial Markets 5, 2002, 31-56).
    Positions drift between formings, as they do in an account. Costs are left out.

    Parameters
    ----------
    returns
        Daily simple returns, fractions: one row a day, one column a market, no gaps.
    turnover
        Money traded each day, in the quote currency; of the same shape. Read for liquidity only.
    factors
        Which of them.
    every
        Days from one forming to the next.
    look_back
        Days that markets are sorted by.

    Raises
    ------
    InputError
        With fewer than five markets, or too few days, or when no money was traded.

    Examples
    --------
    >>> days = pd.date_range("2024-01-01", periods=40, tz="UTC")
    >>> moves = pd.DataFrame({name: 0.01 * step for step, name in enumerate("abcde")}, index=days)
    >>> made = factor_portfolios(moves, moves + 1.0, ("momentum",), every=7)
    >>> made.weights.iloc[0].to_dict()  # of five, one is bought and one is sold
    {'a': -1.0, 'b': 0.0, 'c': 0.0, 'd': 0.0, 'e': 1.0}
    """
    if returns.shape[1] < FEWEST_MARKETS:
        raise InputError.of("universe", f"has {returns.shape[1]} markets.",
                            f"Factors need {FEWEST_MARKETS}: `%candles fetch` brings more.")
    if len(returns) < look_back + 2:
        raise InputError.of("universe", f"shares {len(returns):,} days.",
                            f"Factors are sorted by the last {look_back}: store at least {look_back + 2}.")
    values, money = returns.to_numpy(dtype=float), turnover.reindex_like(returns).to_numpy(dtype=float)
    if "liquidity" in factors and not (money > 0).any(axis=0).all():
        idle = returns.columns[~(money > 0).any(axis=0)][0]
        raise InputError.of("factors", f"holds liquidity, and no volume of {idle} is stored.", "Leave one of them out.")
    formings = range(look_back, len(values), every)
    daily = np.full((len(values), len(factors)), np.nan)
    weights = []
    for begin in formings:
        seen = slice(begin - look_back, begin)  # never the day itself
        for column, factor in enumerate(factors):
            held = _weights(factor, values[seen], money[seen])
            daily[begin:begin + every, column] = _drifting(held, values[begin:begin + every])
            weights.append(held)
    index = pd.MultiIndex.from_product([returns.index[list(formings)], factors], names=["day", "factor"])
    held_frame = pd.DataFrame(weights, index=index, columns=returns.columns).swaplevel().sort_index()
    made = pd.DataFrame(daily, index=returns.index, columns=list(factors)).iloc[look_back:]
    return FactorPortfolios(made, held_frame)


def _weights(factor: Factor, values: NDArray[np.float64], money: NDArray[np.float64]) -> NDArray[np.float64]:
    count = values.shape[1]
    if factor == "market":
        return np.full(count, 1.0 / count)
    with np.errstate(divide="ignore", invalid="ignore"):
        score = {
            "momentum": lambda: np.prod(1.0 + values, axis=0),
            "volatility": lambda: values.std(axis=0),
            "liquidity": lambda: np.nanmean(np.where(money > 0, np.abs(values) / money, np.nan), axis=0),
        }[factor]()
    order = np.argsort(score, kind="stable")
    third = max(1, count // 3)
    held = np.zeros(count)
    held[order[-third:]], held[order[:third]] = 1.0 / third, -1.0 / third
    return held


def _drifting(held: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the daily returns of what was bought less those of what was sold, each side left alone."""
    sides = []
    for side in (np.clip(held, 0, None), np.clip(-held, 0, None)):
        worth = side @ np.vstack([np.ones(values.shape[1]), np.cumprod(1.0 + values, axis=0)]).T
        sides.append(np.divide(np.diff(worth), worth[:-1], out=np.zeros(len(values)), where=worth[:-1] > 0))
    return np.asarray(sides[0] - sides[1])
