"""The script that loads plotly once for a page, in a real browser: a manager that knows its models late."""

from __future__ import annotations

from jesse_nb.widgets.plots.plotly_script import PLOTLY_LOADER
from tests.widgets.test_live_view_page import browser, page  # noqa: F401 - fixtures

LOAD = """async ([loader, missing]) => {
  const address = URL.createObjectURL(new Blob([loader + "\\nexport { plotly };"], { type: "text/javascript" }));
  const { plotly } = await import(address);
  let asked = 0;
  const holder = { get: () => "globalThis.Plotly = 'drawn'; export default 'figure widget';" };
  const manager = { get_model: async () => {
    asked += 1;
    if (asked <= missing) throw new Error("widget model not found");
    return holder;
  } };
  const model = { get: (name) => name === "_version" ? "a version" : "the holder", widget_manager: manager };
  const loaded = await Promise.all([plotly(model), plotly(model)]);
  return [asked, loaded[0] === loaded[1], loaded[0].Plotly, loaded[0].figureWidget];
}"""


def test_a_figure_waits_until_the_page_knows_the_script(page):  # noqa: F811
    assert page.evaluate(LOAD, [PLOTLY_LOADER, 4]) == [5, True, "drawn", "figure widget"]


def test_what_failed_is_tried_again(page):  # noqa: F811
    soon = PLOTLY_LOADER.replace("RESTORED_MS = 60000", "RESTORED_MS = 0")
    assert soon != PLOTLY_LOADER
    again = LOAD.replace("const loaded = ", "await plotly(model).catch(() => {});\n  const loaded = ")
    assert page.evaluate(again, [soon, 1]) == [2, True, "drawn", "figure widget"]
