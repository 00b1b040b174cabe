"""What an equity curve says: drawdown, months, growth."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

if TYPE_CHECKING:
    from jesse_nb.core.study.optimize_study import OptimizeStudy

__all__ = ["EquityCurves", "drawdown", "equity_curves", "growth", "monthly_returns"]


def drawdown(equity: pd.Series[float]) -> pd.Series[float]:
    """Return how far below its highest value so far an equity curve stands.

    The starting balance counts as a peak. Jesse's own ``max_drawdown`` leaves it out, so that a loss on the
    first day is none there; everywhere in this package it is one.

    Parameters
    ----------
    equity
        Portfolio value over time.

    Returns
    -------
    pandas.Series
        Percent, 0 or below, on the same index.
    """
    return (equity / equity.cummax() - 1.0) * 100.0


def growth(equity: pd.Series[float]) -> pd.Series[float]:
    """Return an equity curve as its change since the first sample, in percent."""
    return (equity / equity.iloc[0] - 1.0) * 100.0 if len(equity) else equity.astype(float)


def monthly_returns(equity: pd.Series[float]) -> pd.DataFrame:
    """Return what each calendar month (UTC) gained, and each year.

    What lies between two samples belongs to the month of the first: Jesse takes a day's
    sample when the day is over, so a run to the end of May has its last one in June. Months
    compound to the year's figure, and years to the whole run's.

    Parameters
    ----------
    equity
        Portfolio value over time, with a DatetimeIndex.

    Returns
    -------
    pandas.DataFrame
        Percent. One row a year; columns 1 to 12 (NaN where the run has no sample)
        and ``year``, the compounded months.
    """
    columns: list[int | str] = [*range(1, 13), "year"]
    if equity.empty:
        return pd.DataFrame(columns=columns, dtype=float).rename_axis("year")
    index = pd.DatetimeIndex(equity.index)
    values = equity.to_numpy(dtype=float)
    growth, begins = (values[1:] / values[:-1], index[:-1]) if len(values) > 1 else (values / values, index)
    ratio = pd.Series(growth).groupby([begins.year, begins.month]).prod()
    ratio.index = ratio.index.set_names(["year", "month"])
    table = ratio.unstack("month").reindex(columns=range(1, 13))
    table["year"] = table.prod(axis=1, skipna=True)
    return (table - 1.0) * 100.0


class EquityCurves(NamedTuple):
    """Growth in percent since the start of training; None where there is no such run.

    ``test`` goes on from where ``training`` ended, although it was simulated with a
    fresh balance.
    """

    training: pd.Series[float] | None
    test: pd.Series[float] | None
    default: pd.Series[float] | None


def equity_curves(result: OptimizeStudy) -> EquityCurves:
    """Return the curves of the best trial, of its held-out run and of the strategy's own parameters.

    Parameters
    ----------
    result
        An optimization.
    """
    training = result.training.equity if result.training else None
    test = result.test.equity if result.test else None
    end = float(training.iloc[-1] / training.iloc[0]) if training is not None and len(training) else 1.0
    return EquityCurves(
        training=growth(training) if training is not None else None,
        test=((1.0 + growth(test) / 100.0) * end - 1.0) * 100.0 if test is not None else None,
        default=growth(result.default.equity) if result.default else None,
    )
