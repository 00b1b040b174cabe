"""A widget as a cell's output that never is "model not found".

A front end that finds a widget in a saved notebook, and no kernel that knows it, shows an error and nothing else
of that output. So in JupyterLab and Notebook the output is plain HTML: the static form of what the widget shows, in
an element with a class of its own. A script that runs without being displayed itself puts a view of the widget in
its place, for as long as the kernel knows the widget: also in a second view of the output, after a reload, and
when the output was drawn anew. When the kernel is restarted the static form comes back.

VS Code and Colab load a widget's script only for a widget that is shown, and what Voila shows is never saved: there
the output is the widget, with the static form beside it. Where nobody can use a widget the static form is all there is.
"""

# IPython and anywidget are not fully typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any
from uuid import uuid4

import anywidget
import traitlets
from IPython.core.getipython import get_ipython
from IPython.display import display

from jesse_nb.widgets.live.display import LaunchingCell

__all__ = ["MountedOutput"]

_HERE = Path(__file__).parent


class MountedOutput:
    """A widget and its static form, as one output.

    Parameters
    ----------
    find_widget
        Returns the ``ipywidgets`` widget; called only where somebody can use it.
    static
        Returns the static form, ``text/plain`` and ``text/html``, as it is now.
    forget
        Called when the notebook shows it no more, after its widgets were closed; without it they are kept for good.
    """

    def __init__(self, find_widget: Callable[[], Any], static: Callable[[], Mapping[str, Any]],
                 forget: Callable[[], object] | None = None) -> None:
        self._find_widget = find_widget
        self._static = static
        self._forget = forget
        self._mounter: Mounter | None = None
        self._shown: list[tuple[LaunchingCell, str]] = []
        self._updated = False

    def show(self) -> None:
        """Show it in the cell that is running."""
        shell = get_ipython()
        cell = None if shell is None else LaunchingCell(shell)
        voila = os.environ.get("SERVER_SOFTWARE", "").startswith("voila")
        if cell is None or not (cell.live or voila):
            display(self._static(), raw=True)
            return
        if self._mounter is None:
            self._mounter = Mounter(self._find_widget())
            self._mounter.on_msg(self._answer)
        if voila or cell.shows_widgets:
            view = {"version_major": 2, "version_minor": 0, "model_id": self._mounter.widget_id}
            display({**self._static(), "application/vnd.jupyter.widget-view+json": view}, raw=True)
            return
        display_id = uuid4().hex
        cell.publish(_Bundle(self._mounted()), display_id, update=False)
        self._shown.append((cell, display_id))

    def update(self) -> None:
        """Draw the static form again, for the notebook that is saved next; from any thread.

        Not where the output is the widget itself: that would be made anew under the user's hands.
        """
        for cell, display_id in self._shown:
            cell.publish(_Bundle(self._mounted()), display_id, update=True)
            self._updated = True
        self._keep()

    def _keep(self) -> None:
        """Send the static form to pages that were opened again: they know no display id."""
        if self._mounter is not None and self._updated:
            self._mounter.send({"type": "static", "data": self._mounted()})

    def _answer(self, widget: Any, content: Any, buffers: Any) -> None:
        if self._forget is not None and isinstance(content, dict) and content.get("type") == "forgotten":
            self._free(self._forget)
        else:
            self._keep()  # a page says that it is there

    def _free(self, forget: Callable[[], object]) -> None:
        mounter, self._mounter, self._shown = self._mounter, None, []
        if mounter is not None:
            _close(mounter.widget)
            mounter.close()
            forget()

    def _mounted(self) -> dict[str, Any]:
        assert self._mounter is not None
        bundle = dict(self._static())
        return bundle | {"text/html": f'<div class="{escape(self._mounter.place)}">{bundle["text/html"]}</div>'}


class Mounter(anywidget.AnyWidget):
    """What puts views of a widget into the page; it is never displayed itself.

    Parameters
    ----------
    widget
        What is put there.

    Attributes
    ----------
    widget_id
        The widget's model.
    place
        Class of the elements that views are put into.
    """

    _esm = "".join((_HERE / name).read_text() for name in ("keep.js", "older.js", "mount.js"))
    _css = _HERE / "mount.css"
    widget_id = traitlets.Unicode().tag(sync=True)
    place = traitlets.Unicode().tag(sync=True)

    def __init__(self, widget: Any) -> None:
        super().__init__(widget_id=widget.model_id, place=f"jesse-nb-mounted-{uuid4().hex}")
        self.widget = widget


def _close(widget: Any) -> None:
    """Close a widget and all that are in it."""
    for child in getattr(widget, "children", ()):
        _close(child)
    for own in (getattr(widget, "layout", None), getattr(widget, "style", None)):
        if own is not None:
            own.close()
    widget.close()


class _Bundle:
    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Mapping[str, Any]:
        return self._data
