"""The fields of a form: each is one argument of a magic, says what is wrong with it, and writes its words."""

# ipywidgets is not fully typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets

__all__ = ["ChoiceField", "DateField", "Field", "FlagField", "PickField", "SeveralField", "SuggestField",
           "TextField"]

#: Returns nothing, or raises an error whose text is the reason.
Check = Callable[[list[str]], object]

#: How many entries of a list show at once.
_LINES = 4


class Field:
    """One argument.

    Parameters
    ----------
    name
        The argument's name in Python.
    control
        What is filled in; its ``value`` changes as somebody types.
    help_text
        The magic's own help on it.
    check
        Raises what is wrong with the words; not called without any.
    required
        Why it cannot be left empty; empty where it can.

    Attributes
    ----------
    row
        To be put into a form.
    error
        What is wrong; empty when nothing is.
    default
        What is taken when it is left out, in words.
    """

    def __init__(self, name: str, control: Any, help_text: str, check: Check, required: str = "") -> None:
        self.name = name
        self.control = control
        self.help_text = help_text
        self.error = ""
        self._check = check
        self._required = required
        self._filled = False  # what nobody has filled in yet is missing, but not wrong
        control.observe(lambda _: setattr(self, "_filled", True), names="value")
        self.default = ""
        self._reason = widgets.HTML()
        self._reason.add_class("jesse-nb-panel-error")
        explanation = widgets.HTML(escape(help_text))
        explanation.add_class("jesse-nb-panel-help")
        self.row = widgets.VBox([control, explanation, self._reason])
        self.row.add_class("jesse-nb-panel-field")
        self.row.add_class(f"jesse-nb-field-{name}")

    @property
    def label(self) -> str:
        """What it is called in the form."""
        return str(getattr(self.control, "description", "")) or self.name.capitalize()

    @property
    def words(self) -> list[str]:
        """What stands on the magic's line for it; empty when it is left out."""
        raise NotImplementedError

    def fill(self, words: Sequence[str]) -> None:
        """Fill in what :attr:`words` once gave."""
        raise NotImplementedError

    def offer(self, values: Iterable[str]) -> None:
        """Offer these values from now on; what was chosen stays, and is wrong if it is not among them."""

    def observe(self, changed: Callable[[], None]) -> None:
        """Call ``changed`` whenever it is edited."""
        self.control.observe(lambda _: changed(), names="value")

    @property
    def wrong(self) -> bool:
        """Whether it is shown as wrong: not where it only waits to be filled in."""
        return bool(self.error) and (self._filled or self.error != self._required)

    def find_error(self) -> str:
        """Say what is wrong with the field by itself."""
        try:
            words = self.words
            if not words:
                return self._required
            self._check(words)
        except Exception as error:  # noqa: BLE001 - a check runs the user's own expressions
            return " ".join(str(error).split()) or type(error).__name__
        return ""

    def mark(self, error: str) -> None:
        """Show what is wrong with it, or that nothing is."""
        self.error = error
        self._reason.value = f"<span>{escape(error)}</span>" if self.wrong else ""
        (self.row.add_class if self.wrong else self.row.remove_class)("jesse-nb-panel-wrong")


class TextField(Field):
    """A text, a number, or several words where the argument takes several."""

    def __init__(self, name: str, label: str, help_text: str, check: Check, *, default: str = "", several: bool = False,
                 required: str = "") -> None:
        control = widgets.Text(description=label, placeholder=default, tooltip=help_text, continuous_update=True)
        super().__init__(name, control, help_text, check, required)
        self.default = default
        self._several = several

    def hint(self, default: str) -> None:
        """Show another default."""
        self.default = self.control.placeholder = default

    @property
    def words(self) -> list[str]:
        """See :attr:`Field.words`."""
        text = self.control.value.strip()
        if any(ord(letter) < 32 for letter in text):
            raise ValueError("A line of a magic has no line breaks or tabs in it.")
        if not self._several:
            return [text] if text else []
        try:
            return shlex.split(text)
        except ValueError as error:
            raise ValueError(f"This cannot be split into words: {error}.") from error

    def fill(self, words: Sequence[str]) -> None:
        """See :meth:`Field.fill`."""
        self.control.value = shlex.join(words) if self._several else " ".join(words)


