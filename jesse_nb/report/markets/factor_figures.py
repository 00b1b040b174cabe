"""The figures of a factor analysis: attribution by month, exposures in time, the factors themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.markets.factor_regression import ALPHA
from jesse_nb.core.tools.markets.factor_analysis import REST
from jesse_nb.report.common.canvas import (
    BAD,
    BEST,
    GOOD,
    INK,
    MAIN,
    OTHER,
    ReportFigure,
    axis_in,
    date_axis,
    legend,
    literal,
    new_figure,
)

if TYPE_CHECKING:
    from jesse_nb.core.tools.markets.factor_analysis import FactorAnalysis

__all__ = ["factor_plots"]

_COLOURS = (MAIN, BEST, OTHER, GOOD, BAD)
#: Bars of the attribution, at the most; months are put together beyond that.
_MOST_BARS = 36


def factor_plots(result: FactorAnalysis) -> dict[str, Callable[[], ReportFigure]]:
    """Return what draws each figure, by its name."""
    figures: dict[str, Callable[[], ReportFigure]] = {"attribution": lambda: draw_attribution(result)}
    if len(result.rolling) > 1:
        figures["exposures"] = lambda: draw_exposures(result)
    figures["factors"] = lambda: draw_factors(result)
    return figures


def draw_attribution(result: FactorAnalysis) -> ReportFigure:
    """Draw what each factor gave and took, stacked by month, and what came of it."""
    figure, (ax,) = new_figure(3.4)
    monthly: Any = result.monthly.tail(_MOST_BARS)
    places = np.arange(len(monthly))
    above, below = np.zeros(len(monthly)), np.zeros(len(monthly))
    for name in monthly:
        values = monthly[name].to_numpy(dtype=float)
        ax.bar(places, values, bottom=np.where(values >= 0, above, below), width=0.7, color=_colour(result, str(name)),
               label=literal(str(name), 20), linewidth=0)
        above += np.clip(values, 0, None)
        below += np.clip(values, None, 0)
    ax.plot(places, monthly.sum(axis=1), color=INK, marker="D", markersize=4, linewidth=0, label="the month's return")
    ax.axhline(0, color=INK, linewidth=0.8)
    every = -(-len(monthly) // 12)  # twelve have room
    ax.set_xticks(places[::every], [month.strftime("%b %Y") for month in monthly.index[::every]], fontsize=8)
    axis_in(ax.yaxis, "percent")
    legend(ax, 4)
    return figure


def draw_exposures(result: FactorAnalysis) -> ReportFigure:
    """Draw the rolling betas, and the whole period's as dashes."""
    figure, (ax,) = new_figure(3.0)
    for name in result.factor_returns:
        colour = _colour(result, str(name))
        ax.plot(result.rolling.index, result.rolling[name], color=colour, linewidth=1.5, label=literal(str(name), 20))
        ax.axhline(float(result.table["value"].to_dict()[name]), color=colour, linewidth=0.9, linestyle="--", alpha=0.8)
    ax.axhline(0, color=INK, linewidth=0.8)
    ax.set_ylabel(f"beta of {result.window:,} days")
    ax.margins(x=0.01)
    legend(ax, 4)
    date_axis(ax)
    return figure


def draw_factors(result: FactorAnalysis) -> ReportFigure:
    """Draw what one unit in each factor became, beside the result."""
    figure, (ax,) = new_figure(2.8)
    curves: Any = result.factor_returns
    for name in curves:
        ax.plot(curves.index, _grown(curves[name]), color=_colour(result, str(name)), linewidth=1.3,
                label=literal(str(name), 20))
    ax.plot(result.returns.index, _grown(result.returns), color=INK, linewidth=1.8, label="the result")
    ax.axhline(0, color=INK, linewidth=0.8, alpha=0.6)
    axis_in(ax.yaxis, "percent")
    ax.margins(x=0.01)
    legend(ax, 4)
    date_axis(ax)
    return figure


def _grown(returns: pd.Series[float]) -> pd.Series[float]:
    """Return the compounded return so far, in percent."""
    return ((1.0 + returns.clip(lower=-1.0)).cumprod() - 1.0) * 100.0


def _colour(result: FactorAnalysis, name: str) -> str:
    if name in (ALPHA, REST):
        return {ALPHA: "#7a8b00", REST: "#9aa3ad"}[name]
    return _COLOURS[list(result.factor_returns.columns).index(name) % len(_COLOURS)]
