"""The walk-forward job, on the real simulator."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.analysis.studies.stitching import stitched
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.times import DAY_MS, to_ms, utc_text
from jesse_nb.core.tools.backtest.backtest import backtest
from jesse_nb.core.tools.walk_forward.walk_forward import walk_forward
from jesse_nb.core.tools.walk_forward.walk_forward_job import daily_closes
from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult
from jesse_nb.exceptions import (
    AllTrialsFailedError,
    CandlesNotFoundError,
    InputError,
    PeriodError,
    SpaceError,
    WarmUpError,
)
from tests.conftest import EXCHANGE, real_candles
from tests.jobs.strategies import CROSSING, SPACE, hostile

PERIOD = ("2023-02-01", "2023-04-12")
DAYS = {"in_sample_period": 30, "out_sample_period": 10, "step_forward": 10}


@pytest.fixture(scope="module")
def walk(candle_store: CandleStore) -> Any:
    def walk_crossing(**changes: Any) -> WalkForwardResult:
        arguments: dict[str, Any] = {**DAYS, "space": SPACE, "n_trials": 4, "seed": 3, "candles": candle_store}
        arguments |= changes
        start, end = arguments.pop("period", PERIOD)
        strategy = arguments.pop("strategy", CROSSING)
        return walk_forward(strategy, arguments.pop("symbol", "BTC-USDT"), "1h", start, end, **arguments)  # type: ignore[return-value]

    return walk_crossing


@pytest.fixture(scope="module")
def truth(walk: Any, tmp_path_factory: pytest.TempPathFactory) -> WalkForwardResult:
    """The walk that several tests look at."""
    return walk(store=tmp_path_factory.mktemp("truth") / "runs.sqlite")  # type: ignore[no-any-return]


def candles_of_the_period() -> np.ndarray:
    candles = real_candles("BTC-USDT")
    return candles[candles[:, 0] < to_ms(PERIOD[1])].copy()


def summary(result: WalkForwardResult) -> list[Any]:
    return [
        (entry.window, entry.params, [(trial.params, trial.values) for trial in entry.trials], entry.test_values,
         repr(entry.test and entry.test.metrics), entry.test is not None and entry.test.equity.tolist())
        for entry in result.windows
    ]


def test_every_window_trains_before_it_is_tested(
    truth: WalkForwardResult, candle_store: CandleStore, tmp_path: Path
) -> None:
    result = truth
    assert len(result.windows) == result.planned == 4
    for entry in result.windows:
        window = entry.window
        assert len(entry.trials) == 4
        best = max((trial for trial in entry.trials if trial.scored),
                   key=lambda trial: (trial.metrics["total"] >= 10, trial.value))
        assert entry.params == best.params
        for period, found in (((window.train_start, window.train_end), entry.train),
                              ((window.test_start, window.test_end), entry.test)):
            alone = backtest(CROSSING, "BTC-USDT", "1h", *period, hyperparameters=entry.params, candles=candle_store,
                             store=tmp_path / "other.sqlite")
            assert repr(alone.metrics) == repr(found.metrics)
            assert alone.equity.equals(found.equity)
        default = backtest(CROSSING, "BTC-USDT", "1h", window.test_start, window.test_end, candles=candle_store,
                           store=tmp_path / "other.sqlite")
        assert repr(default.metrics) == repr(entry.baseline.metrics)
        assert entry.test_values[best.number] == entry.test.metrics["sharpe_ratio"]
        assert set(entry.test_values) == {trial.number for trial in entry.trials if trial.scored}


def test_the_stitched_curve_is_the_out_of_sample_runs_day_by_day(truth: WalkForwardResult) -> None:
    result = truth
    curve = stitched(result)
    expected = []
    for entry in result.windows:
        values = entry.test.equity.to_numpy()
        expected += list(values[1:] / values[:-1] - 1)
    assert np.array_equal(curve.returns.to_numpy(), np.array(expected))
    days = [to_ms(day) for day in curve.returns.index]
    assert days == list(range(result.windows[0].window.test_start, result.windows[-1].window.test_end, DAY_MS))


def test_overlapping_windows_count_no_day_twice_and_the_newest_model_wins(walk: Any) -> None:
    result = walk(out_sample_period=12, step_forward=5, period=("2023-02-01", "2023-03-26"), n_trials=2)
    assert len(result.windows) >= 3
    curve = stitched(result)
    assert not curve.returns.index.has_duplicates
    by_day: dict[int, float] = {}
    for entry in result.windows:  # a later window overwrites an earlier one's days
        values = entry.test.equity.to_numpy()
        for day, change in enumerate(values[1:] / values[:-1] - 1):
            by_day[entry.window.test_start + day * DAY_MS] = change
    days = [to_ms(day) for day in curve.returns.index]
    assert days == sorted(by_day)
    expected = np.array([by_day[day] for day in days])
    seams = [days.index(entry.window.test_start) - 1 for entry in result.windows[1:]]  # see test_seams.py
    assert np.array_equal(np.delete(curve.returns.to_numpy(), seams), np.delete(expected, seams))
    simulated = sum(len(entry.test.equity) - 1 for entry in result.windows)
    assert curve.overlapping == simulated - len(by_day) > 0


def test_poisoned_future_candles_change_nothing(walk: Any, truth: WalkForwardResult, tmp_path: Path) -> None:
    """Past each window's test lies garbage in one run and the truth in the other; the window cannot tell."""
    first = truth.windows[0]
    candles = candles_of_the_period()
    future = candles[:, 0] >= first.window.test_end
    candles[future, 1:5] *= 7.0
    candles[future, 5] *= 0.1
    poisoned = CandleStore(tmp_path / "poisoned")
    poisoned.write(EXCHANGE, "BTC-USDT", candles)
    found = walk(candles=poisoned, store=tmp_path / "poisoned.sqlite")
    assert summary(found)[0] == summary(truth)[0]
    assert summary(found)[1] != summary(truth)[1]


