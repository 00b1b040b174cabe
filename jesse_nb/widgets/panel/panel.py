"""The frame of a form: fields, what is wrong with them, Run, Copy as cell, and what comes of it beneath."""

# ipywidgets is not fully typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from itertools import chain
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
    fields
        The fields that are always seen.
    more
        Those behind "More options", by the heading that they stand under.
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
    summary
        Returns on one line what the fields say, shown in their place after Run.

    Attributes
    ----------
    widget
        To be displayed.
    run_button, copy_button, yes_button, no_button
        Its buttons.
    unfold_button
        Shows the fields again after Run, or folds them.
    above
        HTML between the title and the fields.
    """

    def __init__(
        self,
        title: str,
        remark: str,
        fields: Sequence[Field],
        more: Mapping[str, Sequence[Field]],
        *,
        write: Callable[[], str],
        origin: Callable[[], object],
        run: Callable[[], None],
        verb: str = "Run",
        question: Callable[[], str] = str,
        summary: Callable[[], str] = str,
    ) -> None:
        self.fields = [*fields, *chain.from_iterable(more.values())]
        self._groups = {field.name: _capital(heading) for heading, inside in more.items() for field in inside}
        self._write, self._origin, self._run, self._question, self._summary = write, origin, run, question, summary
        self._busy = self._wrong_at_large = ""
        self._origin_of_output: object = None
        self.page = PanelPage(title)
        self.above = widgets.HTML()
        self.run_button = _button(verb, "Starts it in the background; what it does shows beneath", "primary")
        self.run_button.add_class("jesse-nb-panel-run")
        self.copy_button = _button("Copy as cell", "Shows the magic that does the same, and copies it")
        self.yes_button = _button(f"Yes, {verb.lower()}", "", "danger")
        self.no_button = _button("No, keep", "")
        self._reason = widgets.HTML().add_class("jesse-nb-panel-reason")
        self._asked = widgets.HTML()
        self._asking = widgets.HBox([self._asked, self.yes_button, self.no_button]).add_class("jesse-nb-panel-bar")
        self._asking.add_class("jesse-nb-panel-asking")
        self._cell = widgets.HTML()
        self._output = widgets.VBox().add_class("jesse-nb-panel-output")
        self._next = widgets.HBox().add_class("jesse-nb-panel-bar").add_class("jesse-nb-panel-next")
        self._sequel = widgets.VBox()
        explain = widgets.ToggleButton(description="Explain fields", tooltip="Shows what each field means")
        explain.observe(self._explain, names="value")
        self._summed_up = widgets.HTML()
        self.unfold_button = _unfolding("Show fields", "Shows the fields again, or folds them", value=True)
        self.unfold_button.observe(lambda change: self._fold(not change["new"]), names="value")
        self._folded = widgets.HBox([self._summed_up, self.unfold_button]).add_class("jesse-nb-panel-bar")
        _show(self._folded, False)
        bar = widgets.HBox([self.run_button, self.copy_button, explain, self._reason]).add_class("jesse-nb-panel-bar")
        text = f"{escape(title)} <small>{escape(remark)}</small>"
        heading = widgets.HTML(f'<h3 class="jesse-nb-panel-title">{text}</h3>')
        self._fields = widgets.VBox([self.above, _grid(fields), *_behind_a_button(more)])
        self._fields.add_class("jesse-nb-panel-all")
        self._form = widgets.VBox([heading, self._folded, self._fields, bar, self._asking, self._cell])
        self._form.add_class("jesse-nb-panel-form")
        self.widget = widgets.VBox([self._form, self.page, self._output, self._next, self._sequel])
        self.widget.add_class("jesse-nb-panel")
        _show(self._asking, False)
        _show(self._next, False)
        self.run_button.on_click(lambda _: self._ask_or_run())
        self.copy_button.on_click(lambda _: self.copy())
        self.yes_button.on_click(lambda _: self._agree())
        self.no_button.on_click(lambda _: self._keep())

    @property
    def reason(self) -> str:
        """Why Run is disabled; empty when it is not."""
        if self._busy:
            return self._busy
        wrong = [(field.label, self._where(field) + field.error) for field in self.fields if field.error]
        if self._wrong_at_large:
            wrong.append(("", self._wrong_at_large))
        if not wrong:
            return ""
        (_, first), *others = wrong
        names = ", ".join(label for label, _ in others if label)
        more = f" {len(others)} more to mend{': ' * bool(names)}{names}." if others else ""
        return f"{self.run_button.description} is disabled. {first}{more}"

    def _where(self, field: Field) -> str:
        """Say before an error where its field is, unless the error says so itself."""
        group = self._groups.get(field.name)
        under = f"Under More options, {group}: " if group else ""
        return under if field.error.startswith(f"{field.label} ") else f"{under}{field.label}: "

    def mark(self, errors: Mapping[str, str]) -> None:
        """Show what is wrong, by field; an empty name is for what no field is to blame for. All else is right."""
        self._wrong_at_large = errors.get("", "")
        for field in self.fields:
            field.mark(errors.get(field.name, ""))
        self.page.wrong = [field.name for field in self.fields if field.wrong]
        if self.page.wrong:
            self.unfold_button.value = True
        self._tell()
        self._tell_if_earlier()
        if self._cell.value:  # or it would show what the form was
            self._show_cell(self._write())

    def work(self, what: str) -> None:
        """Keep Run disabled while something runs; empty ends that."""
        self._busy = what
        self._tell()
        self._tell_if_earlier()  # fields may have been edited meanwhile

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
        """Note that what is shown from now on comes of the form as it is, and fold the fields to a line."""
        self._origin_of_output = self._origin()
        self._summed_up.value = escape(self._summary())
        self.unfold_button.value = False
        _show(self._folded, True)
        self.page.look_at("output")
        self._tell_if_earlier()

    def end(self) -> None:
        """Lead to what is shown now: it is all that comes of the run."""
        self.page.look_at("result")

    def look_at_wrong(self) -> None:
        """Lead to the first field that is wrong: Run, where somebody was, is disabled now."""
        self.page.look_at("wrong")

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

    def look_here(self) -> None:
        """Lead to the first field."""
        self.page.look_at("first")

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
        if question:
            self.page.look_at("question")
        else:
            self._run()

    def _keep(self) -> None:
        _show(self._asking, False)
        self.page.look_at("run")

    def _agree(self) -> None:
        _show(self._asking, False)
        self._run()

    def _explain(self, change: Any) -> None:
        (self.widget.add_class if change["new"] else self.widget.remove_class)("jesse-nb-panel-explained")

    def _fold(self, folded: bool) -> None:
        self._summed_up.value = escape(self._summary())
        _show(self._fields, not folded)


def _behind_a_button(more: Mapping[str, Sequence[Field]]) -> list[Any]:
    if not more:
        return []
    toggle = _unfolding("More options", "Shows all other arguments")
    groups = [part for heading, fields in more.items() for part in (
        widgets.HTML(f'<h4 class="jesse-nb-panel-group">{escape(_capital(heading))}</h4>'),
        _grid(fields))]
    all_of_them = widgets.VBox(groups).add_class("jesse-nb-panel-more")
    _show(all_of_them, False)
    toggle.observe(lambda change: _show(all_of_them, change["new"]), names="value")
    return [toggle, all_of_them]


def _capital(heading: str) -> str:
    return heading[:1].upper() + heading[1:]


def _grid(fields: Sequence[Field]) -> Any:
    return widgets.Box([field.row for field in fields]).add_class("jesse-nb-panel-fields")


def _show(part: Any, shown: bool) -> None:
    part.layout.display = None if shown else "none"


def _button(text: str, tooltip: str, style: str = "") -> Any:
    return widgets.Button(description=text, tooltip=tooltip, button_style=style, layout=widgets.Layout(width="auto"))


def _unfolding(text: str, tooltip: str, value: bool = False) -> Any:
    """Return a toggle that shows and hides; the page tells which of both to who cannot see it."""
    toggle = widgets.ToggleButton(value=value, description=text, tooltip=tooltip,
                                  layout=widgets.Layout(width="auto", align_self="flex-start"))
    return toggle.add_class("jesse-nb-panel-unfolds")
