"""The figures of a correlation matrix: the clustered matrix, its course in time, tails, eigenvalues."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from jesse_nb.report.common.canvas import (
    BAD,
    BEST,
    GOOD,
    INK,
    MAIN,
    OTHER,
    ReportFigure,
    date_axis,
    legend,
    literal,
    new_figure,
)
from jesse_nb.report.common.cells import draw_cells
from jesse_nb.report.common.heatmap import ALIKE

if TYPE_CHECKING:
    from jesse_nb.core.tools.markets.correlation_matrix import CorrelationMatrix

__all__ = ["correlation_plots", "pair_name"]

#: Pairs that are drawn one by one.
_MOST_TAILS, _MOST_PATHS = 20, 6


def correlation_plots(result: CorrelationMatrix) -> dict[str, Callable[[], ReportFigure]]:
    """Return what draws each figure, by its name."""
    figures: dict[str, Callable[[], ReportFigure]] = {"matrix": lambda: draw_matrix(result)}
    if len(result.rolling) > 1:
        figures["rolling"] = lambda: draw_rolling(result)
    if "tail" in result.pairs:
        figures["tails"] = lambda: draw_tails(result)
    if len(result.matrix) > 2:
        figures["eigenvalues"] = lambda: draw_eigenvalues(result)
    return figures


def pair_name(pair: tuple[str, str], most: int = 22) -> str:
    """Name a pair."""
    return f"{literal(pair[0], most)}, {literal(pair[1], most)}"


def draw_matrix(result: CorrelationMatrix) -> ReportFigure:
    """Draw the matrix, what is not significant in brackets."""
    table = result.matrix
    struck = np.zeros(table.shape, dtype=bool)
    if "significant" in result.pairs:
        pairs: Any = result.pairs["significant"].items()
        for (first, second), significant in pairs:
            one, other = table.columns.get_loc(first), table.columns.get_loc(second)
            struck[one, other] = struck[other, one] = not significant
    return draw_cells(table, ALIKE, -1.0, 1.0, lambda value: f"{round(value, 2) + 0.0:.2f}", struck)


def draw_rolling(result: CorrelationMatrix) -> ReportFigure:
    """Draw the rolling correlations: each of a few pairs, or the median and nine in ten of many."""
    figure, (ax,) = new_figure(2.9)
    rolling: Any = result.rolling
    if rolling.shape[1] <= _MOST_PATHS:
        colours = (MAIN, OTHER, BAD, BEST, GOOD, INK)
        for colour, pair in zip(colours, rolling.columns, strict=False):
            ax.plot(rolling.index, rolling[pair], color=colour, linewidth=1.4, label=pair_name(pair, 14))
    else:
        low, middle, high = (rolling.quantile(cut, axis=1) for cut in (0.05, 0.5, 0.95))
        ax.fill_between(rolling.index, low, high, color=MAIN, alpha=0.2, linewidth=0, label="nine in ten pairs")
        ax.plot(rolling.index, middle, color=MAIN, linewidth=1.6, label="median pair")
    ax.axhline(0, color=INK, linewidth=0.8)
    ax.set_ylim(min(-0.05, float(rolling.min().min()) - 0.05), 1.0)
    ax.set_ylabel(f"{result.rolling_window:,} observations")
    ax.margins(x=0.01)
    legend(ax, 3)
    date_axis(ax)
    return figure


def draw_tails(result: CorrelationMatrix) -> ReportFigure:
    """Draw how often both are in their lower tails, beside what a normal dependence as strong would show."""
    pairs = result.pairs.assign(excess=result.pairs["tail"] - result.pairs["tail_normal"])
    shown = pairs.sort_values("excess", ascending=False, kind="stable").head(_MOST_TAILS)
    figure, (ax,) = new_figure(0.8 + 0.27 * len(shown))
    places = np.arange(len(shown))
    ax.hlines(places, shown["tail_low"], shown["tail_high"], color=MAIN, linewidth=2.0, alpha=0.75)
    ax.plot(shown["tail"], places, marker="o", linestyle="none", color=MAIN, markersize=5,
            label="observed, 95% interval")
    ax.plot(shown["tail_normal"], places, marker="|", linestyle="none", color=BAD, markersize=11, markeredgewidth=2,
            label="a normal dependence as strong")
    ax.axvline(result.tail, color=INK, linewidth=0.8, linestyle=":", label="independent")
    ax.set_yticks(places, [pair_name(pair) for pair in shown.index])
    ax.set_ylim(len(shown) - 0.5, -0.5)
    ax.set_xlim(0.0, 1.0)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value * 100:g}%")
    ax.grid(visible=False)
    ax.grid(visible=True, axis="x", color=INK, alpha=0.2, linewidth=0.7)
    legend(ax)
    return figure


def draw_eigenvalues(result: CorrelationMatrix) -> ReportFigure:
    """Draw the eigenvalues beside the band that noise alone would fill."""
    figure, (ax,) = new_figure(2.4)
    values = result.eigenvalues
    low, high = result.noise_edges
    ax.axhspan(low, high, color=INK, alpha=0.2, linewidth=0, label=f"noise alone: {low:.2f} to {high:.2f}")
    above = values > high
    places = np.arange(1, len(values) + 1)
    for mask, colour in ((above, MAIN), (~above, INK)):
        ax.vlines(places[mask], 0, values[mask], color=colour, linewidth=2.0)
        ax.plot(places[mask], values[mask], marker="o", linestyle="none", color=colour, markersize=5)
    ax.set_ylabel("eigenvalue")
    ax.set_xlabel("in order of size")
    ax.set_xticks(places[:: max(1, len(places) // 15)])
    ax.set_ylim(bottom=0)
    legend(ax)
    return figure
