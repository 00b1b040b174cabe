"""What brings candle files into the store, and what looks into them before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jesse_nb.core.tools.declaration.markets import EXCHANGE, Several, Symbol
from jesse_nb.core.tools.declaration.parameter import COMMAND, MAGIC, PYTHON, Parameter
from jesse_nb.core.tools.declaration.reader import Desk, Reader
from jesse_nb.core.tools.declaration.resources import Candles
from jesse_nb.core.tools.declaration.shared import BACKGROUND
from jesse_nb.core.tools.declaration.tool import Tool
from jesse_nb.core.tools.declaration.values import Choice, Switch
from jesse_nb.core.user_path import user_path
from jesse_nb.exceptions import InputError, shown

__all__ = ["IMPORT_FILES", "PREVIEW_FILES"]


class Files(Reader):
    """Paths, patterns and folders; what they stand for is looked up by the tool."""

    python = "Sequence[str | Path] | None"

    def check(self, name: str, value: Any) -> list[Any]:
        """See :meth:`Reader.check`."""
        listed = [value] if isinstance(value, str | Path) else value
        if not isinstance(listed, list | tuple):
            raise InputError.of(name, f"is {shown(value)}.", "It lists paths, patterns or folders.")
        for one in listed:
            user_path(one, name, "a file's path, a pattern or a folder")
        return list(listed)


class ColumnNames(Reader):
    """Names of columns in a file's order, with commas between them in words."""

    metavar = "NAME,NAME,..."
    python = "Sequence[str] | None"

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        return [part.strip() for part in words[0].split(",")]

    def check(self, name: str, value: Any) -> list[str]:
        """See :meth:`Reader.check`."""
        listed = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []
        if not listed or not all(isinstance(one, str) and one.strip() for one in listed):
            raise InputError.of(name, f"is {shown(value)}.",
                                "It lists the columns' names in order, like ['timestamp', 'open', 'high', 'low', "
                                "'close', 'volume'], with '-' for one that is not needed.")
        return listed


class TimeZone(Reader):
    """A zone's name, or its distance from UTC."""

    metavar = "ZONE"
    python = "str | None"

    def check(self, name: str, value: Any) -> str:
        """See :meth:`Reader.check`."""
        from jesse_nb.core.candles.importing.time_zones import zone_of

        zone_of(value)
        return str(value).strip()


_SYMBOLS = Parameter("symbols", Several(Symbol()), "One for files; several, or none for all, for a folder.",
                     surfaces=(PYTHON,))

#: How files are read, wherever it is asked for.
_READING = (
    Parameter("columns", ColumnNames(), "What the columns of text files and JSON lists are, in order, - for one "
              "without a use: for files without a header, or with an odd one. date and time may be two."),
    Parameter("off_minute", Choice(("refuse", "floor", "skip"), "OffMinute"), "What becomes of timestamps between two "
              "minutes: the file is refused, they are set back to the minute, or their rows are skipped; the answer "
              "counts them.", "refuse"),
    Parameter("errors", Choice(("refuse", "skip"), "Errors"), "What becomes of rows that are no candles: the file is "
              "refused, or they are skipped; the answer says which, and why.", "refuse"),
    Parameter("expand", Switch(), "The files have longer candles than one minute: one-minute candles are made of them, "
              "on straight lines from open to low, high and close. Every report says so.", False),
    Parameter("time_zone", TimeZone(), "Zone of times that say none, Europe/Berlin or +02:00 for example; times that "
              "are there twice, when clocks are set back, are refused.", unset="UTC"),
)

IMPORT_FILES = Tool(
    "import_files", "Import files", "Store candles from files, or every series of a folder.",
    "jesse_nb.core.tools.candles.import_files:import_files",
    (
        Parameter("source", Files(), "Paths, patterns or folders.", surfaces=(PYTHON,)),
        Parameter("exchange", EXCHANGE, "What the series are filed under.", surfaces=(PYTHON,)),
        _SYMBOLS,
        Parameter("store", Candles(), "Folder that keeps the candles.", unset="in the user's data folder",
                  surfaces=(PYTHON,)),
        Parameter("replace", Switch(), "Let new candles win over stored ones that differ.", False, surfaces=(PYTHON,)),
        *_READING,
        Parameter("preview", Switch(), "Store nothing: show the first rows as they would be read, their time zone, the "
                  "span and the gaps.", False, surfaces=(MAGIC, COMMAND)),
        BACKGROUND.but(surfaces=(PYTHON,)),
    ),
    kind="import",
)

PREVIEW_FILES = Tool(
    "preview_files", "Preview of files", "Show how files would be read, and store nothing.",
    "jesse_nb.core.tools.candles.preview_files:preview_files",
    (
        Parameter("source", Files(), "Paths, patterns or folders.", surfaces=(PYTHON,)),
        Parameter("exchange", EXCHANGE, "What the series would be filed under; chooses between markets of a folder.",
                  surfaces=(PYTHON,)),
        _SYMBOLS, *(parameter.but(surfaces=(PYTHON,)) for parameter in _READING),
        BACKGROUND.but(surfaces=(PYTHON,)),
    ),
    results={
        "jesse_nb.core.tools.candles.preview_files:ImportPreview":
            "jesse_nb.report.candles.import_preview:IMPORT_PREVIEW",
    },
    kind="preview",
)
