"""Bars, and cells of a heat map, as plotly's traces."""

# matplotlib and masked arrays are not fully typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.collections import QuadMesh
from matplotlib.colors import ListedColormap, Normalize, to_hex

from jesse_nb.report.common.canvas import UnitFormatter
from jesse_nb.report.common.numbers import measure
from jesse_nb.report.interactive.axes import Place, is_dates, spoken, values_of, words_of
from jesse_nb.report.interactive.parts import Drawn, colour_of, in_data, trace_of

__all__ = ["bars_of", "cells_of"]

_COLOURS_OF_A_SCALE = 33


def bars_of(place: Place, bars: Any) -> Drawn:
    """Bars with their ends as they are: those of a histogram say from where to where they count."""
    upright = bars.orientation != "horizontal"
    boxes: Any = np.array([(bar.get_x(), bar.get_y(), bar.get_width(), bar.get_height()) for bar in bars.patches])
    if not len(boxes):
        return Drawn(0.0)
    along, across = (place.ax.xaxis, place.ax.yaxis) if upright else (place.ax.yaxis, place.ax.xaxis)
    low, base, width, length = (boxes if upright else boxes[:, [1, 0, 3, 2]]).T
    middle = low + width / 2
    touching = len(boxes) > 1 and np.allclose(low[1:], (low + width)[:-1])
    ends = [words_of(along, edges) for edges in (low, low + width)]
    names = [f"{first} to {second}" for first, second in zip(*ends, strict=True)] if touching else words_of(
        along, middle)
    said = [f"{name}<br>{size}" for name, size in zip(names, words_of(across, base + length), strict=True)]
    own = str(bars.get_label())
    label = str(bars.patches[0].get_label()) if own.startswith("_") else own  # a histogram names its first bar
    head = "" if label.startswith("_") else f"<b>{spoken(label)}</b><br>"
    scale = 86_400_000 if is_dates(along) else 1.0  # plotly's widths on a date axis are milliseconds
    first, second = values_of(along, middle), [float(size) for size in length]
    return Drawn(bars.patches[0].get_zorder(), (trace_of(
        place, bars, "bar", label, orientation="v" if upright else "h", x=first if upright else second,
        y=second if upright else first, base=[float(start) for start in base],
        width=[float(part) * scale for part in width], hovertext=[head + text for text in said], hoverinfo="text",
        marker={"color": [colour_of(bar.get_facecolor(), None) for bar in bars.patches], "line": {"width": 0}}),))


def cells_of(place: Place, cells: Any, bar: Any) -> Drawn:
    """Return a picture's or a mesh's cells, each with what it says; ``bar`` is their colour bar, if they have one."""
    across: Any
    down: Any
    values = np.ma.filled(np.ma.asarray(cells.get_array(), dtype=float), np.nan)
    if isinstance(cells, QuadMesh):
        corners: Any = cells.get_coordinates()
        values = values.reshape(corners.shape[0] - 1, corners.shape[1] - 1)
        across, down = corners[0, :, 0], in_data(place, cells.get_transform(), corners[:, 0, :])[:, 1]
    else:
        left, right, bottom, top = cells.get_extent()
        across = np.linspace(left, right, values.shape[1] + 1)
        down = np.linspace(bottom, top, values.shape[0] + 1)[::1 if cells.origin == "lower" else -1]
    middles: list[Any] = [(edges[:-1] + edges[1:]) / 2 for edges in (across, down)]
    columns, rows = (words_of(axis, middle) for axis, middle in zip((place.ax.xaxis, place.ax.yaxis), middles,
                                                                    strict=True))
    written = {(round(x, 3), round(y, 3)): spoken(text.get_text()) for text in place.ax.texts
               for x, y in [text.get_position()] if isinstance(x, int | float | np.number)}
    unit = bar.ax.yaxis.get_major_formatter() if bar is not None else None
    write = (lambda number: measure(number, unit.unit)) if isinstance(unit, UnitFormatter) else (
        lambda number: f"{number:,.4g}")
    said = [["" if not np.isfinite(value) else f"{columns[x]}, {rows[y]}<br><b>" + written.get(
        (round(float(middles[0][x]), 3), round(float(middles[1][y]), 3)), write(value)) + "</b>"
        for x, value in enumerate(line)] for y, line in enumerate(values)]
    norm = cells.norm
    plain = type(norm) is Normalize
    scaled = values if plain else np.asarray(norm(values), dtype=float)
    low, high = (float(norm.vmin or 0.0), float(norm.vmax or 0.0)) if plain else (0.0, 1.0)
    look: dict[str, Any] = {"showscale": bar is not None}
    if bar is not None:
        look["colorbar"] = {"title": {"text": spoken(bar.ax.get_ylabel()), "side": "right"}, "thickness": 14,
                            "outlinewidth": 0, "len": 1.0, "ypad": 0, "x": 1.01}
    return Drawn(cells.get_zorder(), (trace_of(
        place, cells, "heatmap", x=values_of(place.ax.xaxis, across), y=values_of(place.ax.yaxis, down),
        z=[[float(value) if np.isfinite(value) else None for value in line] for line in scaled], zmin=low, zmax=high,
        colorscale=_scale(cells.get_cmap()), hovertext=said, hoverinfo="text", hoverongaps=False,
        opacity=float(cells.get_alpha() or 1.0), **look) | {"showlegend": False},))


def _scale(colours: Any) -> list[list[Any]]:
    if isinstance(colours, ListedColormap) and colours.N <= _COLOURS_OF_A_SCALE:  # steps, not a slope
        return [[edge / colours.N, to_hex(colours(row))] for row in range(colours.N) for edge in (row, row + 1)]
    return [[part, to_hex(colours(part))] for part in np.linspace(0, 1, _COLOURS_OF_A_SCALE).tolist()]
