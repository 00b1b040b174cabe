"""The parameter space as a table that can be edited, begun with what the strategy declares."""

# ipywidgets is not fully typed
# mypy: disable-error-code="misc,no-untyped-call"
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import ipywidgets as widgets

from jesse_nb.core.study.space import Dimension, Space
from jesse_nb.exceptions import SpaceError, did_you_mean
from jesse_nb.widgets.panel.panel_fields import Field

__all__ = ["SpaceField"]

#: Columns after the tick: their width, what they show while empty, and what they hold.
_COLUMNS = (
    ("7em", "name", "Parameter's name"),
    ("5em", "lowest", "Lowest value"),
    ("5em", "highest", "Highest value"),
    ("5em", "step", "Step, or log for a logarithmic scale; may be empty"),
    ("9em", "or options", "In place of a range: options, a,b,c"),
)


class _Row:
    def __init__(self, texts: Sequence[str], original: Dimension | None, changed: Callable[[], None],
                 remove: Callable[[_Row], None]) -> None:
        self.original = original
        self._written = list(texts)
        self._vary = widgets.Checkbox(value=True, indent=False, tooltip="Vary it; without, its default is used",
                                      layout=widgets.Layout(width="1.6em", min_width="1.6em"))
        self.cells = [
            widgets.Text(
                value=text, placeholder=shown, tooltip=tip, continuous_update=True,
                layout=widgets.Layout(width=width, min_width="3em"),
            )
            for text, (width, shown, tip) in zip(texts, _COLUMNS, strict=True)
        ]
        self.button = widgets.Button(description="×", tooltip="Take this parameter out of the table",
                                     layout=widgets.Layout(width="2.2em", min_width="2.2em"))
        self.button.on_click(lambda _: remove(self))
        for control in (self._vary, *self.cells):
            control.observe(lambda _: changed(), names="value")
        self.widget = widgets.HBox([self._vary, *self.cells, self.button]).add_class("jesse-nb-panel-row")

    @property
    def vary(self) -> Any:
        """The tick."""
        return self._vary

    @property
    def name(self) -> str:
        """The parameter's name, as it is written."""
        return str(self.cells[0].value.strip())

    @property
    def changed(self) -> bool:
        """Whether it is not as it was declared."""
        return self.original is None or not self._vary.value or [cell.value for cell in self.cells] != self._written

    @property
    def wrong(self) -> bool:
        """Whether it is ticked and says nothing that can be read."""
        try:
            return bool(self._vary.value) and not self.text()
        except SpaceError:
            return True

    def text(self) -> str:
        """Return the parameter as a magic's line has it."""
        name, low, high, step, options = (cell.value.strip() for cell in self.cells)
        if not name:
            raise SpaceError("A parameter has no name.", "Give it one, or take its row out.")
        if options and (low or high or step):
            raise SpaceError(f"The parameter {name!r} has a range and options.", "Leave one of the two empty.")
        value = options or ":".join(part for part in (low, high, step) if part)
        if not options and not (low and high):
            raise SpaceError(f"The parameter {name!r} lacks its {'highest' if low else 'lowest'} value.")
        text = f"{name}={value}"
        if len(text.split()) != 1:
            raise SpaceError(f"{text!r} has a space in it.", "In a cell, write space = dict(...).")
        read = Space.parse(text).dimensions[0]
        if self.original is not None and [cell.value for cell in self.cells] == self._written \
                and read != replace(self.original, default=None):
            raise SpaceError(f"What {name!r} declares cannot be written on a line.",
                             "Leave the table as it was, or in a cell, write space = dict(...).")
        return text


