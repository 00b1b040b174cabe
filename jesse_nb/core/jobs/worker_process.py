"""How a worker process starts: as any other of ``multiprocessing``, but without the user's main module."""

from __future__ import annotations

import contextlib
import multiprocessing.spawn
import threading
from collections.abc import Iterator
from typing import Any

from jesse_nb.core.jobs.server import context

__all__ = ["ProcessWithoutMain"]

_hiding = threading.local()
_preparation_data = multiprocessing.spawn.get_preparation_data


def _preparation_without_main(name: str) -> dict[str, Any]:
    data: dict[str, Any] = _preparation_data(name)
    if getattr(_hiding, "on", False):
        for key in ("init_main_from_name", "init_main_from_path", "main_path"):
            data.pop(key, None)
    return data


multiprocessing.spawn.get_preparation_data = _preparation_without_main


@contextlib.contextmanager
def _main_module_hidden() -> Iterator[None]:
    _hiding.on = True
    try:
        yield
    finally:
        _hiding.on = False


_BaseProcess: Any = context.Process


class ProcessWithoutMain(_BaseProcess):  # type: ignore[misc]
    """A worker that does not import the user's main module.

    A script without ``if __name__ == "__main__"`` would run itself again in each worker.
    """

    def start(self) -> None:
        """Start it."""
        with _main_module_hidden():
            super().start()
