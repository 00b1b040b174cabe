"""Candles that worker processes map into memory, so that none of them holds a copy."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from jesse_nb.core.candles.file_state import FileState, file_state
from jesse_nb.core.candles.gaps import fill_gaps
from jesse_nb.core.candles.series import Candles, fingerprint_candles
from jesse_nb.core.candles.store import MAPPED_FOLDER, MAPPED_SECONDS, CandleStore
from jesse_nb.core.whole_files import written_whole
from jesse_nb.exceptions import InputError, StorageError, shown

__all__ = ["CandleCache", "part_fingerprint"]

#: A use is noted when none was within this time.
_NOTED_SECONDS = 3600

#: Files whose content this process compared with their name, as they were then.
_verified: dict[Path, FileState] = {}


class CandleCache:
    """One ``.npy`` file for each stored series, made when it is first asked for.

    A file's name carries the fingerprint of the stored series and that of its own content. So it is
    never out of date, and damage shows: a damaged file is made anew.

    Parameters
    ----------
    store
        Where the candles are.
    root
        The folder. By default ``.mapped`` inside the store's, or a part of the folder that the
        environment variable ``JESSE_NB_CACHE`` names, for a store that cannot be written.
    """

    def __init__(self, store: CandleStore, root: str | Path | None = None) -> None:
        self.store = store
        if root is None and (named := os.environ.get("JESSE_NB_CACHE")):
            # Two stores may use this folder, each with its own BTC-USDT.
            root = Path(named) / hashlib.blake2b(os.fsencode(store.root), digest_size=8).hexdigest()
        self.root = Path(root or store.root / MAPPED_FOLDER).expanduser().absolute()

    def path(self, exchange: str, symbol: str, gaps: Literal["fill", "keep"] = "fill") -> Path:
        """Return the file of one series, for ``numpy.load(path, mmap_mode="r")``.

        Files of this series' earlier states are removed once nobody has asked for them for a day.

        Parameters
        ----------
        exchange, symbol
            A stored series.
        gaps
            ``fill``: every minute, missing ones flat with no volume. ``keep``: as stored.

        Returns
        -------
        pathlib.Path
            Of a float64 (n, 6) array.

        Raises
        ------
        CandlesNotFoundError
            When the series is not stored.
        StorageError
            When the file can be neither found nor written.
        """
        if gaps not in ("fill", "keep"):
            raise InputError(f"gaps is 'fill' or 'keep', not {shown(gaps)}.")
        info = self.store.info(exchange, symbol)
        folder = self.root / info.exchange / info.symbol
        try:
            for found in folder.glob(f"{info.fingerprint}-{_kind(gaps, bool(info.gaps))}-*.npy"):
                if self._is_sound(found):
                    _note_use(found)
                    return found
            # The series may have been written to since its info was read; the name tells what is inside.
            stored = self.store.read(info.exchange, info.symbol)
            filled = fill_gaps(stored)
            kind = _kind(gaps, has_gaps=filled is not stored)
            candles = filled if kind == "fill" else stored
            fingerprint = fingerprint_candles(stored)
            made = folder / f"{fingerprint}-{kind}-{fingerprint_candles(candles)}.npy"
            _write(made, candles)
            self._remove_older(folder, fingerprint)
            self.store.remove_unused_maps()
        except OSError as error:
            raise StorageError(f"Cannot keep candles for workers in {folder}: {error.strerror or error}.",
                               "Free some space, or set JESSE_NB_CACHE to another folder.") from error
        return made

    def _is_sound(self, path: Path) -> bool:
        """Compare a file's content with the fingerprint in its name; once a process, unless it changes."""
        try:
            state = file_state(path)
            if state == _verified.get(path):
                return True
            candles = np.load(path, mmap_mode="r", allow_pickle=False)
            sound = fingerprint_candles(candles) == path.stem.rsplit("-", 1)[-1]
        except (OSError, ValueError, EOFError):
            return False  # cut short, or gone since the folder was listed
        if sound and state.settled:
            _verified[path] = state
        return sound

    def _remove_older(self, folder: Path, fingerprint: str) -> None:
        for other in folder.iterdir():
            # Another process may remove it at the same time, or map it where that forbids removal.
            with suppress(OSError):
                unused = time.time() - other.stat().st_atime
                if not other.name.startswith(fingerprint) and unused > MAPPED_SECONDS:
                    other.unlink()


@lru_cache(maxsize=1024)
def part_fingerprint(path: str, first: int, last: int) -> str:
    """Return the fingerprint of the rows from ``first`` to ``last``, excluded, of a file of a :class:`CandleCache`.

    Its name says what is in it, so the answer never changes.
    """
    return fingerprint_candles(np.load(path, mmap_mode="r", allow_pickle=False)[first:last])


def _kind(gaps: str, has_gaps: bool) -> str:
    """Name what a file holds; a series without gaps is the same either way, so one file serves both."""
    return gaps if has_gaps else "whole"


def _write(path: Path, candles: Candles) -> None:
    try:
        with written_whole(path) as beside, beside.open("wb") as file:
            np.save(file, candles, allow_pickle=False)
    except PermissionError:
        # Where a mapped file cannot be replaced, another process made the same one first.
        if not path.is_file():
            raise


def _note_use(path: Path) -> None:
    state = path.stat()
    if time.time() - state.st_atime < _NOTED_SECONDS:
        return
    with suppress(OSError):  # a cache that can only be read still serves
        os.utime(path, ns=(time.time_ns(), state.st_mtime_ns))
