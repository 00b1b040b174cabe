"""How close optimize comes to the cores' limit. Run it: ``python -m tests.benchmarks.throughput``.

Method. One set of 42 parameters, 12 months of BTC-USDT 1h, Jesse's fast mode. First each of
them runs alone in a worker while the other workers idle; the mean of those times, measured
inside the worker, times the number of evaluations, divided by the cores, is the floor: no
scheduler can be quicker. Then optimize runs the same number of evaluations on all cores in
the warm pool with an empty run store. Efficiency is floor over wall time. Both halves are
done in turns, three rounds, and the median ratio is quoted: these machines are noisy.

A run takes longer while the other cores work, too: they share memory, and on most machines a clock. What that costs
is in the floor of no scheduler, so it is told as well: the same ratio with the mean of the runs as they were in
optimize, which leaves what the scheduler and the way of the results cost.

The cold figure is taken in a fresh Python process: from its start, and from the call of
optimize, to the first finished trial.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.pool import available_cores, local_pool
from jesse_nb.core.tools.optimize.optimize import optimize
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.request import Request
from tests.conftest import EXCHANGE, real_candles

PERIOD = ("2023-06-01", "2024-05-31")
SHORT_PERIOD = ("2024-05-01", "2024-05-31")
SPACE = {"fast": (5, 30), "slow": (31, 120), "stop": (1.0, 5.0, 0.5)}
STRATEGY = (Path(__file__).parents[2] / "jesse_nb" / "quickstart.py").read_text()


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--evaluations", type=int, default=42)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--short", action="store_true", help="30 days in place of 12 months")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = CandleStore(Path(folder) / "candles")
        store.write(EXCHANGE, "BTC-USDT", real_candles("BTC-USDT"))
        figures = measure(store, Path(folder), options.evaluations, options.rounds,
                          SHORT_PERIOD if options.short else PERIOD)
        figures |= cold_start(store, Path(folder))
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:<58} {value}")


def measure(store: CandleStore, folder: Path, evaluations: int, rounds: int, period: tuple[str, str]) -> dict[str, Any]:
    """Return the warm figures."""
    cores = available_cores()
    pool = local_pool()
    pool.ready(60)
    ratios, busy_ratios, idle_means, busy_means, walls = [], [], [], [], []
    for number in range(rounds + 1):
        began = time.perf_counter()
        result = optimize(STRATEGY, "BTC-USDT", "1h", *period, space=SPACE, n_trials=evaluations, sampler="random",
                          seed=number, top=1, test_ratio=0, neighbours=0, parity=False, candles=store,
                          store=folder / f"{number}.sqlite")
        wall = time.perf_counter() - began
        if number == 0:
            continue  # the first round warms caches up
        points = [trial.params for trial in result.trials]
        simulated = len({trial.key for trial in result.trials}) + 1  # and the strategy's own values
        idle = statistics.mean(alone(store, points, period))
        busy = statistics.mean(trial.seconds for trial in result.trials)
        ratios.append(idle * simulated / cores / wall)
        busy_ratios.append(busy * simulated / cores / wall)
        idle_means.append(idle)
        busy_means.append(busy)
        walls.append(wall)
    return {
        "cores": cores,
        "evaluations (with the baseline)": simulated,
        "mean run alone in an idle worker, s": round(statistics.median(idle_means), 3),
        "mean run while all workers are busy, s": round(statistics.median(busy_means), 3),
        "floor, s": round(statistics.median(idle_means) * simulated / cores, 2),
        "wall, s": round(statistics.median(walls), 2),
        "floor / wall, each round": [round(ratio, 3) for ratio in ratios],
        "floor / wall, median": round(statistics.median(ratios), 3),
        "the same with runs as slow as busy workers' are": round(statistics.median(busy_ratios), 3),
    }


def alone(store: CandleStore, points: list[dict[str, Any]], period: tuple[str, str]) -> list[float]:
    """Return the seconds of each simulation, one after the other."""
    request = Request(strategy=STRATEGY, symbol="BTC-USDT", timeframe="1h", candles=store)
    prepared = prepare(request, *period)
    pool = local_pool()
    seconds = []
    for params in points:
        simulation = prepared.simulation(prepared.spec.with_hyperparameters(params))
        seconds.append(pool.submit(simulation, 600, None).result().value.seconds)
    return seconds


COLD = """
import time
began = time.perf_counter()
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.tools.optimize.optimize import optimize
imported = time.perf_counter()
job = optimize(open({strategy!r}).read(), "BTC-USDT", "1h", {start!r}, {end!r}, n_trials=20,
               candles=CandleStore({candles!r}), store={store!r}, background=True)
while job.progress.done < 1:
    time.sleep(0.01)
print(imported - began, time.perf_counter() - imported)
job.cancel(); job.wait(5)
"""


def cold_start(store: CandleStore, folder: Path) -> dict[str, Any]:
    """Return the seconds from a fresh process to its first finished trial; the median of three."""
    script = COLD.format(strategy=str(Path(__file__).parents[2] / "jesse_nb" / "quickstart.py"), start=PERIOD[0],
                         end=PERIOD[1], candles=str(store.root), store=str(folder / "cold" / "{}.sqlite"))
    times = []
    for number in range(3):
        began = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-c", script.replace("{}", str(number))], stdout=subprocess.PIPE,
                                   text=True)
        assert process.stdout is not None
        importing, running = (float(part) for part in process.stdout.readline().split())
        times.append((time.perf_counter() - began, importing, running))
        process.wait(30)
    whole, importing, running = (statistics.median(column) for column in zip(*times, strict=True))
    return {
        "cold: new process to first finished trial, s": round(whole, 2),
        "cold: of that importing, s": round(importing, 2),
        "cold: of that from the call of optimize, s": round(running, 2),
    }


if __name__ == "__main__":
    main()
