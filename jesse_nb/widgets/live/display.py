"""What a running job shows in the cell that launched it.

While it runs: one progress line, updated through its display handle, and the
live view over it where widgets are installed. At the end: the report in its
place. Everything is addressed to the launching cell by its message header,
because a thread's own idea of "the current cell" is whichever cell runs by then.
"""

# IPython is not fully typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import os
import sys
import threading
import time
import uuid
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timezone
from html import escape
from typing import TYPE_CHECKING, Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display

from jesse_nb.core.jobs.job_list import html_table
from jesse_nb.report.common.progress_line import progress_html, progress_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pandas as pd

    from jesse_nb.core.jobs.job import Job
    from jesse_nb.core.jobs.progress import Progress
    from jesse_nb.widgets.live.live_view import LiveView

__all__ = [
    "JobView",
    "LaunchingCell",
    "Listing",
    "Note",
    "place_of_output",
    "progress_html",
    "progress_text",
    "saying",
    "shown_by_its_launcher",
    "shown_in",
    "watch_job",
]

#: Seconds between two updates of the progress line: five a second at the most.
UPDATE_INTERVAL = 0.2

#: Seconds before the live view opens: what takes no longer is not worth one.
LIVE_VIEW_AFTER = 0.3

#: Seconds between two updates of the line beneath an open live view, for the notebook that is saved meanwhile.
LINE_INTERVAL = 3.0

#: Set to 1 to show nothing but final results.
NON_INTERACTIVE_SETTING = "JESSE_NB_NONINTERACTIVE"

_place: ContextVar[LaunchingCell | None] = ContextVar("place", default=None)
_shown_by_launcher: ContextVar[bool] = ContextVar("shown_by_launcher", default=False)


class Note:
    """A short remark in a cell's output, as text and as HTML; with the ``code`` that it is about."""

    def __init__(self, text: str, code: str = "") -> None:
        self.text = f"{text}\n{code}" if code else text
        self._html = f"<p>{escape(text)}</p>" + (f"<pre>{escape(code)}</pre>" if code else "")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": self.text, "text/html": self._html}


class Listing:
    """A table in a cell's output, as text and as HTML.

    Parameters
    ----------
    frame
        What is shown.
    when_empty
        What is shown in its place when it has no rows.
    full
        What :meth:`to_frame` gives, where that is more than what is shown.
    said
        What was done, above it.
    """

    def __init__(self, frame: pd.DataFrame, when_empty: str, full: pd.DataFrame | None = None, said: str = "") -> None:
        self._said = said
        self._frame = frame
        self._full = frame if full is None else full
        self._when_empty = when_empty

    def __repr__(self) -> str:
        table = self._when_empty if self._frame.empty else self._frame.to_string(index=False)
        return f"{self._said}\n{table}" if self._said else table

    def _repr_html_(self) -> str:
        said = f"<p>{escape(self._said)}</p>" if self._said else ""
        if self._frame.empty:
            return f"{said}<p>{escape(self._when_empty)}</p>"
        return said + html_table(self._frame)

    def to_frame(self) -> pd.DataFrame:
        """Return the table's values as a DataFrame."""
        return self._full.copy()


