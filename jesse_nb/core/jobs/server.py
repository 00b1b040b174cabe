"""The process that workers are forked from: it imports Jesse, once for all of them.

Light to import, so that it can be started before anything else and work while
this process goes on importing.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

__all__ = ["KERNEL_VARIABLE", "context", "end_server", "start_server"]

#: Where nothing can fork, workers start from scratch.
_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"

#: The ``multiprocessing`` context that workers start in.
context: Any = multiprocessing.get_context(_METHOD)

#: Tells the server whose it is, so that it can end with this process even before it is ready.
KERNEL_VARIABLE = "JESSE_NB_KERNEL"

_starting = threading.Lock()


def start_server() -> None:
    """Start the server, if it does not run, with a fixed hash seed; does not wait until it is ready.

    Jesse adds up positions of several routes in the order of a set of strings, so without
    it the last digit of a result would depend on the process.
    """
    if _METHOD != "forkserver":
        return
    from multiprocessing import forkserver

    with _starting, _environment(PYTHONHASHSEED="0", **{KERNEL_VARIABLE: str(os.getpid())}):
        context.set_forkserver_preload(["jesse_nb.core.jobs.preload"])
        try:
            forkserver.ensure_running()
        except ChildProcessError:  # it has ended, and somebody else has waited for it
            _forget_server()
            forkserver.ensure_running()


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _forget_server() -> None:
    from multiprocessing.forkserver import _forkserver

    os.close(_forkserver._forkserver_alive_fd)  # type: ignore[attr-defined]
    _forkserver._forkserver_pid = _forkserver._forkserver_alive_fd = None  # type: ignore[attr-defined]


def end_server() -> None:
    """Kill the server, and with it all workers: one that starts no process any more keeps everybody waiting."""
    if _METHOD == "forkserver":
        from multiprocessing.forkserver import _forkserver

        process = getattr(_forkserver, "_forkserver_pid", None)
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
