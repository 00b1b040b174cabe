"""A process for one task: a copy of this one, that ends with its task.

A worker imports, maps and prepares what simulations share, and never runs a strategy itself. For each task it forks a
child, which has all of that at once (the memory is the same until one of the two writes to it), and which takes along
whatever the strategy changes: patched modules, random state, timers, limits, its user, its working folder.

Runs that are proved to leave nothing behind can share a child: see ``shared_child``.

A child ends with its parent, however that ends, and so do processes that the strategy starts, unless the parent is
killed by SIGKILL, which nobody can react to: a pool stops its workers by SIGTERM.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import select
import shutil
import signal
import struct
import sys
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

__all__ = ["CAN_FORK", "Child", "Ended", "die_with_parent", "end_child", "end_with_child", "run_in_child"]

#: Where it cannot, tasks run in the worker itself.
CAN_FORK = hasattr(os, "fork")

_PR_SET_PDEATHSIG = 1

_HEAD = struct.Struct("<Q")

#: How often a parent that hears nothing looks whether its child has ended, seconds: only needed where a process that
#: the strategy started holds the pipe, too.
_LOOK_EVERY = 0.5

#: Above any number that a worker's own files have.
_MOST_FILES = 4096

# A strategy may put its own in their place.
_dumps, _write, _leave, _own_number = pickle.dumps, os.write, os._exit, os.getpid

_running = 0  # the child, or none


@dataclass(frozen=True)
class Ended:
    """How a child ended that gave no answer: as in ``multiprocessing``, minus the signal's number, or its exit code."""

    exit_code: int


def run_in_child(task: Callable[[], Any]) -> Any:
    """Run a task in a copy of this process, in an empty working folder.

    Parameters
    ----------
    task
        Its answer must pickle; it must not raise.

    Returns
    -------
    object
        What the task returned, or :class:`Ended`.
    """
    child = Child(lambda tell: tell(task()))
    try:
        return child.answer()
    finally:
        child.end()


class Child:
    """A copy of this process that works in an empty folder. There is one at a time.

    Parameters
    ----------
    work
        What it does, given a function by which it tells an answer, which must pickle. It ends thereafter.
    keep
        Numbers of open files that it has of this process.
    """

    def __init__(self, work: Callable[[Callable[[Any], None]], None], keep: tuple[int, ...] = ()) -> None:
        global _running
        self._reader, writer = os.pipe()
        self._folder = f"run-{time.monotonic_ns()}"
        self._code: int | None = None
        os.mkdir(self._folder)  # noqa: PTH102
        parent = os.getpid()
        try:
            self._number = _fork()
        except BaseException:
            os.close(self._reader)
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        finally:
            if os.getpid() == parent:
                os.close(writer)
        if self._number == 0:
            _live(work, parent, self._folder, writer, keep)
        _running = self._number

    def answer(self) -> Any:
        """Return what it tells next, or :class:`Ended` when it has ended without an answer."""
        message = bytearray()
        wanted = _HEAD.size
        while len(message) < wanted:
            if not select.select([self._reader], [], [], _LOOK_EVERY)[0]:
                if os.waitid(os.P_PID, self._number, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                    break
                continue
            part = os.read(self._reader, min(1 << 20, wanted - len(message)))
            if not part:
                break
            message += part
            if wanted == _HEAD.size <= len(message):
                wanted += _HEAD.unpack_from(message)[0]
        if len(message) == wanted > _HEAD.size:
            return pickle.loads(memoryview(message)[_HEAD.size:])  # noqa: S301 - our own child's
        return Ended(self._wait())

    def end(self) -> None:
        """End it, and what it has started."""
        if self._code is None:
            _kill_group(self._number)
        self._wait()
        os.close(self._reader)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _wait(self) -> int:
        global _running
        if self._code is None:
            os.waitid(os.P_PID, self._number, os.WEXITED | os.WNOWAIT)
            _kill_group(self._number)  # before its number is free again
            _running = 0
            self._code = os.waitstatus_to_exitcode(os.waitpid(self._number, 0)[1])
        return self._code


def end_with_child() -> None:
    """Let SIGTERM, by which a pool stops a worker, end its child and what that has started, too."""

    def end(number: int, frame: Any) -> None:
        end_child()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, end)


def end_child() -> None:
    """End the child that runs, if there is one, and what it has started."""
    if _running:
        _kill_group(_running)


def die_with_parent(parent: int, by: signal.Signals | None = None) -> None:
    """End this process when its parent does, however that ends. Elsewhere than on Linux it takes a moment.

    Parameters
    ----------
    parent
        Its number, as it was before this process began.
    by
        The signal that ends it, on Linux; SIGKILL unless it is to do something first.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, by or signal.SIGKILL)
    else:
        threading.Thread(target=_end_after, args=(parent,), daemon=True, name="jesse-nb-parent-watch").start()
    if os.getppid() != parent:
        _leave(70)


def _fork() -> int:
    with warnings.catch_warnings():
        # From Python 3.12 on it warns of other threads: ours only waits for the kernel's end, and holds no lock.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _become_child(parent: int, folder: str, keep: tuple[int, ...]) -> None:
    global _running
    _running = 0
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)  # so that what it starts can be ended with it
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with_parent(parent)
    first = 3
    for number in (*sorted(keep), _MOST_FILES):  # not the pool's pipes: a strategy must not take or write a message
        os.closerange(first, number)
        first = number + 1
    os.chdir(folder)


def _live(
    work: Callable[[Callable[[Any], None]], None], parent: int, folder: str, writer: int, keep: tuple[int, ...]
) -> NoReturn:
    me = _own_number()

    def tell(answer: Any) -> None:
        content = _dumps(answer, pickle.HIGHEST_PROTOCOL)
        if _own_number() == me:  # and not a process that the strategy forked
            message = memoryview(_HEAD.pack(len(content)) + content)
            while message:
                message = message[_write(writer, message):]

    try:
        _become_child(parent, folder, (writer, *keep))
        work(tell)
    finally:
        _leave(0)


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _end_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY)
    _leave(70)
