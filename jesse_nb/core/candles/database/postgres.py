"""Sessions with a project's PostgreSQL, and what their failures mean in plain words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from jesse_nb.core.candles.project import DatabaseSettings
from jesse_nb.exceptions import DatabaseError

__all__ = ["KEEPALIVES", "reason_of", "session"]

_CONNECT_SECONDS = 10

#: Jesse's own, so that a connection that died in silence is noticed.
KEEPALIVES = {"keepalives": 1, "keepalives_idle": 60, "keepalives_interval": 10, "keepalives_count": 5}

_NO_TABLE, _NO_COLUMN, _NOT_ALLOWED, _READ_ONLY, _NO_ROOM = "42P01", "42703", "42501", "25006", "53100"


@contextmanager
def session(settings: DatabaseSettings, *, writing: bool = False) -> Iterator[Any]:
    """Open one transaction: committed at the end of a writing one, rolled back when anything goes wrong.

    Parameters
    ----------
    settings
        Of the database.
    writing
        Otherwise PostgreSQL itself refuses to change anything.

    Yields
    ------
    psycopg2 connection

    Raises
    ------
    DatabaseError
        When the database cannot be reached, does not let us in, or fails while it is used. No message
        holds the password.
    """
    import psycopg2

    try:
        connection = psycopg2.connect(
            host=settings.host, port=settings.port, dbname=settings.name, user=settings.username,
            password=settings.password, sslmode=settings.sslmode, connect_timeout=_CONNECT_SECONDS,
            application_name="jesse_nb", **KEEPALIVES,
        )
    except psycopg2.Error as error:
        raise _cannot_open(settings, str(error)) from None
    try:
        connection.set_session(readonly=not writing)
        yield connection
        connection.commit()
    except psycopg2.Error as error:
        raise _failed(settings, connection, error) from None
    finally:
        # What was not committed is rolled back by this.
        with suppress(psycopg2.Error):
            connection.close()


def reason_of(text: str) -> str:
    """Return why a connection could not be opened, from what the client says of it, without a full stop."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # One line a tried address, each perhaps followed by advice on a line of its own.
    reasons = [re.sub(r"^.*? failed: (FATAL: +)?", "", line) for line in lines if " failed: " in line] or lines[:1]
    return (reasons[-1] if reasons else "no reason was given").rstrip(".")


def _cannot_open(settings: DatabaseSettings, text: str) -> DatabaseError:
    return DatabaseError(f"The database {settings} cannot be opened: {reason_of(text)}.", _opening_hint(settings, text))


def _opening_hint(settings: DatabaseSettings, text: str) -> str:
    where = f"Settings: {settings.written_in}." if settings.written_in else ""
    if "SSL" in text or "certificate" in text:
        return f"POSTGRES_SSLMODE is {settings.sslmode!r}. {where}"
    if "password" in text or "authentication" in text or "role" in text:
        return f"Check POSTGRES_USERNAME ({settings.username}) and POSTGRES_PASSWORD. {where}"
    if "database" in text and "does not exist" in text:
        return f"Check POSTGRES_NAME. {where}"
    if settings.host == "postgres" and "translate" in text:
        return ("The host 'postgres' is known only inside Jesse's containers; outside them set "
                "POSTGRES_HOST=localhost and publish the port.")
    return f"Is it running? {where}"


def _failed(settings: DatabaseSettings, connection: Any, error: Any) -> DatabaseError:
    said = getattr(error.diag, "message_primary", None) or str(error).strip().split("\n")[0]
    if error.pgcode == _NO_TABLE:
        return DatabaseError(f"The database {settings} has no table candle in the schema {settings.schema!r}.",
                             _table_hint(connection))
    if error.pgcode == _NO_COLUMN:
        return DatabaseError(f"The table candle of {settings} is not Jesse's: {said}.",
                             "Check POSTGRES_NAME and POSTGRES_SCHEMA.")
    if error.pgcode == _NOT_ALLOWED:
        return DatabaseError(f"The user {settings.username!r} is not allowed to do that in {settings}: {said}.")
    if error.pgcode == _READ_ONLY:
        return DatabaseError(f"The database {settings} takes no changes: {said}.", "It may be a standby.")
    if error.pgcode == _NO_ROOM:
        return DatabaseError(f"The database {settings} has no room left: {said}.", "Nothing was changed.")
    if connection.closed:
        reason = (error.diag.message_primary or "the server closed it").rstrip(".")
        return DatabaseError(f"The connection to {settings} broke: {reason}.", "Nothing was changed. Try again.")
    return DatabaseError(f"The database {settings} refused: {said.rstrip('.')}.", "Nothing was changed.")


def _table_hint(connection: Any) -> str:
    """Say in which other schemas a candle table is."""
    import psycopg2

    found: list[str] = []
    with suppress(psycopg2.Error):
        connection.rollback()
        with connection.cursor() as cursor:
            cursor.execute("SELECT schemaname FROM pg_tables WHERE tablename = 'candle' ORDER BY 1")
            found = [schema for (schema,) in cursor.fetchall()]
    if found:
        return f"It is in {' and '.join(map(repr, found[:5]))}: set POSTGRES_SCHEMA to it."
    return "Jesse makes it when it first starts: `jesse run` in the project."
