"""How fast what has finished is answered. Run it: ``python -m tests.benchmarks.repeats``.

Method. Everything is called as a user calls it, with default settings: 12 months of real BTC-USDT 1h, and for the
study a held-out period, neighbours, parity, and all else that ``optimize`` works out before it returns. What is timed
is the whole call, from this process, whose workers and modules are warm:

- a backtest, with the strategy as source text and as a class of ``__main__``, as one from a notebook's cell is; the
  median of many calls. Its trades become a table only when they are looked at, so that is timed beside it;
- a study of 100 trials, the median of some calls, and the same once more in a new process, which has nothing in memory;
- both again, the keeping of a run, the opening of the store, its ledger and the list of ``%runs``, with run stores of
  about 1,000 and 100,000 runs (``--runs``), in turns within one run of this script; the goal is a ratio of 2. The
  stores are filled with real packed records of one-month runs on the same data, written in bulk
  under made-up keys, so that a study that counts earlier looks at its data counts them all.

The machine's load is printed, as it slows everything: ratios are more telling than milliseconds. ``CPU`` is the time
that this process's threads took, which other programs lengthen less.
"""

from __future__ import annotations

import argparse
import json
import linecache
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import jesse_nb as jn
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.jobs.store.tables import COLUMNS
from tests.conftest import EXCHANGE, real_candles

PERIOD = ("2023-06-01", "2024-05-31")
MONTH = ("2023-07-01", "2023-08-01")
SPACE = {"fast": (5, 30), "slow": (31, 120), "stop": (1.0, 5.0, 0.5)}
SOURCE = (Path(jn.__file__).parent / "quickstart.py").read_text()
FEW, MANY = 1_000, 100_000
VALUES = ", ".join(["lower(hex(randomblob(16)))", *COLUMNS["runs"][1:-2], "NULL", "NULL"])

# The class, as a notebook's cell defines it.
linecache.cache["<a cell>"] = (len(SOURCE), None, SOURCE.splitlines(keepends=True), "<a cell>")
exec(compile(SOURCE, "<a cell>", "exec"), globals())


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--backtests", type=int, default=200, help="calls of each kind")
    parser.add_argument("--studies", type=int, default=5, help="calls of each kind")
    parser.add_argument("--runs", type=int, default=MANY, help="how many the large store has")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["JESSE_NB_CANDLES"] = str(folder / "candles")
        os.environ["JESSE_NB_STORE"] = str(folder / "small")
        CandleStore().write(EXCHANGE, "BTC-USDT", real_candles("BTC-USDT"))
        figures = measure(folder, options.backtests, options.studies, options.runs)
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:<66} {value}")


def measure(folder: Path, backtests: int, studies: int, many: int) -> dict[str, Any]:
    """Return all figures."""
    first = time.perf_counter()
    study()
    first = time.perf_counter() - first
    backtest(SOURCE)
    backtest(notebook_class())
    fill(folder, Path(os.environ["JESSE_NB_STORE"]) / "runs.sqlite", many)
    time.sleep(3)  # a file is remembered once it was written long enough ago to tell the next writing apart
    figures: dict[str, Any] = {
        "load of the machine (1 minute)": round(os.getloadavg()[0], 1),
        "study of 100 trials, simulated, s": round(first, 2),
        **figure("backtest answered, source text", [timed(lambda: backtest(SOURCE)) for _ in range(backtests)]),
        **figure("backtest answered, class", [timed(lambda: backtest(notebook_class())) for _ in range(backtests)]),
        **figure("... and its table of trades",
                 [timed(lambda: backtest(SOURCE).trades) for _ in range(backtests)]),
    }
    stores = {f"{count:,} runs": folder / name for count, name in ((FEW, "small"), (many, "large"))}
    calls: dict[str, Callable[[], Any]] = {
        "backtest": lambda: backtest(SOURCE), "study": study, "keeping a run": keep,
        "opening": lambda: RunStore().close(),
        "ledger": lambda: store_at(os.environ["JESSE_NB_STORE"]).ledger(),
        "%runs": lambda: store_at(os.environ["JESSE_NB_STORE"]).recent()}
    times: dict[tuple[str, str], list[tuple[float, float]]] = {(call, size): [] for call in calls for size in stores}
    for size, place in stores.items():
        os.environ["JESSE_NB_STORE"] = str(place)
        figures[f"{size}: the store has"] = f"{RunStore().count():,}"
        for call in calls.values():
            call()
    for number in range(backtests):  # in turns, so that both have the same neighbours on the machine
        for size, place in stores.items():
            os.environ["JESSE_NB_STORE"] = str(place)
            for name, call in calls.items():
                if name not in ("study", "ledger") or number < studies:
                    times[name, size].append(timed(call))
    for name in calls:
        one, other = (statistics.median(time for time, _ in times[name, size]) for size in stores)
        for size in stores:
            figures |= figure(f"{name}, {size}", times[name, size])
        figures[f"{name}: {many:,} runs over {FEW:,}, ratio"] = round(other / one, 2)
    figures["study, in a new process, s"] = round(statistics.median(in_new_process() for _ in range(3)), 2)
    return figures


