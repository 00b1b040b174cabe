"""From a new kernel to the first finished trial. Run it: ``python -m tests.benchmarks.cold_start``.

Method. A real IPython kernel is started, as JupyterLab starts it (JupyterLab is installed, which slows Jesse's
import unless it is prevented). The clock starts with the kernel's process. Then ``%load_ext jesse_nb`` runs in it,
then a ``%%optimize`` cell of the README's strategy: 12 months of BTC-USDT 1h, a quarter of them held out, an empty
run store. The clock stops when the job tells of its first finished trial. The candles are stored, and
mapped for workers, as they are after the very first run of a machine; a first round, which is not counted, sees
to that and to the file cache.

Each round is done twice: the cell is run *at once*, as "run all cells" does it, and *after 3 s*, in which
somebody types it. These 3 s do not count; what was warmed up in them does. The median of the rounds is quoted,
with how much of the processor the two processes needed up to the first trial: on a busy machine it tells more
than the clock.

What the time goes into: a thread in the kernel notes when workers were ready and when the job began; the first
trial's record has its own seconds. ``--imports`` lists what costs most while the server that workers are forked
from imports Jesse (``python -X importtime``, by subtree).
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import re
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.candles.mapped import CandleCache
from tests.benchmarks.throughput import PERIOD
from tests.conftest import EXCHANGE, real_candles

ROOT = Path(__file__).parents[2]

GOALS = {"first trial, s": 4.0, "%load_ext, s": 0.3}

CELL = """%%optimize -s BTC-USDT -t 1h --start {} --end {} --trials 4 --neighbours 0 --no-parity -o study
class TrendFollower(Strategy):
    def should_long(self):
        return ta.ema(self.candles, self.hp["fast"]) > ta.ema(self.candles, self.hp["slow"])

    def go_long(self):
        self.buy = utils.size_to_qty(0.9 * self.available_margin, self.price, fee_rate=self.fee_rate), self.price

    def on_open_position(self, order):
        distance = self.hp["stop"] * ta.atr(self.candles, 14)
        self.stop_loss = self.position.qty, self.average_entry_price - distance

    def update_position(self):
        if not self.should_long():
            self.liquidate()

space = dict(fast=(5, 30), slow=(31, 120), stop=(1.0, 5.0, 0.5))
""".format(*PERIOD)

#: Notes moments from within the kernel, without importing anything that is not there.
WATCH = """
def _watch():
    import contextlib, sys, threading, time
    import psutil
    moments = {}
    from jesse_nb.core.jobs.job import add_watcher
    def began(job):
        moments["job"] = time.time()
        def heard(progress):
            if progress.done and "trial" not in moments:
                moments["trial"] = time.time()
                moments["kernel used"] = sum(psutil.Process().cpu_times()[:2])
                moments["workers used"] = 0.0
                for process in psutil.Process().children(recursive=True):
                    with contextlib.suppress(psutil.Error):  # that has ended meanwhile
                        moments["workers used"] += sum(process.cpu_times()[:2])
        job.subscribe(heard)
    add_watcher(began)
    def workers():
        while "jesse_nb.core.jobs.pool" not in sys.modules:
            time.sleep(0.02)
        from jesse_nb.core.jobs.pool import local_pool
        local_pool().ready()
        moments["workers"] = time.time()
    threading.Thread(target=workers, daemon=True).start()
    return moments
