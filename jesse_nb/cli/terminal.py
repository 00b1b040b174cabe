"""The progress of a job in a terminal: a bar, or lines where the output is no terminal."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol, TextIO, TypeVar
from weakref import WeakSet

from tqdm import tqdm

if TYPE_CHECKING:
    from jesse_nb.core.jobs.job import Job
    from jesse_nb.core.jobs.progress import Progress

__all__ = ["follow", "remarks", "show_in_script"]

T = TypeVar("T")

#: Jobs that a command waits for, which shows them itself.
_followed: WeakSet[Job[Any]] = WeakSet()

#: Seconds between two lines where the output is no terminal.
_LINE_INTERVAL = 5.0


def follow(job: Job[T], stream: TextIO | None = None) -> T:
    """Wait for a job and return its result, showing on ``stream`` how far it is.

    Parameters
    ----------
    job
        A running job.
    stream
        Standard error by default. A terminal gets a bar, anything else a line every few seconds.

    Raises
    ------
    JobInterruptedError
        When the user interrupts; the error holds the job with what had finished.
    JesseNbError
        Whatever ended the job.
    """
    from jesse_nb.core.jobs.job import run_blocking

    _followed.add(job)
    stream = stream or sys.stderr
    view = _Guarded(_Bar(stream) if stream.isatty() else _Lines(stream))
    unsubscribe = job.subscribe(view.show)
    try:
        return run_blocking(job)
    finally:
        unsubscribe()
        view.close(job.progress)


def show_in_script(job: Job[Any]) -> None:
    """Show how far a job is that plain Python waits for: a bar in a terminal, lines in marimo; elsewhere nothing.

    IPython and the commands show their jobs themselves; ``JESSE_NB_NONINTERACTIVE=1`` keeps scripts silent, too.
    """
    if os.environ.get("JESSE_NB_NONINTERACTIVE", "") in ("1", "true") or _in_ipython():
        return
    terminal = sys.stderr.isatty()
    if not terminal and not _in_marimo():
        return
    view = _Guarded(_Bar(sys.stderr) if terminal else _Lines(sys.stderr))

    def show(progress: Progress) -> None:
        if job in _followed or not job.awaited:
            return
        if progress.state == "running":
            view.show(progress)
        else:
            view.close(progress)

    job.subscribe(show)


def _in_ipython() -> bool:
    module = sys.modules.get("IPython.core.getipython")
    return module is not None and module.get_ipython() is not None


def _in_marimo() -> bool:
    module = sys.modules.get("marimo")
    return module is not None and bool(module.running_in_notebook())


def remarks(progress: Progress) -> list[str]:
    """Return what there is to say of a job beside its count: best so far, rate, time left, failures."""
    said = [f"best {progress.best_label}"] if progress.best_label else []
    if progress.rate:
        rate = progress.rate
        said.append(f"{rate:.1f} runs/s" if rate >= 1 else f"{1 / rate:.1f} s/run")
    if progress.eta is not None and progress.state == "running":
        said.append(f"{_clock(progress.eta)} left")
    if progress.reused:
        said.append(f"{progress.reused} from the store")
    if progress.failed:
        said.append(f"{progress.failed} failed")
    if progress.message and progress.state == "running":
        said.append(progress.message)
    return said


class _View(Protocol):
    def show(self, progress: Progress) -> None: ...

    def close(self) -> None: ...


class _Guarded:
    """Lets one thread at a time draw, and nothing after the end: jobs report from their own thread."""

    def __init__(self, view: _View) -> None:
        self._view = view
        self._lock = threading.Lock()
        self._closed = False

    def show(self, progress: Progress) -> None:
        with self._lock:
            if not self._closed:
                self._view.show(progress)

    def close(self, progress: Progress) -> None:
        with self._lock:
            if not self._closed:
                self._view.show(progress)
                self._view.close()
                self._closed = True


class _Bar:
    """A tqdm bar for each phase of a job; finished phases stay on the screen."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar: Any = None
        self._phase = ""

    def show(self, progress: Progress) -> None:
        if self._bar is None or progress.phase != self._phase:
            self.close()
            self._phase = progress.phase
            self._bar = tqdm(
                desc=progress.phase or progress.kind, file=self._stream, dynamic_ncols=True, leave=True,
                bar_format="{desc}: {percentage:3.0f}%|{bar:24}| {n_fmt}/{total_fmt}{postfix}",
            )
        self._bar.total = progress.total
        self._bar.n = progress.done
        self._bar.set_postfix_str(", ".join(remarks(progress)), refresh=False)
        self._bar.refresh()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


class _Lines:
    """A line at the start of each phase, every few seconds, and at the end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._phase: str | None = None
        self._written_at = 0.0
        self._line = ""

    def show(self, progress: Progress) -> None:
        now = time.monotonic()
        ended = progress.state != "running"
        if progress.phase == self._phase and not ended and now - self._written_at < _LINE_INTERVAL:
            return
        of_total = f"/{progress.total}" if progress.total else ""
        count = f"{progress.phase or progress.kind}: {progress.done}{of_total}"
        line = ", ".join([count, *remarks(progress)])
        if line != self._line:
            self._stream.write(line + "\n")
            self._stream.flush()
        self._phase, self._written_at, self._line = progress.phase, now, line

    def close(self) -> None:
        """Leave the lines where they are."""


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
