"""Reports as pages of their own: nothing that WCAG 2.2 AA forbids, and nothing that runs out of a narrow page."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.report import html
from jesse_nb.report.html import fragment, page
from tests.analysis.results import make_backtest, make_optimization
from tests.analysis.walk_forwards import make_cpcv, make_walk_forward
from tests.report.analyses import full
from tests.report.test_batch import make_batch

from .accessibility import violations

#: A picture of one pixel: figures are drawn elsewhere.
_PIXEL = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c020000000b4944415478da6364f8"
                       "0f00010501012718e3660000000049454e44ae426082")


def reports() -> list[Any]:
    """Return a result of each kind of report that needs no simulation."""
    steps = np.random.default_rng(0).standard_t(4, 400) * 0.012
    days = pd.date_range("2022-01-01", periods=400, tz="UTC")
    equity = pd.Series(10_000 * np.cumprod(1 + steps), index=days)
    return [make_backtest(), make_optimization(30), full(), make_walk_forward(300), make_cpcv(5),
            make_batch(failing=(1,)), jn.risk_report(equity=equity, n_sims=100)]


@pytest.fixture(scope="module")
def document() -> str:
    """All of them on one page."""
    patch = pytest.MonkeyPatch()
    patch.setattr(html, "png", lambda figure: _PIXEL)
    every = reports()
    shown = page(every[0]).replace("</body>", "".join(map(fragment, every[1:])) + "</body>")
    patch.undo()
    return shown


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_report_violates_wcag(document: str, browser_context: Any, scheme: Any) -> None:
    opened = browser_context.new_page()
    opened.emulate_media(color_scheme=scheme)
    opened.set_content(document)
    opened.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert opened.locator(".jesse-nb").count() == 7
    opened.set_viewport_size({"width": 600, "height": 900})  # where many tables are wider than their place
    assert violations(opened, "html") == []
    heads = opened.locator("table:not(.tiles) th")
    assert heads.count() > 100
    assert opened.locator("table:not(.tiles) th:not([scope])").count() == 0
    opened.close()


@pytest.mark.parametrize("width", [800, 340])
def test_no_report_is_wider_than_its_page(document: str, browser_context: Any, width: int) -> None:
    opened = browser_context.new_page()
    opened.set_viewport_size({"width": width, "height": 900})
    opened.set_content(document)
    wide = opened.evaluate("""() => [...document.querySelectorAll("*")]
        .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
        .filter((one) => !one.closest(".wide, pre, .sections")).map((one) => one.outerHTML.slice(0, 200))""")
    assert wide == []
    opened.close()


@pytest.mark.parametrize("width", [800, 500])
def test_charts_are_drawn_for_the_width_of_their_place(browser_context: Any, width: int) -> None:
    opened = browser_context.new_page()
    opened.set_viewport_size({"width": width, "height": 900})
    opened.set_content(page(make_backtest()))
    seen = opened.evaluate("""() => [...document.querySelectorAll("img")].filter((one) => one.offsetParent).map(
        (one) => [one.hidden, one.offsetWidth / one.naturalWidth * (one.hidden ? 140 : 160)])""")
    assert [narrow for narrow, _ in seen] == [width == 500] * 2
    assert all(pixels_an_inch * 9 / 72 > 9.9 for _, pixels_an_inch in seen)  # a label has 9 points
    opened.close()


def test_an_interactive_page_needs_no_network_and_its_figures_are_linked(browser_context: Any, tmp_path: Any) -> None:
    file = make_optimization(30).to_html(tmp_path / "study.html", interactive=True)
    opened = browser_context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("request", lambda request: faults.append(request.url) if request.url.startswith("http") else None)
    opened.goto(file.as_uri())
    opened.wait_for_function("""() => [...document.querySelectorAll('.figure')]
        .every((plot) => plot._fullData?.length && plot.querySelector('.main-svg'))""")
    assert opened.locator(".figure").count() == 7
    widths = opened.evaluate("[...document.querySelectorAll('.figure')].map((plot) => plot._fullLayout.width)")
    assert min(widths) > 600
    opened.set_viewport_size({"width": 560, "height": 900})
    opened.wait_for_function("[...document.querySelectorAll('.figure')].every((plot) => plot._fullLayout.width < 560)")
    opened.set_viewport_size({"width": 1280, "height": 900})
    # a second figure of the same days follows the first one's zoom, and goes back with it
    follow = """async (range) => {
        const plot = [...document.querySelectorAll('.figure')].find((one) => one.layout.xaxis.type === 'date');
        const twin = plot.cloneNode(false);
        plot.after(twin);
        const data = plot.data, layout = structuredClone(plot.layout);
        await Plotly.newPlot(twin, data, layout);
        follow(plot, [plot, twin], Plotly);
        await Plotly.relayout(plot, { 'xaxis.range': range });
        await new Promise((done) => setTimeout(done, 300));
        const zoomed = [...twin._fullLayout.xaxis.range];
        const { _rangeInitial0, _rangeInitial1 } = plot._fullLayout.xaxis;
        await Plotly.relayout(plot, { 'xaxis.range': [_rangeInitial0, _rangeInitial1] });
        await new Promise((done) => setTimeout(done, 300));
        return [zoomed, twin._fullLayout.xaxis.range, layout.xaxis.range];
    }"""
    zoomed, back, first = opened.evaluate(follow, ["2023-03-01", "2023-04-01"])
    assert zoomed == ["2023-03-01", "2023-04-01"]
    assert [str(moment)[:10] for moment in back] == [moment[:10] for moment in first]
    assert faults == []
    opened.close()
