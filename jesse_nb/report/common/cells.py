"""A table drawn as coloured cells, the value in each where there is room."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from jesse_nb.core.study.batch_entry import JOIN
from jesse_nb.report.common.canvas import INK, ReportFigure, empty, literal, new_figure, room
from jesse_nb.report.common.heatmap import ink_on
from jesse_nb.report.common.numbers import parameter

__all__ = ["draw_cells", "lines_of"]


def draw_cells(
    table: pd.DataFrame, colours: Any, low: float, high: float, text: Any, struck: NDArray[np.bool_] | None = None
) -> ReportFigure:
    """Draw a table as coloured cells.

    Parameters
    ----------
    table
        Numbers by row and column.
    colours, low, high
        A colour map, and the values at its ends.
    text
        Writes a value.
    struck
        Cells whose value is written in brackets, of the table's shape.
    """
    across, turned = _across(table)
    upright = table.shape[1] > room(12)
    row_height = 0.5 if upright and room(12) < 12 else 0.36
    figure, (ax,) = new_figure(min(0.5 + row_height * max(len(table), 2), 12.0) + _label_height(across, turned))
    if not table.size:
        return empty(figure, ax, "There is nothing to compare.")
    values = table.to_numpy(dtype=float)
    ax.imshow(values, cmap=colours, vmin=low, vmax=high, aspect="auto")
    if table.shape[1] <= 16 and len(table) <= 40:
        for row, column in np.ndindex(values.shape):
            value = values[row, column]
            ink = INK if math.isnan(value) else ink_on(colours, (value - low) / (high - low))
            written = text(value) if struck is None or not struck[row, column] else f"({text(value)})"
            ax.text(column, row, written, ha="center", va="center", color=ink,
                    rotation=90 if row_height > 0.4 else 0, fontsize=8.5 if table.shape[1] <= 10 else 7.5)
    every = math.ceil(len(across) / 40)
    ax.set_xticks(range(0, len(across), every), across[::every], rotation=90 if turned else 0)
    _name_rows(ax, table)
    ax.tick_params(length=0)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.grid(visible=False)
    return figure


def _across(table: pd.DataFrame) -> tuple[list[str], bool]:
    """Return the columns' labels, and whether they are turned because they are too long to stand side by side."""
    lines = [lines_of(parameter(name), 40).replace(" to ", "\nto ") for name in table.columns]
    longest = max((len(line) for label in lines for line in label.split("\n")), default=0)
    if longest * len(lines) <= room(100):
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


def lines_of(name: str, most: int) -> str:
    """Break a joined label into lines, each cut to ``most`` characters."""
    return "\n".join(literal(part, most) for part in name.split(JOIN))
