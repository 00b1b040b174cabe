"""`%jobs`: what runs, what is left of earlier kernels, and how to see it, stop it or go on with it."""

# IPython is not fully typed
# mypy: disable-error-code="no-untyped-call,untyped-decorator"
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments
from traitlets import TraitError

from jesse_nb.core.jobs.job_list import UNDONE, entry_called, entry_row, unused_row
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
        detached = [one for one in found if not _is_job(one) and one.stop()]
        for one in found:
            if not _is_job(one) and one not in detached:
                raise _not_here(one, "cancel")
        here = [one for one in found if one not in detached]
        running = [job for job in here if job.state == "running"]
        for search in detached:
            LaunchingCell(self._shell).show(Note(f"{search.id} was asked to stop; what has finished is kept."))
        if ended := [job.id for job in here if job not in running]:
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
        cell.show(self._what_next(found))
        return _as_listing([entry_row(found)])

    def _what_next(self, entry: JournalEntry) -> Note:
        """Say what can be done with a job of another process, and what cannot."""
        from jesse_nb.core.tools.resuming import refuse_elsewhere

        standing = entry.standing()
        if standing == "running":
            if entry.can_be_stopped:
                return Note(f"It runs in a process of its own ({entry.process}): %jobs cancel {entry.id} stops it.",
                            entry.source)
            kind = "process" if entry.detached else "the kernel of process"
            return Note(f"It runs in {kind} {entry.process} on {entry.host}: watch and cancel it there.")
        started = str(_launch_of_entry(entry).call or entry.source)
        try:
            if standing == "finished" and entry.detached:
                refuse_elsewhere(entry)
                return Note("Its result is in the record: %results lists it, jn.load opens it by its name.", started)
            self._check_resumable(entry)
        except JobError as why:
            return Note(f"It cannot be gone on with from here: {why}" if standing != "finished" else
                        f"It has finished, and its report cannot be shown from here: {why}", started)
        if standing == "finished":
            return Note(f"%jobs resume {entry.id} shows its report: it runs this again, and takes what has finished "
                        "from the run store.", started)
        if not entry.magic:
            return Note(f"%jobs resume {entry.id} places below what started it, for you to run.", started)
        return Note(f"%jobs resume {entry.id} goes on with it.")

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

    def _check_resumable(self, entry: JournalEntry) -> None:
        from jesse_nb.core.tools.resuming import refuse_elsewhere, refuse_unknown

        refuse_elsewhere(entry)
        refuse_unknown(entry.id, entry.magic, entry.source)
        try:
            with self._settings.replaced(entry.settings):
                pass
        except TraitError as error:
            raise JobError(f"{entry.id} was started with settings that are not allowed: {error}.") from None

    def _run_again(self, launch: Launch, entry: JournalEntry | None) -> None:
        from jesse_nb.core.tools.resuming import refuse_unknown

        if entry is not None:
            self._check_resumable(entry)
        name = entry.id if entry is not None else "The job"
        cell = LaunchingCell(self._shell)
        refuse_unknown(name, launch.call.magic if launch.call else "", launch.source)
        if launch.call is None:
            self._shell.set_next_input(launch.source)
            how = "detached" if entry is not None and entry.detached else "by Python"
            cell.show(Note(f"{name} was started {how}, so its cell is placed below. Run it: what has finished is "
                           "taken from the run store."))
            return
        from jesse_nb.core.jobs.job import jobs

        magic = self._shell.find_magic(launch.call.magic, "line" if launch.call.cell is None else "cell")
        if magic is None:
            raise JobError(f"{name} was started by %{launch.call.magic}, which is no magic that runs jobs.")
        cell.show(Note(f"{name} is run again with:", str(launch.call)))
        given = (launch.call.line,) if launch.call.cell is None else (launch.call.line, launch.call.cell)
        before = jobs()[-1:]
        try:
            with self._settings.replaced(launch.settings):
                magic(*given)
        except Exception:
            if jobs()[-1:] == before:
                cell.show(Note("It could not be started. If it needs names of other cells, run those first, then "
                               "%jobs resume again."))
            raise

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
    return [*stopped, *(entry.id for entry in _others() if entry.standing() in UNDONE)]


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
    if launch_of(job_id) is not None:
        raise JobError(f"{shown(job_id)} ended long ago, and what it had is not kept here.",
                       "%results may have its result; running its cell again simulates nothing twice.")
    return entry_called(job_id, _others(), Journal().unused(), own)


def _is_job(found: Any) -> bool:
    from jesse_nb.core.jobs.job import Job

    return isinstance(found, Job)


def _not_here(entry: JournalEntry, action: str) -> JobError:
    if entry.standing() == "running":
        return JobError(f"{entry.id} runs in another kernel (process {entry.process}), not in this one.",
                        "Cancel it there." if action == "cancel" else "There is nothing to resume.")
    return JobError(f"{entry.id} is not running: it is {entry.standing()}.",
                    f"%jobs show {entry.id} says what can be done with it.")


def _launch_of_entry(entry: JournalEntry) -> Launch:
    call = MagicCall(entry.magic, entry.line, entry.cell) if entry.magic else None
    return Launch(call, entry.source, entry.settings)


def _listing(*, everything: bool) -> Listing:
    from jesse_nb.core.jobs.job import jobs
    from jesse_nb.core.jobs.job_list import job_row
    from jesse_nb.core.jobs.journal import Journal

    unused = map(unused_row, Journal().unused())
    others = [entry for entry in _others() if everything or entry.standing() in ("running", *UNDONE)]
    own = (job_row(job.title, job.progress) for job in jobs())
    return _as_listing([*unused, *(entry_row(entry) for entry in others), *own])


def _as_listing(rows: list[tuple[Any, ...]]) -> Listing:
    from jesse_nb.core.jobs.job_list import jobs_table, worth_showing

    table = jobs_table(rows)
    return Listing(worth_showing(table), "No job has been started in this kernel, and none of an earlier one is left.",
                   table)
