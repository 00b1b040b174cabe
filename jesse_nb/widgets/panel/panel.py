"""The frame of a form: fields, what is wrong with them, Run, Copy as cell, and what comes of it beneath."""

# ipywidgets is not fully typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets

from jesse_nb.widgets.panel.panel_fields import Field
from jesse_nb.widgets.panel.panel_page import PanelPage

__all__ = ["Form"]


class Form:
    """A form over one magic.

    Parameters
    ----------
    title, remark
        What it is for, and a few words more.
    fields, more
        The fields that are always seen, and those behind "More options".
    write
        Returns the cell that does the same.
    origin
        Returns what a result comes of, to be compared: the cell, and what its names stand for.
    run
        Called by Run, when nothing is wrong.
    verb
        What Run is called.
    question
        Returns what is asked before it runs; empty asks nothing.

    Attributes
    ----------
    widget
        To be displayed.
    run_button, copy_button, yes_button, no_button
        Its buttons.
    above
        HTML between the title and the fields.
    """

    def __init__(
        self,
        title: str,
        remark: str,
        fields: Sequence[Field],
        more: Sequence[Field],
        *,
        write: Callable[[], str],
        origin: Callable[[], object],
        run: Callable[[], None],
        verb: str = "Run",
        question: Callable[[], str] = str,
    ) -> None:
        self.fields = [*fields, *more]
        self._write, self._origin, self._run, self._question = write, origin, run, question
        self._busy = self._wrong_at_large = ""
        self._origin_of_output: object = None
        self.page = PanelPage()
        self.above = widgets.HTML()
        self.run_button = _button(verb, "Starts it in the background; what it does shows beneath", "primary")
        self.copy_button = _button("Copy as cell", "Shows the magic that does the same, and copies it")
        self.yes_button = _button(f"Yes, {verb.lower()}", "", "danger")
        self.no_button = _button("No, keep", "")
        self._reason = widgets.HTML().add_class("jesse-nb-panel-reason")
        self._asked = widgets.HTML()
        self._asking = widgets.HBox([self._asked, self.yes_button, self.no_button]).add_class("jesse-nb-panel-bar")
        self._cell = widgets.HTML()
        self._output = widgets.VBox().add_class("jesse-nb-panel-output")
        self._next = widgets.HBox().add_class("jesse-nb-panel-bar").add_class("jesse-nb-panel-next")
        self._sequel = widgets.VBox()
        explain = widgets.ToggleButton(description="Explain fields", tooltip="Shows what each field means")
        explain.observe(self._explain, names="value")
        bar = widgets.HBox([self.run_button, self.copy_button, explain, self._reason]).add_class("jesse-nb-panel-bar")
        text = f"{escape(title)} <small>{escape(remark)}</small>"
        heading = widgets.HTML(f'<div class="jesse-nb-panel-title">{text}</div>')
        parts = [self.page, heading, self.above, _grid(fields)]
        if more:
            parts += self._behind_a_button(_grid(more))
        self._form = widgets.VBox([*parts, bar, self._asking, self._cell]).add_class("jesse-nb-panel-form")
        self.widget = widgets.VBox([self._form, self._output, self._next, self._sequel]).add_class("jesse-nb-panel")
        _show(self._asking, False)
        _show(self._next, False)
        self.run_button.on_click(lambda _: self._ask_or_run())
        self.copy_button.on_click(lambda _: self.copy())
        self.yes_button.on_click(lambda _: self._agree())
        self.no_button.on_click(lambda _: _show(self._asking, False))

    @property
    def reason(self) -> str:
        """Why Run is disabled; empty when it is not."""
        if self._busy:
            return self._busy
        field = next((field for field in self.fields if field.error), None)
        wrong = field.error if field else self._wrong_at_large
        about = f"{field.label}: " if field and not wrong.startswith(f"{field.label} ") else ""
        return f"{self.run_button.description} is disabled. {about}{wrong}" if wrong else ""

    def mark(self, errors: Mapping[str, str]) -> None:
        """Show what is wrong, by field; an empty name is for what no field is to blame for. All else is right."""
        self._wrong_at_large = errors.get("", "")
        for field in self.fields:
            field.mark(errors.get(field.name, ""))
        self.page.wrong = [field.name for field in self.fields if field.wrong]
        self._tell()
        self._tell_if_earlier()
        if self._cell.value:  # or it would show what the form was
            self._show_cell(self._write())

    def work(self, what: str) -> None:
        """Keep Run disabled while something runs; empty ends that."""
        self._busy = what
        self._tell()

    def say(self, text: str) -> None:
        """Say something beside the buttons, until a field is edited."""
        self._reason.value = escape(text)

    def copy(self) -> None:
        """Show the cell that does the same, and put it into the clipboard."""
        text = self._write()
        self._show_cell(text)
        self.page.copy(text)
        self.say("Copied. Paste it into a cell.")

    def show(self, shown: Any) -> None:
        """Show a widget or HTML beneath the form, in place of what was there."""
        part = shown if isinstance(shown, widgets.Widget) else widgets.HTML(shown)
        if self._output.children != (part,):
            self._output.children = (part,)
        self._tell_if_earlier()

    def begin(self) -> None:
        """Note that what is shown from now on comes of the form as it is."""
        self._origin_of_output = self._origin()
        self._tell_if_earlier()

    def offer_next(self, steps: Mapping[str, Callable[[], Any]]) -> None:
        """Offer what can be done with the result."""
        buttons = []
        for name, step in steps.items():
            button = _button(f"{name} →", f"Opens the form {name!r} with this result")
            button.on_click(lambda _, step=step: step())
            buttons.append(button)
        self._next.children = (widgets.HTML("Send on to"), *buttons) if buttons else ()
        _show(self._next, bool(buttons))

    def open(self, below: Sequence[Any]) -> None:
        """Show widgets at the very end."""
        self._sequel.children = tuple(below)

    @property
    def next_buttons(self) -> dict[str, Any]:
        """The buttons that send the result on."""
        return {button.description.removesuffix(" →"): button for button in self._next.children[1:]}

    def _show_cell(self, text: str) -> None:
        self._cell.value = f'<pre class="jesse-nb-panel-cell">{escape(text)}</pre>'

    def _tell(self) -> None:
        reason = self.reason
        self.run_button.disabled = bool(reason)
        self._reason.value = escape(reason)

    def _tell_if_earlier(self) -> None:
        """Let what came of another form look so."""
        shown = self._origin_of_output  # None where nothing has run
        earlier = not self._busy and shown is not None and shown != self._origin()
        (self._output.add_class if earlier else self._output.remove_class)("jesse-nb-panel-earlier")
        if earlier and not self.reason:
            self.say("Something was changed since; what is beneath is of the form as it was.")

    def _ask_or_run(self) -> None:
        if self.run_button.disabled:
            return
        question = self._question()
        self._asked.value = escape(question)
        _show(self._asking, bool(question))
        if not question:
            self._run()

    def _agree(self) -> None:
        _show(self._asking, False)
        self._run()

    def _explain(self, change: Any) -> None:
        (self.widget.add_class if change["new"] else self.widget.remove_class)("jesse-nb-panel-explained")

    def _behind_a_button(self, part: Any) -> list[Any]:
        toggle = widgets.ToggleButton(description="More options", tooltip="Shows all other arguments",
                                      layout=widgets.Layout(width="auto", align_self="flex-start"))
        _show(part, False)
        toggle.observe(lambda change: _show(part, change["new"]), names="value")
        return [toggle, part]


def _grid(fields: Sequence[Field]) -> Any:
    return widgets.Box([field.row for field in fields]).add_class("jesse-nb-panel-fields")


def _show(part: Any, shown: bool) -> None:
    part.layout.display = None if shown else "none"


def _button(text: str, tooltip: str, style: str = "") -> Any:
    return widgets.Button(description=text, tooltip=tooltip, button_style=style, layout=widgets.Layout(width="auto"))
