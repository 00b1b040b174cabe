"""`%explore`: look through the trades of a result, one by one."""

# IPython is not fully typed
# mypy: disable-error-code="no-untyped-call,untyped-decorator"
from __future__ import annotations

from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments

from jesse_nb.magics.analyze import result_named
from jesse_nb.magics.cell import CellBody, choose_strategy
from jesse_nb.magics.config import JesseNb
from jesse_nb.magics.options import parse_line, rerun_options, tool_arguments
from jesse_nb.widgets.explorer import explore

__all__ = ["ExploreMagics"]


@magics_class
class ExploreMagics(Magics):
    """`%explore`."""

    def __init__(self, shell: InteractiveShell, settings: JesseNb) -> None:
        super().__init__(shell)
        self._shell = shell
        self._settings = settings

    @magic_arguments("explore")
    @argument(
        "names",
        nargs="*",
        metavar="RESULT",
        help="Variable that holds a result or a job, or an expression such as study.test. Without any, the last "
        "result that was shown.",
    )
    @argument(
        "--strategy",
        nargs="+",
        metavar="STRATEGY",
        help="The result's strategy, where this kernel has not met it yet: a class, after a restart.",
    )
    @rerun_options
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
        options = parse_line(self.explore, line)
        if len(options.names) > 1:
            raise UsageError("%explore opens one result at a time.")
        arguments = tool_arguments(options, self._settings.defaults_of_tools())
        if options.strategy:
            arguments["strategy"] = [choose_strategy(self._shell, CellBody(), name, arguments.get("project"))
                                     for name in options.strategy]  # fmt: skip
        return explore(result_named(options.names, self._shell.user_ns, "%explore"), **arguments)
