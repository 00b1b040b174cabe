"""A magic's arguments as fields of a form, and the fields' words as the magic's line."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from jesse_nb.magics.panel_checks import check_words
from jesse_nb.magics.panel_tables import KINDS, LABELS, PanelTable
from jesse_nb.widgets.panel_fields import (
    ChoiceField,
    DateField,
    Field,
    FlagField,
    SeveralField,
    SuggestField,
    TextField,
)
from jesse_nb.widgets.panel_space import SpaceField

__all__ = ["line_of", "make_field", "words_of_value"]

#: Short flags that the documentation uses, too.
_SHORT = ("-s", "-t", "-o")

#: A help text ends with the default in parentheses.
_DEFAULT = re.compile(r"\(([^()]*)\)\.?$")


def make_field(table: PanelTable, parser: argparse.ArgumentParser, argument: str, namespace: Mapping[str, Any],
               configured: Mapping[str, Any]) -> Field:  # fmt: skip
    """Return the field of one argument.

    Parameters
    ----------
    table
        The form.
    parser
        Of the magic; its help is the field's help.
    argument
        The argument's name in Python.
    namespace
        The user's variables.
    configured
        Defaults that ``%config JesseNb`` has set.
    """
    actions = [action for action in parser._actions if action.dest == argument]
    help_text = " ".join((action.help or "").replace("%%", "%") for action in actions)
    first = actions[0]
    required = table.required.get(argument, "")
    label = table.offers[argument].replace("_", " ").capitalize() if argument in table.offers else _label(first)
    default = str(configured[argument]) if argument in configured else _default(help_text)
    if len(actions) > 1:  # one flag for each value; the help of one says that it is taken without any
        default = next((str(action.const) for action in actions if "without a flag" in (action.help or "")), default)
    kind = {**KINDS, **table.kinds}.get(argument, "flag" if len(actions) == 1 and first.nargs == 0 else "text")

    def check(words: list[str]) -> None:
        check_words(first, words, namespace)

    if kind == "space":
        return SpaceField(help_text, required)
    if kind == "date":
        return DateField(argument, label, help_text, check, required=required)
    if kind == "flag":
        return FlagField(argument, label, help_text, check)
    if kind == "several":
        return SeveralField(argument, label, help_text, check, required=required)
    if kind == "choice":
        return ChoiceField(argument, label, help_text, check, default=default, required=required)
    text = SuggestField if kind == "suggest" else TextField
    several = first.nargs in ("+", "*")
    return text(argument, label, help_text, check, default=default, several=several, required=required)


def line_of(table: PanelTable, parser: argparse.ArgumentParser, words: Mapping[str, Sequence[str]]) -> str:
    """Return the magic's line: all after its name.

    Parameters
    ----------
    table
        The form.
    parser
        Of the magic.
    words
        Each argument's words.
    """
    positional, options = list(table.words), []
    for argument, given in words.items():
        actions = [action for action in parser._actions if action.dest == argument]
        first = actions[0]
        if not given:
            continue
        if not first.option_strings:
            positional += given
        elif len(actions) > 1:
            options += [_flag(action) for action in actions if action.const in given]
        elif first.nargs == 0:
            options.append(_flag(first))
        else:
            options += [_flag(first), *given]
    return " ".join(_quoted(word) for word in [*positional, *options])


def words_of_value(value: Any) -> list[str]:
    """Return what a Python value is as words of a line."""
    if isinstance(value, Mapping):
        return [f"{name}={item}" for name, item in value.items()]
    if isinstance(value, list | tuple):
        return [str(item) for item in value]
    return [str(value)]


def _flag(action: argparse.Action) -> str:
    first = action.option_strings[0]
    return first if first in _SHORT else next(flag for flag in action.option_strings if flag.startswith("--"))


def _label(action: argparse.Action) -> str:
    if not action.option_strings:
        return str(action.metavar).split("|")[0].capitalize()
    if action.dest in LABELS:
        return LABELS[action.dest]
    text = next(flag for flag in action.option_strings if flag.startswith("--"))
    return text.removeprefix("--").replace("-", " ").capitalize()


def _default(help_text: str) -> str:
    found = _DEFAULT.search(help_text)
    text = found[1] if found else ""
    return text.replace(",", "") if re.fullmatch(r"[\d,]+", text) else text  # as one would type it


def _quoted(word: str) -> str:
    return f'"{word}"' if re.fullmatch(r"[\w .()&+-]*[ ()&][\w .()&+-]*", word) else shlex.quote(word)