def backtest(strategy: Any) -> Any:
    """Return the year's backtest."""
    return jn.backtest(strategy, "BTC-USDT", "1h", *PERIOD)


def study() -> Any:
    """Return the year's study."""
    return jn.optimize(SOURCE, "BTC-USDT", "1h", *PERIOD, space=SPACE)


def notebook_class() -> Any:
    """Return the strategy's class."""
    return globals()["TrendFollower"]


_kept = iter(range(10**9))


def keep() -> None:
    """Keep a run of the year under a new key."""
    spec, record = year_run()
    store_at(os.environ["JESSE_NB_STORE"]).put(replace(spec, hyperparameters={"kept": next(_kept)}), record)


@cache
def year_run() -> Any:
    """Return the year's spec and its record."""
    result = backtest(SOURCE)
    found = RunStore().find(result.key)
    assert found is not None
    return result.spec, found.record


@cache
def store_at(folder: str) -> RunStore:
    """Return the store of a folder, opened once, as a job does."""
    return RunStore(Path(folder) / "runs.sqlite")


def fill(folder: Path, small: Path, many: int) -> None:
    """Bring the store to ``FEW`` runs, and make a second one with ``many``, from real runs of a month."""
    for fast in range(5, 25):
        jn.backtest(SOURCE, "BTC-USDT", "1h", *MONTH, hyperparameters={"fast": fast})
    large = folder / "large" / "runs.sqlite"
    large.parent.mkdir()
    with sqlite3.connect(small) as connection:
        connection.execute("VACUUM INTO ?", (str(large),))
    for place, wanted in ((small, FEW), (large, many)):
        with sqlite3.connect(place) as connection:
            connection.execute("PRAGMA synchronous=OFF")
            have = connection.execute("SELECT COUNT(*) FROM runs").fetchone()[0]
            month = connection.execute("SELECT COUNT(*) FROM runs WHERE end_ms - start_ms < 3000000000").fetchone()[0]
            assert month >= 20
            connection.execute(f"""
                INSERT INTO runs WITH RECURSIVE number(n) AS (
                    SELECT 0 UNION ALL SELECT n + 1 FROM number LIMIT {wanted})
                SELECT {VALUES} FROM number JOIN (
                    SELECT *, row_number() OVER (ORDER BY key) - 1 AS place FROM runs
                    WHERE end_ms - start_ms < 3000000000) AS real ON real.place = n % {month}
                LIMIT {wanted - have}
            """)
            connection.execute("PRAGMA user_version=4")  # whose rows may have no checksums yet
        connection.close()
        RunStore(place).close()  # gives them theirs


def timed(call: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds that a call takes by the clock, and of this process."""
    began, used = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - began, time.process_time() - used


def figure(name: str, times: list[tuple[float, float]]) -> dict[str, str]:
    """Return medians as they are printed."""
    wall, used = (statistics.median(column) * 1000 for column in zip(*times, strict=True))
    return {name: f"{wall:.1f} ms (CPU {used:.1f} ms)"}


NEW_PROCESS = """
import time
import jesse_nb as jn
from tests.benchmarks.repeats import study
from jesse_nb.core.jobs import pool
began = time.perf_counter()
study()
print(time.perf_counter() - began)
assert pool._shared is None
"""


def in_new_process() -> float:
    """Return the seconds of a finished study in a process that just began; it starts no workers."""
    found = subprocess.run([sys.executable, "-c", NEW_PROCESS], capture_output=True, text=True, check=True, timeout=120)
    return float(found.stdout.split()[-1])


if __name__ == "__main__":
    main()
