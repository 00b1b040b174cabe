"""Sheets of every screen for the guide, light and dark, wide and narrow: ``python -m tests.browser.contact_sheet``.

A JupyterLab on the demo market goes through a day's work. Each screen is taken at 1400 and at 800 pixels, in the light
and in the dark theme, in full into ``--folder``, and small onto one sheet for each width.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw
from playwright.sync_api import sync_playwright

from jesse_nb.core.candles import CandleStore, install_demo

from . import notebook_page
from .conftest import _FLAGS
from .lab import Lab
from .notebook_page import NotebookPage, Run
from .test_explorer import CHART, ROWS
from .test_panels import BEGIN

ROOT = Path(__file__).parents[2]
#: Widths of the page, and of its small picture on a sheet.
WIDTHS = {1400: 330, 800: 190}
THEMES = ("Light", "Dark")
#: Pixels of a screen that are taken at most, and of its small picture.
_HIGHEST, _SMALL_HIGHEST = 9_000, 420
_COLUMNS, _GAP, _CAPTION = 4, 12, 18

_PERIOD = "-s BTC-USDT -t 1h --start 2023-01-20 --end 2023-05-20"
_FEW = f"{_PERIOD} --trials 40 --seed 1 --min-trades 0"


#: A project to write to, and an export of trades as an exchange filled them: two missing, the others a little dearer.
_PROJECT = """\
from pathlib import Path
for folder in ("strategies", "storage"):
    (Path("my-project") / folder).mkdir(parents=True, exist_ok=True)
made = study.to_project("my-project", name="CrossingV1")
"""
_TRADED = """\
rows = result.trades.drop(index=[4, 9]).assign(
    opened_at=lambda trades: trades["opened_at"].astype("int64") // 10**6 + 4_000,
    closed_at=lambda trades: trades["closed_at"].astype("int64") // 10**6 + 4_000,
    entry_price=lambda trades: trades["entry_price"] * 1.0003,
    exit_price=lambda trades: trades["exit_price"] * 0.9997,
).rename(columns={"side": "type", "strategy": "strategy_name", "pnl": "PNL"})
rows.to_csv("live.csv", index=False)
"""


class Screen(NamedTuple):
    """A cell that is run, and what is taken of its output; ``form`` presses Run in it first."""

    name: str
    source: str
    form: bool = False
    shown: str = ".jp-OutputArea"


SCREENS = (
    Screen("import", "%panel candles"),
    Screen("candles", "%candles"),
    Screen("backtest form", f"%panel backtest Crossing {_PERIOD}"),
    Screen("backtest", f"%panel backtest Crossing {_PERIOD} -o result", form=True),
    Screen("optimize form", f"%panel optimize Crossing {_FEW}"),
    Screen("live view", f"%optimize Crossing {_PERIOD} --trials 3000 --min-trades 0 -o searching --background"),
    Screen("optimize", f"%panel optimize Crossing {_FEW} --test-ratio 0.3 -o study", form=True),
    Screen("walk-forward", f"%walk_forward Crossing {_PERIOD} --in-sample-period 40 --out-sample-period 15 --trials 8 "
                           "--min-trades 0 -o walk"),
    Screen("batch", "%backtest_batch Crossing -s BTC-USDT ETH-USDT -t 1h 4h --start 2023-01-20 --end 2023-05-20 "
                    "-o batch"),
    Screen("one column", "%backtest_batch Crossing -s BTC-USDT ETH-USDT -t 1h --start 2023-01-20 --end 2023-05-20"),
    Screen("compare", "%compare result study walk"),
    Screen("results form", "%panel results"),
    Screen("to project", f"{_PROJECT}made"),
    Screen("live trades", f"{_TRADED}%compare_live result --live live.csv --start 2023-01-20 --end 2023-05-20"),
    Screen("interactive", "result.show()"),
    Screen("correlation", "%correlation result walk BTC-USDT ETH-USDT"),
    Screen("portfolio", "%portfolio result walk --window 30"),
    Screen("analyze", "%analyze walk"),
    Screen("risk form", "%panel risk study.test"),
    Screen("risk", "%risk result --executive"),
    Screen("var", "%var result"),
    Screen("monte carlo", "%monte_carlo result --target 20 --ruin 30"),
    Screen("stress", "%stress result --scenarios crash gap"),
    Screen("explorer", "x = %explore result\nx"),
)


def look_at(notebook: NotebookPage, screen: Screen) -> Run:
    """Run a screen's cell until all that it shows is there."""
    page = notebook.page
    cell = notebook.run(screen.source)
    notebook.page.evaluate("index => labHelpers.show(index)", cell.index)
    if screen.form:
        form = cell.shown(".jesse-nb-panel-form")
        form.wait_for()
        form.get_by_role("button", name="Run", exact=True).click()
        cell.shown(".jesse-nb-panel-output .jesse-nb h2").wait_for(timeout=notebook_page.PATIENCE)
    if screen.name == "optimize form":
        cell.shown(".jesse-nb-panel-form").get_by_role("button", name="More options").click()
    if screen.name == "live view":
        cell.wait_for_progress(0.1)
    if screen.name == "explorer":
        page.locator(ROWS).nth(3).click()
        page.wait_for_function(f"10 < document.querySelector('{CHART}')?.data?.[0]?.x?.length")
    return cell


