"""What it costs that each run has a process of its own. Run it: ``python -m tests.benchmarks.clean_runs``.

Method. A process as workers are takes the trials of a study, 100 parameters of the quickstart's strategy on BTC-USDT
1h, in turns: five as a worker does, then the same five within itself. A worker gives each run a child of its own,
unless the strategy is proved to leave nothing behind (``--unproved`` takes that proof away).
Compared is the processor time of the process and of its children, user and system, so that other work on the machine
matters little. Goals: at most 3 % on a year, at most 8 % on 30 days.
"""

from __future__ import annotations

import argparse
import os
import pickle
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

PERIODS = {"a year of 1h": ("2023-06-01", "2024-05-31", 3.0), "30 days of 1h": ("2024-05-01", "2024-05-31", 8.0)}
TURN = 5
_UNPROVED = "JESSE_NB_BENCHMARK_UNPROVED"


def main(count: int) -> None:
    """Print the cost of each period beside its goal, over ``count`` trials."""
    from jesse_nb.core.candles import CandleStore
    from jesse_nb.core.tools.preparation import prepare
    from jesse_nb.core.tools.request import Request
    from tests.benchmarks.throughput import STRATEGY
    from tests.conftest import EXCHANGE, real_candles

    with tempfile.TemporaryDirectory() as folder:
        store = CandleStore(Path(folder) / "candles")
        store.write(EXCHANGE, "BTC-USDT", real_candles("BTC-USDT"))
        for name, (start, end, goal) in PERIODS.items():
            ready = prepare(Request(strategy=STRATEGY, symbol="BTC-USDT", timeframe="1h", candles=store), start, end)
            trials = [ready.simulation(ready.spec.with_hyperparameters(
                {"fast": 5 + number % 25, "slow": 35 + number // 2, "stop": 2.0})) for number in range(count)]
            file = Path(folder) / "trials"
            file.write_bytes(pickle.dumps(trials))
            environment = {**os.environ, "PYTHONHASHSEED": "0"}
            answer = subprocess.run([sys.executable, "-m", "tests.benchmarks.clean_runs", "--measure",
                                     str(file)], check=True,
                                    capture_output=True, text=True, env=environment)
            clean, within, ratio = (float(part) for part in answer.stdout.split())
            print(f"{name}: {clean * 1000:.1f} ms a clean run, {within * 1000:.1f} ms within the worker: "
                  f"{100 * (ratio - 1):+.1f} % (median of {count // TURN} turns; goal: at most {goal:g} %)")


def measure(trials: list[Any]) -> tuple[float, float, float]:
    """Return the seconds of a clean run and of one within the worker, and the median ratio of both."""
    from jesse_nb.core.jobs import preload, worker  # noqa: F401 - as the server of workers imports it
    from jesse_nb.core.simulator.run import simulate
    from jesse_nb.core.simulator.strategies.strategy import StrategyCode

    worker.initialize(tempfile.mkdtemp())
    if os.environ.get(_UNPROVED):
        StrategyCode.is_plain = property(lambda code: False)  # type: ignore[method-assign,assignment]

    def cleanly(simulation: Any) -> None:
        assert not pickle.loads(pickle.dumps(worker.run(simulation))).failure

    def within(simulation: Any) -> None:
        pickle.loads(pickle.dumps(simulate(simulation)))

    for simulation in trials[:3]:
        cleanly(simulation)
    within(trials[0])
    spent: dict[Callable[[Any], None], list[float]] = {cleanly: [], within: []}
    for turn in range(0, len(trials), TURN):
        for way, times in spent.items():
            began = _processor_seconds()
            for simulation in trials[turn : turn + TURN]:
                way(simulation)
            times.append((_processor_seconds() - began) / TURN)
    ratios = [one / other for one, other in zip(spent[cleanly], spent[within], strict=True)]
    return statistics.mean(spent[cleanly]), statistics.mean(spent[within]), statistics.median(ratios)


def _processor_seconds() -> float:
    """Return what this process and its children have used, those that go on included (Linux only)."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    clocks = [(~child.pid << 3) | 2 for child in psutil.Process().children()]  # as clock_getcpuclockid() makes them
    return sum(one.ru_utime + one.ru_stime for one in used) + sum(map(time.clock_gettime, clocks))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--unproved", action="store_true", help="a child for each run")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(*measure(pickle.loads(options.measure.read_bytes())))
        sys.stdout.flush()
        os._exit(0)  # without the seconds that tearing down takes
    if options.unproved:
        os.environ[_UNPROVED] = "1"
    main(options.trials)
