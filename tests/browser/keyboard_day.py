"""A day's work with the keyboard alone: ``python -m tests.browser.keyboard_day``, also with colours as some see them.

Files are imported, a backtest is run and sent on to a search and to a walk-forward, two results are compared and one
is explored: no event of a mouse is sent. After each step a picture of the page is saved. ``--vision deuteranopia``
has Chromium draw all as somebody sees it who does not tell red from green.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import pandas as pd
from playwright.sync_api import sync_playwright

from jesse_nb.core.candles import CandleStore, install_demo

from . import notebook_page
from .conftest import _FLAGS
from .lab import Lab
from .notebook_page import NotebookPage
from .test_panels import BEGIN

ROOT = Path(__file__).parents[2]
_WAIT = 240_000
_ASKED = "-s BTC-USDT -t 1h --start 2023-01-20 --end 2023-04-20"


class Hands:
    """Somebody at a keyboard: all that is done to the page is a press of a key."""

    def __init__(self, notebook: NotebookPage, folder: Path) -> None:
        self.page, self.keys, self.folder = notebook.page, notebook.page.keyboard, folder
        self.pressed = 0

    def press(self, key: str) -> None:
        self.keys.press(key)
        self.pressed += 1

    def cell(self, text: str) -> None:
        """Write a cell below and run it; the notebook is in command mode afterwards."""
        for key in ("Escape", "b", "Enter"):
            self.press(key)
        self.keys.insert_text(text)
        self.press("Shift+Enter")
        self.press("Escape")

    def go(self, selector: str, key: str = "Tab", most: int = 120) -> None:
        """Press Tab, or another key, until an element has the focus."""
        self.page.wait_for_function("selector => document.querySelector(selector)", arg=selector, timeout=_WAIT)
        for _ in range(most):
            if self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
            self.press(key)
            self.page.wait_for_timeout(30)
        raise AssertionError(f"{selector} is not reached by {most} times {key}")

    def write(self, field: str, text: str) -> None:
        """Go to a field and write into it."""
        self.go(f".jesse-nb-panel-field.jesse-nb-field-{field} input")
        self.press("Control+a")
        self.keys.insert_text(text)
        self.press("Tab")

    def wait(self, text: str) -> None:
        """Wait until the focus is on a report's heading that begins so."""
        self.page.wait_for_function("""text => document.activeElement.matches("h2")
            && document.activeElement.textContent.startsWith(text)""", arg=text, timeout=_WAIT)

    def picture(self, name: str) -> None:
        self.page.wait_for_timeout(800)
        self.page.screenshot(path=self.folder / f"day_{name}.png")
        print(f"{name}: {self.pressed} keys", flush=True)


def work(hands: Hands, file: str) -> None:
    """Do a day's work."""
    hands.cell("%panel candles")
    hands.go(".widget-toggle-buttons button:nth-of-type(2)", "Shift+Tab")
    hands.press("Enter")
    hands.write("names", file)
    hands.write("exchange", "Mine")
    hands.picture("import_form")
    hands.go(".jesse-nb-panel-run:not(:disabled)")
    hands.press("Enter")
    hands.page.get_by_text("MINE-USDT").last.wait_for(timeout=_WAIT)
    hands.picture("import")
    hands.cell(f"%panel backtest Crossing {_ASKED}")
    hands.page.get_by_role("form", name="Backtest").wait_for(timeout=_WAIT)
    hands.go("[aria-label=Backtest] .jesse-nb-panel-run", "Shift+Tab")
    hands.press("Enter")
    hands.wait("Backtest: Crossing")
    hands.picture("backtest")
    for following, trials, heading in (("optimize", "12", "Optimization: Crossing"),
                                       ("walk_forward", "6", "Walk-forward: Crossing")):
        hands.go(f".jesse-nb-panel-next button[title*='{following}']")
        hands.press("Enter")
        hands.page.wait_for_function("name => document.activeElement.closest(`[aria-label=${name}]`)",
                                     arg=heading.partition(":")[0].replace("Optimization", "Optimize"), timeout=_WAIT)
        hands.write("n_trials", trials)
        hands.picture(f"{following}_form")
        hands.go(".jesse-nb-panel .jesse-nb-panel .jesse-nb-panel-run:not(:disabled)")
        hands.press("Enter")
        hands.wait(heading)
        hands.picture(following)
    hands.cell("%compare result study")
    hands.page.get_by_text("Comparison: ").last.wait_for(timeout=_WAIT)
    hands.picture("compare")
    hands.cell("x = %explore result\nx")
    hands.go(".jesse-nb-trades tbody tr", "Shift+Tab")
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        hands.press(key)
    hands.page.locator(".jesse-nb-trades tr.selected").wait_for(timeout=_WAIT)
    hands.page.wait_for_timeout(2_000)
    hands.picture("explore")


def main(folder: Path, vision: str) -> None:
    """Open a notebook and do the day's work."""
    notebook_page.PATIENCE = 600_000
    folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory(prefix="jesse-nb-day-") as scratch, sync_playwright() as playwright:
        candles = CandleStore(Path(scratch) / "candles")
        install_demo(candles, ["BTC-USDT"], "2023-01-01", "2023-06-01")
        lab = Lab(Path(scratch) / "lab", candles.root)
        lab.start()
        rows = candles.read("Demo (synthetic)", "BTC-USDT", "2023-02-01", "2023-02-03")
        table = pd.DataFrame(rows, columns=["timestamp", "open", "close", "high", "low", "volume"])
        table.astype({"timestamp": "int64"}).to_csv(lab.root / "MINE-USDT.csv", index=False)
        browser = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        try:
            context = browser.new_context(viewport={"width": 1400, "height": 1000})
            context.add_init_script(path=Path(__file__).with_name("lab_helpers.js"))
            notebook = NotebookPage(context.new_page(), lab, "day")
            notebook.open(lab.write_notebook("day", BEGIN))
            notebook.begin_all().wait()
            if vision:
                devtools = context.new_cdp_session(notebook.page)
                devtools.send("Emulation.setEmulatedVisionDeficiency", {"type": vision})
            notebook.page.evaluate("labHelpers.panel.content.activate()")
            hands = Hands(notebook, folder)
            try:
                work(hands, "MINE-USDT.csv")
            except Exception:
                hands.picture("failed")
                raise
            assert notebook.errors == []
        finally:
            browser.close()
            lab.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.browser.keyboard_day", description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "day", help="where the pictures go")
    parser.add_argument("--vision", default="", help="deuteranopia, protanopia or tritanopia")
    chosen = parser.parse_args()
    main(chosen.folder, chosen.vision)
