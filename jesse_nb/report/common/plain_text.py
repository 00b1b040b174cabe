"""Sentences as plain text: wrapped to one width, names kept on their line."""

from __future__ import annotations

import textwrap

__all__ = ["WIDTH", "one_line", "wrapped"]

#: Characters of a line, as a terminal shows it whole.
WIDTH = 96


def one_line(name: str) -> str:
    """Keep a name on one line."""
    return " ".join(name.split())


def wrapped(*sentences: str, bullet: str = "", width: int = WIDTH) -> list[str]:
    """Return the lines of sentences, each of which begins a new one.

    Parameters
    ----------
    *sentences
        Empty ones leave no line.
    bullet
        What each begins with; its further lines are indented as far.
    width
        Characters of a line.

    Examples
    --------
    >>> wrapped("Two words", "and more", bullet="- ", width=8)
    ['- Two', '  words', '- and', '  more']
    """
    return [line for sentence in sentences for line in textwrap.wrap(
        one_line(sentence), width, initial_indent=bullet, subsequent_indent=" " * len(bullet))]
