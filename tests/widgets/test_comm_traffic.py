"""What our widgets send, held against the documented messages that VS Code, Colab and JupyterLab build on.

The protocol: https://github.com/jupyter-widgets/ipywidgets/blob/main/packages/schema/messages.md (version 2.1). A
front end other than JupyterLab has nothing but these messages, the ``widget-view`` media type, and the state that is
saved as ``application/vnd.jupyter.widget-state+json``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import comm
import ipywidgets
import pytest
from comm.base_comm import BaseComm
from ipywidgets.embed import dependency_state

import jesse_nb.report  # noqa: F401 - results draw themselves
from jesse_nb.core.jobs.job import Job
from jesse_nb.widgets.explorer.explorer_pairs import PairChart
from jesse_nb.widgets.explorer.explorer_table import TradesTable
from jesse_nb.widgets.live.display import LaunchingCell
from jesse_nb.widgets.live.live_view import LiveView
from jesse_nb.widgets.mount import Mounter
from jesse_nb.widgets.panel.panel_page import PanelPage
from jesse_nb.widgets.plots.plotly_script import plotly_script
from jesse_nb.widgets.plots.report_widget import ReportWidget
from tests.analysis.results import make_backtest, make_optimization
from tests.magics.conftest import notebook, shell  # noqa: F401 - fixtures


def table() -> TradesTable:
    trades = make_backtest().trades.assign(exit="stop", volatility="low", trend="up")
    trades.index = trades.index + 1
    return TradesTable(trades, lambda number: None)


WIDGETS: dict[str, Callable[[], Any]] = {
    "live view": lambda: LiveView(Job("count", "counting", lambda control: 1)), "form": lambda: PanelPage("Form"),
    "table": table,
    "figure": lambda: PairChart(make_optimization(12), print).figure,
    "report": lambda: ReportWidget(make_backtest()), "mounter": lambda: Mounter(ipywidgets.VBox()),
}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str, dict[str, Any]]]]:
    """Type, comm and content of each message that is sent."""
    messages: list[tuple[str, str, dict[str, Any]]] = []

    class Recorded(BaseComm):
        def publish_msg(self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None,
                        **keys: Any) -> None:
            messages.append((msg_type, self.comm_id, {"data": data, "metadata": metadata, "buffers": buffers, **keys}))

    monkeypatch.setattr(comm, "create_comm", Recorded)
    plotly_script.cache_clear()
    yield messages
    plotly_script.cache_clear()


@pytest.mark.parametrize("kind", WIDGETS)
def test_a_widget_is_opened_with_all_that_a_front_end_needs(sent: Any, kind: str) -> None:
    widget = WIDGETS[kind]()
    opened: set[str] = set()
    for message, comm_id, content in sent:
        if message != "comm_open":
            continue
        assert content["target_name"] == "jupyter.widget"
        assert content["metadata"]["version"].startswith("2.")
        state = content["data"]["state"]
        assert {"_model_module", "_model_module_version", "_model_name", "_view_module", "_view_name"} <= set(state)
        assert len(content["data"]["buffer_paths"]) == len(content["buffers"] or ())
        text = json.dumps(state, allow_nan=False)  # what is no JSON, only JupyterLab would take
        assert set(re.findall(r"IPY_MODEL_(\w+)", text)) <= opened, "a model is there before it is named"
        opened.add(comm_id)
    assert widget.model_id in opened
    for name in ("_script", "widget_id"):  # models that a script asks for by their id
        assert getattr(widget, name, "") in opened | {""}


@pytest.mark.parametrize("kind", WIDGETS)
def test_a_page_that_asks_for_the_state_gets_all_of_it(sent: Any, kind: str) -> None:
    widget = WIDGETS[kind]()
    opened = next(content for message, comm_id, content in sent
                  if message == "comm_open" and comm_id == widget.model_id)
    sent.clear()
    widget._handle_msg({"content": {"data": {"method": "request_state"}}})
    (message, comm_id, content), *_ = sent
    assert (message, comm_id, content["data"]["method"]) == ("comm_msg", widget.model_id, "update")
    assert set(content["data"]["state"]) == set(opened["data"]["state"])


@pytest.mark.parametrize("kind", ["report", "table", "figure"])
def test_the_state_that_is_saved_holds_what_is_shown(sent: Any, kind: str) -> None:
    widget = WIDGETS[kind]()
    saved = json.loads(json.dumps(dependency_state([widget], drop_defaults=False), allow_nan=False))
    state = saved[widget.model_id]["state"]
    assert "_esm" in state
    held = {"report": "html", "table": "rows", "figure": "_widget_data"}[kind]
    buffers = [path["path"][0] for path in saved[widget.model_id].get("buffers", ())]
    assert state.get(held) or held in buffers


@pytest.mark.parametrize("kind", [kind for kind in WIDGETS if kind != "mounter"])
def test_a_script_asks_nothing_of_a_front_end_but_its_model(sent: Any, kind: str) -> None:
    script = str(WIDGETS[kind]()._esm)
    code = re.sub(r"//.*", "", script)
    assert not re.search(r"\bjupyterapp\b|\bJupyter\b|IPython\.notebook|\brequirejs?\(|jp-Toolbar|acquireVsCode", code)
    assert not re.search(r"""(?:import|from)\s*\(?["']https?:|fetch\(|XMLHttpRequest""", code), "there is no network"


def test_colab_and_vs_code_are_given_the_widget_itself(
    shell: Any, notebook: Any, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:
    assert not LaunchingCell(shell).shows_widgets
    with monkeypatch.context() as colab:
        colab.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
        assert LaunchingCell(shell).shows_widgets
    shell.user_ns["__vsc_ipynb_file__"] = "notebook.ipynb"
    assert LaunchingCell(shell).shows_widgets
