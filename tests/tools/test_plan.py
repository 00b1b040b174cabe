"""A tool first makes a plan: all is checked, nothing is started."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import Any

import pytest

import jesse_nb as jn
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.job import Job, JobControl, jobs
from jesse_nb.core.jobs.job_list import JobList
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.tools.plan import Plan, planned
from jesse_nb.exceptions import JesseNbError
from tests.jobs.strategies import CROSSING

ONE = (CROSSING, "BTC-USDT", "1h", "2023-03-01", "2023-03-15")
SHORT = {"in_sample_period": 4, "out_sample_period": 2, "step_forward": 2}


@pytest.fixture
def started() -> Callable[[], JobList]:
    before = {job.id for job in jobs()}
    return lambda: JobList(job for job in jobs() if job.id not in before)


@pytest.mark.parametrize(("tool", "arguments", "title"), [
    (jn.backtest, {}, "Crossing BTC-USDT 1h"),
    (jn.optimize, {"space": {"fast": (2, 20)}, "test_ratio": 0}, "Crossing BTC-USDT 1h"),
    (jn.walk_forward, {"space": {"fast": (2, 20)}, **SHORT}, "Crossing BTC-USDT 1h"),
    (jn.walk_forward, {"space": {"fast": (2, 20)}, "split": "cpcv"}, "Crossing BTC-USDT 1h"),
])
def test_a_plan_says_what_would_run_and_starts_nothing(
    tool: Any, arguments: dict[str, Any], title: str, candle_store: CandleStore, started: Callable[[], JobList]
) -> None:
    threads = threading.active_count()
    plan = tool.plan(*ONE, candles=candle_store, **arguments)
    assert isinstance(plan, Plan)
    assert plan.title == title
    assert [ref.name for ref in plan.strategies] == ["Crossing"]
    assert not plan.background
    assert not started()
    assert threading.active_count() == threads


def test_a_plan_tells_what_a_front_end_wants_to_know(candle_store: CandleStore) -> None:
    run = jn.backtest.plan(*ONE, candles=candle_store)
    assert isinstance(run.details, BacktestSpec)
    batch = jn.backtest_batch.plan(CROSSING, ["BTC-USDT", "ETH-USDT"], ["1h", "4h"], ONE[3:],
                                   params={"fast": [5, 10, 20]}, candles=candle_store)
    assert batch.details.count == 12
    walk = jn.walk_forward.plan(*ONE, space={"fast": (2, 20)}, candles=candle_store, **SHORT)
    assert [window.number for window in walk.details.windows] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("tool", "wrong"), [
    (jn.backtest, {"leverage": 0}),
    (jn.optimize, {"n_trials": 0}),
    (jn.optimize, {"space": {"fast": (20, 2)}}),
    (jn.walk_forward, {"split": "neither"}),
    (jn.walk_forward, {"in_sample_period": 400}),
    (jn.backtest_batch, {"metric": "shape"}),
    (jn.analyze_results, {"analysis_type": "deepest"}),
    (jn.fee_stress, {"result": None}),
    (jn.candle_monte_carlo, {"result": None}),
])
def test_what_is_wrong_is_raised_by_the_plan(
    tool: Any, wrong: dict[str, Any], candle_store: CandleStore, started: Callable[[], JobList]
) -> None:
    several = (CROSSING, "BTC-USDT", "1h", ONE[3:])
    given = several if tool is jn.backtest_batch else () if "result" in wrong or "analysis_type" in wrong else ONE
    with pytest.raises(JesseNbError):
        tool.plan(*given, **({"candles": candle_store} | wrong))
    assert not started()


def test_a_plan_that_is_started_is_the_job(candle_store: CandleStore, started: Callable[[], JobList]) -> None:
    job = jn.backtest.plan(*ONE, candles=candle_store).start()
    assert [one.id for one in started()] == [job.id]
    assert job.result(60).key == jn.backtest(*ONE, candles=candle_store).key


def test_a_tool_keeps_its_signature_and_waits_only_when_it_should() -> None:
    @planned
    def count(to: int, *, background: bool = False) -> Plan[int]:
        """Count."""
        return Plan("count", f"to {to}", lambda control: to, background=background)

    assert list(inspect.signature(count).parameters) == ["to", "background"]
    assert count.__doc__ == "Count."
    assert count(3) == 3
    later = count(4, background=True)
    assert isinstance(later, Job)
    assert later.result(5) == 4


def test_what_joins_is_a_part_of_the_job_around_it(started: Callable[[], JobList]) -> None:
    @planned
    def part(*, joins: bool) -> Plan[JobControl]:
        return Plan("part", "of it", lambda control: control, joins=joins)

    def work(control: JobControl) -> list[JobControl | Job[JobControl]]:
        return [part(joins=True), part(joins=False)]

    inner, own = Job("whole", "all of it", work).start().result(5)
    assert [job.kind for job in started()] == ["whole", "part"]
    assert isinstance(inner, JobControl)
    assert inner._job is started()[0]
    assert own._job is started()[1]  # type: ignore[union-attr]
