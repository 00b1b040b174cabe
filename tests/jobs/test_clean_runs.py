"""A run depends on its spec alone: not on what its worker did before, nor on chance."""

from __future__ import annotations

import math
import pickle
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import psutil
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.preprocessing import StandardScaler

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.failures import MOST_LOSSES
from jesse_nb.core.jobs.pool import LocalPool
from jesse_nb.core.jobs.worker import Answer
from jesse_nb.core.simulator.dependencies import NOTHING
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.tools.backtest.backtest import backtest
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.request import Request
from jesse_nb.exceptions import WorkerDiedError
from jesse_nb.report.html import fragment
from jesse_nb.report.results import text
from tests.jobs.planted_state import CLEAN, MARKED, PATCHES, planted
from tests.jobs.strategies import CROSSING, hostile

PERIOD = ("2023-03-01", "2023-03-21")


@pytest.fixture(scope="module")
def used_worker() -> Iterator[LocalPool]:
    pool = LocalPool(1)
    pool.ready(60)
    yield pool
    pool.stop()


@pytest.fixture(scope="module")
def other_worker() -> Iterator[LocalPool]:
    pool = LocalPool(1)
    pool.ready(60)
    yield pool
    pool.stop()


def run(pool: LocalPool, source: str, store: CandleStore, **params: Any) -> Answer:
    prepared = prepare(Request(strategy=source, symbol="BTC-USDT", timeframe="1h", candles=store), *PERIOD)
    return pool.submit(prepared.simulation(prepared.spec.with_hyperparameters(params)), 60, None).result(120)


def record_of(answer: Answer) -> RunRecord:
    assert not answer.failure, (answer.message, answer.details)
    assert isinstance(answer.value, RunRecord)
    return answer.value


def numbers(record: RunRecord) -> tuple[Any, ...]:
    metrics = {name: None if isinstance(value, float) and math.isnan(value) else value
               for name, value in record.metrics.items()}
    return metrics, record.trades, record.equity_values.tolist()


@pytest.mark.parametrize("kind", CLEAN)
def test_a_run_is_the_same_in_a_used_worker_and_in_another(
    kind: str, used_worker: LocalPool, other_worker: LocalPool, candle_store: CandleStore
) -> None:
    first, second = (record_of(run(used_worker, CLEAN[kind], candle_store)) for _ in range(2))
    other = record_of(run(other_worker, CLEAN[kind], candle_store))
    assert first.metrics["total"] > 0
    assert numbers(first) == numbers(second) == numbers(other)
    asked = {"the working folder", "a signal handler"}  # which answer with nothing of this machine
    assert not first.depends or kind in asked, first.depends


@pytest.mark.parametrize("kind", MARKED)
def test_what_cannot_be_repeated_is_marked(kind: str, used_worker: LocalPool, candle_store: CandleStore) -> None:
    source, mark = MARKED[kind]
    record = record_of(run(used_worker, source, candle_store))
    assert mark in record.depends.impure
    assert f"Not reproducible: the strategy {mark}." in pickle.loads(pickle.dumps(record)).depends.notes()


@pytest.mark.parametrize("mode", ["fast", "step"])
@pytest.mark.parametrize("plain", [False, True])
def test_what_jesse_does_of_itself_marks_no_run(
    mode: Any, plain: bool, used_worker: LocalPool, candle_store: CandleStore
) -> None:
    prepared = Request(strategy=CROSSING, symbol="BTC-USDT", timeframe="1h", candles=candle_store, mode=mode)
    ready = prepare(prepared, *PERIOD)
    simulation = replace(ready.simulation(ready.spec), plain=plain)
    assert record_of(used_worker.submit(simulation, 60, None).result(120)).depends == NOTHING


def test_a_run_that_read_a_file_is_an_answer_while_the_file_stays(candle_store: CandleStore, tmp_path: Path) -> None:
    model, store = tmp_path / "model.txt", tmp_path / "runs.sqlite"
    source = planted(f"return float(open({str(model)!r}).read())")

    def trades(**more: Any) -> int:
        result = backtest(source, "BTC-USDT", "1h", *PERIOD, candles=candle_store, store=store, **more)
        assert [str(model) in note for note in result.card.notes] == [True]
        assert str(model) in "".join(text(result).split())
        assert str(model) in fragment(result)
        return int(result.metrics["total"])

    model.write_text("0.1")
    kept = trades()
    assert trades() == kept > 0
    model.write_text("0.9")
    assert trades() == 0
    model.write_text("0.1")
    assert trades() == kept


