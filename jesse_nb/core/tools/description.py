"""What a strategy declares, asked once: it is decided by its source and by Jesse."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import asdict

from jesse_nb.core.jesse_runtime import jesse_version
from jesse_nb.core.jobs.pool import Pool
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.jobs.worker import Description
from jesse_nb.core.simulator.spec import Route
from jesse_nb.core.simulator.strategies.strategy import StrategyCode
from jesse_nb.core.tools.trials import describe_strategy
from jesse_nb.exceptions import StorageError

__all__ = ["described"]


def described(store: RunStore, pool: Callable[[], Pool], code: StrategyCode,
              cancelled: Callable[[], bool], route: Route | None = None) -> Description:
    """Return what a strategy declares on a route: from the run store, or else from a worker.

    A strategy may declare other values for each symbol, as it may in Jesse.

    Raises
    ------
    SimulationError, StrategyError, JobCancelledError
        As :func:`~jesse_nb.core.tools.trials.describe_strategy`.
    """
    key = f"description {code.ref.kind} {code.ref.name} {code.ref.hash} jesse {jesse_version()}"
    if route is not None:
        key += f" on {route.exchange} {route.symbol} {route.timeframe}"
    with contextlib.suppress(StorageError, TypeError):
        found = store.noted(key)
        if found is not None:
            return Description(**found)
    description = describe_strategy(pool(), code, cancelled, route)
    content = asdict(description)
    with contextlib.suppress(StorageError, TypeError, ValueError):  # not all that a strategy declares is JSON
        if repr(json.loads(json.dumps(content))) == repr(content):
            store.note(key, content)
    return description
