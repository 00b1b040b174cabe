"""``result.show()``: the report with figures to hover over and zoom, and its static twin in the same output.

Importing this module makes results showable so; plotly and anywidget are imported when one is shown.
"""

from __future__ import annotations

from functools import cached_property
from importlib.util import find_spec
from typing import Any

from jesse_nb.core.jesse_runtime import nothing_slow
from jesse_nb.core.rendering import Shown, use_viewer
from jesse_nb.exceptions import MissingPartError

__all__ = ["ReportView", "show"]

_PARTS = ("plotly", "ipywidgets", "anywidget")


class ReportView:
    """A report in a cell: interactive while the kernel runs, and as it is saved the same as the result's own output.

    Parameters
    ----------
    result
        What is shown.
    """

    def __init__(self, result: Shown) -> None:
        self._result = result

    @cached_property
    def widget(self) -> Any:
        """The ``ipywidgets`` widget, to be put into a layout of your own."""
        from jesse_nb.widgets.plots.report_widget import ReportWidget

        with nothing_slow():
            return ReportWidget(self._result)

    def show(self) -> None:
        """Show it in the cell that is running; outside of IPython, print it."""
        from IPython.core.getipython import get_ipython
        from IPython.display import display

        if get_ipython() is None:
            display(self._result)  # type: ignore[no-untyped-call]
            return
        self._output.show()

    @cached_property
    def _output(self) -> Any:
        from jesse_nb.widgets.mount import MountedOutput

        return MountedOutput(lambda: self.widget, self._result._repr_mimebundle_,
                             lambda: vars(self).pop("widget", None))


def show(result: Shown) -> None:
    """Show a result's report with interactive figures; see :meth:`~jesse_nb.core.rendering.Shown.show`."""
    missing = [name for name in _PARTS if find_spec(name) is None]
    if missing:
        raise MissingPartError(f"An interactive report needs {missing[0]}, which is not installed.",
                               "Run `python -m pip install 'jesse-nb[lab]'`.")
    ReportView(result).show()


use_viewer(show)
