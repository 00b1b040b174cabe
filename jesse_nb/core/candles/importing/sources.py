"""The files that paths, patterns and folders stand for."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jesse_nb.core.candles.importing.archives import NAMED_LIKE, is_checksum, named_series
from jesse_nb.core.candles.importing.file_markets import files_of_one_market, refuse_mixed
from jesse_nb.core.members import members_of
from jesse_nb.core.user_path import user_path, working_folder
from jesse_nb.exceptions import InputError, did_you_mean

__all__ = ["source_files"]


def source_files(source: Any, symbol: str, exchange: str = "", *, longer: bool = False) -> list[Path]:
    """Return the files that paths, patterns and folders stand for, each once.

    Parameters
    ----------
    source
        A path, a pattern, a folder, or a list of those.
    symbol
        Whose files are taken from a folder.
    exchange
        What they are filed under: where a folder has the symbol of several markets, it chooses between spot and
        futures.
    longer
        Whether files of longer timeframes than one minute are meant in a folder.

    Raises
    ------
    InputError
        When there is no such file, a folder has the symbol of several markets, or nobody trades at its prices.
    """
    if isinstance(source, str | os.PathLike):
        parts: list[Any] = [source]
    elif isinstance(source, Iterable):
        parts = members_of("source", source)
    else:
        parts = [source]
    if not parts:
        raise InputError("The source is an empty list.", "Name at least one file.")
    files: dict[Path, None] = {}
    for part in parts:
        if not isinstance(part, str | os.PathLike) or isinstance(part, bytes):
            raise InputError(f"The source holds {type(part).__name__}, which cannot be imported.",
                             "Give a path, a pattern, a list of those, or a DataFrame.")
        path = user_path(part, "source", "a file's path, or a pattern")
        if path.is_dir():
            files.update(dict.fromkeys(match.resolve() for match in _in_folder(path, symbol, exchange, longer)))
            continue
        matches = [path] if path.is_file() else sorted(_matching(path))
        matches = [match for match in matches if match.is_file() and not is_checksum(match)]
        if not matches:
            raise _no_such_file(path)
        refuse_mixed(matches, exchange)
        files.update(dict.fromkeys(match.resolve() for match in matches))
    refuse_mixed(list(files), exchange)
    return list(files)


def _in_folder(folder: Path, symbol: str, exchange: str, longer: bool) -> list[Path]:
    """Return a folder's files of a symbol on one market, told by their names."""
    found = named_series(folder, longer=longer)
    if symbol in found:
        return files_of_one_market(symbol, found[symbol], folder, exchange)
    hint = f"Say which files in it, like '{folder / '*.csv'}'."
    if not found:
        raise InputError(f"{folder} is a folder without files like {NAMED_LIKE}.", hint)
    kind, which = "longer" if longer else "one-minute", symbol or "a symbol that was named"
    raise InputError(f"{folder} has no {kind} file of {which}.",
                     did_you_mean(symbol, found))


def _matching(pattern: Path) -> list[Path]:
    # pathlib takes patterns only below a folder without one; this one may have stars in its folders.
    return [Path(name) for name in glob.glob(str(pattern), recursive=True)]  # noqa: PTH207


def _no_such_file(path: Path) -> InputError:
    if glob.has_magic(str(path)):
        return InputError(f"No file matches {str(path)!r}.", f"Looked from {working_folder()}.", argument="source")
    try:
        neighbours = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    except OSError:
        return InputError(f"There is no file {str(path)!r}.", f"Its folder {path.parent} cannot be read.",
                          argument="source")
    return InputError(f"There is no file {str(path)!r}.",
                      did_you_mean(path.name, neighbours) or f"Looked from {working_folder()}.", argument="source")
