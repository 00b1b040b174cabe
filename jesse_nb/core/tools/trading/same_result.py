"""Whether a strategy does the same as it did when its values were chosen: run again and compared to the last bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.strategies.strategy import StrategyCode
from jesse_nb.core.tools.prepared import Prepared
from jesse_nb.core.tools.request import Request, RequestMemory

__all__ = ["first_difference", "run_alone", "with_code"]

#: What a renamed class changes.
_NAME = "strategy"


def run_alone(request: Request, prepared: Prepared) -> RunRecord:
    """Simulate one prepared spec and wait; it is filed as a check, and so is no try of the project's.

    Raises
    ------
    SimulationError
        When the run fails.
    """
    evaluator = request.resources.evaluator([prepared], request.resources.run_store())
    try:
        evaluator.submit("run", prepared.spec, check=True)
        while (answer := evaluator.next(timeout=0.1)) is None:
            pass
    finally:
        evaluator.cancel()
    outcome = answer[1]
    if outcome.record is None:
        assert outcome.error is not None
        raise outcome.error
    return outcome.record


def with_code(request: Request, code: StrategyCode, values: Mapping[str, Any] | None = None) -> Request:
    """Return a request with another strategy on each of its routes; without values it has them in itself."""
    routes = [(code, *market) for _, *market in request.routes or ()]
    return replace(request, routes=routes, hyperparameters=values or {}, memory=RequestMemory())


def first_difference(before: BacktestResult, after: RunRecord) -> str:
    """Say in words what two runs first differ in; empty where every trade, fill and sample is the very same."""
    again = after.to_result(before.spec)
    mine, theirs = before.trades, again.trades
    if len(mine) != len(theirs):
        return f"{len(mine):,} trades before, {len(theirs):,} now"
    for column in mine.columns:
        if column == _NAME:
            continue
        for number, (one, two) in enumerate(zip(mine[column], theirs[column], strict=True), start=1):
            if not _same(one, two):
                return f"trade {number:,} has another {column.replace('_', ' ')}"
    if len(before.equity) != len(again.equity) or not np.array_equal(before.equity.to_numpy(), again.equity.to_numpy(),
                                                                     equal_nan=True):
        return "equity differs"
    unlike = [name for name, value in before.metrics.items() if not _same(value, again.metrics.get(name))]
    return f"the metric {unlike[0]} differs" if unlike else ""


def _same(one: Any, two: Any) -> bool:
    if isinstance(one, Mapping) and isinstance(two, Mapping):
        return one.keys() == two.keys() and all(_same(value, two[name]) for name, value in one.items())
    if isinstance(one, list | tuple) and isinstance(two, list | tuple):
        return len(one) == len(two) and all(map(_same, one, two))
    return bool(one == two or (one != one and two != two))
