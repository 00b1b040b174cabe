"""One series as one Parquet file, which says in its own footer what it holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jesse_nb.core.candles.file_state import FileState, file_state
from jesse_nb.core.candles.gaps import find_gaps, window
from jesse_nb.core.candles.parquet_integrity import read_all, read_footer, sealed
from jesse_nb.core.candles.series import COLUMNS, Candles, Gap, SeriesInfo, fingerprint_candles
from jesse_nb.core.candles.validation import FIRST_MOMENT, LAST_MOMENT, validate_candles
from jesse_nb.core.times import MINUTE_MS
from jesse_nb.core.whole_files import written_whole
from jesse_nb.exceptions import StorageError

__all__ = ["read_candles", "read_info", "write_series"]

T = TypeVar("T")

_SCHEMA = pa.schema([("timestamp", pa.int64()), *((name, pa.float64()) for name in COLUMNS[1:])])
_SUMMARY = b"jesse_nb.series"
# A read of some months then decodes only the row groups that reach into them.
_ROWS_A_GROUP = 131_072

#: What files said of themselves, as they were then.
_infos: dict[Path, tuple[FileState, SeriesInfo]] = {}


def write_series(path: Path, exchange: str, symbol: str, candles: Candles,
                 asked: tuple[tuple[int, int], ...] = (), sources: tuple[str, ...] = (),
                 expanded_from: str = "") -> SeriesInfo:
    """Write validated candles to ``path``, whole or not at all.

    For ``asked``, ``sources`` and ``expanded_from`` see :class:`SeriesInfo`.

    Raises
    ------
    StorageError
        When the folder cannot be written or the disk is full; what stood there before still stands.
    """
    summary = _summary(candles, asked, sources, expanded_from)
    schema = _SCHEMA.with_metadata({_SUMMARY: json.dumps(summary, separators=(",", ":")).encode()})
    buffer = pa.BufferOutputStream()
    with pq.ParquetWriter(buffer, schema, compression="zstd") as writer:
        for first in range(0, len(candles), _ROWS_A_GROUP):  # so that no second copy of all is made
            rows = candles[first:first + _ROWS_A_GROUP]
            arrays = [pa.array(rows[:, 0].astype(np.int64)),
                      *(pa.array(np.ascontiguousarray(rows[:, column])) for column in range(1, len(COLUMNS)))]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=_ROWS_A_GROUP)
    parts = sealed(memoryview(buffer.getvalue()))
    try:
        with written_whole(path, lasting=True) as beside, beside.open("wb") as file:
            file.writelines(parts)
    except OSError as error:
        raise StorageError(
            f"Cannot write {symbol} of {exchange} to {path}: {error.strerror or error}.",
            "Nothing was changed. Free some space, or set JESSE_NB_CANDLES to another folder.") from error
    return _info(exchange, symbol, summary, sum(map(len, parts)))


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


def read_candles(path: Path, start: int | None = None, end: int | None = None) -> Candles:
    """Return the candles with ``start <= timestamp < end``; None leaves a side open.

    Raises
    ------
    StorageError
        When the file is damaged or does not hold candles.
    FileNotFoundError
        When there is none.
    """
    first = FIRST_MOMENT if start is None else start
    last = LAST_MOMENT if end is None else end
    return window(_guarded(path, lambda: _decoded(read_all(path, _SUMMARY), first, last)), first, last)


def _decoded(content: bytes, start: int, end: int) -> Candles:
    """Return the candles of all row groups that reach into the period."""
    with pq.ParquetFile(pa.BufferReader(content)) as file:
        ours = _SUMMARY in (file.metadata.metadata or {})
        groups = list(range(file.num_row_groups))
        if ours:
            spans = [file.metadata.row_group(number).column(0).statistics for number in groups]
            groups = [number for number in groups if spans[number].min < end and spans[number].max >= start]
        table = file.read_row_groups(groups, columns=list(COLUMNS))
    candles = np.empty((table.num_rows, len(COLUMNS)), np.float64)
    for position, name in enumerate(COLUMNS):
        candles[:, position] = table.column(name).to_numpy()
    return candles if ours else validate_candles(candles)


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


def _summary(candles: Candles, asked: tuple[tuple[int, int], ...] = (),
             sources: tuple[str, ...] = (), expanded_from: str = "") -> dict[str, Any]:
    return {
        "start": int(candles[0, 0]),
        "end": int(candles[-1, 0]) + MINUTE_MS,
        "rows": len(candles),
        "gaps": [[gap.start, gap.minutes] for gap in find_gaps(candles[:, 0])],
        "fingerprint": fingerprint_candles(candles),
        "asked": [list(period) for period in asked],
        "sources": list(sources),
        **({"expanded_from": expanded_from} if expanded_from else {}),
    }


def _info(exchange: str, symbol: str, summary: dict[str, Any], size: int) -> SeriesInfo:
    gaps = tuple(Gap(start, minutes) for start, minutes in summary["gaps"])
    asked = tuple((start, end) for start, end in summary.get("asked", []))
    return SeriesInfo(exchange, symbol, summary["start"], summary["end"], summary["rows"], gaps, size,
                      summary["fingerprint"], asked, tuple(summary.get("sources", ())),
                      summary.get("expanded_from", ""))
