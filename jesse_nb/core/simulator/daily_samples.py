"""What happens at each daily sample of a run: it tells how far it is, and stops when it is hopeless.

Jesse takes the samples itself, in every mode, between candles; nothing of the run is touched.
"""

from __future__ import annotations

import mmap
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.simulator.account import AccountWatch
from jesse_nb.core.simulator.early_stop import EquityWatch, StoppedRun, StopRule

__all__ = ["ProgressFile", "RunStopped", "followed"]

_FORMAT = "<d"


class RunStopped(BaseException):
    """Ends a simulation from within.

    Attributes
    ----------
    run
        What is known of it.
    """

    def __init__(self, run: StoppedRun) -> None:
        super().__init__(run.reason)
        self.run = run


class ProgressFile:
    """Eight bytes through which a worker on this machine tells how far a run is.

    Attributes
    ----------
    path
        What the worker needs.
    """

    def __init__(self) -> None:
        self._file = tempfile.NamedTemporaryFile(prefix="jesse-nb-progress-")  # noqa: SIM115 - closed by close()
        self._file.write(struct.pack(_FORMAT, 0.0))
        self._file.flush()
        self.path = self._file.name

    def read(self) -> float:
        """Return the fraction of the period that was simulated, 0 to 1."""
        return float(struct.unpack(_FORMAT, Path(self.path).read_bytes())[0])

    def close(self) -> None:
        """Remove the file."""
        self._file.close()


@contextmanager
def followed(start: int, end: int, rule: StopRule | None, progress: str, account: AccountWatch) -> Iterator[None]:
    """Follow the one run that Jesse simulates meanwhile.

    Parameters
    ----------
    start, end
        Of the run, milliseconds UTC.
    rule
        When it is to be stopped; None for never.
    progress
        Path of a :class:`ProgressFile`; empty for none.
    account
        Which watches the same run, and knows what its samples should be.

    Raises
    ------
    RunStopped
        Out of Jesse's loop, when the rule says so.
    """
    if rule is None and not progress:
        yield
        return
    simulation: Any = jesse_module("jesse.modes.backtest_mode")
    store = jesse_module("jesse.store").store
    take_sample = simulation.save_daily_portfolio_balance
    began = time.perf_counter()
    watch = None if rule is None else EquityWatch(rule)
    first_trade: int | None = None

    def sampled(*arguments: bool, **options: bool) -> None:
        nonlocal first_trade
        take_sample(*arguments, **options)
        moment = account.times[-1]
        tell((moment - start) / (end - start))
        if watch is None or moment >= end:
            return
        if first_trade is None and store.closed_trades.count:
            first_trade = moment
        reason = watch.sample(moment, account.values[-1], traded=first_trade is not None)
        if reason:
            assert first_trade is not None
            raise RunStopped(StoppedRun(
                reason, moment, tuple(watch.readings), np.array(account.times, dtype=np.int64),
                np.array(account.values, dtype=np.float64), first_trade, time.perf_counter() - began))

    with _telling(progress) as tell:
        simulation.save_daily_portfolio_balance = sampled
        try:
            yield
        finally:
            simulation.save_daily_portfolio_balance = take_sample


@contextmanager
def _telling(path: str) -> Iterator[Callable[[float], None]]:
    if not path:
        yield lambda fraction: None
        return
    with Path(path).open("r+b") as file, mmap.mmap(file.fileno(), struct.calcsize(_FORMAT)) as memory:
        yield lambda fraction: struct.pack_into(_FORMAT, memory, 0, fraction)
