"""Lines, dots, bars, areas, cells and texts of matplotlib as plotly's traces, shapes and annotations.

Each reads the numbers that the artist was drawn from, so that both figures say the same.
"""

# matplotlib is not fully typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.collections import Collection, LineCollection, PathCollection, QuadMesh
from matplotlib.container import BarContainer
from matplotlib.image import AxesImage
from matplotlib.lines import AxLine, Line2D
from matplotlib.markers import MarkerStyle
from matplotlib.patches import Patch, Rectangle
from matplotlib.text import Annotation, Text
from numpy.typing import NDArray

from jesse_nb.report.common.canvas import said_of
from jesse_nb.report.interactive.axes import Place, spoken, values_of, words_of
from jesse_nb.report.interactive.cells import bars_of, cells_of
from jesse_nb.report.interactive.parts import PIXELS, Drawn, colour_of, in_data, trace_of

__all__ = ["UnknownArtistError", "drawn_from"]

_DASHES = {"-": "solid", "--": "dash", ":": "dot", "-.": "dashdot"}
_STEPS = {"steps-post": "hv", "steps-pre": "vh", "steps-mid": "hvh", "steps": "vh"}
_MARKERS = {"o": "circle", ".": "circle", "^": "triangle-up", "v": "triangle-down", "<": "triangle-left",
            ">": "triangle-right", "s": "square", "D": "diamond", "d": "diamond-tall", "*": "star", "x": "x-thin",
            "+": "cross-thin", "|": "line-ns", "_": "line-ew"}
#: Markers that are strokes: their line is their colour.
_STROKES = ("x-thin", "cross-thin", "line-ns", "line-ew")


class UnknownArtistError(Exception):
    """A figure has something that is drawn with matplotlib alone."""


def drawn_from(place: Place, bar: Any = None) -> Iterator[Drawn]:
    """Yield what the artists of an axes become; ``bar`` is the colour bar of its cells.

    Raises
    ------
    UnknownArtistError
        When there is one that is not known here.
    """
    ax = place.ax
    bars = {patch for container in ax.containers if isinstance(container, BarContainer) for patch in container.patches}
    yield from (bars_of(place, container) for container in ax.containers if isinstance(container, BarContainer))
    yield from (_line(place, line) for line in ax.get_lines() if line.get_visible())
    for collection in ax.collections:
        yield _collection(place, collection, bar)
    yield from (cells_of(place, image, bar) for image in ax.get_images())
    yield from (_patch(place, patch) for patch in ax.patches if patch not in bars)
    yield from (_head(place, title, side) for side in ("left", "center") if (title := ax.get_title(side)))
    yield from (_text(place, text) for text in ax.texts if text.get_text())
    known = (Line2D, Collection, AxesImage, Patch, Text)
    for artist in (*ax.artists, *ax.tables):
        if not isinstance(artist, known):
            raise UnknownArtistError(type(artist).__name__)


def _line(place: Place, line: Any) -> Drawn:
    ax, style = place.ax, line.get_linestyle()
    width, colour = float(line.get_linewidth()) * PIXELS, colour_of(line.get_color(), line.get_alpha())
    stroke = {"color": colour, "width": width, "dash": _DASHES.get(style, "dash")}
    x, y = (np.asarray(values, dtype=float) for values in line.get_data(orig=False))
    if isinstance(line, AxLine):
        point: Any = line.get_xy1()
        x = np.asarray(ax.get_xlim())
        y = point[1] + (x - point[0]) * line.get_slope()
    for letter, across in (("y", line.get_transform() == ax.get_yaxis_transform(which="grid")),
                           ("x", line.get_transform() == ax.get_xaxis_transform(which="grid"))):
        if across:  # from edge to edge, however the axes is zoomed
            return Drawn(line.get_zorder(), shapes=(_edge_to_edge(place, line, letter, (x, y), stroke),))
    shown = "+".join(part for part, there in (("lines", style not in ("None", "none", "", " ")),
                                              ("markers", _marked(line))) if there)
    marker = {"symbol": _MARKERS.get(str(line.get_marker()), "circle"), "color": colour_of(
        line.get_markerfacecolor(), line.get_alpha()), "size": max(float(line.get_markersize()) * PIXELS * (
            0.5 if line.get_marker() == "." else 1.0), 3.0)}
    shape = _STEPS.get(line.get_drawstyle(), "linear")
    return Drawn(line.get_zorder(), (trace_of(
        place, line, mode=shown or "lines", line=stroke | {"shape": shape}, marker=marker,
        **_points(place, x, y, line.get_label(), said_of(line))),))


