"""One look for all figures: transparent, in inks that read on light and on dark paper.

Figures are made with matplotlib's object API alone. pyplot is never touched, so the
notebook's backend and its open figures stay as they are.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from textwrap import fill
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import Formatter, MaxNLocator
from PIL import Image

from jesse_nb.report.common.numbers import UNDEFINED, tick
from jesse_nb.report.common.palette import BAD, BEST, GOOD, INK, MAIN, OTHER

__all__ = [
    "BAD",
    "BEST",
    "GOOD",
    "INK",
    "MAIN",
    "OTHER",
    "STEPS",
    "ReportFigure",
    "UnitFormatter",
    "axis_in",
    "date_axis",
    "empty",
    "legend",
    "legend_columns",
    "literal",
    "narrow_place",
    "new_figure",
    "png",
    "room",
    "said_of",
    "say",
]

#: Width of every figure in inches, at 100 CSS pixels an inch: of a usual one, and of one for a narrow place.
WIDTH, _NARROW = 9.0, 4.6
#: Round steps between ticks.
STEPS = (1, 2, 2.5, 5, 10)
_DPI, _NARROW_DPI = 160, 140
_said: WeakKeyDictionary[Any, tuple[str, ...]] = WeakKeyDictionary()

_width = ContextVar("width of new figures", default=WIDTH)


class ReportFigure(Figure):
    """A figure that shows itself in a notebook, whatever the backend."""

    def _repr_png_(self) -> bytes:
        return png(self)


@contextmanager
def narrow_place() -> Iterator[None]:
    """Draw figures for a place half as wide within this: their parts below each other, with as large a writing."""
    token = _width.set(_NARROW)
    try:
        yield
    finally:
        _width.reset(token)


def room(usual: float) -> int:
    """Return how many of so many things side by side there is room for in the figures that are drawn now."""
    return max(2, round(usual * min(1.0, 1.2 * _width.get() / WIDTH)))


class UnitFormatter(Formatter):
    """Writes an axis' ticks in a metric's unit, which can be asked for."""

    def __init__(self, unit: str) -> None:
        self.unit = unit

    def __call__(self, value: float, pos: int | None = None) -> str:
        """Return what stands at a tick."""
        return tick(float(value), self.unit)


def new_figure(height: float, rows: int = 1, columns: int = 1, count: int | None = None,
               **grid: Any) -> tuple[ReportFigure, list[Axes]]:
    """Return an empty transparent figure and its axes, row by row.

    Parameters
    ----------
    height
        In inches; 100 CSS pixels each.
    rows, columns
        How many axes. In a narrow place all are below each other.
    count
        How many of them there are, where the last row is not full.
    **grid
        As for :meth:`matplotlib.figure.Figure.subplots`.
    """
    places = rows * columns
    count = places if count is None else count
    if columns > 1 and _width.get() < WIDTH:
        grid = {name: value for name, value in grid.items() if not name.endswith("_ratios")}
        height = min(height * columns, height + 1.9 * rows * (columns - 1)) * count / places
        rows, columns = count, 1
    figure = ReportFigure(figsize=(_width.get(), height), dpi=100, layout="constrained")
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
    for ax in axes[count:]:
        ax.set_visible(False)
    return figure, axes[:count]


def legend(ax: Axes, entries: int = 4) -> None:
    """Put the legend in one line above the axes, or in as few as there is room for: there it covers nothing."""
    if labels := ax.get_legend_handles_labels()[1]:
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=legend_columns(labels, entries), frameon=False,
                  fontsize=9, labelcolor=INK, borderaxespad=0.2, handlelength=1.6, columnspacing=1.6)


def legend_columns(labels: Iterable[str], most: int) -> int:
    """Return how many entries of a legend there is room for side by side."""
    if _width.get() == WIDTH:
        return most
    return max(1, min(most, int(_width.get() * 11.5 / (max(map(len, labels)) + 6))))


def axis_in(axis: Any, unit: str, ticks: int = 6) -> None:
    """Write an axis' ticks in a metric's unit."""
    fitting = max(4, room(ticks)) if axis.axis_name == "x" else ticks
    axis.set_major_locator(MaxNLocator(fitting, steps=STEPS, integer=unit == "count"))
    axis.set_major_formatter(UnitFormatter(unit))


def date_axis(ax: Axes, ticks: int = 9) -> None:
    """Write the horizontal axis as dates, each part of them once."""
    narrow = _width.get() < WIDTH  # with fewer than 5 of them the locator finds none for two years, and warns
    locator = AutoDateLocator(  # type: ignore[no-untyped-call]
        minticks=2 if narrow else 5, maxticks=max(5, room(ticks)) if narrow else ticks)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    ax.xaxis.get_offset_text().set(color=INK, fontsize=9)


def literal(name: str, most: int = 40) -> str:
    """Return a name that matplotlib draws as it is written, cut to ``most`` characters."""
    line = " ".join(str(name).split())
    line = line if len(line) <= most else f"{line[: most - 1]}…"
    return line.replace("$", r"\$")


def say(artist: Any, texts: Iterable[str]) -> None:
    """Give each of an artist's points a text of its own, which is read where the figure is interactive."""
    _said[artist] = tuple(texts)


def said_of(artist: Any) -> tuple[str, ...]:
    """Return what :func:`say` was told of an artist."""
    return _said.get(artist, ())


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
    if figure.get_figwidth() < WIDTH:
        for ax in figure.axes:
            ax.set_xlabel(fill(ax.get_xlabel(), 52))
    canvas = figure.canvas if isinstance(figure.canvas, FigureCanvasAgg) else FigureCanvasAgg(figure)
    dpi = figure.dpi
    figure.dpi = _DPI if figure.get_figwidth() == WIDTH else _NARROW_DPI
    try:
        canvas.draw()  # type: ignore[no-untyped-call]
        return Image.fromarray(np.array(canvas.buffer_rgba()))  # type: ignore[no-untyped-call]
    finally:
        figure.dpi = dpi
