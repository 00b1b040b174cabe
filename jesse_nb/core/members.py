"""The members of what a user gives as several: an object of their own may raise where they are read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jesse_nb.exceptions import InputError

__all__ = ["members_of"]


def members_of(argument: str, values: Iterable[Any]) -> list[Any]:
    """Return all members, in order.

    Parameters
    ----------
    argument
        What the values were given as.
    values
        Of any kind that can be iterated over, once.

    Raises
    ------
    InputError
        When the values' own code raises.

    Examples
    --------
    >>> members_of("params", (number for number in (5, 10)))
    [5, 10]
    """
    try:
        return list(values)
    except Exception as error:
        raise InputError.of(argument, f"has no members that can be read: {type(error).__name__}.",
                            "Give a list.") from error
