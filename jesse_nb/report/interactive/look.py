"""What all plotly figures have in common: they read on light and on dark pages and fill their place."""

from __future__ import annotations

from typing import Any

from jesse_nb.report.common.palette import INK, MAIN

__all__ = ["CONFIG", "GRID", "look"]

GRID = "rgba(118, 126, 137, 0.22)"

CONFIG = {"responsive": True, "displaylogo": False, "doubleClick": "autosize",
          "modeBarButtonsToRemove": ["select2d", "lasso2d"]}


def look(height: int) -> dict[str, Any]:
    """Return the part of a plotly layout that does not depend on what is drawn; ``height`` in pixels."""
    return {
        "height": height, "autosize": True, "margin": {"l": 66, "r": 50, "t": 34, "b": 44}, "template": "none",
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "font": {"color": INK, "size": 12},
        "hovermode": "closest", "hoverlabel": {"bgcolor": "#262b33", "font": {"color": "#f2f4f7"}, "align": "left"},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": INK, "activecolor": MAIN},
    }
