"""`%jobs`: what runs, what is left of earlier kernels, and how to see it, stop it or go on with it."""

# IPython is not fully typed
# mypy: disable-error-code="no-untyped-call,untyped-decorator"
from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments
from traitlets import TraitError

from jesse_nb.core.tools.registry import tool_of_magic
from jesse_nb.exceptions import JobError, did_you_mean, shown
from jesse_nb.magics.config import JesseNb
from jesse_nb.magics.launches import Launch, MagicCall, launch_of
from jesse_nb.magics.options import parse_line
from jesse_nb.magics.running import show_job
from jesse_nb.widgets.live.display import LaunchingCell, Listing, Note

if TYPE_CHECKING:
    from jesse_nb.core.jobs.job import Job
    from jesse_nb.core.jobs.journal import JournalEntry

__all__ = ["JOB_ACTIONS", "JobsMagics", "job_ids"]

#: First words after ``%jobs``.
JOB_ACTIONS = ("list", "show", "cancel", "resume")

_ELSEWHERE = "running in another kernel"

#: How a job of an earlier kernel stands that is listed, to be gone on with.
_UNDONE = ("interrupted", "failed")


@magics_class
class JobsMagics(Magics):
    """`%jobs`."""

    def __init__(self, shell: InteractiveShell, settings: JesseNb) -> None:
        super().__init__(shell)
        self._shell = shell
        self._settings = settings

    @magic_arguments("jobs")
    @argument("action", nargs="?", default="list", metavar="ACTION", help="list, show, cancel or resume.")
    @argument("ids", nargs="*", metavar="ID", help="Of the job; cancel takes several.")
    @argument("--all", dest="everything", action="store_true",
              help="List what earlier kernels ended as well, in the last weeks.")
    @line_magic
    def jobs(self, line: str) -> Listing | None:
        """Show what runs, and what can be gone on with.

        ::

            %jobs                        this kernel's jobs, those that run in others, interrupted and failed ones
            %jobs show optimize-2        its progress here while it runs, its report when it has ended
            %jobs cancel optimize-2      stop it; what has finished is kept
            %jobs resume optimize-2      run again what started it; nothing finished is simulated again

        A job whose kernel ended, however it did, is interrupted. To resume it shows, and then runs, the magic that
        started it, with the same line and cell; names that it takes from other cells must exist, so run those first.
        The cell of a job that plain Python started is placed below, for you to run. What a job of an earlier kernel
        gave is not kept as a whole: to resume it puts its report together again from the run store.
        """
        options = parse_line(self.jobs, line)
        action, ids = options.action, options.ids
        if action not in JOB_ACTIONS:
            raise UsageError(f"%jobs has no action {shown(action)}. {did_you_mean(action, JOB_ACTIONS)}")
        if action == "list":
            if ids:
                raise UsageError(f"%jobs list takes no id, but {shown(ids[0])} was given.")
            self._say_what_is_refused()
            return _listing(everything=options.everything)
        if not ids:
            raise UsageError(f"%jobs {action} needs the id of a job: %jobs {action} optimize-2")
        if action == "cancel":
            return self._cancel(ids)
        if len(ids) > 1:
            raise UsageError(f"%jobs {action} takes one id, not {len(ids)}.")
        if action == "show":
            return self._show(ids[0])
        self._resume(ids[0])
        return None

    def _cancel(self, ids: list[str]) -> Listing:
        found = [_find(job_id) for job_id in ids]
        for one in found:
            if not _is_job(one):
                raise _not_here(one, "cancel")
        running = [job for job in found if job.state == "running"]
        if ended := [job.id for job in found if job not in running]:
            LaunchingCell(self._shell).show(Note(f"{', '.join(ended)} had ended before."))
        for job in running:
            job.cancel()
        for job in running:
            job.wait(1.0)
        return _listing(everything=False)

    def _show(self, job_id: str) -> Listing | None:
        found = _find(job_id)
        cell = LaunchingCell(self._shell)
        if _is_job(found):
            self._say_what_changed(found, cell)
            show_job(self._shell, found, cell)
            return None
        launch = _launch_of_entry(found)
        if found.standing() == "running":
            cell.show(Note(f"It runs in the kernel of process {found.process}: watch and cancel it there."))
        elif found.standing() == "finished":
            cell.show(Note(f"%jobs resume {found.id} shows its report: it runs this again, and takes what has finished "
                           "from the run store.", str(launch.call or launch.source)))
        else:
            cell.show(Note(f"%jobs resume {found.id} goes on with it."))
        return _as_listing([_entry_row(found)])

    def _resume(self, job_id: str) -> None:
        found = _find(job_id)
        if not _is_job(found):
            if found.standing() == "running":
                raise _not_here(found, "resume")
            self._run_again(_launch_of_entry(found), found)
            return
        if found.state in ("running", "finished"):
            raise JobError(f"{found.id} {'is running' if found.state == 'running' else 'has finished'}.",
                           f"There is nothing to resume; %jobs show {found.id} shows it.")
        launch = launch_of(found.id)
        if launch is None:
            raise JobError(f"Nobody noted what started {found.id}.", "Run its cell again.")
        self._run_again(launch, None)

    def _run_again(self, launch: Launch, entry: JournalEntry | None) -> None:
        if entry is not None:
            _refuse_elsewhere(entry)
        name = entry.id if entry is not None else "The job"
        cell = LaunchingCell(self._shell)
        if launch.call is None:
            if not launch.source.strip():
                raise JobError(f"Nobody noted the cell that started {name}.", "Run it again.")
            self._shell.set_next_input(launch.source)
            cell.show(Note(f"{name} was started by Python, so its cell is placed below. Run it: what has finished is "
                           "taken from the run store."))
            return
        from jesse_nb.core.jobs.job import jobs

        magic = self._shell.find_magic(launch.call.magic, "line" if launch.call.cell is None else "cell")
        if magic is None or tool_of_magic(launch.call.magic) is None:  # nothing else is run because a file says so
            raise JobError(f"{name} was started by %{launch.call.magic}, which is no magic that runs jobs.")
        cell.show(Note(f"{name} is run again with:", str(launch.call)))
        given = (launch.call.line,) if launch.call.cell is None else (launch.call.line, launch.call.cell)
        before = len(jobs())
        try:
            with self._settings.replaced(launch.settings):
                magic(*given)
        except TraitError as error:
            raise JobError(f"{name} was started with settings that are not allowed: {error}.") from None
        except Exception:
            if len(jobs()) == before:
                cell.show(Note("It could not be started. If it needs names of other cells, run those first, then "
                               "%jobs resume again."))
            raise

    def _say_what_is_refused(self) -> None:
        from jesse_nb.core.jobs.journal import Journal

        for line in Journal().refused():
            LaunchingCell(self._shell).show(Note(f"Not listed: {line}"))

    def _say_what_changed(self, job: Job[Any], cell: LaunchingCell) -> None:
        from jesse_nb.core.tools.changes import changed_strategies

        names = changed_strategies(job.strategies)
        if names:
            goes = "goes on with" if job.state == "running" else "ran with"
            cell.show(Note(f"{', '.join(names)} was changed since {job.id} began. The job {goes} the code it was "
                           "started with."))


