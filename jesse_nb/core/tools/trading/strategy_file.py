"""The text of a strategy's file in a Jesse project: the strategy, its chosen values, and where these are from."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from jesse_nb.core.simulator.strategies.standalone import ORIGIN
from jesse_nb.core.study.space import Space
from jesse_nb.core.tools.trading.chosen import ChosenValues

__all__ = ["declaration_of", "with_origin"]

#: Letters of a line of the comment.
_WIDTH = 110


def declaration_of(values: Mapping[str, Any], space: Space | None) -> list[dict[str, Any]]:
    """Return what a strategy declares that declared nothing: names, types, ranges, and the values as defaults.

    Where nothing was searched, a number's range is the number itself.
    """
    searched = {} if space is None else {part.name: part for part in space.dimensions}
    rows = []
    for name, value in values.items():
        part = searched.get(name)
        if (part is not None and part.kind == "categorical") or not _is_number(value):
            options = list(part.choices) if part is not None and part.kind == "categorical" else [value]
            rows.append({"name": name, "type": "categorical", "options": options, "default": value})
            continue
        row: dict[str, Any] = {"name": name, "type": int if isinstance(value, int) else float,
                               "min": value, "max": value}
        if part is not None and part.low is not None and part.high is not None:
            kind = int if part.kind == "int" else float
            row |= {"type": kind, "min": kind(part.low), "max": kind(part.high)}
            if part.step is not None and (kind is float or part.step != 1):
                row["step"] = kind(part.step)
        rows.append(row | {"default": value})
    return rows


def with_origin(text: str, chosen: ChosenValues, dna: str, version: str, values: Mapping[str, Any], *,
                other: bool = False) -> str:
    """Put a comment above a strategy's text that says where its values are from; the text may be an ``other`` one."""
    now = datetime.datetime.now(datetime.timezone.utc)
    named = f"{chosen.name!r}, " if chosen.name else ""
    lines = [
        f"Written by jesse_nb {version} on {now:%Y-%m-%d %H:%M} UTC.",
        f"Result: {named}key {chosen.key}, {chosen.origin}.",
        f"Chosen on: {chosen.market}.",
        f"Verdict: {chosen.verdict or 'none; nothing judged it'}",
        *(["Text: given for it, and not that which had run; its result is the same to the last bit."] if other else []),
        f"Values: {', '.join(f'{name}={value!r}' for name, value in values.items()) or 'none'}",
        f"DNA: {dna or 'none'}",
    ]
    said = [f"# {part}" for line in lines for part in _broken(line)]
    return "\n".join([ORIGIN[0], *said, ORIGIN[1], "", text])


def _broken(line: str) -> list[str]:
    """Return a text in lines of a comment: nothing in it ends the comment."""
    plain = "".join(sign if sign.isprintable() else " " for sign in line)
    parts: list[str] = []
    for word in plain.split(" "):
        if parts and len(parts[-1]) + len(word) < _WIDTH:
            parts[-1] += f" {word}"
        else:
            parts.append(word if not parts else f"  {word}")
    return parts


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
