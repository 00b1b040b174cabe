"""The parts of a report, each computed where its data is at hand, and otherwise left out with the reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from jesse_nb.core.jobs.job import Job, JobControl
from jesse_nb.exceptions import JesseNbError, JobCancelledError

__all__ = ["Parts", "ended"]

T = TypeVar("T")


class Parts:
    """Computes parts, and keeps the reasons of those that cannot be.

    Parameters
    ----------
    control
        Of the job that they are computed in.

    Attributes
    ----------
    left_out
        Why a part is missing, by its name.
    """

    def __init__(self, control: JobControl) -> None:
        self.left_out: dict[str, str] = {}
        self._control = control

    def part(self, name: str, reason: str, compute: Callable[[], T]) -> T | None:
        """Return a part; None when there is a reason against it, or the job was cancelled."""
        if self._control.cancelled:
            reason = "interrupted"
        if not reason:
            try:
                return compute()
            except JobCancelledError:
                reason = "interrupted"
            except JesseNbError as error:
                reason = str(error).rstrip(".")
        self.left_out[name] = reason
        return None


def ended(result: T | Job[T]) -> T:
    """Return what a tool gave: called within a job, it works as a part of it and waits."""
    assert not isinstance(result, Job)
    return result
