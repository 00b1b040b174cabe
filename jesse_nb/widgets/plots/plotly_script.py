"""plotly's script for a page, once for all figures of a kernel."""

# plotly, anywidget and traitlets are not fully typed
# mypy: disable-error-code="misc,no-untyped-call"
from __future__ import annotations

from functools import cache
from pathlib import Path

import anywidget
import traitlets
from plotly.basewidget import BaseFigureWidget

__all__ = ["PLOTLY_LOADER", "PlotlyScript", "plotly_script"]

#: What a widget's own script begins with: ``plotly(model)`` loads the one that all share.
PLOTLY_LOADER = "".join((Path(__file__).parent / name).read_text(encoding="utf-8")
                        for name in ("../older.js", "plotly_script.js"))


class PlotlyScript(anywidget.AnyWidget):
    """Holds the script; it is never displayed itself."""

    _esm = "export default {};"
    code = traitlets.Unicode().tag(sync=True)


@cache
def plotly_script() -> PlotlyScript:
    """Return the widget that holds the script: its model's id is what :data:`PLOTLY_LOADER` asks for."""
    return PlotlyScript(code=str(BaseFigureWidget._esm))  # a file, or what is in it
