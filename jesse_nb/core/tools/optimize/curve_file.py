"""Equity curves of many runs in a file: they are read once, at the end, and would be most of what a study keeps."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.trades.trade_returns import milliseconds

__all__ = ["CurveFile"]

#: Bytes that are kept in memory before there is a file.
_SPOOLED = 2**20


class CurveFile(Mapping[int, "pd.Series[float]"]):
    """Equity curves by trial number, in a temporary file that is gone with this object; threads may share it.

    Examples
    --------
    >>> curves = CurveFile()
    >>> curves.add(3, pd.Series([10.0, 11.0], pd.to_datetime(["2024-01-01", "2024-01-02"])))
    >>> curves[3].tolist(), list(curves)
    ([10.0, 11.0], [3])
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_SPOOLED)  # noqa: SIM115 - it lives as long as this object
        self._end = 0
        self._lock = threading.Lock()
        self._places: dict[int, tuple[int, bytes]] = {}
        self._indices: dict[bytes, pd.Index[pd.Timestamp]] = {}  # runs are sampled at few different sets of moments

    def add(self, number: int, equity: pd.Series[float]) -> None:
        """Keep a curve."""
        moments = milliseconds(equity.index).tobytes()
        moments = next((known for known in self._indices if known == moments), moments)
        with self._lock:
            self._indices.setdefault(moments, equity.index)
            self._file.seek(self._end)
            written = self._file.write(equity.to_numpy(dtype=np.float64).tobytes())
            self._places[number] = self._end, moments
            self._end += written

    def __getitem__(self, number: int) -> pd.Series[float]:
        place, moments = self._places[number]
        index = self._indices[moments]
        with self._lock:
            self._file.seek(place)
            content = self._file.read(8 * len(index))
        return pd.Series(np.frombuffer(content), index=index, copy=True)

    def __iter__(self) -> Iterator[int]:
        return iter(tuple(self._places))  # of now: others may come meanwhile

    def __len__(self) -> int:
        return len(self._places)