_moments = _watch()
"""

ASK = """
import json
print(json.dumps({**_moments, "seconds": study.trials[0].seconds}))
"""


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--imports", action="store_true", help="list what the workers' server spends on imports")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.rounds)
    if options.imports:
        figures["imports of the workers' server, ms"] = server_imports()
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        if isinstance(value, dict):
            print(name)
            for inner, number in value.items():
                print(f"  {inner:<56} {number}")
        else:
            print(f"{name:<58} {value}")


def measure(rounds: int, waits: tuple[float, ...] = (0.0, 3.0), days: int | None = None) -> dict[str, Any]:
    """Return the figures.

    Parameters
    ----------
    rounds
        How often a kernel is started for each of the waits.
    waits
        Seconds between ``%load_ext`` and the cell.
    days
        In place of all candles, the last ones only (of the cell's period).
    """
    figures: dict[str, Any] = {"JupyterLab": version("jupyterlab"), "cores": os.cpu_count(), "rounds": rounds}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = CandleStore(folder / "candles")
        store.write(EXCHANGE, "BTC-USDT", real_candles("BTC-USDT"))
        CandleCache(store).path(EXCHANGE, "BTC-USDT")
        taken: dict[float, list[dict[str, float]]] = {wait: [] for wait in waits}
        for number in range(rounds + 1):
            for wait in waits if number else waits[:1]:
                once = start(store, folder / f"{number}-{wait:g}", wait)
                if number:
                    taken[wait].append(once)
    for wait, rows in taken.items():
        middle = {column: round(statistics.median(row[column] for row in rows), 2) for column in rows[0]}
        figures[f"cell run {f'after {wait:g} s' if wait else 'at once'}"] = {
            **middle, "first trial, each round": [round(row["first trial, s"], 2) for row in rows]}
    figures["goals, at most"] = GOALS
    return figures


def start(store: CandleStore, folder: Path, wait: float) -> dict[str, float]:
    """Start a kernel, load the extension, run the cell after ``wait`` seconds; return what took how long."""
    folder.mkdir()
    manager = KernelManager()
    manager.kernel_spec.argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    environment = {**os.environ, "JESSE_NB_CANDLES": str(store.root), "JESSE_NB_STORE": str(folder / "runs.sqlite"),
                   "JESSE_NB_JOBS": str(folder / "jobs"), "IPYTHONDIR": str(folder / "ipython"),
                   "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
    began = time.time()
    manager.start_kernel(cwd=str(folder), env=environment)
    client = manager.client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=60)
        ready = time.time()
        _run(client, "%load_ext jesse_nb")
        loaded = time.time()
        _run(client, WATCH, silent=True)
        time.sleep(wait)
        ran = time.time()
        _run(client, CELL)
        moments = json.loads(_run(client, ASK))
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
    return {
        "first trial, s": moments["trial"] - began - wait,
        "kernel ready, s": ready - began,
        "%load_ext, s": loaded - ready,
        "from running the cell to the first trial, s": moments["trial"] - ran,
        "of that until the job begins (cell, Jesse in the kernel), s": moments["job"] - ran,
        "of that until a worker is ready, s": max(0.0, moments["workers"] - max(moments["job"], ran)),
        "of that the first simulation itself, s": moments["seconds"],
        "processor until then: kernel, s": moments["kernel used"],
        "processor until then: server and workers, s": moments["workers used"],
    }


def _run(client: Any, code: str, *, silent: bool = False) -> str:
    """Run a cell and return what it prints."""
    request = client.execute(code, silent=silent)
    printed = ""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            message = client.get_iopub_msg(timeout=1)
        except queue.Empty:
            continue
        if message["parent_header"].get("msg_id") != request:
            continue
        kind, content = message["msg_type"], message["content"]
        if kind == "error":
            raise RuntimeError("\n".join(content["traceback"]))
        if kind == "stream":
            printed += content["text"]
        if kind == "status" and content["execution_state"] == "idle":
            return printed
    raise TimeoutError(code)


def server_imports(most: int = 15) -> dict[str, float]:
    """Return the milliseconds of the dearest subtrees that the server imports, each without the others listed."""
    report = subprocess.run([sys.executable, "-X", "importtime", "-c", "import jesse_nb.core.jobs.preload"],
                            capture_output=True, text=True, check=True,
                            env={**os.environ, "PYTHONPATH": str(ROOT)}).stderr
    own: dict[str, float] = {}
    for line in report.splitlines():
        found = re.match(r"import time:\s+(\d+) \|\s+(\d+) \|\s+(\S+)", line)
        if found:
            package = found[3].partition(".")[0]
            own[package] = own.get(package, 0.0) + int(found[1]) / 1000
    dearest = sorted(own, key=own.__getitem__, reverse=True)[:most]
    return {"all": round(sum(own.values())), **{name: round(own[name]) for name in dearest}}


if __name__ == "__main__":
    main()
