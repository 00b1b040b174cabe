"""Jobs as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from jesse_nb.exceptions import JobError, did_you_mean, shown

if TYPE_CHECKING:
    import pandas as pd

    from jesse_nb.core.jobs.journal import JournalEntry, UnusedEntry
    from jesse_nb.core.jobs.progress import Progress

__all__ = ["UNDONE", "JobList", "entry_called", "entry_row", "html_table", "job_row", "jobs_table", "unused_row",
           "worth_showing"]

#: How a job of an earlier kernel stands that is listed, to be gone on with.
UNDONE = ("interrupted", "failed")

_ELSEWHERE, _DETACHED = "running in another kernel", "running detached"

_COLUMNS = ("job", "what", "state", "done", "of", "best", "seconds", "reason")

_EMPTY = "No job has been started in this kernel."


def job_row(title: str, progress: Progress) -> tuple[Any, ...]:
    """Return a job's row of the table."""
    return (progress.job_id, title, progress.state, progress.done, progress.total, progress.best_label,
            round(progress.elapsed), progress.message if progress.state == "failed" else "")


def entry_row(entry: JournalEntry) -> tuple[Any, ...]:
    """Return the row of a job of another process, as the journal has it."""
    standing = entry.standing()
    state = (_DETACHED if entry.detached else _ELSEWHERE) if standing == "running" else standing
    seconds = round(entry.updated - entry.started)
    reason = entry.reason if standing == "failed" else ""
    return entry.id, entry.title, state, entry.done, entry.total, entry.best, seconds, reason


def unused_row(entry: UnusedEntry) -> tuple[Any, ...]:
    """Return the row of a job of which the journal has nothing that can be used: why, and what to do."""
    return entry.id, "", "damaged" if entry.damaged else "refused", None, None, "", None, entry.why


def entry_called(
    word: str, entries: Sequence[JournalEntry], unused: Iterable[UnusedEntry] = (), others: Iterable[str] = ()
) -> JournalEntry:
    """Return the entry of that id, or the only one of that job: ``optimize-2`` will do for ``optimize-2-3f9a``.

    Raises
    ------
    JobError
        When there is none, with ids that are alike, of ``others``, too; or there are several; or it cannot be used.
    """
    meant = [entry for entry in entries if word in (entry.id, entry.job)]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise JobError(f"Several earlier jobs were called {shown(word)}.",
                       f"Say which: {', '.join(entry.id for entry in meant)}.")
    for spoilt in unused:
        if word in (spoilt.id, spoilt.id.rpartition("-")[0]):
            raise JobError(f"The note of {shown(spoilt.id)} is not used.", spoilt.why)
    known = [*others, *(entry.id for entry in entries)]
    raise JobError(f"No job is called {shown(word)}.",
                   did_you_mean(word, known) or "None was started here, and none is left.")


def jobs_table(rows: Iterable[tuple[Any, ...]]) -> pd.DataFrame:
    """Return rows of :func:`job_row` as a table."""
    import pandas as pd  # late, so that %load_ext stays quick

    return pd.DataFrame(list(rows), columns=list(_COLUMNS)).astype(dict.fromkeys(("done", "of", "seconds"), "Int64"))


def worth_showing(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table without its reasons where nothing failed, and with nothing where nothing is known."""
    shown_table = table if table["reason"].any() else table.drop(columns="reason")
    return shown_table.astype(object).where(shown_table.notna(), "")


def html_table(table: pd.DataFrame) -> str:
    """Return a table as HTML, with texts as long as they are: pandas would cut a reason short."""
    import pandas as pd

    with pd.option_context("display.max_colwidth", None):
        return str(table.to_html(index=False, escape=True, border=0))


class JobList(list[Any]):
    """Jobs, shown as a table."""

    def to_frame(self) -> pd.DataFrame:
        """Return one row a job: what it works on, how far it is, simulations done and wanted, why it failed."""
        return jobs_table(job_row(job.title, job.progress) for job in self)

    def __repr__(self) -> str:
        return worth_showing(self.to_frame()).to_string(index=False) if self else _EMPTY

    def _repr_html_(self) -> str:
        if not self:
            return f"<p>{_EMPTY}</p>"
        return html_table(worth_showing(self.to_frame()))
