"""What traces, shapes and annotations of all kinds have in common."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from matplotlib.colors import to_hex, to_rgba
from numpy.typing import NDArray

from jesse_nb.report.interactive.axes import Place, spoken

__all__ = ["PIXELS", "Drawn", "colour_of", "in_data", "trace_of"]

PIXELS = 100 / 72  # a point of matplotlib, at 100 pixels an inch


class Drawn(NamedTuple):
    """What an artist becomes, and how far to the front it stands."""

    front: float
    traces: tuple[dict[str, Any], ...] = ()
    shapes: tuple[dict[str, Any], ...] = ()
    annotations: tuple[dict[str, Any], ...] = ()


def trace_of(place: Place, artist: Any, kind: str = "scatter", label: str | None = None, **more: Any) -> dict[str, Any]:
    """Return what all traces of an axes have, and how its legend names this one."""
    name = spoken(str(artist.get_label() if label is None else label))
    named = bool(name) and not name.startswith("_") and place.ax.get_legend() is not None
    return {"type": kind, "xaxis": place.name("x"), "yaxis": place.name("y"), "name": name if named else "",
            "showlegend": named, "legend": "legend" if place.number == 1 else f"legend{place.number}", **more}


def in_data(place: Place, transform: Any, points: Any) -> NDArray[np.float64]:
    """Return points in the axes' own numbers; those that are already so stay to the last bit."""
    given = np.asarray(points, dtype=float).reshape(-1, 2)
    if transform == place.ax.transData or not len(given):
        return given
    return np.asarray(place.ax.transData.inverted().transform(transform.transform(given)))


def colour_of(colour: Any, alpha: float | None) -> str:
    """Return one of matplotlib's colours as CSS has it."""
    red, green, blue, solid = to_rgba(colour, alpha)
    if solid == 1.0:
        return to_hex((red, green, blue))
    return f"rgba({round(255 * red)}, {round(255 * green)}, {round(255 * blue)}, {solid:.3g})"
