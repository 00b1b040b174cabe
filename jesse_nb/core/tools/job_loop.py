"""The loop of a job: hand simulations over, take in what became of them, tell how far it is, stop when asked to."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from jesse_nb.core.jobs.evaluation import Evaluator, RunOutcome
from jesse_nb.core.jobs.job import JobControl

__all__ = ["PATIENCE", "JobLoop"]

#: Seconds between two looks at whether a job was cancelled.
PATIENCE = 0.05

Receive = Callable[[Any, RunOutcome], Any]


class JobLoop:
    """How a job works through its simulations, and its clock.

    Parameters
    ----------
    control
        The job's.
    timeout
        Seconds for all of it; None for no limit.

    Attributes
    ----------
    reused
        How many of the outcomes that were counted were known already.
    """

    def __init__(self, control: JobControl, timeout: float | None = None) -> None:
        self._control = control
        self._timeout = timeout
        self._began = time.monotonic()
        self._timed_out = False
        self._simulated = 0
        self._simulating_since = math.nan
        self.reused = 0

    @property
    def elapsed(self) -> float:
        """Seconds since the job began."""
        return time.monotonic() - self._began

    @property
    def remaining(self) -> float:
        """Seconds that are left of all that it may take; infinite without a limit."""
        return math.inf if self._timeout is None else max(self._timeout - self.elapsed, 0.0)

    @property
    def must_stop(self) -> bool:
        """True once the job was cancelled, or its time is up."""
        self._timed_out = self._timed_out or (self._timeout is not None and self.elapsed >= self._timeout)
        return self._timed_out or self._control.cancelled

    @property
    def stopped(self) -> str:
        """Why it ended early: ``interrupted`` or ``timeout``; empty where it did not."""
        return "interrupted" if self._control.cancelled else "timeout" if self._timed_out else ""

    def run(
        self,
        evaluator: Evaluator,
        receive: Receive,
        report: Callable[[Evaluator], None],
        *,
        feed: Callable[[], float] | None = None,
        ended: Callable[[], bool] | None = None,
    ) -> None:
        """Work until all is done, or the job must stop: then what had finished is still taken in.

        Parameters
        ----------
        evaluator
            Which simulates.
        receive
            Takes in each outcome with the ticket it was asked for under.
        report
            Tells how far the job is; called after every look at the evaluator.
        feed
            Hands over what can run by now, and returns how many seconds to wait for an outcome. Without it, all has
            been handed over.
        ended
            Whether nothing is left to do; by default when nothing is pending.
        """
        while not self.must_stop and not (ended() if ended else not evaluator.pending):
            answer = evaluator.next(feed() if feed else PATIENCE)
            if answer is not None:
                receive(*answer)
            report(evaluator)
        if self.must_stop:
            evaluator.cancel()
            self.drain(evaluator, receive)
            report(evaluator)

    def drain(self, evaluator: Evaluator, receive: Receive) -> None:
        """Take in what has finished by now, without waiting."""
        while (answer := evaluator.next(0)) is not None:
            receive(*answer)

    def count(self, outcome: RunOutcome) -> None:
        """Count an outcome for the rate, which is that of simulations that really ran."""
        if outcome.reused:
            self.reused += 1
            return
        self._simulated += 1
        run = outcome.record or outcome.stopped
        if run is not None and math.isnan(self._simulating_since):
            self._simulating_since = time.monotonic() - run.seconds

    def tell(self, evaluator: Evaluator, done: int, total: int, **more: Any) -> None:
        """Tell how far the job is, how many simulations a second it does, and how many seconds are left."""
        since = time.monotonic() - self._simulating_since
        rate = self._simulated / since if since > 0 else None  # not yet where nothing has really run
        self._control.update(**{"done": done, "total": total, "reused": self.reused, "running": evaluator.running,
                                "rate": rate, "eta": max(0, total - done) / rate if rate else None, **more})
