"""`%%backtest`: one backtest of the strategy in the cell."""

# IPython is not fully typed
# mypy: disable-error-code="no-untyped-call,untyped-decorator"
from __future__ import annotations

from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments

from jesse_nb.magics.cell import CellBody, choose_routes, run_cell_body
from jesse_nb.magics.config import JesseNb
from jesse_nb.magics.launches import MagicCall
from jesse_nb.magics.options import (
    STRATEGY_ARGUMENT,
    account_options,
    market_options,
    option_group,
    output_options,
    parse_line,
    run_options,
    tool_arguments,
)
from jesse_nb.magics.running import run_tool
from jesse_nb.magics.values import values_by_name

__all__ = ["BacktestMagics"]


@magics_class
class BacktestMagics(Magics):
    """`%backtest` and `%%backtest`."""

    def __init__(self, shell: InteractiveShell, settings: JesseNb) -> None:
        super().__init__(shell)
        self._shell = shell
        self._settings = settings

    @magic_arguments("backtest")
    @option_group(
        "strategy",
        STRATEGY_ARGUMENT,
        argument(
            "--hyperparameters",
            "--param",
            dest="hyperparameters",
            nargs="+",
            action="extend",
            metavar="NAME=VALUE",
            help="Values by name, or one expression that gives a dict: study.best_params. "
            "A dict called params in the cell does the same.",
        ),
    )
    @market_options
    @account_options
    @run_options
    @output_options
    @line_cell_magic
    def backtest(self, line: str, cell: str | None = None) -> None:
        """Run one backtest with Jesse's simulator, and show its report.

        The cell is ordinary Python that defines a class derived from Strategy,
        which needs no import, nor do ta (Jesse's indicators) and utils::

            %%backtest -s BTC-USDT -t 1h --start 2024-01-01 --end 2024-06-01 -o result
            class TrendFollower(Strategy):
                ...

        Without a cell, the strategy is named on the line::

            %backtest TrendFollower -s BTC-USDT -t 1h --start 2024-01-01 --end 2024-06-01
        """
        options = parse_line(self.backtest, line)
        body = CellBody() if cell is None else run_cell_body(self._shell, cell, wanted=["params"])
        arguments = tool_arguments(options, self._settings.defaults_of_tools())
        choose_routes(self._shell, body, options, arguments)
        if options.hyperparameters:
            arguments["hyperparameters"] = values_by_name(
                options.hyperparameters, self._shell.user_ns, "--hyperparameters"
            )
        elif "params" in body.assigned:
            arguments["hyperparameters"] = body.assigned["params"]
        run_tool(self._shell, _tool, arguments, output=options.output, background=options.background,
                 parser=self.backtest.parser, call=MagicCall("backtest", line, cell))


def _tool(**arguments: Any) -> Any:
    from jesse_nb.core.tools.backtest.backtest import backtest  # late, so that %load_ext stays quick

    return backtest(**arguments)
