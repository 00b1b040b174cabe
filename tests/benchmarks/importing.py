"""How long an import takes, and how much memory. Run it: ``python -m tests.benchmarks.importing``.

Method. Monthly zips of one symbol as an exchange's archive has them (12 columns, no header, about 43,800 minutes each)
are written first: 12, 36, and 60, which are five years. Each number is imported from its folder in a process of its
own, into an empty store. Told are seconds of the clock and of the processor, the peak of the resident set beyond what
the process has before, and how often the import told how far it was; then by how much both grow with each month, by
least squares. The series itself would be 48 bytes a minute, 2 MB a month, were it in memory at once.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from jesse_nb.core.candles import CandleStore, import_candles

MB = 2**20
MONTHS = (12, 36, 60)


def write_months(folder: Path, months: int) -> int:
    """Write monthly zips; return how many minutes they have."""
    random, price, minutes = np.random.default_rng(0), 30_000.0, 0
    for month in pd.period_range("2019-01", periods=months, freq="M"):
        times = np.arange(month.start_time.value // 10**6, (month + 1).start_time.value // 10**6, 60_000)
        closes = np.round(price * np.exp(np.cumsum(random.normal(0, 2e-4, len(times)))), 2)
        opens = np.concatenate([[price], closes[:-1]]).round(2)
        spread = np.round(random.exponential(3, (2, len(times))), 2)
        table = pd.DataFrame({
            "time": times, "open": opens, "high": np.round(np.maximum(opens, closes) + spread[0], 2),
            "low": np.round(np.minimum(opens, closes) - spread[1], 2), "close": closes,
            "volume": np.round(random.exponential(20, len(times)), 5), "closing": times + 59_999,
            "quote": np.round(random.exponential(6e5, len(times)), 8), "trades": random.integers(1, 2_000, len(times)),
            "taker": np.round(random.exponential(10, len(times)), 5),
            "taker quote": np.round(random.exponential(3e5, len(times)), 8), "ignore": 0})
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"BTCUSDT-1m-{month}.csv", table.to_csv(index=False, header=False))
        (folder / f"BTCUSDT-1m-{month}.zip").write_bytes(buffer.getvalue())
        price, minutes = float(closes[-1]), minutes + len(times)
    return minutes


def imported(folder: Path, store: Path) -> dict[str, float]:
    """Import a folder; return what it took."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    told: list[tuple[int, int]] = []
    began, worked = time.perf_counter(), time.process_time()
    info = import_candles(folder, "BTC-USDT", "Binance Spot", store=CandleStore(store),
                          progress=lambda *done: told.append(done))
    return {"seconds": time.perf_counter() - began, "processor": time.process_time() - worked, "rows": info.rows,
            "peak": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before) / MB, "told": len(told)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.importing", description=__doc__)
    parser.add_argument("--months", type=int, nargs="+", default=list(MONTHS))
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.folder is not None:
        print(json.dumps(imported(chosen.folder / "zips", chosen.folder / "store")))
        return
    found = []
    for months in chosen.months:
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / "zips").mkdir()
            minutes = write_months(Path(name) / "zips", months)
            done = json.loads(subprocess.run([sys.executable, "-m", "tests.benchmarks.importing", "--folder", name],
                                             capture_output=True, text=True, check=True).stdout)
        assert done["rows"] == minutes
        found.append((months, done["processor"], done["peak"]))
        print(f"{months} months, {minutes:,} minutes: {done['seconds']:.1f} s, {done['processor']:.1f} s of processor; "
              f"peak {done['peak']:,.0f} MB more than before, of which the series is {minutes * 48 / MB:,.0f} MB; told "
              f"{done['told']} times how far it was", flush=True)
    if len(found) > 1:
        number, processor, peak = np.array(found).T
        print(f"With each month: {np.polyfit(number, processor, 1)[0]:.3f} s of processor, "
              f"{np.polyfit(number, peak, 1)[0]:+.2f} MB of the peak")


if __name__ == "__main__":
    main()
