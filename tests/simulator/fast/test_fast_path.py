"""The quicker way through the simulator gives what Jesse's own way gives: to the last bit, and in any order."""

from __future__ import annotations

import errno
import itertools
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.jobs.pool import LocalPool, local_pool
from jesse_nb.core.jobs.worker import Answer
from jesse_nb.core.simulator.fast import modifications, series
from jesse_nb.core.simulator.run import simulate
from jesse_nb.core.simulator.simulation import Simulation
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.request import Request
from jesse_nb.exceptions import StrategyError, WorkerDiedError
from tests.simulator.both_paths import bundled_cases, compared, differences, matrix_cases, ramp_store
from tests.simulator.helpers import run_python
from tests.strategies import TREND

#: Jesse's bundled strategies that end in an error on both markets, and why; most of them are there to do so.
CANNOT_RUN = {
    "TestUsageOfShouldCancelRaisesNotImplementedError": "defines should_cancel(), which is not called any more",
    "Test01": "prices below zero on the ramp",
    "Test02": "prices below zero on the ramp",
    "Test33": "waits for another strategy beside it",
    "Test38": "a filter asks for a target that is not there yet",
    "Test39": "a filter asks for a stop that is not there yet",
    "Test46": "stop and target at the same price",
    "Test47": "a filter that was called",
    "TestAddHorizontalLineToCandleChart": "draws a list",
    "TestAddHorizontalLineToExtraChart": "draws a list",
    "TestAddLineToCandleChart": "draws a list",
    "TestAddLineToExtraChart": "draws a list",
    "TestCapitalPropertyRaisesNotImplementedError": "uses a property that is no more",
    "TestIncreasingShortPosition": "looks for a trade that its own candles make",
    "TestLongSparseGap": "compares with candles of its own",
    "TestOrderPriceCannotBeGreaterThanZero": "a price of zero",
    "TestOrderValueProperty": "looks for an order that its own candles leave",
    "TestProtectiveOrdersAcrossTradingModes": "looks for a target that was filled already",
    "TestRuleSignificanceAlignment": "places no order",
    "TestRuleSignificanceFailure": "raises",
    "TestSparseTimestampRoutes": "compares with candles of its own",
}

#: Ends its own process, or raises, in the midst of a position.
FAILING = TREND.replace("class Trend", "class Failing").replace("    def update_position(self):", """
    def update_position(self):
        if self.index > 100:
            self.fail()""") + """
    def fail(self):
        raise ValueError("enough")
"""
KILLED = FAILING.replace("class Failing", "class Killed").replace(
    'raise ValueError("enough")', "import os; os.kill(os.getpid(), 9)")

#: Whose loop runs, as its candles are asked for.
TELLING = TREND + """
    def terminate(self):
        import sys
        modules = sys.modules["jesse.research.backtest"], sys.modules["jesse.services.candle_service"]
        print(modules[0].simulator.__module__, modules[1].get_candles.__module__)
"""


def simulation(store: CandleStore, strategy: str, **arguments: object) -> Simulation:
    request = Request(strategy=strategy, symbol="BTC-USDT", timeframe="1h", candles=store, warm_up_candles=60,
                      **arguments)
    prepared = prepare(request, "2023-05-01", "2023-05-15")
    return prepared.simulation(prepared.spec)


def test_each_of_jesses_own_strategies(tmp_path: Path):
    pool, store = local_pool(), ramp_store(tmp_path / "ramp")
    cases = itertools.chain(bundled_cases(market="futures", leverage=2, mode="fast"),
                            bundled_cases(market="spot", mode="step"))
    ran, traded, failed = set(), set(), set()
    for outcome in compared(pool, store, cases):
        name = outcome.case.name.split()[0]
        assert not outcome.differences, (outcome.case.name, outcome.differences)
        (failed if outcome.plain.failure else ran).add(name)
        if outcome.trades:
            traded.add(name)
    assert failed - ran == set(CANNOT_RUN)
    assert len(ran) == 136
    assert len(traded) > 90


