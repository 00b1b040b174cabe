"""A value as it is written on a command line."""

from __future__ import annotations

import re

__all__ = ["literal"]

_WORDS: dict[str, bool | None] = {"true": True, "false": False, "none": None}


def literal(text: str) -> bool | int | float | str | None:
    """Read a number, true, false or none; anything else is a text."""
    if text.casefold() in _WORDS:
        return _WORDS[text.casefold()]
    if re.fullmatch(r"[+-]?\d+(_\d+)*", text):
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text
