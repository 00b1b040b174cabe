"""What all of the explorer's figures have in common: they read on light and on dark pages and fill their place."""

# plotly is not typed
# mypy: disable-error-code="misc,no-untyped-call"
from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from jesse_nb.report.common.palette import INK, MAIN

__all__ = ["GRID", "ExplorerFigure", "look"]

GRID = "rgba(118, 126, 137, 0.22)"

_CONFIG = {"responsive": True, "displaylogo": False, "doubleClick": "autosize",
                 "modeBarButtonsToRemove": ["select2d", "lasso2d"]}


def look(height: int) -> dict[str, Any]:
    """Return the part of a plotly layout that does not depend on what is drawn; ``height`` in pixels."""
    return {
        "height": height, "autosize": True, "margin": {"l": 66, "r": 50, "t": 34, "b": 44}, "template": "none",
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "font": {"color": INK, "size": 12},
        "hovermode": "closest", "hoverlabel": {"bgcolor": "#262b33", "font": {"color": "#f2f4f7"}, "align": "left"},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": INK, "activecolor": MAIN},
    }


class ExplorerFigure(go.FigureWidget):
    """A figure that a page loaded again shows as it is now; plotly's would show it as it was made.

    It is made of a whole plain figure. What is changed of a widget goes to the page as a message, and a page that is
    still loading plotly's script has nobody to hear it: it would draw empty axes.

    Parameters
    ----------
    whole
        All that is to be seen first.
    """

    def __init__(self, whole: go.Figure) -> None:
        super().__init__(whole)
        self._config = _CONFIG

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:
        """Return what the page gets to know; see ``ipywidgets.Widget.get_state``."""
        state = super().get_state(key, drop_defaults)
        if key is None and "_layout_obj" in vars(self):  # not while it is being made
            for name, value in (("_widget_data", self._data), ("_widget_layout", self._layout_obj._props)):
                state[name] = self.trait_metadata(name, "to_json")(value, self)
        return state
