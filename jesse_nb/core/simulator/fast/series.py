"""Candles of a run that a worker checks and aggregates once, however many trials use them."""

from __future__ import annotations

import errno
from array import array
from collections import OrderedDict
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jesse_nb.core.candles.series import Candles
from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.simulator.data import MappedSlice
from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES

__all__ = ["Reach", "Series", "known_series"]

#: How many series a worker keeps that no run uses at the moment, and how much of them, bytes.
_MOST_SERIES, _MOST_BYTES = 50, 64 * 2**20


class Reach(NamedTuple):
    """The lowest and the highest price an order could be touched at, for each block of minutes.

    Orders are touched between low and high of a candle, and between a close and the next open.
    """

    lows: array[float]
    highs: array[float]


class Series:
    """The rows of one series that a run uses: warm-up, then trading, without a gap.

    Attributes
    ----------
    warm_up, trading
        Of shape (n, 6), read-only views of the mapped file.
    """

    def __init__(self, part: MappedSlice) -> None:
        self.part = part
        self.warm_up, self.trading = part.read()
        self._candles: dict[str, tuple[Candles, Candles]] = {}
        self._reaches: dict[int, Reach] = {}

    @cached_property
    def is_dense(self) -> bool:
        """Whether it is what Jesse's dense loops expect: a finite row for every minute, checked by Jesse, too."""
        rows = np.load(self.part.path, mmap_mode="r")[self.part.first : self.part.last]
        if rows.ndim != 2 or rows.shape[1] != 6 or rows.dtype != np.float64 or not len(self.trading):
            return False
        if not (rows.flags.c_contiguous and np.isfinite(rows).all() and rows[0, 0] > 0
                and (np.diff(rows[:, 0]) == MINUTE_MS).all()):
            return False
        validate = jesse_module("jesse.services.candle_service").validate_observed_one_minute_candles
        validate(self.trading, self.part.exchange, self.part.symbol)
        return True

    def private_rows(self) -> Candles:
        """Return warm-up and trading rows to write into: only pages that are written to are copied.

        Raises
        ------
        MemoryError
            When that much may not be mapped.
        """
        first = self.part.first
        try:
            whole = np.load(self.part.path, mmap_mode="r")
            return np.asarray(np.memmap(self.part.path, whole.dtype, "c", whole.offset + first * whole.strides[0],
                                        (self.part.last - first, 6)))
        except OSError as error:
            if error.errno != errno.ENOMEM:
                raise
            raise MemoryError from error  # as when Jesse could not copy them

    def candles(self, timeframe: str) -> tuple[Candles, Candles]:
        """Return the candles of a higher timeframe, as Jesse makes them: those before trading, and while trading.

        Both are shared by all runs: not to be written to.
        """
        if timeframe not in self._candles:
            service = jesse_module("jesse.services.candle_service")
            before = service.generate_completed_candles_from_observed_minutes(
                timeframe, self.warm_up, int(self.trading[0, 0]))
            count = TIMEFRAME_MINUTES[timeframe]
            # In Jesse, what closes while trading begins with the first traded minute.
            within = [service.generate_candle_from_one_minutes(timeframe, self.trading[end - count : end])
                      for end in range(count, len(self.trading) + 1, count)]
            self._candles[timeframe] = before, np.array(within).reshape(-1, 6)
        return self._candles[timeframe]

    def shared_candles(self) -> dict[str, tuple[Candles, Candles]]:
        """Return all that :meth:`candles` has given so far, by timeframe."""
        return dict(self._candles)

    def reach(self, minutes: int) -> Reach:
        """Return the reach of each whole block of ``minutes`` traded rows."""
        if minutes not in self._reaches:
            blocks = len(self.trading) // minutes
            opens, closes, highs, lows = (self.trading[:, column] for column in (1, 2, 3, 4))
            before = np.concatenate([opens[:1], closes[:-1]])
            high = np.maximum(highs, np.maximum(opens, before))[: blocks * minutes].reshape(blocks, minutes)
            low = np.minimum(lows, np.minimum(opens, before))[: blocks * minutes].reshape(blocks, minutes)
            self._reaches[minutes] = Reach(array("d", low.min(axis=1).tobytes()),
                                           array("d", high.max(axis=1).tobytes()))
        return self._reaches[minutes]

    @property
    def kept(self) -> int:
        """How much memory it holds beside the mapped file, bytes."""
        candles = sum(part.nbytes for both in self._candles.values() for part in both)
        return candles + sum(16 * len(reach.lows) for reach in self._reaches.values())


_known: OrderedDict[tuple[MappedSlice, int, int, int], Series] = OrderedDict()


def known_series(parts: tuple[MappedSlice, ...]) -> list[Series]:
    """Return the series of a run, as this process knows them already or anew."""
    wanted = []
    for part in parts:
        state = Path(part.path).stat()
        key = part, state.st_ino, state.st_size, state.st_mtime_ns
        if key not in _known:
            _known[key] = Series(part)
        wanted.append(_known[key])
        _known.move_to_end(key)
    kept = 0
    for number, (key, series) in enumerate(reversed(list(_known.items()))):
        kept += series.kept
        if (number >= _MOST_SERIES or kept > _MOST_BYTES) and series not in wanted:
            del _known[key]
    return wanted
