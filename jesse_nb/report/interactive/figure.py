"""A figure as plotly's: made of the artists of the static one, so that no number is told twice."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from jesse_nb.report.common.canvas import ReportFigure
from jesse_nb.report.interactive.artists import UnknownArtistError, drawn_from
from jesse_nb.report.interactive.axes import Place, axis_layout
from jesse_nb.report.interactive.look import CONFIG, look

__all__ = ["interactive"]

#: Pixels between the edge of a figure and its axes, at the least; plotly makes room for what is longer.
_LEAST_MARGINS = {"l": 46, "r": 16, "t": 12, "b": 26}
#: For legends and titles above the axes.
_HEAD = 24


def interactive(figure: ReportFigure) -> dict[str, Any] | None:
    """Return a figure as plotly's data, layout and config, ready for JSON; None where it has what plotly cannot draw.

    Parameters
    ----------
    figure
        It is drawn, if it was not yet: only then its axes have their places.
    """
    figure.draw_without_rendering()
    bars = {id(bar.ax): bar for ax in figure.axes for cells in (*ax.get_images(), *ax.collections)
            if (bar := cells.colorbar) is not None}
    places = _places([ax for ax in figure.axes if id(ax) not in bars and ax.get_visible()])
    layout = look(round(figure.get_figheight() * figure.dpi)) | {"barmode": "overlay", "bargap": 0, "dragmode": "zoom"}
    legends = [place for place in places if place.ax.get_legend() is not None]
    headed = legends or any(place.ax.get_title(side) for place in places for side in ("left", "center"))
    layout["margin"] = _LEAST_MARGINS | {"t": _LEAST_MARGINS["t"] + (_HEAD if headed else 0)}
    try:
        parts = sorted((part for place in places for part in drawn_from(place, _bar_of(place, bars))),
                       key=lambda part: part.front)
    except UnknownArtistError:
        return None
    for place in places:
        for letter in "xy":
            partner = next((other for other in places if other.number < place.number and getattr(
                place.ax, f"get_shared_{letter}_axes")().joined(place.ax, other.ax)), None)
            number = "" if place.number == 1 else place.number
            layout[f"{letter}axis{number}"] = axis_layout(place, letter, partner)
    for place in legends:
        left, _, _, top = place.box
        layout["legend" if place.number == 1 else f"legend{place.number}"] = {
            "orientation": "h", "x": left, "xanchor": "left", "y": top, "yanchor": "bottom", "font": {"size": 12},
            "bgcolor": "rgba(0,0,0,0)"}
    layout["shapes"] = [shape for part in parts for shape in part.shapes]
    layout["annotations"] = [note for part in parts for note in part.annotations]
    return {"data": [trace for part in parts for trace in part.traces], "layout": layout,
            "config": CONFIG | {"doubleClick": "reset"}}


def _bar_of(place: Place, bars: dict[int, Any]) -> Any:
    own = {id(cells) for cells in (*place.ax.get_images(), *place.ax.collections)}
    return next((bar for bar in bars.values() if id(bar.mappable) in own), None)


def _places(axes: list[Axes]) -> list[Place]:
    """Return the axes with their numbers, stretched to all of the figure: plotly makes its own room for labels."""
    boxes = [ax.get_position() for ax in axes]
    if not boxes:
        return []
    left, bottom = min(box.x0 for box in boxes), min(box.y0 for box in boxes)
    wide, high = max(box.x1 for box in boxes) - left, max(box.y1 for box in boxes) - bottom
    return [Place(ax, number, ((box.x0 - left) / wide, (box.y0 - bottom) / high, (box.x1 - left) / wide,
                               min((box.y1 - bottom) / high, 1.0)))
            for number, (ax, box) in enumerate(zip(axes, boxes, strict=True), start=1)]
