"""Run a tool for a magic: blocking or in the background, and bind what it gives."""

# IPython is not fully typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from IPython.core.interactiveshell import InteractiveShell

from jesse_nb.core.record.labels import Labels, labelled
from jesse_nb.core.tools.declaration.parameter import MAGIC
from jesse_nb.core.tools.declaration.tool import Tool
from jesse_nb.exceptions import JesseNbError, JobCancelledError, JobInterruptedError
from jesse_nb.magics.launches import MagicCall, launched_by, running_twin
from jesse_nb.widgets.live.display import JobView, LaunchingCell, Note, place_of_output, shown_by_its_launcher

if TYPE_CHECKING:
    from jesse_nb.core.jobs.job import Job

__all__ = ["CellStoppedError", "bind_result", "run_tool", "show_job", "stop_quietly"]

#: Seconds between two looks at the clock while the cell waits; any Python wakes up from it on an interrupt.
_WAIT = 0.5

#: Seconds that an interrupted cell gives the job to wind up, and to put a result together from what there is.
_LAST_WORDS = 0.5


class CellStoppedError(JobInterruptedError):
    """Ends a cell that was stopped, and with it a run of all cells; the cell's output says all that there is to say."""


def stop_quietly(shell: InteractiveShell) -> Callable[[], None]:
    """Let no :class:`CellStoppedError` be shown in red; returns a function that undoes it.

    A shell has one handler of own exceptions: where the user set theirs, it stays, and the error is one line.
    """
    if shell.custom_exceptions:
        return lambda: None
    shell.set_custom_exc((CellStoppedError,), lambda *_, **__: None)

    def undo() -> None:
        if shell.custom_exceptions == (CellStoppedError,):
            shell.custom_exceptions = ()

    return undo


def run_tool(
    shell: InteractiveShell,
    tool: Tool,
    arguments: Mapping[str, Any],
    *,
    output: str | None = None,
    background: bool = False,
    call: MagicCall | None = None,
    labels: Labels | None = None,
) -> None:
    """Start a tool, show it in the running cell, and bind its result.

    Parameters
    ----------
    shell
        Whose cell is running.
    tool
        One that takes ``background``.
    arguments
        Its keyword arguments.
    output
        Variable that gets the result: after an interrupt that of what had finished, on failure the job instead, in
        the background always the job. ``_`` gets the same. A job of which nothing finished leaves the variable as it
        was.
    background
        Return as soon as the job runs.
    call
        The magic that asks for it. One that runs in the background already with the same arguments is not
        started in the background a second time, but shown here, too.
    labels
        What its result is called in the research record.

    Raises
    ------
    CellStoppedError
        When the user interrupts; what had finished was shown and bound, and the cell says how to go on.
    JesseNbError
        When an argument is wrong or the job fails.
    """
    cell = place_of_output(shell)
    twin = running_twin(call, arguments) if background and call is not None else None
    if twin is not None:
        bind_result(shell, twin, output)
        cell.show(Note(f"The same is running already as {twin.id}, so nothing new was started."))
        show_job(shell, twin, cell, output)
        return
    try:
        with shown_by_its_launcher(), launched_by(call, arguments), labelled(labels or Labels()):
            job: Job[Any] = tool.load()(**arguments, background=True)
    except JesseNbError as error:
        raise error.call(tool.flag_of(error.argument, MAGIC)) from error.__cause__
    if background:
        bind_result(shell, job, output)
        show_job(shell, job, cell, output)
        return
    view = JobView(job, cell)
    before: dict[str, Any] = {output: shell.user_ns[output]} if output and output in shell.user_ns else {}
    if output:
        shell.push({output: job})
    job.awaited = True
    view.start()
    try:
        _load_report()
        while not job.wait(_WAIT):
            pass
        result = job.result()
    except (KeyboardInterrupt, JobCancelledError):
        raise _stopped(shell, job, view, cell, output, before) from None
    except BaseException:
        view.close()
        if job.partial_result() is None:
            shell.push(before)  # an earlier result is worth more than a job that has none
        raise
    finally:
        job.awaited = False
    view.close(result)
    bind_result(shell, result, output)


