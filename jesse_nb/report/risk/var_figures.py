"""The figures of a value at risk: forecasts against what came, and losses by method."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from jesse_nb.report.common.canvas import (
    BAD,
    INK,
    MAIN,
    OTHER,
    ReportFigure,
    axis_in,
    date_axis,
    legend,
    legend_columns,
    new_figure,
)
from jesse_nb.report.risk.var_tables import METHOD_NAMES, days_ahead, methods_of, percent

if TYPE_CHECKING:
    from jesse_nb.core.tools.risk.var_calculation import ValueAtRisk

__all__ = ["forecast_methods", "var_plots"]

#: Forecasts are drawn of this many methods, those first that follow the days most closely.
_MOST_DRAWN = 2
_ORDER = ("fhs", "t", "historical", "cornish_fisher", "normal")


def var_plots(result: ValueAtRisk) -> dict[str, Callable[[], ReportFigure]]:
    """Return what draws each figure, by its name."""
    figures: dict[str, Callable[[], ReportFigure]] = {}
    if len(result.table) and result.table["var"].notna().any():
        figures["losses"] = lambda: draw_losses(result)
    if forecast_methods(result):
        figures["forecasts"] = lambda: draw_forecasts(result)
    return figures


def forecast_methods(result: ValueAtRisk) -> list[str]:
    """Return the methods whose forecasts are drawn."""
    if not len(result.forecasts):
        return []
    known = result.forecasts["var"].groupby(level="method").any()
    return [name for name in _ORDER if bool(known.get(name, False))][:_MOST_DRAWN]


def draw_losses(result: ValueAtRisk) -> ReportFigure:
    """Draw both measures of the shortest horizon by method, with their intervals, a panel a confidence."""
    horizon, levels, methods = result.time_horizons[0], result.confidence_levels[:4], methods_of(result)
    table: Any = result.table
    figure, axes = new_figure(0.95 + 0.36 * len(methods), 1, len(levels), sharey=True)
    for ax, level in zip(axes, levels, strict=True):
        for place, method in enumerate(methods):
            row = table.loc[(method, level, horizon)]
            if row["reason"]:
                ax.text(0.02, place, "too little data" if "needed" in row["reason"] else "none", color=INK, fontsize=8,
                        va="center", transform=ax.get_yaxis_transform())
                continue
            for name, shift, colour, title in (("var", -0.14, MAIN, "value at risk"),
                                               ("es", 0.14, BAD, "expected shortfall")):
                ax.plot([row[f"{name}_low"], row[f"{name}_high"]], [place + shift] * 2, color=colour, linewidth=2.0,
                        alpha=0.75)
                known = title in ax.get_legend_handles_labels()[1]
                ax.plot(row[name], place + shift, marker="o", color=colour, markersize=5, linestyle="none",
                        label=None if known else title)
        ax.set_xlabel(f"loss, {percent(level)}, {days_ahead(horizon)}")
        ax.set_yticks(range(len(methods)), [METHOD_NAMES[name] for name in methods])
        ax.set_ylim(len(methods) - 0.5, -0.5)
        ax.tick_params(axis="y", length=0)
        ax.grid(visible=False)
        ax.grid(visible=True, axis="x", color=INK, alpha=0.2, linewidth=0.7)
        ax.spines["left"].set_visible(False)
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}%")
    top = max(ax.get_xlim()[1] for ax in axes)
    low = min(0.0, *(ax.get_xlim()[0] for ax in axes))
    for ax in axes:
        ax.set_xlim(low, top)
    handles, names = max((ax.get_legend_handles_labels() for ax in axes), key=lambda known: len(known[1]))
    figure.legend(handles, names, loc="outside upper left", ncols=legend_columns(names, 2), frameon=False,
                  fontsize=9, labelcolor=INK)
    return figure


def draw_forecasts(result: ValueAtRisk) -> ReportFigure:
    """Draw each day's return against the value at risk that was forecast the evening before."""
    methods = forecast_methods(result)
    forecasts: Any = result.forecasts.sort_index()
    figure, axes = new_figure(0.4 + 2.3 * len(methods), len(methods), 1, sharex=True, sharey=True)
    for ax, method in zip(axes, methods, strict=True):
        drawn = False
        for level, colour in zip((result.confidence_levels[0], result.confidence_levels[-1]), (MAIN, OTHER),
                                 strict=True):
            found = forecasts.loc[(method, level)]
            if not found["var"].notna().any() or (drawn and len(result.confidence_levels) == 1):
                continue
            if not drawn:
                exceeded = found["exceeded"].to_numpy(dtype=bool)
                ax.vlines(found.index, 0, found["return"], color=INK, alpha=0.45, linewidth=0.8)
                ax.plot(found.index[exceeded], found["return"][exceeded], marker="o", markersize=4.5, color=BAD,
                        linestyle="none", label=f"beyond {percent(level)}: {int(exceeded.sum()):,} of {len(found):,} "
                        f"days")
                drawn = True
            ax.plot(found.index, -found["var"], color=colour, linewidth=1.4, label=f"{percent(level)} value at risk")
        ax.axhline(0, color=INK, linewidth=0.8)
        ax.set_ylabel(METHOD_NAMES[method])
        ax.margins(x=0.01)
        axis_in(ax.yaxis, "percent", ticks=6)
        legend(ax)
    low = float(np.nanmin(result.forecasts["return"]))
    axes[0].set_ylim(bottom=min(axes[0].get_ylim()[0], low * 1.05))
    date_axis(axes[-1])
    return figure