def test_poisoned_test_candles_do_not_change_what_is_chosen(
    walk: Any, truth: WalkForwardResult, tmp_path: Path
) -> None:
    last = truth.windows[-1]
    candles = candles_of_the_period()
    candles[candles[:, 0] >= last.window.test_start, 1:5] *= 7.0
    poisoned = CandleStore(tmp_path / "poisoned")
    poisoned.write(EXCHANGE, "BTC-USDT", candles)
    found = walk(candles=poisoned, store=tmp_path / "poisoned.sqlite")
    assert [entry.params for entry in found.windows] == [entry.params for entry in truth.windows]
    assert summary(found)[-1][2] == summary(truth)[-1][2]


def test_the_number_of_workers_changes_nothing(walk: Any, tmp_path: Path) -> None:
    results = [walk(n_jobs=jobs, n_trials=12, period=("2023-02-01", "2023-03-20"), store=tmp_path / f"{jobs}.sqlite")
               for jobs in (1, 3)]
    assert summary(results[0]) == summary(results[1])


def test_fixed_parameters_are_only_run(walk: Any) -> None:
    result = walk(space=None, hyperparameters={"fast": 5, "slow": 30})
    assert {tuple(entry.params.items()) for entry in result.windows} == {(("fast", 5), ("slow", 30))}
    assert all(entry.trials == () and entry.train is not None and entry.test is not None for entry in result.windows)
    assert result.space is None
    own = walk(space=None, hyperparameters={})
    assert all(repr(entry.test.metrics) == repr(entry.baseline.metrics) for entry in own.windows)


def test_a_gap_and_anchored_windows(walk: Any) -> None:
    result = walk(gap=3, anchored=True, n_trials=2)
    assert {entry.window.train_start for entry in result.windows} == {to_ms("2023-02-01")}
    assert all(entry.window.test_start - entry.window.train_end == 3 * DAY_MS for entry in result.windows)


def test_hostile_parameters_fail_alone(walk: Any) -> None:
    result = walk(strategy=hostile("raise ValueError('boom')"), space={"bad": (0, 5)}, sampler="grid", n_trials=6,
                  metric="profit")
    for entry in result.windows:
        assert [trial.params for trial in entry.trials if trial.state == "failed"] == [{"bad": 3}]
        assert entry.test is not None


def test_when_no_window_can_be_tested_the_reason_is_said(walk: Any) -> None:
    broken = CROSSING.replace('return ta.sma(self.candles, self.hp["fast"]) >', "raise ValueError('boom')\n        1 >")
    with pytest.raises(AllTrialsFailedError, match="boom"):
        walk(strategy=broken)


