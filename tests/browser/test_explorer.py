"""The trade explorer in a real browser: zoom, jump, filter, and what is left of it in a reopened notebook."""

from __future__ import annotations

import os
from typing import Any

from tests.strategies_drawing import DRAWER

from .notebook_page import PATIENCE

BODY = "\n".join(line for line in DRAWER.splitlines() if "import" not in line)
BACKTEST = f"%%backtest -s BTC-USDT -t 1h --start 2023-01-20 --end 2023-02-20 -o result\n{BODY}"
CHART = ".js-plotly-plot"
ROWS = ".jesse-nb-trades tbody tr"
PICTURE = ".jesse-nb-picture"
FITS = f"""() => {{
    const chart = document.querySelector('{CHART}'), place = chart.getBoundingClientRect().width;
    return place > 300 && Math.abs(chart.querySelector('svg.main-svg').getBoundingClientRect().width - place) < 2;
}}"""
MARKS = f"""[...document.querySelectorAll('{CHART} .scatterlayer .point')]
    .map((mark) => mark.getAttribute('d').replace(/[0-9.-]+/g, ""))"""  # whether triangle, cross or circle


def test_zoom_jump_filter_and_reopen(lab: Any, open_notebook: Any) -> None:
    notebook = open_notebook(lab.write_notebook("explorer", "%load_ext jesse_nb", BACKTEST, "x = %explore result\nx"))
    notebook.begin_all().wait()
    page = notebook.page
    page.locator(ROWS).first.wait_for()
    total = notebook.ask("len(result.trades)")
    assert page.locator(ROWS).count() == total
    # the picture gives way to the explorer
    assert page.locator(PICTURE).count() == 0

    # zoom by dragging: the candles become those of the route
    page.locator(CHART).scroll_into_view_if_needed()
    page.wait_for_function(f"document.querySelector('{CHART}')?._fullLayout?.xaxis?.type === 'date'")
    candles = f"document.querySelector('{CHART}').data[0].x.length"
    before = notebook.ask("x.parts.chart._range")
    area = page.locator(f"{CHART} .nsewdrag").first.bounding_box()
    page.mouse.move(area["x"] + area["width"] * 0.4, area["y"] + 100)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] * 0.5, area["y"] + 100, steps=4)
    page.mouse.up()
    notebook.wait_until_answer(f"x.parts.chart._range != {before!r}")
    start, end = notebook.ask("x.parts.chart._range")
    assert (end - start) / (before[1] - before[0]) < 0.15
    page.wait_for_function(f"{candles} < 200")
    assert page.evaluate(f"document.querySelector('{CHART}')._fullLayout.xaxis.type") == "date"

    # a row, by keyboard alone, jumps to its trade
    page.locator(ROWS).nth(3).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    notebook.wait_until_answer("x.parts.table.selected == 5")
    opened = notebook.ask("int(x.picture.trades.loc[5, 'opened_at'].value // 1_000_000)")
    start, end = notebook.ask("x.parts.chart._range")
    assert start < opened < end

    # the table is one stop of Tab, and arrows lead to its headings; no column is cut off
    page.locator(".jesse-nb-trades .csv").focus()
    within = "document.activeElement.closest('.jesse-nb-trades table') !== null"
    stops = 0
    while page.evaluate(within):
        page.keyboard.press("Tab")
        stops += 1
    assert stops <= 2
    page.locator(ROWS).first.focus()
    for key in ("ArrowUp", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.closest('th').getAttribute('aria-sort')") == "none"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.closest('th').getAttribute('aria-sort')") == "ascending"
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.matches('tbody tr')")
    for width in (1400, 800, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(300)
        assert page.locator(".jesse-nb-trades").evaluate("box => box.scrollWidth - box.clientWidth") <= 0

    # the legend says what marks mean
    legend = page.locator(f"{CHART} .legend")
    assert {"long entry", "short entry", "exit"} <= set(legend.locator(".legendtext").all_text_contents())

    # sorted by profit, filtered by side
    page.locator(".jesse-nb-trades th button", has_text="profit").click()
    worst = notebook.ask("int(x.picture.trades['pnl'].idxmin())")
    assert page.locator(ROWS).first.get_attribute("data-trade") == str(worst)
    page.locator(".widget-dropdown select").first.select_option(label="long")
    longs = notebook.ask("int((x.picture.trades['side'] == 'long').sum())")
    page.wait_for_function(f"document.querySelectorAll('{ROWS}').length === {longs}")
    assert 0 < longs < total
    notebook.screenshot("explorer")

    # drawn anew, the output keeps its view, and what has the focus
    page.locator(ROWS).nth(3).focus()
    page.evaluate(f"""() => {{
        window.chart = document.querySelector('{CHART}');
        window.place = chart.closest('.jesse-nb-mounted').parentElement;
    }}""")
    notebook.ask("x._output.update()")
    page.wait_for_function("!place.isConnected && chart.isConnected && chart.closest('[class^=jesse-nb-mounted-]')")
    assert page.locator(f"{ROWS}:focus").count() == 1

    # a new width reaches the chart
    notebook.command("application:toggle-left-area")
    page.wait_for_function(FITS)

    # the page loaded again, with the same kernel: it is as it was
    points = page.evaluate(f"document.querySelector('{CHART}').data[0].x.length")
    marks = page.evaluate(MARKS)
    assert len(set(marks)) > 1
    notebook.save()
    page.reload()
    page.wait_for_function("window.jupyterapp !== undefined")
    page.evaluate("path => labHelpers.open(path)", "explorer.ipynb")
    page.evaluate("labHelpers.show(2)")
    page.wait_for_function(f"document.querySelectorAll('{ROWS}').length === {longs}")
    page.wait_for_function(f"document.querySelector('{CHART}')?.data?.[0]?.x?.length === {points}")
    page.wait_for_function(FITS)
    assert page.evaluate(MARKS) == marks

    # without its kernel, the saved notebook shows the picture
    page.close()
    lab.end_kernel_of("explorer.ipynb")
    reopened = open_notebook("explorer.ipynb")
    picture = reopened.page.locator(f"{PICTURE} img:not([hidden])")
    picture.wait_for(state="attached")
    picture.scroll_into_view_if_needed()
    assert picture.is_visible()
    assert picture.evaluate("image => image.naturalWidth") > 500
    reopened.screenshot("explorer_reopened")
    assert reopened.page.get_by_text("oading widget").count() == 0
    assert reopened.page.get_by_text("model not found").count() == 0


DRAWN = f"""count => {{
    const charts = [...document.querySelectorAll('{CHART}')];
    return charts.length === count
        && charts.every((chart) => chart.data?.[0]?.x?.length > 3 && chart.querySelector('.scatterlayer path'));
}}"""
#: Closes all widgets of the kernel but the one that holds plotly's script.
CLOSE_ALL = ("len([one.close() for one in list(__import__('ipywidgets').Widget.widgets.values()) "
             "if type(one).__name__ != 'PlotlyScript'])")
WIDGETS = "len(__import__('ipywidgets').Widget.widgets)"


def slow_down(page: Any, times: float | None = None) -> None:
    """Let a page take so many times as long; as it is by default: a machine that runs other tests is slow enough."""
    rate = float(os.environ.get("JESSE_NB_SLOWED", "1")) if times is None else times
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": rate})


def test_the_first_explorer_of_a_page_is_drawn(lab: Any, open_notebook: Any) -> None:
    path = lab.write_notebook("first", "%load_ext jesse_nb", BACKTEST)
    notebook = open_notebook(path)
    notebook.begin_all().wait()
    for _ in range(int(os.environ.get("JESSE_NB_FIRST_DRAWINGS", "1"))):  # with many, --timeout=0
        fresh = open_notebook(path)
        slow_down(fresh.page)
        fresh.begin("%explore result")
        fresh.page.wait_for_function(DRAWN, arg=1, timeout=2 * PATIENCE)
        fresh.page.close()
        notebook.ask(CLOSE_ALL)  # or each page would have to restore those of all pages before it
    lab.end_kernel_of(path)


def test_a_figure_drawn_once_more_has_the_same_marks(lab: Any, open_notebook: Any) -> None:
    """Also those that a change left as they were: the exits' cross, where only the entries' triangles changed."""
    path = lab.write_notebook("twice", "%load_ext jesse_nb", BACKTEST, "x = %explore result\nx")
    notebook = open_notebook(path)
    notebook.begin_all().wait()
    notebook.page.wait_for_function(DRAWN, arg=1)
    before = notebook.page.evaluate(MARKS)
    notebook.page.locator(ROWS).nth(3).focus()
    notebook.page.keyboard.press("Enter")
    notebook.page.wait_for_function(f"count => {MARKS}.length < count", arg=len(before))
    notebook.run("x.parts.chart.figure").shown(".scatterlayer .point").wait_for(state="attached")
    of_each = notebook.page.evaluate("""[...document.querySelectorAll('.js-plotly-plot')].map((chart) =>
        [...chart.querySelectorAll('.scatterlayer .point')].map((mark) => mark.getAttribute('d')))""")
    assert len(of_each) == 2
    assert of_each[0] == of_each[1]
    assert len(set(of_each[0])) > 1
    notebook.page.close()
    lab.end_kernel_of(path)


def test_ten_explorers_are_all_drawn_and_freed_with_their_cells(
    lab: Any, open_notebook: Any
) -> None:
    path = lab.write_notebook("ten", "%load_ext jesse_nb", BACKTEST, *["%explore result"] * 10)
    notebook = open_notebook(path)
    page = notebook.page
    slow_down(page)
    notebook.begin_all()
    page.wait_for_function(DRAWN, arg=10, timeout=2 * PATIENCE)
    assert page.evaluate("globalThis.jesseNbPlotly.size") == 1  # plotly's script, once for all
    slow_down(page, 1.0)
    widgets = notebook.ask(WIDGETS)
    page.evaluate("""() => {
        labHelpers.panel.content.activeCellIndex = 11;
        return jupyterapp.commands.execute("notebook:delete-cell");
    }""")
    page.wait_for_function(DRAWN, arg=9)
    notebook.wait_until_answer(f"{WIDGETS} < {widgets} - 20")
    lab.end_kernel_of(path)


FIGURE = ".jesse-nb .figure"


def test_a_report_with_figures_that_move_is_its_usual_self_in_the_saved_notebook(lab: Any, open_notebook: Any) -> None:
    path = lab.write_notebook("moving", "%load_ext jesse_nb", BACKTEST, "result.show()")
    notebook = open_notebook(path)
    page = notebook.page
    notebook.begin_all().wait()
    page.wait_for_function(f"""() => document.querySelectorAll('{FIGURE}').length === 2
        && [...document.querySelectorAll('{FIGURE}')].every((plot) => plot._fullData?.length)""")
    said = page.locator(f"{FIGURE} .hoverlayer .hovertext")
    place = page.locator(f"{FIGURE} .nsewdrag").first
    page.wait_for_timeout(500)
    across, down = (place.bounding_box()[side] for side in ("width", "height"))
    for height in range(4, int(down), 12):  # somewhere on the way down is the curve
        place.hover(position={"x": across / 2, "y": height})
        page.wait_for_timeout(100)
        if said.count():
            break
    assert said.count()
    notebook.screenshot("moving_report")
    notebook.save()
    output = lab.read_notebook(path).cells[2].outputs[0].data
    assert "widget-view" not in "".join(output)
    assert "<script" not in output["text/html"]
    assert output["text/html"].count("<img src") == 2
    assert output["text/plain"].startswith("Backtest of ")
    lab.end_kernel_of(path)
