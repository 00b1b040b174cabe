"""What a running job shows in the cell that launched it.

While it runs: one progress line, updated through its display handle. At the
end: the report in its place. Everything is addressed to the launching cell by
its message header, because a thread's own idea of "the current cell" is
whichever cell runs by then.
"""

# IPython is not fully typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import os
import sys
import threading
import uuid
from contextlib import contextmanager
from contextvars import ContextVar
from html import escape
from typing import TYPE_CHECKING, Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pandas as pd

    from jesse_nb.core.jobs.job import Job
    from jesse_nb.core.jobs.progress import Progress

__all__ = [
    "JobView",
    "LaunchingCell",
    "Listing",
    "Note",
    "progress_html",
    "progress_text",
    "saying",
    "shown_by_its_launcher",
    "watch_job",
]

#: Seconds between two updates of the progress line: five a second at the most.
UPDATE_INTERVAL = 0.2

#: Set to 1 to show nothing but final results.
NON_INTERACTIVE_SETTING = "JESSE_NB_NONINTERACTIVE"

_shown_by_launcher: ContextVar[bool] = ContextVar("shown_by_launcher", default=False)


class Note:
    """A short remark in a cell's output, as text and as HTML."""

    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": self.text, "text/html": f"<p>{escape(self.text)}</p>"}


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
    """

    def __init__(self, frame: pd.DataFrame, when_empty: str, full: pd.DataFrame | None = None) -> None:
        self._frame = frame
        self._full = frame if full is None else full
        self._when_empty = when_empty

    def __repr__(self) -> str:
        return self._when_empty if self._frame.empty else self._frame.to_string(index=False)

    def _repr_html_(self) -> str:
        if self._frame.empty:
            return f"<p>{escape(self._when_empty)}</p>"
        return str(self._frame.to_html(index=False, escape=True, border=0))

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
    """The progress line of one job, and what replaces it.

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
        while not self._closed:
            self._draw(self._job.progress)
            if self._job.wait(UPDATE_INTERVAL):
                return

    def _draw(self, progress: Progress) -> None:
        line = progress_text(progress)
        with self._lock:
            if self._closed or line == self._last_line:
                return
            if self._cell.live:
                self._cell.publish(_ProgressLine(progress), self._display_id, update=self._started)
                self._started = True
            else:
                self._write_terminal(line)
            self._last_line = line

    def _write_terminal(self, line: str) -> None:
        width = len(self._last_line)
        sys.stderr.write(f"\r{line:<{width}}" if line else f"\r{'':<{width}}\r")
        sys.stderr.flush()


class _ProgressLine:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Mapping[str, str]:
        return {"text/plain": progress_text(self._progress), "text/html": progress_html(self._progress)}


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


def progress_text(progress: Progress) -> str:
    """Return a job's progress as one line."""
    count = f"{progress.done}/{progress.total}" if progress.total else str(progress.done)
    return " · ".join([f"{progress.phase or progress.kind} {count}", *_details(progress)])


def progress_html(progress: Progress) -> str:
    """Return a job's progress as one line of HTML with a bar."""
    value = f' value="{progress.fraction:.4f}"' if progress.total else ""
    return (
        f'<div style="font-variant-numeric: tabular-nums"><progress max="1"{value} style="width: 16em; '
        f'vertical-align: middle"></progress> {escape(progress_text(progress))}</div>'
    )


def _details(progress: Progress) -> Iterator[str]:
    if progress.best_label:
        yield f"best {progress.best_label}"
    if progress.failed:
        yield f"{progress.failed} failed"
    if progress.reused:
        yield f"{progress.reused} from earlier runs"
    if progress.rate:
        yield f"{progress.rate:.1f}/s" if progress.rate >= 1 else f"{_duration(1 / progress.rate)} each"
    yield f"{_duration(progress.eta)} left" if progress.eta is not None else _duration(progress.elapsed)
    if progress.message:
        yield progress.message


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
