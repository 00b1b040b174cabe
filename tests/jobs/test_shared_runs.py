"""Runs of a plain strategy that share a process: each is the same as in one of its own."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import psutil
import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.isolation.shared_child import SharedState
from jesse_nb.core.jobs.pool import LocalPool
from jesse_nb.core.jobs.worker import Answer
from jesse_nb.core.simulator.early_stop import StopRule
from jesse_nb.core.simulator.fast.series import known_series
from jesse_nb.core.simulator.simulation import Simulation
from jesse_nb.core.times import DAY_MS
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.request import Request
from tests.jobs.strategies import CROSSING
from tests.simulator.both_paths import bundled_strategies

PERIOD = ("2023-03-01", "2023-03-21")
TRIALS = [{"fast": fast, "slow": slow} for fast, slow in ((3, 30), (5, 25), (19, 80), (3, 30))]

#: Fails for one value; and says something about each run that Python says once a process.
FAILING = CROSSING.replace('        return ta.sma', '''        x = np.log(self.index - 3.0) + 1 / (self.hp["fast"] - 7)
        return ta.sma''', 1).replace("import jesse.indicators", "import numpy as np\nimport jesse.indicators")


#: What waits for pools of other tests.
_OTHERS: set[int] = set()


@pytest.fixture(scope="module")
def pool() -> Iterator[LocalPool]:
    _OTHERS.update(waiting())
    pool = LocalPool(1)
    pool.ready(60)
    yield pool
    pool.stop()


def simulations(store: CandleStore, source: str = CROSSING, **more: Any) -> list[Simulation]:
    ready = prepare(Request(strategy=source, symbol="BTC-USDT", timeframe="1h", candles=store, **more), *PERIOD)
    return [ready.simulation(ready.spec.with_hyperparameters(trial)) for trial in TRIALS]


def run(pool: LocalPool, simulation: Simulation) -> Answer:
    return pool.submit(simulation, 60, None).result(120)


def alone(pool: LocalPool, simulation: Simulation) -> Answer:
    """Run it in a process of its own: recorded runs share none."""
    return run(pool, replace(simulation, recorded=True))


def contents(answer: Answer) -> tuple[Any, ...]:
    if answer.value is None:
        return answer.failure, answer.message, answer.details
    return (*answer.value.pack()[:3], answer.value.output, answer.value.depends, repr(answer.value.audit))


def waiting() -> set[int]:
    """Return the processes that wait for another run, of any pool of this process."""
    found = [child for child in psutil.Process().children(recursive=True) if os.getpgid(child.pid) == child.pid
             and child.status() != psutil.STATUS_ZOMBIE and "forkserver" in " ".join(child.parent().cmdline())]
    return {child.pid for child in found if len(child.parents()) - len(psutil.Process().parents()) == 3}


def child_of() -> int | None:
    """Return the process of the pool here that waits for another run, or None."""
    return next(iter(waiting() - _OTHERS), None)


@pytest.mark.parametrize("more", [{}, {"market": "spot", "mode": "step"}])
def test_a_run_is_the_same_in_a_shared_process_and_alone(
    more: dict[str, Any], pool: LocalPool, candle_store: CandleStore
) -> None:
    trials = simulations(candle_store, **more)
    expected = [contents(alone(pool, trial)) for trial in trials]
    shared, children = [], set()
    for trial in trials:
        shared.append(contents(run(pool, trial)))
        children.add(child_of())
    assert shared == expected
    assert shared[0] == shared[3] != shared[1]
    assert len(children) == 1
    assert None not in children


def test_another_kind_of_run_gets_another_process(pool: LocalPool, candle_store: CandleStore) -> None:
    trial = simulations(candle_store)[0]
    run(pool, trial)
    first = child_of()
    run(pool, replace(trial, spec=replace(trial.spec, warm_up_candles=100)))
    assert child_of() not in (first, None)
    alone(pool, trial)
    assert child_of() is None


def test_a_shared_process_that_is_killed_is_replaced(pool: LocalPool, candle_store: CandleStore) -> None:
    trials = simulations(candle_store)
    before = contents(run(pool, trials[0]))
    child = child_of()
    assert child is not None
    os.kill(child, signal.SIGKILL)
    assert contents(run(pool, trials[3])) == before
    assert contents(run(pool, trials[0])) == before
    assert child_of() not in (child, None)


def test_a_run_that_fails_is_done_again_alone_and_the_next_is_not_touched(
    pool: LocalPool, candle_store: CandleStore
) -> None:
    good, bad = simulations(candle_store, FAILING)[:2]
    bad = replace(bad, spec=bad.spec.with_hyperparameters({"fast": 7, "slow": 25}))
    expected = [contents(alone(pool, trial)) for trial in (good, bad)]
    assert "RuntimeWarning" in expected[0][3]
    assert "ZeroDivisionError" in expected[1][1]
    assert [contents(run(pool, trial)) for trial in (good, good, bad, good)] == [expected[0], *expected, expected[0]]


def test_a_run_that_is_stopped_ends_its_process(pool: LocalPool, candle_store: CandleStore) -> None:
    trials = simulations(candle_store)
    rule = StopRule("return", (trials[0].spec.start + 10 * DAY_MS,), (9.0,))
    stopped = [replace(trial, stop=rule) for trial in trials[:2]]
    expected = [alone(pool, trial).value for trial in stopped]
    run(pool, trials[0])
    for trial, other in zip(stopped, expected, strict=True):
        value = run(pool, trial).value
        assert (type(value), value.moment, value.values.tolist()) == (type(other), other.moment, other.values.tolist())
        assert child_of() is None


@pytest.mark.parametrize("name", ["Test01", "Test20", "TestAfterMethod"])
def test_jesses_own_strategies_are_the_same(name: str, pool: LocalPool, candle_store: CandleStore) -> None:
    source = bundled_strategies()[name]
    trial = simulations(candle_store, source)[0]
    expected = contents(alone(pool, trial))
    assert [contents(run(pool, trial)) for _ in range(3)] == [expected] * 3


def test_a_change_of_what_runs_share_is_seen(candle_store: CandleStore, monkeypatch: pytest.MonkeyPatch) -> None:
    series = known_series(simulations(candle_store)[0].candles)
    series[0].candles("1h")
    shared = SharedState(series)
    assert shared.is_unchanged()
    monkeypatch.setattr(math, "tau", 3.0)
    assert not shared.is_unchanged()
    monkeypatch.undo()
    assert shared.is_unchanged()
    rows = series[0].candles("1h")[1]
    kept = rows[-1, 2]
    rows[-1, 2] = np.nextafter(kept, 0)
    assert not shared.is_unchanged()
    rows[-1, 2] = kept
    assert shared.is_unchanged()
