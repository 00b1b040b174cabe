"""What a second machine gains, and what a cluster costs. Run it: ``python -m tests.benchmarks.ray_scaling``.

Method. A real Ray cluster of two machines on this one. Tasks are real simulations of one day whose
strategy sleeps, 0.25 s in all by default: a sleeping worker needs no processor, so this one machine
can play two. The same tasks run through the job's own way (evaluator, dispatcher, run store) on a pool
of one worker and on one of two, each on another machine, in turns, and the median of the ratios is quoted.

The overhead is worker-time that was not spent inside the simulator: wall time times workers, over the
number of tasks, less the mean time inside the simulator, which the worker itself measures. It is given
for the cluster and, measured in the same turns, for this machine's own pool. What this process itself
spends on a task (processor time: sending it, taking its answer, storing it) bounds how many workers
one notebook can feed: a task's length over that. A search adds what its sampler takes for a trial; that of
``tpe`` is measured over 300 trials of three parameters.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.pool import LocalPool, Pool
from jesse_nb.core.jobs.ray.ray_pool import RayPool
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.study.metric import resolve_metrics
from jesse_nb.core.study.space import Space
from jesse_nb.core.tools.optimize.search import Search
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.prepared import Prepared
from jesse_nb.core.tools.request import Request
from jesse_nb.core.tools.resources import Resources
from tests.conftest import EXCHANGE, real_candles
from tests.jobs.ray.ray_cluster import ray_cluster

PERIOD = ("2023-03-01", "2023-03-02")

STRATEGY = """
import time
from jesse.strategies import Strategy

class Sleeper(Strategy):
    def hyperparameters(self):
        return [{"name": "number", "type": int, "min": 0, "max": 10**9, "default": 0},
                {"name": "seconds", "type": float, "min": 0.0, "max": 60.0, "default": 0.25}]
    def should_long(self):
        if not self.vars.get("slept"):
            self.vars["slept"] = True
            time.sleep(self.hp["seconds"])
        return False
    def go_long(self):
        pass
    def should_cancel_entry(self):
        return True
"""


class Turn(NamedTuple):
    """Seconds: of all tasks together, of one inside the simulator, of this process for one; and per task overhead."""

    wall: float
    inside: float
    own: float
    overhead: float


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--tasks", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=0.25)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ray_cluster(processors=2) as cluster:
        store = CandleStore(Path(folder) / "candles")
        store.write(EXCHANGE, "BTC-USDT", real_candles("BTC-USDT"))
        figures = measure(store, Path(folder), cluster.address, options.tasks, options.seconds, options.rounds)
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:<58} {value}")


def measure(
    candles: CandleStore, folder: Path, address: str, tasks: int, seconds: float, rounds: int
) -> dict[str, Any]:
    """Return the figures."""
    pools: dict[str, Any] = {"one": RayPool(address, size=1), "two": RayPool(address, size=2), "local": LocalPool(2)}
    turns: dict[str, list[Turn]] = {name: [] for name in pools}
    for number in range(rounds + 1):
        for name, pool in pools.items():
            turn = run(candles, folder / f"{name}{number}.sqlite", pool, tasks if number else 4, seconds)
            if number:  # the first round brings candles and strategy to the workers
                turns[name].append(turn)
    for pool in pools.values():
        pool.stop()
    ratios = [one.wall / two.wall for one, two in zip(turns["one"], turns["two"], strict=True)]
    own = statistics.median(turn.own for turn in turns["two"])
    return {
        "tasks, and seconds that each sleeps": f"{tasks} x {seconds}",
        "two machines over one, each round": [round(ratio, 3) for ratio in ratios],
        "two machines over one, median": round(statistics.median(ratios), 3),
        "inside the simulator, s a task": round(statistics.median(turn.inside for turn in turns["two"]), 3),
        "overhead on the cluster, ms a task": _milliseconds(turn.overhead for turn in turns["two"]),
        "overhead on this machine's pool, ms a task": _milliseconds(turn.overhead for turn in turns["local"]),
        "this process, ms a task": round(1000 * own, 2),
        "and for a trial of tpe besides, ms": round(1000 * sampling(), 2),
        **{f"workers that it can feed with tasks of {length:g} s": int(length / own) for length in (0.1, 0.7, 3.0)},
    }


def run(candles: CandleStore, file: Path, pool: Pool, tasks: int, seconds: float) -> Turn:
    """Run the tasks on a pool, as a job does."""
    request = Request(strategy=STRATEGY, symbol="BTC-USDT", timeframe="1h", warm_up_candles=0, candles=candles,
                      resources=Resources(n_jobs=pool.size))
    prepared = prepare(request, *PERIOD)
    evaluator = request.resources.evaluator([prepared], RunStore(file), pool)
    began, own = time.perf_counter(), time.process_time()
    for number, spec in enumerate(specs(prepared, tasks, seconds)):
        evaluator.submit(number, spec)
    inside = []
    while len(inside) < tasks:
        answer = evaluator.next(60)
        assert answer is not None
        assert answer[1].record is not None, answer[1].error
        inside.append(answer[1].record.seconds)
    wall, own = time.perf_counter() - began, time.process_time() - own
    mean = statistics.mean(inside)
    return Turn(wall, mean, own / tasks, wall * pool.size / tasks - mean)


def sampling(trials: int = 300) -> float:
    """Return the processor time that ``tpe`` takes for a trial, with 64 of them open."""
    space = Space.parse({"fast": (5, 30), "slow": (31, 120), "stop": (1.0, 5.0, 0.5)})
    search = Search(space, resolve_metrics("sharpe"),
                    sampler="tpe", seed=0, n_trials=trials, workers=64)
    began = time.process_time()
    for _ in range(trials):
        number, params = search.ask()
        search.tell(number, (float(params["fast"]),))
    return (time.process_time() - began) / trials


def specs(prepared: Prepared, tasks: int, seconds: float) -> Iterator[Any]:
    """Return different specs, all of the same length."""
    for number in range(tasks):
        yield prepared.spec.with_hyperparameters({"number": number, "seconds": seconds})


def _milliseconds(values: Iterator[float]) -> float:
    return round(1000 * statistics.median(values), 1)


if __name__ == "__main__":
    main()
