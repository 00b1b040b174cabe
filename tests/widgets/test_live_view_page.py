"""The live view's script in a real browser, without JupyterLab: a model that records takes the kernel's place."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from jesse_nb.core.jobs.board import Convergence, Matrix, Scale, windows_board
from jesse_nb.core.jobs.job import Job
from jesse_nb.widgets.live import live_view
from jesse_nb.widgets.live.live_texts import snapshot

SCRIPT = "".join((Path(live_view.__file__).parent / name).read_text() for name in ("../keep.js", "live_view.js"))
HOSTILE = '<img src=x onerror="window.injected = 1">'
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]

MODEL = """(state) => {
  window.heard = {}; window.sent = []; window.interrupts = 0;
  window.model = {
    get: (name) => state[name],
    on: (name, call) => { (heard[name] ??= []).push(call); },
    off: () => {},
    send: (content) => sent.push(content),
    widget_manager: { kernel: {
      interrupt: async () => { interrupts += 1; }, statusChanged: { connect: (call) => { window.tell = call; } },
    } },
  };
  window.change = (changes) => {
    Object.assign(state, changes);
    for (const name of Object.keys(changes)) (heard[`change:${name}`] ?? []).forEach((call) => call());
  };
  return import(URL.createObjectURL(new Blob([state.script], { type: "text/javascript" }))).then((module) => {
    window.widget = module.default; widget.initialize({ model });
  });
}"""


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium")
    required = os.environ.get("JESSE_NB_REQUIRE_ALL") == "1"
    if chromium is None and not required:
        pytest.skip("Chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser):
    opened = browser.new_page()
    opened.faults = []
    opened.on("pageerror", lambda error: opened.faults.append(str(error)))
    opened.on("console", lambda said: opened.faults.append(said.text) if said.type == "error" else None)
    opened.goto("about:blank")
    yield opened
    assert opened.faults == []
    opened.close()


def hostile_board(kind):
    scale = Scale(HOSTILE, "ratio", "maximize")
    if kind == "convergence":
        board = Convergence(scale, 9)
        board.add(0, 1.0, {HOSTILE: HOSTILE})
        board.add(1, 2.0, {HOSTILE: 5})
        return board.snapshot()
    if kind == "matrix":
        matrix = Matrix(scale, {"params": [HOSTILE, "b"], "symbol": [HOSTILE, "c"]}, ("params",), ("symbol",))
        matrix.add({"params": 0, "symbol": 0}, 1.0, failed=False)
        return matrix.snapshot()
    row = {"number": 0, "period": HOSTILE, "state": "in-sample", "values": [1.0]}
    return windows_board(scale, "window", (HOSTILE,), [row])


def show(page, *, blocking=False, kind="convergence", text=HOSTILE, **changes):
    job = Job("optimize", text, lambda control: None)
    job._update({"phase": text, "best_label": text, "message": text, "total": 10, "done": 3, "best": 1.0})
    job._board = lambda: hostile_board(kind)
    page.set_content('<div class="view one"><progress></progress> a line</div><div class="view two"></div>')
    shown = snapshot(job) | changes
    page.evaluate(MODEL, {"snapshot": shown, "blocking": blocking, "view_class": "view", "script": SCRIPT})
    return shown


@pytest.mark.parametrize("kind", ["convergence", "matrix", "windows"])
def test_html_in_every_name_and_value_stays_text(page, kind):
    shown = show(page, kind=kind)
    page.evaluate("shown => change({snapshot: {...shown, state: 'failed', outcome: shown.title,"
                  " announcement: {title: shown.title, text: shown.title}}})", shown)
    page.wait_for_selector(".jesse-nb-toast")
    assert page.locator("img").count() == 0
    assert page.evaluate("window.injected") is None
    assert page.locator(".jesse-nb-title").first.text_content() == f"Optimization: {HOSTILE}"
    assert page.locator(f".jesse-nb-board >> text={HOSTILE[:8]}").count() >= 1
    assert page.locator(".jesse-nb-toast").text_content().count(HOSTILE) == 2
    page.locator(".jesse-nb-toast button").press("Enter")
    assert page.locator(".jesse-nb-toast").count() == 0


def test_the_bar_and_the_tables_speak_to_a_screen_reader(page):
    show(page, text="x")
    bar = page.locator(".jesse-nb-bar").first
    assert bar.get_attribute("role") == "progressbar"
    assert (bar.get_attribute("aria-valuenow"), bar.get_attribute("aria-valuetext")) == ("30", "x 3 of 10")
    assert page.locator("[role=status]").first.text_content() == "x, 30 %"
    assert page.locator("table caption").count() == 2
    assert page.locator("th[scope=col]").count() == page.locator("thead th").count() > 0
    page.evaluate("change({snapshot: {...model.get('snapshot'), share: 0.35, count: '4 of 10'}})")
    assert page.locator("[role=status]").first.text_content() == "x, 30 %"  # it speaks seldom
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "jesse-nb-stop"


@pytest.mark.parametrize("blocking", [True, False])
def test_stop_interrupts_a_waiting_cell_and_asks_a_job_in_the_background(page, blocking):
    show(page, blocking=blocking)
    stops = page.locator(".jesse-nb-stop")
    stops.first.click()
    assert [stops.nth(one).text_content() for one in (0, 1)] == ["Stopping…", "Stopping…"]  # both views
    assert [stops.nth(one).get_attribute("aria-disabled") for one in (0, 1)] == ["true", "true"]
    stops.first.click(force=True)  # a second time is not heard
    assert page.evaluate("[interrupts, sent]") == ([1, []] if blocking else [0, [{"type": "stop"}]])


@pytest.mark.parametrize("heard", [False, True])
def test_a_stop_that_the_kernel_does_not_hear_is_said_again(page, heard):
    shown = show(page, text="x")
    page.locator(".jesse-nb-stop").first.click()
    if heard:
        page.evaluate("shown => change({snapshot: {...shown, stopping: true}})", shown)
    page.wait_for_timeout(1200)
    assert page.evaluate("sent.length") == (1 if heard else 3)


@pytest.mark.parametrize("status", ["restarting", "autorestarting", "terminating", "dead"])
def test_a_view_whose_kernel_has_gone_says_so_and_cannot_be_stopped(page, status):
    shown = show(page, text="x")
    page.evaluate("['idle', 'busy', 'connecting'].forEach((status) => tell(null, status))")
    assert page.locator(".jesse-nb-stop").first.is_visible()
    page.evaluate("status => tell(null, status)", status)
    assert not page.locator(".jesse-nb-stop").first.is_visible()
    assert page.locator(".jesse-nb-phase").first.text_content().startswith("Its kernel has ended")
    assert page.locator(".jesse-nb-live").first.get_attribute("data-state") == "cancelled"
    page.evaluate("shown => change({snapshot: {...shown, done: 4}})", shown)  # a last word on its way
    assert page.locator(".jesse-nb-phase").nth(1).text_content().startswith("Its kernel has ended")
    page.wait_for_timeout(50)
    assert page.evaluate("sent") == []


def test_a_line_that_is_drawn_anew_keeps_its_view_and_the_focus(page):
    show(page)
    page.locator(".jesse-nb-stop").first.focus()
    page.evaluate("""() => {
      window.before = document.querySelector(".one .jesse-nb-live");
      document.querySelector(".one").outerHTML = '<div class="view one"><progress></progress> a newer line</div>';
    }""")
    assert page.evaluate("document.querySelector('.one .jesse-nb-live') === before")
    assert page.evaluate("document.activeElement.className") == "jesse-nb-stop"
    assert page.locator("progress").count() == 0


def test_stop_pressed_by_key_keeps_the_focus_until_the_outcome_and_gives_it_to_the_report(page):
    def focused():
        return page.evaluate("[document.activeElement.tagName, document.activeElement.textContent]")

    shown = show(page, text="x")
    page.locator(".jesse-nb-stop").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(50)  # what is disabled or hidden loses the focus with the next frame
    assert focused() == ["BUTTON", "Stopping…"]
    page.evaluate("shown => change({snapshot: {...shown, state: 'cancelled', outcome: 'Stopped after 3 s'}})", shown)
    page.wait_for_timeout(50)
    assert focused() == ["SPAN", "Stopped after 3 s"]
    # the notebook draws the report in the output's place
    page.evaluate("document.querySelector('.one').outerHTML = '<h2>The report</h2><p>Its text</p>'")
    page.wait_for_timeout(50)
    assert focused() == ["H2", "The report"]


def test_a_report_that_the_view_shows_itself_gets_the_focus_that_was_on_stop(page):
    shown = show(page, text="x")
    page.locator(".jesse-nb-stop").nth(1).focus()
    page.evaluate("shown => change({snapshot: {...shown, state: 'cancelled', outcome: 'Stopped after 3 s'}})", shown)
    report = {"type": "report", "data": {"text/html": "<h2>The report</h2>", "text/plain": "The report"}}
    page.evaluate("report => heard['msg:custom'].forEach((call) => call(report))", report)
    page.wait_for_timeout(50)
    assert page.evaluate("[document.activeElement.tagName, document.querySelector('.two').contains("
                         "document.activeElement)]") == ["H2", True]


def test_an_end_takes_the_focus_from_nobody(page):
    shown = show(page, text="x")
    page.evaluate("""shown => {
      document.body.append(document.createElement("input"));
      document.querySelector(".jesse-nb-stop").focus();
      document.querySelector("input").focus();
      setTimeout(() => change({snapshot: {...shown, state: "finished", outcome: "Finished"}}), 10);
    }""", shown)
    page.wait_for_timeout(80)
    page.evaluate("document.querySelector('.one').outerHTML = '<h2>The report</h2>'")
    page.wait_for_timeout(50)
    assert page.evaluate("document.activeElement.tagName") == "INPUT"


def test_a_view_of_an_ended_job_asks_for_the_report_and_shows_it_without_scripts(page):
    show(page, state="finished", outcome="Finished in 3 s")  # as after a reload
    assert not page.locator(".jesse-nb-stop").first.is_visible()
    page.wait_for_function("sent.some((one) => one.type === 'report')", timeout=8000)
    html = "<style>p {color: red}</style><p>The report</p><script>window.injected = 1</script>" + HOSTILE
    report = {"type": "report", "data": {"text/html": html, "text/plain": "The report"}}
    page.evaluate("report => heard['msg:custom'].forEach((call) => call(report))", report)
    assert page.locator(".jesse-nb-report p").count() == 2
    assert page.evaluate("[...document.querySelectorAll('.jesse-nb-report script, [onerror]')].length") == 0
    assert page.evaluate("window.injected") is None
    page.faults.clear()  # the picture that does not exist
