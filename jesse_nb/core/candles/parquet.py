"""One series as one Parquet file, which says in its own footer what it holds."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jesse_nb.core.candles.gaps import find_gaps, window
from jesse_nb.core.candles.series import COLUMNS, Candles, Gap, SeriesInfo, fingerprint_candles
from jesse_nb.core.candles.validation import FIRST_MOMENT, LAST_MOMENT, validate_candles
from jesse_nb.core.times import MINUTE_MS
from jesse_nb.exceptions import StorageError

__all__ = ["read_candles", "read_info", "write_series"]

_SCHEMA = pa.schema([("timestamp", pa.int64()), *((name, pa.float64()) for name in COLUMNS[1:])])
_SUMMARY = b"jesse_nb.series"
# A read of some months then skips the other row groups by their statistics.
_ROWS_A_GROUP = 131_072


def write_series(path: Path, exchange: str, symbol: str, candles: Candles) -> SeriesInfo:
    """Write validated candles to ``path``, whole or not at all.

    Raises
    ------
    StorageError
        When the folder cannot be written or the disk is full; what stood there before still stands.
    """
    gaps = find_gaps(candles[:, 0])
    summary = {
        "version": 1,
        "start": int(candles[0, 0]),
        "end": int(candles[-1, 0]) + MINUTE_MS,
        "rows": len(candles),
        "gaps": [[gap.start, gap.minutes] for gap in gaps],
        "fingerprint": fingerprint_candles(candles),
    }
    arrays = [pa.array(candles[:, 0].astype(np.int64)),
              *(pa.array(np.ascontiguousarray(candles[:, column])) for column in range(1, len(COLUMNS)))]
    table = pa.Table.from_arrays(arrays, schema=_SCHEMA.with_metadata(
        {_SUMMARY: json.dumps(summary, separators=(",", ":")).encode()}))
    temporary = path.with_name(f".{path.stem}.{uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                # The checksums let a damaged page be told from a good one when it is read.
                pq.write_table(table, file, compression="zstd", row_group_size=_ROWS_A_GROUP,
                               write_page_checksum=True, store_schema=False)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        size = path.stat().st_size
    except OSError as error:
        raise StorageError(
            f"Cannot write {symbol} of {exchange} to {path}: {error.strerror or error}.",
            "Nothing was changed. Free some space, or set JESSE_NB_CANDLES to another folder.") from error
    return _info(exchange, symbol, summary, size)


def read_info(path: Path, exchange: str, symbol: str) -> SeriesInfo:
    """Return what the file's footer says of it, without reading candles.

    A file that another program wrote has no such footer; it is read whole.

    Raises
    ------
    StorageError
        When the file is damaged or does not hold candles.
    FileNotFoundError
        When there is none.
    """
    metadata, size = _guarded(path, lambda: (pq.read_metadata(path), path.stat().st_size))
    try:
        summary = json.loads((metadata.metadata or {})[_SUMMARY])
        if summary["version"] == 1 and summary["rows"] == metadata.num_rows:
            return _info(exchange, symbol, summary, size)
    except (KeyError, ValueError, TypeError):
        pass  # not written by write_series: only its content can tell
    candles = read_candles(path)
    return _info(exchange, symbol, {
        "start": int(candles[0, 0]), "end": int(candles[-1, 0]) + MINUTE_MS, "rows": len(candles),
        "gaps": [[gap.start, gap.minutes] for gap in find_gaps(candles[:, 0])],
        "fingerprint": fingerprint_candles(candles),
    }, size)


def read_candles(path: Path, start: int | None = None, end: int | None = None) -> Candles:
    """Return the candles with ``start <= timestamp < end``; None leaves a side open.

    Raises
    ------
    StorageError
        When the file is damaged or does not hold candles.
    FileNotFoundError
        When there is none.
    """
    table = _guarded(path, lambda: _read_table(path, start, end))
    candles = np.empty((table.num_rows, len(COLUMNS)), np.float64)
    try:
        for position, name in enumerate(COLUMNS):
            candles[:, position] = table.column(name).to_numpy()
        if (table.schema.metadata or {}).get(_SUMMARY) is None:
            candles = validate_candles(candles)
    except (KeyError, TypeError, ValueError) as error:  # InvalidCandlesError is a ValueError
        raise _damaged(path, error) from error
    return window(candles, FIRST_MOMENT if start is None else start, LAST_MOMENT if end is None else end)


def _read_table(path: Path, start: int | None, end: int | None) -> pa.Table:
    """Read the row groups that reach into the period; all of a file that another program wrote."""
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        wanted = []
        for number in range(file.num_row_groups):
            group = file.metadata.row_group(number)
            known = group.column(0).statistics if _SUMMARY in (file.metadata.metadata or {}) else None
            if known is None or ((end is None or known.min < end) and (start is None or known.max >= start)):
                wanted.append(number)
        return file.read_row_groups(wanted, columns=list(COLUMNS))


def _guarded(path: Path, read: Any) -> Any:
    try:
        return read()
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException, ValueError, KeyError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> StorageError:
    reason = " ".join(str(error).split())[:200].rstrip(".")
    return StorageError(f"The candle file {path} cannot be read, it may be damaged: {reason}.",
                        "Delete that series and import it again.")


def _info(exchange: str, symbol: str, summary: dict[str, Any], size: int) -> SeriesInfo:
    gaps = tuple(Gap(int(start), int(minutes)) for start, minutes in summary["gaps"])
    return SeriesInfo(
        exchange=exchange, symbol=symbol, start=int(summary["start"]), end=int(summary["end"]),
        rows=int(summary["rows"]), gaps=gaps, bytes=size, fingerprint=str(summary["fingerprint"]),
    )