class SpaceField(Field):
    """The ``--space`` of a magic.

    Left as the strategy declares it, it writes nothing: the magic then takes the same from the strategy.

    Parameters
    ----------
    help_text
        The magic's own help on it.
    required
        Why it cannot be empty; empty where it can.

    Attributes
    ----------
    fixed
        Whether nothing need be varied, because values are given elsewhere.
    """

    fixed = False

    def __init__(self, help_text: str, required: str) -> None:
        self._rows: list[_Row] = []
        self._known: tuple[str, ...] = ()
        self._removed = False
        self._changed: Callable[[], None] = lambda: None
        self._missing = ""
        self._needed = required
        heading = widgets.HTML(f"<b>{self.label}</b> <span>ticked ones are varied</span>")
        self._table = widgets.VBox()
        self.add = widgets.Button(description="Add a parameter", tooltip="Add a row to the table",
                                  layout=widgets.Layout(width="auto", align_self="flex-start"))
        self.add.on_click(lambda _: self._add_row())
        super().__init__("space", widgets.VBox([heading, self._table, self.add]), help_text, lambda words: None)
        self.row.add_class("jesse-nb-panel-wide")

    @property
    def label(self) -> str:
        """See :attr:`Field.label`."""
        return "Parameters"

    @property
    def rows(self) -> list[_Row]:
        """The table's rows."""
        return list(self._rows)

    @property
    def varied(self) -> set[str]:
        """Names of the ticked parameters."""
        return {row.name for row in self._rows if row.vary.value}

    def observe(self, changed: Callable[[], None]) -> None:
        """See :meth:`Field.observe`."""
        self._changed = changed

    def declare(self, declared: Sequence[Any], error: str = "") -> None:
        """Begin anew with what a strategy declares, or with why it cannot be asked."""
        self._missing = error
        space = Space.parse(list(declared)).dimensions if declared else ()
        self._known = tuple(dimension.name for dimension in space)
        self._removed = False
        self._show([_Row(_texts(dimension), dimension, self._changed_now, self._remove) for dimension in space])

    @property
    def words(self) -> list[str]:
        """See :attr:`Field.words`."""
        if self._missing:
            raise SpaceError(self._missing)
        if not self._rows and not self._removed:
            if self._needed:
                raise SpaceError(self._needed)
            return []
        if self._as_declared:
            return []
        texts = [row.text() for row in self._rows if row.vary.value]
        if not texts and self.fixed:
            return []
        if not texts:
            raise SpaceError("No parameter is ticked, so there is nothing to vary.")
        for name in Space.parse(" ".join(texts)).names:
            if self._known and name not in self._known:
                raise SpaceError(f"The strategy declares no hyperparameter {name!r}.", did_you_mean(name, self._known))
        return texts

    @property
    def _as_declared(self) -> bool:
        """Whether the tool can read it from the strategy itself."""
        return bool(self._rows) and not self._removed and not any(row.changed for row in self._rows)

    def fill(self, words: Sequence[str]) -> None:
        """See :meth:`Field.fill`."""
        if words:
            self.show(Space.parse(" ".join(words)))

    def show(self, space: Space) -> None:
        """Show another space in place of the strategy's own."""
        wanted = space.dimensions
        declared = {row.original.name: row.original for row in self._rows if row.original is not None}
        self._removed = any(name not in {dimension.name for dimension in wanted} for name in declared)
        self._show([_Row(_texts(dimension), None, self._changed_now, self._remove) for dimension in wanted])

    def _add_row(self) -> None:
        self._show([*self._rows, _Row([""] * len(_COLUMNS), None, self._changed_now, self._remove)])
        self._changed()

    def _remove(self, row: _Row) -> None:
        self._removed = self._removed or row.original is not None
        self._show([other for other in self._rows if other is not row])
        self._changed()

    def _changed_now(self) -> None:
        self._changed()

    def mark(self, error: str) -> None:
        """See :meth:`Field.mark`; the rows that are wrong are marked, too."""
        super().mark(error)
        names = [row.name for row in self._rows if row.vary.value]
        for row in self._rows:
            misnamed = row.name in names and (names.count(row.name) > 1 or row.name not in (self._known or names))
            wrong = error and (row.wrong or misnamed)
            (row.widget.add_class if wrong else row.widget.remove_class)("jesse-nb-panel-wrong")

    def _show(self, rows: list[_Row]) -> None:
        self._rows = rows
        self._table.children = [*([_headings()] if rows else []), *(row.widget for row in rows)]


def _headings() -> Any:
    """Return what the columns are called; their entries hide what they show while empty."""
    texts = [("1.6em", ""), *((width, name) for width, name, _ in _COLUMNS)]
    return widgets.HBox([widgets.HTML(name, layout=widgets.Layout(width=width)) for width, name in texts]
                        ).add_class("jesse-nb-panel-heads")


def _texts(dimension: Dimension) -> list[str]:
    if dimension.kind == "categorical":
        return [dimension.name, "", "", "", ",".join(map(str, dimension.choices))]
    step = "log" if dimension.log else "" if dimension.step in (None, 1) and dimension.kind == "int" else dimension.step
    return [dimension.name, str(dimension.low), str(dimension.high), "" if step is None else str(step), ""]
