"""Files that are there whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

__all__ = ["remove_leftovers", "written_whole"]


@contextmanager
def written_whole(path: Path, *, mode: int = 0o666, lasting: bool = False, links: bool = False) -> Iterator[Path]:
    """Give a file beside ``path`` to write to; it takes the place of ``path`` once it is finished.

    When that fails, because the disk is full perhaps, what stood there before still stands.

    Parameters
    ----------
    path
        In a folder that is made when it is missing. Where it is no ordinary file, as ``/dev/stdout``, it is
        written to itself.
    mode
        Who may read and write the file, less what the user's umask takes away.
    lasting
        Whether to wait until the disk has it, for what a loss of power must not cost.
    links
        Whether a link stays one, and what it leads to is replaced.

    Raises
    ------
    OSError
        When it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "note.txt"
    >>> with written_whole(target) as beside:
    ...     _ = beside.write_text("whole")
    >>> target.read_text()
    'whole'
    """
    if path.exists() and not path.is_file():
        yield path
        return
    target = Path(os.path.realpath(path)) if links else path
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.stem[:100]}.{uuid4().hex}.tmp")
    try:
        os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
        yield beside
        if lasting:
            with beside.open("rb+") as file:
                os.fsync(file.fileno())
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def remove_leftovers(path: Path) -> None:
    """Remove what writers of a file left that were killed; nobody may be writing it meanwhile.

    Raises
    ------
    OSError
        When it cannot be removed.
    """
    for leftover in path.parent.glob(f".{path.stem[:100]}.*.tmp"):
        leftover.unlink(missing_ok=True)
