"""The check before a study: once for each code of a strategy, in the time of ten runs at the most, and filed."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.simulator.spec import StrategyRef
from jesse_nb.core.study.space import Space
from jesse_nb.core.tools.check.check_strategy import checked_strategy
from jesse_nb.core.tools.check.first_check import FirstCheck
from jesse_nb.core.tools.check.look_ahead import LookAhead
from jesse_nb.core.tools.check.observed_runs import ObservedRuns, TimeUpError
from jesse_nb.core.tools.job_loop import JobLoop
from jesse_nb.core.tools.prepared import Prepared
from jesse_nb.core.tools.request import Request
from jesse_nb.exceptions import CandlesError, SimulationError, StorageError

__all__ = ["check_first", "is_first_study", "note_study"]

#: How many runs' time it may take.
_MOST_RUNS = 10
#: What is looked at: all that can forbid to believe a result.
_CHECKS = ("look_ahead", "warm_up", "determinism", "reads")
_MOMENTS = 4


def check_first(
    request: Request, prepared: Prepared, space: Space | None, own: Mapping[str, Any], store: RunStore,
    control: JobControl, loop: JobLoop,
) -> FirstCheck | None:
    """Check a strategy before its study, or return what was filed of the same code.

    It is checked with the study's fixed hyperparameters and its own for the others; where it has none, with what is in
    the middle of the space.

    Parameters
    ----------
    request, prepared
        What the study simulates.
    space
        What is searched; None for fixed parameters.
    own
        Values that the strategy declares.
    store
        Where the outcome is filed.
    control, loop
        Of the job. Its time limit holds for the check, too.

    Returns
    -------
    FirstCheck or None
        None where the time of the whole study was up before anything was known.

    Raises
    ------
    JobCancelledError
        When the job was stopped.
    """
    key = _filed(route.strategy for route in prepared.spec.routes)
    with contextlib.suppress(StorageError, TypeError, KeyError):
        content = store.noted(key)
        if content is not None:
            return FirstCheck.from_json(content)
    values = {**_middle(space, own), **prepared.spec.hyperparameters}
    request = replace(request, hyperparameters=values)
    prepared = replace(prepared, spec=prepared.spec.with_hyperparameters(values))
    resources = request.resources
    runs = ObservedRuns(resources.pool, control, timeout=resources.trial_timeout, memory=resources.memory)
    runs.allow(loop.remaining)
    try:
        with tempfile.TemporaryDirectory(prefix="jesse-nb-check-") as folder:
            look_ahead = LookAhead(prepared, Path(folder), _MOMENTS, 0)
            check = checked_strategy(request, prepared, look_ahead, _CHECKS, runs, control, most_runs=_MOST_RUNS)
    except TimeUpError:
        return None
    except (SimulationError, CandlesError) as error:
        return FirstCheck((), str(error))
    finally:
        runs.cancel()
    found = FirstCheck(check.findings)
    if not loop.must_stop and len(check.result.trades):  # without a trade, another period tells more
        with contextlib.suppress(StorageError):
            store.note(key, found.to_json())
    return found


def note_study(store: RunStore, strategies: Iterable[StrategyRef]) -> None:
    """Note that these strategies are studied, for :func:`is_first_study`."""
    with contextlib.suppress(StorageError):
        store.note(_studied(strategies), True)


def is_first_study(store: RunStore, strategies: Iterable[StrategyRef]) -> bool:
    """Whether neither a check of this code is filed nor a study of it was begun.

    Raises
    ------
    StorageError
        When the run store cannot be read.
    """
    known = tuple(strategies)
    return store.noted(_filed(known)) is None and store.noted(_studied(known)) is None


def _middle(space: Space | None, own: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value in the middle of each parameter of which the strategy has none of its own."""
    return {dimension.name: dimension.choices[len(dimension.choices) // 2]
            if dimension.low is None or dimension.high is None
            else dimension.clip((dimension.low + dimension.high) / 2) for dimension in (space.dimensions
                                                                                        if space else ())
            if dimension.name not in own}


def _filed(strategies: Iterable[StrategyRef]) -> str:
    return f"first check of {_codes(strategies)}"


def _studied(strategies: Iterable[StrategyRef]) -> str:
    return f"study of {_codes(strategies)}"


def _codes(strategies: Iterable[StrategyRef]) -> str:
    return " ".join(dict.fromkeys(f"{strategy.name} {strategy.hash}" for strategy in strategies))
