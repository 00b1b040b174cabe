"""Forms, live view, explorer and reports for a keyboard and for those who see little: focus, names, contrast."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator

from .accessibility import contrast, violations
from .notebook_page import PATIENCE, NotebookPage, Run
from .test_explorer import ROWS
from .test_panels import BEGIN, FormOnPage

EXPLORED = """%%backtest -s BTC-USDT -t 1h --start 2023-01-20 --end 2023-02-20 -o result
class Explored(Crossing):
    pass"""


@pytest.fixture(scope="module")
def notebook(lab: Any, browser_context: Any) -> Iterator[NotebookPage]:
    """A notebook that the tests of this file share, one after the other."""
    path = lab.write_notebook("accessible", BEGIN)
    opened = NotebookPage(browser_context.new_page(), lab, "accessible")
    opened.open(path)
    opened.begin_all().wait()
    yield opened
    errors = opened.errors
    opened.page.close()
    lab.end_kernel_of(path)
    assert errors == []


@pytest.fixture(scope="module")
def form_cell(notebook: NotebookPage) -> Run:
    """The form of a search, with a result of it."""
    cell = notebook.run("%panel optimize --end 2023-02-10 --trials 25 --neighbours 0")
    notebook.page.evaluate("index => labHelpers.show(index)", cell.index)
    return cell


def import_form(notebook: NotebookPage) -> Locator:
    """The candles panel's form for files, opened by keys."""
    candles = notebook.run("%panel candles")
    toggle = candles.shown(".jesse-nb-panel").get_by_role("button", name="Import files")
    toggle.press("Enter")
    form = candles.shown(".jesse-nb-panel").get_by_role("form").filter(has_text="Import files")
    form.locator(".jesse-nb-panel-upload button").wait_for()
    return form


#: Where an element lies on the page.
BOX = "selector => document.querySelector(selector).getBoundingClientRect().toJSON()"


def focus_is_in(notebook: NotebookPage, selector: str) -> None:
    notebook.page.wait_for_function(
        "selector => document.activeElement.closest(selector)", arg=selector, timeout=PATIENCE)


def tab_to(notebook: NotebookPage, words: str, most: int) -> None:
    """Press Tab until the element with these words has the focus."""
    for _ in range(most):
        notebook.page.keyboard.press("Tab")
        if words in notebook.page.evaluate("document.activeElement.textContent"):
            return
    raise AssertionError(f"{words!r} is not reached with {most} tabs")


def test_the_focus_goes_where_the_eye_goes(notebook: NotebookPage, form_cell: Run) -> None:
    form, keys = FormOnPage(notebook.page), notebook.page.keyboard
    form.form.locator(".jesse-nb-field-check_first input").uncheck()
    form.button.focus()
    keys.press("Enter")
    focus_is_in(notebook, ".jesse-nb-panel-output")
    focus_is_in(notebook, ".jesse-nb-panel-output h2")
    assert notebook.page.evaluate("document.activeElement.textContent").startswith("Optimization: Crossing")
    assert notebook.page.evaluate("""() => {
        const heading = document.activeElement, words = document.createRange();
        words.selectNodeContents(heading);
        return words.getBoundingClientRect().left - heading.getBoundingClientRect().left;
    }""") > 3  # the ring, which lies within what has the focus, covers no letter
    assert form.form.get_by_text("Crossing · BTC-USDT · 1h").is_visible()  # the fields are folded
    assert not form.form.locator(".jesse-nb-field-symbol").is_visible()
    assert form.output.evaluate("shown => shown.scrollWidth - shown.clientWidth") == 0
    links = notebook.page.get_by_role("navigation", name="Sections of the report").first
    for section in ("Convergence", "Top trials"):  # the second from links that have come along
        links.get_by_role("button", name=section).press("Enter")
        focus_is_in(notebook, ".jesse-nb-panel-output h3")
        assert notebook.page.evaluate("document.activeElement.textContent") == section
        links.get_by_role("button", name=section).and_(notebook.page.locator("[aria-current]")).wait_for()
        seen, focused = (notebook.page.evaluate(BOX, which) for which in (".jesse-nb-panel-away", ":focus"))
        assert 0 < seen["top"] < seen["bottom"] <= focused["top"]
        assert focused["bottom"] < 900
    drift = notebook.page.evaluate("""async () => {  // what lies above moves the form, and nothing was scrolled
        const cell = document.querySelector(".jesse-nb-panel").closest(".jp-Cell");
        const links = document.querySelector(".jesse-nb-panel-away"), before = links.getBoundingClientRect().top;
        cell.style.transform = "translateY(150px)";
        for (let frame = 0; frame < 5; frame++) await new Promise(requestAnimationFrame);
        const after = links.getBoundingClientRect().top;
        cell.style.transform = "";
        for (let frame = 0; frame < 5; frame++) await new Promise(requestAnimationFrame);
        return after - before;
    }""")
    assert abs(drift) < 2
    for _ in range(4):  # backwards, to what lies above: nothing that has the focus is covered
        keys.press("Shift+Tab")
        covered = notebook.page.evaluate("""() => {
            const box = document.activeElement.getBoundingClientRect();
            return document.elementFromPoint(box.left + 12, box.top + 6)?.closest(".jesse-nb-panel-sections") !== null
                && !document.activeElement.closest(".jesse-nb-panel-sections");
        }""")
        assert not covered
    tab_to(notebook, "walk_forward", 12)
    keys.press("Enter")
    focus_is_in(notebook, ".jesse-nb-panel .jesse-nb-panel .jesse-nb-field-strategy")
    tab_to(notebook, "BTC-USDT", 3)
    keys.press("Escape")  # whoever is in a form gets back to the notebook and its commands
    notebook.page.wait_for_function("document.activeElement.matches('.jp-Cell')")


