"""A tool's line: its options for a parser of words, and the values that the words stand for."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Collection, Iterator
from typing import Any

from jesse_nb.core.tools.declaration.parameter import Parameter
from jesse_nb.core.tools.declaration.reader import Desk
from jesse_nb.core.tools.declaration.tool import Tool
from jesse_nb.core.tools.declaration.values import FlagEach

__all__ = ["given_words", "options", "read_line"]


def options(parameter: Parameter) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield what :meth:`argparse.ArgumentParser.add_argument` takes for an argument; words stay words.

    Parameters
    ----------
    one
        The argument; with a flag for each of its values it has several options.
    """
    reader, help_text = parameter.reader, parameter.full_help.replace("%", "%%")
    if isinstance(reader, FlagEach):
        for flag, value, told in zip(parameter.all_flags, reader.values, reader.helps, strict=True):
            taken = f"{told.rstrip('.')} (this, without a flag)." if value == parameter.default else told
            yield (flag,), {"dest": parameter.name, "action": "append_const", "const": value, "help": taken}
    elif parameter.positional:
        place = {} if parameter.positional == "1" else {"nargs": parameter.positional}
        yield (parameter.name,), {**place, "metavar": parameter.value_name, "help": help_text}
    elif reader.many == 0:
        how = {"action": "store_const", "const": ("yes",)}
        yield parameter.all_flags, {"dest": parameter.name, "help": help_text, **how}
    else:
        several = {} if reader.many is None else {"nargs": reader.many}
        again = {"action": "extend"} if reader.repeats else {}
        yield parameter.all_flags, {"dest": parameter.name, "metavar": parameter.value_name, "help": help_text,
                                    **several, **again}


def given_words(tool: Tool, surface: str, line: Namespace) -> dict[str, list[str]]:
    """Return the words of each argument that a parsed line gives."""
    found = {parameter.name: getattr(line, parameter.name, None) for parameter in tool.on(surface)}
    return {name: [words] if isinstance(words, str) else list(words) for name, words in found.items()
            if words is not None and words != []}


def read_line(
    tool: Tool, surface: str, words: dict[str, list[str]], desk: Desk | None = None, leave: Collection[str] = ()
) -> dict[str, Any]:
    """Return the values that a line's words stand for, by the arguments' names in Python.

    Parameters
    ----------
    tool
        Whose line it is.
    surface
        Where it was written.
    words
        As :func:`given_words` returns them.
    desk
        What names stand for there; without one, only arguments are read that name nothing.
    leave
        Arguments that the surface reads itself.

    Raises
    ------
    JesseNbError
        Which names the argument that is wrong, as the surface calls it.
    """
    chosen = [(tool.parameter(name, surface), given) for name, given in words.items() if name not in leave]
    return {parameter.name: parameter.read_words(given, desk or Desk()) for parameter, given in chosen
            if desk or not parameter.reader.names}