def _edge_to_edge(place: Place, line: Any, letter: str, data: tuple[Any, Any], stroke: Any) -> dict[str, Any]:
    own, other = letter, "y" if letter == "x" else "x"
    at = values_of(place.axis(own), data[0 if own == "x" else 1][:1])[0]
    trace = trace_of(place, line)
    return {"type": "line", f"{own}ref": place.name(own), f"{other}ref": f"{place.name(other)} domain",
            f"{own}0": at, f"{own}1": at, f"{other}0": 0, f"{other}1": 1, "line": stroke,
            "layer": "above", **{name: trace[name] for name in ("name", "showlegend", "legend")}}


def _points(place: Place, x: Any, y: Any, label: Any, said: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return coordinates as plotly takes them, and what is read over each point."""
    heads = [spoken(text) for text in said] if said else []
    name = "" if str(label).startswith("_") or said else spoken(str(label))
    across, up = (spoken(place.axis(letter).get_label_text()) for letter in "xy")
    lines = []
    for row, (first, second) in enumerate(zip(words_of(place.ax.xaxis, x), words_of(place.ax.yaxis, y), strict=True)):
        head = heads[row] if row < len(heads) else name
        lines.append("<br>".join([*([f"<b>{head}</b>"] if head else []), f"{across}: {first}" if across else first,
                                  f"{up}: {second}" if up else second]))
    return {"x": values_of(place.ax.xaxis, x), "y": values_of(place.ax.yaxis, y), "text": lines, "hoverinfo": "text"}


def _collection(place: Place, collection: Any, bar: Any) -> Drawn:
    if isinstance(collection, PathCollection):
        return Drawn(collection.get_zorder(), (_dots(place, collection),))
    if isinstance(collection, QuadMesh):
        return cells_of(place, collection, bar)
    if isinstance(collection, LineCollection):
        return Drawn(collection.get_zorder(), tuple(_strokes(place, collection)))
    if not collection.get_paths() or len(collection.get_offsets()) > 1:
        raise UnknownArtistError(type(collection).__name__)
    face = collection.get_facecolor()
    outlines = [in_data(place, collection.get_transform(), polygon) for path in collection.get_paths()
                for polygon in path.to_polygons()]
    colour = colour_of(face[0], None) if len(face) else "rgba(0,0,0,0)"
    return Drawn(collection.get_zorder(), (_area(place, collection, outlines, colour),))


def _dots(place: Place, dots: Any) -> dict[str, Any]:
    points = in_data(place, dots.get_offset_transform(), np.ma.filled(dots.get_offsets(), np.nan).reshape(-1, 2))
    faces, edges = dots.get_facecolor(), dots.get_edgecolor()
    symbol = _symbol(dots)
    hollow = not len(faces)
    painted = edges if hollow or symbol in _STROKES else faces
    colours = [colour_of(colour, None) for colour in painted]
    strokes = float(np.atleast_1d(dots.get_linewidth())[0]) * PIXELS
    marker: dict[str, Any] = {
        "symbol": f"{symbol}-open" if hollow and symbol not in _STROKES else symbol,
        "size": [max(math.sqrt(size) * PIXELS, 3.0) for size in dots.get_sizes()],
        "opacity": 1.0,  # plotly's own is less where sizes differ
        "color": colours if len(colours) == len(points) else colours[0] if colours else "rgba(0,0,0,0)",
    }
    if len(marker["size"]) != len(points):
        marker["size"] = marker["size"][0]
    if hollow or symbol in _STROKES:
        marker["line"] = {"width": max(strokes, 1.0), "color": marker["color"]}
    else:
        marker["line"] = {"width": strokes if len(edges) else 0, "color": colour_of(edges[0], None) if len(edges) else
                          "rgba(0,0,0,0)"}
    return trace_of(place, dots, mode="markers", marker=marker, cliponaxis=True,
                  **_points(place, points[:, 0], points[:, 1], dots.get_label(), said_of(dots)))


def _symbol(dots: Any) -> str:
    vertices: Any = dots.get_paths()[0].vertices
    for marker, symbol in _MARKERS.items():
        style = MarkerStyle(marker)
        path: Any = style.get_path().transformed(style.get_transform())
        if path.vertices.shape == vertices.shape and np.allclose(path.vertices, vertices):
            return symbol
    return "circle"


def _strokes(place: Place, lines: Any) -> Iterator[dict[str, Any]]:
    """Yield a trace a colour: the segments of one, with gaps between them."""
    segments = lines.get_segments()
    colours = [colour_of(colour, None) for colour in lines.get_color()]
    width = float(np.atleast_1d(lines.get_linewidth())[0]) * PIXELS
    gap = np.array([[np.nan, np.nan]])
    for colour in dict.fromkeys(colours):
        own = [in_data(place, lines.get_transform(), segment) for row, segment in enumerate(segments)
               if colours[row % len(colours)] == colour]
        if own:
            points = np.concatenate([part for segment in own for part in (segment, gap)])
            yield trace_of(place, lines, mode="lines", line={"color": colour, "width": width}, hoverinfo="skip",
                         x=values_of(place.ax.xaxis, points[:, 0]), y=values_of(place.ax.yaxis, points[:, 1]))


def _area(place: Place, artist: Any, outlines: list[NDArray[np.float64]], colour: str) -> dict[str, Any]:
    gap = np.array([[np.nan, np.nan]])
    points = np.concatenate([part for outline in outlines for part in (outline, gap)] or [gap])
    return trace_of(place, artist, mode="lines", line={"width": 0, "color": colour}, fill="toself", fillcolor=colour,
                  hoverinfo="skip", x=values_of(place.ax.xaxis, points[:, 0]),
                  y=values_of(place.ax.yaxis, points[:, 1]))


def _patch(place: Place, patch: Any) -> Drawn:
    colour = colour_of(patch.get_facecolor(), None)
    if isinstance(patch, Rectangle) and not patch.get_width() * patch.get_height():  # an entry of the legend alone
        return Drawn(patch.get_zorder(), (trace_of(place, patch, mode="markers", x=[None], y=[None], hoverinfo="skip",
                                                 marker={"symbol": "square", "size": 10, "color": colour}),))
    own = patch.get_data_transform() if isinstance(patch, Rectangle) else None
    letter = ("x" if own == place.ax.get_xaxis_transform(which="grid") else
              "y" if own == place.ax.get_yaxis_transform(which="grid") else "")
    if letter and isinstance(patch, Rectangle):
        box = patch.get_bbox()
        ends = (box.x0, box.x1) if letter == "x" else (box.y0, box.y1)
        start, end = values_of(place.axis(letter), ends)
        other = "y" if letter == "x" else "x"
        trace = trace_of(place, patch)
        return Drawn(patch.get_zorder(), shapes=({
            "type": "rect", f"{letter}ref": place.name(letter), f"{other}ref": f"{place.name(other)} domain",
            f"{letter}0": start, f"{letter}1": end, f"{other}0": 0, f"{other}1": 1, "fillcolor": colour,
            "line": {"width": 0}, "layer": "below", **{name: trace[name] for name in ("name", "showlegend", "legend")},
        },))
    outlines = [in_data(place, patch.get_transform(), polygon) for polygon in patch.get_path().to_polygons()]
    return Drawn(patch.get_zorder(), (_area(place, patch, outlines, colour),))


def _head(place: Place, text: str, side: str) -> Drawn:
    return Drawn(0.0, annotations=({
        "text": spoken(text), "xref": f"{place.name('x')} domain", "yref": f"{place.name('y')} domain", "y": 1,
        "x": 0 if side == "left" else 0.5, "xanchor": side, "yanchor": "bottom", "showarrow": False},))


def _text(place: Place, text: Any) -> Drawn:
    x, y = text.xy if isinstance(text, Annotation) else text.get_position()
    shift = text.xyann if isinstance(text, Annotation) else (0.0, 0.0)
    whole = (text.xycoords if isinstance(text, Annotation) else text.get_transform()) in (
        "axes fraction", place.ax.transAxes)
    where: dict[str, Any] = {}
    for letter, value in (("x", x), ("y", y)):
        axis = place.axis(letter)
        where |= {f"{letter}ref": f"{place.name(letter)}{' domain' if whole else ''}",
                  letter: float(value) if whole else values_of(axis, [axis.convert_units(value)])[0]}
    up = {"center": "middle", "center_baseline": "middle", "baseline": "bottom"}
    return Drawn(text.get_zorder(), annotations=({
        "text": spoken(text.get_text()), "showarrow": False, "xanchor": text.get_ha(),
        "yanchor": up.get(text.get_va(), text.get_va()), "xshift": float(shift[0]) * PIXELS,
        "yshift": float(shift[1]) * PIXELS,
        "font": {"size": float(text.get_fontsize()) * PIXELS, "color": colour_of(text.get_color(), text.get_alpha())},
        **where},))


def _marked(line: Any) -> bool:
    return str(line.get_marker()) not in ("None", "none", "", " ")
