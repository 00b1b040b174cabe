"""Folders and zipped folders of candle files that say by their names what is in them."""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from jesse_nb.core.candles.importing.file_markets import files_of_one_market, refuse_untraded
from jesse_nb.core.candles.importing.file_names import named_file
from jesse_nb.exceptions import InputError, InvalidCandlesError, StorageError, did_you_mean

__all__ = ["NAMED_LIKE", "is_checksum", "is_zipped_folder", "members_of_series", "named_series", "verify_checksum"]

#: Names that say what is in a file.
NAMED_LIKE = "BTCUSDT-1m-2024-01.zip, BTC_USDT-1m.feather or BTC-USDT.parquet"

_CHECKSUM = ".CHECKSUM"
_SHA256 = re.compile(r"\b[0-9a-fA-F]{64}\b")


def named_series(folder: Path, *, longer: bool = False) -> dict[str, list[Path]]:
    """Return the one-minute files in a folder and below it, by the symbol that their names tell.

    Parameters
    ----------
    folder
        An exchange archive's, however deep, freqtrade's ``user_data/data/EXCHANGE``, files like
        ``BTC-USDT.parquet`` or ``BTC-USDT/2023.parquet``; or such a folder zipped.
    longer
        Whether files of longer timeframes are meant, and those of one minute are not.

    Returns
    -------
    dict
        Like ``{"BTC-USDT": [Path("BTCUSDT-1m-2024-01.zip"), …]}``; symbols and files in order. What is in an
        archive has the archive's path before its own.

    Raises
    ------
    StorageError
        When the folder cannot be read.
    """
    try:
        if folder.is_file():
            with zipfile.ZipFile(folder) as archive:
                files = [_inside(folder, name) for name in archive.namelist() if not name.endswith("/")]
        else:
            files = [path for path in folder.rglob("*") if path.is_file()]
    except OSError as error:
        raise StorageError(f"The folder {folder} cannot be read: {error.strerror or error}.") from error
    except zipfile.BadZipFile as error:
        raise InvalidCandlesError(f"{folder.name} cannot be read, it may be damaged: {error}.") from error
    return _by_symbol(files, folder, longer)


def is_zipped_folder(path: Path) -> bool:
    """Return whether a file is an archive of several files that name their symbols."""
    try:
        return path.is_file() and zipfile.is_zipfile(path) and len(named_series(path)) > 0 \
            and len(zipfile.ZipFile(path).namelist()) > 1
    except (OSError, zipfile.BadZipFile, InvalidCandlesError):
        return False


def members_of_series(archive: Path, names: Sequence[str], symbol: str, exchange: str, *, longer: bool = False
                      ) -> list[str]:
    """Return the files in an archive that are of one series.

    Parameters
    ----------
    archive
        The archive.
    names
        Of all files in it.
    symbol, exchange
        The series; without a symbol, the only one that is there.
    longer
        As :func:`named_series`.

    Raises
    ------
    InputError
        When there are several symbols and it is none of them, or several markets.
    """
    if len(names) == 1:
        refuse_untraded(_inside(archive, names[0]))
        return list(names)
    paths = {_inside(archive, name): name for name in names}
    found = _by_symbol(paths, archive, longer)
    if not found:
        return [paths[path] for path in files_of_one_market(symbol, list(paths), archive, exchange)]
    if symbol not in found and len(found) > 1:
        raise InputError(f"{archive.name} holds {', '.join(list(found)[:6])}{', …' if len(found) > 6 else ''}, not "
                         f"{symbol or 'one symbol'}.", did_you_mean(symbol, found) if symbol else "Name one, like -s "
                         f"{next(iter(found))}.")
    which = symbol if symbol in found else next(iter(found))
    return [paths[path] for path in files_of_one_market(which, found[which], archive, exchange)]


def _by_symbol(files: Iterable[Path], folder: Path, longer: bool) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(files):
        named = named_file((folder.name, *path.relative_to(folder).parts))
        if named is not None and (named.timeframe != "1m" if longer else named.timeframe in ("", "1m")):
            found.setdefault(named.symbol, []).append(path)
    return dict(sorted(found.items()))


def _inside(archive: Path, name: str) -> Path:
    """Return where a member would lie, were the archive a folder: a name to compare, never one to open."""
    return archive.joinpath(*(part for part in re.split(r"[/\\]", name) if part not in ("", ".", "..")))


def is_checksum(path: Path) -> bool:
    """Return whether a file holds another one's checksum."""
    return path.name.upper().endswith(_CHECKSUM)


def verify_checksum(path: Path, content: bytes) -> None:
    """Compare a file with the SHA-256 in ``NAME.CHECKSUM`` beside it, if there is one.

    Raises
    ------
    InvalidCandlesError
        When they differ, or the checksum file holds none.
    """
    beside = path.with_name(path.name + _CHECKSUM)
    try:
        said = beside.read_text("utf-8", "replace")
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(f"Cannot read {beside}: {error.strerror or error}.") from error
    expected = _SHA256.search(said)
    if expected is None:
        raise InvalidCandlesError(f"{beside.name} holds no SHA-256.", "Download both files again, or delete it.")
    if hashlib.sha256(content).hexdigest() != expected[0].lower():
        raise InvalidCandlesError(f"{path.name} is not what {beside.name} says: its SHA-256 differs.",
                                  "Download it again.")
