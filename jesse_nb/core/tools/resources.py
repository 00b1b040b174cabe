"""What simulations run with: how many at once and where, within which limits, and the store that keeps them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jesse_nb.core.jobs.evaluation import Evaluator
from jesse_nb.core.jobs.pool import Pool, available_cores, local_pool, memory_share
from jesse_nb.core.jobs.ray.address import check_address
from jesse_nb.core.jobs.ray.ray_pool import RayPool, ray_pool
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.jobs.store.address import is_address
from jesse_nb.core.tools.prepared import Prepared
from jesse_nb.exceptions import InputError, shown

__all__ = ["Jobs", "Resources"]

#: How many simulations run at once on this machine, or the Ray cluster on which they run.
Jobs = int | str | RayPool


@dataclass(frozen=True)
class Resources:
    """What simulations run with; the arguments are those of :func:`~jesse_nb.core.tools.backtest.backtest.backtest`."""

    store: str | Path | RunStore | None = field(default=None, repr=False)  # an address may hold a password
    trial_timeout: float | None = 600.0
    memory_limit: int | None = None
    n_jobs: Jobs | None = None

    def check(self) -> None:
        """Refuse what is wrong, before anything starts.

        Raises
        ------
        JesseNbError
            Which names the argument.
        """
        _check_seconds("trial_timeout", self.trial_timeout)
        if self.n_jobs is not None:
            _check_jobs("n_jobs", self.n_jobs)
            if not isinstance(self.n_jobs, int):
                self.pool()  # a cluster that is not there is said at once, and not by a job
        is_address(self.store)  # refuses what is none and looks like one
        if self.memory_limit is not None:
            _check_whole("memory_limit", self.memory_limit, 2**28, 2**50)

    def run_store(self) -> RunStore:
        """Open the run store."""
        return self.store if isinstance(self.store, RunStore) else RunStore(self.store)

    def evaluator(
        self, prepared: Iterable[Prepared], store: RunStore, pool: Pool | None = None, *, progress: str = ""
    ) -> Evaluator:
        """Return an evaluator that runs specs of any of the prepared periods, by default on the shared pool.

        That is not started before there is something to run. ``progress`` is the path of a
        :class:`~jesse_nb.core.simulator.daily_samples.ProgressFile`, for one run.
        """
        by_candles = {part.spec.candles: part for part in prepared}
        return Evaluator(
            self.pool if pool is None else lambda: pool,
            store,
            lambda spec: replace(by_candles[spec.candles].simulation(spec), progress=progress),
            limit=self.workers,
            trial_timeout=self.trial_timeout,
            memory_limit=self.memory,
        )

    @property
    def workers(self) -> int:
        """How many simulations may run at once."""
        return self.n_jobs or available_cores() if isinstance(self.n_jobs, int | None) else self.pool().size

    @property
    def memory(self) -> int | None:
        """Bytes that one simulation may allocate; None leaves it to the machine of a cluster on which it runs."""
        if self.memory_limit is not None or not isinstance(self.n_jobs, int | None):
            return self.memory_limit
        return memory_share(self.workers)

    def pool(self) -> Pool:
        """Return the shared pool, large enough for this request, or that of the cluster."""
        return local_pool(self.workers) if isinstance(self.n_jobs, int | None) else ray_pool(self.n_jobs)


def _check_whole(name: str, value: Any, low: int, high: int) -> int:
    """Return a whole number from ``low`` to ``high``, or say what is wrong with it."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InputError.of(name, f"is {shown(value)}.", f"It is a whole number from {low:,} to {high:,}.")
    return value


def _check_jobs(name: str, value: Any) -> None:
    """Refuse what is neither a number of simulations at once nor a Ray cluster."""
    if isinstance(value, str):
        check_address(value)
    elif not isinstance(value, RayPool):
        _check_whole(name, value, 1, 1024)


def _check_seconds(name: str, value: Any) -> None:
    """Refuse a time limit that is not None and not above zero."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not (math.isfinite(value) and value > 0):
        raise InputError.of(name, f"is {shown(value)}.", "It is seconds above zero, or None for no limit.")