def test_cancelled_it_keeps_the_finished_windows(walk: Any) -> None:
    job = walk(n_trials=20, background=True)
    while not job.progress.best_label:
        job.wait(0.05)
    planned = job.progress.total
    job.cancel()
    assert job.wait(3)
    assert job.progress.done < job.progress.total == planned
    partial = job.partial_result()
    assert partial.stopped == "interrupted"
    assert 1 <= len(partial.windows) <= partial.planned
    assert all(entry.test is not None for entry in partial.windows)


@pytest.mark.parametrize("split", ["windows", "cpcv"])
def test_who_looked_at_the_same_days_before_is_counted_and_said(
    walk: Any, split: str, tmp_path: Path, candle_store: CandleStore
) -> None:
    kept = RunStore(tmp_path / "runs.sqlite")

    def again(**changes: Any) -> Any:
        return walk(split=split, groups=4, store=kept, **changes)

    first = again()
    assert first.prior_runs == 0
    assert not [line for line in first.verdict.evidence if "had looked" in line]
    spans = [to_ms(entry, "day") for entry in ("2023-03-03", "2023-04-12")] if split == "windows" else [
        first.spec.start, first.spec.end]
    overlapping = kept.ledger(["BTC-USDT"], *spans)["runs"].sum()
    assert overlapping >= 20
    backtest(CROSSING, "BTC-USDT", "1h", "2023-02-01", "2023-02-02", candles=candle_store, store=kept,
             hyperparameters={"fast": 4})
    before_all = split == "cpcv"  # that day is in-sample only for the windows
    other = again(seed=4)
    shared = {trial.key for entry in first.windows for trial in entry.trials} & {
        trial.key for entry in other.windows for trial in entry.trials} if split == "windows" else set()
    assert not shared
    baselines = 4
    assert other.prior_runs == overlapping + before_all - baselines
    line = f"{other.prior_runs} other backtests of this project had looked at some of these days before"
    assert any(line in said for said in other.verdict.evidence)
    assert again().prior_runs == 0  # as when it was made
    assert again(seed=4).prior_runs == other.prior_runs


SCRIPT = """
import json, sys
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.tools.walk_forward.walk_forward import walk_forward
put = RunStore.put
def noted(self, spec, record, **kind):
    put(self, spec, record, **kind)
    print("simulated", spec.key, flush=True)
RunStore.put = noted
result = walk_forward({source!r}, "BTC-USDT", "1h", *{period!r}, **{days!r}, space={space!r}, n_trials=8, seed=9,
                      candles=CandleStore({candles!r}), store={store!r})
print("result", json.dumps([[entry.params, entry.test.equity.tolist(), repr(entry.test.metrics)]
                            for entry in result.windows]), flush=True)
"""


def test_killed_twice_it_ends_with_the_same_result_and_repeats_nothing(walk: Any, candle_store: CandleStore,
                                                                      tmp_path: Path) -> None:
    def start(store: str) -> subprocess.Popen[str]:
        script = textwrap.dedent(SCRIPT).format(source=CROSSING, space=SPACE, candles=str(candle_store.root),
                                                store=str(tmp_path / store), period=PERIOD, days=DAYS)
        return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)

    def keys(lines: Any) -> list[str]:
        return [line.split()[1] for line in lines if line.startswith("simulated ") and len(line.split()) == 2]

    simulated: list[str] = []
    for kill_after in (12, 15):
        process = start("killed.sqlite")
        assert process.stdout is not None
        simulated += keys([process.stdout.readline() for _ in range(kill_after)])
        process.send_signal(signal.SIGKILL)
        simulated += keys(process.stdout)
        process.wait(10)
    finished = start("killed.sqlite").communicate(timeout=120)[0].splitlines()
    simulated += keys(finished)
    whole = walk(n_trials=8, seed=9, store=tmp_path / "whole.sqlite")
    assert len(simulated) == len(set(simulated)), "a finished simulation was run again"
    assert finished[-1].startswith("result")
    assert json.loads(finished[-1][7:]) == [[entry.params, entry.test.equity.tolist(), repr(entry.test.metrics)]
                                            for entry in whole.windows]


