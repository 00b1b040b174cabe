"""Figures by name, as small as they can be: a study holds those of thousands of trials."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

__all__ = ["Figures"]

#: By names and which of them are floats: whether each is one, and where it stands among those; shared by all alike.
_LAYOUTS: dict[tuple[tuple[str, bool], ...], dict[str, tuple[bool, int]]] = {}


class Figures(Mapping[str, Any]):
    """A mapping that cannot be changed: its names are shared with others, its floats are eight bytes each.

    Parameters
    ----------
    figures
        What it holds; values that are no floats stay the objects that they are.

    Examples
    --------
    >>> figures = Figures({"sharpe_ratio": 1.25, "total": 41})
    >>> figures["total"], dict(figures) == figures
    (41, True)
    """

    __slots__ = ("_floats", "_layout", "_others")

    def __init__(self, figures: Mapping[str, Any]) -> None:
        kinds = tuple((name, type(value) is float) for name, value in figures.items())
        self._layout = _LAYOUTS.get(kinds) or _LAYOUTS.setdefault(kinds, _layout(kinds))
        self._floats = array("d", [value for value in figures.values() if type(value) is float])
        self._others = tuple(value for value in figures.values() if type(value) is not float)

    def __getitem__(self, name: str) -> Any:
        is_float, place = self._layout[name]
        return self._floats[place] if is_float else self._others[place]

    def __iter__(self) -> Iterator[str]:
        return iter(self._layout)

    def __len__(self) -> int:
        return len(self._layout)

    def __repr__(self) -> str:
        return repr(dict(self))

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        return Figures, (dict(self),)


def _layout(kinds: tuple[tuple[str, bool], ...]) -> dict[str, tuple[bool, int]]:
    counts = {True: count(), False: count()}
    return {name: (is_float, next(counts[is_float])) for name, is_float in kinds}
