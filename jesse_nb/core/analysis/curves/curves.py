"""Several equity curves side by side: on common days, correlated, joined to a portfolio.

Jesse samples equity once a day, but not all runs at the same moment: in fast mode a sample is
taken one candle after midnight, and runs on timeframes above a day have fewer samples. So curves
are compared by calendar day.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import pandas as pd

from jesse_nb.core.study.ratios import equity_ratios
from jesse_nb.exceptions import InputError, shown

__all__ = ["Portfolio", "correlation", "daily_equity", "daily_returns", "equal_weight"]

#: Fewer common days than this give no correlation.
_FEWEST_DAYS = 10


def daily_equity(equity: pd.Series[float]) -> pd.Series[float]:
    """Return an equity curve by calendar day (UTC).

    Parameters
    ----------
    equity
        Samples in order of time.

    Returns
    -------
    pandas.Series
        The last sample of each day that has one, at that day's midnight.
    """
    days = pd.DatetimeIndex(equity.index).normalize()
    return pd.Series(equity.to_numpy(), index=days, name=equity.name).groupby(level=0).last()


def daily_returns(equity: pd.Series[float]) -> pd.Series[float]:
    """Return the simple returns (fractions) from one calendar day to the next.

    A return over more than a day, where days have no sample, is left out.
    """
    daily = daily_equity(equity)
    one_day = daily.index.to_series().diff() == pd.Timedelta(days=1)
    return daily.pct_change()[one_day]


def correlation(curves: Mapping[str, pd.Series[float]]) -> pd.DataFrame:
    """Return Pearson's correlation of the curves' daily returns, each pair on its common days.

    Parameters
    ----------
    curves
        Equity by name.

    Returns
    -------
    pandas.DataFrame
        Square, by name. NaN for pairs with fewer than 10 common days, or where one never moved.
    """
    returns = pd.DataFrame({name: daily_returns(equity) for name, equity in curves.items()})
    return returns.corr(min_periods=_FEWEST_DAYS)


class Portfolio(NamedTuple):
    """Several runs held together, each with the same share of the money at the start.

    Attributes
    ----------
    names
        What is in it.
    rebalance
        ``daily`` (shares are made equal again every day) or ``never`` (bought once).
    equity
        Value by day, beginning with 1.
    metrics
        Its return-based metrics by Jesse's names, in Jesse's units
        (:func:`~jesse_nb.core.study.ratios.equity_ratios`).
    days_cut
        Days that some of them have and others lack: they are left out.
    """

    names: tuple[str, ...]
    rebalance: Literal["daily", "never"]
    equity: pd.Series[float]
    metrics: dict[str, float]
    days_cut: int = 0

    @property
    def daily_returns(self) -> pd.Series[float]:
        """Daily simple returns, as fractions."""
        return self.equity.pct_change().iloc[1:]


def equal_weight(
    curves: Mapping[str, pd.Series[float]], rebalance: Literal["daily", "never"] = "daily"
) -> Portfolio:
    """Hold several equity curves with equal weights, over the days that all of them cover.

    No cost is charged for rebalancing, and each run keeps the sizes that it had with an account of its own.

    Parameters
    ----------
    curves
        Equity by name, in one currency. Within its own span, a curve stands at its last sample on
        days without one.
    rebalance
        ``daily``: the portfolio's return is the mean of the day's returns. ``never``: its value
        is the mean of the curves, each beginning with 1.

    Raises
    ------
    InputError
        When there is no curve, they have fewer than two days in common, or ``rebalance`` is neither.
    """
    if rebalance not in ("daily", "never"):
        raise InputError(f"rebalance is {shown(rebalance)}.", "It is 'daily' or 'never'.")
    if not curves:
        raise InputError("A portfolio needs at least one run.")
    by_day = {name: daily_equity(equity).asfreq("D").ffill() for name, equity in curves.items()}
    daily = pd.concat(by_day, axis=1, join="inner")
    if len(daily) < 2:
        spans = sorted({f"{equity.index[0]:%Y-%m-%d} to {equity.index[-1]:%Y-%m-%d}" for equity in curves.values()})
        raise InputError(f"These runs have no two days in common: {'; '.join(spans[:4])}.",
                         "A portfolio holds runs of the same time.")
    if rebalance == "daily":
        growth = (1.0 + daily.pct_change().iloc[1:].mean(axis=1)).cumprod()
        equity = pd.concat([pd.Series([1.0], index=daily.index[:1]), growth])
    else:
        equity = (daily / daily.iloc[0]).mean(axis=1)
    equity = equity.rename("portfolio")
    days_cut = len(pd.concat(by_day, axis=1)) - len(daily)
    return Portfolio(tuple(curves), rebalance, equity, equity_ratios(equity), days_cut)
