"""The figures of a batch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from jesse_nb.core.analysis.curves.equity import growth
from jesse_nb.core.study.batch_entry import JOIN
from jesse_nb.report.batch.batch_tables import matrix
from jesse_nb.report.common.canvas import (
    BAD,
    GOOD,
    INK,
    ReportFigure,
    axis_in,
    date_axis,
    empty,
    literal,
    new_figure,
)
from jesse_nb.report.common.heatmap import ALIKE, LESS_TO_MORE, LOSS_TO_GAIN, ink_on
from jesse_nb.report.common.labels import write
from jesse_nb.report.common.numbers import UNDEFINED, parameter

if TYPE_CHECKING:
    from jesse_nb.core.study.metric import Metric
    from jesse_nb.core.tools.batch.batch_result import BatchResult

__all__ = ["draw_correlation", "draw_equity", "draw_heatmap", "draw_matrix"]

#: Curves side by side, and rows of a correlation.
_MOST = 12

#: Metrics of these units have a value that means "nothing gained": what lies on either side differs in colour.
_SIGNED = ("percent", "ratio", "currency")
_NEUTRAL = {"omega_ratio": 1.0, "omega": 1.0}


def draw_matrix(result: BatchResult) -> ReportFigure:
    """Draw the batch's metric by the two dimensions that show most of it."""
    shown = matrix(result)
    if shown is None:
        figure, (ax,) = new_figure(1.2)
        return empty(figure, ax, "Nothing was varied.")
    return draw_heatmap(shown.table, result.metric)


def draw_heatmap(table: pd.DataFrame, metric: Metric) -> ReportFigure:
    """Draw a metric by two dimensions, its value in each cell where there is room."""
    colours, low, high = _scale(table.to_numpy(dtype=float), metric)
    return _draw_cells(table, colours, low, high, lambda value: write(metric.name, value, (metric,)))


def draw_correlation(result: BatchResult) -> ReportFigure:
    """Draw how alike the daily returns of the best combinations are."""
    table = result.correlation(result.top(_MOST))
    table.index = pd.Index([f"{number}  {name}" for number, name in enumerate(table.index, 1)])
    table.columns = pd.Index(range(1, len(table) + 1))
    return _draw_cells(table, ALIKE, -1.0, 1.0, lambda value: UNDEFINED if math.isnan(value)
                       else f"{round(value, 2) + 0.0:.2f}")


def draw_equity(result: BatchResult) -> ReportFigure:
    """Draw the best combinations' growth, one small picture each, all on one scale."""
    best = result.top(_MOST)
    columns = min(4, len(best))
    rows = math.ceil(len(best) / columns)
    figure, axes = new_figure(0.3 + 1.75 * rows, rows, columns, sharey=True)
    for position, (ax, entry) in enumerate(zip(axes, best, strict=False)):
        assert entry.equity is not None
        curve = growth(entry.equity)
        colour = GOOD if curve.iloc[-1] >= 0 else BAD
        ax.axhline(0, color=INK, alpha=0.6, linewidth=0.8)
        ax.plot(curve.index, curve, color=colour, linewidth=1.4)
        ax.fill_between(curve.index, curve, 0, color=colour, alpha=0.15, linewidth=0)
        ax.set_title(_lines(result.short_name(entry), 30), loc="left", color=INK, fontsize=8.5)
        ax.margins(x=0.02)
        date_axis(ax, 4)
        ax.xaxis.get_offset_text().set_visible(False)  # the report's head says which year
        ax.tick_params(labelsize=8)
        if position % columns == 0:
            axis_in(ax.yaxis, "percent", ticks=4)
    for ax in axes[len(best):]:
        ax.set_visible(False)
    return figure


def _draw_cells(table: pd.DataFrame, colours: Any, low: float, high: float, text: Any) -> ReportFigure:
    across, turned = _across(table)
    figure, (ax,) = new_figure(min(0.5 + 0.36 * max(len(table), 2), 12.0) + _label_height(across, turned))
    if not table.size:
        return empty(figure, ax, "There is nothing to compare.")
    values = table.to_numpy(dtype=float)
    ax.imshow(values, cmap=colours, vmin=low, vmax=high, aspect="auto")
    if table.shape[1] <= 16 and len(table) <= 40:
        for row, column in np.ndindex(values.shape):
            value = values[row, column]
            ink = INK if math.isnan(value) else ink_on(colours, (value - low) / (high - low))
            ax.text(column, row, text(value), ha="center", va="center", color=ink,
                    fontsize=8.5 if table.shape[1] <= 10 else 7.5)
    every = math.ceil(len(across) / 40)
    ax.set_xticks(range(0, len(across), every), across[::every], rotation=90 if turned else 0)
    _name_rows(ax, table)
    ax.tick_params(length=0)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.grid(visible=False)
    return figure


def _across(table: pd.DataFrame) -> tuple[list[str], bool]:
    """Return the columns' labels, and whether they are turned because they are too long to stand side by side."""
    lines = [_lines(parameter(name), 40).replace(" to ", "\nto ") for name in table.columns]
    longest = max((len(line) for label in lines for line in label.split("\n")), default=0)
    if longest * len(lines) <= 100:
        return lines, False
    return [literal(parameter(name), 40) for name in table.columns], True


def _label_height(labels: list[str], turned: bool) -> float:
    """Return the inches that labels take below the cells."""
    if turned:
        return 0.2 + 0.085 * max(map(len, labels))
    return 0.2 + 0.15 * max((label.count("\n") + 1 for label in labels), default=1)


def _name_rows(ax: Axes, table: pd.DataFrame) -> None:
    """Label the rows, and both sides where their labels do not say what they are."""
    down = [literal(parameter(name), 44) for name in table.index]
    every = math.ceil(len(down) / 40)
    ax.set_yticks(range(0, len(down), every), down[::every])
    for axis, name in ((ax.xaxis, table.columns.name), (ax.yaxis, table.index.name)):
        if name is not None and JOIN not in str(name) and name not in ("strategy", "symbol", "timeframe", "period"):
            axis.set_label_text(literal(str(name)))


def _scale(values: Any, metric: Metric) -> tuple[Any, float, float]:
    """Return colours and their ends: loss and gain about the neutral value, or one colour by size."""
    finite = values[np.isfinite(values)]
    if metric.unit in _SIGNED:
        middle = _NEUTRAL.get(metric.name, 0.0)
        # one freak must not make all others look alike
        reach = float(np.percentile(np.abs(finite - middle), 95)) if len(finite) else 1.0
        colours = LOSS_TO_GAIN if metric.direction == "maximize" else LOSS_TO_GAIN.reversed()
        return colours, middle - (reach or 1.0), middle + (reach or 1.0)
    ends = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    return LESS_TO_MORE, ends[0], ends[1] if ends[1] > ends[0] else ends[0] + 1.0


def _lines(name: str, most: int) -> str:
    """Break a joined label into lines, each cut to ``most`` characters."""
    return "\n".join(literal(part, most) for part in name.split(JOIN))
