"""What is inside a candle file: Parquet, Feather, JSON or text, plain, zipped or packed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import feather

from jesse_nb.core.candles.importing.import_options import ImportOptions
from jesse_nb.core.candles.importing.json_tables import read_json
from jesse_nb.core.candles.importing.remarks import Remarks
from jesse_nb.core.candles.importing.text_tables import read_text
from jesse_nb.exceptions import InvalidCandlesError, JesseNbError

__all__ = ["Members", "read_frames"]

#: Which members of an archive are read, of all their names.
Members = Callable[[Sequence[str]], Sequence[str]]

# What such files begin with; an empty archive has only its end.
_ZIP, _PARQUET, _FEATHER = (b"PK\x03\x04", b"PK\x05\x06"), b"PAR1", (b"ARROW1", b"FEA1")

#: What packs a single file, by how it then begins.
_PACKED: dict[bytes, Callable[[bytes], Any]] = {
    b"\x1f\x8b": lambda content: gzip.GzipFile(fileobj=io.BytesIO(content)),
    b"\x28\xb5\x2f\xfd": lambda content: pa.CompressedInputStream(pa.BufferReader(content), "zstd"),
    b"BZh": lambda content: bz2.BZ2File(io.BytesIO(content)),
    b"\xfd7zXZ\x00": lambda content: lzma.open(io.BytesIO(content)),  # noqa: SIM115 - whoever unpacks it closes it
}

# What unpacks to more, or has more rows or cells, is no file of one series: minutes since 2009 are ten million, of a
# hundred bytes and a dozen columns each.
_LARGEST_BYTES, _MOST_ROWS, _MOST_CELLS = 2 * 2**30, 20_000_000, 200_000_000

#: Nor is what unpacks to more than this many times its size: candles pack five to thirty times. Small files may.
_MOST_PACKED, _SMALL_BYTES = 100, 64 * 2**20

#: So much of what is packed is looked at before all of it is unpacked, in parts.
_HEAD_BYTES, _PART_BYTES = 2**16, 2**24


def read_frames(name: str, content: bytes, options: ImportOptions, remarks: Remarks,
                members: Members = lambda names: names) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each table in a file with its name. What it is, is told by its first bytes.

    Parameters
    ----------
    name
        Of the file, for the errors.
    content
        The whole file.
    options
        How it is read.
    remarks
        Where rows are counted that are left out.
    members
        Chooses among the files in an archive.

    Raises
    ------
    InvalidCandlesError
        When it is empty, damaged, or no table.
    """
    try:
        packed = next((begun for begun in _PACKED if content.startswith(begun)), None)
        if content.startswith(_ZIP):
            yield from _unzipped(name, content, options, remarks, members)
        elif packed is not None:
            with _PACKED[packed](content) as file:
                inside = _unpacked(name, file, len(content))
            if inside.startswith(tuple(_PACKED)):
                raise InvalidCandlesError("It is compressed twice.", "Unpack it first.")
            yield from read_frames(name, inside, options, remarks, members)
        elif content.startswith(_PARQUET):
            about = pq.read_metadata(io.BytesIO(content))
            _refuse_more_rows(name, about.num_rows, about.num_columns)
            yield name, _frame(pq.read_table(io.BytesIO(content), page_checksum_verification=True))
        elif content.startswith(_FEATHER):
            yield name, _frame(_feather(name, content))
        elif content[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"[", b"{")):
            _refuse_more_rows(name, content.count(b"[") + content.count(b"{") - 1)
            yield name, read_json(name, content, options, remarks)
        else:
            _refuse_more_rows(name, content.count(b"\n") - 1)
            yield name, read_text(name, content, options, remarks)
    except JesseNbError:
        raise
    except Exception as error:
        # What the libraries raise on damaged bytes is written down nowhere: zipfile alone has struct.error,
        # NotImplementedError and OverflowError for some.
        reason = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
        raise InvalidCandlesError(f"{name} cannot be read, it may be damaged: {reason}.") from error


