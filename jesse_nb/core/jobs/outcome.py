"""What a job asks about a run, and what it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.simulator.early_stop import StoppedRun, StopRule
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.exceptions import JesseNbError

__all__ = ["RunOutcome", "RunRequest", "known_outcome"]


@dataclass(frozen=True)
class RunOutcome:
    """What became of one simulation: a record, what is known of a run that was stopped, or why there is neither.

    ``reused`` is True when nothing was simulated for it alone: it was stored, or ran for another job as
    well, here or in another kernel.
    """

    spec: BacktestSpec
    record: RunRecord | None
    error: JesseNbError | None = None
    reused: bool = False
    stopped: StoppedRun | None = None


class RunRequest(NamedTuple):
    """A run, and when it may end early; None for never."""

    spec: BacktestSpec
    stop: StopRule | None = None

    @property
    def key(self) -> tuple[str, StopRule | None]:
        """What equal questions share."""
        return self.spec.key, self.stop


def known_outcome(store: RunStore, request: RunRequest) -> RunOutcome | None:
    """Answer a question from the store; None when that takes a simulation.

    A run that the store has to its end is judged by the rule, too: what it is told must not depend on what was
    simulated before. A run that read a file which has changed since is no answer.
    """
    spec, stop = request
    record = store.get(spec.key)
    if record is not None and record.answers(spec) and record.depends.hold():
        stopped = None if stop is None else record.judge(stop, spec.end)[0]
        return RunOutcome(spec, None if stopped else record, reused=True, stopped=stopped)
    if stop is None:
        return None
    partly = store.stopped(spec.key)
    if partly is None or not (partly.audited or spec.account.market == "futures") or not partly.depends.hold():
        return None
    stopped = partly.again(stop)
    return None if stopped is None else RunOutcome(spec, None, reused=True, stopped=stopped)
