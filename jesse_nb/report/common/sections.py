"""A report in sections, each with a picture, a table, or both: the template ``sections.html`` and its plain text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from jesse_nb.report.common.heading import mark_lines
from jesse_nb.report.common.plain_text import wrapped
from jesse_nb.report.common.tables import Table, as_text, cell

__all__ = ["Section", "card_of_lines", "sections_text"]


class Section(NamedTuple):
    """A part of a report.

    ``said`` explains it, ``picture`` names a figure, and the plain text leaves it out where it is not ``in_text``.
    """

    caption: str
    said: tuple[str, ...] = ()
    picture: str = ""
    table: Table | None = None
    in_text: bool = True


def sections_text(title: str, content: Mapping[str, Any]) -> str:
    """Return the plain text of what ``sections.html`` takes."""
    lines = [*wrapped(title, content["places"], content["period"]), *mark_lines(content),
             *wrapped(*content["said"])]
    for section in content["sections"]:
        if section.in_text and section.table is not None and section.table.rows:
            lines += ["", section.caption, *as_text(section.table)]
    return "\n".join([*lines, *(["", *wrapped(*content["warned"])] if content["warned"] else [])])


def card_of_lines(lines: Iterable[tuple[str, str]]) -> Table:
    """Return a result card of names and texts."""
    return Table(("", ""), tuple((cell(name), cell(text)) for name, text in lines), words=2)
