"""When a run is stopped: the rule on made curves, and the worker against the whole run's own samples."""

from __future__ import annotations

import math
from dataclasses import replace

import empyrical
import numpy as np
import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.worker import run
from jesse_nb.core.simulator.daily_samples import ProgressFile
from jesse_nb.core.simulator.early_stop import StoppedRun, StopRule, judge_samples
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.run import simulate
from jesse_nb.core.simulator.simulation import Simulation
from jesse_nb.core.times import DAY_MS
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.request import Request
from tests.strategies import IDLE, TREND

NEVER = -math.inf


def judge(values: list[float], rule: StopRule, first_trade: int = 0):
    times = np.arange(len(values), dtype=np.int64) * DAY_MS
    return judge_samples(rule, times, np.array(values, dtype=float), first_trade, 1.0)


def rule(measure="return", floors=(NEVER,), deepest=None, moments=None) -> StopRule:
    return StopRule(measure, moments or tuple((day + 1) * 10 * DAY_MS for day in range(len(floors))), floors, deepest)


def walk(days: int = 60, seed: int = 0) -> list[float]:
    return list(1000 * np.cumprod(1 + np.random.default_rng(seed).normal(0.001, 0.02, days)))


def test_a_reading_of_the_return_is_the_change_since_the_start() -> None:
    values = walk()
    _, readings = judge(values, rule(floors=(NEVER, NEVER)))
    assert readings == (values[10] / values[0] - 1, values[20] / values[0] - 1)


@pytest.mark.parametrize("seed", range(5))
def test_a_reading_of_the_sharpe_ratio_is_empyricals_per_day(seed: int) -> None:
    values = np.array(walk(seed=seed))
    _, readings = judge(list(values), rule("sharpe", (NEVER, NEVER, NEVER)))
    for day, reading in zip((10, 20, 30), readings, strict=True):
        expected = empyrical.sharpe_ratio(np.diff(values[: day + 1]) / values[:day], annualization=1)
        assert reading == pytest.approx(expected, rel=1e-12)


def test_it_is_stopped_at_the_first_checkpoint_where_the_best_so_far_is_below_the_floor() -> None:
    values = [1000.0] * 10 + [1100.0] * 10 + [1050.0] * 20
    assert judge(values, rule(floors=(0.05, 0.08)))[0] is None  # it once read 10 %, as Optuna's pruner has it
    stopped, readings = judge(values, rule(floors=(0.05, 0.11)))
    assert stopped is not None
    assert (stopped.moment, stopped.readings) == (20 * DAY_MS, readings)
    assert len(stopped.values) == len(stopped.times) == 21
    assert stopped.reason == "the profit was too low"


def test_nothing_is_judged_before_the_first_trade_has_closed() -> None:
    falling = list(np.linspace(1000, 5, 40))
    assert judge(falling, rule(floors=(0.1, 0.1), deepest=0.2), first_trade=99 * DAY_MS)[0] is None
    stopped, readings = judge(falling, rule(floors=(0.1, 0.1)), first_trade=15 * DAY_MS)
    assert stopped is not None
    assert stopped.moment == 20 * DAY_MS
    assert math.isnan(readings[0])


def test_a_ruined_account_is_stopped_at_once() -> None:
    stopped, _ = judge([1000.0, 900.0, 10.0, 11.0], rule())
    assert stopped is not None
    assert (stopped.moment, stopped.reason) == (2 * DAY_MS, "the account was ruined")
    assert judge([1000.0, 900.0, 10.1, 11.0], rule())[0] is None


def test_a_drawdown_too_deep_is_stopped_at_once_and_one_just_allowed_is_not() -> None:
    values = [1000.0, 1200.0, 900.0, 890.0]
    assert judge(values[:3], rule(deepest=0.25))[0] is None  # exactly a quarter of 1200
    stopped, _ = judge(values, rule(deepest=0.25))
    assert stopped is not None
    assert (stopped.moment, stopped.reason) == (3 * DAY_MS, "the drawdown exceeded 25 %")


def test_a_loss_from_the_starting_balance_counts() -> None:
    stopped, _ = judge([1000.0, 700.0, 690.0], rule(deepest=0.25))
    assert stopped is not None
    assert stopped.reason == "the drawdown exceeded 25 %"
    assert stopped.drawdown == pytest.approx(0.3)  # at the first sample that shows it
    assert judge([1000.0, 700.0, 690.0], rule(deepest=0.32))[0] is None


def test_checkpoints_that_one_sample_passes_are_all_read() -> None:
    times = np.array([0, 30 * DAY_MS], dtype=np.int64)
    _, readings = judge_samples(rule(floors=(NEVER, NEVER)), times, np.array([100.0, 110.0]), 0, 1.0)
    assert readings == (pytest.approx(0.1), pytest.approx(0.1))


