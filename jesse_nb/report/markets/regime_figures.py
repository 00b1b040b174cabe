"""The figures of regimes: the market with its states as told and in hindsight, performance by state, the fits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.dates import date2num
from matplotlib.patches import Rectangle

from jesse_nb.core.times import TIMEFRAME_MINUTES
from jesse_nb.report.common.canvas import (
    BAD,
    BEST,
    GOOD,
    INK,
    MAIN,
    ReportFigure,
    axis_in,
    date_axis,
    legend,
    literal,
    new_figure,
)

if TYPE_CHECKING:
    from jesse_nb.core.tools.markets.regime_detector import Regimes

__all__ = ["regime_plots"]


def regime_plots(result: Regimes) -> dict[str, Callable[[], ReportFigure]]:
    """Return what draws each figure, by its name."""
    figures: dict[str, Callable[[], ReportFigure]] = {"course": lambda: draw_course(result)}
    if len(result.states) > 1:
        figures["performance"] = lambda: draw_performance(result)
        if len(result.fits) > 1:
            figures["fits"] = lambda: draw_fits(result)
    return figures


def draw_course(result: Regimes) -> ReportFigure:
    """Draw the market's growth, and beneath it the states as told and as hindsight sees them."""
    figure, (top, told, back) = new_figure(4.0, 3, 1, sharex=True, height_ratios=(6, 1, 1))
    days: Any = result.days
    growth = ((1 + days["return"]).cumprod() - 1) * 100
    top.plot(days.index, growth, color=INK, linewidth=1.3)
    top.axhline(0, color=INK, linewidth=0.7)
    top.set_ylabel(literal(result.series.name, 24))
    axis_in(top.yaxis, "percent")
    top.margins(x=0.01)
    colours = _colours(len(result.states))
    length = pd.Timedelta(minutes=TIMEFRAME_MINUTES[result.timeframe])
    moments = pd.DatetimeIndex([*days.index, days.index[-1] + length])
    edges: Any = date2num(moments.to_pydatetime())  # type: ignore[no-untyped-call]
    shades: Any = {"cmap": ListedColormap(colours), "vmin": -0.5, "vmax": len(colours) - 0.5, "linewidth": 0,
                   "rasterized": True}
    top.pcolormesh(edges, [0, 1], days[["state"]].to_numpy().T, transform=top.get_xaxis_transform(), alpha=0.22,
                   zorder=0, **shades)
    for state, colour in zip(result.states, colours, strict=True):
        top.add_patch(Rectangle((edges[0], 0), 0, 0, color=colour, alpha=0.4, label=state))
    for ax, name, title in ((told, "state", "as told"), (back, "hindsight", "hindsight")):
        ax.pcolormesh(edges, [0, 1], days[[name]].to_numpy().T, **shades)
        ax.set_ylim(0, 1)
        ax.set_yticks([])
        ax.set_ylabel(title, rotation=0, ha="right", va="center")
        ax.grid(visible=False)
        ax.spines["left"].set_visible(False)
    legend(top)
    date_axis(back)
    return figure


def draw_performance(result: Regimes) -> ReportFigure:
    """Draw the mean return of the days or candles after each state was told, with its interval."""
    figure, (ax,) = new_figure(0.9 + 0.4 * len(result.states))
    table: Any = result.performance
    places = np.arange(len(table))
    for place, colour, (_, row) in zip(places, _colours(len(table)), table.iterrows(), strict=True):
        ax.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=2.4)
        ax.plot(row["mean"], place, marker="o", color=colour, markersize=7)
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.set_yticks(places, list(table.index))
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.set_xlabel(f"mean return of the next {result.unit}, 95% interval")
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:+g}%" if value else "0%")
    ax.grid(visible=False)
    ax.grid(visible=True, axis="x", color=INK, alpha=0.2, linewidth=0.7)
    return figure


def draw_fits(result: Regimes) -> ReportFigure:
    """Draw the volatility that each fit gave each state."""
    figure, (ax,) = new_figure(2.3)
    fits: Any = result.fits
    for state, colour in zip(result.states, _colours(len(result.states)), strict=True):
        ax.plot(fits["day"], fits[f"volatility_{state}"], color=colour, linewidth=1.4, marker="o", markersize=4,
                label=state)
    ax.set_ylim(bottom=0)
    ax.set_ylabel(f"volatility a {result.unit}")
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}%")
    legend(ax)
    date_axis(ax)
    return figure


def _colours(count: int) -> tuple[str, ...]:
    return {1: (MAIN,), 2: (GOOD, BAD), 3: (GOOD, BEST, BAD), 4: (GOOD, MAIN, BEST, BAD)}[count]
