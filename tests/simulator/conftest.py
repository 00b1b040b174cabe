"""Fixtures of the simulator's tests."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def as_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this process simulate as a worker does, and undo what that does to it."""
    monkeypatch.chdir(tmp_path)  # Jesse makes a storage folder
    monkeypatch.delenv("PYTEST_CURRENT_TEST", raising=False)  # Jesse behaves otherwise under pytest
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    path, finders, modules = list(sys.path), list(sys.meta_path), dict(sys.modules)
    yield
    sys.path[:], sys.meta_path[:] = path, finders
    sys.modules.update(modules)
    monkeypatch.undo()
    time.tzset()