def test_what_somebody_fills_in_meanwhile_keeps_the_focus(notebook: NotebookPage, form_cell: Run) -> None:
    form, other = FormOnPage(notebook.page), FormOnPage(notebook.page, 1)
    form.button.click()
    focus_is_in(notebook, ".jesse-nb-panel-output")
    other.form.locator(".jesse-nb-field-output input").focus()
    form.says("The result is in study.")
    notebook.page.wait_for_timeout(300)
    focus_is_in(notebook, ".jesse-nb-panel .jesse-nb-panel .jesse-nb-field-output")


RUNNING = ".jesse-nb-live[data-state=running]"
STOP = f"{RUNNING} .jesse-nb-stop"


@pytest.mark.parametrize("where", ["form", "cell"])
def test_stop_keeps_the_focus_and_hands_it_to_the_report(notebook: NotebookPage, form_cell: Run, where: str) -> None:
    page, form = notebook.page, FormOnPage(notebook.page)
    if where == "form":
        form.fill(n_trials="5000")
        form.form.locator(".jesse-nb-field-check_first input").uncheck()
        form.button.click()
        stop = form.output.locator(STOP)
    else:
        stop = notebook.run("%optimize Crossing -s BTC-USDT -t 1h --start 2023-01-20 --end 2023-02-20 --trials 5000 "
                            "--seed 3 -o stopped --background").shown(STOP)
    page.wait_for_function("""view => [...document.querySelectorAll(`${view} [role=progressbar]`)].some(
        (bar) => Number(bar.ariaValueNow) > 0)""", arg=RUNNING, timeout=PATIENCE)
    stop.focus()
    page.evaluate("""() => {  // where the focus is, one after the other
        window.been = [];
        const note = () => {
            const name = document.activeElement.className || document.activeElement.tagName;
            if (been.at(-1) !== name) been.push(name);
        };
        const frame = () => { note(); if (been.at(-1) !== "H2") requestAnimationFrame(frame); };
        document.addEventListener("focusin", note);
        frame();
    }""")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.matches('h2')", timeout=PATIENCE)
    assert page.evaluate("document.activeElement.textContent").startswith("Optimization: Crossing")
    assert page.evaluate("been.slice(0, 2)") == ["jesse-nb-stop", "jesse-nb-outcome"]
    if where == "form":
        form.fill(n_trials="25")


