"""Nobody is called back under a lock: a watch that tests put on the futures and locks of a room.

Whoever waits for a future may do anything once it is settled, so also ask for the same lock.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from unittest import mock

_held = threading.local()


class WatchedLock:
    """A lock that knows whether this thread holds it."""

    def __init__(self, lock: Any) -> None:
        self._lock = lock

    def acquire(self, *arguments: Any, **options: Any) -> bool:
        taken = bool(self._lock.acquire(*arguments, **options))
        _held.count = getattr(_held, "count", 0) + taken
        return taken

    def release(self) -> None:
        _held.count -= 1
        self._lock.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class _Threading:
    """The module ``threading`` with watched locks."""

    def __getattr__(self, name: str) -> Any:
        return getattr(threading, name)

    def Lock(self) -> WatchedLock:  # noqa: N802 - as it is called there
        return WatchedLock(threading.Lock())

    def RLock(self) -> WatchedLock:  # noqa: N802
        return WatchedLock(threading.RLock())

    def Condition(self) -> threading.Condition:  # noqa: N802
        return threading.Condition(WatchedLock(threading.Lock()))  # type: ignore[arg-type]


@contextmanager
def no_callback_under_a_lock(*modules: ModuleType) -> Iterator[list[str]]:
    """Watch the locks that these modules make, and every future that is settled meanwhile.

    Yields
    ------
    list of str
        What was done to a future that somebody waits for while a lock was held; it must stay empty.
    """
    wrong: list[str] = []

    def watched(name: str) -> Any:
        original = getattr(Future, name)

        def settle(future: Future[Any], *arguments: Any) -> Any:
            if getattr(_held, "count", 0) and future._done_callbacks:  # type: ignore[attr-defined]
                wrong.append(f"{name} in {threading.current_thread().name}")
            return original(future, *arguments)

        return mock.patch.object(Future, name, settle)

    with watched("set_result"), watched("set_exception"), watched("cancel"):
        patches = [mock.patch.object(module, "threading", _Threading()) for module in modules]
        for patch in patches:
            patch.start()
        try:
            yield wrong
        finally:
            for patch in patches:
                patch.stop()
