"""A widget's output: static form, widget or both, by who can use it."""

from __future__ import annotations

import re

import ipywidgets
import pytest

from jesse_nb.widgets.live import display
from jesse_nb.widgets.mount import MountedOutput
from tests.magics.conftest import notebook, shell  # noqa: F401 - fixtures

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class Form:
    """Something with a widget and a static form, of which the widget is made when it is wanted."""

    def __init__(self):
        self.widget = None
        self.text = "first"
        self.output = MountedOutput(self._make, lambda: {"text/plain": self.text, "text/html": f"<p>{self.text}</p>"})

    def _make(self):
        self.widget = ipywidgets.VBox()
        return self.widget


@pytest.fixture
def bundles(notebook, monkeypatch):  # noqa: F811
    """What is sent: message type, display id, data."""
    sent = []

    def keep(socket, kind, content, parent, ident):
        sent.append((kind, content["transient"].get("display_id", ""), content["data"]))

    monkeypatch.setattr(notebook, "send", keep)
    return sent


def test_the_saved_output_holds_no_widget(bundles):
    form = Form()
    form.output.show()
    kind, display_id, data = bundles[-1]
    assert kind == "display_data"
    assert set(data) == {"text/plain", "text/html"}
    mounter = form.output._mounter
    assert mounter.widget_id == form.widget.model_id
    assert data["text/html"] == f'<div class="{mounter.place}"><p>first</p></div>'
    assert re.fullmatch(r"jesse-nb-mounted-[0-9a-f]{32}", mounter.place)
    form.text = "second"
    form.output.update()
    assert bundles[-1][:2] == ("update_display_data", display_id)
    assert "<p>second</p>" in bundles[-1][2]["text/html"]
    assert mounter.place in bundles[-1][2]["text/html"]


def test_what_no_output_shows_any_more_is_closed_and_made_anew_when_shown_again(bundles):
    form = Form()
    forgotten = []
    form.output = MountedOutput(form._make, lambda: {"text/plain": "", "text/html": ""}, lambda: forgotten.append(1))
    form.output.show()
    child, before = ipywidgets.Text(), form.widget
    before.children = [child]
    mounter = form.output._mounter
    mounter._handle_custom_msg({"type": "forgotten"}, [])
    assert forgotten == [1]
    assert [widget.comm for widget in (child, child.layout, before, mounter)] == [None] * 4
    form.output.show()
    assert form.widget is not before
    kept = Form()
    kept.output.show()
    kept.output._mounter._handle_custom_msg({"type": "forgotten"}, [])  # a form is kept, and may come back
    assert kept.widget.comm is not None


def test_shown_twice_it_is_one_widget_in_two_places(bundles):
    form = Form()
    form.output.show()
    widget = form.widget
    form.output.show()
    assert form.widget is widget
    first, second = bundles
    assert first[1] != second[1]
    assert first[2] == second[2]


@pytest.mark.parametrize(("allow_stdin", "setting"), [(False, ""), (True, "1")])
def test_where_nobody_can_use_it_no_widget_is_made(notebook, bundles, monkeypatch, allow_stdin, setting):  # noqa: F811
    monkeypatch.setenv(display.NON_INTERACTIVE_SETTING, setting)
    notebook.enter_cell("cell", allow_stdin=allow_stdin)
    form = Form()
    form.output.show()
    form.output.update()
    assert [data for _, _, data in bundles] == [{"text/plain": "first", "text/html": "<p>first</p>"}]
    assert form.widget is None


@pytest.mark.parametrize("front_end", ["VS Code", "Voila"])
def test_where_widgets_must_be_shown_the_output_is_the_widget(
    shell, notebook, bundles, monkeypatch, front_end  # noqa: F811
):
    if front_end == "VS Code":
        shell.user_ns["__vsc_ipynb_file__"] = "notebook.ipynb"
    else:
        monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.13")
        notebook.enter_cell("cell", allow_stdin=False)
    form = Form()
    form.output.show()
    data = bundles[-1][2]
    assert data[WIDGET_VIEW]["model_id"] == form.widget.model_id
    assert data["text/html"] == "<p>first</p>"