def take(notebook: NotebookPage, cell: Run, shown: str, width: int) -> bytes:
    """Return a screen as it is at a width of the page."""
    page = notebook.page
    page.set_viewport_size({"width": width, "height": 1_000})
    place = page.locator(f"[data-cell-of-test='{cell.index}'] {shown}").first
    page.evaluate("index => labHelpers.show(index)", cell.index)
    page.wait_for_timeout(700)
    height = place.evaluate("shown => shown.scrollHeight")
    page.set_viewport_size({"width": width, "height": min(_HIGHEST, int(height) + 250)})
    page.evaluate("index => labHelpers.show(index)", cell.index)
    page.wait_for_timeout(500)
    return place.screenshot()


def sheet(folder: Path, screens: list[str], width: int) -> Image.Image:
    """Lay small pictures of all screens out, light beside dark."""
    small = WIDTHS[width]
    columns = _COLUMNS * 2 if width < 1000 else _COLUMNS
    cells = []
    for name in screens:
        for theme in THEMES:
            picture = Image.open(folder / f"{name} {width} {theme}.png".replace(" ", "_")).convert("RGB")
            size = small, max(1, round(picture.height * small / picture.width))
            scaled = picture.resize(size, Image.Resampling.LANCZOS)
            cells.append((f"{name}, {theme.lower()}", scaled.crop((0, 0, small, min(scaled.height, _SMALL_HIGHEST)))))
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    heights = [max(picture.height for _, picture in row) + _CAPTION + _GAP for row in rows]
    whole = Image.new("RGB", (columns * (small + _GAP) + _GAP, sum(heights) + _GAP), "#8b919a")
    pen, top = ImageDraw.Draw(whole), _GAP
    for row, height in zip(rows, heights, strict=True):
        for column, (caption, picture) in enumerate(row):
            left = _GAP + column * (small + _GAP)
            pen.text((left, top), caption, fill="#000000")
            whole.paste(picture, (left, top + _CAPTION))
        top += height
    return whole


def main(folder: Path, sheets: Path, names: list[str], vision: str = "") -> None:
    """Take the screens that are named, or all, and make the sheets of what the folder has."""
    notebook_page.PATIENCE = 600_000
    folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory(prefix="jesse-nb-pictures-") as scratch, sync_playwright() as playwright:
        candles = CandleStore(Path(scratch) / "candles")
        install_demo(candles, ["BTC-USDT", "ETH-USDT"], "2023-01-01", "2023-06-01")
        lab = Lab(Path(scratch) / "lab", candles.root)
        lab.start()
        browser = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        try:
            context = browser.new_context(viewport={"width": 1400, "height": 1000})
            context.add_init_script(path=Path(__file__).with_name("lab_helpers.js"))
            notebook = NotebookPage(context.new_page(), lab, "sheet")
            notebook.open(lab.write_notebook("sheet", BEGIN))
            notebook.begin_all().wait()
            if vision:
                devtools = context.new_cdp_session(notebook.page)
                devtools.send("Emulation.setEmulatedVisionDeficiency", {"type": vision})
            for screen in SCREENS:
                notebook.theme("Light")
                notebook.page.set_viewport_size({"width": 1400, "height": 1_000})
                cell = look_at(notebook, screen)
                if names and screen.name not in names:
                    continue
                for theme in THEMES:
                    notebook.theme(theme)
                    for width in WIDTHS:
                        path = folder / f"{screen.name} {width} {theme}.png".replace(" ", "_")
                        path.write_bytes(take(notebook, cell, screen.shown, width))
                        print(path, flush=True)
                if screen.name == "live view":
                    notebook.run("searching.cancel()")
        finally:
            browser.close()
            lab.stop()
    if not names:
        for width in WIDTHS:
            sheet(folder, [screen.name for screen in SCREENS], width).save(
                sheets / f"screens_{width}.webp", quality=70, method=6)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.browser.contact_sheet", description=__doc__)
    parser.add_argument("names", nargs="*", help="screens to take; without any all, and the sheets are made")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "screens", help="where the screens go, in full")
    parser.add_argument("--sheets", type=Path, default=ROOT / "notebooks" / "guide")
    parser.add_argument("--vision", default="", help="deuteranopia, protanopia or tritanopia, simulated")
    chosen = parser.parse_args()
    main(chosen.folder, chosen.sheets, chosen.names, chosen.vision)
