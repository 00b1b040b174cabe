"""A finished backtest of a run store, by the first digits of its key."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.exceptions import InputError

__all__ = ["stored_run"]


def stored_run(key: str, path: str | Path | None) -> tuple[BacktestResult, str]:
    """Return a run, and where it was found.

    Parameters
    ----------
    key
        The first digits of its key.
    path
        The run store; the default one without it.

    Raises
    ------
    InputError
        When no run or several have such a key, or what is stored was damaged.
    """
    with closing(RunStore(path)) as store:
        found = store.find(key)
    if store.damaged:
        raise InputError(f"The stored run {key} was damaged, and is dropped.", "Run it again.", argument="key")
    if found is None:
        raise InputError(f"No single run of {store.place} has a key that begins with {key}.",
                         "`jesse-nb runs` shows the keys; where several begin alike, give more digits.",
                         argument="key")
    return found.record.to_result(found.spec), store.place
