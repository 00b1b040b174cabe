"""Workers on all machines of a Ray cluster, in place of those of this machine.

The pool has an :class:`~jesse_nb.core.jobs.ray.agent.Agent` on each machine and gives every
task to the machine that has the least to do for its size. What a task needs besides its spec,
candles and strategies, goes to each machine once. A machine that is lost gives its tasks back,
and they run elsewhere: its answers are not taken any more, so none counts twice.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import logging
import threading
import time
import weakref
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from jesse_nb.core.jobs.failures import MOST_LOSSES, failure_of
from jesse_nb.core.jobs.ray.address import check_address
from jesse_nb.core.jobs.ray.cluster import Machine, connect, machines
from jesse_nb.core.jobs.worker import Answer
from jesse_nb.core.simulator.simulation import Simulation
from jesse_nb.core.simulator.spec import Route
from jesse_nb.core.simulator.strategies.shipped_strategies import ship_strategy
from jesse_nb.core.simulator.strategies.strategy import StrategyCode
from jesse_nb.exceptions import ClusterError, InputError, WorkerDiedError, shown

__all__ = ["RayPool", "ray_pool"]

_log = logging.getLogger(__name__)

#: Seconds in which a machine's workers must have started, and for which tasks wait when no machine is left.
_START_SECONDS, _PATIENCE = 90.0, 60.0

#: How often it looks for free processors at the start.
_LOOKS = 3


@dataclass(eq=False)
class _Task:
    number: int
    method: str
    arguments: tuple[Any, ...]
    simulation: Simulation | None = None
    future: Future[Answer] = field(default_factory=Future)
    losses: int = 0
    node: _Node | None = None


@dataclass(eq=False)
class _Node:
    machine: Machine
    size: int
    agent: Any
    tasks: dict[int, _Task] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)

    @property
    def load(self) -> float:
        return (len(self.tasks) + 1) / self.size


class RayPool:
    """The machines of an existing Ray cluster, for ``n_jobs`` of any tool.

    The processors that it finds free are its own until :meth:`stop`, or until this process ends.

    Parameters
    ----------
    address
        ``"ray"`` on a machine of the cluster, or when ``RAY_ADDRESS`` says where it is; ``"ray://HOST:10001"``
        elsewhere; ``"HOST:6379"`` for one of several clusters on this machine.
    size
        How many simulations run at once; by default one a free processor.

    Raises
    ------
    ClusterError
        When the cluster cannot be reached, has no free processor, or a machine of it has other versions
        of what results depend on.

    Examples
    --------
    >>> cluster = jn.RayPool("ray://192.0.2.7:10001")                          # doctest: +SKIP
    >>> study = jn.optimize(TrendFollower, "BTC-USDT", "1h", "2023-01-01",      # doctest: +SKIP
    ...                     "2024-01-01", n_jobs=cluster)
    """

    def __init__(self, address: str = "ray", size: int | None = None) -> None:
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
            raise InputError(f"size is {shown(size)}.", "It is a whole number above zero.")
        self.address = address
        self._most = size
        self._lock = threading.RLock()
        self._enlisting = threading.Lock()
        self._nodes: list[_Node] = []
        self._waiting: list[_Task] = []
        self._numbers = itertools.count()
        self._stopped = False
        self._ray = connect(check_address(address))
        # Ray calls back in a thread of its own, which must not be kept from its work.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="jesse-nb-ray")
        for _ in range(_LOOKS):
            self._enlist()
            if self._nodes:
                break
            time.sleep(1.0)  # those of a kernel that has just ended are given back in a moment
        else:
            raise ClusterError(f"The Ray cluster {self.address} has no free processor.",
                               "`ray status` shows who uses them; RayPool(..., size=N) leaves some to others.")
        _register(self)

    @property
    def size(self) -> int:
        """How many simulations run at once; less while a machine is lost."""
        return sum(node.size for node in tuple(self._nodes))

    @property
    def ahead(self) -> int:
        """How many more it wants to be given, so that no machine waits for this process."""
        return sum(1 + node.size // 8 for node in tuple(self._nodes))

    @property
    def usable(self) -> bool:
        """False once it was stopped or the connection to the cluster has ended."""
        return self._connected and bool(self._nodes or self._waiting)

    @property
    def _connected(self) -> bool:
        """Without a connection, Ray would start a cluster of its own on this machine at the next word to it."""
        return not self._stopped and bool(self._ray.is_initialized())

    def machines(self) -> dict[str, int]:
        """Return how many simulations run at once on each machine, by its address."""
        sizes: dict[str, int] = {}
        for node in tuple(self._nodes):
            sizes[node.machine.host] = sizes.get(node.machine.host, 0) + node.size
        return sizes

    def submit(self, simulation: Simulation, timeout: float | None, memory_limit: int | None) -> Future[Answer]:
        """Run a simulation; cancelling the future kills the worker that runs it."""
        bare = replace(simulation, codes=(), progress="", candles=tuple(replace(part, path=Path(part.path).name)
                                                           for part in simulation.candles))
        hashes = tuple(code.ref.hash for code in simulation.codes)
        return self._submit(_Task(next(self._numbers), "run", (bare, hashes, timeout, memory_limit), simulation))

    def describe(self, code: StrategyCode, timeout: float, route: Route | None = None) -> Future[Answer]:
        """Build a strategy in a worker and ask what it declares, on that route."""
        return self._submit(_Task(next(self._numbers), "describe", (ship_strategy(code), timeout, route)))

    def stop(self) -> None:
        """End all workers on the cluster and give its processors back."""
        with self._lock:
            connected, self._stopped = self._connected, True
            nodes, self._nodes = self._nodes, []
            tasks = [*self._waiting, *(task for node in nodes for task in node.tasks.values())]
            self._waiting = []
            for node in nodes:
                node.tasks = {}
        if connected and nodes:
            with contextlib.suppress(Exception):  # the cluster may be gone, and all with it
                leaving = [node.agent.leave.remote() for node in nodes]
                self._ray.wait(leaving, num_returns=len(leaving), timeout=3)
                for node in nodes:
                    self._ray.kill(node.agent)
        for task in tasks:
            _fail(task, _stopped())

    def __repr__(self) -> str:
        return f"<RayPool {self.address}: {self.size} at once on {len(self._nodes)} machines>"

    def _submit(self, task: _Task) -> Future[Answer]:
        if not self._connected:
            raise _stopped()
        task.future.add_done_callback(lambda future: self._cancel(task) if future.cancelled() else None)
        self._give(task)
        return task.future

    def _give(self, task: _Task) -> None:
        """Hand a task to a machine, or let it wait for one."""
        try:
            with self._lock:
                if task.future.cancelled():
                    return
                if not self._connected:
                    raise _stopped()
                if not self._nodes:
                    self._waiting.append(task)
                    return
                node = min(self._nodes, key=lambda node: node.load)
                if task.simulation is not None:
                    self._provide(node, task.simulation)
                answer = getattr(node.agent, task.method).remote(task.number, *task.arguments).future()
                node.tasks[task.number], task.node = task, node
        except Exception as error:  # noqa: BLE001 - a connection that broke, a file that is gone
            _fail(task, error)  # without the lock: whoever waits for it may ask for the next one
            return
        answer.add_done_callback(lambda done: self._hand_over(node, task, done))

    def _hand_over(self, node: _Node, task: _Task, answer: Future[Any]) -> None:
        with contextlib.suppress(RuntimeError):  # at the end of this process there is nobody to tell
            self._thread.submit(self._receive, node, task, answer)

    def _provide(self, node: _Node, simulation: Simulation) -> None:
        """Send what a machine does not have yet, and a series to all others that lack it, too."""
        for code in simulation.codes:
            if code.ref.hash not in node.kept:
                node.agent.keep_strategy.remote(code.ref.hash, ship_strategy(code))
                node.kept.add(code.ref.hash)
        for part in simulation.candles:
            name = Path(part.path).name  # has the fingerprint of the content in it
            if name not in node.kept:
                # In Ray's store until all have a copy, and no longer: nobody here holds on to it.
                stored = self._ray.put(np.asarray(np.load(part.path, mmap_mode="r")))
                for one in self._nodes:
                    if name not in one.kept:
                        one.agent.keep_candles.remote(name, [stored])
                        one.kept.add(name)

    def _receive(self, node: _Node, task: _Task, answer: Future[Any]) -> None:
        with self._lock:
            if node.tasks.pop(task.number, None) is None:
                return  # cancelled, or given to another machine meanwhile
        try:
            value = answer.result(0)
        except Exception as error:  # noqa: BLE001 - all that Ray says: an agent returns, and never raises
            with self._lock:
                node.tasks[task.number] = task
            self._lose(node, error)
            return
        if not task.future.set_running_or_notify_cancel():
            return
        if isinstance(value, Answer):
            task.future.set_result(value)
        else:
            task.future.set_exception(value)

    def _cancel(self, task: _Task) -> None:
        with self._lock:
            if task in self._waiting:
                self._waiting.remove(task)
            if task.node is None or task.node.tasks.pop(task.number, None) is None:
                return
            if task.node in self._nodes:
                task.node.agent.cancel.remote(task.number)

    def _lose(self, node: _Node, error: BaseException) -> None:
        """Do without a machine, and give its tasks to others."""
        with self._lock:
            if node in self._nodes:
                self._nodes.remove(node)
                if self._connected:
                    _log.warning("A machine of the Ray cluster was lost, %s: %s", node.machine.host,
                                 type(error).__name__)
                    self._ray.kill(node.agent)  # if it is only out of reach, it need not go on
                    threading.Thread(target=self._recover, daemon=True, name="jesse-nb-ray-recovery").start()
            tasks, node.tasks = list(node.tasks.values()), {}
        for task in tasks:
            task.losses += 1
            if task.losses < MOST_LOSSES:
                self._give(task)
            else:
                _fail(task, WorkerDiedError(f"The simulation was lost {task.losses} times with the machine it ran on."))

    def _recover(self) -> None:
        """Look for machines that are not used yet, until there is at least one or no hope."""
        deadline = time.monotonic() + _PATIENCE
        while self._connected:
            try:
                self._enlist()
            except Exception as error:  # noqa: BLE001 - a cluster that breaks down raises all kinds
                _log.warning("The Ray cluster does not answer: %s", error)
            with self._lock:
                waiting, self._waiting = self._waiting, []
                hopeless = not self._nodes and time.monotonic() > deadline
            for task in waiting:
                if hopeless:
                    _fail(task, WorkerDiedError("No machine of the Ray cluster is left.", "Run the same again."))
                else:
                    self._give(task)
            if self._nodes or hopeless:
                return
            time.sleep(1.0)
        for task in self._waiting:
            _fail(task, _stopped())

    def _enlist(self) -> None:
        """Start workers on all machines that have none of this pool yet."""
        with self._enlisting:
            used = {node.machine.node for node in self._nodes}
            new = [machine for machine in machines(self._ray) if machine.node not in used and machine.free]
            left = None if self._most is None else self._most - self.size
            nodes = [self._start(machine, size) for machine, size in _shares(new, left)]
            for node, ready in [(node, node.agent.ready.remote()) for node in nodes]:
                try:
                    self._ray.get(ready, timeout=_START_SECONDS)
                except self._ray.exceptions.RayError as error:
                    _log.warning("Workers did not start on %s: %s", node.machine.host, error)
                    self._ray.kill(node.agent)
                    continue
                with self._lock:
                    if not self._stopped:
                        self._nodes.append(node)

    def _start(self, machine: Machine, size: int) -> _Node:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        from jesse_nb.core.jobs.ray.agent import Agent  # only here, so that others need not wait for its imports

        there = NodeAffinitySchedulingStrategy(machine.node, soft=False)
        agent = self._ray.remote(Agent).options(num_cpus=size, max_concurrency=10_000, scheduling_strategy=there)
        return _Node(machine, size, agent.remote(size))


def _shares(found: Iterable[Machine], most: int | None) -> list[tuple[Machine, int]]:
    """Take the free processors, ``most`` at the most: from the machines that have the most left."""
    taken = {machine: machine.free if most is None else 0 for machine in found}
    for _ in range(most or 0):
        roomiest = max(taken, key=lambda machine: machine.free - taken[machine], default=None)
        if roomiest is None or taken[roomiest] == roomiest.free:
            break
        taken[roomiest] += 1
    return [(machine, size) for machine, size in taken.items() if size]


def _stopped() -> WorkerDiedError:
    return WorkerDiedError("The workers on the Ray cluster were stopped, or the connection to it has ended.",
                           "Run the same again.")


def _fail(task: _Task, error: Exception) -> None:
    if task.future.set_running_or_notify_cancel():
        task.future.set_exception(failure_of(error))


_pools: weakref.WeakSet[RayPool] = weakref.WeakSet()
_shared: dict[str, RayPool] = {}
_shared_lock = threading.Lock()


def ray_pool(jobs: str | RayPool) -> RayPool:
    """Return the pool that all jobs of this process share on a cluster, which is started at the first call.

    Raises
    ------
    ClusterError
        When it cannot be.
    """
    if isinstance(jobs, RayPool):
        return jobs
    address = check_address(jobs)
    with _shared_lock:
        if address not in _shared or not _shared[address].usable:
            _shared[address] = RayPool(address)
        return _shared[address]


def _register(pool: RayPool) -> None:
    """See to it that the cluster is left in good order; Ray, imported before, is asked to end after us."""
    if not _pools:
        atexit.unregister(_stop_all)
        atexit.register(_stop_all)
    _pools.add(pool)


def _stop_all() -> None:
    for pool in tuple(_pools):
        pool.stop()
