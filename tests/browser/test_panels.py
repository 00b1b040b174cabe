"""Forms in a real JupyterLab and in Voila, filled in as a trader does it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from jesse_nb.core.candles import CandleStore, install_demo

from .lab import Lab, _isolated_environment
from .notebook_page import PATIENCE, NotebookPage

BEGIN = """
%load_ext jesse_nb
from jesse_nb import Strategy
import jesse.indicators as ta
from jesse import utils

class Crossing(Strategy):
    def hyperparameters(self):
        return [{"name": "fast", "type": int, "min": 5, "max": 30, "default": 10},
                {"name": "slow", "type": int, "min": 31, "max": 60, "default": 50}]
    def rising(self):
        return ta.ema(self.candles, self.hp["fast"]) > ta.ema(self.candles, self.hp["slow"])
    def should_long(self):
        return self.rising()
    def go_long(self):
        self.buy = utils.size_to_qty(self.balance * 0.9, self.price), self.price
    def update_position(self):
        if not self.rising():
            self.liquidate()
"""


class FormOnPage:
    """The n-th form of a page, those that were sent on counted."""

    def __init__(self, page, number: int = 0, verb: str = "Run") -> None:
        self.page = page
        self.form = page.locator(".jesse-nb-panel-form").nth(number)
        self.output = page.locator(".jesse-nb-panel-output").nth(number)
        self.next = page.locator(".jesse-nb-panel-next").nth(number)
        self.button = self.form.get_by_role("button", name=verb, exact=True)
        self.button.wait_for()

    def unfold(self) -> None:
        """Show the fields, which a run has folded to one line."""
        button = self.form.get_by_role("button", name="Show fields")
        if button.is_visible():
            self.expand(button)

    def expand(self, toggle) -> None:
        """Press a toggle by key until it is open: a form that moves between the halves of a click would miss it."""
        opened = "toggle => toggle.classList.contains('mod-active')"
        while not toggle.evaluate(opened):
            toggle.press("Enter")
            # The kernel may have opened it in the same moment, and the key closed it.
            with contextlib.suppress(PlaywrightTimeoutError):
                self.page.wait_for_function(opened, arg=toggle.element_handle(), timeout=2000)

    def fill(self, **values: str) -> None:
        self.unfold()
        for name, value in values.items():
            control = self.form.locator(f".jesse-nb-field-{name}").locator("input, select").first
            if control.evaluate("control => control.tagName") == "SELECT":
                control.select_option(value)
            else:
                control.fill(value)
                control.blur()

    def empty(self) -> None:
        """Leave nothing in any field, nor in those behind "More options"; a list that must choose keeps its choice."""
        self.unfold()
        for toggle in self.form.get_by_role("button", name="More options").all():  # which not every form has
            self.expand(toggle)
        controls = self.form.locator("input, select")
        kinds = controls.evaluate_all("controls => controls.map((control) => control.type)")
        for control, kind in zip(controls.all(), kinds, strict=True):
            if kind == "checkbox":
                control.uncheck()
            elif kind == "select-multiple":
                control.select_option([])
            elif kind == "select-one":
                if control.locator("option").first.inner_text().startswith("("):  # what is taken when it is left out
                    control.select_option(index=0)
            else:
                control.fill("")
                control.blur()

    def wants(self, *names: str) -> None:
        """Wait until these fields and no others are marked as wrong, and Run is disabled just when there are any."""
        self.page.wait_for_function(
            """([form, names]) => {
                const marked = [...form.querySelectorAll(".jesse-nb-panel-wrong")].map((row) => row.className);
                return marked.length === names.length
                    && names.every((name) => marked.some((one) => one.split(" ").includes(`jesse-nb-field-${name}`)))
                    && form.querySelector("button.mod-primary").disabled === names.length > 0;
            }""",
            arg=[self.form.element_handle(), list(names)],
        )

    def run(self, shows: str) -> None:
        self.button.click()
        self.output.get_by_text(shows).first.wait_for(timeout=PATIENCE)

    def says(self, *texts: str) -> None:
        """Wait until the words beside the buttons have all these texts."""
        self.page.wait_for_function(
            "([bar, texts]) => texts.every((text) => bar.textContent.includes(text))",
            arg=[self.form.locator(".jesse-nb-panel-reason").element_handle(), list(texts)],
        )

    def send_on(self, name: str) -> None:
        self.next.get_by_role("button", name=name).click()

    def copied(self) -> str:
        self.form.get_by_role("button", name="Copy as cell").click()
        return str(self.form.locator("pre.jesse-nb-panel-cell").inner_text())


@pytest.fixture
def notebook(lab: Lab, open_notebook, request) -> Iterator[NotebookPage]:
    """A notebook with a strategy."""
    path = lab.write_notebook(request.node.name, BEGIN)
    opened = open_notebook(path)
    opened.begin_all().wait()
    yield opened
    lab.end_kernel_of(path)


def test_from_a_backtest_to_a_walk_forward_verdict_and_back_to_a_cell(lab: Lab, notebook):
    cell = notebook.run("%panel backtest --end 2023-02-10")
    notebook.page.evaluate("index => labHelpers.show(index)", cell.index)
    backtest = FormOnPage(notebook.page)
    backtest.fill(start="2022-12-01")
    backtest.form.get_by_text("Run is disabled. Start: BTC-USDT is stored from 2023-01-01.").wait_for()
    assert backtest.button.is_disabled()
    backtest.fill(start="2023-02-11")
    backtest.says("Run is disabled. End: The end (2023-02-10", "must come after the start (2023-02-11")
    backtest.empty()
    backtest.wants("start", "end", "output")
    backtest.says("Run is disabled. Start: Choose a date.")
    backtest.fill(start="2023-01-20", end="2023-02-10", output="result")
    backtest.wants()
    backtest.run("Result card")
    backtest.send_on("optimize")
    optimize = FormOnPage(notebook.page, 1)
    optimize.fill(n_trials="3")
    optimize.run("Top trials")
    notebook.screenshot("panel_optimize_report")
    optimize.send_on("walk_forward")
    walk = FormOnPage(notebook.page, 2)
    walk.fill(in_sample_period="8", out_sample_period="4", step_forward="4", n_trials="2")
    walk.run("Result card")
    walk.send_on("analyze")
    analyze = FormOnPage(notebook.page, 3)
    analyze.fill(analysis_type="basic")
    analyze.run("Basic analysis: Crossing")
    notebook.wait_until_answer("type(analysis).__name__ == 'Analysis' and type(walk).__name__ == 'WalkForwardResult'")
    notebook.screenshot("panel_chain")

    text = optimize.copied()
    assert text.startswith("%optimize Crossing ")
    notebook.run("first = study")
    notebook.run(text)
    assert notebook.ask("study is not first and all(study.history.reused) and str(study) == str(first)")
    notebook.run(walk.copied().replace("-o walk", "-o walk_again"))
    assert notebook.ask("str(walk_again) == str(walk)")
    notebook.run("first_result, first_analysis = result, analysis")
    notebook.run(backtest.copied())
    assert notebook.ask("result is not first_result and len(result.trades) > 0 and result.key == first_result.key")
    assert notebook.ask("result.trades.equals(first_result.trades) and result.equity.equals(first_result.equity)")
    notebook.run(analyze.copied())
    assert notebook.ask("analysis is not first_analysis and str(analysis) == str(first_analysis)")
    assert notebook.ask("analysis.to_frame().equals(first_analysis.to_frame())")
    for form, wanted in ((optimize, ["start", "end", "space"]), (walk, ["start", "end", "space"]), (analyze, [])):
        form.empty()
        form.wants(*wanted, "output")
        form.form.locator("pre").get_by_text(re.compile("^# No parameter is ticked|^%analyze walk$")).wait_for()
    notebook.screenshot("panel_chain_emptied")

    notebook.save()
    path = notebook.page.evaluate("labHelpers.panel.context.path")
    notebook.page.close()
    lab.end_kernel_of(path)
    saved = "".join(json.dumps(output) for output in lab.read_notebook(path).cells[cell.index].outputs)
    assert "Optimization: Crossing" in saved
    assert "%optimize Crossing" in saved
    assert "widget-view" not in saved  # which a notebook that is opened again would not find


def optimize_by_keyboard(notebook: NotebookPage) -> None:
    cell = notebook.run("%panel optimize --end 2023-02-01")
    notebook.page.evaluate("index => labHelpers.show(index)", cell.index)
    form = FormOnPage(notebook.page)
    notebook.page.wait_for_function("document.querySelector('.jesse-nb-panel-form[role=form]')")
    keys = notebook.page.keyboard

    def tab_to(selector: str) -> None:
        for _ in range(60):
            if notebook.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
            keys.press("Tab")
        raise AssertionError(f"Tab does not reach {selector}")

    form.form.locator(".jesse-nb-field-strategy select").focus()  # where Tab enters the output
    cells = notebook.page.evaluate("labHelpers.cellCount()")
    keys.press("Tab")
    tab_to(".jesse-nb-field-symbol select")
    keys.press("b")  # elsewhere a command of the notebook; on a list, the entry that begins so
    keys.press("ArrowDown")
    tab_to(".jesse-nb-field-start input")
    keys.type("2023-01-20")
    tab_to(".jesse-nb-field-n_trials input")
    keys.type("2")
    tab_to(".jesse-nb-panel-bar button.mod-primary")
    notebook.page.wait_for_function("!document.activeElement.disabled")
    keys.press("Enter")
    form.output.get_by_text("Top trials").first.wait_for(timeout=PATIENCE)
    notebook.wait_until_answer("type(study).__name__ == 'OptimizeResult'")
    assert notebook.ask("(len(study.history), 'ETH-USDT' in str(study))") == (2, True)
    assert notebook.page.evaluate("labHelpers.cellCount()") == cells


def test_keyboard_only_then_batch_and_candles_with_hostile_names(notebook):
    optimize_by_keyboard(notebook)
    notebook.run("hostile = '<img src=x onerror=\"window.pwned=1\">'")
    batch = notebook.run("%panel backtest_batch --start 2023-01-20 --end 2023-02-01")
    notebook.page.evaluate("index => labHelpers.show(index)", batch.index)
    form = FormOnPage(notebook.page, 1)
    form.fill(params="fast=5,9 slow=40", output="<img src=x onerror=window.pwned=2>")
    form.form.get_by_text("It is a variable's name.").first.wait_for()
    form.fill(start="2023-02-02")
    form.says("Run is disabled. End: The end (2023-02-01", "must come after the start (2023-02-02")
    form.empty()
    form.wants("strategies", "symbols", "timeframes", "start", "end", "output")
    form.fill(strategies="Crossing", symbols="BTC-USDT", timeframes="1h", start="2023-01-20", end="2023-02-01",
              params="fast=5,9 slow=40", output="batch")
    form.wants()
    form.run("2 combinations")
    text = form.copied()
    notebook.run("first = batch")
    notebook.run(text)
    assert notebook.ask("batch is not first and str(batch) == str(first)")
    assert notebook.page.evaluate("window.pwned ?? null") is None

    candles = notebook.run("%panel candles")
    notebook.page.evaluate("index => labHelpers.show(index)", candles.index)
    cell = candles.shown(".jesse-nb-panel")
    cell.get_by_text("ETH-USDT").first.wait_for()
    store = FormOnPage(notebook.page, 2, "Store")
    store.fill(symbols="SOL-USDT", start="2023-01-05", end="2023-01-01")
    store.says("Store is disabled. End: The end (2023-01-01", "must come after the start (2023-01-05")
    store.empty()
    store.wants()  # it takes all symbols, and the whole period
    store.fill(symbols="SOL-USDT", start="2023-01-01", end="2023-01-05")
    store.button.click()
    cell.locator("table").first.get_by_text("SOL-USDT").first.wait_for()
    cell.get_by_role("button", name="Import files").click()
    imports = FormOnPage(notebook.page, 3, "Import")
    imports.form.locator("button.mod-primary:disabled").wait_for()  # nothing is typed yet, and nothing is red
    assert imports.form.locator(".jesse-nb-panel-wrong").count() == 0
    cell.get_by_role("button", name="Delete a series").click()
    delete = cell.locator(".jesse-nb-panel-form").nth(2)
    delete.locator(".jesse-nb-field-exchange select").select_option("Demo (synthetic)")
    delete.locator(".jesse-nb-field-names select").select_option("SOL-USDT")
    delete.get_by_role("button", name="Delete", exact=True).click()
    delete.get_by_text("Delete SOL-USDT of Demo (synthetic)?").wait_for()
    notebook.screenshot("panel_candles_asks")
    delete.get_by_role("button", name="Yes, delete").click()
    notebook.wait_until_answer("'SOL-USDT' not in str(get_ipython().run_line_magic('candles', ''))")
    cell.get_by_text("Deleted SOL-USDT on Demo (synthetic).").wait_for()
    assert delete.locator(".jesse-nb-panel-wrong").count() == 0


RAISING = """
class Raising(Crossing):
    def hyperparameters(self):
        raise RuntimeError('<img src=x onerror="window.pwned=3">')