def test_fields_say_what_they_are_and_what_is_wrong(notebook: NotebookPage, form_cell: Run) -> None:
    form = FormOnPage(notebook.page)
    form.fill(n_trials="0", n_jobs="-3")
    form.form.locator(".jesse-nb-panel-row input").nth(2).fill("many")
    for name in ("space", "n_trials", "n_jobs"):
        form.form.locator(f".jesse-nb-field-{name}.jesse-nb-panel-wrong").wait_for()
    named = notebook.page.evaluate("""form => ({
        form: [form.getAttribute("role"), form.ariaLabel],
        fields: ["n_trials", "n_jobs"].map((name) => {
            const input = form.querySelector(`.jesse-nb-field-${name} input`);
            const told = input.getAttribute("aria-describedby").split(" ").map((id) => document.getElementById(id));
            return [input.ariaInvalid, told.map((one) => one.textContent).join(" ")];
        }),
        toggles: [...form.querySelectorAll(".widget-toggle-button")].map(
            (toggle) => [toggle.textContent, toggle.ariaExpanded, toggle.ariaPressed]),
        red: [...form.querySelectorAll(".jesse-nb-panel-row")].map(
            (row) => [...row.querySelectorAll("input[type=text]")].map((cell) => getComputedStyle(cell).boxShadow)
                .filter((shadow) => shadow !== "none").length),
    })""", form.form.element_handle())
    assert named["form"] == ["form", "Optimize"]
    for told, words in zip(named["fields"], ("Trials is 0. It is", "Jobs is -3. It is"), strict=True):
        assert told[0] == "true"
        assert words in told[1]
    assert "Parameter sets to try" in named["fields"][0][1]
    assert named["toggles"] == [
        ["Show fields", "true", None], ["More options", "false", None], ["Explain fields", None, "false"]]
    assert named["red"] == [5, 0]
    form.form.get_by_role("button", name="More options").click()
    form.form.get_by_role("button", name="More options", expanded=True).wait_for()
    form.form.get_by_role("button", name="Explain fields").click()
    form.form.get_by_role("button", name="Explain fields", pressed=True).wait_for()


def test_labels_stand_above_and_dates_have_no_country(notebook: NotebookPage, form_cell: Run) -> None:
    form = FormOnPage(notebook.page)
    form.unfold()
    for name in ("symbol", "start", "n_trials"):
        label, control = form.form.locator(f".jesse-nb-field-{name}").evaluate(  # in one moment: the page may move
            """field => ["label", "input, select"].map(
                (part) => field.querySelector(part).getBoundingClientRect().toJSON())""")
        assert label["bottom"] <= control["y"]
        assert abs(label["x"] - control["x"]) < 4
    date = form.form.locator(".jesse-nb-field-end")
    assert date.locator("input").evaluate("input => [input.type, input.value]") == ["text", "2023-02-10"]
    date.get_by_role("button", name="End: calendar").wait_for()
    date.evaluate("""field => {  // in one moment: the calendar is there as long as it has the focus
        field.querySelector("button.jesse-nb-panel-calendar").click();
        const picker = field.querySelector("input[type=date]");
        picker.value = "2023-02-12";
        picker.dispatchEvent(new Event("change"));
    }""")
    date.locator("input[type=date]").wait_for(state="detached")
    assert date.locator("input").input_value() == "2023-02-12"
    form.fill(end="2023-02-10")


def test_escape_leads_from_every_field_back_to_the_notebook(notebook: NotebookPage, form_cell: Run) -> None:
    page, keys = notebook.page, notebook.page.keyboard
    imports = import_form(notebook)
    fields = [form_cell.shown(f".jesse-nb-field-{name} input") for name in ("end", "output")]
    fields += [imports.locator(f".jesse-nb-{place}") for place in (
        "field-names input[type=text]", "panel-upload button")]
    for field in fields:
        cells = page.evaluate("labHelpers.cellCount()")
        field.focus()
        keys.press("Escape")
        page.wait_for_function("document.activeElement.matches('.jp-Cell')")
        keys.press("b")  # a command of the notebook again: a cell below
        page.wait_for_function("count => labHelpers.cellCount() === count + 1", arg=cells)
        notebook.command("notebook:delete-cell")


