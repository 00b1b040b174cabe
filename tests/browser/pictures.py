"""The pictures of the README and the guide, made anew: ``python -m tests.browser.pictures``.

A JupyterLab on the demo market shows the report, the live view, a form and the explorer; each is taken in the light and
in the dark theme. Look at them before they are committed.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Locator, sync_playwright

from jesse_nb.core.candles import CandleStore, install_demo

from . import notebook_page
from .conftest import _FLAGS
from .lab import Lab
from .notebook_page import NotebookPage
from .test_explorer import BACKTEST, CHART, ROWS

ROOT = Path(__file__).parents[2]
NAMES = ("report", "live_view", "panel", "explorer")
#: Pixels of a report that are shown: the verdict, the best parameters, what was held out.
_REPORT_HEIGHT = 932


def readme_cell(**changed: str) -> str:
    """The README's cell, with other values after some of its flags."""
    cell = re.search(r"^%%optimize.*?(?=\n```)", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert cell
    text = cell[0]
    for flag, value in changed.items():
        text = re.sub(rf"--{flag} \S+", f"--{flag} {value}", text, count=1)
    return text


def take(notebook: NotebookPage, folder: Path, name: str, what: Locator) -> None:
    """Save what is on the page, in both themes."""
    for theme in ("Light", "Dark"):
        notebook.theme(theme)
        what.scroll_into_view_if_needed()
        notebook.page.wait_for_timeout(1_000)
        path = folder / f"{name}_{theme.lower()}.png"
        what.screenshot(path=path)
        print(path, flush=True)


def take_report(notebook: NotebookPage, folder: Path, name: str) -> None:
    """Save the upper part of a result's report, which is a page of its own."""
    page = notebook.page.context.new_page()
    page.set_viewport_size({"width": 1000, "height": _REPORT_HEIGHT})
    file = folder / f"{name}.html"
    notebook.ask(f"{name}.to_html({str(file)!r}) and None")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.goto(file.as_uri())
        page.screenshot(path=folder / f"report_{scheme}.png")
        print(folder / f"report_{scheme}.png", flush=True)
    file.unlink()
    page.close()


def take_explorer(notebook: NotebookPage, folder: Path) -> None:
    """Save the explorer of a backtest, at one of its trades."""
    page = notebook.page
    page.set_viewport_size({"width": 1720, "height": 1300})  # wide enough for the table beside the chart
    notebook.run(re.sub(r"</?[bi]>", "", BACKTEST))  # whose names try to be HTML
    notebook.run("x = %explore result\nx")
    page.locator(ROWS).nth(8).click()
    page.wait_for_function(f"10 < document.querySelector('{CHART}')?.data?.[0]?.x?.length")
    take(notebook, folder, "explorer", page.locator(".jp-OutputArea-output", has=page.locator(CHART)).first)


def main(folder: Path, names: set[str]) -> None:
    """Make those that are named, or all of them."""
    notebook_page.PATIENCE = 1_800_000  # the search takes as long as it takes
    folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory(prefix="jesse-nb-pictures-") as scratch, sync_playwright() as playwright:
        candles = CandleStore(Path(scratch) / "candles")
        install_demo(candles, ["BTC-USDT"])
        lab = Lab(Path(scratch) / "lab", candles.root)
        lab.start()
        browser = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        try:
            context = browser.new_context(viewport={"width": 1280, "height": 1000})
            context.add_init_script(path=Path(__file__).with_name("lab_helpers.js"))
            notebook = NotebookPage(context.new_page(), lab, "pictures")
            notebook.open(lab.write_notebook("pictures", "%load_ext jesse_nb"))
            notebook.begin_all().wait()
            if "report" in names:
                notebook.run(readme_cell())
                take_report(notebook, folder, "study")
            if "live_view" in names:
                search = notebook.begin(readme_cell(trials="400"))
                search.wait_for_progress(0.3)
                take(notebook, folder, "live_view", search.shown(".jesse-nb-live"))
                notebook.command("notebook:interrupt-kernel")
                search.wait()
            if "panel" in names:
                form = notebook.run("from jesse_nb.quickstart import TrendFollower\n%panel optimize")
                take(notebook, folder, "panel", form.shown(".jesse-nb-panel-form"))
            if "explorer" in names:
                take_explorer(notebook, folder)
        finally:
            browser.close()
            lab.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.browser.pictures", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], help="all of them, if none is named")
    parser.add_argument("--folder", type=Path, default=ROOT / ".github" / "pictures")
    chosen = parser.parse_args()
    main(chosen.folder, set(chosen.names or NAMES))
