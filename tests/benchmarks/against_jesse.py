"""Our optimize beside Jesse's own. Run it: ``python -m tests.benchmarks.against_jesse``.

Method. The same strategy (the quickstart's, three hyperparameters), 12 months of BTC-USDT 1h, Jesse's fast mode,
all cores, random search on both sides. The candles are in a real PostgreSQL, in the table that Jesse made; Jesse
reads them from there, we have them from there in our store, so both simulate the very same ones. One of Jesse's
trials is simulated by us to see that the metrics are the same numbers.

``jesse.research.optimize`` runs in one process that lives in a Jesse project with its ``.env``. Not counted:
Python's start, the import of Jesse, reading candles. Counted: the call, from its start to its end. That starts Ray
and its workers and ends them, each time, because that is what the call does. One more call leaves that out: Ray
is up and its workers have simulated before (``Ray up``). Ours is counted from the call to the result, the pool is
warm as it is after ``%load_ext``, the run store is empty.

Evaluations are those that really ran. Jesse runs ``trials`` for each hyperparameter; 400 are 402 that way. Ours are
as many: one of them the strategy's own values, and points that were drawn twice, which run once, do not count. The
ratio is that of evaluations a second. Jesse also runs each trial with a ratio above zero on a testing period; that
is set to two days, and what it costs (how many they are, times the mean of ours on these days, over the cores) is
taken off Jesse's time. Our held-out test, checks and neighbours are switched off.

Run it on a machine that does nothing else: Ray gives its workers a low priority (nice 15), so anything that runs
besides slows Jesse more than us and makes the ratio too good. The load at the start is printed, and the processor
time that an evaluation took of all processes of either side, which depends on it less.

Rounds alternate; the median of the ratios is quoted. ``--evaluations 400`` is the other goal; it takes long.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.candles.database.database_copy import candles_from_database, candles_to_database
from jesse_nb.core.jobs.pool import available_cores, local_pool
from jesse_nb.core.times import to_ms
from jesse_nb.core.tools.backtest.backtest import backtest
from jesse_nb.core.tools.optimize.optimize import optimize
from tests.benchmarks.batch import processor_seconds
from tests.benchmarks.throughput import PERIOD, SPACE, STRATEGY, alone
from tests.candles.jesse_database import JESSE_WROTE, JesseDatabase, jesse_days, running_server
from tests.conftest import EXCHANGE, real_candles

#: By evaluations.
GOALS = {42: 1.6, 400: 1.3}

TESTING = ("2024-05-31", "2024-06-02")


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--evaluations", type=int, default=42)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder) / "project") as database:
        figures = measure(database, Path(folder), options.evaluations, options.rounds)
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:<58} {value}")


def measure(database: JesseDatabase, folder: Path, evaluations: int, rounds: int,
            period: tuple[str, str] = PERIOD) -> dict[str, Any]:
    """Return seconds, counts and ratios."""
    load = os.getloadavg()[0]
    store = same_candles(database, folder)
    trials = -(-evaluations // len(SPACE))
    cores = available_cores()
    local_pool().ready(120)
    optimize(STRATEGY, "BTC-USDT", "1h", *period, space=SPACE, n_trials=2 * cores, test_ratio=0, neighbours=0,
             parity=False, candles=store, store=folder / "warm.sqlite")
    ours: list[dict[str, float]] = []
    theirs: list[dict[str, Any]] = []
    with jesse_optimizer(database, period, cores) as ask:
        for number in range(rounds):
            ours.append(our_round(store, folder / f"{number}.sqlite", period, trials * len(SPACE), number))
            theirs.append(ask(trials=trials, keep=False))
        ask(trials=1, keep=True)  # its workers import Jesse
        before = sum(processor_seconds())
        up = ask(trials=trials, keep=True)
        up["processor"] = sum(processor_seconds()) - before
    params, metrics = theirs[-1]["best"]
    same = backtest(STRATEGY, "BTC-USDT", "1h", *period, hyperparameters=params, candles=store,
                    store=folder / "same.sqlite").metrics  # type: ignore[union-attr]
    assert all(same[name] == metrics[name] for name in ("total", "net_profit", "sharpe_ratio", "win_rate"))
    two_days = statistics.mean(alone(store, [{"fast": 12, "slow": 50, "stop": 2.5}] * 5, TESTING))

    def ratio(we: dict[str, float], they: dict[str, Any], each_test: float = two_days) -> float:
        seconds = they["seconds"] - they["tested"] * each_test / cores
        return seconds / they["evaluations"] / (we["seconds"] / we["evaluations"])

    called = [ratio(we, they) for we, they in zip(ours, theirs, strict=True)]
    goal = GOALS.get(evaluations)
    return {
        "cores": cores,
        "load of the machine at the start": round(load, 1),
        "evaluations: ours, Jesse's": ([int(one["evaluations"]) for one in ours], theirs[0]["evaluations"]),
        "ours, s": round(statistics.median(one["seconds"] for one in ours), 2),
        "Jesse's, s": round(statistics.median(one["seconds"] for one in theirs), 2),
        "of Jesse's: runs on two days; each, s": (theirs[-1]["tested"], round(two_days, 3)),
        "Jesse's / ours, each round": [round(one, 2) for one in called],
        f"Jesse's / ours, median{f' (goal: {goal})' if goal else ''}": round(statistics.median(called), 2),
        "the last round, runs on two days not taken off": round(ratio(ours[-1], theirs[-1], 0.0), 2),
        "Jesse's with Ray up, once, s": round(up["seconds"], 2),
        "Jesse's with Ray up / ours of the last round": round(ratio(ours[-1], up), 2),
        "processor seconds an evaluation, ours": round(ours[-1]["processor"] / ours[-1]["evaluations"], 3),
        "processor seconds an evaluation, Jesse's with Ray up": round(up["processor"] / up["evaluations"], 3),
    }


def same_candles(database: JesseDatabase, folder: Path) -> CandleStore:
    """Put the candles into the database, and return a store with what came out of it."""
    database.jesse_writes(*JESSE_WROTE, jesse_days())  # makes the table
    whole = CandleStore(folder / "whole")
    whole.write(EXCHANGE, "BTC-USDT", real_candles("BTC-USDT"))
    candles_to_database("BTC-USDT", project=database.folder, store=whole)
    database.run("ANALYZE candle")
    store = CandleStore(folder / "candles")
    candles_from_database("BTC-USDT", project=database.folder, store=store)
    return store


def our_round(store: CandleStore, runs: Path, period: tuple[str, str], evaluations: int, seed: int) -> dict[str, float]:
    """Optimize, and return the seconds and how many simulations ran."""
    before, began = sum(processor_seconds()), time.perf_counter()
    result = optimize(STRATEGY, "BTC-USDT", "1h", *period, space=SPACE, n_trials=evaluations - 1, sampler="random",
                      seed=seed, top=1, test_ratio=0, neighbours=0, parity=False, candles=store, store=runs)
    seconds = time.perf_counter() - began
    evaluated = len({trial.key for trial in result.trials}) + 1  # type: ignore[union-attr]
    return {"seconds": seconds, "evaluations": evaluated, "processor": sum(processor_seconds()) - before}


@contextmanager
def jesse_optimizer(database: JesseDatabase, period: tuple[str, str], cores: int) -> Iterator[Any]:
    """Start Jesse's side in its project; what is given runs its optimizer once and returns what it says."""
    strategy = database.folder / "strategies" / "TrendFollower" / "__init__.py"
    strategy.parent.mkdir()
    strategy.write_text(STRATEGY)
    task = {"exchange": EXCHANGE, "symbol": "BTC-USDT", "timeframe": "1h", "strategy": "TrendFollower",
            "training": [to_ms(period[0]), to_ms(period[1])], "testing": [to_ms(moment) for moment in TESTING],
            "warm_up_candles": 240, "cores": cores}
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("PYTEST", "POSTGRES_", "JESSE", "PYTHONPATH", "RAY_"))}
    environment |= {"TZ": "UTC", "RAY_ADDRESS": "local", "RAY_AUTH_MODE": "disabled"}  # a cluster of its own
    script = Path(__file__).with_name("jesse_optimizer.py")
    process = subprocess.Popen([sys.executable, str(script), json.dumps(task)], cwd=database.folder, env=environment,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None

    def answer() -> Any:
        for line in process.stdout:
            if line.startswith("{"):  # Jesse and Ray print, too
                return json.loads(line)
        raise RuntimeError("Jesse's optimizer ended.")

    def ask(**request: Any) -> Any:
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        return answer()

    try:
        answer()
        yield ask
    finally:
        process.stdin.close()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


if __name__ == "__main__":
    main()
