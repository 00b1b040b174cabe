"""A magic's arguments as fields of a form, and the fields' words as the magic's line."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jesse_nb.core.times import to_ms
from jesse_nb.core.tools.declaration.markets import Symbol
from jesse_nb.magics.panel.panel_checks import check_spelling, check_words
from jesse_nb.magics.panel.panel_tables import PanelTable
from jesse_nb.widgets.panel.panel_fields import (
    ChoiceField,
    DateField,
    Field,
    FlagField,
    PickField,
    SeveralField,
    SuggestField,
    TextField,
)
from jesse_nb.widgets.panel.panel_files import FilesField
from jesse_nb.widgets.panel.panel_space import SpaceField

__all__ = ["line_of", "make_field", "words_of_value"]

#: Short flags that the documentation uses, too.
_SHORT = ("-s", "-t", "-o")


def make_field(table: PanelTable, parser: argparse.ArgumentParser, argument: str, namespace: Mapping[str, Any],
               configured: Mapping[str, Any]) -> Field:
    """Return the field of one argument.

    Parameters
    ----------
    table
        The form.
    parser
        Of the magic.
    argument
        The argument's name in Python.
    namespace
        The user's variables.
    configured
        Defaults that ``%config JesseNb`` has set.
    """
    one = table.declared(argument)
    if one is None:
        return _undeclared(table, parser, argument)
    return _field(
        argument, one.reader.field, one.title, one.full_help, lambda words: check_words(one, words, namespace),
        default=str(configured[argument]) if argument in configured else one.default_text,
        several=bool(one.reader.many) or one.positional == "*", required=table.required.get(argument, ""),
    )


def _undeclared(table: PanelTable, parser: argparse.ArgumentParser, argument: str) -> Field:
    """Return the field of an option of a magic that is no tool's."""
    action = next(action for action in parser._actions if action.dest == argument)
    label = table.offers[argument].replace("_", " ").capitalize() if argument in table.offers else _label(action)

    def check(words: list[str]) -> None:
        check_spelling(words)
        if argument == "symbols":
            for word in words:
                Symbol().check(argument, word)
        if table.kinds.get(argument) == "date":
            to_ms(words[0])

    return _field(argument, table.kinds.get(argument, "flag" if action.nargs == 0 else "text"), label,
                  action.help or "", check, several=action.nargs in ("+", "*"),
                  required=table.required.get(argument, ""))


def _field(name: str, kind: str, label: str, help_text: str, check: Callable[[list[str]], object], *,
           default: str = "", several: bool = False, required: str = "") -> Field:
    if kind == "space":
        return SpaceField(help_text, required)
    if kind == "date":
        return DateField(name, label, help_text, check, required=required)
    if kind == "flag":
        return FlagField(name, label, help_text, check)
    if kind == "several":
        return SeveralField(name, label, help_text, check, required=required)
    if kind == "pick":
        return PickField(name, label, help_text, check, required=required)
    if kind == "choice":
        return ChoiceField(name, label, help_text, check, default=default, required=required)
    text = {"suggest": SuggestField, "files": FilesField}.get(kind, TextField)
    return text(name, label, help_text, check, default=default, several=several, required=required)


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
    text = next(flag for flag in action.option_strings if flag.startswith("--"))
    return text.removeprefix("--").replace("-", " ").capitalize()


def _quoted(word: str) -> str:
    return f'"{word}"' if re.fullmatch(r"[\w .()&+-]*[ ()&][\w .()&+-]*", word) else shlex.quote(word)
