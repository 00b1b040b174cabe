"""Candles cut at fixed moments into pieces of some months, in memory or in a file that nobody else sees."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from jesse_nb.core.candles.pieces.flow import FLOW, widened
from jesse_nb.core.candles.series import Candles
from jesse_nb.core.candles.validation import validate_candles
from jesse_nb.core.times import MINUTE_MS
from jesse_nb.exceptions import InvalidCandlesError, StorageError

__all__ = ["PIECE_MS", "ArrayPieces", "Pieces", "SpooledPieces"]

T = TypeVar("T")

#: Each piece begins at a multiple of this, and has no more than 131,072 minutes.
PIECE_MS = 131_072 * MINUTE_MS

#: Bytes that are kept in memory before a file is begun.
_IN_MEMORY = 16 * 2**20


class Pieces(Protocol):
    """A series in pieces.

    Attributes
    ----------
    flow
        Whether anything is known of the trades within its minutes.
    """

    flow: bool

    def numbers(self) -> list[int]:
        """Return which pieces there are, ascending: a piece begins at its number times `PIECE_MS`."""

    def piece(self, number: int) -> Candles:
        """Return one piece, float64 (n, 8): candles and flow, sorted, each minute once."""


class ArrayPieces:
    """Pieces of an array.

    Parameters
    ----------
    rows
        (n, 6) or (n, 8), sorted, each minute once.
    """

    def __init__(self, rows: Candles) -> None:
        self._rows = rows
        self.flow = bool(rows.shape[1] > FLOW.start and not np.isnan(rows[:, FLOW]).all())

    def numbers(self) -> list[int]:
        """See :class:`Pieces`."""
        return [int(number) for number in np.unique(self._rows[:, 0] // PIECE_MS)]

    def piece(self, number: int) -> Candles:
        """See :class:`Pieces`."""
        first, last = np.searchsorted(self._rows[:, 0], [number * PIECE_MS, (number + 1) * PIECE_MS])
        return widened(self._rows[first:last])


class SpooledPieces:
    """Pieces of several tables, of which only a few are in memory: the others wait in a file without a name.

    Parameters
    ----------
    folder
        Where that file is; the system's own for such by default.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.flow = False
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=None if folder is None else str(folder))  # noqa: SIM115 - it lives as long as this
        weakref.finalize(self, self._file.close)
        self._parts: dict[int, list[tuple[str, int, int]]] = {}

    def add(self, name: str, rows: Candles) -> None:
        """Add the rows of a table, (n, 6) or (n, 8), sorted, each minute once.

        Raises
        ------
        StorageError
            When the disk is full.
        """
        source = ArrayPieces(rows)
        self.flow |= source.flow
        for number in source.numbers():
            part = source.piece(number)
            self._parts.setdefault(number, []).append((name, self._on_disk(partial(self._append, part)), len(part)))

    def numbers(self) -> list[int]:
        """See :class:`Pieces`."""
        return sorted(self._parts)

    def piece(self, number: int) -> Candles:
        """See :class:`Pieces`.

        Raises
        ------
        InvalidCandlesError
            When tables contradict each other; two that do are named.
        """
        parts = [(name, self._part(begin, rows)) for name, begin, rows in self._parts[number]]
        if len(parts) == 1:
            return parts[0][1]
        try:
            return validate_candles(np.concatenate([rows for _, rows in parts]), sparse=True, copy=False, flow=True)
        except InvalidCandlesError as error:
            for position, (name, rows) in enumerate(parts):
                other = next((other for other, earlier in parts[:position] if _contradict(earlier, rows)), None)
                if other is not None:
                    raise InvalidCandlesError(error.message, f"{other} and {name} contradict each other.") from error
            raise

    def _append(self, rows: Candles) -> int:
        begin = self._file.seek(0, 2)
        self._file.write(rows.tobytes())
        return begin

    def _part(self, begin: int, rows: int) -> Candles:
        self._on_disk(lambda: self._file.seek(begin))
        content = self._on_disk(lambda: self._file.read(rows * FLOW.stop * 8))
        return np.frombuffer(bytearray(content), np.float64).reshape(rows, FLOW.stop)

    def _on_disk(self, do: Callable[[], T]) -> T:
        try:
            return do()
        except OSError as error:
            raise StorageError(f"Candles cannot be kept for a moment in {tempfile.gettempdir()}: "
                               f"{error.strerror or error}.", "Free some space.") from error


def _contradict(first: Candles, second: Candles) -> bool:
    _, here, there = np.intersect1d(first[:, 0], second[:, 0], assume_unique=True, return_indices=True)
    both = first[here], second[there]
    differs = (both[0] != both[1]) & ~(np.isnan(both[0]) | np.isnan(both[1]))
    return bool(differs.any())
