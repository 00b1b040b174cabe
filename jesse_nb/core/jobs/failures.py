"""What went wrong with a task, as one of our exceptions: whatever a pool's future raises, or an answer tells of.

And when a task is tried again: one whose process or machine was lost, for the system or a person may have ended it
and the simulation is not to blame. One that loses :data:`MOST_LOSSES` of them is; it fails, and it alone.
"""

from __future__ import annotations

from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError

from jesse_nb.core.jobs.worker import Answer
from jesse_nb.exceptions import (
    JobCancelledError,
    SimulationError,
    StrategyCrashError,
    TrialMemoryError,
    TrialTimeoutError,
    WorkerDiedError,
)

__all__ = ["MOST_LOSSES", "WorkerLostError", "failure_of", "lost_too_often", "way_it_was_lost"]

#: A task that lost as many processes, or machines, is not given to another: it may be what ends them.
MOST_LOSSES = 3


class WorkerLostError(Exception):
    """A worker process ended while it had a task; the text says how: ``by signal SIGKILL``."""


def way_it_was_lost(answer: object) -> str:
    """Return how the process that ran a task was ended: ``by signal SIGKILL``; empty when it was not.

    Parameters
    ----------
    answer
        What a worker gave, or what was raised in its place.
    """
    if isinstance(answer, Answer) and answer.failure == "died":
        by_signal = answer.exit_code is not None and answer.exit_code < 0
        return answer.message if by_signal else ""  # one that ends itself would do so again
    return str(answer) if isinstance(answer, WorkerLostError) else ""


def lost_too_often(way: str) -> WorkerDiedError:
    """Return what is said of a task that lost every process it was given to; ``way`` is how the last one ended."""
    return WorkerDiedError(f"The process that ran the simulation ended {way}, in each of {MOST_LOSSES} attempts.",
                           "Where memory runs short, a smaller n_jobs or a memory_limit helps.")


def failure_of(error: BaseException | Answer, timeout: float | None = None) -> SimulationError | JobCancelledError:
    """Return what went wrong with a task as one of our exceptions.

    Parameters
    ----------
    error
        What the future raised, or an answer that tells of a failure.
    timeout
        The time limit that held, seconds.
    """
    if isinstance(error, SimulationError | JobCancelledError):
        return error
    if isinstance(error, Answer):
        if error.failure == "memory":
            return TrialMemoryError("The simulation ran out of memory.", "Raise memory_limit, or hold less data.")
        if error.failure == "died":
            return WorkerDiedError(f"The process that ran the simulation ended {error.message}.")
        if error.failure == "refused":
            return StrategyCrashError(error.message, details=error.details)
        said = error.message.rstrip(".")
        if error.failure == "jesse":
            return StrategyCrashError(f"Jesse itself failed, while no line of the strategy ran: {said}.", error.hint,
                                      details=error.details)
        return StrategyCrashError(f"The strategy raised {said}.", error.hint, details=error.details)
    if isinstance(error, FutureTimeoutError):
        return TrialTimeoutError(f"The simulation took longer than {timeout:g} s.",
                                 "Raise trial_timeout if that is to be expected.")
    if isinstance(error, CancelledError):
        return JobCancelledError("The simulation was cancelled.")
    return WorkerDiedError(f"The simulation could not be run: {type(error).__name__}: {error}.")
