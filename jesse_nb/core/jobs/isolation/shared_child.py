"""A child that runs one simulation after another, each of which is proved to leave nothing behind.

A process of its own for each run costs 5 to 12 ms of processor time, which is much beside a run of 30 days.
"""

from __future__ import annotations

import builtins
import contextlib
import math
import os
import struct
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from jesse_nb.core.jesse_runtime import jesse_module, strategy_class
from jesse_nb.core.jobs.isolation.child import Child
from jesse_nb.core.simulator.fast.series import Series

__all__ = ["SharedChild", "SharedState"]

_HEAD = struct.Struct("<Q")

#: Of Jesse's helpers, and put in place for each run (see ``chance``).
_SEEDED = "generate_unique_id"


class SharedChild:
    """A child that is asked again and again.

    Parameters
    ----------
    serve
        What it does with a message; returns the answer, which must pickle.
    """

    def __init__(self, serve: Callable[[bytes], Any]) -> None:
        orders, self._orders = os.pipe()

        def work(tell: Callable[[Any], None]) -> None:
            with os.fdopen(orders, "rb") as messages:
                while len(head := messages.read(_HEAD.size)) == _HEAD.size:
                    message = messages.read(_HEAD.unpack(head)[0])
                    with warnings.catch_warnings():  # so that a warning is given in each run, not only in the first
                        answer = serve(message)
                    tell(answer)

        try:
            self._child = Child(work, keep=(orders,))
        except BaseException:
            os.close(self._orders)
            raise
        finally:
            os.close(orders)

    def ask(self, message: bytes) -> Any:
        """Return its answer, or :class:`~jesse_nb.core.jobs.isolation.child.Ended`."""
        left = memoryview(_HEAD.pack(len(message)) + message)
        with contextlib.suppress(BrokenPipeError):  # it has ended, which the next line tells
            while left:
                left = left[os.write(self._orders, left):]
        return self._child.answer()

    def end(self) -> None:
        """End it."""
        os.close(self._orders)
        self._child.end()


class SharedState:
    """What runs in one process have in common: the proof says that none changes it, and this sees to it.

    Parameters
    ----------
    series
        The candles of the runs.
    """

    def __init__(self, series: list[Series]) -> None:
        self._owners: tuple[Any, ...] = (
            builtins, math, np, strategy_class(), *(jesse_module(f"jesse.{name}") for name in
                                                    ("helpers", "indicators", "utils", "services.candle_service")))
        self._series = series
        self._attributes = self._attributes_now()
        self._candles = self._candles_now()

    def is_unchanged(self) -> bool:
        """Whether every attribute and every candle is what it was."""
        now = self._candles_now()
        return self._attributes == self._attributes_now() and all(
            now.get(which) == candles for which, candles in self._candles.items())

    def _attributes_now(self) -> list[list[tuple[str, int]]]:
        return [[(name, id(value)) for name, value in vars(owner).items() if name != _SEEDED]
                for owner in self._owners]

    def _candles_now(self) -> dict[tuple[int, str, int], bytes]:
        return {(number, timeframe, side): rows.tobytes() for number, one in enumerate(self._series)
                for timeframe, both in one.shared_candles().items() for side, rows in enumerate(both)}
