"""What is inside a candle file: Parquet, Feather, JSON or CSV, plain, zipped or gzipped."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from typing import IO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv, feather

from jesse_nb.exceptions import InvalidCandlesError, shown

__all__ = ["read_frames"]

#: The columns of the exchange archives' kline files, which have no header.
_ARCHIVE_COLUMNS = ("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume",
                    "trades", "taker_base_volume", "taker_quote_volume", "ignore")

# What such files begin with; an empty archive has only its end.
_ZIP, _GZIP, _PARQUET = (b"PK\x03\x04", b"PK\x05\x06"), b"\x1f\x8b", b"PAR1"
_FEATHER = (b"ARROW1", b"FEA1")

#: Rows of a JSON file that is a list of lists: what freqtrade and most exchanges' interfaces write.
_JSON_COLUMNS = ("timestamp", "open", "high", "low", "close", "volume")

# What unpacks to more, or has more rows, is no file of one series: minutes since 2009 are ten million, of a hundred
# bytes each.
_LARGEST_BYTES, _MOST_ROWS = 2 * 2**30, 20_000_000

#: So much of what is packed is looked at before all of it is unpacked.
_HEAD_BYTES = 2**16


def read_frames(name: str, content: bytes, columns: Sequence[str] | None = None) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each table in a file with its name. What it is, is told by its first bytes.

    Parameters
    ----------
    name
        Of the file, for the errors.
    content
        The whole file.
    columns
        What the columns of a text file are called, in their order; in place of its header if it has one.

    Raises
    ------
    InvalidCandlesError
        When it is empty, damaged, or no table.
    """
    try:
        if content.startswith(_ZIP):
            yield from _unzipped(name, content, columns)
        elif content.startswith(_GZIP):
            yield from read_frames(name, _gunzipped(name, content), columns)
        elif content.startswith(_PARQUET):
            _refuse_more_rows(name, pq.read_metadata(io.BytesIO(content)).num_rows)
            yield name, _frame(pq.read_table(io.BytesIO(content), page_checksum_verification=True))
        elif content.startswith(_FEATHER):
            table = feather.read_table(io.BytesIO(content))
            _refuse_more_rows(name, len(table))
            yield name, _frame(table)
        elif content[:64].lstrip().startswith((b"[", b"{")):
            yield name, _read_json(name, content)
        else:
            yield name, _read_csv(name, content, columns)
    except InvalidCandlesError:
        raise
    except Exception as error:
        # What the libraries raise on damaged bytes is written down nowhere: zipfile alone has IndexError for a
        # member without a name, and struct.error, NotImplementedError or OverflowError for others.
        reason = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
        raise InvalidCandlesError(f"{name} cannot be read, it may be damaged: {reason}.") from error


def _frame(table: pa.Table) -> pd.DataFrame:
    try:
        frame: pd.DataFrame = table.to_pandas()
    except Exception as error:
        # Which columns are an index is said in JSON, which nobody has checked before pyarrow uses it.
        raise ValueError(f"its description of columns is wrong ({type(error).__name__}: {error})") from error
    return frame


