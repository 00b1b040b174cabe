"""Kept results: written, listed, found by name or key, opened, named anew."""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
import warnings
import zlib
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from jesse_nb.core.jobs.private_files import make_private_folder, why_not_private
from jesse_nb.core.jobs.store import default_store
from jesse_nb.core.record.codec import encoded
from jesse_nb.core.record.entry import ResultEntry
from jesse_nb.core.record.files import ENDING, StoredResult, read_entry, read_result, result_of, write_result
from jesse_nb.core.record.index import ResultIndex
from jesse_nb.core.record.labels import Labels
from jesse_nb.core.user_path import working_folder
from jesse_nb.exceptions import InputError, StorageError, did_you_mean, shown

__all__ = ["ResultStore", "default_results", "open_result"]

_KEY, _TOO_FEW = re.compile(r"[0-9a-f]{4,32}"), re.compile(r"[0-9a-f]{1,3}")


def default_results() -> Path:
    """Return the folder of this project's results: beside its finished runs, where these are in a file."""
    runs = default_store()
    return (runs.parent if isinstance(runs, Path) else working_folder() / ".jesse_nb") / "results"


class ResultStore:
    """The results of a project.

    Parameters
    ----------
    folder
        By default :func:`default_results`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = default_results() if folder is None else folder
        self._index = ResultIndex(self.folder)

    def keep(self, result: Any, about: ResultEntry, labels: Labels) -> ResultEntry:
        """Write a result; the same one under the same name is written once.

        Parameters
        ----------
        result
            Of a tool.
        about
            What is known of it; key and time are set here.
        labels
            What the user calls it.

        Raises
        ------
        StorageError
            When it cannot be written, or holds what is no data.
        """
        content = encoded(result)
        key = hashlib.blake2b(labels.name.encode("utf-8", "surrogatepass") + b"\0" + content, digest_size=8).hexdigest()
        path = self._path(key)
        entry = replace(about, key=key, when=time.time())
        with contextlib.suppress(StorageError):  # the same cell was run again, and the run store answered
            earlier = read_entry(path)
            entry = replace(entry, name=earlier.name, tags=earlier.tags, note=earlier.note)
        entry = labels.on(entry)
        self._write(StoredResult(entry, zlib.compress(content, 1)))
        return entry

    def open(self, key: str, modules: Collection[str] = ()) -> Any:
        """Return a result by its key.

        Parameters
        ----------
        key
            The whole of it.
        modules
            As :func:`~jesse_nb.core.record.codec.decoded` takes them.

        Raises
        ------
        StorageError
            When it cannot be read or built, or somebody else could have written it.
        """
        return open_result(self._path(key), modules)

    def entries(self, *, metrics: bool = True) -> list[ResultEntry]:
        """Return all results, newest first; without ``metrics`` it takes half the time, and they have none.

        A warning tells of those that cannot be read.
        """
        entries = self._index.entries(metrics=metrics)
        self._tell()
        return entries

    def find(self, word: str) -> ResultEntry | None:
        """Return the newest result of a name, or the one whose key begins so; None when there is none.

        A warning tells of those that cannot be read: one of them may have been it.

        Raises
        ------
        InputError
            When several keys begin so.
        """
        named = self.called(word)
        if named or not _KEY.fullmatch(word.lower()):
            return named[0] if named else None
        keyed = self._index.entries("key >= ? AND key < ?", (word.lower(), f"{word.lower()}g"))
        if len(keyed) > 1:
            raise InputError(f"{len(keyed):,} results have a key that begins with {word}.", "Give more digits.")
        return keyed[0] if keyed else None

    def called(self, name: str) -> list[ResultEntry]:
        """Return all results of a name, newest first; a warning tells of those that cannot be read."""
        named = self._index.entries("name = ?", (name,))
        self._tell()
        return named

    def named(self, word: str) -> ResultEntry:
        """Return what :meth:`find` does.

        Raises
        ------
        InputError
            When there is none, with names that are alike.
        StorageError
            When the record of that key cannot be read.
        """
        found = self.find(word)
        if found is None:
            for key, error in self._index.unread.items():
                if _KEY.fullmatch(word.lower()) and key.startswith(word.lower()):
                    raise error
            hint = did_you_mean(word, self.names())
            keyed = "" if _TOO_FEW.fullmatch(word.lower()) else ", and no key begins so"
            digits = "" if keyed else "A key is given by four of its digits at the least. "
            raise InputError(f"No result is called {shown(word)}{keyed}.",
                             f"{digits}{hint}" or "%results and `jesse-nb results` list what there is.")
        return found

    def names(self) -> list[str]:
        """Return all names, those of the newest results first."""
        return list(dict.fromkeys(entry.name for entry in self.entries(metrics=False) if entry.name))

    def label(self, key: str, labels: Labels) -> ResultEntry:
        """Call a kept result something.

        Raises
        ------
        StorageError
            When it cannot be read or written.
        """
        stored = read_result(self._path(key))
        entry = labels.on(stored.entry)
        self._write(StoredResult(entry, stored.content))
        return entry

    def forget(self, keys: Iterable[str]) -> None:
        """Delete results.

        Raises
        ------
        StorageError
            When one cannot be deleted.
        """
        try:
            for key in keys:
                self._path(key).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"A result cannot be deleted from {self.folder}: {error.strerror}.") from error

    def _tell(self) -> None:
        if unread := list(self._index.unread.values()):
            more = f" And {len(unread) - 1:,} more of {self.folder}." if len(unread) > 1 else ""
            warnings.warn(f"A kept result is not listed. {unread[0]}{more}", RuntimeWarning, stacklevel=1)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{ENDING}"

    def _write(self, stored: StoredResult) -> None:
        try:
            make_private_folder(self.folder)
            write_result(self._path(stored.entry.key), stored)
        except OSError as error:
            raise StorageError(f"The result cannot be kept in {self.folder}: {error.strerror}.") from error


def open_result(path: Path, modules: Collection[str] = ()) -> Any:
    """Return the result of a record's file.

    Raises
    ------
    StorageError
        As :meth:`ResultStore.open`.
    """
    try:
        why = why_not_private(path)
    except OSError as error:
        raise StorageError(f"The record {path} cannot be read: {error.strerror}.") from error
    if why:
        raise StorageError(f"The record is not opened. {why}")
    return result_of(read_result(path), path, modules)
