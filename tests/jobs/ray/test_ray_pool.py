"""A real Ray cluster of two machines: the same results as this machine's workers, and nothing lost with a machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import psutil
import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.failures import failure_of
from jesse_nb.core.jobs.pool import local_pool
from jesse_nb.core.jobs.ray import cluster as ray_cluster_module
from jesse_nb.core.jobs.ray.ray_pool import RayPool
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.jobs.worker import Answer
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.run import versions
from jesse_nb.core.simulator.simulation import Simulation
from jesse_nb.core.tools.batch.batch import backtest_batch
from jesse_nb.core.tools.optimize.optimize import optimize
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.request import Request
from jesse_nb.exceptions import ClusterError, InputError, WorkerDiedError
from tests.jobs.ray.ray_cluster import CLIENT_PORT, kill_machine, ray_cluster
from tests.jobs.strategies import CROSSING, HEADER, hostile

PERIOD = ("2023-03-01", "2023-03-21")
STUDY: dict[str, Any] = {"test_ratio": 0, "neighbours": 0, "parity": False}

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with ray_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def pool(cluster: Any) -> Iterator[RayPool]:
    pool = RayPool(cluster.address)
    assert pool.size == 2
    yield pool
    pool.stop()


def simulations(strategy: Any, candles: CandleStore, *points: dict[str, Any]) -> list[Simulation]:
    prepared = prepare(Request(strategy=strategy, symbol="BTC-USDT", timeframe="1h", candles=candles), *PERIOD)
    return [prepared.simulation(prepared.spec.with_hyperparameters(point)) for point in points]


def content(future: Future[Answer]) -> list[Any]:
    """All of a record but how long it took."""
    answer = future.result(60)
    assert not answer.failure, answer
    record: RunRecord = answer.value
    return [json.dumps([record.metrics, record.trades, record.versions]), record.output,
            record.equity_times.tobytes(), record.equity_values.tobytes()]


def test_results_are_those_of_local_workers(pool: RayPool, candle_store: CandleStore) -> None:
    points = [{"fast": 3 + number, "slow": 30 + number} for number in range(6)]
    asked = simulations(CROSSING, candle_store, *points)
    there = [pool.submit(one, 60, None) for one in asked]
    here = [local_pool().submit(one, 60, None) for one in asked]
    assert [content(one) for one in there] == [content(one) for one in here]
    assert len({content(one)[0] for one in there}) > 1


def test_a_study_is_the_same_and_both_machines_work_on_it(
    pool: RayPool, candle_store: CandleStore, tmp_path: Path
) -> None:
    talking = CROSSING.replace("def should_long(self):", "def should_long(self):\n        print(os.getppid())", 1)
    options = {**STUDY, "n_trials": 10, "seed": 3, "candles": candle_store}
    there, here = [optimize(talking, "BTC-USDT", "1h", *PERIOD, n_jobs=jobs, store=tmp_path / f"{number}.sqlite",
                            **options) for number, jobs in enumerate((pool, 2))]  # type: ignore[arg-type]
    assert [(trial.params, trial.values) for trial in there.trials] == [(one.params, one.values) for one in here.trials]
    store = RunStore(tmp_path / "0.sqlite")
    outputs = [store.get(trial.key).output for trial in there.trials]  # type: ignore[union-attr]
    assert len({output.split()[0] for output in outputs}) == 2  # two servers that workers are forked from


def test_candles_go_to_each_machine_once(pool: RayPool, candle_store: CandleStore) -> None:
    [first, *others] = simulations(CROSSING, candle_store, *({"fast": fast} for fast in range(2, 21)))
    pool.submit(first, 60, None).result(60)
    size = Path(first.candles[0].path).stat().st_size
    before = _stored_bytes()
    assert all(size <= created < 1.05 * size for created, _ in before)  # one series, whatever ran before
    for future in [pool.submit(one, 60, None) for one in others]:
        future.result(60)
    after = _stored_bytes()
    assert [created for created, _ in after] == [created for created, _ in before]
    assert [used for _, used in after] == [0, 0]  # and it is not kept in Ray's memory besides


def _stored_bytes() -> list[tuple[int, int]]:
    """What each machine's object store ever took in, and what it holds now."""
    import ray
    from ray._private.internal_api import node_stats

    found = [node_stats(node["NodeManagerAddress"], node["NodeManagerPort"]).store_stats for node in ray.nodes()]
    return [(stats.cumulative_created_bytes, stats.object_store_bytes_used) for stats in found]


