"""What an import changed, left out or took for granted, counted over all its files."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Remarks"]

#: So many rows are named.
_NAMED = 5


@dataclass
class _Count:
    rows: int = 0
    files: int = 0
    where: str = ""


@dataclass
class Remarks:
    """Sentences on rows, each with its count and where the first of them are.

    Examples
    --------
    >>> remarks = Remarks()
    >>> remarks.add("Left out, high is below the low", np.array([False, True, True]), "a.csv")
    >>> remarks.sentences
    ('Left out, high is below the low: 2 rows (rows 2, 3 of a.csv).',)
    """

    _counts: dict[str, _Count] = field(default_factory=dict)

    def add(self, what: str, rows: NDArray[np.bool_], name: str) -> None:
        """Count rows of a file.

        Parameters
        ----------
        what
            What there is to say of them; their count follows.
        rows
            Which of the file's rows.
        name
            The file.
        """
        numbers = np.flatnonzero(rows) + 1
        if not len(numbers):
            return
        count = self._counts.setdefault(what, _Count())
        if not count.files:
            more = ", …" if len(numbers) > _NAMED else ""
            listed = ", ".join(f"{number:,}" for number in numbers[:_NAMED])
            count.where = f"row{'s' if len(numbers) > 1 else ''} {listed}{more}{f' of {name}' if name else ''}"
        count.rows += len(numbers)
        count.files += 1

    @property
    def sentences(self) -> tuple[str, ...]:
        """One for each thing that was found."""
        return tuple(f"{what}: {_counted(count.rows, 'row')} ({count.where}{_others(count.files - 1)})."
                     for what, count in self._counts.items())


def _counted(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def _others(files: int) -> str:
    return f", and in {_counted(files, 'other file')}" if files else ""
