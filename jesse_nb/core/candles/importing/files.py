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

# What unpacks to more, or has more rows, is no file of one series: minutes since 2009 are ten million, of a hundred
# bytes each.
_LARGEST_BYTES, _MOST_ROWS = 2 * 2**30, 20_000_000

#: So much of what is packed is looked at before all of it is unpacked.
_HEAD_BYTES = 2**16


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
                inside = _unpacked(name, file)
            if inside.startswith(tuple(_PACKED)):
                raise InvalidCandlesError("It is compressed twice.", "Unpack it first.")
            yield from read_frames(name, inside, options, remarks, members)
        elif content.startswith(_PARQUET):
            _refuse_more_rows(name, pq.read_metadata(io.BytesIO(content)).num_rows)
            yield name, _frame(pq.read_table(io.BytesIO(content), page_checksum_verification=True))
        elif content.startswith(_FEATHER):
            table = feather.read_table(io.BytesIO(content))
            _refuse_more_rows(name, len(table))
            yield name, _frame(table)
        elif content[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"[", b"{")):
            yield name, read_json(name, content, options, remarks)
        else:
            yield name, read_text(name, content, options, remarks)
    except JesseNbError:
        raise
    except Exception as error:
        # What the libraries raise on damaged bytes is written down nowhere: zipfile alone has struct.error,
        # NotImplementedError and OverflowError for some.
        reason = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
        raise InvalidCandlesError(f"{name} cannot be read, it may be damaged: {reason}.") from error


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
        if sum(member.file_size for member in there) > _LARGEST_BYTES:
            raise InvalidCandlesError(f"{name} unpacks to more than {_LARGEST_BYTES // 2**30} GB.")
        chosen = set(members([member.filename for member in there]))
        for member in there:
            if member.filename not in chosen:
                continue
            with archive.open(member) as file:
                inside = _unpacked(name, file)
            yield from read_frames(f"{name}/{' '.join(member.filename.split()) or '(no name)'}", inside, options,
                                   remarks, _none_within(name))


def _none_within(name: str) -> Members:
    """Return what lets an archive in an archive have one file, as the months of an exchange have."""

    def members(names: Sequence[str]) -> Sequence[str]:
        if len(names) > 1:
            raise InvalidCandlesError(f"{name} holds another archive of {len(names):,} files.", "Unpack it first.")
        return names

    return members


def _unpacked(name: str, file: IO[bytes]) -> bytes:
    """Return all of a packed file, unless its beginning tells already that it is no table."""
    head = file.read(_HEAD_BYTES)
    if not head.startswith((*_ZIP, *_PACKED, _PARQUET, *_FEATHER)) and b"\0" in head:
        raise InvalidCandlesError(f"{name} is neither Parquet nor text in UTF-8.")
    inside = head + file.read(_LARGEST_BYTES + 1 - len(head))
    if len(inside) > _LARGEST_BYTES:
        raise InvalidCandlesError(f"{name} unpacks to more than {_LARGEST_BYTES // 2**30} GB.")
    return inside


def _refuse_more_rows(name: str, rows: int) -> None:
    if rows > _MOST_ROWS:
        raise InvalidCandlesError(f"{name} has {rows:,} rows; {_MOST_ROWS:,} are read at the most.",
                                  "Import it in parts.")
