"""What went wrong with a task, as one of our exceptions: whatever a pool's future raises, or an answer tells of."""

from __future__ import annotations

import contextlib
import signal
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError

from pebble import ProcessExpired

from jesse_nb.core.jobs.worker import Answer
from jesse_nb.exceptions import (
    JobCancelledError,
    SimulationError,
    StrategyCrashError,
    TrialMemoryError,
    TrialTimeoutError,
    WorkerDiedError,
)

__all__ = ["failure_of"]


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
        # The commonest cause, and nothing in Python's own message says so.
        hint = "If that is a hyperparameter: give it a value, or a place in the space." \
            if error.message.startswith("KeyError") else ""
        return StrategyCrashError(f"The strategy raised {error.message}.", hint, details=error.details)
    if isinstance(error, FutureTimeoutError):
        return TrialTimeoutError(f"The simulation took longer than {timeout:g} s.",
                                 "Raise trial_timeout if that is to be expected.")
    if isinstance(error, CancelledError):
        return JobCancelledError("The simulation was cancelled.")
    if isinstance(error, ProcessExpired):
        return WorkerDiedError(f"The process that ran the simulation ended{_exit_reason(error.exitcode)}.")
    return WorkerDiedError(f"The simulation could not be run: {type(error).__name__}: {error}.")


def _exit_reason(code: int | None) -> str:
    if code is None:
        return ""
    if code < 0:
        with contextlib.suppress(ValueError):
            return f" by signal {signal.Signals(-code).name}"
    return f" with exit code {code}"
