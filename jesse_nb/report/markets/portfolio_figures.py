"""The figures of a portfolio: equity and drawdown, weights, money against risk, the divisions that were tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

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
    from jesse_nb.core.tools.markets.portfolio import PortfolioResult

__all__ = ["DIVISIONS", "WAYS", "portfolio_plots"]

DIVISIONS = {"equal": "equal (1/N)", "inverse_vol": "inverse volatility", "min_variance": "minimum variance",
             "risk_parity": "risk parity", "hrp": "hierarchical risk parity", "given": "given weights"}

WAYS = {"accounts": "accounts of their own", "simulated": "one account"}

_MARKERS = {"equal": "D", "inverse_vol": "^", "min_variance": "s", "risk_parity": "v", "hrp": "P", "given": "X"}

#: Parts that have a colour of their own; the others share one.
_COLOURS = (MAIN, OTHER, BEST, GOOD, BAD, "#2aa3b8", "#b0567f", "#8a8f3c")


def portfolio_plots(result: PortfolioResult) -> dict[str, Callable[[], ReportFigure]]:
    """Return what draws each figure, by its name."""
    plots: dict[str, Callable[[], ReportFigure]] = {
        "equity": lambda: draw_equity(result), "weights": lambda: draw_weights(result),
        "risk": lambda: draw_risk(result), "divisions": lambda: draw_divisions(result)}
    return plots | ({"one_account": lambda: draw_one_account(result)} if result.simulated is not None else {})


def draw_equity(result: PortfolioResult) -> ReportFigure:
    """Draw what the portfolio, an equal division and each part came to, and how deep they fell."""
    figure, (top, below) = new_figure(4.4, 2, 1, sharex=True, height_ratios=(2, 1))
    curves: Any = result.curves
    parts = [part.name for part in result.parts]
    for place, name in enumerate(parts):
        top.plot(curves.index, (curves[name] - 1) * 100, color=INK, alpha=0.55, linewidth=0.9,
                 label="each part" if place == 0 else None)
    shown = {result.allocation: (MAIN, 2.0), **({"equal": (BEST, 1.4)} if "equal" in curves else {})}
    for name, (colour, width) in reversed(shown.items()):
        top.plot(curves.index, (curves[name] - 1) * 100, color=colour, linewidth=width, label=DIVISIONS[name])
        below.plot(curves.index, (curves[name] / curves[name].cummax() - 1) * 100, color=colour, linewidth=width * 0.7)
    _growth_over_drawdown(top, below)
    return figure


def draw_one_account(result: PortfolioResult) -> ReportFigure:
    """Draw what one account came to beside the accounts that were put together, and how deep they fell."""
    assert result.simulated is not None
    figure, (top, below) = new_figure(4.0, 2, 1, sharex=True, height_ratios=(2, 1))
    curves: Any = result.simulated.curves
    for name, colour, width in (("accounts", BEST, 1.4), ("simulated", MAIN, 1.8)):
        top.plot(curves.index, (curves[name] - 1) * 100, color=colour, linewidth=width, label=WAYS[name])
        below.plot(curves.index, (curves[name] / curves[name].cummax() - 1) * 100, color=colour, linewidth=width * 0.7)
    _growth_over_drawdown(top, below)
    return figure


def _growth_over_drawdown(top: Axes, below: Axes) -> None:
    """Finish a pair of axes: growth in percent above, drawdowns of the same days beneath."""
    top.axhline(0, color=INK, linewidth=0.8)
    axis_in(top.yaxis, "percent")
    axis_in(below.yaxis, "percent", ticks=4)
    below.set_ylabel("drawdown")
    top.margins(x=0.01)
    legend(top)
    date_axis(below)


def draw_weights(result: PortfolioResult) -> ReportFigure:
    """Draw the share of the money in each account, through time."""
    figure, (ax,) = new_figure(2.6)
    weights = result.weights[_largest(result)]
    ax.stackplot(weights.index, weights.T.to_numpy(dtype=float) * 100, labels=_labels(_largest(result)),
                 colors=_colours(weights.shape[1]), alpha=0.85, linewidth=0)
    ax.set_ylim(0, 100)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}%")
    ax.margins(x=0)
    ax.grid(visible=False)
    legend(ax, 4)
    date_axis(ax)
    return figure


def draw_risk(result: PortfolioResult) -> ReportFigure:
    """Draw each part's share of the money beside its share of the risk."""
    parts = _largest(result)[:20]
    figure, (ax,) = new_figure(0.8 + 0.34 * len(parts))
    places = np.arange(len(parts))
    division: Any = result.division
    for name, shift, colour, title in (("money", -0.19, INK, "of the money"), ("risk", 0.19, MAIN, "of the risk")):
        ax.barh(places + shift, division.loc[parts, name] * 100, height=0.34, color=colour, label=title)
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.set_yticks(places, _labels(parts))
    ax.set_ylim(len(parts) - 0.5, -0.5)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}%")
    ax.grid(visible=False)
    ax.grid(visible=True, axis="x", color=INK, alpha=0.2, linewidth=0.7)
    legend(ax)
    return figure


def draw_divisions(result: PortfolioResult) -> ReportFigure:
    """Draw return against volatility of each division that was tried beside each part, and the divisions enlarged."""
    figure, (ax, near) = new_figure(3.6, 1, 2, width_ratios=(3, 2))
    table: Any = result.allocations
    for name, row in table.iterrows():
        division = row["kind"] == "division"
        chosen = name == result.allocation
        colour = MAIN if chosen else BEST if name == "equal" else OTHER if division else INK
        for panel in (ax, near) if division else (ax,):
            panel.plot(row["volatility"], row["annual_return"], marker=_MARKERS[name] if division else "o",
                       color=colour, markersize=10 if chosen else 7 if division else 5, linestyle="none",
                       alpha=1.0 if division else 0.7, label=DIVISIONS[name] if division else None)
        if not division:
            ax.annotate(literal(name, 22), (row["volatility"], row["annual_return"]), xytext=(7, -3),
                        textcoords="offset points", color=colour, fontsize=8)
        elif name == "equal":
            near.annotate("1/N", (row["volatility"], row["annual_return"]), xytext=(8, -3),
                          textcoords="offset points", color=colour, fontsize=9)
    ax.axhline(0, color=INK, linewidth=0.8)
    ax.set_xlim(0, ax.get_xlim()[1] * 1.15)
    near.margins(0.25)
    near.set_title("divisions, enlarged", fontsize=9, color=INK)
    ax.set_ylabel("return a year")
    for panel in (ax, near):
        panel.set_xlabel("volatility a year")
        axis_in(panel.yaxis, "percent", ticks=5)
        panel.xaxis.set_major_locator(MaxNLocator(5))
        panel.xaxis.set_major_formatter(lambda value, _: f"{value:g}%")
    legend(ax, 3)
    return figure


def _largest(result: PortfolioResult) -> list[str]:
    """Return the parts, that with most of the money first."""
    mean = result.weights.mean().sort_values(ascending=False, kind="stable")
    return [str(name) for name in mean.index]


def _labels(names: list[str]) -> list[str]:
    return [literal(name, 28) for name in names]


def _colours(count: int) -> list[str]:
    return [*_COLOURS[:count], *[INK] * max(0, count - len(_COLOURS))]
