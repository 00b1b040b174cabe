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
from typing import Any

__all__ = ["context", "end_server", "start_server"]

#: Where nothing can fork, workers start from scratch.
_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"

#: The ``multiprocessing`` context that workers start in.
context: Any = multiprocessing.get_context(_METHOD)

_starting = threading.Lock()


def start_server() -> None:
    """Start the server, if it does not run, with a fixed hash seed; does not wait until it is ready.

    Jesse adds up positions of several routes in the order of a set of strings, so without
    it the last digit of a result would depend on the process.
    """
    if _METHOD != "forkserver":
        return
    from multiprocessing import forkserver

    with _starting:
        context.set_forkserver_preload(["jesse_nb.core.jobs.preload"])
        before = os.environ.get("PYTHONHASHSEED")
        os.environ["PYTHONHASHSEED"] = "0"
        try:
            forkserver.ensure_running()
        finally:
            if before is None:
                del os.environ["PYTHONHASHSEED"]
            else:
                os.environ["PYTHONHASHSEED"] = before


def end_server() -> None:
    """Kill the server, and with it all workers: one that starts no process any more keeps everybody waiting."""
    if _METHOD == "forkserver":
        from multiprocessing.forkserver import _forkserver

        process = getattr(_forkserver, "_forkserver_pid", None)
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