@pytest.mark.parametrize("values", [[1000.0] * 40, [1000.0, *([0.0] * 39)], [1000.0, -50.0, *([-20.0] * 38)]])
def test_an_undefined_sharpe_ratio_stops_nothing(values: list[float]) -> None:
    stopped, readings = judge(values, rule("sharpe", (5.0, 5.0)))
    assert stopped is None or stopped.reason == "the account was ruined"
    assert all(math.isnan(reading) for reading in readings)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_packed_comes_back_and_another_rule_judges_it_alike(seed: int) -> None:
    values = walk(seed=seed)
    stopped, _ = judge(values, rule(floors=(NEVER, NEVER, 9.0)))
    assert stopped is not None
    again = StoppedRun.unpack(*stopped.pack())
    assert (again.reason, again.moment, again.readings, again.first_trade) == \
        (stopped.reason, stopped.moment, stopped.readings, stopped.first_trade)
    assert np.array_equal(again.values, stopped.values)
    stricter, looser = rule(floors=(NEVER, 9.0, 9.0)), rule(floors=(NEVER, NEVER, NEVER, 9.0))
    assert again.again(stricter).moment == judge(values, stricter)[0].moment  # type: ignore[union-attr]
    assert again.again(looser) is None  # nobody knows how it would have gone on


@pytest.fixture(scope="module")
def prepared(candle_store: CandleStore) -> Simulation:
    request = Request(strategy=TREND, symbol="BTC-USDT", timeframe="1h", candles=candle_store)
    made = prepare(request, "2023-05-01", "2023-06-20")
    return made.simulation(made.spec)


@pytest.mark.usefixtures("as_worker")
class TestInTheWorker:
    @pytest.mark.parametrize("mode", ["fast", "step"])
    @pytest.mark.parametrize("measure", ["return", "sharpe"])
    def test_it_stops_exactly_where_the_whole_runs_samples_say(self, prepared, mode, measure) -> None:
        whole = simulate(replace(prepared, spec=replace(prepared.spec, mode=mode)))
        assert isinstance(whole, RunRecord)
        end, start = prepared.spec.end, prepared.spec.start
        moments = tuple(range(start + 5 * DAY_MS, end, 5 * DAY_MS))
        base = StopRule(measure, moments, (NEVER,) * len(moments))
        stopped, readings = whole.judge(base, end)
        assert stopped is None
        known = sorted(value for value in readings if not math.isnan(value))
        assert len(known) > 5
        for floor, deepest in [(known[0], None), (known[len(known) // 2], None), (known[-1] + 1, None), (NEVER, 0.03)]:
            strict = replace(base, floors=(floor,) * len(moments), deepest=deepest)
            expected, _ = whole.judge(strict, end)
            answer = simulate(replace(prepared, spec=replace(prepared.spec, mode=mode), stop=strict))
            if expected is None:
                assert isinstance(answer, RunRecord)
                assert answer.metrics == whole.metrics
                assert np.array_equal(answer.equity_values, whole.equity_values)
            else:
                assert isinstance(answer, StoppedRun)
                assert (answer.moment, answer.reason, answer.readings) == \
                    (expected.moment, expected.reason, expected.readings)
                assert np.array_equal(answer.values, expected.values)
                assert np.array_equal(answer.times, expected.times)

    def test_a_run_after_a_stopped_one_is_as_if_there_had_been_none(self, prepared) -> None:
        before = simulate(prepared)
        strict = StopRule("return", (prepared.spec.start + 20 * DAY_MS,), (9.0,))
        assert isinstance(simulate(replace(prepared, stop=strict)), StoppedRun)
        after = simulate(prepared)
        assert isinstance(before, RunRecord)
        assert isinstance(after, RunRecord)
        assert (after.metrics, after.trades) == (before.metrics, before.trades)
        assert np.array_equal(after.equity_values, before.equity_values)

    def test_an_answer_of_the_worker_is_the_stopped_run(self, prepared) -> None:
        strict = StopRule("return", (prepared.spec.start + 20 * DAY_MS,), (9.0,))
        assert isinstance(run(replace(prepared, stop=strict)).value, StoppedRun)

    def test_a_run_without_trades_is_never_stopped(self, candle_store: CandleStore) -> None:
        request = Request(strategy=IDLE, symbol="BTC-USDT", timeframe="1h", candles=candle_store)
        made = prepare(request, "2023-05-01", "2023-05-20")
        strict = StopRule("return", (made.spec.start + 5 * DAY_MS,), (9.0,), 0.01)
        answer = simulate(replace(made.simulation(made.spec), stop=strict))
        assert isinstance(answer, RunRecord)
        assert answer.judge(strict, made.spec.end)[0] is None

    def test_it_tells_how_far_it_is(self, prepared) -> None:
        progress = ProgressFile()
        strict = StopRule("return", (prepared.spec.start + 20 * DAY_MS,), (9.0,))
        simulate(replace(prepared, stop=strict, progress=progress.path))
        assert progress.read() == pytest.approx(20 / 50, abs=0.03)
        simulate(replace(prepared, progress=progress.path))
        assert progress.read() == pytest.approx(1.0)
        progress.close()
