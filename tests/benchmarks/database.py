"""What reading from PostgreSQL costs beside a raw COPY. Run it: ``python -m tests.benchmarks.database``.

Method. A real PostgreSQL on this machine, a table that Jesse itself made, 12 months of BTC-USDT (2023) among
18, written by ``candles_to_database``. In turns: a raw ``COPY`` of the same rows and columns, as text, into
memory (``io.BytesIO``, nothing parsed); ``CandleDatabase.read`` of them, which gives a float64 array; and
``candles_from_database`` into an empty store, which also checks, fingerprints and compresses them. The
median of the ratios read / COPY is quoted. Memory is what ``read`` allocated at its peak, of Python and
NumPy (tracemalloc) and of Arrow, beside the array that it returns.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa

from jesse_nb.core.candles.database.database import CandleDatabase
from jesse_nb.core.candles.database.database_copy import candles_from_database, candles_to_database
from jesse_nb.core.candles.project import database_settings
from jesse_nb.core.candles.store import CandleStore
from jesse_nb.core.times import to_ms
from tests.candles.jesse_database import JESSE_WROTE, JesseDatabase, jesse_days, running_server
from tests.conftest import EXCHANGE, real_candles

SERIES = (EXCHANGE, "BTC-USDT")
PERIOD = (to_ms("2023-01-01"), to_ms("2024-01-01"))
COPY = """COPY (SELECT timestamp, open, close, high, low, volume FROM candle WHERE exchange = '{}' AND symbol = '{}'
AND timeframe = '1m' AND timestamp >= {} AND timestamp < {}) TO STDOUT"""


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder) / "project") as database:
        figures = measure(database, Path(folder), options.rounds)
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:<58} {value}")


def measure(database: JesseDatabase, folder: Path, rounds: int) -> dict[str, Any]:
    """Return seconds, ratios and memory."""
    database.jesse_writes(*JESSE_WROTE, jesse_days())  # makes the table
    local = CandleStore(folder / "local")
    local.write(*SERIES, real_candles("BTC-USDT"))
    written, _ = timed(lambda: candles_to_database("BTC-USDT", project=database.folder, store=local))
    database.run("ANALYZE candle")
    source = CandleDatabase(database_settings(database.folder))
    copied, read, stored = [], [], []
    for number in range(rounds + 1):
        raw, _ = timed(lambda: raw_copy(database))
        reading, candles = timed(lambda: source.read(*SERIES, *PERIOD))
        into, _ = timed(lambda number=number: candles_from_database(
            "BTC-USDT", start=PERIOD[0], end=PERIOD[1], project=database.folder,
            store=CandleStore(folder / f"store{number}")))
        if number:  # the first round warms PostgreSQL's cache
            copied, read, stored = [*copied, raw], [*read, reading], [*stored, into]
    ratios = [ours / raw for ours, raw in zip(read, copied, strict=True)]
    tracemalloc.start()
    pool = pa.proxy_memory_pool(pa.default_memory_pool())
    pa.set_memory_pool(pool)
    candles = source.read(*SERIES, *PERIOD)
    peak = tracemalloc.get_traced_memory()[1] - candles.nbytes
    tracemalloc.stop()
    arrow = pool.max_memory()
    return {
        "candles": len(candles),
        "writing 18 months to the database, s": round(written, 1),
        "raw COPY as text into memory, s": round(statistics.median(copied), 2),
        "read into an array, s": round(statistics.median(read), 2),
        "into the store (checked, compressed, on disk), s": round(statistics.median(stored), 2),
        "read / raw COPY, each round": [round(ratio, 2) for ratio in ratios],
        "read / raw COPY, median": round(statistics.median(ratios), 2),
        "array, MB": round(candles.nbytes / 1e6, 1),
        "peak beside it, MB (Python and NumPy; Arrow)": (round(peak / 1e6, 1), round(arrow / 1e6, 1)),
    }


def raw_copy(database: JesseDatabase) -> int:
    """Return the bytes of a COPY that nobody looks at."""
    memory = io.BytesIO()
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.copy_expert(COPY.format(*SERIES, *PERIOD), memory)
    return memory.tell()


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return seconds and value."""
    began = time.perf_counter()
    value = call()
    return time.perf_counter() - began, value


if __name__ == "__main__":
    main()