def test_closing_prices_are_the_days_last(candle_store: CandleStore) -> None:
    start, end = to_ms("2023-03-20"), to_ms("2023-03-30")
    closes = daily_closes(candle_store, EXCHANGE, "BTC-USDT", start, end)
    frame = pd.DataFrame(candle_store.read(EXCHANGE, "BTC-USDT", start, end)[:, [0, 2]], columns=["time", "close"])
    frame.index = pd.to_datetime(frame["time"], unit="ms", utc=True)
    expected = frame["close"].resample("1D").last()
    assert closes.index.equals(expected.index)
    assert np.array_equal(closes.to_numpy(), expected.to_numpy())


BAD: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "windows longer than the data": ({"in_sample_period": 90}, PeriodError, "do not fit"),
    "zero days": ({"out_sample_period": 0}, InputError, "out_sample_period is 0"),
    "negative days": ({"in_sample_period": -3}, InputError, "in_sample_period is -3"),
    "step 0": ({"step_forward": 0}, InputError, "step_forward is 0"),
    "too early for the warm-up": ({"period": ("2023-01-01", "2023-03-20")}, WarmUpError, "Start at"),
    "not stored to the end": ({"period": ("2024-05-15", "2024-07-20")}, CandlesNotFoundError, "is stored from"),
    "unknown split": ({"split": "cpvc"}, InputError, "Did you mean 'cpcv'"),
    "nothing to vary": ({"space": None, "strategy": CROSSING.replace("def hyperparameters", "def other")}, SpaceError,
                        "nothing to optimize"),
    "zero trials": ({"n_trials": 0}, InputError, "n_trials is 0"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_line(walk: Any, name: str) -> None:
    changes, error, words = BAD[name]
    with pytest.raises(error) as caught:
        walk(**changes)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_symbol_missing_for_part_of_the_period_is_said_with_its_span(walk: Any, tmp_path: Path) -> None:
    short = CandleStore(tmp_path / "short")
    candles = real_candles("BTC-USDT")
    short.write(EXCHANGE, "BTC-USDT", candles[candles[:, 0] < to_ms("2023-03-20")])
    with pytest.raises(CandlesNotFoundError, match=f"to {utc_text(to_ms('2023-03-20'))}"):
        walk(candles=short)


def test_all_windows_share_the_store(walk: Any) -> None:
    walk()
    before = RunStore().count()
    began = time.monotonic()
    walk()
    assert RunStore().count() == before
    assert time.monotonic() - began < 60


def test_cross_validation_runs_every_candidate_on_every_group(candle_store: CandleStore, tmp_path: Path) -> None:
    result = walk_forward(CROSSING, "BTC-USDT", "1h", *PERIOD, split="cpcv", groups=4, test_groups=2, gap=1, n_trials=5,
                          space=SPACE, candles=candle_store, metric="profit")
    assert len(result.splits) == 6
    assert len(result.paths) == 3
    assert result.values.shape == (len(result.candidates), 4)
    for candidate, params in enumerate(result.candidates):
        for group in result.groups:
            alone = backtest(CROSSING, "BTC-USDT", "1h", group.start, group.end, hyperparameters=params,
                             candles=candle_store, store=tmp_path / "other.sqlite")
            assert alone.metrics["net_profit_percentage"] == result.values.loc[candidate, group.number]
    for path in result.paths:
        parts = []
        for group, split in zip(result.groups, path.splits, strict=True):
            chosen = result.candidates[result.splits[split].chosen]
            alone = backtest(CROSSING, "BTC-USDT", "1h", group.start, group.end, hyperparameters=chosen,
                             candles=candle_store, store=tmp_path / "other.sqlite")
            parts += alone.daily_returns.tolist()
        assert path.returns.tolist() == parts


@pytest.mark.parametrize("settings", [{"groups": 1}, {"groups": 4, "test_groups": 4}, {"groups": 400}, {"gap": -1}])
def test_bad_groups_are_said(candle_store: CandleStore, settings: dict[str, Any]) -> None:
    with pytest.raises((InputError, PeriodError)) as caught:
        walk_forward(CROSSING, "BTC-USDT", "1h", *PERIOD, split="cpcv", space=SPACE, candles=candle_store, **settings)
    assert "\n" not in str(caught.value)
