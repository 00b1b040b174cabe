"""The figures of a comparison: growth, drawdowns and rolling Sharpe ratios on one axis each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from jesse_nb.core.analysis.curves.equity import drawdown
from jesse_nb.core.analysis.curves.rolling import rolling_figures
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
    from jesse_nb.core.tools.compare.comparison import Comparison

__all__ = ["draw_curves", "draw_rolling", "has_rolling"]

_COLOURS = (MAIN, BEST, OTHER, GOOD, BAD, "#0e9aa7", "#c2549d", "#8a6d3b")
#: Days of the rolling window.
_WINDOW = 90


def draw_curves(found: Comparison) -> ReportFigure:
    """Draw what a balance of 100 became on the days in common, and beneath it how far it was below its peak."""
    figure, (upper, lower) = new_figure(5.0, 2, 1, sharex=True, height_ratios=[1.8, 1])
    upper.axhline(100.0, color=INK, alpha=0.6, linewidth=0.8)
    for name, wealth, colour in _wealth(found):
        upper.plot(wealth.index, wealth, color=colour, linewidth=1.7, label=literal(name))
        lower.plot(wealth.index, drawdown(wealth), color=colour, linewidth=1.2)
    upper.set_ylabel("value of 100")
    lower.set_ylabel("drawdown")
    axis_in(lower.yaxis, "percent", ticks=4)
    lower.set_ylim(top=0)
    date_axis(lower)
    legend(upper)
    return figure


def draw_rolling(found: Comparison) -> ReportFigure:
    """Draw the Sharpe ratios over the last 90 days."""
    figure, (ax,) = new_figure(2.8)
    ax.axhline(0.0, color=INK, alpha=0.6, linewidth=0.8)
    for name, colour in zip(found.names, _COLOURS, strict=False):
        ratio: Any = rolling_figures(found.returns[name], (_WINDOW,))[("sharpe_ratio", _WINDOW)]
        ax.plot(ratio.index, ratio, color=colour, linewidth=1.5, label=literal(name))
    ax.set_ylabel(f"Sharpe ratio, last {_WINDOW} days")
    date_axis(ax)
    legend(ax)
    return figure


def has_rolling(found: Comparison) -> bool:
    """Tell whether there are days enough for a rolling window."""
    return len(found.returns) >= _WINDOW + 10


def _wealth(found: Comparison) -> list[tuple[str, pd.Series[float], str]]:
    curves = []
    for name, colour in zip(found.names, _COLOURS, strict=False):
        growth = 100.0 * (1.0 + found.returns[name]).cumprod()
        growth.index = growth.index + pd.Timedelta(days=1)  # a return is of the whole day
        before = pd.Series([100.0], index=[found.returns.index[0]])
        curves.append((name, pd.concat([before, growth]), colour))
    return curves
