"""What started each job of this kernel, and the journal by which a later kernel can go on with it."""

# IPython is not fully typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from IPython.core.interactiveshell import InteractiveShell

from jesse_nb.magics.config import JesseNb

if TYPE_CHECKING:
    from jesse_nb.core.jobs.job import Job
    from jesse_nb.core.jobs.journal import JournalEntry

__all__ = ["Launch", "MagicCall", "keep_journal", "launch_of", "launched_by", "running_twin"]

@dataclass(frozen=True)
class MagicCall:
    """A magic as it was called; ``cell`` is None for a line magic."""

    magic: str
    line: str
    cell: str | None

    def __str__(self) -> str:
        return f"%{self.magic} {self.line}" if self.cell is None else f"%%{self.magic} {self.line}\n{self.cell}"


@dataclass(frozen=True)
class Launch:
    """What started a job.

    Attributes
    ----------
    call
        The magic; None when plain Python did.
    source
        The whole cell.
    settings
        What was set by ``%config JesseNb``.
    arguments
        What the tool was given by the magic.
    """

    call: MagicCall | None = None
    source: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)


_launching: ContextVar[Launch | None] = ContextVar("jesse_nb_launching", default=None)
_launches: dict[str, Launch] = {}


@contextmanager
def launched_by(call: MagicCall | None, arguments: Mapping[str, Any]) -> Iterator[None]:
    """Note for the jobs that are started inside which magic does it."""
    token = _launching.set(None if call is None else Launch(call, arguments=arguments))
    try:
        yield
    finally:
        _launching.reset(token)


def launch_of(job_id: str) -> Launch | None:
    """Return what started a job of this kernel; None when that was before the extension was loaded."""
    return _launches.get(job_id)


def running_twin(call: MagicCall, arguments: Mapping[str, Any]) -> Job[Any] | None:
    """Return the running job that the same call with the same arguments started, if there is one."""
    from jesse_nb.core.jobs.job import jobs

    for job in jobs():
        launch = _launches.get(job.id)
        if job.state == "running" and launch is not None and launch.call == call \
                and not job.cancelling and _same(job, launch.arguments, arguments):
            return job  # type: ignore[no-any-return]
    return None


def keep_journal(shell: InteractiveShell, settings: JesseNb) -> Callable[[Job[Any]], None]:
    """Return a watcher of jobs that notes what started each, here and in the journal."""
    from jesse_nb.core.jobs.noting import keep_noted

    def watch(job: Job[Any]) -> None:
        launch = replace(_launching.get() or Launch(), source=_running_cell(shell), settings=settings.chosen())
        _launches[job.id] = launch
        # the arguments tell twins that run from each other, and can be large
        job.subscribe(lambda progress: _let_go(job.id) if progress.state != "running" else None)
        entry = _entry(job, launch)
        threading.Thread(target=keep_noted, args=(job, entry), daemon=True, name=f"jesse-nb-journal-{job.id}").start()

    return watch


def _let_go(job_id: str) -> None:
    _launches[job_id] = replace(_launches[job_id], arguments={})


def _entry(job: Job[Any], launch: Launch) -> JournalEntry:
    from jesse_nb.core.jobs.journal import JournalEntry
    from jesse_nb.core.jobs.store import default_store
    from jesse_nb.core.jobs.store.address import shown_place, without_passwords
    from jesse_nb.core.user_path import working_folder

    call = launch.call or MagicCall("", "", None)
    cell = None if call.cell is None else without_passwords(call.cell)
    return JournalEntry(job.id, job.kind, job.title, call.magic, without_passwords(call.line), cell,
                        without_passwords(launch.source), launch.settings, str(working_folder()),
                        shown_place(default_store()))


def _running_cell(shell: InteractiveShell) -> str:
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    code = parent.get("content", {}).get("code") if isinstance(parent, Mapping) else None
    if isinstance(code, str):
        return code
    inputs = shell.user_ns.get("In", [""])
    return str(inputs[-1]) if inputs else ""


def _same(job: Job[Any], mine: Any, other: Any) -> bool:
    """Tell whether two arguments mean the same; when in doubt they do not."""
    if isinstance(mine, Mapping) and isinstance(other, Mapping):
        return mine.keys() == other.keys() and all(_same(job, mine[name], other[name]) for name in mine)
    if isinstance(mine, list | tuple) and isinstance(other, list | tuple):
        return len(mine) == len(other) and all(_same(job, *pair) for pair in zip(mine, other, strict=True))
    if isinstance(mine, type) and isinstance(other, type):
        from jesse_nb.core.simulator.strategies.strategy import resolve_strategy

        return resolve_strategy(other).ref in job.strategies
    try:
        return bool(mine is other or mine == other)
    except Exception:  # noqa: BLE001 - comparing runs code of whatever the values are, tables for example
        return False
