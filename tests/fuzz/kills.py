"""Jobs whose kernel, workers and fork server are killed, stopped and continued at random moments."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import Counter
from pathlib import Path
from random import Random
from select import select

import psutil

from jesse_nb.core.candles.demo import install_demo
from tests.jobs import killed_kernel
from tests.jobs.killed_kernel import TOOLS

#: Who is killed and how often relative to the others, and by what. After a stop comes a continue.
_VICTIMS = {"run": 8, "worker": 7, "server": 3, "kernel": 2, "everything": 1}
_SIGNALS = {"SIGKILL": 5, "SIGTERM": 3, "SIGINT": 2, "SIGSTOP": 2}

#: A run that loses three processes is to blame and fails, so no more than two are taken from it: the next are killed
#: when so many more runs have been kept that whatever had lost one must be among them.
_MOST_LOSSES, _SURELY_DONE = 2, 6

#: Seconds after which a job, or a kernel's start, is taken for hanging; and in which what was killed must be gone.
_HANGS, _GONE = 300.0, 10.0


class Kernel:
    """A kernel's process, and the processes that belong to it.

    It is forked from this one, which has imported everything and started nothing: that saves most of its start.
    """

    def __init__(self) -> None:
        (self._orders_end, self._orders), (self._answers, self._answers_end) = os.pipe(), os.pipe()
        self.pid = os.fork()
        if not self.pid:
            self._live()
        os.close(self._orders_end)
        os.close(self._answers_end)
        self.losses = self.kept_at_loss = 0
        self._rest = b""
        assert self.read(_HANGS) == "ready", "a kernel does not start"

    def _live(self) -> None:
        os.setsid()
        os.close(self._orders)
        os.close(self._answers)
        try:
            killed_kernel.main(os.fdopen(self._orders_end), os.fdopen(self._answers_end, "w"))
        finally:
            os._exit(0)

    def ask(self, job: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # ended already: the next read tells
            os.write(self._orders, f"{job}\n".encode())

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._orders)
        os.close(self._answers)

    def read(self, seconds: float) -> str | None:
        """Return the next line; empty when the kernel has ended, None when nothing came in time."""
        until = time.monotonic() + seconds
        while b"\n" not in self._rest:
            if not select([self._answers], [], [], max(0.0, until - time.monotonic()))[0]:
                return None
            data = os.read(self._answers, 4096)
            if not data:
                return ""
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    def family(self) -> dict[str, list[psutil.Process]]:
        """Return who there is of each kind at this moment."""
        kernel = psutil.Process(self.pid)
        servers = [child for child in _children(kernel) if "forkserver" in " ".join(_command(child))]
        workers = [worker for server in servers for worker in _children(server)]
        runs = [run for worker in workers for run in _children(worker)]
        return {"kernel": [kernel], "server": servers, "worker": workers, "run": runs,
                "everything": [kernel, *servers, *workers, *runs]}


def _children(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return [child for child in process.children() if child.status() != psutil.STATUS_ZOMBIE]
    return []


def _command(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return list(process.cmdline())
    return []


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


class Campaign:
    """Kernels, workers and fork servers are killed: no job hangs, fails or gives another answer; nothing runs twice."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        install_demo()
        killed_kernel.import_all()
        self._kernel: Kernel | None = None
        self._expected: dict[tuple[str, int], tuple[str, set[str]]] = {}
        self._kills: Counter[tuple[str, str]] = Counter()
        self._found: Counter[str] = Counter()

    def draw(self, random: Random) -> str:
        """Run a job under some kills, and compare it with the same one left in peace."""
        tool, number = random.choice(sorted(TOOLS)), random.randrange(2)
        if (tool, number) not in self._expected:
            store = self._folder / f"expected-{tool}-{number}.sqlite"
            told = self._peacefully(f"{tool} {number} {store}")
            self._expected[tool, number] = told, set(_kept(store))
        store = self._folder / f"{tool}-{number}-{random.getrandbits(32)}.sqlite"
        told = self._disturbed(random, f"{tool} {number} {store}")
        kept = _kept(store)
        answer, runs = self._expected[tool, number]
        self._found["runs kept"] += len(set(kept))
        other = told.startswith("finished") and told != answer
        problems = {"failed": told.startswith("failed"), "another answer": other, "lost": len(runs - set(kept)),
                    "repeated": len(kept) - len(set(kept))}
        for problem, count in problems.items():
            self._found[problem] += count
        assert not any(problems.values()), (tool, number, told, answer, problems)
        return tool

    def close(self) -> None:
        """Print what was done and what came of it."""
        if self._kernel is not None:
            self._kernel.end()
        print(f"\n{sum(self._kills.values())} kills")
        for (victim, name), count in sorted(self._kills.items()):
            print(f"  {victim:12}{name:10}{count:5}")
        for what in ("hangs", "failed", "another answer", "lost", "repeated", "left behind", "runs kept"):
            print(f"{what:22}{self._found[what]:5}")

    def _peacefully(self, job: str) -> str:
        kernel = self._started()
        kernel.ask(job)
        told = kernel.read(_HANGS)
        assert told, "a job in peace does not end"
        return told

    def _disturbed(self, random: Random, job: str) -> str:
        """Run a job to its end, however many kernels that takes."""
        kills = random.randint(8, 20)
        store = Path(job.split()[-1])
        kernel = self._started()
        kernel.losses = kernel.kept_at_loss = 0
        kernel.ask(job)
        while True:
            told = kernel.read(random.uniform(0.05, 1.2) if kills else _HANGS)
            if told is None and not kills:
                self._found["hangs"] += 1
                self._end(kernel)
                raise AssertionError(f"{job} hangs")
            if told is None:
                kills -= self._kill(random, kernel, len(_kept(store)))
            elif not told:
                self._end(kernel)
                kernel = self._started()
                kernel.ask(job)
            elif told == "interrupted":
                kernel.ask(job)
            else:
                return told

    def _kill(self, random: Random, kernel: Kernel, kept: int) -> bool:
        """Do something to somebody; False when there is nobody of the kind, or it would be too much."""
        victim, name = _one_of(random, _VICTIMS), _one_of(random, _SIGNALS)
        ends = name in ("SIGKILL", "SIGTERM")
        if kept >= kernel.kept_at_loss + _SURELY_DONE:
            kernel.losses = 0
        if victim in ("run", "worker", "server") and ends and kernel.losses >= _MOST_LOSSES:
            return False
        try:
            family = kernel.family()
        except psutil.Error:
            return False
        there = family[victim] if victim == "everything" else family[victim] and [random.choice(family[victim])]
        for process in there:
            with contextlib.suppress(psutil.Error):
                process.send_signal(getattr(signal, name))
        if not there:
            return False
        self._kills[victim, name] += 1
        print(f"\r{sum(self._kills.values())} kills", end="", flush=True)
        if ends:
            kernel.losses, kernel.kept_at_loss = kernel.losses + 1, kept
        if name == "SIGSTOP":
            time.sleep(random.uniform(0.1, 2.0))
            for process in there:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(signal.SIGCONT)
        elif ends and victim in ("kernel", "everything"):
            self._check_gone(family["everything"])
        return True

    def _check_gone(self, family: list[psutil.Process]) -> None:
        until = time.monotonic() + _GONE
        while any(_lives(process) for process in family) and time.monotonic() < until:
            time.sleep(0.05)
        for process in family:
            if _lives(process):
                self._found["left behind"] += 1
                print("left behind:", process, process.status(), process.ppid(), _command(process), flush=True)

    def _started(self) -> Kernel:
        if self._kernel is None:
            self._kernel = Kernel()
        return self._kernel

    def _end(self, kernel: Kernel) -> None:
        kernel.end()
        self._kernel = None


def _one_of(random: Random, weights: dict[str, int]) -> str:
    return random.choices(list(weights), list(weights.values()))[0]


def _kept(store: Path) -> list[str]:
    file = Path(f"{store}.kept")
    return file.read_text().split() if file.exists() else []