class SuggestField(TextField):
    """A text that one may choose, or write."""

    def __init__(self, name: str, label: str, help_text: str, check: Check, **options: Any) -> None:
        super().__init__(name, label, help_text, check, **options)
        text = self.control
        self.control = widgets.Combobox(description=text.description, placeholder=text.placeholder,
                                        tooltip=text.tooltip, continuous_update=True)
        self.row.children = (self.control, *self.row.children[1:])

    def offer(self, values: Iterable[str]) -> None:
        """See :meth:`Field.offer`."""
        self.control.options = tuple(values)


class ChoiceField(Field):
    """One of several values.

    An argument that may be left out offers that first, under the name of what then is taken.
    """

    def __init__(self, name: str, label: str, help_text: str, check: Check, *, default: str = "",
                 required: str = "") -> None:
        self._left_out = () if required else ((f"({default})" if default else "(none)", ""),)
        self._offered: tuple[str, ...] = ()
        control = widgets.Dropdown(description=label, options=self._left_out, tooltip=help_text)
        super().__init__(name, control, help_text, check, required)
        self.default = default

    @property
    def words(self) -> list[str]:
        """See :attr:`Field.words`."""
        value = self.control.value
        if value and value not in self._offered:
            raise ValueError(f"{value!r} is not there any more. Choose another.")
        return [value] if value else []

    def fill(self, words: Sequence[str]) -> None:
        """See :meth:`Field.fill`."""
        self._show(self._offered, words[0] if words else "")

    def offer(self, values: Iterable[str]) -> None:
        """See :meth:`Field.offer`."""
        self._show(tuple(values), self.control.value or "")

    def _show(self, offered: tuple[str, ...], chosen: str) -> None:
        self._offered = offered
        gone = ((f"{chosen} (gone)", chosen),) if chosen and chosen not in offered else ()
        options = (*self._left_out, *((value, value) for value in offered), *gone)
        if self.control.options != options:
            with self.control.hold_sync():
                self.control.options = options
                values = [value for _, value in options]
                self.control.value = chosen if chosen in values else values[0] if values else None
        elif options and chosen in [value for _, value in options]:
            self.control.value = chosen


class PickField(ChoiceField):
    """One of several values, for what cannot be undone: nothing is chosen beforehand, nor kept once it is gone."""

    def __init__(self, name: str, label: str, help_text: str, check: Check, *, required: str) -> None:
        super().__init__(name, label, help_text, check, required=required)
        self._left_out = (("(choose)", ""),)
        self._show((), "")

    def mark(self, error: str) -> None:
        """See :meth:`Field.mark`; one that waits to be chosen is no mistake."""
        super().mark(error)
        if error and not self.control.value:
            self.row.remove_class("jesse-nb-panel-wrong")
            self._reason.value = ""

    def _show(self, offered: tuple[str, ...], chosen: str) -> None:
        # Among other values, the same word may mean another thing: BTC-USDT of another exchange.
        super()._show(offered, chosen if offered == self._offered and chosen in offered else "")


class SeveralField(Field):
    """Any number of several values."""

    def __init__(self, name: str, label: str, help_text: str, check: Check, *, required: str = "") -> None:
        control = widgets.SelectMultiple(description=label, rows=_LINES, tooltip=help_text)
        super().__init__(name, control, help_text, check, required)

    @property
    def words(self) -> list[str]:
        """See :attr:`Field.words`."""
        return list(self.control.value)

    def fill(self, words: Sequence[str]) -> None:
        """See :meth:`Field.fill`."""
        self.control.value = tuple(word for word in words if word in self.control.options)

    def offer(self, values: Iterable[str]) -> None:
        """See :meth:`Field.offer`."""
        offered, chosen = tuple(values), self.control.value
        if self.control.options != offered:
            self.control.options = offered
            self.fill(chosen)


class DateField(TextField):
    """A date, or a date and a time, written as everywhere else.

    A browser's own field for dates has the order of the browser's country. The page puts a calendar beside this one.
    """

    def __init__(self, name: str, label: str, help_text: str, check: Check, *, required: str = "") -> None:
        super().__init__(name, label, help_text, check, default="YYYY-MM-DD", required=required)
        self.default = ""
        self.row.add_class("jesse-nb-panel-date")


class FlagField(Field):
    """An option without a value; its words are empty or not."""

    def __init__(self, name: str, label: str, help_text: str, check: Check) -> None:
        control = widgets.Checkbox(description=label, tooltip=help_text, indent=False)
        super().__init__(name, control, help_text, check)
        self.default = "no"

    @property
    def words(self) -> list[str]:
        """See :attr:`Field.words`."""
        return ["yes"] if self.control.value else []

    def fill(self, words: Sequence[str]) -> None:
        """See :meth:`Field.fill`."""
        self.control.value = bool(words)
