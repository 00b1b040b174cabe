"""What a running job tells those who watch it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["JobState", "Progress"]

JobState = Literal["running", "finished", "failed", "cancelled"]


@dataclass(frozen=True)
class Progress:
    """A snapshot of a job; sent to subscribers when something changed.

    Attributes
    ----------
    job_id, kind
        Which job, and which tool started it (``optimize``, ``backtest``, …).
    state
        ``running`` until the job ends.
    phase
        What it is doing, in words: ``"optimizing"``, ``"testing the best 10"``.
    done, total
        Simulations finished and wanted in this phase; ``total`` is None when unknown.
    failed, stopped_early, reused
        Of those done: how many failed, how many a pruner stopped on their way, and how many were known already:
        stored by an earlier run, asked for twice in this one, or run for another job as well.
    running, workers
        Simulations in flight, and the size of the pool.
    best, best_label
        Best value so far and what it is (``"sharpe 1.84 at trial 37"``); empty before the first.
    elapsed
        Seconds since the start.
    rate
        Simulations a second, measured on those that really ran; None before the first.
    eta
        Seconds left at that rate; None when unknown.
    message
        A remark worth showing, or empty.
    """

    job_id: str
    kind: str
    state: JobState = "running"
    phase: str = ""
    done: int = 0
    total: int | None = None
    failed: int = 0
    stopped_early: int = 0
    reused: int = 0
    running: int = 0
    workers: int = 0
    best: float | None = None
    best_label: str = ""
    elapsed: float = 0.0
    rate: float | None = None
    eta: float | None = None
    message: str = ""

    @property
    def fraction(self) -> float:
        """Share of the phase that is done, 0 to 1; 0 when the total is unknown."""
        return min(self.done / self.total, 1.0) if self.total else 0.0
