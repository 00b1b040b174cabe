"""An axes of matplotlib as a pair of plotly's: where it lies, its scales and ticks, and how its values are said."""

# matplotlib and masked arrays are not fully typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from html import escape
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.dates import DateLocator
from matplotlib.ticker import FixedLocator, FuncFormatter, ScalarFormatter
from numpy.typing import ArrayLike, NDArray

from jesse_nb.report.common.canvas import UnitFormatter
from jesse_nb.report.common.numbers import measure
from jesse_nb.report.common.palette import INK
from jesse_nb.report.interactive.look import GRID

__all__ = ["Place", "axis_layout", "is_dates", "spoken", "values_of", "words_of"]

_DAY_MS = 86_400_000
#: How a unit's ticks are written when plotly chooses them (d3-format), and what follows.
_FORMATS = {"percent": ("+,~f", "%"), "share": (",~f", "%"), "fraction": (",~%", ""), "count": (",d", ""),
            "currency": (",~f", "")}


class Place(NamedTuple):
    """An axes, its number in the figure from 1, and the rectangle that it has of the figure (0 to 1)."""

    ax: Axes
    number: int
    box: tuple[float, float, float, float]

    def name(self, letter: str) -> str:
        """Return what plotly calls its horizontal (``x``) or vertical (``y``) axis."""
        return letter if self.number == 1 else f"{letter}{self.number}"

    def axis(self, letter: str) -> Axis:
        """Return matplotlib's axis of that letter."""
        return self.ax.xaxis if letter == "x" else self.ax.yaxis


def is_dates(axis: Axis) -> bool:
    """Return whether an axis holds moments."""
    return isinstance(axis.get_major_locator(), DateLocator)


def values_of(axis: Axis, numbers: ArrayLike) -> list[Any]:
    """Return an axis' numbers as plotly takes them: moments as ISO texts (UTC), what is undefined as None."""
    given = np.ma.filled(np.ma.asarray(numbers, dtype=float), np.nan)
    if is_dates(axis):
        return [None if np.isnat(moment) else str(moment) for moment in _moments(given)]
    return [float(number) if np.isfinite(number) else None for number in given]


def words_of(axis: Axis, numbers: ArrayLike) -> list[str]:
    """Return an axis' numbers as a reader says them, each ready for HTML."""
    given = np.ma.filled(np.ma.asarray(numbers, dtype=float), np.nan)
    if is_dates(axis):
        return [f"{str(moment)[:16].replace('T', ' ')}".removesuffix(" 00:00") for moment in _moments(given)]
    formatter = axis.get_major_formatter()
    if isinstance(formatter, UnitFormatter):
        return [measure(number, formatter.unit) for number in given]
    if isinstance(axis.get_major_locator(), FixedLocator):
        names = {round(float(place), 6): text for place, text in _fixed(axis)}
        return [escape(names.get(float(np.rint(number)), names.get(round(float(number), 6), f"{number:,.6g}")))
                for number in given]
    if isinstance(formatter, FuncFormatter):
        return [escape(str(formatter(number))) for number in given]
    return [f"{number:,.4g}" for number in given]


def spoken(text: str) -> str:
    """Return a text of a figure as HTML: as it was before matplotlib's escapes, on its lines."""
    return escape(text.replace(r"\$", "$")).replace("\n", "<br>")


def axis_layout(place: Place, letter: str, partner: Place | None) -> dict[str, Any]:
    """Return plotly's layout of one axis; ``partner`` is an earlier axes that shares it."""
    axis, other = place.axis(letter), "y" if letter == "x" else "x"
    low, high = axis.get_view_interval()  # from the lower or left end: in an inverted axis the higher comes first
    start, end = place.box[::2] if letter == "x" else place.box[1::2]
    shown = axis.get_visible() and place.ax.axison
    side = "bottom" if letter == "x" else "left"
    labelled = bool(axis.get_tick_params().get(f"label{side}", True))
    grid = any(line.get_visible() for line in axis.get_gridlines()[:1]) and axis.get_tick_params().get("gridOn", False)
    layout: dict[str, Any] = {
        "domain": [start, end], "anchor": place.name(other), "visible": bool(shown), "zeroline": False,
        "showgrid": bool(grid), "gridcolor": GRID, "showline": bool(place.ax.spines[side].get_visible()),
        "linecolor": INK, "ticks": "outside" if labelled else "", "tickcolor": INK, "ticklen": 3,
        "showticklabels": labelled, "automargin": True, "range": _range(axis, low, high),
        "title": {"text": spoken(axis.get_label_text()), "font": {"size": 12}, "standoff": 6},
    }
    if partner is not None:
        layout["matches"] = partner.name(letter)
    return layout | _ticks(axis)


def _range(axis: Axis, low: float, high: float) -> list[Any]:
    if axis.get_scale() == "log":
        return [float(np.log10(low)), float(np.log10(high))]
    return values_of(axis, [low, high])


def _ticks(axis: Axis) -> dict[str, Any]:
    if is_dates(axis):
        return {"type": "date"}
    kind = "log" if axis.get_scale() == "log" else "linear"
    formatter = axis.get_major_formatter()
    if kind == "linear" and isinstance(formatter, UnitFormatter):
        form, suffix = _FORMATS.get(formatter.unit, ("", ""))
        return {"type": kind, "tickformat": form, "ticksuffix": suffix, "nticks": max(len(axis.get_majorticklocs()), 4)}
    if kind == "linear" and not isinstance(axis.get_major_locator(), FixedLocator):
        if isinstance(formatter, FuncFormatter) and formatter(1.0) == "1%":
            return {"type": kind, "tickformat": "~f", "ticksuffix": "%"}
        if isinstance(formatter, ScalarFormatter):
            return {"type": kind}
    labels = _fixed(axis)
    return {"type": kind, "tickmode": "array", "tickvals": [place for place, _ in labels],
            "ticktext": [spoken(text) for _, text in labels]}


def _fixed(axis: Axis) -> list[tuple[float, str]]:
    """Return the ticks that are seen, and what stands at each."""
    low, high = sorted(axis.get_view_interval())
    places = axis.get_majorticklocs()
    texts = axis.get_major_formatter().format_ticks(list(places))
    slack = 1e-9 * (high - low)
    return [(float(place), text) for place, text in zip(places, texts, strict=True)
            if low - slack <= place <= high + slack]


def _moments(days: NDArray[np.float64]) -> NDArray[np.datetime64]:
    milliseconds = np.where(np.isfinite(days), np.rint(days * _DAY_MS), 0).astype("int64").astype("datetime64[ms]")
    milliseconds[~np.isfinite(days)] = np.datetime64("NaT")
    return milliseconds
