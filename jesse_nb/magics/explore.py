"""`%explore`: look through the trades of a result, one by one."""

# IPython is not fully typed
# mypy: disable-error-code="no-untyped-call,untyped-decorator"
from __future__ import annotations

from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magic_arguments import magic_arguments

from jesse_nb.core.tools.declaration.line import given_words
from jesse_nb.core.tools.declaration.parameter import MAGIC
from jesse_nb.core.tools.declaration.tool import Tool
from jesse_nb.core.tools.registry import ANALYZE_RESULTS
from jesse_nb.magics.analyze import result_named
from jesse_nb.magics.cell import CellBody, choose_strategy
from jesse_nb.magics.config import JesseNb
from jesse_nb.magics.options import declared_options, desk_of, parse_line, tool_arguments
from jesse_nb.widgets.explorer.explorer import explore

__all__ = ["ExploreMagics"]


_RESULT = ANALYZE_RESULTS.parameter("names", MAGIC).but(
    group="what is seen", help="Variable that holds a result or a job, or an expression such as study.test. Without "
    "any, the last result that was shown.",
)

#: What the magic takes: a result, and how its run is simulated once more.
_EXPLORE = Tool(
    "explore", "Explore", "Look through the trades of a result.", "jesse_nb.widgets.explorer.explorer:explore",
    (_RESULT, ANALYZE_RESULTS.parameter("strategy").but(group="what is seen"),
     *(parameter for parameter in ANALYZE_RESULTS.parameters if parameter.group == "simulation")),
)


@magics_class
class ExploreMagics(Magics):
    """`%explore`."""

    def __init__(self, shell: InteractiveShell, settings: JesseNb) -> None:
        super().__init__(shell)
        self._shell = shell
        self._settings = settings

    @magic_arguments("explore")
    @declared_options(_EXPLORE)
    @line_magic
    def explore(self, line: str) -> Any:
        """Look through the trades of a result: on their candles, with stops and targets as they moved.

        ::

            %explore result
            %explore study                 choose a trial, it opens its backtest
            %explore study.test

        Zoom by dragging, double-click for the whole run. A click on a row jumps to the trade; the lists above dim
        the trades that do not fit. The run is simulated once more, to see stops, targets and the lines that the
        strategy draws.
        """
        words = given_words(_EXPLORE, MAGIC, parse_line(self.explore, line))
        names = words.pop("names", [])
        if len(names) > 1:
            raise UsageError("%explore opens one result at a time.")
        desk = desk_of(self._shell.user_ns)
        arguments = tool_arguments(_EXPLORE, words, self._settings.chosen(), desk, ("strategy",))
        if "strategy" in words:
            arguments["strategy"] = [choose_strategy(self._shell, CellBody(), name, arguments.get("project"))
                                     for name in words["strategy"]]
        return explore(result_named(names, self._shell.user_ns, "%explore"), **arguments)
