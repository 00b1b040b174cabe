"""How the example notebooks are tested: each cell runs again, and its plain-text output must be the stored one."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest


def pytest_collectstart(collector: Any) -> None:
    """Compare text, not pictures: HTML reports differ by a pixel from one matplotlib to the next."""
    if type(collector).__name__ == "IPyNbFile":
        collector.skip_compare += ("text/html",)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: Any) -> None:
    """Give each notebook candles and runs of its own, before its kernel starts.

    And measure no coverage in it: nbval would, and cannot with a plain ``--cov``, which names no source.
    """
    if type(item).__name__ == "IPyNbCell":
        item.config.option.cov_source = None
        home = _home_of(str(item.fspath))
        os.environ["JESSE_NB_CANDLES"] = str(home / "candles")
        os.environ["JESSE_NB_STORE"] = str(home / "store")
        os.environ["JESSE_NB_JOBS"] = str(home / "jobs")


@cache
def _home_of(notebook: str) -> Path:
    folder = tempfile.mkdtemp(prefix=f"jesse-nb-{Path(notebook).stem}-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
