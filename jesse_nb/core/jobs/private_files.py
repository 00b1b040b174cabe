"""Files that nobody but their owner may write: what is in them decides what is shown, or even what is run."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

__all__ = ["make_private_file", "make_private_folder", "read_only", "why_not_private"]


def why_not_private(path: Path, state: os.stat_result | None = None) -> str:
    """Return who else could have written a file, and what to do about it; empty when nobody could.

    Parameters
    ----------
    path
        An existing file; on Windows, whose permissions are of another kind, it is not looked at.
    state
        Of the file that was opened, where another may lie there by now.

    Raises
    ------
    OSError
        When the file cannot be looked at.
    """
    if not hasattr(os, "getuid"):
        return ""
    state = state or path.stat()
    if read_only(path):
        return ""
    name = shlex.quote(str(path))
    if state.st_uid not in (0, os.getuid()):  # root can write everything anyway
        return f"{path} belongs to another user. Copy it, or take it over once you know what is in it: chown {name}"
    if state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"Others can write {path}. Once you know what is in it: chmod go-w {name}"
    return ""


def read_only(path: Path) -> bool:
    """Tell whether an existing path is on a medium that nobody can write."""
    return hasattr(os, "statvfs") and bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def make_private_file(path: Path) -> None:
    """Make an empty file that only this user may read and write, where there is none."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def make_private_folder(path: Path) -> None:
    """Make a folder that only this user may enter, and those above it, where they are missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(exist_ok=True, mode=0o700)
