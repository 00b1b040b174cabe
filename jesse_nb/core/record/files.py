"""The file of a record: what it is, its entry, and the whole result, each with a checksum.

The first line names the format and its version, the second is the entry as JSON, the third its checksum; compressed
MessagePack follows (:mod:`jesse_nb.core.record.codec`). A checksum tells damage, not who wrote the file: nothing in it
is run, whoever did.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Collection
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import IO, Any, NamedTuple

from jesse_nb.core.record.about import of_earlier, trades_of
from jesse_nb.core.record.codec import decoded
from jesse_nb.core.record.entry import ResultEntry
from jesse_nb.core.whole_files import written_whole
from jesse_nb.exceptions import StorageError

__all__ = ["ENDING", "VERSION", "StoredResult", "read_entry", "read_result", "result_of", "write_result"]

#: A later version reads all earlier ones.
VERSION = 1
ENDING = ".result"

_MARK = b"jesse_nb result "
#: An entry's line is shorter; a result is smaller.
_LONGEST, _LARGEST = 2**20, 2**32 - 1
_TUPLES = ("tags", "strategies", "symbols", "timeframes")
_KINDS: dict[str, Any] = {
    **dict.fromkeys(("key", "kind", "what", "name", "note", "verdict", "run", "metric", "version"), str),
    **dict.fromkeys(("when", "value", "start", "end", "days", "trades"), (int, float)),
    **dict.fromkeys(_TUPLES, tuple), "metrics": dict,
}


class StoredResult(NamedTuple):
    """A file's entry, and its compressed result."""

    entry: ResultEntry
    content: bytes


def write_result(path: Path, stored: StoredResult) -> None:
    """Write a record in place of an older one of its key; it is there whole or not at all, for its user alone.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    entry = {**asdict(stored.entry), "size": len(stored.content), "checksum": _digest(stored.content)}
    line = json.dumps(entry, separators=(",", ":")).encode()
    with written_whole(path, mode=0o600) as file:
        file.write_bytes(b"%s%d\n%s\n%s\n%s" % (_MARK, VERSION, line, _digest(line).encode(), stored.content))


def read_entry(path: Path) -> ResultEntry:
    """Return what a record says of its result.

    Raises
    ------
    StorageError
        When it cannot be read, is damaged, or is of a newer version.
    """
    with _opened(path) as file:
        return _entry(path, _head(path, file))


def read_result(path: Path) -> StoredResult:
    """Return a record's entry and its result, still compressed.

    Raises
    ------
    StorageError
        As :func:`read_entry`.
    """
    with _opened(path) as file:
        head = _head(path, file)
        content = file.read(_LARGEST)
    if len(content) != head["size"] or _digest(content) != head["checksum"]:
        raise _damaged(path)
    return StoredResult(_entry(path, head), content)


def result_of(stored: StoredResult, path: Path, modules: Collection[str] = ()) -> Any:
    """Return the result itself.

    Raises
    ------
    StorageError
        When it cannot be built.
    """
    try:
        unpacking = zlib.decompressobj()
        content = unpacking.decompress(stored.content, _LARGEST)
        return decoded(content, modules)
    except (zlib.error, StorageError) as error:
        raise StorageError(f"The record {path.name} cannot be opened: {error}") from error


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise StorageError(f"The record {path} cannot be read: {error.strerror}.") from error


def _head(path: Path, file: IO[bytes]) -> dict[str, Any]:
    """Return the entry's line as it was written."""
    try:
        mark, line, checksum = (file.readline(_LONGEST) for _ in range(3))
    except OSError as error:
        raise StorageError(f"The record {path} cannot be read: {error.strerror}.") from error
    version = mark.removeprefix(_MARK).strip()
    if not mark.startswith(_MARK) or not version.isdigit():
        raise StorageError(f"{path.name} is no record of a result, or its beginning is damaged.")
    if int(version) > VERSION:
        raise StorageError(f"The record {path.name} was written by a newer jesse_nb (format {int(version)}).",
                           "Update jesse_nb.")
    if _digest(line.rstrip(b"\n")).encode() != checksum.rstrip(b"\n"):
        raise _damaged(path)
    try:
        head: dict[str, Any] = json.loads(line)
        _ = head["size"], head["checksum"], head["key"], head["kind"], head["what"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise _damaged(path) from None
    return head


def _entry(path: Path, head: dict[str, Any]) -> ResultEntry:
    known = {field.name for field in fields(ResultEntry)}  # a later version may say more, or have said it
    values = {name: value for name, value in head.items() if name in known}
    values |= {name: tuple(map(str, values[name])) for name in _TUPLES if isinstance(values.get(name), list)}
    entry = ResultEntry(**values)
    if not all(isinstance(getattr(entry, name), kinds) for name, kinds in _KINDS.items()):
        raise _damaged(path)
    entry = entry if "run" in head else of_earlier(entry)
    return entry if "trades" in head else replace(entry, trades=trades_of(entry.metrics))


def _damaged(path: Path) -> StorageError:
    return StorageError(f"The record {path.name} is damaged.",
                        f"Put a copy of it in its place, or delete it: {os.fspath(path)}")


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
