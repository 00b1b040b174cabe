"""Accounts held together: weights from past days, moved money and what it costs, day by day."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

__all__ = ["HeldTogether", "hold_together", "rebalancing_days"]


class HeldTogether(NamedTuple):
    """What came of holding accounts together.

    Attributes
    ----------
    equity
        Value by day, beginning with one: at each day's beginning, and at the end of the last.
    weights
        Of each account at each day's beginning, after what was moved.
    contributions
        What each account added to each day's return (fractions), and what moving money cost (``costs``, zero or
        below): they add up to the day's return.
    turnover
        Money moved on each day on which some was: the sum of what was taken out and put in, as a fraction.
    """

    equity: pd.Series[float]
    weights: pd.DataFrame
    contributions: pd.DataFrame
    turnover: pd.Series[float]

    @property
    def returns(self) -> pd.Series[float]:
        """Daily returns, index each day's beginning."""
        values = self.equity.to_numpy()
        return pd.Series(values[1:] / values[:-1] - 1.0, index=self.weights.index)


def rebalancing_days(days: pd.DatetimeIndex, rule: str) -> list[int]:
    """Return the places of the days on which money is moved, the first day among them.

    Parameters
    ----------
    days
        Days in order of time.
    rule
        ``1D`` (each day), ``1W`` (Mondays), ``1M``, ``3M``, ``1Y`` (the first day of each), or ``never``.
    """
    if rule == "never" or not len(days):
        return [0][: len(days)]
    period = days.tz_localize(None).to_period({"1D": "D", "1W": "W-SUN", "1M": "M", "3M": "Q", "1Y": "Y"}[rule])
    return [0, *(int(place) for place in np.flatnonzero(period[1:] != period[:-1]) + 1)]


def hold_together(
    returns: pd.DataFrame, begin: int, moved_on: list[int], choose: Callable[[pd.DataFrame], pd.Series[float]],
    cost: float,
) -> HeldTogether:
    """Hold accounts together, each with its share of the money, from a day on.

    At the beginning of a day on which money is moved, ``choose`` is asked for the weights, and sees the days before it
    alone. Each unit taken out of an account or put into one costs ``cost``; the money that is there at first is divided
    at no cost.

    Parameters
    ----------
    returns
        Each account's daily returns, fractions, one row a day.
    begin
        The place of the first day that is held.
    moved_on
        Places of days, counted from ``begin``; the first is zero.
    choose
        Returns weights, zero or above, which add up to one, for the days that it is given.
    cost
        A fraction.
    """
    steps, days = returns.to_numpy(dtype=float)[begin:], pd.DatetimeIndex(returns.index)[begin:]
    moves, value = set(moved_on), 1.0
    held = np.zeros(steps.shape[1])
    equity, weights, contributions = [1.0], [], []
    turnover: dict[pd.Timestamp, float] = {}
    for day, step in enumerate(steps):
        paid = 0.0
        if day in moves:
            chosen = choose(returns.iloc[:begin + day]).to_numpy(dtype=float)
            if day:
                moved = float(np.abs(chosen * value - held).sum())
                paid = min(cost * moved, value)
                turnover[days[day]] = moved / value if value > 0 else 0.0
            held = chosen * (value - paid)
        gained = held * step
        share = np.divide(np.r_[gained, -paid], value) if value > 0 else np.zeros(len(held) + 1)
        weights.append(held / held.sum() if held.sum() > 0 else held)
        held = held + gained
        value = float(held.sum())
        contributions.append(share)
        equity.append(value)
    columns = list(returns.columns)
    stamps = days.append(pd.DatetimeIndex([days[-1] + pd.Timedelta(days=1)]))
    return HeldTogether(
        pd.Series(np.array(equity, dtype=float), index=stamps, name="portfolio"),
        pd.DataFrame(weights, index=days, columns=columns),
        pd.DataFrame(contributions, index=days, columns=[*columns, "costs"]),
        pd.Series(np.array([*turnover.values()], dtype=float), index=pd.DatetimeIndex([*turnover])))
