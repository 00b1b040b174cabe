"""The live view of a job: an anywidget without a build step, fed with throttled snapshots.

Where it is drawn. A notebook that is saved while a job runs keeps what stands in its output then. Were that
a widget, the file would show "model not found" once the kernel is gone, and no later message could mend it:
a page that was closed meanwhile does not get the report. So in JupyterLab and Notebook the output is plain HTML, a
progress line in an element with the view's class, and the widget's script, which runs with or without a
visible widget, draws the live view into every element of that class: also in a second view of the output,
and after a reload. VS Code and Colab load a widget's script only for a widget that is shown, so there the
output is the widget, with the line as its text.

What stays. A view of a job that has ended is kept open for a while: a page that was closed when the job
ended, and is loaded again, finds the end and asks for the report.
"""

# IPython and ipywidgets are not fully typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

import anywidget
import traitlets

from jesse_nb.widgets.live.live_texts import announcement, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jesse_nb.core.jobs.job import Job

__all__ = ["LONG", "LiveView"]

#: Seconds from which on a job in the background is worth an announcement at its end.
LONG = 20.0

#: So many views of ended jobs stay open.
_KEPT = 20

_HERE = Path(__file__).parent


class LiveView(anywidget.AnyWidget):
    """What a job is doing, with a button that stops it.

    Parameters
    ----------
    job
        What is shown.
    view_class
        Class of the elements that the page draws into; one of its own without it.

    Attributes
    ----------
    snapshot
        All that is drawn (:func:`~jesse_nb.widgets.live.live_texts.snapshot`); each update is one message.
    blocking
        True while a cell waits for the job: the page's button then interrupts the kernel, because messages of
        widgets arrive only after the cell.
    """

    _esm = (_HERE.parent / "keep.js").read_text() + (_HERE / "live_view.js").read_text()
    _css = (_HERE.parent / "focus.css").read_text() + (_HERE / "live_view.css").read_text()

    snapshot = traitlets.Dict().tag(sync=True)
    blocking = traitlets.Bool(False).tag(sync=True)
    view_class = traitlets.Unicode().tag(sync=True)

    _ended_views: ClassVar[deque[LiveView]] = deque()
    _announced: ClassVar[set[str]] = set()  # a job may have several views

    def __init__(self, job: Job[Any], view_class: str = "") -> None:
        self._job = job
        self._awaited = job.awaited
        self._find_report: Callable[[], Mapping[str, str]] | None = None
        self._wanted = False
        super().__init__(
            snapshot=snapshot(job), blocking=job.awaited, view_class=view_class or f"jesse-nb-view-{uuid4().hex}"
        )
        self.on_msg(self._answer)

    def refresh(self) -> None:
        """Send the page how far the job is, in one message; none when nothing it shows has changed."""
        self._awaited = self._awaited or self._job.awaited
        with self.hold_sync():
            self.blocking = self._job.awaited
            self.snapshot = snapshot(self._job)

    def end(self, find_report: Callable[[], Mapping[str, str]]) -> None:
        """Show the end, and announce that of a long job in the background.

        Parameters
        ----------
        find_report
            Returns the report by media type, an HTML fragment and plain text, for pages that missed it; empty when
            there is none.
        """
        final = snapshot(self._job, ended=True)
        if not self._awaited and self._job.progress.elapsed >= LONG and self._job.id not in self._announced:
            self._announced.add(self._job.id)
            final["announcement"] = announcement(self._job)
        with self.hold_sync():
            self.blocking = False
            self.snapshot = final
        self._find_report = find_report
        if self._wanted:
            self._send_report()
        self._ended_views.append(self)
        while len(self._ended_views) > _KEPT:
            self._ended_views.popleft().close()

    def _answer(self, widget: Any, content: dict[str, Any], buffers: Any) -> None:
        wish = content.get("type") if isinstance(content, dict) else None
        if wish == "stop":
            self._job.cancel()
        elif wish == "report":
            self._wanted = True
            if self._find_report is not None:
                self._send_report()

    def _send_report(self) -> None:
        self._wanted = False
        assert self._find_report is not None
        self.send({"type": "report", "data": self._find_report()})