def test_markets_timeframes_accounts_and_modes(candle_store: CandleStore):
    trades, outputs = 0, set()
    for outcome in compared(local_pool(), candle_store, matrix_cases()):
        assert not outcome.differences, (outcome.case.name, outcome.differences)
        assert not outcome.plain.failure, (outcome.case.name, outcome.plain.message)
        trades += outcome.trades
        if "juggler" in outcome.case.name:
            assert outcome.trades
            outputs.add(outcome.plain.value.output)
        if outcome.case.name.startswith("stubborn"):
            audit = outcome.plain.value.audit
            assert audit.ruin is not None
            assert audit.jesse_metrics["net_profit_percentage"] < -50
    assert trades > 1000
    # Each saw something else, but for minutes, which both modes pass one by one, and isolated margin of leverage, which
    # fast mode leaves to step mode.
    assert len(outputs) == 18
    assert all(output.strip() for output in outputs)


@contextmanager
def no_pytest() -> Iterator[None]:
    """Hide pytest from Jesse, which behaves otherwise in tests; pytest itself wants its variable back at the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTEST_CURRENT_TEST")
        patch.setattr(jesse_module("jesse.helpers"), "_is_pytest_script", lambda: False)
        yield


@pytest.mark.parametrize("mode", ["fast", "step"])
def test_in_this_very_process(mode: str, candle_store: CandleStore, as_worker: None):
    cases = [case for case in matrix_cases() if case.arguments["mode"] == mode and case.name.startswith(
        ("two jugglers", "juggler of minutes", "cut short", "stubborn isolated", "gap", "clock"))]
    assert len(cases) == 11
    for case in cases:
        run = case.simulation(candle_store)
        with no_pytest():
            plain, quicker = (Answer(simulate(replace(run, plain=plain))) for plain in (True, False))
        assert list(differences(plain, quicker, case.quicker)) == [], case.name


def test_a_strategy_that_sets_a_pipeline_on_itself_is_refused(candle_store: CandleStore, as_worker: None):
    odd = simulation(candle_store, TREND + """
    def __init__(self):
        super().__init__()
        self.candles_pipeline = lambda: object()
""")
    with no_pytest(), pytest.raises(StrategyError, match="Define the method in the class"):
        simulate(odd)


def test_what_a_worker_keeps_of_series_is_bounded(candle_store: CandleStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(series, "_known", OrderedDict())
    run = simulation(candle_store, TREND)
    parts = [replace(run.candles[0], last=run.candles[0].last - hours * 60) for hours in range(60)]
    for part in parts:
        (known,) = series.known_series((part,))
        assert series.known_series((part,)) == [known]
        assert known.is_dense
    assert len(series._known) == 50
    known.candles("5m")
    monkeypatch.setattr(series, "_MOST_BYTES", 1)
    assert series.known_series((parts[-1],)) == [known]
    assert len(series._known) == 1
    rows = known.private_rows()
    rows[:] = 0.0
    assert np.array_equal(known.private_rows()[:, 0], np.concatenate([known.warm_up, known.trading])[:, 0])
    monkeypatch.setattr(np, "memmap", _no_memory)
    with pytest.raises(MemoryError):
        known.private_rows()


def _no_memory(*arguments: object, **options: object) -> None:
    raise OSError(errno.ENOMEM, "Cannot allocate memory")


@pytest.fixture
def one_worker() -> Iterator[LocalPool]:
    pool = LocalPool(1)
    yield pool
    pool.stop()


def test_one_run_leaves_nothing_to_the_next(candle_store: CandleStore, one_worker: LocalPool):
    telling = simulation(candle_store, TELLING)

    def answer(run: Simulation, *, plain: bool):
        return one_worker.submit(replace(run, plain=plain), 60, None).result()

    first = answer(telling, plain=True)
    assert first.value.output.split() == ["jesse.modes.backtest_mode", "jesse.services.candle_service"]
    quicker = answer(telling, plain=False)
    assert all(module.startswith("jesse_nb.core.simulator.fast.") for module in quicker.value.output.split())
    failing = simulation(candle_store, FAILING)
    assert list(differences(answer(failing, plain=True), answer(failing, plain=False))) == []
    assert answer(failing, plain=False).message.startswith("ValueError: enough")
    for plain in (True, False, False, True):
        again = answer(telling, plain=plain)
        assert again.value.pack()[:3] == (first if plain else quicker).value.pack()[:3]
    assert first.value.pack()[0] == quicker.value.pack()[0]
    with pytest.raises(WorkerDiedError, match="by signal SIGKILL, in each of 3 attempts"):
        answer(simulation(candle_store, KILLED), plain=False)
    for plain in (False, True):
        again = answer(telling, plain=plain)
        assert again.value.pack()[:3] == (first if plain else quicker).value.pack()[:3]


def test_the_switch_travels_and_is_no_part_of_the_key(candle_store: CandleStore, monkeypatch: pytest.MonkeyPatch):
    usual = simulation(candle_store, TREND)
    monkeypatch.setenv("JESSE_NB_PLAIN_SIMULATOR", "1")
    plain = simulation(candle_store, TREND)
    assert (usual.plain, plain.plain) == (False, True)
    assert usual.spec.key == plain.spec.key
    records = [local_pool().submit(run, 60, None).result().value for run in (usual, plain)]
    assert [record.versions["simulator"] for record in records] == ["fast path", "plain (switched off)"]
    assert records[0].pack()[:3] == records[1].pack()[:3]


HERE = """
import os, sys
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.simulator.fast import path
from jesse_nb.core.simulator.run import simulate
from tests.simulator.fast.test_fast_path import FAILING, TELLING, simulation
for name in [name for name in sys.modules if name.startswith(("pytest", "_pytest"))]:
    del sys.modules[name]  # with it, Jesse takes this for a test of its own
