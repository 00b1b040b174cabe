"""Files, processes and connections of a run, as Python's audit events tell of them.

What C code opens by itself, as PyArrow does, raises no event and is not seen.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from jesse_nb.core.jesse_runtime import CACHE_PREFIX
from jesse_nb.core.jobs.isolation.own_code import own_line
from jesse_nb.core.simulator.dependencies import file_digest
from jesse_nb.core.simulator.simulation import Simulation

__all__ = ["installed_places", "watch_files"]

_WRITING = os.O_WRONLY | os.O_RDWR

_STARTING = ("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn")
_CONNECTING = ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname",
               "socket.gethostname")
_LISTING = ("os.listdir", "os.scandir")
_CHANGING = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate")

#: All others are passed over at once: of the identity of an object alone Python tells some twenty thousand times a run.
_EVENTS = frozenset({"open", "sqlite3.connect", *_STARTING, *_CONNECTING, *_LISTING, *_CHANGING})

#: A model that Jesse's own function loads is the strategy's doing.
_THROUGH = ("reading", "library", "jesse")

#: The machine's own: the same for all runs, or of chance.
_SYSTEM = ("/proc", "/sys", "/dev", "/etc", "/usr/share/zoneinfo")
_CHANCE = ("/dev/urandom", "/dev/random")


def watch_files(
    simulation: Simulation, note: Callable[[str, int], None],
    note_file: Callable[[str, Callable[[str], str], int], None],
) -> None:
    """Note what a run reads, writes, lists, starts and connects to, for the rest of this process.

    Parameters
    ----------
    simulation
        Whose candles and modules are no news.
    note
        Takes what cannot be repeated, and the line of the strategy.
    note_file
        Takes the path of a file that is read, what digests it, and the line of the strategy.
    """
    known = (*installed_places(), str(Path.cwd()))
    modules = {name for code in simulation.codes for name, _ in code.modules}
    modules |= {name.rpartition(".")[0] for name in modules}
    candles = {part.path for part in simulation.candles} | {simulation.progress}
    absolute, decode = os.path.abspath, os.fsdecode

    def place(path: Any) -> str:
        """Return an absolute path that matters, or nothing."""
        if not isinstance(path, str | bytes | os.PathLike):
            return ""
        full = absolute(decode(path))
        if full in candles or full.startswith(known) or f"{os.sep}__pycache__{os.sep}" in full:
            return ""
        return full

    def told(what: str) -> None:
        line = own_line(_THROUGH)
        if line is not None:
            note(what, line)

    def opened(path: Any, mode: Any, flags: Any) -> None:
        if isinstance(path, str) and path in _CHANCE:
            told(f"reads {path}")
        full = place(path)
        if not full or _is_one_of(full, modules):
            return
        if isinstance(flags, int) and flags & _WRITING:
            told(f"writes {full}")
            return
        line = own_line((*_THROUGH, "bookkeeping"))  # joblib opens what it was told to load
        if line is not None:
            note_file(full, file_digest, line)

    def hook(event: str, arguments: tuple[Any, ...], watched: frozenset[str] = _EVENTS) -> None:
        if event not in watched:
            return
        if event == "open":
            opened(*arguments)
        elif event == "sqlite3.connect":
            opened(arguments[0], None, 0)
        elif event in _STARTING:
            told("starts a process")
        elif event in _CONNECTING:
            told("uses the network")
        elif event in _LISTING:
            if not sys._getframe(1).f_code.co_filename.startswith("<frozen") and (full := place(arguments[0])):
                told(f"lists the folder {full}")
        elif event in _CHANGING and (full := place(arguments[0])):
            told(f"changes {full}")

    sys.addaudithook(hook)


@cache
def installed_places() -> tuple[str, ...]:
    """Return the beginnings of paths that make no difference: installed code, the machine's own, and Jesse's cache.

    For a worker to ask first: its children know it then.
    """
    installed = {*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix, sys.exec_prefix,
                 str(Path(__file__).parents[3]), *_SYSTEM}
    folders = [f"{folder}{os.sep}" for folder in installed if folder != os.sep]
    return (*folders, os.path.join(tempfile.gettempdir(), CACHE_PREFIX))  # noqa: PTH118


def _is_one_of(path: str, modules: set[str]) -> bool:
    """Tell whether a file is the source of one of these modules."""
    if not path.endswith(".py"):
        return False
    name = path.removesuffix(".py").replace(os.sep, ".").removesuffix(".__init__")
    return any(name.endswith(f".{module}") for module in modules)
