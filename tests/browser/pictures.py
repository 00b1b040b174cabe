"""The pictures of the README and the guide, made anew: ``python -m tests.browser.pictures [.github/pictures]``.

A JupyterLab on the demo market shows the report, the live view, a form and the explorer; each is taken in the light and
in the dark theme. Look at them before they are committed.
"""

from __future__ import annotations

import re
import shutil
import sys
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
#: Pixels of a report that are shown: the verdict, the best parameters, what was held out.
_REPORT_HEIGHT = 900


def readme_cell(**changed: str) -> str:
    """The README's cell, with other values after some of its flags."""
    cell = re.search(r"^%%optimize.*?(?=\n```)", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert cell
    text = cell[0]
    for flag, value in changed.items():
        text = re.sub(rf"--{flag} \S+", f"--{flag} {value}", text, count=1)
    return text


def take(notebook: NotebookPage, folder: Path, name: str, what: Locator, height: int = 0) -> None:
    """Save what is on the page in both themes, its upper part only where a height is given."""
    for theme in ("Light", "Dark"):
        notebook.theme(theme)
        notebook.page.wait_for_timeout(500)
        what.scroll_into_view_if_needed()
        path = folder / f"{name}_{theme.lower()}.png"
        what.screenshot(path=path)
        if height:
            crop(path, height)
        print(path)


def crop(path: Path, height: int) -> None:
    """Keep the upper part of a picture."""
    from PIL import Image

    with Image.open(path) as picture:
        upper = picture.crop((0, 0, picture.width, min(height, picture.height)))
        upper.load()
    upper.save(path, optimize=True)


def main(folder: Path) -> None:
    """Make all of them."""
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
            study = notebook.run(readme_cell())
            take(notebook, folder, "report", study.shown(".jesse-nb"), _REPORT_HEIGHT)
            search = notebook.begin(readme_cell(trials="400"))
            search.wait_for_progress(0.3)
            take(notebook, folder, "live_view", search.shown(".jesse-nb-live"))
            notebook.command("notebook:interrupt-kernel")
            search.wait()
            form = notebook.run("from jesse_nb.quickstart import TrendFollower\n%panel optimize")
            take(notebook, folder, "panel", form.shown(".jesse-nb-panel-form"))
            notebook.run(BACKTEST)
            notebook.run("x = %explore result\nx")
            notebook.page.locator(ROWS).nth(8).click()
            notebook.page.wait_for_timeout(3_000)
            take(notebook, folder, "explorer",
                 notebook.page.locator(".jp-OutputArea-output", has=notebook.page.locator(CHART)).first)
        finally:
            browser.close()
            lab.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".github" / "pictures")
