"""The lines of the magics: their options as they are declared, and how a line is read.

A flag is its parameter's name with dashes, so ``--trial-timeout 60`` on a line
is ``trial_timeout=60`` in Python. An option left out is not passed on: the
defaults live in the tools alone.
"""

# IPython is not fully typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from IPython.core.error import UsageError
from IPython.core.magic_arguments import ArgDecorator, argument, argument_group
from IPython.utils.process import arg_split  # type: ignore[attr-defined]

from jesse_nb.core.tools.declaration.line import options, read_line
from jesse_nb.core.tools.declaration.parameter import MAGIC
from jesse_nb.core.tools.declaration.reader import Desk
from jesse_nb.core.tools.declaration.tool import Tool
from jesse_nb.core.tools.declaration.values import whole_of
from jesse_nb.exceptions import InputError, JesseNbError, did_you_mean, shown
from jesse_nb.magics.values import evaluate

__all__ = ["LineError", "declared_options", "desk_of", "flags_of", "option_group", "parse_line", "tool_arguments",
           "whole_number"]

Method = TypeVar("Method", bound=Callable[..., Any])


class LineError(InputError, UsageError):
    """What is wrong with a word of a magic's line: shown in one line, as IPython shows its own."""

    def _render_traceback_(self) -> list[str]:
        return [f"UsageError: {self}"]


def option_group(title: str, *of_the_group: argument) -> Callable[[Method], Method]:
    """Return a decorator that gives a magic these options under one heading of its help."""

    def decorate(method: Method) -> Method:
        decorators: tuple[ArgDecorator, ...] = (argument_group(title), *of_the_group)
        for decorator in reversed(decorators):  # IPython reads them from the last to the first
            method = decorator(method)
        return method

    return decorate


def declared_options(tool: Tool) -> Callable[[Method], Method]:
    """Return a decorator that gives a magic all that its tool declares."""

    def decorate(method: Method) -> Method:
        for title, parameters in reversed(list(tool.groups(MAGIC))):
            arguments = [argument(*flags, **how) for parameter in parameters for flags, how in options(parameter)]
            method = option_group(title, *arguments)(method)
        method.tool = tool  # type: ignore[attr-defined]  # functions take attributes
        return method

    return decorate


def whole_number(text: str) -> int:
    """Return a whole number that was written as an option's value (``1_000`` and ``1e3`` too)."""
    value = whole_of(text)
    if not isinstance(value, int):
        raise argparse.ArgumentTypeError(f"a whole number is expected, not {shown(text)}")
    return value


def parse_line(magic: Callable[..., Any], line: str) -> argparse.Namespace:
    """Return the options on a magic's line; those that a tool declares are words yet.

    Parameters
    ----------
    magic
        The magic's function, decorated with ``magic_arguments``.
    line
        What follows the magic's name.

    Raises
    ------
    UsageError
        With one line that names the wrong option and its close matches.
    """
    parser: argparse.ArgumentParser = magic.parser  # type: ignore[attr-defined]
    parser.allow_abbrev = False  # --trial would else mean --trials one day and --trial-timeout the next
    try:
        words = arg_split(line, posix=True)
    except ValueError as error:
        raise UsageError(f"%{parser.prog}: the line cannot be split into words: {error}.") from error
    found, rest = parser.parse_known_intermixed_args(words)  # names may also follow flags
    for word in rest:
        if word.startswith("-"):
            flag = word.partition("=")[0]
            raise UsageError(f"%{parser.prog} has no option {flag[:80]}. {did_you_mean(flag, flags_of(magic))}")
        raise UsageError(f"%{parser.prog} does not know what to do with {shown(word)}. "
                         f"`%{parser.prog}?` shows its options.")
    return found


def flags_of(magic: Callable[..., Any]) -> list[str]:
    """Return all the flags that a magic takes, short and long."""
    parser: argparse.ArgumentParser = magic.parser  # type: ignore[attr-defined]
    return sorted(parser._option_string_actions)


def desk_of(namespace: Mapping[str, Any]) -> Desk:
    """Return what words of a notebook stand for: its variables, and expressions over them."""
    return Desk(namespace, lambda name, expression: evaluate(expression, namespace, name))


def tool_arguments(
    tool: Tool,
    words: Mapping[str, list[str]],
    chosen: Mapping[str, Any],
    desk: Desk | None,
    leave: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Return a tool's keyword arguments: what the line says, then what ``%config JesseNb`` says.

    Parameters
    ----------
    tool
        Whose they are.
    words
        Of its line, by argument.
    chosen
        What was set by ``%config JesseNb``, by the setting's name.
    desk
        What names on the line stand for; without one, only what names nothing is read.
    leave
        Arguments that the magic reads itself.

    Raises
    ------
    LineError, JesseNbError
        Which calls the argument by its flag.
    """
    try:
        given = read_line(tool, MAGIC, dict(words), desk, leave)
    except UsageError:
        raise
    except JesseNbError as error:
        told = error.call(tool.flag_of(error.argument, MAGIC))
        if type(told) is not InputError:
            raise
        raise LineError(told.message, told.hint, argument=told.argument) from error.__cause__
    set_before = {parameter.name: chosen[parameter.setting]
                  for parameter in tool.on(MAGIC) if parameter.setting in chosen}
    return {**{name: value for name, value in set_before.items() if name not in words}, **given}