def test_a_class_of_a_cell_and_its_modules_travel(
    pool: RayPool, candle_store: CandleStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "averages"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "simple.py").write_text("import jesse.indicators as ta\n\ndef mean(candles, n):\n"
                                       "    return ta.sma(candles, n)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    cell: dict[str, Any] = {"__name__": "__main__"}
    exec(CROSSING.replace("ta.sma", "mean").replace(HEADER, HEADER + "from averages.simple import mean\n"), cell)
    asked = simulations(cell["Crossing"], candle_store, *({"fast": fast} for fast in (3, 4, 5)))
    plain = simulations(CROSSING, candle_store, *({"fast": fast} for fast in (3, 4, 5)))
    first = pool.submit(asked[0], 60, None)
    expected = [local_pool().submit(one, 60, None).result(60).value.metrics for one in plain]
    assert first.result(60).value.metrics == expected[0]
    assert pool.describe(asked[0].codes[0], 60).result(60).value.defaults == {"fast": 8, "slow": 30}
    (package / "simple.py").unlink()  # of which the machines have had their copies
    assert [pool.submit(one, 60, None).result(60).value.metrics for one in asked[1:]] == expected[1:]


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        ("raise ZeroDivisionError('boom')", "ZeroDivisionError: boom"),
        ("os.kill(os.getpid(), 9)", "by signal SIGKILL"),
        ("os._exit(0)", "ended with exit code 0"),
        ("\n            while True: pass", "took longer than 3 s"),
        ("self.hoard = [bytes(10**8) for _ in range(10**6)]", "ran out of memory"),
    ],
    ids=["raises", "kills its worker", "exits", "loops", "allocates"],
)
def test_a_hostile_strategy_fails_alone_and_once(
    act: str, reason: str, pool: RayPool, candle_store: CandleStore
) -> None:
    agents = [node.agent for node in pool._nodes]
    result = optimize(hostile(act), "BTC-USDT", "1h", *PERIOD, n_trials=6, sampler="grid", n_jobs=pool, trial_timeout=3,
                      memory_limit=2**30, candles=candle_store, metric="profit", **STUDY)
    failed = [trial for trial in result.trials if trial.state == "failed"]
    assert [(trial.params, reason in trial.reason) for trial in failed] == [({"bad": 3}, True)]
    assert sum(trial.scored for trial in result.trials) == 5
    assert [node.agent for node in pool._nodes] == agents  # no machine was taken for lost


def test_what_is_cancelled_stops(pool: RayPool, candle_store: CandleStore, tmp_path: Path) -> None:
    mark = tmp_path / "process"
    act = f"open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    [endless] = simulations(hostile(act), candle_store, {"bad": 3})
    [quick] = simulations(CROSSING, candle_store, {"fast": 7})
    futures = [pool.submit(endless, None, None) for _ in range(4)]  # two run, two wait
    while not mark.exists() or not mark.read_text():
        time.sleep(0.02)
    process = int(mark.read_text())
    for future in reversed(futures):
        future.cancel()
    began = time.monotonic()
    while psutil.pid_exists(process) and psutil.Process(process).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.02)
        assert time.monotonic() - began < 5
    assert [pool.submit(quick, 60, None).result(60).failure for _ in range(4)] == [""] * 4
    assert not any(node.tasks for node in pool._nodes)


def test_an_agent_that_dies_is_replaced_and_its_task_runs_again(pool: RayPool, candle_store: CandleStore) -> None:
    slow = hostile("time.sleep(0.005)")
    asked = simulations(slow, candle_store, {"bad": 3}, {"bad": 1}, {"bad": 3})
    futures = [pool.submit(one, 60, None) for one in asked]
    victim = next(process for process in psutil.process_iter(["cmdline"])
                  if "ray::Agent" in " ".join(process.info["cmdline"] or []))
    victim.kill()
    assert [future.result(60).failure for future in futures] == [""] * 3
    began = time.monotonic()
    while pool.size < 2:
        time.sleep(0.05)
        assert time.monotonic() - began < 90
    assert content(pool.submit(asked[1], 60, None)) == content(local_pool().submit(asked[1], 60, None))


