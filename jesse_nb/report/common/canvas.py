"""One look for all figures: transparent, in inks that read on light and on dark paper.

Figures are made with matplotlib's object API alone. pyplot is never touched, so the
notebook's backend and its open figures stay as they are.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from PIL import Image

from jesse_nb.report.common.numbers import UNDEFINED, tick
from jesse_nb.report.common.palette import BAD, BEST, GOOD, INK, MAIN, OTHER

__all__ = ["BAD", "BEST", "GOOD", "INK", "MAIN", "OTHER", "STEPS", "ReportFigure", "axis_in", "date_axis",
           "empty", "legend", "literal", "new_figure", "png"]

#: Width of every figure in inches, at 100 CSS pixels an inch.
WIDTH = 9.0
#: Round steps between ticks.
STEPS = (1, 2, 2.5, 5, 10)
_DPI = 160


class ReportFigure(Figure):
    """A figure that shows itself in a notebook, whatever the backend."""

    def _repr_png_(self) -> bytes:
        return png(self)


def new_figure(height: float, rows: int = 1, columns: int = 1,
               **grid: Any) -> tuple[ReportFigure, list[Axes]]:
    """Return an empty transparent figure and its axes, row by row.

    Parameters
    ----------
    height
        In inches; 100 CSS pixels each.
    rows, columns
        How many axes.
    **grid
        As for :meth:`matplotlib.figure.Figure.subplots`.
    """
    figure = ReportFigure(figsize=(WIDTH, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    figure.patch.set_alpha(0.0)
    axes = list(figure.subplots(rows, columns, squeeze=False, **grid).flat)
    for ax in axes:
        ax.patch.set_alpha(0.0)
        ax.tick_params(colors=INK, labelsize=9, length=3)
        ax.xaxis.label.set(color=INK, fontsize=9)
        ax.yaxis.label.set(color=INK, fontsize=9)
        ax.title.set(color=INK, fontsize=10)
        ax.spines[["top", "right"]].set_visible(False)
        ax.spines[["left", "bottom"]].set_color(INK)
        ax.spines[["left", "bottom"]].set_alpha(0.6)
        ax.grid(visible=True, axis="y", color=INK, alpha=0.2, linewidth=0.7)
        ax.set_axisbelow(True)
    return figure, axes


def legend(ax: Axes, entries: int = 4) -> None:
    """Put the legend in one line above the axes, where it covers nothing."""
    if ax.get_legend_handles_labels()[1]:
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=entries, frameon=False, fontsize=9,
                  labelcolor=INK, borderaxespad=0.2, handlelength=1.6, columnspacing=1.6)


def axis_in(axis: Any, unit: str, ticks: int = 6) -> None:
    """Write an axis' ticks in a metric's unit."""
    axis.set_major_locator(MaxNLocator(ticks, steps=STEPS, integer=unit == "count"))
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value, unit)))


def date_axis(ax: Axes, ticks: int = 9) -> None:
    """Write the horizontal axis as dates, each part of them once."""
    locator = AutoDateLocator(maxticks=ticks)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    ax.xaxis.get_offset_text().set(color=INK, fontsize=9)


def literal(name: str, most: int = 40) -> str:
    """Return a name that matplotlib draws as it is written, cut to ``most`` characters."""
    line = " ".join(str(name).split())
    line = line if len(line) <= most else f"{line[: most - 1]}…"
    return line.replace("$", r"\$")


def empty(figure: ReportFigure, ax: Axes, reason: str) -> ReportFigure:
    """Say in an empty figure why there is nothing to see."""
    ax.set_axis_off()
    ax.text(0.5, 0.5, literal(reason or UNDEFINED, 200), ha="center", va="center", color=INK, fontsize=10,
            transform=ax.transAxes, wrap=True)
    return figure


def png(figure: Figure) -> bytes:
    """Return a figure as a transparent PNG with a palette, a third of the usual size."""
    small = io.BytesIO()
    _pixels(figure).quantize(colors=128, method=Image.Quantize.FASTOCTREE).save(
        small, format="PNG", compress_level=8)  # 9 takes twice the time for 4 % of the size
    return small.getvalue()


def _pixels(figure: Figure) -> Image.Image:
    # ``savefig`` draws each figure twice, the first time only to lay it out, and encodes a PNG to be read again.
    canvas = figure.canvas if isinstance(figure.canvas, FigureCanvasAgg) else FigureCanvasAgg(figure)
    dpi = figure.dpi
    figure.dpi = _DPI
    try:
        canvas.draw()  # type: ignore[no-untyped-call]
        return Image.fromarray(np.array(canvas.buffer_rgba()))  # type: ignore[no-untyped-call]
    finally:
        figure.dpi = dpi
