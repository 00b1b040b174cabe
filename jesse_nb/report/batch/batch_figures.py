"""The figures of a batch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.curves.equity import growth
from jesse_nb.report.batch.batch_tables import matrix
from jesse_nb.report.common.canvas import (
    BAD,
    GOOD,
    INK,
    MAIN,
    ReportFigure,
    axis_in,
    date_axis,
    empty,
    literal,
    new_figure,
)
from jesse_nb.report.common.cells import draw_cells, lines_of
from jesse_nb.report.common.heatmap import ALIKE, LESS_TO_MORE, LOSS_TO_GAIN
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
    """Draw a metric by two dimensions, its value in each cell where there is room; by one dimension, as bars."""
    if table.shape[1] == 1 and len(table):
        return _draw_bars(table.iloc[:, 0], metric)
    colours, low, high = _scale(table.to_numpy(dtype=float), metric)
    return draw_cells(table, colours, low, high, lambda value: write(metric.name, value, (metric,)))


def _draw_bars(values: pd.Series[float], metric: Metric) -> ReportFigure:
    """Draw a bar a row, from the value that means that nothing was gained, where the metric has one."""
    figure, (ax,) = new_figure(0.5 + 0.34 * max(len(values), 2))
    zero = _NEUTRAL.get(metric.name, 0.0)
    numbers = values.to_numpy(dtype=float)
    better = numbers >= zero if metric.direction == "maximize" else numbers <= zero
    colours = [(GOOD if good else BAD) if metric.unit in _SIGNED else MAIN for good in better]
    known = np.nan_to_num(numbers, nan=zero)
    bars = ax.barh(range(len(values)), known - zero, left=zero, color=colours, height=0.62)
    ax.bar_label(bars, [write(metric.name, value, (metric,)) for value in numbers], padding=4, color=INK, fontsize=9)
    ax.set_yticks(range(len(values)), [literal(parameter(name), 44) for name in values.index])
    ax.invert_yaxis()
    ax.axvline(zero, color=INK, linewidth=0.8)
    ax.margins(x=0.12)
    ax.set_xlabel(literal(metric.label))
    ax.grid(visible=False, axis="y")
    axis_in(ax.xaxis, metric.unit)
    return figure


def draw_correlation(result: BatchResult) -> ReportFigure:
    """Draw how alike the daily returns of the best combinations are."""
    table = result.correlation(result.top(_MOST))
    table.index = pd.Index([f"{number}  {name}" for number, name in enumerate(table.index, 1)])
    table.columns = pd.Index(range(1, len(table) + 1))
    return draw_cells(table, ALIKE, -1.0, 1.0, lambda value: UNDEFINED if math.isnan(value)
                       else f"{round(value, 2) + 0.0:.2f}")


def draw_equity(result: BatchResult) -> ReportFigure:
    """Draw the best combinations' growth, one small picture each, all on one scale."""
    best = result.top(_MOST)
    columns = min(4, len(best))
    rows = math.ceil(len(best) / columns)
    figure, axes = new_figure(0.3 + 1.75 * rows, rows, columns, len(best), sharey=True)
    for position, (ax, entry) in enumerate(zip(axes, best, strict=True)):
        assert entry.equity is not None
        curve = growth(entry.equity)
        colour = GOOD if curve.iloc[-1] >= 0 else BAD
        ax.axhline(0, color=INK, alpha=0.6, linewidth=0.8)
        ax.plot(curve.index, curve, color=colour, linewidth=1.4)
        ax.fill_between(curve.index, curve, 0, color=colour, alpha=0.15, linewidth=0)
        ax.set_title(lines_of(result.short_name(entry), 30), loc="left", color=INK, fontsize=8.5)
        ax.margins(x=0.02)
        date_axis(ax, 4)
        ax.xaxis.get_offset_text().set_visible(False)  # the report's head says which year
        ax.tick_params(labelsize=8)
        if position % columns == 0:
            axis_in(ax.yaxis, "percent", ticks=4)
    return figure


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
