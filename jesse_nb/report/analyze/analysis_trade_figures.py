"""The figures of an analysis that look at trades: excursions, when they go well, costs, and features at entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from jesse_nb.report.common.canvas import (
    BAD,
    BEST,
    GOOD,
    INK,
    MAIN,
    OTHER,
    ReportFigure,
    axis_in,
    legend,
    new_figure,
    say,
)
from jesse_nb.report.common.numbers import measure

if TYPE_CHECKING:
    from jesse_nb.core.analysis.trades.group_performance import GroupPerformance
    from jesse_nb.core.tools.analyze.analysis_result import Analysis

__all__ = ["draw_calendar", "draw_costs", "draw_excursions", "draw_hours", "draw_importances"]

#: How wide a dimension's axes are, in cells.
_WIDTHS = {"weekday": 7.0, "month": 11.0, "volatility": 4.4, "trend": 3.2}
#: Slippages (basis points) that are drawn, of those in the table.
_SLIPPAGES = (0.0, 2.0, 5.0, 10.0)


def draw_excursions(analysis: Analysis) -> ReportFigure:
    """Draw each trade's worst against its best moment, and the profit with a stop at other distances."""
    assert analysis.advanced is not None
    found = analysis.advanced.excursions
    assert found is not None
    figure, (left, right) = new_figure(3.5, 1, 2, width_ratios=[1.35, 1])
    known = found.trades.dropna(subset=["mae", "mfe"])
    gained = known["pnl"].to_numpy(dtype=float) > 0
    size = 20 if len(known) <= 500 else 6
    for name, own, marker, colour in (("losing", ~gained, "v", BAD), ("winning", gained, "^", GOOD)):
        if own.any():
            dots = left.scatter(known["mae"][own], known["mfe"][own], s=size, marker=marker, color=colour, alpha=0.65,
                                linewidths=0, label=f"{name} ({int(own.sum()):,})")
            say(dots, [f"trade of {opened:%Y-%m-%d %H:%M}: {measure(profit, 'currency')}" for opened, profit in zip(
                known["opened_at"][own], known["pnl"][own], strict=True)])
    left.set_xlabel("worst moment (MAE)")
    left.set_ylabel("best moment (MFE)")
    axis_in(left.xaxis, "percent", ticks=6)
    axis_in(left.yaxis, "percent")
    legend(left)

    stops = found.stops
    places = np.arange(len(stops))
    right.axhline(found.total_pnl, color=INK, linewidth=1.2, linestyle="--", label="without it")
    right.plot(places, stops["total_pnl"], color=MAIN, linewidth=1.6, marker="o", markersize=4, label="with the stop")
    right.set_xticks(places, [f"{stop:g}" for stop in stops.index], fontsize=8)
    right.set_xlabel("stop, percent from the entry")
    right.set_ylabel("net profit")
    axis_in(right.yaxis, "currency")
    legend(right)
    return figure


def draw_hours(analysis: Analysis) -> ReportFigure:
    """Draw the mean result of the trades entered in each hour."""
    cells = _cells(analysis)
    figure, (ax,) = new_figure(2.5)
    _bars(ax, cells, "hour")
    ax.set_ylabel("mean of a trade")
    ax.set_xlabel("hour of the entry (UTC), and number of trades")
    axis_in(ax.yaxis, "percent", ticks=5)
    return figure


def draw_calendar(analysis: Analysis) -> ReportFigure:
    """Draw the mean result of the trades entered on each weekday, in each month, volatility and trend."""
    cells = _cells(analysis)
    known = [name for name in _WIDTHS if name in cells.table.index.get_level_values("dimension")]
    figure, axes = new_figure(2.7, 1, len(known), sharey=True, width_ratios=[_WIDTHS[name] for name in known])
    for ax, name in zip(axes, known, strict=True):
        _bars(ax, cells, name)
        ax.set_title(name, fontsize=9)
    axes[0].set_ylabel("mean of a trade")
    axis_in(axes[0].yaxis, "percent", ticks=5)
    return figure


