"""One series as one Parquet file, which says in its own footer what it holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jesse_nb.core.candles.file_state import FileState, file_state
from jesse_nb.core.candles.gaps import find_gaps, window
from jesse_nb.core.candles.parquet_integrity import SealedFile, check_seal, read_all, read_footer
from jesse_nb.core.candles.pieces.flow import CANDLE, FLOW, FLOW_COLUMNS, flow_bytes, widened
from jesse_nb.core.candles.pieces.pieces import PIECE_MS
from jesse_nb.core.candles.series import COLUMNS, Candles, Gap, SeriesInfo
from jesse_nb.core.candles.validation import FIRST_MOMENT, LAST_MOMENT, validate_candles
from jesse_nb.core.times import MINUTE_MS
from jesse_nb.core.whole_files import written_whole
from jesse_nb.exceptions import StorageError

__all__ = ["StoredPieces", "read_candles", "read_info", "write_series"]

T = TypeVar("T")

_SCHEMA = pa.schema([("timestamp", pa.int64()), *((name, pa.float64()) for name in COLUMNS[1:])])
_FLOW_SCHEMA = pa.schema([*_SCHEMA, *((name, pa.float64()) for name in FLOW_COLUMNS)])
_SUMMARY = b"jesse_nb.series"
# A read of some months then decodes only the row groups that reach into them.
_ROWS_A_GROUP = 131_072

#: What files said of themselves, as they were then.
_infos: dict[Path, tuple[FileState, SeriesInfo]] = {}


def write_series(path: Path, exchange: str, symbol: str, pieces: Iterable[Candles], *, flow: bool = False,
                 asked: tuple[tuple[int, int], ...] = (), sources: tuple[str, ...] = (), expanded_from: str = "",
                 before: SeriesInfo | None = None) -> SeriesInfo:
    """Write validated candles to ``path``, whole or not at all.

    Parameters
    ----------
    path, exchange, symbol
        The series.
    pieces
        Its rows, float64 (n, 8), in order of time: candles and flow.
    flow
        Whether anything is known of the flow, which is stored then.
    asked, sources, expanded_from
        See :class:`SeriesInfo`.
    before
        What stands there: it is left alone where the rows are the same, and was asked for the same.

    Raises
    ------
    StorageError
        When the folder cannot be written or the disk is full; what stood there before still stands.
    """
    schema = _FLOW_SCHEMA if flow else _SCHEMA
    try:
        with written_whole(path, lasting=True) as beside:
            with beside.open("wb") as file:
                sealing = SealedFile(file)
                summary = _write(sealing, schema, pieces, asked, sources, expanded_from)
                sealing.seal()
            info = _info(exchange, symbol, summary, sealing.size)
            if before is not None and _same(before, info):
                raise _UnchangedError
    except _UnchangedError:
        assert before is not None
        return before
    except OSError as error:
        raise StorageError(
            f"Cannot write {symbol} of {exchange} to {path}: {error.strerror or error}.",
            "Nothing was changed. Free some space, or set JESSE_NB_CANDLES to another folder.") from error
    return info


class _UnchangedError(Exception):
    """What was to be written stands there already."""


def _same(before: SeriesInfo, after: SeriesInfo) -> bool:
    return all(getattr(before, name) == getattr(after, name)
               for name in ("fingerprint", "flow_fingerprint", "asked", "expanded_from"))


def _write(sink: SealedFile, schema: pa.Schema, pieces: Iterable[Candles], asked: tuple[tuple[int, int], ...],
           sources: tuple[str, ...], expanded_from: str) -> dict[str, Any]:
    """Write pieces as row groups, and what they are into the footer; return that."""
    counted = _Counted()
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), schema, compression="zstd") as writer:
        for rows in pieces:
            counted.add(rows)
            arrays = [pa.array(rows[:, 0].astype(np.int64)),
                      *(pa.array(np.ascontiguousarray(rows[:, column]), from_pandas=True)
                        for column in range(1, len(schema)))]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=_ROWS_A_GROUP)
        summary = counted.summary(asked, sources, expanded_from, flow=len(schema) > len(_SCHEMA))
        writer.add_key_value_metadata({_SUMMARY: json.dumps(summary, separators=(",", ":")).encode()})
        sink.begin_ending()
    return summary


class _Counted:
    """What is known of a series whose pieces come one after the other."""

    def __init__(self) -> None:
        self._rows = self._known = 0
        self._first = self._last = float("nan")
        self._gaps: list[Gap] = []
        self._hash, self._flow_hash = (hashlib.blake2b(digest_size=16) for _ in range(2))

    def add(self, rows: Candles) -> None:
        """Count a piece, (n, 8)."""
        self._first = self._first if self._rows else float(rows[0, 0])
        self._gaps += find_gaps(np.concatenate([[self._last], rows[:, 0]]) if self._rows else rows[:, 0])
        self._last = float(rows[-1, 0])
        self._rows += len(rows)
        self._known += int((~np.isnan(rows[:, FLOW])).any(axis=1).sum())
        self._hash.update(np.ascontiguousarray(rows[:, CANDLE], dtype="<f8").data)
        self._flow_hash.update(flow_bytes(rows[:, FLOW]))

    def summary(self, asked: tuple[tuple[int, int], ...] = (), sources: tuple[str, ...] = (), expanded_from: str = "",
                *, flow: bool = False) -> dict[str, Any]:
        """Return it as the footer says it."""
        return {
            "start": int(self._first), "end": int(self._last) + MINUTE_MS, "rows": self._rows,
            "gaps": [[gap.start, gap.minutes] for gap in self._gaps],
            "fingerprint": self._hash.hexdigest(),
            "asked": [list(period) for period in asked],
            "sources": list(sources),
            **({"expanded_from": expanded_from} if expanded_from else {}),
            **({"flow": {"minutes": self._known, "fingerprint": self._flow_hash.hexdigest()}} if flow else {}),
        }


def read_info(path: Path, exchange: str, symbol: str) -> SeriesInfo:
    """Return what the file's footer says of it, without reading candles.

    A file that another program wrote says nothing; it is read whole.

    Raises
    ------
    StorageError
        When the file is damaged or does not hold candles.
    FileNotFoundError
        When there is none.
    """
    state = _guarded(path, lambda: file_state(path))
    known = _infos.get(path)
    if known is not None and known[0] == state and (known[1].exchange, known[1].symbol) == (exchange, symbol):
        return known[1]
    info = _read_info(path, exchange, symbol)
    if state.settled and _guarded(path, lambda: file_state(path)) == state:
        _infos[path] = state, info
    return info


def _read_info(path: Path, exchange: str, symbol: str) -> SeriesInfo:
    metadata, size = _guarded(path, lambda: (
        pq.read_metadata(pa.BufferReader(read_footer(path, _SUMMARY))).metadata or {}, path.stat().st_size))
    summary = json.loads(metadata[_SUMMARY]) if _SUMMARY in metadata else _summary(read_candles(path))
    return _info(exchange, symbol, summary, size)


def read_candles(path: Path, start: int | None = None, end: int | None = None, *, flow: bool = False) -> Candles:
    """Return the candles with ``start <= timestamp < end``, (n, 6), or (n, 8) with ``flow``; None leaves a side open.

    Raises
    ------
    StorageError
        When the file is damaged or does not hold candles.
    FileNotFoundError
        When there is none.
    """
    first = FIRST_MOMENT if start is None else start
    last = LAST_MOMENT if end is None else end
    return window(_guarded(path, lambda: _decoded(pa.BufferReader(read_all(path, _SUMMARY)), first, last, flow=flow)),
                  first, last)


class StoredPieces:
    """A stored series in pieces, of which one is in memory at a time; its file does not change meanwhile.

    Parameters
    ----------
    path
        Its file.
    info
        What is known of it.
    """

    def __init__(self, path: Path, info: SeriesInfo) -> None:
        self.flow = info.flow > 0
        self._path, self._numbers = path, range(info.start // PIECE_MS, (info.end - 1) // PIECE_MS + 1)
        ours = _guarded(path, lambda: check_seal(path, _SUMMARY))
        self._whole = None if ours else read_candles(path)

    def numbers(self) -> list[int]:
        """See :class:`~jesse_nb.core.candles.pieces.pieces.Pieces`."""
        return [number for number in self._numbers if len(self.piece(number))] if self._whole is not None else \
            list(self._numbers)

    def piece(self, number: int) -> Candles:
        """See :class:`~jesse_nb.core.candles.pieces.pieces.Pieces`."""
        first, last = number * PIECE_MS, (number + 1) * PIECE_MS
        rows = self._whole if self._whole is not None else _guarded(
            self._path, lambda: _decoded(pa.OSFile(str(self._path)), first, last, flow=True))
        return widened(window(rows, first, last))


def _decoded(source: Any, start: int, end: int, *, flow: bool = False) -> Candles:
    """Return the candles of all row groups that reach into the period."""
    with source, pq.ParquetFile(source) as file:
        ours = _SUMMARY in (file.metadata.metadata or {})
        groups = list(range(file.num_row_groups))
        if ours:
            spans = [file.metadata.row_group(number).column(0).statistics for number in groups]
            groups = [number for number in groups if spans[number].min < end and spans[number].max >= start]
        there = [name for name in FLOW_COLUMNS if flow and ours and name in file.schema_arrow.names]
        table = file.read_row_groups(groups, columns=[*COLUMNS, *there])
    candles = np.empty((table.num_rows, len(COLUMNS) + len(there)), np.float64)
    for position, name in enumerate((*COLUMNS, *there)):
        candles[:, position] = table.column(name).to_numpy()
    candles = candles if ours else validate_candles(candles)
    return widened(candles) if flow else candles


def _guarded(path: Path, read: Callable[[], T]) -> T:
    """Call for what a file holds; whatever is wrong with it is said with its name."""
    try:
        return read()
    except FileNotFoundError:
        raise
    except Exception as error:
        # Of a file that is not ours nothing is known, nor what pyarrow raises at it.
        reason = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
        raise StorageError(f"The candle file {path} cannot be read, it may be damaged: {reason}.",
                           "Delete that series and import it again.") from error


def _summary(candles: Candles) -> dict[str, Any]:
    counted = _Counted()
    counted.add(widened(candles))
    return counted.summary()


def _info(exchange: str, symbol: str, summary: dict[str, Any], size: int) -> SeriesInfo:
    gaps = tuple(Gap(start, minutes) for start, minutes in summary["gaps"])
    asked = tuple((start, end) for start, end in summary.get("asked", []))
    return SeriesInfo(exchange, symbol, summary["start"], summary["end"], summary["rows"], gaps, size,
                      summary["fingerprint"], asked, tuple(summary.get("sources", ())),
                      summary.get("expanded_from", ""), summary.get("flow", {}).get("minutes", 0),
                      summary.get("flow", {}).get("fingerprint", ""))