def test_a_model_that_jesse_loads_beside_the_strategy_is_part_of_the_answer(
    candle_store: CandleStore, tmp_path: Path
) -> None:
    """Trained anew, the file of before is no answer any more."""
    folder = tmp_path / "strategies" / "Learner"
    folder.mkdir(parents=True)
    (tmp_path / "storage").mkdir()
    (folder / "__init__.py").write_text("""
from jesse.strategies import Strategy

class Learner(Strategy):
    def should_long(self):
        return self.index % 12 == 0 and self.ml_predict() > 0

    def ml_features(self):
        return {"hour": self.index % 24}

    def go_long(self):
        self.buy = self.balance * 0.5 / self.price, self.price

    def update_position(self):
        if self.index % 12 == 5:
            self.liquidate()
""")

    def trained(value: float) -> None:
        joblib.dump(DummyRegressor(strategy="constant", constant=value).fit([[0.0]], [value]), folder / "model.pkl")
        joblib.dump(StandardScaler().fit([[0.0], [1.0]]), folder / "scaler.pkl")

    def trades() -> int:
        result = backtest("Learner", "BTC-USDT", "1h", *PERIOD, project=tmp_path, candles=candle_store,
                          store=tmp_path / "runs.sqlite")
        assert any("model.pkl" in note for note in result.card.notes)
        return int(result.metrics["total"])

    trained(1.0)
    kept = trades()
    assert trades() == kept > 10
    trained(-1.0)
    assert trades() == 0


@pytest.mark.parametrize("kind", PATCHES)
def test_what_one_strategy_changes_no_other_meets(
    kind: str, used_worker: LocalPool, candle_store: CandleStore
) -> None:
    before = record_of(run(used_worker, CROSSING, candle_store))
    run(used_worker, planted(f"{PATCHES[kind]}\nreturn 0.1"), candle_store)
    assert numbers(record_of(run(used_worker, CROSSING, candle_store))) == numbers(before)


def test_chance_differs_between_parameters(used_worker: LocalPool, candle_store: CandleStore) -> None:
    draws = planted("return np.random.rand()")
    one, other = (record_of(run(used_worker, draws, candle_store, seed=seed)) for seed in (1, 2))
    assert numbers(one) != numbers(other)


@pytest.fixture
def worker_goes_on(used_worker: LocalPool, candle_store: CandleStore) -> Iterator[None]:
    asks = planted("print(os.getppid())\nreturn 0.1")
    worker = record_of(run(used_worker, asks, candle_store)).output.split()[0]
    yield
    assert record_of(run(used_worker, asks, candle_store)).output.split()[0] == worker


@pytest.mark.usefixtures("worker_goes_on")
@pytest.mark.parametrize("code", [7, 0])
def test_a_process_that_ends_itself_is_told_and_its_worker_goes_on(
    code: int, used_worker: LocalPool, candle_store: CandleStore
) -> None:
    answer = run(used_worker, hostile(f"os._exit({code})"), candle_store, bad=3)
    assert (answer.failure, answer.exit_code, answer.message) == ("died", code, f"with exit code {code}")


@pytest.mark.usefixtures("worker_goes_on")
@pytest.mark.parametrize(("act", "number"), [
    ("os.kill(os.getpid(), 9)", "SIGKILL"), ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
])
def test_a_process_that_a_signal_ends_is_tried_again_and_its_worker_goes_on(
    act: str, number: str, used_worker: LocalPool, candle_store: CandleStore
) -> None:
    with pytest.raises(WorkerDiedError, match=f"by signal {number}, in each of {MOST_LOSSES} attempts"):
        run(used_worker, hostile(act), candle_store, bad=3)


def test_a_notebooks_strategy_may_cache_its_methods_and_helpers(candle_store: CandleStore) -> None:
    cell: dict[str, Any] = {"__name__": "__main__"}
    source = planted("return helped(self.index) + self.drawn(self.index)",
                     "@functools.cache\ndef helped(index):\n    return mixed(index) / 2")
    exec(f"{source}    @functools.lru_cache(maxsize=8)\n    def drawn(self, index):\n"
         "        return mixed(index + 1) / 2\n", cell)
    assert backtest(cell["Planted"], "BTC-USDT", "1h", *PERIOD, candles=candle_store).metrics["total"] > 0


STARTS = {
    "a fork": "if (child := os.fork()) == 0:\n    time.sleep(600)",
    "a program": "import subprocess\nchild = subprocess.Popen(['sleep', '600']).pid",
}


@pytest.mark.parametrize("started", STARTS)
@pytest.mark.parametrize("goes_on", [False, True])
def test_processes_that_a_strategy_starts_end_with_it(
    started: str, goes_on: bool, used_worker: LocalPool, candle_store: CandleStore, tmp_path: Path
) -> None:
    told = tmp_path / "child"
    source = planted(f"{STARTS[started]}\nopen({str(told)!r}, 'w').write(f'{{os.getpid()}} {{child}}')\n"
                     + ("time.sleep(600)" if goes_on else "raise ValueError"))
    prepared = prepare(Request(strategy=source, symbol="BTC-USDT", timeframe="1h", candles=candle_store), *PERIOD)
    future = used_worker.submit(prepared.simulation(prepared.spec), 60, None)
    deadline = time.monotonic() + 60
    while not (told.exists() and len(told.read_text().split()) == 2) and time.monotonic() < deadline:
        time.sleep(0.02)
    family = [int(number) for number in told.read_text().split()]
    if goes_on:
        assert all(map(_lives, family))
        future.cancel()
    else:
        assert future.result(60).failure == "crash"
    deadline = time.monotonic() + 1.0
    while any(map(_lives, family)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(_lives, family))


def _lives(number: int) -> bool:
    try:
        return bool(psutil.Process(number).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
