"""Whether a kernel that goes on for days holds more and more. Linux only."""

from __future__ import annotations

import gc
import os
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

import jesse_nb as jn
from jesse_nb.core.candles.demo import install_demo
from tests.jobs.strategies import CROSSING

TRIALS = 50
MB = 2**20

#: What no plain strategy does, and no harm either.
_UNPROVED = CROSSING.replace("return ta.sma", "assert self.price > 0\n        return ta.sma", 1)

HELD = ("kernel's memory, MB", "workers' memory, MB", "kernel's open files", "workers' open files", "processes",
        "kernel's threads", "temporary files")


class Campaign:
    """Studies of 50 short trials, one after the other: private memory, open files, processes and temporary files.

    Every second study is of a strategy whose runs share a process, every other of one with a process for each run. What
    is printed is the slope by least squares over the studies after the first fifth: 400 studies are 20,000 trials.
    """

    def __init__(self, folder: Path) -> None:
        self._temporary = folder / "tmp"
        self._temporary.mkdir()
        self._before = os.environ.get("TMPDIR"), tempfile.tempdir
        os.environ["TMPDIR"] = tempfile.tempdir = str(self._temporary)
        install_demo()
        self._seen: list[list[float]] = []

    def draw(self, random: Random) -> str:
        """Run one study, and look at what is held after it."""
        source = (CROSSING, _UNPROVED)[len(self._seen) % 2]
        study = jn.optimize(source, "BTC-USDT", "1h", "2023-03-01", "2023-03-11", n_trials=TRIALS, neighbours=0,
                            seed=random.getrandbits(31), exchange="Demo (synthetic)", store=None, n_jobs=2)
        assert len(study.to_frame()) == TRIALS
        del study
        gc.collect()
        self._seen.append(self._held())
        return f"studies of {TRIALS} trials"

    def close(self) -> None:
        """Print by how much it grows."""
        variable, tempfile.tempdir = self._before
        os.environ.pop("TMPDIR")
        if variable is not None:
            os.environ["TMPDIR"] = variable
        rest = np.array(self._seen)[len(self._seen) // 5 :]
        if len(rest) > 2:
            for name, column in zip(HELD, rest.T, strict=True):
                slope, error = _slope(column)
                print(f"{name:22}{column[0]:8.1f} at first, {column[-1]:8.1f} at last, {slope:+.3f} for 1,000 trials "
                      f"(standard error {error:.3f})")

    def _held(self) -> list[float]:
        kernel = psutil.Process()
        family = kernel.children(recursive=True)
        workers = [process for process in family if "forkserver" in " ".join(process.cmdline())]
        return [_private(kernel), sum(map(_private, workers)), kernel.num_fds(),
                sum(process.num_fds() for process in workers), 1 + len(family), kernel.num_threads(),
                sum(1 for _ in self._temporary.rglob("*"))]


def _private(process: Any) -> float:
    return float(process.memory_full_info().uss) / MB


def _slope(column: NDArray[np.float64]) -> tuple[float, float]:
    """Return the slope for 1,000 trials, and its standard error."""
    at = np.arange(len(column)) * TRIALS / 1_000
    design = np.column_stack([np.ones(len(at)), at])
    line = np.linalg.lstsq(design, column, rcond=None)[0]
    left = column - design @ line
    error = np.sqrt(left @ left / (len(at) - 2) / ((at - at.mean()) ** 2).sum())
    return float(line[1]), float(error)
