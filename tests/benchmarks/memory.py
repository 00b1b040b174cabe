"""What workers, candles and long studies need of memory. Run it: ``python -m tests.benchmarks.memory``.

Method. Linux only. A process's part of memory is its proportional set size (``Pss`` of ``/proc/PID/smaps_rollup``):
its own pages, and of those that it shares with others its share; the sum over processes counts each page once.
Each part runs in a process of its own; ``--part`` runs only one.

idle
    Two workers, first just started, then idle after each has run twelve months of BTC-USDT 1h.
scale
    Five years of one-minute candles of four symbols (the sample's 18 months, one after the other, over and over), a
    strategy that trades all four at 4h, optimized with two workers. All processes are sampled every half second
    while it runs: the largest sum, and of the mapped candle files how much is in memory, and what each worker's part
    of them is. Were they mapped once for each worker, the parts would add up to twice of it.
growth
    A study of 10,000 trials with random search. To simulate them takes hours, so the run store answers: one real
    record of BTC-USDT 1h, 12 months, is filed under each trial's key. All else is what a study does. The resident set
    (after a garbage collection) at 2,000 and at all trials gives the growth for each; what it consists of is counted
    object by object. What a result has to hold for each trial is no leak: the trial and its daily returns, which the
    tests against luck read and which only come at the end, 8 bytes a day; that the process holds no more than it once
    the study is over is measured, too.
simulated
    The same with simulations that really run, of two days each, so that the workers' side is in it.
"""

from __future__ import annotations

import argparse
import gc
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import psutil

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.job import Job
from jesse_nb.core.jobs.pool import local_pool
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.study.metric import resolve_metrics
from jesse_nb.core.study.space import Space
from jesse_nb.core.tools.optimize.optimize import optimize
from jesse_nb.core.tools.optimize.optimize_job import OptimizeJob
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
from jesse_nb.core.tools.optimize.search import Search
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.request import Request
from tests.benchmarks.throughput import PERIOD, SPACE, STRATEGY
from tests.conftest import EXCHANGE, real_candles

MB = 2**20

GOALS = {
    "idle": "an idle worker at most 120 MB",
    "scale": "all together at most 2,000 MB; candles mapped once",
    "growth": "at most 2 kB a trial; was 9.8",
}

SYMBOLS = ("BTC-USDT", "ETH-USDT", "LTC-USDT", "XRP-USDT")

#: Trades at 4h, so that a trial of five years of four symbols takes seconds.
CROSSING = """
import jesse.indicators as ta
from jesse import utils
from jesse.strategies import Strategy

class Crossing(Strategy):
    def hyperparameters(self):
        return [{"name": "fast", "type": int, "min": 5, "max": 30, "default": 10},
                {"name": "slow", "type": int, "min": 31, "max": 120, "default": 50}]
    def rising(self):
        return ta.ema(self.candles, self.hp["fast"]) > ta.ema(self.candles, self.hp["slow"])
    def should_long(self):
        return self.rising()
    def go_long(self):
        self.buy = utils.size_to_qty(self.available_margin * 0.2, self.price, fee_rate=self.fee_rate), self.price
    def update_position(self):
        if not self.rising():
            self.liquidate()
"""


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--part", choices=PARTS, help="only this one")
    parser.add_argument("--days", type=int, default=5 * 365, help="of the part scale")
    parser.add_argument("--trials", type=int, default=10_000, help="of the part growth")
    parser.add_argument("--simulated", type=int, default=600, help="trials of the part simulated")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sizes = {"idle": None, "scale": options.days, "growth": options.trials, "simulated": options.simulated}
    if options.part:
        with tempfile.TemporaryDirectory() as folder:
            figures = {options.part: PARTS[options.part](Path(folder), sizes[options.part])}
    else:
        figures = {part: alone(part, options) for part in PARTS}
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    for part, numbers in figures.items():
        print(f"{part}{f' (goal: {GOALS[part]})' if part in GOALS else ''}")
        for name, value in numbers.items():
            print(f"  {name:<70} {value}")


