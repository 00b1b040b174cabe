"""The script that loads plotly once for a page, in a real browser: a manager that knows its models late."""

from __future__ import annotations

from types import SimpleNamespace

import plotly.graph_objects as go

from jesse_nb.widgets.explorer.explorer_look import ExplorerFigure
from jesse_nb.widgets.plots.plotly_script import PLOTLY_LOADER, plotly_script
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
  const heard = [];
  const model = {
    get: (name) => name === "_version" ? "a version" : "the holder", widget_manager: manager,
    on: (name, call) => heard.push(call),
    send: (content) => {
      const code = "globalThis.Plotly = 'sent'; export default 'of the kernel';";
      if (content.ask === "script") heard.forEach((call) => call({ type: "script", code }));
    },
  };
  const loaded = await Promise.all([plotly(model), plotly(model)]);
  return [asked, loaded[0] === loaded[1], loaded[0].Plotly, loaded[0].figureWidget];
}"""


def test_a_figure_waits_until_the_page_knows_the_script(page):  # noqa: F811
    assert page.evaluate(LOAD, [PLOTLY_LOADER, 4]) == [5, True, "drawn", "figure widget"]


def test_a_page_that_never_knows_the_holder_is_sent_the_script(page):  # noqa: F811
    soon = PLOTLY_LOADER.replace("HELD_MS = 3000", "HELD_MS = 50")
    assert soon != PLOTLY_LOADER
    assert page.evaluate(LOAD, [soon, 1_000_000])[1:] == [True, "sent", "of the kernel"]


def test_what_failed_is_tried_again(page):  # noqa: F811
    dumb = PLOTLY_LOADER.replace("HELD_MS = 3000", "HELD_MS = 0").replace("RESTORED_MS = 60000", "RESTORED_MS = 50")
    unheard = LOAD.replace('content.ask === "script"', "window.hears").replace(
        "const loaded = ", "await plotly(model).catch(() => {});\n  window.hears = true;\n  const loaded = ")
    assert page.evaluate(unheard, [dumb, 1_000_000])[1:] == [True, "sent", "of the kernel"]


def test_the_kernel_sends_the_script():
    sent = []
    widget = SimpleNamespace(send=sent.append)
    figure = ExplorerFigure(go.Figure())
    figure._answer(widget, {"ask": "script"}, [])
    assert sent == [{"type": "script", "code": plotly_script().code}]
    assert figure._script == plotly_script().model_id