def _cells(analysis: Analysis) -> GroupPerformance:
    assert analysis.advanced is not None
    assert analysis.advanced.cells is not None
    return analysis.advanced.cells


def _bars(ax: Axes, cells: GroupPerformance, dimension: str) -> None:
    """Draw one dimension's cells: faint, unless the difference survived the correction."""
    rows = cells.table.xs(dimension, level="dimension")
    for place, (name, mean) in enumerate(rows["mean"].items()):
        clear = (dimension, name) in cells.survivors
        ax.bar(place, mean, width=0.78, color=GOOD if mean > 0 else BAD, alpha=0.95 if clear else 0.4, linewidth=0)
    names = [name[:3] if dimension in ("weekday", "month") else name for name in map(str, rows.index)]
    ax.set_xticks(range(len(rows)), [f"{name}\n{count:,}" for name, count in zip(names, rows["trades"], strict=True)],
                  fontsize=7.5)
    ax.tick_params(axis="x", length=0)
    ax.axhline(0, color=INK, linewidth=0.9)
    ax.margins(x=0.02)


def draw_costs(analysis: Analysis) -> ReportFigure:
    """Draw the net profit at other fees and slippages: the same fills re-priced, and the run simulated again."""
    assert analysis.advanced is not None
    costs, stress = analysis.advanced.costs, analysis.advanced.fee_stress
    figure, (ax,) = new_figure(3.2)
    if costs is not None and not costs.reason:
        shown = [slippage for slippage in map(float, costs.table.columns) if slippage in _SLIPPAGES]
        others = ", ".join(f"{slippage:g}" for slippage in shown if slippage)
        for slippage, strength in zip(shown, np.linspace(1.0, 0.35, max(len(shown), 2)), strict=False):
            name = f"same fills re-priced (paler: {others} bp slippage)" if slippage == 0 else None
            ax.plot(costs.table.index, costs.table[slippage], color=MAIN, linewidth=1.6, alpha=strength, label=name)
        ax.axvline(costs.fee, color=INK, linewidth=1.2, linestyle=":", label="the fee paid")
        if 0 <= costs.break_even_fee <= float(costs.table.index.max()):
            ax.plot(costs.break_even_fee, 0, marker="D", color=BEST, markersize=7, linestyle="none", label="break-even",
                    zorder=4)
    if stress is not None and stress.table["final_equity"].notna().any():
        known = stress.table.dropna(subset=["final_equity"])
        ax.plot(known["fee"], known["final_equity"] - analysis.run.balance, color=OTHER, marker="o", markersize=7,
                linestyle="none", label="simulated again", zorder=3)
    ax.axhline(0, color=INK, linewidth=0.9)
    ax.set_xlabel("fee, part of a fill's value")
    ax.set_ylabel("net profit")
    ax.margins(x=0.03)
    axis_in(ax.xaxis, "fraction", ticks=8)
    axis_in(ax.yaxis, "currency")
    legend(ax)
    return figure


def draw_importances(analysis: Analysis) -> ReportFigure:
    """Draw how much less the trades that promise more make without each thing known at entry."""
    assert analysis.deep is not None
    insight = analysis.deep.insight
    assert insight is not None
    table = insight.importances.head(12)
    figure, (ax,) = new_figure(0.7 + 0.28 * len(table))
    places = range(len(table))
    ax.barh(places, table["importance"], color=[MAIN if value > 0 else INK for value in table["importance"]], alpha=0.8,
            height=0.7, xerr=table["spread"].fillna(0.0), error_kw={"ecolor": INK, "elinewidth": 1.0})
    ax.axvline(0, color=INK, linewidth=0.9)
    ax.set_yticks(places, [name.replace("_", " ") for name in map(str, table.index)])
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.set_xlabel(f"fall of the difference ({insight.difference:+.2f} points a trade) when it is mixed up")
    ax.grid(visible=False)
    ax.tick_params(axis="y", length=0)
    axis_in(ax.xaxis, "")
    return figure