def alone(part: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run one part in a new process."""
    arguments = ["--part", part, "--json", "--days", str(options.days), "--trials", str(options.trials),
                 "--simulated", str(options.simulated)]
    done = subprocess.run([sys.executable, "-m", "tests.benchmarks.memory", *arguments], stdout=subprocess.PIPE,
                          text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures[part]


def idle(folder: Path, _: Any) -> dict[str, Any]:
    """Return what idle workers need."""
    store = _stored(folder, ["BTC-USDT"])
    pool = local_pool(2)
    pool.ready(120)
    time.sleep(1)
    fresh = _proportional(_processes())
    prepared = prepare(Request(strategy=STRATEGY, symbol="BTC-USDT", timeframe="1h", candles=store), *PERIOD)
    simulations = [prepared.simulation(prepared.spec.with_hyperparameters({"fast": fast})) for fast in (8, 9, 10, 11)]
    for future in [pool.submit(simulation, 600, None) for simulation in simulations]:
        assert not future.result().failure
    time.sleep(1)
    warm = _proportional(_processes())
    return {
        "a worker that just started, MB": _megabytes(fresh["worker"]),
        "a worker after a year of 1h, MB": _megabytes(warm["worker"]),
        "the server that they are forked from, MB": _megabytes(warm["server"]),
        "this process, MB": _megabytes(warm["kernel"]),
    }


def scale(folder: Path, days: int) -> dict[str, Any]:
    """Return what an optimization over much data needs."""
    store = CandleStore(folder / "candles")
    for symbol in SYMBOLS:
        store.write(EXCHANGE, symbol, _tiled(real_candles("BTC-USDT" if symbol[0] in "BL" else "ETH-USDT"), days + 60))
    real_candles.cache_clear()
    start = 1_609_459_200_000 + 60 * 86_400_000
    samples: list[dict[str, list[float]]] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            samples.append(_proportional(_processes(), ".npy"))

    watching = threading.Thread(target=watch)
    watching.start()
    began = time.perf_counter()
    result = optimize(routes=[(CROSSING, symbol, "4h") for symbol in SYMBOLS], start=start,
                      end=start + days * 86_400_000, n_trials=3, n_jobs=2, test_ratio=0, neighbours=0, parity=False,
                      exchange=EXCHANGE, candles=store, store=folder / "runs.sqlite")
    seconds = time.perf_counter() - began
    over.set()
    watching.join()
    assert isinstance(result, OptimizeResult)
    most = max(samples, key=lambda sample: sum(map(sum, sample.values())) - sum(sample["resident of .npy"])
               - sum(sample[".npy"]))
    together = max(samples, key=lambda sample: min(sample["resident of .npy"], default=0.0)
                   if len(sample["resident of .npy"]) == 2 else 0.0)
    return {
        "candles, one-minute, of four symbols": 4 * (days + 60) * 1440,
        "their files, MB": round(4 * (days + 60) * 1440 * 48 / MB),
        "study of 3 trials and the baseline, s": round(seconds, 1),
        "seconds of each simulation": [round(trial.seconds, 1) for trial in result.trials],
        "largest sum of all processes, MB": round(sum(sum(most[kind]) for kind in ("kernel", "server", "worker")) / MB),
        "of that this process, MB": _megabytes(most["kernel"]),
        "of that the server, MB": _megabytes(most["server"]),
        "of that workers, MB": _megabytes(most["worker"]),
        "mapped candles in memory, as each worker sees them, MB": _megabytes(together["resident of .npy"]),
        "each worker's part of them, MB": _megabytes(together[".npy"]),
    }


def growth(folder: Path, trials: int) -> dict[str, Any]:
    """Return by how much this process grows for each trial, while the store answers."""
    store = _stored(folder, ["BTC-USDT"])
    prepared = prepare(Request(strategy=STRATEGY, symbol="BTC-USDT", timeframe="1h", candles=store), *PERIOD)
    record = local_pool().submit(prepared.simulation(prepared.spec), 600, None).result().value
    runs = RunStore(folder / "runs.sqlite")
    metrics = resolve_metrics("sharpe")
    search = Search(Space.parse(SPACE), metrics, sampler="random", seed=0, n_trials=trials, workers=2)
    while not search.ended:
        number, params = search.ask()
        search.tell(number, (0.0,))
        runs.put(prepared.spec.with_hyperparameters(params), record)
    del search
    return _grown(trials, lambda: optimize(
        STRATEGY, "BTC-USDT", "1h", *PERIOD, space=SPACE, n_trials=trials, sampler="random", test_ratio=0,
        neighbours=0, parity=False, candles=store, store=runs, background=True))


def simulated(folder: Path, trials: int) -> dict[str, Any]:
    """Return by how much this process grows for each trial that is simulated."""
    store = _stored(folder, ["BTC-USDT"])
    return _grown(trials, lambda: optimize(
        STRATEGY, "BTC-USDT", "1h", "2024-05-01", "2024-05-03", space=SPACE, n_trials=trials, sampler="random",
        test_ratio=0, neighbours=0, parity=False, candles=store, store=folder / "runs.sqlite", background=True))


PARTS: dict[str, Callable[[Path, Any], dict[str, Any]]] = {
    "idle": idle, "scale": scale, "growth": growth, "simulated": simulated}


def _grown(trials: int, start: Callable[[], Any]) -> dict[str, Any]:
    early, late, resident = trials // 5, trials * 24 // 25, {}  # the search is over when the last notice comes
    at_the_end: dict[str, float] = {}
    began = time.perf_counter()
    report = OptimizeJob._report

    def reported(study: OptimizeJob, evaluator: Any) -> None:  # in the job's own thread, which waits meanwhile
        report(study, evaluator)
        done = len(study._trials)
        if done >= early and "early" not in resident:
            resident["early"] = done, _resident()
        if done >= late and "late" not in resident:
            resident["late"] = done, _resident()
            at_the_end.update(_parts(study, done))

    with mock.patch.object(OptimizeJob, "_report", reported):
        job: Job[OptimizeResult] = start()
        result = job.result()
    seconds = time.perf_counter() - began
    (first, before), (last, after) = resident["early"], resident["late"]
    over = _resident()
    return {
        "trials": len(result.trials),
        "seconds": round(seconds, 1),
        f"resident after {first:,} trials, MB": round(before / MB, 1),
        f"resident after {last:,} trials, MB": round(after / MB, 1),
        "growth for each trial, kB": round((after - before) / (last - first) / 1024, 2),
        **{f"of that {name}, kB": round(size / 1024, 2) for name, size in at_the_end.items()},
        "resident once it is over, MB": round(over / MB, 1),
        "held by the result for each trial, kB": round(_size([result.trials, result.returns]) / trials / 1024, 2),
    }


def _parts(study: OptimizeJob, done: int) -> dict[str, float]:
    """Return the bytes a trial of what a running study keeps."""
    search = max((one for one in gc.get_objects() if isinstance(one, Search)), key=lambda one: one._asked)
    seen: set[int] = set()
    kept = {
        "the trials themselves": study._trials,
        "equity curves": study._equities,
        "Optuna's study": search._study._storage,
        "what else the search keeps": search,
        "what else the study keeps": study,
    }
    return {name: _size([thing], seen) / done for name, thing in kept.items()}


def _size(things: Iterable[Any], seen: set[int] | None = None) -> int:
    """Return the bytes of some objects and all that they refer to, each once."""
    seen = set() if seen is None else seen
    waiting, total = list(things), 0
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, type | ModuleType | FunctionType | threading.Thread | Job):
            continue
        seen.add(id(thing))
        # What pandas answers includes the arrays, which come by themselves.
        pandas = isinstance(thing, pd.Series | pd.DataFrame | pd.Index)
        total += object.__sizeof__(thing) if pandas else sys.getsizeof(thing)
        if isinstance(thing, np.ndarray) and thing.base is not None:
            waiting.append(thing.base)
        waiting.extend(gc.get_referents(thing))
    return total


def _resident() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


def _stored(folder: Path, symbols: Iterable[str]) -> CandleStore:
    store = CandleStore(folder / "candles")
    for symbol in symbols:
        store.write(EXCHANGE, symbol, real_candles(symbol))
    return store


def _tiled(candles: np.ndarray, days: int) -> np.ndarray:
    """Return so many days of one-minute candles from 2021 on: the same ones over and over."""
    rows = np.arange(days * 1440)
    tiled = candles[rows % len(candles)].copy()
    tiled[:, 0] = 1_609_459_200_000 + rows * 60_000.0
    return tiled


def _processes() -> dict[str, list[int]]:
    """Return the numbers of this process, of the workers' server and of the workers."""
    this = psutil.Process()
    found: dict[str, list[int]] = {"kernel": [this.pid], "server": [], "worker": []}
    for child in this.children():
        if "forkserver" in " ".join(child.cmdline()):
            found["server"].append(child.pid)
            found["worker"] += [worker.pid for worker in child.children()]
    return found


def _proportional(processes: dict[str, list[int]], mapped: str = "") -> dict[str, list[float]]:
    """Return the proportional set sizes, bytes; with ``mapped``, also the workers' parts of files named so."""
    sizes: dict[str, list[float]] = {}
    for kind, numbers in processes.items():
        texts = [_read(f"/proc/{number}/smaps_rollup") for number in numbers]
        sizes[kind] = [1024.0 * int(re.search(r"^Pss: +(\d+)", text, re.MULTILINE)[1]) for text in texts if text]
    if mapped:
        parts = [_of_files(_read(f"/proc/{number}/smaps"), mapped) for number in processes["worker"]]
        sizes[f"resident of {mapped}"] = [resident for resident, _ in parts if resident]
        sizes[mapped] = [part for resident, part in parts if resident]
    return sizes


def _of_files(smaps: str, ending: str) -> tuple[float, float]:
    resident = part = 0
    inside = False
    for line in smaps.splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            inside = line.endswith(ending)
        elif inside and line.startswith("Rss:"):
            resident += int(line.split()[1])
        elif inside and line.startswith("Pss:"):
            part += int(line.split()[1])
    return 1024.0 * resident, 1024.0 * part


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:  # the process has ended meanwhile
        return ""


def _megabytes(sizes: Iterable[float]) -> list[float]:
    return [round(size / MB, 1) for size in sizes]


if __name__ == "__main__":
    main()