def bind_result(shell: InteractiveShell, value: Any, output: str | None) -> None:
    """Bind ``value`` to a name and to ``_``, as if the cell had ended with it, without showing it again."""
    shell.displayhook.update_user_ns(value)
    if output:
        shell.push({output: value})


def show_job(shell: InteractiveShell, job: Job[Any], cell: LaunchingCell, output: str | None = None) -> None:
    """Show a job in a cell without waiting: while it runs how far it is, then its report.

    Parameters
    ----------
    shell
        Whose cell it is.
    job
        Whether it runs or has ended.
    cell
        Where it is shown, besides where it is shown already.
    output
        Variable that has the job.
    """
    view = JobView(job, cell)
    if job.wait(0):
        _show_the_end(job, view)
    elif cell.live:
        view.start()
        threading.Thread(target=_show_the_end, args=(job, view), name=f"jesse_nb-report-{job.id}", daemon=True).start()
    else:  # a report that arrived later would land in no cell, or in the wrong one
        name = output or "_"
        cell.show(
            Note(f"{job.kind} runs in the background: {name}.result() waits for it, {name}.cancel() ends it.")
        )
        if cell.terminal:
            _announce_after_a_cell(shell, job)


def _show_the_end(job: Job[Any], view: JobView) -> None:
    job.wait()
    _load_report()
    try:
        view.close(job.result())
    except JobCancelledError as error:
        view.close(job.partial_result() or Note(f"{type(error).__name__}: {error}"))
    except Exception as error:  # noqa: BLE001 - whatever ended the job is what there is to show
        view.close(Note(f"{type(error).__name__}: {error}"))


def _announce_after_a_cell(shell: InteractiveShell, job: Job[Any]) -> None:
    """Say in a terminal that the job has ended, when nobody is typing: after the next input that was run."""

    def announce(*_: Any) -> None:
        if job.wait(0):
            shell.events.unregister("post_run_cell", announce)
            sys.stderr.write(f"{job.id} {job.state}. %jobs show {job.id} shows it.\n")

    shell.events.register("post_run_cell", announce)


def _stopped(
    shell: InteractiveShell, job: Job[Any], view: JobView, cell: LaunchingCell, output: str | None,
    before: dict[str, Any],
) -> CellStoppedError:
    """Show and bind what had finished of a job, and say in one line what was stopped and how to go on."""
    progress = job.progress
    job.cancel()
    deadline = time.monotonic() + _LAST_WORDS
    while not job.wait(0.02) and time.monotonic() < deadline:
        pass
    if job.progress.phase == progress.phase:  # a job that winds up may count something else
        progress = job.progress
    made: Future[Any] = Future()
    made.add_done_callback(lambda _: _bind_partial(shell, job, made.result(), output, before))
    view.close_later(lambda: _told(made, job.partial_result))
    with suppress(FutureTimeoutError):
        made.result(max(deadline - time.monotonic(), 0.05))
    nothing = made.done() and made.result() is None
    of_total = f" of {progress.total:,}" if progress.total else ""
    said = f"Stopped while {progress.phase or job.kind}, {progress.done:,}{of_total} done."
    name = output or "_"
    kept = (f"{output} is what it was before. " if output in before else "") if nothing else \
        f"{name} is the result of what had finished, {name}.job the job. "
    how = f"{kept}Run the cell again to go on."
    cell.show(Note(f"{said} {how}"))
    return CellStoppedError(said, how, job=job)


def _told(made: Future[Any], find: Callable[[], Any]) -> Any:
    made.set_result(find())
    return made.result()


def _bind_partial(
    shell: InteractiveShell, job: Job[Any], partial: Any, output: str | None, before: dict[str, Any]
) -> None:
    """Bind what had finished, unless the name stands for something else by now."""
    if output and shell.user_ns.get(output) is not job:
        return
    if partial is not None:
        bind_result(shell, partial, output)
    else:
        shell.push(before)


def _load_report() -> None:
    """Load what draws results: only now, because it takes a moment and the job runs meanwhile."""
    import jesse_nb.report
    import jesse_nb.widgets.plots.report_view  # noqa: F401
