"""Jobs as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from jesse_nb.core.jobs.progress import Progress

__all__ = ["JobList", "job_row", "jobs_table", "worth_showing"]

_COLUMNS = ("job", "what", "state", "done", "of", "best", "seconds", "reason")

_EMPTY = "No job has been started in this kernel."


def job_row(title: str, progress: Progress) -> tuple[Any, ...]:
    """Return a job's row of the table."""
    return (progress.job_id, title, progress.state, progress.done, progress.total, progress.best_label,
            round(progress.elapsed), progress.message if progress.state == "failed" else "")


def jobs_table(rows: Iterable[tuple[Any, ...]]) -> pd.DataFrame:
    """Return rows of :func:`job_row` as a table."""
    import pandas as pd  # late, so that %load_ext stays quick

    return pd.DataFrame(list(rows), columns=list(_COLUMNS)).astype({"done": "Int64", "of": "Int64"})


def worth_showing(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table without its reasons where nothing failed."""
    return table if table["reason"].any() else table.drop(columns="reason")


class JobList(list[Any]):
    """Jobs, shown as a table."""

    def to_frame(self) -> pd.DataFrame:
        """Return one row a job: what it works on, how far it is, simulations done and wanted, why it failed."""
        return jobs_table(job_row(job.title, job.progress) for job in self)

    def __repr__(self) -> str:
        return worth_showing(self.to_frame()).to_string(index=False, na_rep="") if self else _EMPTY

    def _repr_html_(self) -> str:
        if not self:
            return f"<p>{_EMPTY}</p>"
        return str(worth_showing(self.to_frame()).to_html(index=False, escape=True, border=0, na_rep=""))