def _feather(name: str, content: bytes) -> pa.Table:
    """Return a Feather file's table; its batches are unpacked one by one, until they are too many."""
    if content.startswith(_FEATHER[1]):
        return feather.read_table(io.BytesIO(content))
    with pa.ipc.open_file(pa.BufferReader(content)) as file:
        batches, rows = [], 0
        for number in range(file.num_record_batches):
            batches.append(file.get_batch(number))
            rows += len(batches[-1])
            _refuse_more_rows(name, rows, len(file.schema))
        return pa.Table.from_batches(batches, schema=file.schema)


def _frame(table: pa.Table) -> pd.DataFrame:
    try:
        frame: pd.DataFrame = table.to_pandas()
    except Exception as error:
        # Which columns are an index is said in JSON, which nobody has checked before pyarrow uses it.
        raise ValueError(f"its description of columns is wrong ({type(error).__name__}: {error})") from error
    return frame


def _unzipped(name: str, content: bytes, options: ImportOptions, remarks: Remarks, members: Members
              ) -> Iterator[tuple[str, pd.DataFrame]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        # A member without a name is none of a folder; ZipInfo.is_dir looks at its last letter.
        there = [member for member in archive.infolist()
                 if not member.filename.endswith("/") and not member.filename.startswith("__MACOSX/")]
        if not there:
            raise InvalidCandlesError(f"{name} is an archive without a file in it.")
        _refuse_larger(name, sum(member.file_size for member in there), len(content))
        chosen = set(members([member.filename for member in there]))
        for member in there:
            if member.filename not in chosen:
                continue
            with archive.open(member) as file:
                inside = _unpacked(name, file, max(member.compress_size, 1))
            yield from read_frames(f"{name}/{' '.join(member.filename.split()) or '(no name)'}", inside, options,
                                   remarks, _none_within(name))


def _none_within(name: str) -> Members:
    """Return what lets an archive in an archive have one file, as the months of an exchange have."""

    def members(names: Sequence[str]) -> Sequence[str]:
        if len(names) > 1:
            raise InvalidCandlesError(f"{name} holds another archive of {len(names):,} files.", "Unpack it first.")
        return names

    return members


def _unpacked(name: str, file: IO[bytes], packed: int) -> bytes:
    """Return all of a packed file of so many bytes, unless its beginning or its size tells that it is no table."""
    head = file.read(_HEAD_BYTES)
    binary = head.startswith((*_ZIP, *_PACKED, _PARQUET, *_FEATHER))
    if not binary and b"\0" in head:
        raise InvalidCandlesError(f"{name} is neither Parquet nor text in UTF-8.")
    parts, size, lines = [head], len(head), head.count(b"\n")
    while part := file.read(_PART_BYTES):
        parts.append(part)
        size, lines = size + len(part), lines + (0 if binary else part.count(b"\n"))
        _refuse_larger(name, size, packed)
        _refuse_more_rows(name, lines)
    return b"".join(parts)


def _refuse_larger(name: str, size: int, packed: int) -> None:
    """Refuse what unpacks to no table of candles, by its sizes in bytes."""
    if size > _LARGEST_BYTES:
        raise InvalidCandlesError(f"{name} unpacks to more than {_LARGEST_BYTES // 2**30} GB, the most that is read.",
                                  "Import it in parts.")
    if size > max(_SMALL_BYTES, packed * _MOST_PACKED):
        raise InvalidCandlesError(f"{name} unpacks to more than {_MOST_PACKED} times its {packed:,} bytes: no candles "
                                  "pack so well.", "Unpack it first if it is right.")


def _refuse_more_rows(name: str, rows: int, columns: int = 1) -> None:
    if rows > _MOST_ROWS or rows * columns > _MOST_CELLS:
        raise InvalidCandlesError(f"{name} has {rows:,} rows{f' of {columns:,} columns' if columns > 1 else ''}; "
                                  f"{_MOST_ROWS:,} rows and {_MOST_CELLS:,} cells are read at the most.",
                                  "Import it in parts.")
