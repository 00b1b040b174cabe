"""What JupyterLab's tests show also holds in Notebook 7: a live view with its Stop, a form, the explorer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .notebook_page import PATIENCE, NotebookPage
from .test_explorer import CHART, ROWS
from .test_panels import BEGIN, FormOnPage


class Notebook7Page(NotebookPage):
    """A page of Notebook 7, which shows one notebook."""

    def open(self, path: str) -> None:
        """See :meth:`NotebookPage.open`."""
        self.page.goto(f"http://127.0.0.1:{self._lab.port}/notebooks/{path}?token={self._lab.token}")
        self.page.wait_for_function("window.jupyterapp !== undefined")
        self.page.evaluate("labHelpers.openOnly()")


@pytest.fixture
def notebook(lab: Any, browser_context: Any) -> Iterator[NotebookPage]:
    path = lab.write_notebook("seven", BEGIN)
    opened = Notebook7Page(browser_context.new_page(), lab, "")
    opened.open(path)
    opened.begin_all().wait()
    yield opened
    # Notebook 7 has no use for a setting of JupyterLab's that the tests make, and stumbles over it.
    errors = [error for error in opened.errors if "reading 'schema'" not in error]
    opened.page.close()
    lab.end_kernel_of(path)
    assert errors == []


def test_live_view_stop_form_and_explorer(notebook: NotebookPage) -> None:
    search = notebook.run("%optimize Crossing -s BTC-USDT -t 1h --start 2023-01-20 --end 2023-02-20 --trials 5000 "
                          "-o study --background")
    search.wait_for_progress()
    search.shown(".jesse-nb-stop").click()
    search.see("Stopped early")
    notebook.wait_until_answer("type(study).__name__ == 'OptimizeResult' or study.state == 'cancelled'")

    form_cell = notebook.run("%panel backtest -s BTC-USDT -t 1h --end 2023-02-20")
    notebook.page.evaluate("index => labHelpers.show(index)", form_cell.index)
    form = FormOnPage(notebook.page)
    for field in ("end", "output"):
        form.form.locator(f".jesse-nb-field-{field} input").focus()
        notebook.page.keyboard.press("Escape")
        notebook.page.wait_for_function("document.activeElement.matches('.jp-Cell')")
    form.run("Result card")
    notebook.wait_until_answer("type(result).__name__ == 'BacktestResult'")

    explorer = notebook.run("%explore result")
    notebook.page.evaluate("index => labHelpers.show(index)", explorer.index)
    notebook.page.locator(ROWS).nth(1).click()
    notebook.page.wait_for_function(
        f"document.querySelector('{CHART}')?.querySelector('.scatterlayer path')", timeout=PATIENCE)
    notebook.screenshot("notebook7")
