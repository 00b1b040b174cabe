"""Paths as people write them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jesse_nb.exceptions import InputError, StorageError, shown

__all__ = ["user_path", "working_folder"]

#: What operating systems take: of a whole path, and of each part of it.
_LONGEST, _LONGEST_PART = 4096, 255


def user_path(value: Any, argument: str = "path", what: str = "a file's path") -> Path:
    """Return a path that can be one, with ``~`` as the user's folder.

    Parameters
    ----------
    value
        A text or a path.
    argument
        What errors call it, by its name in Python.
    what
        What it is.

    Raises
    ------
    InputError
        When no file can be called so, or there is no user of that name.

    Examples
    --------
    >>> user_path("reports/study.html").name
    'study.html'
    >>> user_path(5)
    Traceback (most recent call last):
        ...
    jesse_nb.exceptions.InputError: path is 5. It is a file's path.
    """
    try:
        text = os.fspath(value)
    except TypeError:
        text = None
    if not isinstance(text, str) or not text.strip() or "\0" in text or _too_long(text):
        raise InputError.of(argument, f"is {shown(value)}.", f"It is {what}.")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise InputError.of(argument, f"is {shown(value)}.", "There is no such user here.") from None


def _too_long(text: str) -> bool:
    return len(text) > _LONGEST or any(len(os.fsencode(part)) > _LONGEST_PART for part in Path(text).parts)


def working_folder() -> Path:
    """Return the working directory.

    Raises
    ------
    StorageError
        When it was deleted meanwhile.
    """
    try:
        return Path.cwd()
    except OSError as error:
        raise StorageError("The working directory is not there any more.", "Change into another one first.") from error
