"""`%to_project`: a result's strategy, with the chosen values, into a Jesse project."""

# IPython is not fully typed
# mypy: disable-error-code="no-untyped-call,untyped-decorator"
from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from IPython.core.error import StdinNotImplementedError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magic_arguments import magic_arguments

from jesse_nb.core.tools.declaration.line import given_words
from jesse_nb.core.tools.declaration.parameter import MAGIC
from jesse_nb.core.tools.declaration.trading.trading_tools import TO_PROJECT
from jesse_nb.exceptions import JesseNbError
from jesse_nb.magics.analyze import result_named
from jesse_nb.magics.cell import CellBody, choose_strategy
from jesse_nb.magics.config import JesseNb
from jesse_nb.magics.options import declared_options, desk_of, parse_line, tool_arguments

__all__ = ["ToProjectMagics", "ask_in_cell"]


def ask_in_cell(question: str) -> bool | None:
    """Ask below the running cell; None where a front end, or whoever runs the notebook, takes no answers."""
    try:
        return input(question).strip().casefold() in ("y", "yes")
    except (StdinNotImplementedError, EOFError, OSError):
        return None


@magics_class
class ToProjectMagics(Magics):
    """`%to_project`."""

    def __init__(self, shell: InteractiveShell, settings: JesseNb) -> None:
        super().__init__(shell)
        self._settings = settings

    @magic_arguments("to_project")
    @declared_options(TO_PROJECT)
    @line_magic
    def to_project(self, line: str) -> Any:
        """Write a result's strategy into a Jesse project, with the chosen values as its defaults.

        The strategy goes to ``strategies/NAME/__init__.py``, with what it takes from
        the notebook, under a comment that says where the values are from and what
        that result was judged to be::

            %to_project study my-project
            %to_project "last week's best" my-project --name TrendV2
            %to_project walk my-project --window 3
            %to_project study --dna

        It is simulated there first: the result must be the same to the last bit.
        After a restart, the notebook's class of that name is taken where its result
        is; --strategy names another one.
        Before it replaces a strategy of that name it asks, and copies it; where
        nobody can be asked, --overwrite allows it. --dna writes nothing and gives
        the values as one text, as Jesse's optimizer does.
        """
        words = given_words(TO_PROJECT, MAGIC, parse_line(self.to_project, line))
        assert self.shell is not None
        names: dict[str, Any] = self.shell.user_ns
        arguments = tool_arguments(TO_PROJECT, words, self._settings.chosen(), desk_of(names),
                                   ("result", "dna", "strategy"))
        from jesse_nb import strategy_dna, to_project
        from jesse_nb.core.tools.trading.chosen import said_of_name
        from jesse_nb.core.tools.trading.given_strategy import Namesakes

        result = _result_of(words["result"][0], names)
        if "strategy" in words:
            arguments["strategy"] = choose_strategy(self.shell, CellBody(), words["strategy"][0],
                                                    arguments.get("project"))
        else:
            arguments["strategy"] = Namesakes(names)
        try:
            if "dna" in words:
                if isinstance(result, str) and (said := said_of_name(result)):
                    sys.stderr.write(f"{said}\n")
                kept = ("trial", "window", "strategy")
                return strategy_dna(result, **{name: arguments[name] for name in kept if name in arguments})
            return to_project(result, **arguments)
        except JesseNbError as error:
            raise error.call(TO_PROJECT.flag_of(error.argument, MAGIC)) from error.__cause__


def _result_of(word: str, names: Mapping[str, Any]) -> Any:
    """Return the result that a word names: a variable's, or the name or key of a kept one as it stands."""
    from jesse_nb.core.record.result_store import ResultStore

    expression = any(sign in word for sign in ".[(")
    if word not in names and (not expression or ResultStore().called(word)):
        return word  # of a finished simulation's key, too
    return result_named([word], names, "%to_project")