class LaunchingCell:
    """The cell that is running now, kept so that it can be written to later and from any thread.

    Attributes
    ----------
    live
        True when what is shown can be replaced later: a notebook with somebody in front of it.
    terminal
        True in IPython's terminal, where a progress line can be overwritten in place.
    shows_widgets
        True where a widget's script is loaded only when the widget itself is the output.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._formatter: Any = shell.display_formatter
        self._publisher: Any = shell.display_pub
        parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
        content = parent.get("content", {})
        self._parent_header = parent.get("header", parent)
        watched = os.environ.get(NON_INTERACTIVE_SETTING, "") not in ("1", "true") and content.get(
            "allow_stdin", True
        )
        in_kernel = hasattr(self._publisher, "pub_socket")  # not while %%capture stands in for the publisher
        self.live = bool(
            watched and in_kernel and parent.get("header", {}).get("msg_type") == "execute_request"
        )
        self.terminal = bool(
            watched and not in_kernel and not hasattr(shell, "kernel") and sys.stderr.isatty()
        )

        self.shows_widgets = "google.colab" in sys.modules or "__vsc_ipynb_file__" in shell.user_ns

    def html(self, value: Any) -> str:
        """Return what a page shows of ``value``; empty of None."""
        return self.bundle(value).get("text/html", "")

    def bundle(self, value: Any) -> dict[str, str]:
        """Return ``value`` as HTML and as plain text, by their media types; nothing of None."""
        data: dict[str, str] = {} if value is None else self._formatter.format(value)[0]
        if not data:
            return {}
        plain = data["text/plain"]
        return {"text/html": data.get("text/html") or f"<pre>{escape(plain)}</pre>", "text/plain": plain}

    def show(self, value: Any) -> None:
        """Show ``value`` for good, in the current cell, once."""
        display(value)

    def publish(self, value: Any, display_id: str, *, update: bool) -> None:
        """Show ``value`` in the launching cell; None shows nothing in that place.

        The message is sent without the publisher's own idea of the current
        cell: that is shared by all threads in ipykernel 6, so setting it here
        would misdirect what other cells print.
        """
        from ipykernel.jsonutil import encode_images, json_clean

        data, metadata = ({}, {}) if value is None else self._formatter.format(value)
        content = {"data": encode_images(data), "metadata": metadata, "transient": {"display_id": display_id}}
        self._publisher.session.send(
            self._publisher.pub_socket,
            "update_display_data" if update else "display_data",
            json_clean(content),
            parent=self._parent_header,
            ident=self._publisher.topic,
        )


class JobView:
    """The progress line of one job, the live view over it, and what replaces both.

    Parameters
    ----------
    job
        What is watched.
    cell
        Where it is shown.
    """

    def __init__(self, job: Job[Any], cell: LaunchingCell) -> None:
        self._job = job
        self._cell = cell
        self._display_id = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._closed = False
        self._last_line = ""
        self._started = False
        self._began = time.monotonic()
        # In the output from the first line on: a notebook may be saved, closed and opened again before the view opens.
        self._place_of_view = f"jesse-nb-view-{self._display_id}"
        self._live_view: LiveView | None = None
        self._line_at = 0.0

    def start(self) -> None:
        """Begin to show progress, where there is somebody to see it."""
        if self._cell.live or self._cell.terminal:
            threading.Thread(target=self._refresh, name=f"jesse_nb-view-{self._job.id}", daemon=True).start()

    def close(self, value: Any = None) -> None:
        """Show ``value`` in place of the progress line, or nothing, and stop watching."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._cell.terminal and self._last_line:
                self._write_terminal("")
            if self._live_view is not None:  # ended before it goes, for pages that do not get the report
                self._live_view.end(lambda: self._cell.bundle(value))
            if self._cell.live:
                if value is not None or self._started:
                    self._cell.publish(value, self._display_id, update=self._started)
            elif value is not None:
                self._cell.show(value)

    def close_later(self, find_value: Callable[[], Any]) -> None:
        """Close with a value that takes a moment to find and draw, without holding up a watched cell."""
        if self._started:
            threading.Thread(target=lambda: self.close(find_value()), daemon=True).start()
        else:
            self.close(find_value())

    def _refresh(self) -> None:
        widgets = self._cell.live
        while not self._closed:
            self._draw(self._job.progress)
            if self._job.wait(UPDATE_INTERVAL):
                return
            if widgets and self._live_view is None and time.monotonic() - self._began >= LIVE_VIEW_AFTER:
                widgets = self._open_live_view()

    def _open_live_view(self) -> bool:
        """Open the live view; False where there are no widgets."""
        try:
            from jesse_nb.widgets.live.live_view import LiveView
        except ImportError:
            return False
        with self._lock:
            if not self._closed:
                self._live_view = LiveView(self._job, self._place_of_view)
                self._last_line = ""
                self._line_at = 0.0
        return True

    def _draw(self, progress: Progress) -> None:
        line = progress_text(progress)
        with self._lock:
            if self._closed:
                return
            view = self._live_view
            if view is not None:
                view.refresh()
                if self._line_at and (self._cell.shows_widgets or time.monotonic() - self._line_at < LINE_INTERVAL):
                    return
            if line == self._last_line:
                return
            if self._cell.live:
                output = view if self._cell.shows_widgets else None
                shown = _ProgressLine(progress, self._place_of_view, blocking=self._job.awaited, view=output)
                self._cell.publish(shown, self._display_id, update=self._started)
                self._started = True
                self._line_at = time.monotonic()
            else:
                self._write_terminal(line)
            self._last_line = line

    def _write_terminal(self, line: str) -> None:
        width = len(self._last_line)
        sys.stderr.write(f"\r{line:<{width}}" if line else f"\r{'':<{width}}\r")
        sys.stderr.flush()