#: Of what has the focus: itself, its ring's line and colour, the paper that it is on, and what cuts it.
RING = """() => {
    const now = document.activeElement, style = getComputedStyle(now), cut = [];
    const clear = (node) => /, 0\\)$/.test(getComputedStyle(node).backgroundColor);
    let paper = now.parentElement;
    while (clear(paper)) paper = paper.parentElement;
    const reach = 3 + parseFloat(style.outlineOffset), box = now.getBoundingClientRect();
    for (let node = now.parentElement; node && !node.matches(".jp-Cell"); node = node.parentElement) {
        if (getComputedStyle(node).overflowX === "visible") continue;
        const room = node.getBoundingClientRect();
        const beyond = Math.max(
            room.left - box.left, box.right - room.right, room.top - box.top, box.bottom - room.bottom);
        if (beyond + reach > 0.5) cut.push(node.className);
    }
    return [now.outerHTML.slice(0, 160), `${style.outlineStyle} ${style.outlineWidth}`, style.outlineColor,
        getComputedStyle(paper).backgroundColor, cut];
}"""


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_a_button_that_is_disabled_is_outlined_and_can_be_read(
    notebook: NotebookPage, form_cell: Run, theme: str
) -> None:
    form = FormOnPage(notebook.page)
    notebook.theme(theme)
    form.fill(n_trials="0")
    notebook.page.wait_for_function("button => button.disabled", arg=form.button.element_handle())
    seen = form.button.evaluate("""(button) => {
        const paper = getComputedStyle(button.closest(".jesse-nb-panel")).backgroundColor;
        const {opacity, color, boxShadow, backgroundColor} = getComputedStyle(button);
        return [opacity, color, boxShadow, backgroundColor, paper];
    }""")
    opacity, ink, line, ground, paper = seen
    assert (opacity, ground) == ("1", "rgba(0, 0, 0, 0)")
    assert contrast(ink, paper) >= 4.5
    assert "inset" in line
    assert contrast(line, paper) >= 3


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_one_ring_shows_whatever_has_the_focus(notebook: NotebookPage, form_cell: Run, theme: str) -> None:
    page, form = notebook.page, FormOnPage(notebook.page)
    notebook.theme(theme)
    page.evaluate("index => labHelpers.show(index)", form_cell.index)
    form.fill(n_trials="0")  # what is red has its ring, too
    form.expand(form.form.get_by_role("button", name="More options"))
    form.form.locator(".jesse-nb-field-strategy select").focus()
    wrong, seen, red = [], 0, 0
    while page.evaluate("document.activeElement.closest('.jesse-nb-panel-form') !== null"):
        what, line, colour, paper, cut = page.evaluate(RING)
        if line != "solid 3px" or contrast(colour, paper) < 3 or cut:
            wrong.append([what, line, colour, paper, cut])
        seen += 1
        red += page.evaluate("document.activeElement.ariaInvalid === 'true'")
        page.keyboard.press("Tab")
    assert wrong == []
    assert seen > 30
    assert red >= 1


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_no_violation_of_wcag(notebook: NotebookPage, form_cell: Run, theme: str) -> None:
    """The form is as the last test left it: with errors, all options, help, and a report of before."""
    page = notebook.page
    notebook.theme(theme)
    page.evaluate("index => labHelpers.show(index)", form_cell.index)
    page.locator(".jesse-nb-panel-earlier").first.wait_for()
    assert violations(page, ".jesse-nb-panel") == []  # with the report, and the form that it was sent on to
    if page.locator(ROWS).count() == 0:
        notebook.run(EXPLORED)
        notebook.run("explored = %explore result\nexplored")
    page.locator(ROWS).nth(5).scroll_into_view_if_needed()
    page.locator(ROWS).nth(5 if theme == "Light" else 4).click()  # one that won, one that lost
    page.locator(f"{ROWS}.selected").wait_for()
    assert violations(page, ".jesse-nb-explorer") == []
    running = notebook.run("%optimize Crossing -s BTC-USDT -t 1h --start 2023-01-20 --end 2023-02-20 --trials 5000 "
                           f"--min-trades 0 --test-ratio 0 --seed {len(theme)} -o job --background")
    running.shown(".jesse-nb-live svg").wait_for()
    assert violations(page, ".jesse-nb-live") == []
    notebook.run("job.cancel()")
