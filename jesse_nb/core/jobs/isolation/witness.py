"""Notes what a run depends on beside its key, while it runs.

Only for a process that ends with its run: nothing is put back.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import threading
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from jesse_nb.core.jobs.isolation.files import watch_files
from jesse_nb.core.jobs.isolation.own_code import own_line
from jesse_nb.core.simulator.dependencies import Dependencies
from jesse_nb.core.simulator.simulation import Simulation

__all__ = ["Witness"]

#: A strategy that asks for something new at each candle need not fill the record.
_MOST = 20

_CLOCKS = ("time", "monotonic", "perf_counter", "process_time", "thread_time", "clock_gettime")

#: Which read the clock only when called with fewer arguments than this.
_FORMATTING = {"localtime": 1, "gmtime": 1, "ctime": 1, "asctime": 1, "strftime": 2}

_MACHINE = ("getpid", "getppid", "getpgid", "cpu_count", "getloadavg", "times", "uname", "getlogin")


class Witness:
    """Watches one run, from its making on.

    Parameters
    ----------
    simulation
        The run: its candles, its own modules and its progress file are no dependencies.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._impure: dict[str, str] = {}
        self._files: dict[str, str] = {}
        self._lines: dict[str, int] = {}
        hurry = _Hurry() if simulation.observe is not None and simulation.observe.other_clock else None
        _watch_clocks(self.note, hurry)
        _watch_machine(self.note)
        _watch_environment(self.note)
        watch_files(simulation, self.note, self.note_file)

    def found(self) -> Dependencies:
        """Return what was noted."""
        files = tuple(sorted(self._files.items()))
        return Dependencies(tuple(self._impure.values()), files, tuple(self._lines[path] for path, _ in files))

    def note(self, what: str, line: int) -> None:
        """Note something that cannot be repeated, with the line of the first time."""
        if len(self._impure) < _MOST and what not in self._impure:
            self._impure[what] = f"{what} (line {line})"

    def note_file(self, path: str, digest: Callable[[str], str], line: int) -> None:
        """Note a file that is read, by what it holds the first time, and the line that read it then."""
        if len(self._files) < _MOST and path not in self._files:
            self._lines[path] = line
            self._files[path] = ""  # reading it for the digest is no news
            self._files[path] = digest(path)


_Note = Callable[[str, int], None]


class _Hurry:
    """Makes clocks go on by hours from one question to the next."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def __call__(self, moment: Any) -> Any:
        """Return a later moment: seconds, nanoseconds, or a date and time; anything else as it is."""
        self._seconds += 5_000.618
        if isinstance(moment, float):
            return moment + self._seconds
        if isinstance(moment, int):
            return moment + int(self._seconds * 1e9)
        return moment + timedelta(seconds=self._seconds) if isinstance(moment, datetime) else moment


def _told(
    function: Callable[..., Any], tell: Callable[[tuple[Any, ...]], str], note: _Note,
    through: tuple[str, ...] = ("reading", "library"), hurry: _Hurry | None = None,
) -> Callable[..., Any]:
    """Return a function that does the same, and has what the strategy's own code does with it noted."""

    def told(*arguments: Any, **options: Any) -> Any:
        what = tell(arguments)
        line = own_line(through) if what else None
        if line is not None:
            note(what, line)
        answer = function(*arguments, **options)
        return answer if line is None or hurry is None else hurry(answer)

    return told


def _watch_clocks(note: _Note, hurry: _Hurry | None) -> None:
    for name in (*_CLOCKS, *(f"{name}_ns" for name in _CLOCKS)):
        if hasattr(time, name):
            setattr(time, name, _told(getattr(time, name), lambda arguments: "reads the clock", note, hurry=hurry))
    for name, enough in _FORMATTING.items():
        setattr(time, name, _told(getattr(time, name), lambda arguments, enough=enough:  # type: ignore[misc]
                                  "" if len(arguments) >= enough and arguments[-1] is not None
                                  else "reads the clock", note))
    for name in ("_generate_time_safe", "_UuidCreate"):
        if hasattr(uuid, name):
            setattr(uuid, name, None)  # uuid1() asks C code first
    # A type of C's that takes no attributes. Its dictionary does; today() asks time.time().
    attributes: dict[str, Any] = gc.get_referents(datetime.__dict__)[0]
    for name in ("now", "utcnow"):
        asked = attributes[name]
        attributes[name] = classmethod(_told(lambda owner, *arguments, asked=asked, **options:
                                             asked.__get__(None, owner)(*arguments, **options),
                                             lambda arguments: "reads the clock", note, hurry=hurry))
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime))


def _watch_machine(note: _Note) -> None:
    for name in _MACHINE:
        if hasattr(os, name):
            setattr(os, name, _told(getattr(os, name), lambda arguments, name=name:  # type: ignore[misc]
                                    f"asks the machine for os.{name}()", note))
    start: Any = threading.Thread.start
    threading.Thread.start = _told(start, lambda arguments: "starts a thread", note)  # type: ignore[method-assign]


def _watch_environment(note: _Note) -> None:
    variables: Any = type(os.environ)

    def told(arguments: tuple[Any, ...]) -> str:
        with contextlib.suppress(TypeError, ValueError):
            return f"reads the environment variable {os.fsdecode(arguments[1])}"
        return ""

    # Installed packages take settings from there, which is no doing of the strategy's.
    variables.__getitem__ = _told(variables.__getitem__, told, note, ("reading",))
    variables.__iter__ = _told(variables.__iter__, lambda arguments: "reads the environment", note, ("reading",))


