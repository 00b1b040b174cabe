"""A form where nothing can be filled in: its fields as a table, and the magic that does the same."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

__all__ = ["form_html", "form_text"]


def form_text(title: str, rows: Sequence[tuple[str, str]], cell: str) -> str:
    """Return the fields and the cell as text.

    Parameters
    ----------
    title
        What the form is for.
    rows
        Each field's label and what is in it.
    cell
        The magic's line.
    """
    width = max((len(label) for label, _ in rows), default=0)
    fields = [f"  {label:<{width}}  {value}".rstrip() for label, value in rows]
    return "\n".join([title, *fields, *(["The same as a cell:", f"  {cell}"] if cell else [])])


def form_html(title: str, rows: Sequence[tuple[str, str]], cell: str, extra: str = "") -> str:
    """Return the same as an HTML fragment; ``extra`` is HTML that follows the title."""
    fields = "".join(f'<tr><th scope="row" style="text-align:left">{escape(label)}</th>'
                     f'<td style="text-align:left">{escape(value)}</td></tr>' for label, value in rows)
    same = f"<p>The same as a cell:</p><pre>{escape(cell)}</pre>" if cell else ""
    return f"<b>{escape(title)}</b>{extra}<table><tbody>{fields}</tbody></table>{same}"
