"""The widget of an interactive report."""

# plotly, anywidget and traitlets are not fully typed
# mypy: disable-error-code="misc,no-untyped-call"
from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from jesse_nb.report.html import figures_script, fragment
from jesse_nb.widgets.plots.plotly_script import PLOTLY_LOADER, DrawnByPlotly

__all__ = ["ReportWidget"]


class ReportWidget(DrawnByPlotly, anywidget.AnyWidget):
    """A report whose figures plotly draws, with the script that all figures of the page share.

    Parameters
    ----------
    result
        What is shown.
    """

    _esm = PLOTLY_LOADER + figures_script() + (Path(__file__).parent / "report_view.js").read_text(encoding="utf-8")
    html = traitlets.Unicode().tag(sync=True)

    def __init__(self, result: Any) -> None:
        super().__init__(html=fragment(result, interactive=True, still=False))
        self.on_msg(self._answer)
