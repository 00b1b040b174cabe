"""The figures of a backtest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jesse_nb.core.analysis.curves.equity import drawdown, monthly_returns
from jesse_nb.report.common.canvas import (
    BAD,
    BEST,
    GOOD,
    INK,
    MAIN,
    ReportFigure,
    axis_in,
    date_axis,
    empty,
    legend,
    new_figure,
)
from jesse_nb.report.common.heatmap import LOSS_TO_GAIN, MONTHS, ink_on
from jesse_nb.report.common.numbers import measure

if TYPE_CHECKING:
    from jesse_nb.core.simulator.result import BacktestResult
    from jesse_nb.core.tools.analyze.analysis_result import AnalyzedRun

__all__ = ["draw_equity", "draw_monthly", "draw_trades"]


def draw_equity(result: BacktestResult) -> ReportFigure:
    """Draw the equity curve, and beneath it how far it is below its peak."""
    figure, (upper, lower) = new_figure(4.2, 2, 1, sharex=True, height_ratios=[2.4, 1])
    equity, below = result.equity, drawdown(result.equity)
    upper.axhline(result.spec.account.balance, color=INK, alpha=0.6, linewidth=0.8)
    upper.plot(equity.index, equity, color=MAIN, linewidth=1.8)
    upper.set_ylabel("equity")
    axis_in(upper.yaxis, "currency")
    lower.fill_between(below.index, below, 0, color=BAD, alpha=0.35, linewidth=0)
    lower.plot(below.index, below, color=BAD, linewidth=1.0)
    lower.set_ylabel("drawdown")
    lower.margins(x=0.02)
    lower.set_ylim(min(float(below.min()) * 1.08, -1.0), 0)
    axis_in(lower.yaxis, "percent", ticks=4)
    date_axis(lower)
    return figure


def draw_monthly(result: BacktestResult | AnalyzedRun) -> ReportFigure:
    """Draw monthly returns as a heat map, one row a year."""
    frame = monthly_returns(result.equity)
    figure, (ax,) = new_figure(0.7 + 0.42 * max(len(frame), 2))
    if frame.empty:
        return empty(figure, ax, "There is no equity to read months from.")
    months = frame.drop(columns="year").to_numpy(dtype=float)
    reach = np.nanmax(np.abs(months)) or 1.0
    ax.imshow(months, cmap=LOSS_TO_GAIN, vmin=-reach, vmax=reach, aspect="auto")
    for row, column in zip(*np.nonzero(np.isfinite(months)), strict=True):
        value = months[row, column]
        ax.text(column, row, measure(value, "percent"), ha="center", va="center", fontsize=8.5,
                color=ink_on(LOSS_TO_GAIN, 0.5 + 0.5 * value / reach))
    ax.set_xticks(range(12), MONTHS)
    ax.set_yticks(range(len(frame)), [str(year) for year in frame.index])
    ax.tick_params(length=0)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.grid(visible=False)
    return figure


def draw_trades(result: BacktestResult | AnalyzedRun) -> ReportFigure:
    """Draw how the trades' net profits are spread."""
    figure, (ax,) = new_figure(3.0)
    profits = result.trades["pnl"].to_numpy(dtype=float)
    rough = np.histogram_bin_edges(profits, bins=min(60, max(20, len(profits) // 4)))
    width = rough[1] - rough[0]  # bins start at zero, so that none holds both gains and losses
    edges = np.arange(np.floor(rough[0] / width), np.ceil(rough[-1] / width) + 1) * width
    sides = (("losing", profits[profits <= 0], BAD), ("winning", profits[profits > 0], GOOD))
    for name, part, colour in sides:
        if len(part):
            ax.hist(part, bins=edges.tolist(), color=colour, alpha=0.75, label=f"{name} ({len(part):,})")
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.axvline(float(profits.mean()), color=BEST, linewidth=1.6, linestyle="--",
               label=f"mean {measure(float(profits.mean()), 'currency')}")
    ax.set_xlabel("net profit of a trade")
    ax.set_ylabel("trades")
    axis_in(ax.xaxis, "currency", ticks=9)
    axis_in(ax.yaxis, "count")
    legend(ax)
    return figure