def test_addresses_that_lead_nowhere(cluster: Any) -> None:
    with pytest.raises(InputError, match="Did you mean 'ray'"):
        RayPool("rya")
    with pytest.raises(InputError, match="size is 0"):
        RayPool(cluster.address, size=0)
    with pytest.raises(ClusterError, match=r"connected to the Ray cluster .*ray\.shutdown\(\)"):
        RayPool("127.0.0.1:1")
    with pytest.raises(ClusterError, match="no free processor"):
        RayPool(cluster.address)  # the fixture's pool has all of them


def test_tools_take_a_cluster(pool: RayPool, candle_store: CandleStore) -> None:
    batch = backtest_batch(CROSSING, "BTC-USDT", ["1h", "4h"], PERIOD, concurrent_limit=pool, candles=candle_store)
    assert not [entry for entry in batch.entries if entry.reason]  # type: ignore[union-attr]
    with pytest.raises(InputError, match=r"n_jobs is 'rya'\. .*Did you mean 'ray'"):
        optimize(CROSSING, "BTC-USDT", "1h", *PERIOD, n_jobs="rya", candles=candle_store)


def test_a_machine_that_is_lost_costs_no_trial(
    cluster: Any, pool: RayPool, candle_store: CandleStore, tmp_path: Path
) -> None:
    options = {**STUDY, "sampler": "random", "seed": 5, "candles": candle_store}
    period = ("2023-03-01", "2023-07-01")
    job = optimize(CROSSING, "BTC-USDT", "1h", *period, n_trials=24, n_jobs=pool, store=tmp_path / "ray.sqlite",
                   background=True, **options)
    while job.progress.done < 4:  # type: ignore[union-attr]
        assert not job.wait(0.05)  # type: ignore[union-attr]
    kill_machine(cluster)
    there = job.result(120)  # type: ignore[union-attr]
    assert pool.size == 1
    here = optimize(CROSSING, "BTC-USDT", "1h", *period, n_trials=24, store=tmp_path / "local.sqlite", **options)
    assert [(trial.params, trial.values, trial.state) for trial in there.trials] == \
        [(trial.params, trial.values, trial.state) for trial in here.trials]  # type: ignore[union-attr]
    distinct = {trial.key for trial in there.trials}
    ledger = RunStore(tmp_path / "ray.sqlite").ledger()
    assert ledger["runs"].sum() == len(distinct) + 1  # and the strategy's own values
    assert job.progress.reused == 24 - len(distinct)  # type: ignore[union-attr]


FROM_OUTSIDE = """
import jesse_nb as jn
from jesse_nb.core.candles import CandleStore
batch = jn.backtest_batch({source!r}, "BTC-USDT", "1h", {period!r}, params={{"fast": [4, 6]}},
                          concurrent_limit="ray://127.0.0.1:{port}", candles=CandleStore({candles!r}))
print([entry.metrics["net_profit"] for entry in batch.entries])
"""


def test_another_version_is_refused(cluster: Any, pool: RayPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on the pool is gone: these tests need its processors."""
    pool.stop()
    monkeypatch.setattr(ray_cluster_module, "versions", lambda: {**versions(), "jesse": "3.4.0"})
    with pytest.raises(ClusterError, match=rf"has jesse {versions()['jesse']}, this one 3\.4\.0\. .* same versions"):
        RayPool(cluster.address)


def test_from_outside_the_cluster(cluster: Any, pool: RayPool, candle_store: CandleStore, tmp_path: Path) -> None:
    pool.stop()
    with pytest.raises(WorkerDiedError, match="stopped"):
        pool.submit(*simulations(CROSSING, candle_store, {}), 60, None)
    script = textwrap.dedent(FROM_OUTSIDE).format(source=CROSSING, period=PERIOD, port=CLIENT_PORT,
                                                  candles=str(candle_store.root))
    environment = {**os.environ, "JESSE_NB_STORE": str(tmp_path / "outside")}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, timeout=200,
                          cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    asked = simulations(CROSSING, candle_store, {"fast": 4}, {"fast": 6})
    expected = [local_pool().submit(one, 60, None).result(60).value.metrics["net_profit"] for one in asked]
    assert done.stdout.splitlines()[-1] == str(expected)


def test_failures_keep_their_own_words() -> None:
    error = WorkerDiedError("The machine is gone.")
    assert failure_of(error) is error
