"""The address of a PostgreSQL that keeps runs: ``postgresql://user@host/database``.

A password in it is set aside at once, for this process only: what is shown, logged or
written down is the address without it.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

from jesse_nb.exceptions import InputError, hide_passwords

__all__ = ["connection_settings", "is_address", "shown_place", "without_password", "without_passwords"]

# An address of something else, or a mistyped one; the one letter before a colon that Windows has is none.
_LIKE_AN_ADDRESS = re.compile(r"[a-z][\w+.-]+:/|[\w+.-]*postgres[\w+.-]*:?//?", re.IGNORECASE)
_ADDRESS = re.compile(r"(postgres(?:ql)?)://(?:([^/?#@\s]*)@)?([^?#@\s]*)(?:\?(\S*))?", re.IGNORECASE)
_IN_TEXT = re.compile(r"postgres(?:ql)?://[^\s'\"`]+", re.IGNORECASE)
_SECRET = ("password", "sslpassword", "passfile")

#: Secrets by the address without them.
_set_aside: dict[str, dict[str, str]] = {}


def is_address(place: Any) -> bool:
    """Tell whether a place is a PostgreSQL's address, and no file.

    Raises
    ------
    InputError
        When it is neither, but looks like an address: a folder of that name would hold a password.
    """
    if not isinstance(place, str):
        return False
    if re.match(r"postgres(ql)?://", place.strip(), re.IGNORECASE):
        return True
    if _LIKE_AN_ADDRESS.match(place.strip()):
        raise _unreadable()
    return False


def without_password(address: str) -> str:
    """Return an address without its password, which this process remembers.

    Raises
    ------
    InputError
        When it cannot be read; the message does not repeat it.
    """
    shown, secrets = _parted(address)
    if secrets:
        _set_aside[shown] = secrets
    return shown


def without_passwords(text: str) -> str:
    """Return a text in which no address has a password; they are remembered for this process."""
    for found in _IN_TEXT.findall(text):
        with contextlib.suppress(InputError):
            without_password(found)
    return hide_passwords(text)


def connection_settings(address: str) -> dict[str, str]:
    """Return what PostgreSQL's client needs to connect, with the password when this process was told it.

    Otherwise the client looks for one itself: in ``PGPASSWORD``, and in ``~/.pgpass``.

    Raises
    ------
    InputError
        When the address cannot be read.
    """
    import psycopg2
    from psycopg2.extensions import parse_dsn

    shown = without_password(address)
    try:
        return {**parse_dsn(shown), **_set_aside.get(shown, {})}
    except psycopg2.Error:  # its message repeats what it could not read
        raise _unreadable() from None


def shown_place(place: str | Path) -> str:
    """Return a store's place as it may be shown and written down, for a file its whole path."""
    if isinstance(place, str) and is_address(place):
        return without_password(place)
    return str(Path(place).expanduser().absolute())


def _parted(address: str) -> tuple[str, dict[str, str]]:
    found = _ADDRESS.fullmatch(address.strip())
    if found is None:
        raise _unreadable()
    user, _, password = (found[2] or "").partition(":")
    options = parse_qsl(found[4] or "", keep_blank_values=True)
    secrets = {name: value for name, value in options if name in _SECRET}
    if password:
        secrets["password"] = unquote(password)
    kept = urlencode([pair for pair in options if pair[0] not in _SECRET], quote_via=quote, safe="/")
    return f"postgresql://{user}{'@' if user else ''}{found[3]}{'?' if kept else ''}{kept}", secrets


def _unreadable() -> InputError:
    return InputError("The address of the run store cannot be read.",
                      "Name a file, or write postgresql://user@host:5432/database, with %-codes for other signs than "
                      "letters and digits; a password may stand in ~/.pgpass or PGPASSWORD.")
