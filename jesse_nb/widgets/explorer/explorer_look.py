"""A plotly figure as a widget: one script for all of a page, and whole from the start."""

# plotly is not typed
# mypy: disable-error-code="misc,no-untyped-call"
from __future__ import annotations

from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import traitlets

from jesse_nb.report.interactive.look import CONFIG
from jesse_nb.widgets.plots.plotly_script import PLOTLY_LOADER, DrawnByPlotly

__all__ = ["ExplorerFigure"]


class ExplorerFigure(DrawnByPlotly, go.FigureWidget):
    """A figure that a page loaded again shows as it is now; plotly's would show it as it was made.

    It is made of a whole plain figure. What is changed of a widget goes to the page as a message, and a page that is
    still loading plotly's script has nobody to hear it: such a page asks for the whole.

    Parameters
    ----------
    whole
        All that is to be seen first.
    """

    _esm = PLOTLY_LOADER + (Path(__file__).parent / "explorer_figure.js").read_text(encoding="utf-8")
    _whole_of = traitlets.List([0, 0]).tag(sync=True)  # the changes that the whole, as it was sent, has in it

    def __init__(self, whole: go.Figure) -> None:
        super().__init__(whole)
        self._config = CONFIG
        self.on_msg(self._answer)

    def _answer(self, widget: Any, content: Any, buffers: Any) -> None:
        super()._answer(widget, content, buffers)
        if content == {"ask": "whole"}:
            self.send_state()

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:
        """Return what the page gets to know; see ``ipywidgets.Widget.get_state``."""
        state = super().get_state(key, drop_defaults)
        if key is None and "_layout_obj" in vars(self):  # not while it is being made
            for name, value in (("_widget_data", self._data), ("_widget_layout", self._layout_obj._props)):
                state[name] = self.trait_metadata(name, "to_json")(value, self)
            state["_whole_of"] = [self._last_layout_edit_id, self._last_trace_edit_id]
        return state
