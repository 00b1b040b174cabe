"""What is inside a candle file: Parquet or CSV, plain, zipped or gzipped."""

from __future__ import annotations

import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from jesse_nb.exceptions import InvalidCandlesError

__all__ = ["read_frames"]

#: The columns of the exchange archives' kline files, which have no header.
_ARCHIVE_COLUMNS = ("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume",
                    "trades", "taker_base_volume", "taker_quote_volume", "ignore")

# What such files begin with; an empty archive has only its end.
_ZIP, _GZIP, _PARQUET = (b"PK\x03\x04", b"PK\x05\x06"), b"\x1f\x8b", b"PAR1"

# More than a century of one-minute candles: what unpacks to this is no candle file.
_LARGEST_BYTES = 8 * 2**30


def read_frames(name: str, content: bytes) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each table in a file with its name. What it is, is told by its first bytes.

    Parameters
    ----------
    name
        Of the file, for the errors.
    content
        The whole file.

    Raises
    ------
    InvalidCandlesError
        When it is empty, damaged, or no table.
    """
    try:
        if content.startswith(_ZIP):
            yield from _unzipped(name, content)
        elif content.startswith(_GZIP):
            yield from read_frames(name, _gunzipped(content))
        elif content.startswith(_PARQUET):
            yield name, pq.read_table(io.BytesIO(content), page_checksum_verification=True).to_pandas()
        else:
            yield name, _read_csv(name, content)
    except InvalidCandlesError:
        raise
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, pa.ArrowException,
            EOFError, OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise InvalidCandlesError(f"{name} cannot be read, it may be damaged: {reason}.") from error


def _unzipped(name: str, content: bytes) -> Iterator[tuple[str, pd.DataFrame]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [member for member in archive.infolist()
                   if not member.is_dir() and not member.filename.startswith("__MACOSX/")]
        if not members:
            raise InvalidCandlesError(f"{name} is an archive without a file in it.")
        if sum(member.file_size for member in members) > _LARGEST_BYTES:
            raise InvalidCandlesError(f"{name} unpacks to more than {_LARGEST_BYTES // 2**30} GB.")
        for member in members:
            inside = archive.read(member)
            if inside.startswith(_ZIP):
                raise InvalidCandlesError(f"{name} holds another archive, {member.filename!r}.",
                                          "Unpack it first.")
            yield from read_frames(f"{name}/{member.filename}", inside)


def _gunzipped(content: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        inside = file.read(_LARGEST_BYTES + 1)
    if len(inside) > _LARGEST_BYTES:
        raise InvalidCandlesError(f"It unpacks to more than {_LARGEST_BYTES // 2**30} GB.")
    if inside.startswith(_GZIP):
        raise InvalidCandlesError("It is compressed twice.", "Unpack it first.")
    return inside


def _read_csv(name: str, content: bytes) -> pd.DataFrame:
    """Read text strictly: a cell that is no number where one belongs is an error, never a guess."""
    skipped, first = _header_line(content)
    if not first:
        raise InvalidCandlesError(f"{name} is empty.")
    if b"\0" in first:
        raise InvalidCandlesError(f"{name} is neither Parquet nor text in UTF-8.")
    delimiter = max(",;\t", key=lambda mark: first.count(mark.encode()))
    cells = [cell.strip(' "') for cell in first.decode("utf-8-sig", "replace").split(delimiter)]
    names: list[str] | None = None
    if _is_number(cells[0]):
        if len(cells) != len(_ARCHIVE_COLUMNS):
            raise InvalidCandlesError(
                f"{name} has no header, and {len(cells)} columns.",
                "Without a header only the exchange archives' 12 columns are understood; add a first line "
                "like timestamp,open,high,low,close,volume.")
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
