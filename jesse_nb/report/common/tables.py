"""Tables made of finished text, which plain text and HTML both lay out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from jesse_nb.report.common.numbers import UNDEFINED

__all__ = ["Cell", "Table", "as_text", "cell", "toned"]

Tone = Literal["", "good", "bad", "undefined", "quiet"]


class Cell(NamedTuple):
    """A finished text, and how it is meant."""

    text: str
    tone: Tone = ""
    title: str = ""


class Table(NamedTuple):
    """A head and rows of equal length; the first ``words`` columns hold words, the others numbers."""

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    words: int = 1


def cell(text: str, tone: Tone = "", title: str = "") -> Cell:
    """Return a cell; an undefined value says so by itself."""
    if text == UNDEFINED:
        return Cell(text, "undefined", title or "undefined")
    return Cell(text, tone, title)


def toned(text: str, value: Any) -> Cell:
    """Return a cell that shows whether its value (a number, NaN or None) is a gain or a loss."""
    if value is None or value == 0 or value != value:
        return cell(text)
    return cell(text, "good" if value > 0 else "bad")


def as_text(table: Table, *, indent: str = "  ", widest: int = 44) -> list[str]:
    """Lay a table out in aligned columns: words to the left, numbers to the right.

    Parameters
    ----------
    table
        What to lay out.
    indent
        Put before each line.
    widest
        Longer cells are cut.
    """
    lines = [table.head, *(tuple(entry.text for entry in row) for row in table.rows)]
    cut = [tuple(_cut(" ".join(text.split()), widest) for text in line) for line in lines]
    widths = [max(len(line[column]) for line in cut) for column in range(len(table.head))]
    return [(indent + "  ".join(_aligned(line, widths, table.words))).rstrip() for line in cut]


def _aligned(line: Sequence[str], widths: Sequence[int], words: int) -> list[str]:
    return [text.ljust(width) if column < words else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))]


def _cut(text: str, widest: int) -> str:
    return text if len(text) <= widest else text[: widest - 1] + "…"