class _ProgressLine:
    """How far a job is, until its view is drawn over it.

    Parameters
    ----------
    progress
        What the line says.
    place
        Class of the element that the view is drawn into.
    blocking
        Whether a cell waits for the job.
    view
        The view, where that is the output itself.
    """

    def __init__(self, progress: Progress, place: str, *, blocking: bool, view: LiveView | None) -> None:
        self._progress = progress
        self._place = place
        self._blocking = blocking
        self.view = view

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Mapping[str, Any]:
        text, line = progress_text(self._progress), progress_html(self._progress)
        if self.view is not None:
            shown = {"version_major": 2, "version_minor": 0, "model_id": self.view.model_id}
            return {"text/plain": text, "text/html": line, "application/vnd.jupyter.widget-view+json": shown}
        # A page that is opened again gets the view, and its Stop, from the kernel: not while that is in a cell.
        stop = "Interrupt the kernel (■) to stop it. " if self._blocking else ""
        note = (f"As of {datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC. {stop}"
                "Where this was cut off, run the cell again: what had finished is kept.")
        html = f'<div class="{escape(self._place)}">{line}<small>{note}</small></div>'
        return {"text/plain": text, "text/html": html}


@contextmanager
def saying(shell: InteractiveShell, text: str) -> Iterator[None]:
    """Say what takes its time while it does, where there is somebody to see it; nothing is left of it."""
    cell, display_id = LaunchingCell(shell), uuid.uuid4().hex
    if cell.live:
        cell.publish(Note(text), display_id, update=False)
    elif cell.terminal:
        sys.stderr.write(text)
        sys.stderr.flush()
    try:
        yield
    finally:
        if cell.live:
            cell.publish(None, display_id, update=True)
        elif cell.terminal:
            sys.stderr.write(f"\r{'':<{len(text)}}\r")
            sys.stderr.flush()


@contextmanager
def shown_in(place: LaunchingCell) -> Iterator[None]:
    """Let the tools that are started inside show themselves in ``place``, not in the running cell."""
    token = _place.set(place)
    try:
        yield
    finally:
        _place.reset(token)


def place_of_output(shell: InteractiveShell) -> LaunchingCell:
    """Return where a tool that is started now shows itself."""
    return _place.get() or LaunchingCell(shell)


@contextmanager
def shown_by_its_launcher() -> Iterator[None]:
    """Keep :func:`watch_job` from showing the jobs that are started inside: their launcher does it."""
    token = _shown_by_launcher.set(True)
    try:
        yield
    finally:
        _shown_by_launcher.reset(token)


def watch_job(shell: InteractiveShell, job: Job[Any]) -> None:
    """Show the progress of a job that plain Python started, ``jn.optimize(...)`` for example.

    Its line disappears at the end: the call's own result is what stays, where the user puts it.
    """
    if _shown_by_launcher.get():
        return
    view = JobView(job, LaunchingCell(shell))
    view.start()

    def close_at_the_end() -> None:
        job.wait()
        view.close()

    threading.Thread(target=close_at_the_end, name=f"jesse_nb-close-{job.id}", daemon=True).start()
