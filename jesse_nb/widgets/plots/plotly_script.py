"""plotly's script for a page, once for all figures of a kernel."""

# plotly, anywidget and traitlets are not fully typed
# mypy: disable-error-code="misc,no-untyped-call"
from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import plotly
import traitlets
from plotly.basewidget import BaseFigureWidget

__all__ = ["PLOTLY_LOADER", "DrawnByPlotly", "PlotlyScript", "plotly_script"]

#: What a widget's own script begins with: ``plotly(model)`` loads the one that all share.
PLOTLY_LOADER = "".join((Path(__file__).parent / name).read_text(encoding="utf-8")
                        for name in ("../older.js", "plotly_script.js"))


class PlotlyScript(anywidget.AnyWidget):
    """Holds the script; it is never displayed itself."""

    _esm = "export default {};"
    code = traitlets.Unicode().tag(sync=True)


class DrawnByPlotly(traitlets.HasTraits):
    """What a widget has whose script begins with :data:`PLOTLY_LOADER`; it calls :meth:`_answer` for each message."""

    _script = traitlets.Unicode().tag(sync=True)
    _version = traitlets.Unicode(plotly.__version__).tag(sync=True)

    @traitlets.default("_script")
    def _model_of_the_script(self) -> str:
        return str(plotly_script().model_id)

    def _answer(self, widget: Any, content: Any, buffers: Any) -> None:
        if content == {"ask": "script"}:  # of a page that does not know the widget that holds it
            widget.send({"type": "script", "code": plotly_script().code})


@cache
def plotly_script() -> PlotlyScript:
    """Return the widget that holds the script: its model's id is what :data:`PLOTLY_LOADER` asks for."""
    return PlotlyScript(code=str(BaseFigureWidget._esm))  # a file, or what is in it