def _unzipped(name: str, content: bytes, columns: Sequence[str] | None) -> Iterator[tuple[str, pd.DataFrame]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [member for member in archive.infolist()
                   if not member.is_dir() and not member.filename.startswith("__MACOSX/")]
        if not members:
            raise InvalidCandlesError(f"{name} is an archive without a file in it.")
        if sum(member.file_size for member in members) > _LARGEST_BYTES:
            raise InvalidCandlesError(f"{name} unpacks to more than {_LARGEST_BYTES // 2**30} GB.")
        for member in members:
            with archive.open(member) as file:
                inside = _unpacked(name, file)
            if inside.startswith(_ZIP):
                raise InvalidCandlesError(f"{name} holds another archive, {shown(member.filename)}.",
                                          "Unpack it first.")
            yield from read_frames(f"{name}/{' '.join(member.filename.split())}", inside, columns)


def _gunzipped(name: str, content: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        inside = _unpacked(name, file)
    if inside.startswith(_GZIP):
        raise InvalidCandlesError("It is compressed twice.", "Unpack it first.")
    return inside


def _unpacked(name: str, file: IO[bytes] | gzip.GzipFile) -> bytes:
    """Return all of a packed file, unless its beginning tells already that it is no table."""
    head = file.read(_HEAD_BYTES)
    if not head.startswith((*_ZIP, _GZIP, _PARQUET, *_FEATHER)) and b"\0" in head:
        raise InvalidCandlesError(f"{name} is neither Parquet nor text in UTF-8.")
    inside = head + file.read(_LARGEST_BYTES + 1 - len(head))
    if len(inside) > _LARGEST_BYTES:
        raise InvalidCandlesError(f"{name} unpacks to more than {_LARGEST_BYTES // 2**30} GB.")
    return inside


def _refuse_more_rows(name: str, rows: int) -> None:
    if rows > _MOST_ROWS:
        raise InvalidCandlesError(f"{name} has {rows:,} rows; {_MOST_ROWS:,} are read at the most.",
                                  "Import it in parts.")


def _read_json(name: str, content: bytes) -> pd.DataFrame:
    """Read a list of [time, open, high, low, close, volume], or of objects that name them."""
    rows = json.loads(content)
    if not isinstance(rows, list):
        raise InvalidCandlesError(f"{name} is JSON, but no list of candles.")
    if rows and all(isinstance(row, dict) for row in rows):
        return pd.DataFrame(rows)
    widths = {len(row) if isinstance(row, list) else -1 for row in rows}
    if not widths <= {len(_JSON_COLUMNS)} and not widths <= {len(_ARCHIVE_COLUMNS)}:
        raise InvalidCandlesError(f"{name} is JSON, but no list of candles like {list(_JSON_COLUMNS)}.")
    names = _ARCHIVE_COLUMNS if widths == {len(_ARCHIVE_COLUMNS)} else _JSON_COLUMNS
    return pd.DataFrame(rows, columns=list(names))


def _read_csv(name: str, content: bytes, columns: Sequence[str] | None) -> pd.DataFrame:
    """Read text strictly: a cell that is no number where one belongs is an error, never a guess."""
    skipped, first = _header_line(content)
    if not first:
        raise InvalidCandlesError(f"{name} is empty.")
    if b"\0" in first:
        raise InvalidCandlesError(f"{name} is neither Parquet nor text in UTF-8.")
    delimiter = max(",;\t", key=lambda mark: first.count(mark.encode()))
    cells = [cell.strip(' "') for cell in first.decode("utf-8-sig", "replace").split(delimiter)]
    names: list[str] | None = None
    if columns is not None:
        names = _given(name, columns, len(cells))
        skipped += not any(map(_is_number, cells))
    elif _is_number(cells[0]):
        if len(cells) != len(_ARCHIVE_COLUMNS):
            raise InvalidCandlesError(
                f"{name} has no header, and {len(cells)} columns.",
                "Without a header only the exchange archives' 12 columns are understood; say what these are, like "
                "columns=['timestamp', 'open', 'high', 'low', 'close', 'volume'] or "
                "--columns timestamp,open,high,low,close,volume.")
        names = list(_ARCHIVE_COLUMNS)
    table = csv.read_csv(
        io.BytesIO(content),
        read_options=csv.ReadOptions(column_names=names, skip_rows=skipped),
        parse_options=csv.ParseOptions(delimiter=delimiter),
        # An empty cell then makes its column one of text, and is refused by name further on.
        convert_options=csv.ConvertOptions(null_values=[], strings_can_be_null=False),
    )
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _given(name: str, columns: Sequence[str], width: int) -> list[str]:
    if len(columns) != width:
        raise InvalidCandlesError(f"{name} has {width} columns, but {len(columns)} names were given.",
                                  "Name each, in the file's order; - for one that is not needed.")
    # Columns without a use may share a name; the table may not have it twice.
    return [f"unused {number}" if column == "-" else column for number, column in enumerate(columns)]


def _header_line(content: bytes) -> tuple[int, bytes]:
    """Return how many lines come before the table, and its first line."""
    lines = io.BytesIO(content)
    first = lines.readline().strip()
    # One archive of candles puts its address on the first line of each file.
    if first.startswith((b"http://", b"https://")):
        return 1, lines.readline().strip()
    return 0, first or content.strip()[:1000].split(b"\n")[0].strip()


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
