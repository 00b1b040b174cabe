"""Whether a file is still the one that was read."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

__all__ = ["FileState", "file_state"]

#: File systems tell times apart by two seconds at the coarsest.
_SETTLED_NS = 2_500_000_000


class FileState(NamedTuple):
    """What changes when a file is written or replaced.

    ``settled`` is True when it was written long enough ago for the next writing to show.
    """

    device: int
    number: int
    size: int
    written: int
    changed: int
    settled: bool


def file_state(path: Path) -> FileState:
    """Return how a file is now.

    Raises
    ------
    OSError
        When there is none.
    """
    state = path.stat()
    return FileState(state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns,
                     abs(time.time_ns() - state.st_mtime_ns) > _SETTLED_NS)
