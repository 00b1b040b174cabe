"""What a run depended on beside its key: files that it read, and what no key can hold, as the clock.

A run that read files is answered from the run store only while they have the same content. One that read the clock, the
network or the environment is kept, too, as a study could not be resumed otherwise, but every report of it says that it
is not reproducible, and why.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["NOTHING", "Dependencies", "file_digest"]

#: Larger files are told apart by size and time of change.
_MOST_BYTES = 256 * 2**20

_FIELD = "depends"


@dataclass(frozen=True)
class Dependencies:
    """What a run depended on beside its key.

    Attributes
    ----------
    impure
        What cannot be repeated, each as words that follow "it": ``reads the clock (line 12)``.
    files
        Path and digest of each file that it read; the digest is empty where there was none.
    lines
        Of the strategy, that read each of these files first; empty for runs that were stored before it was noted.
    """

    impure: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    lines: tuple[int, ...] = field(default=(), compare=False)

    def __bool__(self) -> bool:
        return bool(self.impure or self.files)

    def hold(self) -> bool:
        """Tell whether the files still are what they were."""
        return all(file_digest(path) == digest for path, digest in self.files)

    def notes(self) -> tuple[str, ...]:
        """Return a sentence for each, as reports show it."""
        return (*(f"Not reproducible: the strategy {reason}." for reason in self.impure),
                *(f"The strategy reads {path}, which is no part of the run's key: when it changes, the run is "
                  f"simulated again." for path, _ in self.files))

    def pack(self) -> dict[str, Any]:
        """Return what JSON can keep beside other names; nothing where there is nothing."""
        return {_FIELD: {"impure": self.impure, "files": self.files, "lines": self.lines}} if self else {}

    @classmethod
    def unpack(cls, kept: dict[str, Any]) -> Dependencies:
        """Take out of ``kept`` what :meth:`pack` put there."""
        found = kept.pop(_FIELD, None)
        return cls(tuple(found["impure"]), tuple((path, digest) for path, digest in found["files"]),
                   tuple(found.get("lines", ()))) if found else NOTHING


NOTHING = Dependencies()


def file_digest(path: str) -> str:
    """Return a digest of a file's content; nothing where there is no file that can be read."""
    try:
        state = Path(path).stat()
        if state.st_size > _MOST_BYTES:
            return f"{state.st_size} {state.st_mtime_ns}"
        content = hashlib.blake2b(digest_size=16)
        with Path(path).open("rb") as file:
            while part := file.read(1 << 20):
                content.update(part)
        return content.hexdigest()
    except OSError:
        return ""
