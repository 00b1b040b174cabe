"""What runs on each machine of a Ray cluster: an agent, with a pool of local workers behind it.

Ray starts one agent a machine. Simulations run in processes of the agent's own, the same
as on a single machine, so what is true there is true here: a task can be killed at any
moment, a worker that dies takes only its own task with it, and results are the same. When
Ray loses an agent, therefore, a machine was lost, and no strategy is to blame.
"""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jesse_nb.core.jobs.failures import failure_of
from jesse_nb.core.jobs.pool import SCRATCH_PREFIX, LocalPool, memory_share, remove_orphaned_scratch
from jesse_nb.core.jobs.worker import Answer
from jesse_nb.core.simulator.simulation import Simulation
from jesse_nb.core.simulator.spec import Route
from jesse_nb.core.simulator.strategies.shipped_strategies import ShippedStrategy
from jesse_nb.core.simulator.strategies.strategy import StrategyCode
from jesse_nb.exceptions import JesseNbError, JobCancelledError

__all__ = ["Agent"]


class Agent:
    """One machine's workers. Ray runs the methods in one event loop; none of them waits for a simulation.

    Parameters
    ----------
    size
        How many simulations run at once.
    """

    def __init__(self, size: int) -> None:
        remove_orphaned_scratch()
        self._size = size
        self._pool = LocalPool(size)
        self._folder = Path(tempfile.mkdtemp(prefix=f"{SCRATCH_PREFIX}{os.getpid()}-"))
        self._candles: dict[str, asyncio.Future[Path]] = {}
        self._strategies: dict[str, asyncio.Future[StrategyCode]] = {}
        self._running: dict[int, Future[Answer]] = {}
        self._cancelled: set[int] = set()

    async def ready(self) -> str:
        """Wait until the first worker has started; return the machine's name."""
        await asyncio.to_thread(self._pool.ready, 60)
        return platform.node()

    async def keep_candles(self, name: str, objects: list[Any]) -> None:
        """Write a series to a file that all workers map.

        Parameters
        ----------
        name
            Of the series.
        objects
            The one-minute candles: one array of Ray's object store.
        """
        path = self._folder / f"{len(self._candles)}.npy"
        await _fill(_place(self._candles, name), lambda: _written(path, objects[0]))

    async def keep_strategy(self, name: str, carried: ShippedStrategy) -> None:
        """Lay out a strategy's local modules."""
        async def unpacked() -> StrategyCode:
            return carried.unpack(self._folder)

        await _fill(_place(self._strategies, name), unpacked)

    async def run(
        self, number: int, simulation: Simulation, strategies: tuple[str, ...], timeout: float | None,
        memory_limit: int | None,
    ) -> Answer | JesseNbError:
        """Run a simulation; what ends it is returned, not raised, and so told apart from the loss of this machine.

        Parameters
        ----------
        number
            For :meth:`cancel`.
        simulation
            Without code; its candles have the names of series in place of paths.
        strategies
            Names of those it is of.
        timeout, memory_limit
            As of a local pool; by default a simulation may use its share of this machine's memory.
        """
        limit = memory_share(self._size) if memory_limit is None else memory_limit
        try:
            codes = [await _place(self._strategies, name) for name in strategies]
            candles = [replace(part, path=str(await _place(self._candles, part.path))) for part in simulation.candles]
        except Exception as error:  # noqa: BLE001 - whatever this machine's disk says
            return failure_of(error)
        whole = replace(simulation, codes=tuple(codes), candles=tuple(candles))
        return await self._answer(number, lambda pool: pool.submit(whole, timeout, limit), timeout)

    async def describe(self, number: int, carried: ShippedStrategy, timeout: float,
                       route: Route | None) -> Answer | JesseNbError:
        """Build a strategy and ask what it declares, on that route."""
        code = carried.unpack(self._folder)
        return await self._answer(number, lambda pool: pool.describe(code, timeout, route), timeout)

    async def cancel(self, number: int) -> None:
        """Stop a task, or see to it that it does not start."""
        if number in self._running:
            self._running[number].cancel()
        else:
            self._cancelled.add(number)

    async def leave(self) -> None:
        """End all workers and remove what was kept."""
        self._pool.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _answer(
        self, number: int, start: Callable[[LocalPool], Future[Answer]], timeout: float | None
    ) -> Answer | JesseNbError:
        if number in self._cancelled:
            self._cancelled.discard(number)
            return JobCancelledError("The simulation was cancelled.")
        if not self._pool.usable:
            self._pool = LocalPool(self._size)
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        try:
            future = self._running[number] = start(self._pool)
            future.add_done_callback(lambda _: loop.call_soon_threadsafe(done.set))
            await done.wait()
            return future.result(0)
        except BaseException as error:  # noqa: BLE001 - futures raise whatever ended their task
            return failure_of(error, timeout)
        finally:
            self._running.pop(number, None)


def _place(kept: dict[str, asyncio.Future[Any]], name: str) -> asyncio.Future[Any]:
    """Return where something is or will be: a task may come before what it needs."""
    return kept.setdefault(name, asyncio.get_running_loop().create_future())


async def _fill(place: asyncio.Future[Any], make: Callable[[], Any]) -> None:
    try:
        place.set_result(await make())
    except Exception as error:  # noqa: BLE001 - for those who wait for it
        place.set_exception(error)


async def _written(path: Path, stored: Any) -> Path:
    candles = await stored
    await asyncio.to_thread(np.save, path, candles, allow_pickle=False)
    return path
