"""A strategy's place in a Jesse project: found, tried beside what is there, and written with a backup."""

from __future__ import annotations

import datetime
import keyword
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jesse_nb.core.candles.project import find_project
from jesse_nb.core.user_path import working_folder
from jesse_nb.core.whole_files import written_whole
from jesse_nb.exceptions import InputError, StorageError, shown

__all__ = ["place_of", "tried_in", "write_strategy"]

_FILE = "__init__.py"


def place_of(name: str, project: str | Path | None) -> Path:
    """Return where a Jesse project keeps a strategy: ``strategies/NAME/__init__.py``.

    Raises
    ------
    InputError
        When there is no project, the name is no class's, or what is there leads out of the project.
    """
    if not (name.isidentifier() and name.isascii()) or keyword.iskeyword(name) or len(name) > 100:
        raise InputError.of("name", f"is {shown(name)}.", "It is that of a class: letters, digits and underscores, no "
                            "digit first.")
    root = find_project(project)
    if root is None:
        raise InputError.of("project", f"is not given, and {working_folder()} is no Jesse project.",
                            "Name the project's folder: it has strategies/, and storage/ or .env.")
    folder = root / "strategies" / name
    target = folder / _FILE
    inside = root.resolve()
    if inside not in folder.resolve().parents or target.is_symlink() or (target.exists() and not target.is_file()):
        raise InputError.of("name", f"is {shown(name)}, and {folder} leads out of the project or is no folder of a "
                            "strategy.", "Choose another name.")
    alike = [other.name for other in (root / "strategies").iterdir()
             if other.name.casefold() == name.casefold() and other.name != name]
    if alike:
        raise InputError.of("name", f"is {shown(name)}, and the project has {alike[0]}, which differs in capitals "
                            "only.", "Choose another name.")
    return target


@contextmanager
def tried_in(target: Path, text: str) -> Iterator[Path]:
    """Lay out the project as it would be, in a folder of its own: nothing of the project is touched.

    Yields
    ------
    pathlib.Path
        That folder; all but the strategy are links.
    """
    strategies, name = target.parents[1], target.parent.name
    with tempfile.TemporaryDirectory(prefix="jesse-nb-project-") as made:
        root = Path(made)
        (root / "strategies").mkdir()
        for folder, beside, left_out in ((strategies.parent, root, "strategies"),
                                         (strategies, root / "strategies", name)):
            for entry in folder.iterdir():
                if entry.name not in (left_out, "__pycache__"):
                    (beside / entry.name).symlink_to(entry.absolute())
        mine = root / "strategies" / name
        if target.parent.is_dir():
            shutil.copytree(target.parent, mine, ignore=shutil.ignore_patterns("__pycache__", "*.bak"))
        mine.mkdir(exist_ok=True)
        (mine / _FILE).write_text(text, encoding="utf-8", newline="")
        yield root


def write_strategy(target: Path, text: str) -> Path | None:
    """Write a strategy's file whole; what was there stays beside it.

    Returns
    -------
    pathlib.Path or None
        The copy of what was there; None where nothing was.

    Raises
    ------
    StorageError
        When it cannot be written: then what was there is there still.
    """
    try:
        backup = _kept(target) if target.exists() else None
        with written_whole(target, lasting=True) as file:
            file.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise StorageError(f"The strategy cannot be written to {target}: {error.strerror}.") from error
    return backup


def _kept(target: Path) -> Path:
    """Copy a file beside itself under a name that nothing has, and that Python does not import."""
    now = datetime.datetime.now(datetime.timezone.utc)
    for number in range(1_000):
        more = f"-{number}" if number else ""
        backup = target.with_name(f"{target.name}.{now:%Y-%m-%d-%H%M%S}{more}.bak")
        try:
            os.close(os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        except FileExistsError:
            continue
        shutil.copy2(target, backup)
        return backup
    raise FileExistsError(0, "too many backups of one second", str(target))
