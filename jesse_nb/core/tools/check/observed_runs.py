"""The simulations of a check: several at once, each observed, none of them kept."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import replace
from pathlib import Path

import numpy as np

from jesse_nb.core.candles.mirrored import mirrored_after
from jesse_nb.core.candles.series import fingerprint_candles
from jesse_nb.core.jobs.failures import failure_of
from jesse_nb.core.jobs.isolation.stranger import run_twice
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.jobs.pool import Pool
from jesse_nb.core.jobs.worker import Answer
from jesse_nb.core.simulator.data import MappedSlice
from jesse_nb.core.simulator.observing import Observation
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.simulation import Observe, Simulation
from jesse_nb.core.tools.job_loop import PATIENCE
from jesse_nb.core.tools.prepared import Prepared
from jesse_nb.exceptions import JobCancelledError

__all__ = ["CHANCE", "ObservedRuns", "TimeUpError", "mirrored", "observation_of"]

#: What unseeded draws of all compared runs are derived from.
CHANCE = "check"


class TimeUpError(JobCancelledError):
    """No more time is allowed."""


class ObservedRuns:
    """Observed simulations by name.

    They are not kept: a stored run would be found again where the strategy is what is doubted.

    Parameters
    ----------
    pool
        Gives that on which they run.
    control
        Of the job.
    timeout, memory
        Of each simulation: seconds, bytes.
    """

    def __init__(
        self, pool: Callable[[], Pool], control: JobControl, *, timeout: float | None, memory: int | None
    ) -> None:
        self._pool = pool
        self._control = control
        self._timeout, self._memory = timeout, memory
        self._futures: dict[str, Future[Answer]] = {}
        self._ended = False
        self._deadline = math.inf

    def allow(self, seconds: float) -> None:
        """Wait no longer than that from now on; what has finished by then still counts."""
        self._deadline = min(self._deadline, time.monotonic() + seconds)

    @property
    def started(self) -> int:
        """How many simulations were begun."""
        return len(self._futures)

    def start(
        self, name: str, simulation: Simulation, observe: Observe | None = None, chance: str = CHANCE
    ) -> None:
        """Begin a simulation; ``chance`` is what unseeded draws are derived from, alike in all that are compared."""
        observed = replace(simulation, observe=observe or Observe(), chance=chance)
        self._futures[name] = self._pool().submit(observed, self._timeout, self._memory)

    def start_apart(
        self, name: str, simulation: Simulation, hash_seed: str, observe: Observe | None = None
    ) -> None:
        """Begin two runs in an interpreter of their own, one after the other: ``name, first`` and ``name, second``."""
        observed = replace(simulation, observe=observe or Observe(), chance=CHANCE)
        futures: list[Future[Answer]] = [Future(), Future()]
        for which, future in zip(("first", "second"), futures, strict=True):
            self._futures[f"{name}, {which}"] = future

        def run() -> None:
            try:
                answers = run_twice(observed, hash_seed=hash_seed, timeout=self._timeout, cancelled=lambda: self._ended)
            except Exception as error:  # noqa: BLE001 - whoever waits is told
                answers = [failure_of(error, self._timeout)]
            for future, answer in zip(futures, itertools.cycle(answers), strict=False):
                if future.set_running_or_notify_cancel():
                    if isinstance(answer, Answer):
                        future.set_result(answer)
                    else:
                        future.set_exception(answer)

        threading.Thread(target=run, daemon=True, name="jesse-nb-check").start()

    def has(self, name: str) -> bool:
        """Whether a simulation of this name was begun."""
        return name in self._futures

    def record(self, name: str) -> RunRecord:
        """Wait for one and return it.

        Raises
        ------
        JobCancelledError
            When the job was stopped.
        TimeUpError
            When no more time is allowed.
        SimulationError
            What went wrong with it.
        """
        future = self._futures[name]
        while not self._control.cancelled:
            try:
                answer = future.result(timeout=PATIENCE)
            except FutureTimeoutError as error:
                if not future.done():
                    self._tell()
                    if time.monotonic() >= self._deadline:
                        raise TimeUpError("The check had no more time.") from None
                    continue
                raise failure_of(error, self._timeout) from None
            except Exception as error:  # noqa: BLE001 - futures raise whatever ended their task
                raise failure_of(error, self._timeout) from None
            self._tell()
            if answer.failure:
                raise failure_of(answer)
            value: RunRecord = answer.value
            return value
        raise JobCancelledError("The check was cancelled.")

    def cancel(self) -> None:
        """Stop what still runs."""
        self._ended = True
        for future in self._futures.values():
            future.cancel()

    def _tell(self) -> None:
        done = sum(future.done() for future in self._futures.values())
        self._control.update(done=done, total=max(len(self._futures), done), running=len(self._futures) - done)


def observation_of(record: RunRecord) -> Observation:
    """Return what was seen of a run that was observed."""
    assert record.observation is not None
    return record.observation


def mirrored(prepared: Prepared, moment: int, end: int, folder: Path) -> Simulation:
    """Return a run to ``end`` on candles that are turned upside down from ``moment`` on.

    Parameters
    ----------
    prepared
        The run as it is.
    moment, end
        Milliseconds UTC.
    folder
        Where the changed candles are written, for workers to map.
    """
    slices, mapped = [], []
    for part, rows in zip(prepared.spec.candles, prepared.mapped, strict=True):
        warm_up, trading = rows.read()
        last = int(np.searchsorted(trading[:, 0], end))
        changed = mirrored_after(np.concatenate([warm_up, trading[:last]]), moment)
        path = folder / f"{part.symbol}-{moment}-{end}.npy"
        np.save(path, changed, allow_pickle=False)
        slices.append(replace(part, end=end, fingerprint=fingerprint_candles(changed)))
        mapped.append(MappedSlice(part.exchange, part.symbol, str(path), 0, len(warm_up), len(changed),
                                  rows.funding))
    spec = replace(prepared.spec, end=end, candles=tuple(slices))
    return replace(prepared.simulation(spec), candles=tuple(mapped))
