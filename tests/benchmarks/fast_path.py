"""One run with the simulator's quicker path on and off. Run it: ``python -m tests.benchmarks.fast_path``.

Method. A process of its own, set up as a worker is, runs the same simulation by turns on Jesse's own path and on the
quicker one, after one run of each that warms caches up; the records are compared to the last bit. Processor time of
the whole of ``simulate`` is taken, building the strategy and the record included. Each round gives one ratio, quicker
over plain; the median is quoted, beside the least time of each: these machines are noisy. A ratio of 0.5 is half the
time; the goal for a year of 1h is 0.30, and it was 0.50.

``--profile NAME`` prints where both paths spend their time instead, by function (``NAME`` as in the table).
``--sweep N`` compares both paths over all of Jesse's bundled strategies and our own ones; those that act by chance with
``N`` seeds. It prints how many runs were the same, and each that was not.
"""

from __future__ import annotations

import argparse
import cProfile
import itertools
import json
import os
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.simulator.run import simulate
from jesse_nb.core.simulator.simulation import Simulation
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.request import Request
from tests.strategies import IDLE, REVERSION, TREND

QUICKSTART = (Path(__file__).parents[2] / "jesse_nb" / "quickstart.py").read_text()
YEAR, MONTH, DAYS = ("2023-06-01", "2024-05-31"), ("2024-05-01", "2024-05-31"), ("2024-05-01", "2024-05-08")
RUNS = {
    "quickstart 1h, 12 months": (QUICKSTART, "1h", YEAR),
    "quickstart 1h, 30 days": (QUICKSTART, "1h", MONTH),
    "quickstart 4h, 12 months": (QUICKSTART, "4h", YEAR),
    "trend 1h, 12 months": (TREND, "1h", YEAR),
    "reversion 1h, 12 months": (REVERSION, "1h", YEAR),
    "reversion 15m, 30 days": (REVERSION, "15m", MONTH),
    "trend 1m, 7 days": (TREND, "1m", DAYS),
    "no trade 1h, 12 months": (IDLE, "1h", YEAR),
}


def main() -> None:
    """Print the table, or JSON, or what was asked for in their place."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--profile", choices=RUNS)
    parser.add_argument("--mode", choices=("fast", "step"), help="only this one of Jesse's modes")
    parser.add_argument("--sweep", type=int, metavar="N")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args()
    modes = [options.mode] if options.mode else ["fast", "step"]
    if options.inside:  # the process that measures
        store = CandleStore(options.inside)
        os.environ["TZ"] = "UTC"
        time.tzset()
        os.chdir(options.inside)
        if options.profile:
            profile(store, options.profile, modes[0])
        else:
            print(json.dumps(measure(store, options.rounds, modes)))
        return
    from tests.conftest import EXCHANGE, real_candles  # with pytest, of which the other process must know nothing

    with tempfile.TemporaryDirectory() as folder:
        store = CandleStore(Path(folder) / "candles")
        for symbol in ("BTC-USDT", "ETH-USDT"):
            store.write(EXCHANGE, symbol, real_candles(symbol))
        if options.sweep:
            sweep(store, Path(folder), options.sweep)
            return
        command = [sys.executable, "-m", "tests.benchmarks.fast_path", *sys.argv[1:], "--inside", str(store.root)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    if options.profile or options.json:
        print(done.stdout)
        return
    print(f"{'run':<28} {'mode':<5} {'trades':>6} {'plain, s':>9} {'quicker, s':>10} {'ratio':>6}  each round")
    for row in json.loads(done.stdout):
        rounds = " ".join(f"{ratio:.2f}" for ratio in row["ratios"])
        print(f"{row['run']:<28} {row['mode']:<5} {row['trades']:>6} {row['plain']:>9.3f} {row['quicker']:>10.3f} "
              f"{row['ratio']:>6.2f}  {rounds}")


def simulation(store: CandleStore, name: str, mode: str) -> Simulation:
    """Return what a worker would be given."""
    strategy, timeframe, period = RUNS[name]
    request = Request(strategy=strategy, symbol="BTC-USDT", timeframe=timeframe, candles=store, mode=mode)
    prepared = prepare(request, *period)
    return prepared.simulation(prepared.spec)


def measure(store: CandleStore, rounds: int, modes: list[str]) -> list[dict[str, Any]]:
    """Return one row a run and mode."""
    rows = []
    for name, mode in itertools.product(RUNS, modes):
        run = simulation(store, name, mode)
        paths = [replace(run, plain=plain) for plain in (True, False)]
        records = [simulate(path) for path in paths]
        assert [record.versions["simulator"] for record in records] == ["plain (switched off)", "fast path"]
        assert records[0].pack()[:3] == records[1].pack()[:3], f"{name} {mode} differs"
        times: list[list[float]] = [[], []]
        for _, (path, taken) in itertools.product(range(rounds), zip(paths, times, strict=True)):
            began = time.process_time()
            simulate(path)
            taken.append(time.process_time() - began)
        ratios = [quicker / plain for plain, quicker in zip(*times, strict=True)]
        rows.append({"run": name, "mode": mode, "trades": len(records[0].trades), "plain": min(times[0]),
                     "quicker": min(times[1]), "ratio": statistics.median(ratios), "ratios": ratios})
    return rows


def profile(store: CandleStore, name: str, mode: str) -> None:
    """Print where a run spends its time, on either path."""
    run = simulation(store, name, mode)
    for plain in (True, False):
        path = replace(run, plain=plain)
        simulate(path)
        profiler = cProfile.Profile()
        profiler.runcall(simulate, path)
        print(f"{name}, {mode} mode, {'plain' if plain else 'quicker'} path")
        pstats.Stats(profiler, stream=sys.stdout).sort_stats("tottime").print_stats(40)


def sweep(store: CandleStore, folder: Path, seeds: int) -> None:
    """Compare many runs."""
    from jesse_nb.core.jobs.pool import local_pool
    from tests.simulator.both_paths import bundled_cases, compared, matrix_cases, ramp_store

    pool, ramp = local_pool(), ramp_store(folder / "ramp")
    accounts: list[dict[str, Any]] = [
        {"market": "futures", "leverage": 2}, {"market": "futures", "leverage": 20, "leverage_mode": "isolated"},
        {"market": "futures", "fee": 0.0}, {"market": "spot"}, {"market": "spot", "fee": 0.0},
    ]
    bundled = itertools.chain(*(bundled_cases(**account, mode=mode)
                                for account, mode in itertools.product(accounts, ("fast", "step"))))
    seen: Counter[str] = Counter()
    for outcome in itertools.chain(compared(pool, ramp, bundled), compared(pool, store, matrix_cases(seeds=seeds))):
        seen["runs"] += 1
        seen["trades"] += outcome.trades
        seen["ended in the same error"] += bool(outcome.plain.failure)
        if outcome.differences:
            seen["different"] += 1
            print(outcome.case.name, outcome.differences)
    print(json.dumps({**seen, "different": seen["different"]}, indent=2))


if __name__ == "__main__":
    main()
