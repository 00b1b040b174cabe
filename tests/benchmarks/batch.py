"""How close backtest_batch comes to the cores' limit. Run it: ``python -m tests.benchmarks.batch``.

Method. 36 combinations: 3 strategies, 3 symbols, 4 timeframes, 6 months, Jesse's fast mode. First
each of them runs alone in a worker while the others idle; the mean of those times, measured inside the
worker, times the number of runs, divided by the cores, is the floor: no scheduler can be quicker. Then
one call of backtest_batch runs all of them with an empty run store in the warm pool; its wall time
includes finding, checking and fingerprinting the candles of the 12 markets. Efficiency is floor over
wall time. Both halves are done in turns, and the median ratio is quoted: these machines are noisy.

Processor time tells what a noisy neighbour hides from the clock: that of the workers while each combination
runs alone, over that of the workers and the calling process during the batch. What is missing to 1 is spent on
preparing, sending, filing and on getting in each other's way.

Concurrency: runs that sleep and note when they begin and end, with ``concurrent_limit=10``; observed is
the largest number that ran at one moment.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.pool import available_cores, local_pool
from jesse_nb.core.tools.batch.batch import backtest_batch
from jesse_nb.core.tools.batch.batch_result import BatchResult
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.request import Request
from tests.conftest import EXCHANGE, real_candles
from tests.jobs.strategies import CROSSING
from tests.strategies import REVERSION, TREND
from tests.tools.batch.test_batch import SLEEPER

STRATEGIES = {"Crossing": CROSSING, "Trend": TREND, "Reversion": REVERSION}
SYMBOLS = {"BTC-USDT": "BTC-USDT", "ETH-USDT": "ETH-USDT", "LTC-USDT": "BTC-USDT"}
TIMEFRAMES = ["30m", "1h", "2h", "4h"]
PERIOD = ("2023-12-01", "2024-05-31")


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrent-limit", type=int)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = CandleStore(Path(folder) / "candles")
        for symbol, source in SYMBOLS.items():
            store.write(EXCHANGE, symbol, real_candles(source))
        figures = throughput(store, Path(folder), options.rounds, options.concurrent_limit)
        figures |= concurrency(store, Path(folder), 10)
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:<58} {value}")


def throughput(store: CandleStore, folder: Path, rounds: int, limit: int | None) -> dict[str, Any]:
    """Return floor, wall time and their ratio."""
    cores, ratios, idle_means, walls, useful = available_cores(), [], [], [], []
    for number in range(rounds + 1):
        before, began = processor_seconds(), time.perf_counter()
        result = backtest_batch(list(STRATEGIES.values()), list(SYMBOLS), TIMEFRAMES, PERIOD, candles=store,
                                store=folder / f"{number}.sqlite", concurrent_limit=limit)
        wall, after = time.perf_counter() - began, processor_seconds()
        assert isinstance(result, BatchResult)
        assert len(result.finished) == 36
        assert not any(entry.reused for entry in result.entries)
        if number == 0:
            continue  # the first round starts the workers and maps the candles
        idle = statistics.mean(alone(store))
        ended = processor_seconds()
        useful.append((ended[1] - after[1]) / (sum(after) - sum(before)))
        ratios.append(idle * 36 / cores / wall)
        idle_means.append(idle)
        walls.append(wall)
    return {
        "cores": cores,
        "runs": 36,
        "concurrent_limit": limit or "default",
        "mean run alone in an idle worker, s": round(statistics.median(idle_means), 3),
        "floor, s": round(statistics.median(idle_means) * 36 / cores, 2),
        "wall, s": round(statistics.median(walls), 2),
        "floor / wall, each round": [round(ratio, 3) for ratio in ratios],
        "floor / wall, median": round(statistics.median(ratios), 3),
        "processor time, alone / batch, each round": [round(share, 3) for share in useful],
        "processor time, alone / batch, median": round(statistics.median(useful), 3),
    }


def processor_seconds() -> tuple[float, float]:
    """Return the processor time that this process and its workers have used."""
    this = psutil.Process()
    used = [sum(process.cpu_times()[:2]) for process in (this, *this.children(recursive=True))]
    return used[0], sum(used[1:])


def alone(store: CandleStore) -> list[float]:
    """Return the seconds of each of the 36 simulations, one after the other."""
    seconds = []
    for source in STRATEGIES.values():
        for symbol in SYMBOLS:
            for timeframe in TIMEFRAMES:
                prepared = prepare(Request(strategy=source, symbol=symbol, timeframe=timeframe, candles=store), *PERIOD)
                answer = local_pool().submit(prepared.simulation(prepared.spec), 600, None).result()
                seconds.append(answer.value.seconds)
    return seconds


def concurrency(store: CandleStore, folder: Path, limit: int) -> dict[str, Any]:
    """Return how many runs were seen at one moment."""
    result = backtest_batch(SLEEPER, "BTC-USDT", "1h", ("2024-05-01", "2024-05-08"),
                            params={"number": range(2 * limit)}, candles=store, store=folder / "sleep.sqlite",
                            concurrent_limit=limit)
    assert isinstance(result, BatchResult)
    spans = [tuple(map(float, entry.result().output.split())) for entry in result.finished]
    most = max(sum(began <= moment < ended for began, ended in spans) for moment, _ in spans)
    return {f"running at one moment with concurrent_limit={limit}": most}


if __name__ == "__main__":
    main()
