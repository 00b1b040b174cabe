"""Jobs as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from jesse_nb.core.jobs.progress import Progress

__all__ = ["COLUMNS", "JobList", "job_row"]

COLUMNS = ("job", "what", "state", "done", "of", "best", "seconds")

_EMPTY = "No job has been started in this kernel."


def job_row(title: str, progress: Progress) -> tuple[Any, ...]:
    """Return a job's row of the table."""
    return (progress.job_id, title, progress.state, progress.done, progress.total, progress.best_label,
            round(progress.elapsed))


class JobList(list[Any]):
    """Jobs, shown as a table."""

    def to_frame(self) -> pd.DataFrame:
        """Return one row a job: its id, what it works on, state, simulations done and wanted, best, seconds."""
        import pandas as pd  # late, so that %load_ext stays quick

        frame = pd.DataFrame([job_row(job.title, job.progress) for job in self], columns=list(COLUMNS))
        return frame.astype({"done": "Int64", "of": "Int64"})

    def __repr__(self) -> str:
        return self.to_frame().to_string(index=False, na_rep="") if self else _EMPTY

    def _repr_html_(self) -> str:
        if not self:
            return f"<p>{_EMPTY}</p>"
        return str(self.to_frame().to_html(index=False, escape=True, border=0, na_rep=""))