def job_ids(action: str) -> list[str]:
    """Return the ids that an action of ``%jobs`` can take."""
    from jesse_nb.core.jobs.job import jobs

    own = {job.id: job.state for job in jobs()}
    if action == "cancel":
        return [job_id for job_id, state in own.items() if state == "running"]
    if action == "show":
        return [*own, *(entry.id for entry in _others())]
    stopped = [job_id for job_id, state in own.items() if state in ("cancelled", "failed")]
    return [*stopped, *(entry.id for entry in _others() if entry.standing() in _UNDONE)]


def _others() -> list[JournalEntry]:
    from jesse_nb.core.jobs.journal import Journal

    return [entry for entry in Journal().entries() if not entry.of_this_process]


def _find(job_id: str) -> Any:
    """Return this kernel's job of that id, or the journal's entry of another one; ``optimize-2`` will do for either."""
    from jesse_nb.core.jobs.job import jobs
    from jesse_nb.core.jobs.journal import Journal

    own = {job.id: job for job in jobs()}
    if job_id in own:
        return own[job_id]
    others = {entry.id: entry for entry in _others()}
    meant = [entry for entry in others.values() if job_id in (entry.id, entry.job)]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise JobError(f"Several earlier jobs were called {shown(job_id)}.",
                       f"Say which: {', '.join(entry.id for entry in meant)}.")
    if refused := [line for line in Journal().refused() if job_id in line]:
        raise JobError(f"The note of {shown(job_id)} is not used.", refused[0])
    raise JobError(f"No job is called {shown(job_id)}.",
                   did_you_mean(job_id, [*own, *others]) or "None was started in this kernel, and none is left.")


def _is_job(found: Any) -> bool:
    from jesse_nb.core.jobs.job import Job

    return isinstance(found, Job)


def _not_here(entry: JournalEntry, action: str) -> JobError:
    if entry.standing() == "running":
        return JobError(f"{entry.id} runs in another kernel (process {entry.process}), not in this one.",
                        "Cancel it there." if action == "cancel" else "There is nothing to resume.")
    return JobError(f"{entry.id} is not running: it is {entry.standing()}.",
                    f"%jobs resume {entry.id} goes on with it.")


def _refuse_elsewhere(entry: JournalEntry) -> None:
    """Refuse where what has finished would not be found, and the same names may mean something else."""
    from jesse_nb.core.jobs.store import default_store
    from jesse_nb.core.jobs.store.address import shown_place

    if os.path.realpath(entry.folder) != os.path.realpath(Path.cwd()):
        raise JobError(f"{entry.id} was started in {entry.folder}, and this kernel works in {Path.cwd()}.",
                       f"%cd {entry.folder} first, or open its notebook.")
    here = shown_place(default_store())
    if entry.store != here and os.path.realpath(entry.store) != os.path.realpath(here):
        raise JobError(f"{entry.id} kept its runs in {entry.store}, not in {here}.",
                       "Set JESSE_NB_STORE as it was.")


def _launch_of_entry(entry: JournalEntry) -> Launch:
    call = MagicCall(entry.magic, entry.line, entry.cell) if entry.magic else None
    return Launch(call, entry.source, entry.settings)


def _listing(*, everything: bool) -> Listing:
    from jesse_nb.core.jobs.job import jobs
    from jesse_nb.core.jobs.job_list import job_row

    others = [entry for entry in _others() if everything or entry.standing() in ("running", *_UNDONE)]
    own = (job_row(job.title, job.progress) for job in jobs())
    return _as_listing([*(_entry_row(entry) for entry in others), *own])


def _entry_row(entry: JournalEntry) -> tuple[Any, ...]:
    standing = entry.standing()
    state = _ELSEWHERE if standing == "running" else standing
    seconds = round(entry.updated - entry.started)
    reason = entry.reason if standing == "failed" else ""
    return entry.id, entry.title, state, entry.done, entry.total, entry.best, seconds, reason


def _as_listing(rows: list[tuple[Any, ...]]) -> Listing:
    from jesse_nb.core.jobs.job_list import jobs_table, worth_showing

    table = jobs_table(rows)
    return Listing(worth_showing(table), "No job has been started in this kernel, and none of an earlier one is left.",
                   table)
