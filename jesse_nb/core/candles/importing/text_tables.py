"""Tables of text: comma, semicolon or tab, with a header or without, with points or commas before the decimals."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pyarrow import csv

from jesse_nb.core.candles.importing.import_options import ImportOptions
from jesse_nb.core.candles.importing.numbers import is_number
from jesse_nb.core.candles.importing.remarks import Remarks
from jesse_nb.exceptions import InvalidCandlesError

__all__ = ["ARCHIVE_COLUMNS", "named_columns", "read_text"]

#: The columns of the exchange archives' kline files, which have no header.
ARCHIVE_COLUMNS = ("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume",
                   "trades", "taker_base_volume", "taker_quote_volume", "ignore")

_SAY_WHICH = ("say what these are, like columns=['timestamp', 'open', 'high', 'low', 'close', 'volume'] or "
              "--columns timestamp,open,high,low,close,volume.")

_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
_POINT = r"[+-]?\d*\.\d+"
#: A date or a time of day, which a header is not.
_MOMENT = re.compile(r"\d{4}[-./]\d{1,2}[-./]\d{1,2}.*|\d{1,2}[-./]\d{1,2}[-./]\d{4}.*|\d{1,2}:\d{2}.*")

#: Lines that are looked at to see which decimals there are.
_LOOKED_AT = 50


@dataclass(frozen=True)
class _Shape:
    """How a text is a table: lines before it, what parts cells, its first row, whether decimals follow a comma."""

    skipped: int
    delimiter: str
    first: list[str]
    decimal_comma: bool

    @property
    def header(self) -> bool:
        """Whether its first row names columns."""
        return not any(is_number(cell) or _MOMENT.fullmatch(cell) or (self.decimal_comma and _DECIMAL_COMMA.fullmatch(
            cell)) for cell in self.first)


def read_text(name: str, content: bytes, options: ImportOptions, remarks: Remarks) -> pd.DataFrame:
    """Read text strictly: a cell that is no number where one belongs is an error, never a guess.

    Parameters
    ----------
    name
        The file's, for the errors.
    content
        All of it, in UTF-8.
    options
        What the columns are called, and whether rows with too many or too few cells are left out.
    remarks
        Where those are counted.

    Raises
    ------
    InvalidCandlesError
        When it is empty, no text, or without a header that names its columns.
    """
    shape = _shape(name, content)
    skipped, names = shape.skipped, None
    if options.columns is not None:
        names = named_columns(name, options.columns, len(shape.first))
        skipped += shape.header
    elif not shape.header:
        if len(shape.first) != len(ARCHIVE_COLUMNS):
            raise InvalidCandlesError(
                f"{name} has no header, and {len(shape.first)} columns.",
                f"Without a header only the exchange archives' 12 columns are understood; {_SAY_WHICH}")
        names = list(ARCHIVE_COLUMNS)
    odd: list[int] = []
    table = csv.read_csv(
        io.BytesIO(content),
        read_options=csv.ReadOptions(column_names=names, skip_rows=skipped, use_threads=not options.lenient),
        parse_options=csv.ParseOptions(delimiter=shape.delimiter,
                                       invalid_row_handler=_skipping(odd) if options.lenient else None),
        # An empty cell then makes its column one of text, and is refused by name further on.
        convert_options=csv.ConvertOptions(null_values=[], strings_can_be_null=False,
                                           decimal_point="," if shape.decimal_comma else "."),
    )
    frame: pd.DataFrame = table.to_pandas()
    if odd:
        before = skipped + (names is None)
        lines = np.zeros(max(odd) - before, bool)
        lines[[number - before - 1 for number in odd]] = True
        remarks.add("Left out, more or fewer cells than the others", lines, name)
    if shape.decimal_comma:
        _refuse_points(name, frame)
    return frame


def named_columns(name: str, columns: Sequence[str], width: int) -> list[str]:
    """Return the names that were given, if there are as many as columns.

    Raises
    ------
    InvalidCandlesError
        When there are more or fewer.
    """
    if len(columns) != width:
        raise InvalidCandlesError(f"{name} has {width} columns, but {len(columns)} names were given.",
                                  "Name each, in the file's order; - for one that is not needed.")
    # Columns without a use may share a name; the table may not have it twice.
    return [f"unused {number}" if column.strip() == "-" else column for number, column in enumerate(columns)]


def _shape(name: str, content: bytes) -> _Shape:
    lines = io.BytesIO(content)
    line = lines.readline().rstrip(b"\r\n")
    skipped, first = 0, line.strip()
    delimiter = ""
    # One archive of candles puts its address on the first line of each file; spreadsheets say what parts cells.
    if first.startswith((b"http://", b"https://")):
        skipped, first = 1, lines.readline().strip()
    elif said := re.fullmatch(rb"(?:\xef\xbb\xbf)?\"?sep=(.)\"?", line, re.IGNORECASE):
        skipped, first, delimiter = 1, lines.readline().strip(), said[1].decode("latin-1")
    else:
        first = first or content.strip()[:1000].split(b"\n")[0].strip()
    if not first:
        raise InvalidCandlesError(f"{name} is empty.")
    if b"\0" in first:
        raise InvalidCandlesError(f"{name} is neither Parquet nor text in UTF-8.")
    text = first.decode("utf-8-sig", "replace")
    if not delimiter:
        # 1,5;2,5 has more commas than semicolons, which come before decimals: at most one in each cell.
        mark = max(";\t", key=text.count)
        delimiter = mark if text.count(mark) and text.count(",") <= text.count(mark) + 1 else ","
    rows = [_cells(line.decode("utf-8-sig", "replace"), delimiter) for line in (first, *lines.readlines(2**14))]
    return _Shape(skipped, delimiter, rows[0], delimiter != "," and _has_decimal_commas(name, rows[:_LOOKED_AT]))


def _cells(line: str, delimiter: str) -> list[str]:
    return [cell.strip(' "\r\n') for cell in line.split(delimiter)]


def _has_decimal_commas(name: str, rows: list[list[str]]) -> bool:
    """Return whether decimals follow a comma; where a comma may as well part thousands, nothing is guessed."""
    with_comma = [cell for row in rows for cell in row if _DECIMAL_COMMA.fullmatch(cell)]
    if with_comma and all(_THOUSANDS.fullmatch(cell) for cell in with_comma):
        raise InvalidCandlesError(f"{name} has numbers like {with_comma[0]}: the comma may come before decimals or "
                                  "part thousands.", "Write numbers with a point, and without thousands apart.")
    return bool(with_comma)


def _refuse_points(name: str, frame: pd.DataFrame) -> None:
    """Refuse 13.174 where decimals follow commas: it may be thirteen thousand."""
    for column in frame.select_dtypes(object):
        points = frame[column].astype(str).str.fullmatch(_POINT)
        if points.any():
            row = int(points.to_numpy().argmax())
            called = " ".join(str(column).split())
            raise InvalidCandlesError(f"{name} has decimal commas, but row {row + 1:,} of {called} is "
                                      f"{frame[column].iloc[row]}.", "Write all numbers with a point.")


def _skipping(odd: list[int]):  # type: ignore[no-untyped-def]  # pyarrow has no types
    def skip(row):  # type: ignore[no-untyped-def]
        odd.append(row.number)
        return "skip"

    return skip
