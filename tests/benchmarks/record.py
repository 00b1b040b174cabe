"""How fast the research record is. Run it: ``python -m tests.benchmarks.record [RESULTS]``.

Method. One year of BTC-USDT 1h is simulated once; its result is kept under many names, which is what is timed for one
("keep a backtest"), then so many copies of its file (10,000) are written with other names, tags, times and metrics.
Listed and filtered is by the public function, from an index that is there, and once from none. ``CPU`` is the time that
this process took, which other programs lengthen less.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jesse_nb as jn
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.record.about import about
from jesse_nb.core.record.files import ENDING, StoredResult, read_result, write_result
from jesse_nb.core.record.labels import labels_of
from jesse_nb.core.record.result_store import ResultStore
from tests.conftest import EXCHANGE, real_candles
from tests.jobs.strategies import CROSSING

ASKED: dict[str, dict[str, Any]] = {
    "the newest 20": {}, "of a tag and a text": {"tags": "t3", "text": "n4"}, "of a week": {"week": "2023-W48"},
    "where metrics hold": {"metric": "sharpe > 1, trades >= 5"}, "the best by Sharpe": {"sort": "sharpe"},
    "all": {"limit": 1_000_000},
}


def figures(folder: Path, count: int) -> dict[str, float]:
    """Return milliseconds by what took them; those of this process' processor end in CPU."""
    os.environ |= {"JESSE_NB_STORE": str(folder), "JESSE_NB_KEEP_RESULTS": "0"}
    store = CandleStore(folder / "candles")
    store.write(EXCHANGE, "BTC-USDT", real_candles("BTC-USDT"))
    run = jn.backtest(CROSSING, "BTC-USDT", "1h", "2023-06-01", "2024-05-31", candles=store)
    results, found = ResultStore(), {}
    takes = [_timed(partial(_keep, results, run, f"x{number}")) for number in range(20)]
    found["keep a backtest"], found["keep a backtest, CPU"] = map(statistics.median, zip(*takes, strict=True))
    file = next(results.folder.glob(f"*{ENDING}"))
    stored, draw = read_result(file), random.Random(1)
    for number in range(count):
        key = f"{number:016x}"
        entry = replace(stored.entry, key=key, name=f"n{number % 50}", tags=(f"t{number % 7}",),
                        when=1.7e9 + number * 600, metrics={**stored.entry.metrics, "sharpe_ratio": draw.gauss(0, 1)})
        write_result(results.folder / f"{key}{ENDING}", StoredResult(entry, stored.content))
    asked: dict[str, Callable[[], Any]] = {"listed first, without an index": jn.results}
    asked |= {f"listed: {name}": lambda chosen=chosen: jn.results(**chosen) for name, chosen in ASKED.items()}
    asked["opened by name"] = lambda: jn.load("n7")
    for name, ask in asked.items():
        found[name], found[f"{name}, CPU"] = _timed(ask)
    return found


def _keep(results: ResultStore, run: jn.BacktestResult, name: str) -> None:
    results.keep(run, about(run, "backtest"), labels_of(name))


def _timed(work: Callable[[], Any]) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - wall) * 1_000, (time.process_time() - processor) * 1_000


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    count = int(arguments[0]) if arguments else 10_000
    with tempfile.TemporaryDirectory() as folder:
        print(f"{count:,} results, load {os.getloadavg()[0]:.1f}")
        for name, value in figures(Path(folder), count).items():
            print(f"  {name:44} {value:10.1f} ms")


if __name__ == "__main__":
    main(sys.argv[1:])
