"""The results panel: what was kept, found by the list's own arguments, and what can be done with it."""

# ipywidgets is not fully typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import ipywidgets as widgets
import pandas as pd
from IPython.core.interactiveshell import InteractiveShell

from jesse_nb.core.record.labels import Labels, labelled
from jesse_nb.magics.config import JesseNb
from jesse_nb.magics.panel.panel_tables import RECORD
from jesse_nb.magics.panel.panel_tool import ToolPanel
from jesse_nb.widgets.live.display import Listing

__all__ = ["ResultsPanel"]

#: Rows of the list that are seen at once.
_LINES = 10


class ResultsPanel(ToolPanel):
    """A form that finds kept results, a list of them, and buttons for those that are chosen.

    Parameters
    ----------
    shell
        Where it runs.
    settings
        Defaults by ``%config JesseNb``.
    values
        What is filled in beforehand, by the argument's name in Python.
    changed
        Called when its static form is another one.

    Attributes
    ----------
    rows_list
        The list: each option is a line and a result's key.
    name, tags
        What an opened result is called in the notebook, and the tags that *Tag* adds.
    open_button, compare_button, tag_button, delete_button, yes_button, no_button
        Its buttons.
    """

    def __init__(self, shell: InteractiveShell, settings: JesseNb, values: Mapping[str, Any] | None = None,
                 changed: Callable[[], None] = lambda: None) -> None:
        self._magic_list = shell.find_line_magic("results")
        wide = widgets.Layout(width="100%")
        self.rows_list = widgets.SelectMultiple(options=(), rows=_LINES, description="Kept results", layout=wide)
        self.rows_list.add_class("jesse-nb-panel-results")
        self.name = widgets.Text("result", description="Open as", layout=widgets.Layout(width="220px"))
        self.tags = widgets.Text("", description="Tags", placeholder="trend wider",
                                 layout=widgets.Layout(width="240px"))
        self.open_button = _button("Open", "Shows the chosen result, and gives it that name in the notebook")
        self.compare_button = _button("Compare", "Puts the chosen results side by side, against the first of the list")
        self.tag_button = _button("Tag", "Adds these tags to the chosen results")
        self.delete_button = _button("Delete …", "Takes the chosen results out of the record, after a question")
        self.yes_button, self.no_button = _button("Yes, delete", "", "danger"), _button("No, keep", "")
        self._said, self._asked = widgets.HTML(), widgets.HTML()
        self._asking = widgets.HBox([self._asked, self.yes_button, self.no_button]).add_class("jesse-nb-panel-bar")
        self._asking.add_class("jesse-nb-panel-asking")
        super().__init__(shell, settings, RECORD, values, changed)
        bar = widgets.HBox([self.name, self.open_button, self.compare_button, self.tags, self.tag_button,
                            self.delete_button]).add_class("jesse-nb-panel-bar")
        self._chosen_part = widgets.VBox([self.rows_list, bar, self._asking, self._said])
        form, *others = self.form.widget.children
        self.form.widget.children = (form, self._chosen_part, *others)
        self._ask("")
        self.rows_list.observe(lambda _: self._follow(), names="value")
        for button, act in ((self.open_button, self._open), (self.compare_button, self._compare),
                            (self.tag_button, self._tag), (self.delete_button, self._ask_whether),
                            (self.yes_button, self._delete), (self.no_button, lambda: self._ask(""))):
            button.on_click(lambda _, act=act: self._try(act))
        if not self.form.reason:
            self.run()
        self._follow()

    def run(self) -> None:
        """List what fits; what is wrong then stands in the form."""
        self.refresh()
        if self.form.run_button.disabled:
            return
        try:
            kept = self._list()
        except Exception as error:  # noqa: BLE001 - told by the field that it is about, as in other forms
            self._refuse(error)
            return
        count = len(self.rows_list.options)
        said = f"{count:,} result{'s' * (count != 1)}. Choose one, or several with Ctrl or Shift." if count else \
            "No result that was kept is so."
        self.form.say(f"{said} {kept}".strip())

    @property
    def chosen(self) -> list[str]:
        """Keys of the chosen results, in the order of the list."""
        return list(self.rows_list.value)

    def _list(self) -> str:
        """Fill the list; return from when to when they were kept, where that was asked for."""
        listing: Listing = self._magic_list(self._arguments.line())
        frame = listing.to_frame()
        lines, kept = _lines(frame), set(self.rows_list.value)
        self.rows_list.options = [(line, key) for line, key in zip(lines, frame["key"], strict=True)]
        self.rows_list.value = [key for key in frame["key"] if key in kept]
        self._keep_list(listing)
        return str(frame.attrs["kept"])

    def _keep_list(self, listing: Listing) -> None:
        self._report = listing._repr_html_()
        self._changed()

    def _follow(self) -> None:
        count = len(self.chosen)
        self.open_button.disabled = count != 1
        self.compare_button.disabled = count < 2
        self.tag_button.disabled = self.delete_button.disabled = count == 0
        self._ask("")

    def _open(self) -> None:
        from jesse_nb.core.tools.record.finding import load

        name = self.name.value.strip()
        if not name.isidentifier():
            self._say("Give it a name that a variable can have.")
            return
        result = load(self.chosen[0])
        self._shell.push({name: result})
        self._place.show(result)
        self._say(f"It is {name} in this notebook.")

    def _compare(self) -> None:
        from jesse_nb.core.tools.compare.compare import compare

        with labelled(Labels("comparison")):
            comparison = compare(*self.chosen)
        self._shell.push({"comparison": comparison})
        self._place.show(comparison)
        self._say("It is comparison in this notebook. Each is compared with the first of the list.")

    def _tag(self) -> None:
        from jesse_nb.core.tools.record.finding import keep

        tags = self.tags.value.replace(",", " ").split()
        if not tags:
            self._say("Write the tags first, a word each.")
            return
        for key in self.chosen:
            keep(key, tags=tags)
        self.refresh()  # the tags are offered now
        self._list()
        self._say(f"Tagged: {', '.join(tags)}.")

    def _ask_whether(self) -> None:
        count = len(self.chosen)
        which = "this result" if count == 1 else f"these {count:,} results"
        self._ask(f"Delete {which} from the record? This cannot be undone; simulations stay in the run store.")

    def _delete(self) -> None:
        from jesse_nb.core.tools.record.finding import forget

        keys = self.chosen
        forget(*keys)
        self.rows_list.value = ()
        self.refresh()
        self._list()
        self._say(f"Deleted: {len(keys):,}.")

    def _ask(self, question: str) -> None:
        self._asked.value = escape(question)
        self._asking.layout.display = None if question else "none"

    def _try(self, act: Callable[[], None]) -> None:
        self._say("")
        try:
            act()
        except Exception as error:  # noqa: BLE001 - whatever is wrong is said here, not in a cell that runs elsewhere
            self._say(" ".join(str(error).split()))

    def _say(self, text: str) -> None:
        self._said.value = escape(text)


def _lines(frame: pd.DataFrame) -> list[str]:
    """Return a line a result, what tells it from others first: a narrow page cuts the end."""
    from jesse_nb.core.tools.record.listing import readable_results

    shown = readable_results(frame)
    return [" · ".join(part for part in (row["name"] or row["key"], row["metric"], row["when"], row["tags"],
                                         f"{row['kind']}: {row['what']}", row["verdict"]) if part)
            for row in shown.to_dict("records")]


def _button(text: str, tooltip: str, style: str = "") -> Any:
    return widgets.Button(description=text, tooltip=tooltip, button_style=style, layout=widgets.Layout(width="auto"))
