"""A Jesse project's folder, and the database that its ``.env`` names."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from jesse_nb.core.user_path import working_folder
from jesse_nb.exceptions import InputError, did_you_mean, shown

__all__ = ["DatabaseSettings", "database_settings", "find_database", "find_project", "is_project"]

_PREFIX = "POSTGRES_"
#: What Jesse reads from ``.env``; it has no default for these.
_NEEDED = ("HOST", "PORT", "NAME", "USERNAME", "PASSWORD")
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_SCHEMA = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass(frozen=True)
class DatabaseSettings:
    """Where a project's PostgreSQL is and who may read it. The password is never shown.

    Attributes
    ----------
    host, port, name, username, password
        As ``POSTGRES_HOST`` and so on in the project's ``.env``.
    sslmode
        ``POSTGRES_SSLMODE``; like Jesse, ``disable`` when it is not given.
    schema
        ``POSTGRES_SCHEMA``, the one with Jesse's tables; ``public`` when it is not given.
    written_in
        Where to look when something is wrong: the file, and that environment variables win.
    """

    host: str
    port: int
    name: str
    username: str
    password: str = field(repr=False)
    sslmode: str = "disable"
    schema: str = "public"
    written_in: str = field(default="", repr=False, compare=False)

    def __str__(self) -> str:
        return f"PostgreSQL {self.name} at {self.host}:{self.port}"


def is_project(folder: str | Path) -> bool:
    """Tell whether a folder is a Jesse project: it has ``strategies/``, and ``storage/`` or ``.env``."""
    root = Path(folder)
    return (root / "strategies").is_dir() and ((root / "storage").is_dir() or (root / ".env").is_file())


def find_project(project: str | Path | None = None) -> Path | None:
    """Return the Jesse project in use, or None.

    Parameters
    ----------
    project
        Its folder; by default the working directory, when it is one.

    Raises
    ------
    InputError
        When a folder is named that is no Jesse project.
    """
    root = Path(project or ".").expanduser().absolute()
    if is_project(root):
        return root
    if project:
        raise InputError(f"{root} is no Jesse project.", "A project has the folder strategies/, and storage/ or .env.")
    return None


def find_database(project: str | Path | None = None) -> DatabaseSettings | None:
    """Return the settings of the project's database; None without a project, or when it names no database.

    Nothing is put into the process's environment. Environment variables win over ``.env``, as they do
    in Jesse's container; ``JESSE_ENV_FILE`` names another file, as for Jesse.

    Parameters
    ----------
    project
        As for :func:`find_project`.

    Raises
    ------
    InputError
        When the folder is no project, or a setting is missing or cannot be used.
    """
    root = find_project(project)
    if root is None:
        return None
    file = root / os.environ.get("JESSE_ENV_FILE", ".env")
    values = _read(file)
    values.update({name: value for name, value in os.environ.items() if name.startswith(_PREFIX)})
    given = {name.removeprefix(_PREFIX): value for name, value in values.items() if name.startswith(_PREFIX)}
    if not given:
        return None
    written_in = f"{file}, or the environment, which wins"
    missing = [_PREFIX + name for name in _NEEDED if name not in given]
    if missing:
        raise InputError(f"The project's database settings lack {', '.join(missing)}.", f"Set them in {written_in}.")
    return _checked(given, written_in)


def database_settings(project: str | Path | None = None) -> DatabaseSettings:
    """Return the settings of the project's database; see :func:`find_database`.

    Raises
    ------
    InputError
        Also when there is no project, or when it names no database.
    """
    found = find_database(project)
    if found is not None:
        return found
    root = find_project(project)
    if root is None:
        raise InputError(f"{working_folder()} is no Jesse project, so there is no database to use.",
                         "Name the project's folder: project=..., --project, or %config JesseNb.project.")
    raise InputError(f"The Jesse project {root} names no database.",
                     f"Write POSTGRES_HOST, _PORT, _NAME, _USERNAME and _PASSWORD into {root / '.env'}.")


def _read(file: Path) -> dict[str, str]:
    from dotenv import dotenv_values

    try:
        return {name: value for name, value in dotenv_values(file).items() if value is not None}
    except (OSError, UnicodeDecodeError):
        # The reason could quote what the file holds.
        raise InputError(f"{file} cannot be read as text in UTF-8.") from None


def _checked(given: dict[str, str], written_in: str) -> DatabaseSettings:
    for name, value in given.items():
        # People paste whole connection strings, with their password, where a name belongs.
        if name != "PASSWORD" and "://" in value:
            raise InputError(f"{_PREFIX}{name} is an address, where a name belongs.",
                             f"Split it into POSTGRES_HOST and so on in {written_in}.")
    port, sslmode = given["PORT"].strip(), given.get("SSLMODE") or "disable"
    schema = given.get("SCHEMA") or "public"
    if not (port.isdecimal() and 0 < int(port) < 65_536):
        raise InputError(f"POSTGRES_PORT is {shown(port[:20])}.", f"It is a number from 1 to 65535, in {written_in}.")
    if sslmode not in _SSL_MODES:
        raise InputError(f"POSTGRES_SSLMODE is {shown(sslmode[:20])}.", did_you_mean(sslmode, _SSL_MODES))
    if not _SCHEMA.fullmatch(schema):
        raise InputError(f"POSTGRES_SCHEMA is {schema[:60]!r}.", "A schema's name has letters, digits and underscores.")
    return DatabaseSettings(given["HOST"], int(port), given["NAME"], given["USERNAME"], given["PASSWORD"],
                            sslmode, schema, written_in)
