"""Our time for a year beside that of backtesting.py and vectorbt. Run it: ``python -m tests.benchmarks.rivals.table``.

They are no dependencies of ours and want newer NumPy and pandas than Jesse, so they live in an environment of their
own: ``python -m venv rivals && rivals/bin/pip install backtesting vectorbt``, and then ``--python rivals/bin/python``.

Method. A year of BTC-USDT, one-hour candles: a crossing of two exponential averages with a stop at a multiple of the
average true range, 90 % of the money, a fee of 0.1 %; a hundred sets of the three numbers, drawn at random. Each round
starts one process for each of the three, one after the other, which runs a few sets to warm up (vectorbt
compiles meanwhile) and then takes the processor time of one set and of all. Ours runs on one core, without
workers and store. Quoted are the medians of the rounds, and of the rounds' ratios.

What is compared is not the same work. They look at the candles of an hour: they fill at its open or close, or where a
stop lies in its range. Ours goes through every minute with Jesse's orders, margin and fees, and makes all of Jesse's
metrics. vectorbt takes all sets at once as columns, so what one run decides cannot depend on its own trades.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.run import simulate
from jesse_nb.core.study.space import Space
from jesse_nb.core.times import to_ms
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.request import Request
from tests.benchmarks.searched import CASES

PERIOD = ("2023-06-01", "2024-05-31")
SOURCE, SYMBOL, SPACE = CASES["trend"]
NAMES = ("jesse_nb", "backtesting", "vectorbt")


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--python", help="of an environment with backtesting and vectorbt")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sets", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(ours(options.inside)))
        return
    if options.python is None:
        parser.error("--python is missing: python -m venv rivals && rivals/bin/pip install backtesting vectorbt")
    with tempfile.TemporaryDirectory() as folder:
        write_inputs(Path(folder), options.sets)
        rounds = []
        for number in range(options.rounds):
            rounds.append({name: taken(name, Path(folder), options.python) for name in NAMES})
            print(f"round {number + 1}: {json.dumps(rounds[-1])}", file=sys.stderr, flush=True)
    if options.json:
        print(json.dumps(rounds, indent=2))
        return
    print(f"{'':<14} {'one run, s':>11} {'ratio':>6} {f'{options.sets} sets, s':>12} {'ratio':>6} {'trades':>8}")
    for name in NAMES:
        cells = []
        for part in ("one", "all"):
            seconds = statistics.median(each[name][part] for each in rounds)
            ratio = statistics.median(each["jesse_nb"][part] / each[name][part] for each in rounds)
            cells += [seconds, ratio]
        print(f"{name:<14} {cells[0]:>11.3f} {cells[1]:>6.1f} {cells[2]:>12.2f} {cells[3]:>6.1f} "
              f"{rounds[0][name]['trades']:>8,}")
    print("ratio: our time over theirs; goal of one run beside backtesting: 2.0, was 3.9")


def write_inputs(folder: Path, sets: int) -> None:
    """Write what the three read: candles of a minute and of an hour, and sets of parameters."""
    from tests.conftest import EXCHANGE, real_candles  # with pytest, of which the processes that measure know nothing

    minutes = real_candles(SYMBOL)
    CandleStore(folder / "candles").write(EXCHANGE, SYMBOL, minutes)
    start, end = map(to_ms, PERIOD)
    year = minutes[(minutes[:, 0] >= start) & (minutes[:, 0] < end)]
    hours = year[: len(year) // 60 * 60].reshape(-1, 60, 6)
    np.save(folder / "hours.npy", np.column_stack([
        hours[:, 0, 0], hours[:, 0, 1], hours[:, -1, 2], hours[:, :, 3].max(1), hours[:, :, 4].min(1),
        hours[:, :, 5].sum(1)]))
    drawn = random.Random(0).sample(list(Space.parse(SPACE).grid()), sets)
    (folder / "sets.json").write_text(json.dumps(drawn))


def taken(name: str, folder: Path, python: str) -> dict[str, Any]:
    """Return what one of the three took, in a process of its own."""
    command = ([sys.executable, "-m", "tests.benchmarks.rivals.table", "--inside", str(folder)] if name == "jesse_nb"
               else [python, str(Path(__file__).with_name("others.py")), str(folder), name])
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True,
                          env=os.environ | {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"})
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def ours(folder: Path) -> dict[str, Any]:
    """Measure our own, as a worker would run it."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    os.chdir(folder)
    request = Request(strategy=SOURCE, symbol=SYMBOL, timeframe="1h", candles=CandleStore(folder / "candles"))
    prepared = prepare(request, *PERIOD)
    sets = json.loads((folder / "sets.json").read_text())

    def run(params: dict[str, Any]) -> int:
        record = simulate(prepared.simulation(prepared.spec.with_hyperparameters(params)))
        assert isinstance(record, RunRecord)
        return len(record.trades)

    for params in sets[:3]:
        run(params)
    one = []
    for _ in range(5):
        began = time.process_time()
        run(sets[0])
        one.append(time.process_time() - began)
    began = time.process_time()
    trades = sum(map(run, sets))
    return {"one": statistics.median(one), "all": time.process_time() - began, "trades": trades}


if __name__ == "__main__":
    main()
