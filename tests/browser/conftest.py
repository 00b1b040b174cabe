"""A JupyterLab, a browser and pages for the tests."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jesse_nb.core.candles import CandleStore, install_demo

from .lab import Lab
from .notebook_page import NotebookPage

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

_FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
          "--disable-background-networking", "--disable-component-update", "--disable-sync"]

_workspaces = itertools.count(1)

OpenNotebook = Callable[..., NotebookPage]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Leave a picture of every page that was open when a test failed."""
    outcome = yield
    if outcome.get_result().failed:  # type: ignore[attr-defined]
        for page in getattr(item, "notebook_pages", []):
            page.screenshot(f"failed_{item.name}")


@pytest.fixture(scope="module")
def chromium() -> str:
    """Path of Debian's Chromium; without it the tests are skipped, or fail where every part is required."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        if os.environ.get("JESSE_NB_REQUIRE_ALL") == "1":
            pytest.fail("Chromium is required, and there is none")
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    return found


@pytest.fixture(scope="module")
def lab(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab whose kernels see two months of the demo market."""
    candles = CandleStore(tmp_path_factory.mktemp("candles"))
    install_demo(candles, ["BTC-USDT", "ETH-USDT"], "2023-01-01", "2023-03-01")
    server = Lab(tmp_path_factory.mktemp("lab"), candles.root)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser_context(chromium: str) -> Iterator[BrowserContext]:
    """Chromium, with one profile for all tests of a file: on disk, it keeps JupyterLab's scripts compiled."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            "", executable_path=chromium, args=_FLAGS, viewport={"width": 1280, "height": 900})
        context.add_init_script(path=Path(__file__).with_name("lab_helpers.js"))
        yield context
        context.close()


@pytest.fixture
def open_notebook(lab: Lab, browser_context: BrowserContext, request: pytest.FixtureRequest) -> Iterator[OpenNotebook]:
    """Open a notebook's file in a new page; at the end no page may have had an error."""
    opened: list[NotebookPage] = []
    request.node.notebook_pages = opened

    def open_page(path: str, workspace: str = "") -> NotebookPage:
        page = NotebookPage(browser_context.new_page(), lab, workspace or f"test-{next(_workspaces)}")
        opened.append(page)
        page.open(path)
        return page

    yield open_page
    errors = [error for page in opened for error in page.errors]
    for page in opened:
        page.page.close()
    assert errors == []