"""

TORN = """
from pathlib import Path
project = Path("project").absolute()
for folder in ("storage", "strategies/Torn"):
    (project / folder).mkdir(parents=True)
(project / "strategies/Torn/__init__.py").write_text("import no_such_module_anywhere")
get_ipython().run_line_magic("config", f"JesseNb.project = {str(project)!r}")
"""


def test_what_changes_while_forms_are_open_and_two_forms_on_one_job(notebook):
    notebook.run("%candles demo -s SOL-USDT --start 2023-01-01 --end 2023-02-10")
    cells = [notebook.run("%panel optimize -s SOL-USDT --end 2023-02-01 --neighbours 0") for _ in range(2)]
    show = "index => labHelpers.show(index)"
    notebook.page.evaluate(show, cells[0].index)
    one, other = FormOnPage(notebook.page), FormOnPage(notebook.page, 1)

    one.form.get_by_role("button", name="Add a parameter").click()
    row = one.form.locator(".jesse-nb-panel-row").nth(2).locator("input[type=text]")
    for place, text in enumerate(("fast", "1", "2")):
        row.nth(place).fill(text)
    one.says("Run is disabled. Parameters: ", "'fast'", "twice")
    row.nth(0).fill("fats")
    one.says("declares no hyperparameter 'fats'", "Did you mean 'fast'?")
    row.nth(0).fill("<img/src=x/onerror=window.pwned=1>")
    one.says("Run is disabled. Parameters: ", "<img/src=x")
    one.form.get_by_title("Take this parameter out of the table").nth(2).click()
    one.form.locator(".jesse-nb-panel-reason").get_by_text("Run is disabled").wait_for(state="detached")
    one.fill(start="")
    one.says("Run is disabled. Start: Choose a date.")
    one.fill(start="2023-01-20")
    one.form.locator(".jesse-nb-panel-reason").get_by_text("Run is disabled").wait_for(state="detached")

    notebook.run("%candles delete SOL-USDT --yes")
    for form in (one, other):
        form.says("Run is disabled. Symbol: 'SOL-USDT' is not there any more. Choose another.")
        form.fill(symbol="BTC-USDT", start="2023-01-20", n_trials="4000")
    notebook.page.evaluate(show, cells[0].index)
    one.run("Best so far")
    notebook.page.evaluate(show, cells[1].index)
    other.run("Best so far")
    assert notebook.ask("len(get_ipython().run_line_magic('jobs', '').to_frame())") == 1
    notebook.screenshot("panel_two_on_one_job")
    other.output.locator(".jesse-nb-stop").click()
    for form in (one, other):
        form.says("Stopped. study is what finished, Run goes on from there.")

    notebook.run(RAISING)
    notebook.page.evaluate(show, cells[0].index)
    one.fill(strategy="Raising")
    one.says("Run is disabled. Strategy: RuntimeError: <img src=x onerror=")
    notebook.run(TORN)
    notebook.page.evaluate(show, cells[0].index)
    one.fill(strategy="Torn")
    one.says("Run is disabled. Strategy: ", "no_such_module_anywhere")
    assert "Traceback" not in one.form.inner_text()
    notebook.screenshot("panel_strategy_torn")
    assert notebook.page.locator("img[src=x]").count() == 0
    assert notebook.page.evaluate("window.pwned ?? null") is None


@pytest.fixture
def voila(tmp_path: Path, chromium: str) -> Iterator[str]:
    """Voila with one notebook, the optimize panel; gives its address."""
    candles = CandleStore(tmp_path / "candles")
    install_demo(candles, ["BTC-USDT"], "2023-01-01", "2023-02-10")
    environment = _isolated_environment(tmp_path, candles.root)
    cells = [nbformat.v4.new_code_cell(BEGIN), nbformat.v4.new_code_cell("%panel optimize --trials 2")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "app.ipynb")
    token = secrets.token_hex(8)
    log = tmp_path / "voila.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "voila", "--no-browser", f"--port={_free_port()}", "--Voila.ip=127.0.0.1",
             f"--base_url=/{token}/", str(tmp_path / "app.ipynb")],
            env=environment, stdout=file, stderr=file, start_new_session=True, cwd=tmp_path,
        )
    try:
        deadline = time.monotonic() + 120
        while not (found := re.search(r"http://[\w.]+:(\d+)/", log.read_text())):
            assert time.monotonic() < deadline, log.read_text()
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{found[1]}/{token}/"
    finally:
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        _end_what_is_left(tmp_path)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _end_what_is_left(folder: Path) -> None:
    import psutil

    mark = str(folder / "runtime")
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("JUPYTER_RUNTIME_DIR") == mark:
                process.kill()


def test_voila_serves_the_optimize_panel_as_an_app(voila: str, browser_context):
    page = browser_context.new_page()
    page.set_default_timeout(PATIENCE)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(voila)
    form = FormOnPage(page)
    form.fill(start="2023-01-20")
    form.run("Top trials")
    form.next.get_by_role("button", name="walk_forward").wait_for()
    page.close()
    assert errors == []
