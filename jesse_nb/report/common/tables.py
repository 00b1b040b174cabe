"""Tables made of finished text, which plain text and HTML both lay out."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from jesse_nb.report.common.numbers import UNDEFINED

__all__ = ["Cell", "Table", "as_text", "cell", "toned"]

#: Between two columns of text.
_GAP = "  "

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


def as_text(table: Table, *, indent: str = "  ", widest: int = 44, room: int = 0) -> list[str]:
    """Lay a table out in aligned columns: words to the left, numbers to the right.

    Parameters
    ----------
    table
        What to lay out.
    indent
        Put before each line.
    widest
        Longer cells are cut.
    room
        Characters of a line. With it nothing is cut: cells and heads go on in further lines where they must.
    """
    lines = [tuple(" ".join(text.split()) for text in line)
             for line in (table.head, *(tuple(entry.text for entry in row) for row in table.rows))]
    if room:
        widths = _fitting(lines, table.words, room - len(indent))
        lines = [part for line in lines for part in _parts(line, widths)]
    else:
        lines = [tuple(_cut(text, widest) for text in line) for line in lines]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [(indent + _GAP.join(_aligned(line, widths, table.words))).rstrip() for line in lines]


def _aligned(line: Sequence[str], widths: Sequence[int], words: int) -> list[str]:
    return [text.ljust(width) if column < words else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))]


def _parts(line: Sequence[str], widths: Sequence[int]) -> list[tuple[str, ...]]:
    """Return the lines that one row takes."""
    cells = [_wrapped(text, width) for text, width in zip(line, widths, strict=True)]
    return list(itertools.zip_longest(*cells, fillvalue=""))


def _fitting(lines: Sequence[Sequence[str]], words: int, room: int) -> list[int]:
    """Return widths of columns that fit, as far as breaking at spaces takes them: numbers are broken last.

    What adds the fewest lines is made narrower first, and of that the widest.
    """
    columns = list(zip(*lines, strict=True))
    widths = [max(map(len, column)) for column in columns]
    for numbers_too in (False, True):
        while sum(widths) + len(_GAP) * (len(widths) - 1) > room:
            steps = []
            for place, (column, width) in enumerate(zip(columns, widths, strict=True)):
                broken = [_wrapped(text, width - 1) for text in column]
                narrower = max(len(part) for parts in broken for part in parts)
                kept = place < words or numbers_too or all(
                    len(parts) == 1 or not any(map(str.isdigit, text))
                    for text, parts in zip(column[1:], broken[1:], strict=True))
                if narrower < width and kept:
                    steps.append((max(map(len, broken)), -width, -place, narrower))
            if not steps:
                break
            _, _, place, narrower = min(steps)
            widths[-place] = narrower
    return widths


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, 1), break_long_words=False, break_on_hyphens=False) or [""]


def _cut(text: str, widest: int) -> str:
    return text if len(text) <= widest else text[: widest - 1] + "…"
