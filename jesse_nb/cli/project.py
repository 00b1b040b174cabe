"""`jesse-nb to-project`: a kept result's strategy into a Jesse project."""

from __future__ import annotations

import sys
from argparse import Namespace

from jesse_nb.cli.tools import strategy_of
from jesse_nb.core.tools.declaration.line import given_words, read_line
from jesse_nb.core.tools.declaration.parameter import COMMAND
from jesse_nb.core.tools.declaration.reader import Desk
from jesse_nb.core.tools.declaration.trading.trading_tools import TO_PROJECT
from jesse_nb.exceptions import JesseNbError

__all__ = ["to_project_command"]


def to_project_command(options: Namespace) -> int:
    """Run the command.

    Raises
    ------
    JesseNbError
        Which calls arguments by their flags.
    """
    words = given_words(TO_PROJECT, COMMAND, options)
    try:
        arguments = read_line(TO_PROJECT, COMMAND, words, Desk(), ("result", "dna", "strategy"))
        from jesse_nb import strategy_dna, to_project
        from jesse_nb.core.tools.trading.asking import use_asker
        from jesse_nb.core.tools.trading.chosen import said_of_name

        result = words["result"][0]
        if "strategy" in words:
            arguments["strategy"] = strategy_of(words["strategy"][0])[0]
        if "dna" in words:
            if said := said_of_name(result):
                print(said, file=sys.stderr)
            print(strategy_dna(result, **{name: arguments[name] for name in ("trial", "window", "strategy")
                                          if name in arguments}))
            return 0
        end = use_asker(_ask)
        try:
            print(to_project(result, **arguments))
        finally:
            end()
    except JesseNbError as error:
        raise error.call(TO_PROJECT.flag_of(error.argument)) from None
    return 0


def _ask(question: str) -> bool | None:
    """Ask on the terminal; None where there is none."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    return input(question).strip().casefold() in ("y", "yes")
