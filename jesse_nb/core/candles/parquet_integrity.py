"""Parquet files that show damage before Parquet's own reader sees it.

PyArrow takes a damaged footer or page header for granted: some single flipped bits end the whole process,
and with it the user's kernel. So a file carries hashes of its two parts, in a seal between them, where
Parquet allows any bytes: other tools open the file as before, and this package reads what is sealed whole.

::

    data pages | seal: mark, hash of pages, hash of footer | footer | its length | PAR1
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import IO, TypeVar

__all__ = ["DamagedFileError", "SealedFile", "check_seal", "read_all", "read_footer", "sealed"]

T = TypeVar("T", bytes, memoryview)

_MARK = b"jesse_nb seal 1\n"
_DIGEST_BYTES = 16
_SEAL_BYTES = len(_MARK) + 2 * _DIGEST_BYTES
_ENDING_BYTES = 8
_MAGIC = b"PAR1"
_READ_BYTES = 2**20
#: What tells our files is looked for in so much of the end, should the footer's own length be damaged.
_TAIL_BYTES = 2**16


class DamagedFileError(ValueError):
    """The file is not what was written."""


def sealed(content: T) -> tuple[T, bytes, T]:
    """Return a Parquet file's data pages, their seal, and its footer: to be written in this order."""
    pages, footer = _split(content)
    return pages, _MARK + _digest(pages) + _digest(footer), footer


class SealedFile:
    """A file to give to a writer of Parquet, which is sealed when that has closed it; nothing of it is kept in memory.

    Parameters
    ----------
    file
        Where it goes; it stays open.

    Attributes
    ----------
    size
        Bytes written so far.
    """

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self.size = 0
        self._file, self._hash = file, hashlib.blake2b(digest_size=_DIGEST_BYTES)
        self._ending: bytearray | None = None

    def write(self, content: bytes) -> int:
        """Write a part."""
        content = bytes(content)
        if self._ending is not None:
            self._ending += content
        else:
            self._hash.update(content)
            self._file.write(content)
        self.size += len(content)
        return len(content)

    def tell(self) -> int:
        """Return how much was written."""
        return self.size

    def flush(self) -> None:
        """Do nothing: the file is flushed when it is closed."""

    def begin_ending(self) -> None:
        """Keep what comes from here on: all pages are written, the footer follows."""
        self._ending = bytearray()

    def seal(self) -> None:
        """Write the seal and the footer."""
        pages, footer = _split(bytes(self._ending or b""))
        self._hash.update(pages)
        seal = _MARK + self._hash.digest() + _digest(footer)
        self._file.writelines([pages, seal, footer])
        self.size += len(seal)


def check_seal(path: Path, key: bytes) -> bool:
    """Compare a file with its seal, reading it in parts; return False where another program wrote it.

    For ``key`` and errors see :func:`read_footer`.
    """
    ending = read_footer(path, key)
    _, footer = _split(ending)
    seal = ending[:-len(footer)][-_SEAL_BYTES:]
    if not seal.startswith(_MARK):
        return False
    left = path.stat().st_size - len(footer) - _SEAL_BYTES
    found = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    with path.open("rb") as file:
        while left > 0 and (part := file.read(min(left, _READ_BYTES))):
            found.update(part)
            left -= len(part)
    if found.digest() != seal[len(_MARK):len(_MARK) + _DIGEST_BYTES]:
        raise DamagedFileError("its data are not what was written")
    return True


def read_all(path: Path, key: bytes) -> bytes:
    """Return a file's content once its seal is checked. See :func:`read_footer`."""
    content = path.read_bytes()
    pages, footer = _split(content)
    if _checked_footer(content, footer, key):
        seal = pages[-_SEAL_BYTES:]
        if _digest(pages[:-_SEAL_BYTES]) != seal[len(_MARK):len(_MARK) + _DIGEST_BYTES]:
            raise DamagedFileError("its data are not what was written")
    return content


def read_footer(path: Path, key: bytes) -> bytes:
    """Return the end of a file, enough to read its metadata from, once its seal is checked.

    Parameters
    ----------
    path
        The file.
    key
        A metadata key that only sealed files have. A file without seal and key is another program's,
        and is trusted.

    Raises
    ------
    DamagedFileError
        When the file is cut short, or its seal is not that of its footer.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _ENDING_BYTES))
        wanted = int.from_bytes(file.read(4), "little") + _ENDING_BYTES + _SEAL_BYTES
        file.seek(max(0, size - max(wanted, _TAIL_BYTES)))
        ending = file.read()
    _, footer = _split(ending)
    _checked_footer(ending, footer, key)
    return ending


def _split(content: T) -> tuple[T, T]:
    length = int.from_bytes(content[-_ENDING_BYTES:-len(_MAGIC)], "little") + _ENDING_BYTES
    if content[-len(_MAGIC):] != _MAGIC or not _ENDING_BYTES < length <= len(content):
        raise DamagedFileError("it does not end as a Parquet file does")
    return content[:-length], content[-length:]


def _checked_footer(content: bytes, footer: bytes, key: bytes) -> bool:
    """Return whether the footer has a seal, which is then right."""
    seal = content[:-len(footer)][-_SEAL_BYTES:]
    if seal.startswith(_MARK):
        if _digest(footer) != seal[-_DIGEST_BYTES:]:
            raise DamagedFileError("its footer is not what was written")
        return True
    tail = content[-max(len(footer), _TAIL_BYTES):]
    if key in tail or _MARK in tail:
        raise DamagedFileError("its seal is broken")
    return False


def _digest(part: bytes | memoryview) -> bytes:
    return hashlib.blake2b(part, digest_size=_DIGEST_BYTES).digest()