os.chdir({folder!r})
store = CandleStore({store!r})
jesse_module("jesse.research.backtest")

def ran(strategy):
    record = simulate(simulation(store, strategy))
    print("fast" if "core.simulator.fast" in record.output else "plain", record.versions["simulator"], sep=": ")

def state():
    owners = [owner for owner, *_ in path.cheaper_lookups()]
    owners += [jesse_module(name) for name in (*path._PASSED_BY, "jesse.research.backtest", "jesse.indicators")]
    return [dict(vars(owner)) for owner in owners]
"""


def test_jesse_is_left_as_it_was_and_others_keep_their_own_path(candle_store: CandleStore, tmp_path: Path):
    code = HERE.format(folder=str(tmp_path), store=str(candle_store.root)) + """
before = state()
ran(TELLING)
assert state() == before
try:
    simulate(simulation(store, FAILING))
except ValueError:
    assert state() == before
path.jesse_version = lambda: "3.5.4"
ran(TELLING)
path.jesse_version = lambda: "3.5.3"
ran(TELLING)
ran(TELLING + '''
    def candles_pipeline(self):
        return None
''')
ran(TELLING.replace("class Trend", '''
import jesse.services.candle_service as service
_original = service.add_candle
service.add_candle = lambda *arguments, **options: _original(*arguments, **options)

class Trend'''))
"""
    assert run_python(code).splitlines() == [
        "fast: fast path", "plain: plain (proven on Jesse 3.5.3)", "fast: fast path",
        "plain: plain (candle pipeline)", "plain: plain (Jesse's functions were replaced)"]


def test_orders_count_as_unchanged_where_jesse_finds_them_equal():
    jesse = jesse_module("jesse.strategies.Strategy")._np_array_equal
    draw = np.random.default_rng(0)
    numbers = np.array([0.0, -0.0, 1.0, np.nan, np.inf])
    outcomes = []
    for _ in range(2_000):
        first, second = (draw.choice(numbers, (draw.integers(1, 3), 2), p=[0.3, 0.3, 0.3, 0.05, 0.05]) for _ in "ab")
        outcomes.append(modifications._equal(first, second))
        assert outcomes[-1] == jesse(first, second)
        assert modifications._equal(first, first) == jesse(first, first)
    assert 100 < sum(outcomes) < 1_900
    assert not modifications._equal([], np.zeros((0, 2)))  # which is left to Jesse
