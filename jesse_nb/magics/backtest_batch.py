"""`%%backtest_batch`: every combination of strategies, markets, periods and parameter sets."""

# IPython is not fully typed
# mypy: disable-error-code="no-untyped-call,untyped-decorator"
from __future__ import annotations

from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments

from jesse_nb.core.tools.words import jobs_of
from jesse_nb.magics.cell import CellBody, choose_strategies, run_cell_body
from jesse_nb.magics.config import JesseNb
from jesse_nb.magics.launches import MagicCall
from jesse_nb.magics.options import (
    account_options,
    markets_options,
    option_group,
    output_options,
    parse_line,
    run_options,
    tool_arguments,
    whole_number,
)
from jesse_nb.magics.running import run_tool
from jesse_nb.magics.values import metrics_of, params_of, periods_of, values_by_name

__all__ = ["BatchMagics"]


@magics_class
class BatchMagics(Magics):
    """`%backtest_batch` and `%%backtest_batch`."""

    def __init__(self, shell: InteractiveShell, settings: JesseNb) -> None:
        super().__init__(shell)
        self._shell = shell
        self._settings = settings

    @magic_arguments("backtest_batch")
    @option_group(
        "what is compared",
        argument(
            "strategies",
            nargs="*",
            metavar="STRATEGY",
            help="Strategies of the cell, of the notebook or of the Jesse project, before all options; "
            "without any, all that the cell defines.",
        ),
        argument(
            "--params",
            nargs="+",
            metavar="NAME=VALUE,VALUE",
            help="Parameter sets: a grid (fast=5,10 slow=30,60), the path of a CSV of Jesse's optimizer, or one "
            "expression that gives a list of dicts, a grid or an optimization's result. A variable called params "
            "in the cell does the same; with neither, the strategy's own values are used.",
        ),
        argument(
            "--top", type=whole_number, metavar="N", help="Of a result or a CSV, how many of the best are taken (10)."
        ),
        argument(
            "--hyperparameters",
            "--param",
            dest="hyperparameters",
            nargs="+",
            action="extend",
            metavar="NAME=VALUE",
            help="Values that all combinations share, or one expression that gives a dict.",
        ),
        argument("--metric", metavar="METRIC", help="What the report ranks by (sharpe)."),
    )
    @markets_options
    @account_options
    @option_group(
        "how many",
        argument(
            "-j",
            "--concurrent-limit",
            "--jobs",
            dest="concurrent_limit",
            type=jobs_of,
            metavar="N|ray",
            help="Simulations at the same time, or a Ray cluster: ray, ray://HOST:10001 "
            "(4, or one a core where there are fewer).",
        ),
        argument(
            "--large", action="store_true", default=None, help="Allow more than 1,000 combinations."
        ),
    )
    @run_options
    @output_options
    @line_cell_magic
    def backtest_batch(self, line: str, cell: str | None = None) -> None:
        """Run every combination of strategies, markets, periods and parameter sets, and compare them.

        The cell is ordinary Python that defines classes derived from Strategy,
        which needs no import, and the parameter sets::

            %%backtest_batch -s BTC-USDT ETH-USDT -t 1h 4h --start 2023-06-01 --end 2024-05-31 -o batch
            class TrendFollower(Strategy):
                ...
            params = dict(fast=[5, 10, 20], slow=[50, 100])

        What fails is listed with its reason and costs no other combination. Running the cell again
        continues where it was. Do the winners of one market hold on the others?

            %backtest_batch TrendFollower -s ETH-USDT SOL-USDT -t 1h --start 2023-06-01 --end 2024-05-31 \
--params study --top 5
        """
        options = parse_line(self.backtest_batch, line)
        body = CellBody() if cell is None else run_cell_body(self._shell, cell, wanted=["params"])
        namespace = self._shell.user_ns
        defaults = self._settings.defaults_of_tools()
        arguments = tool_arguments(options, defaults)
        for several, one in (("symbols", "symbol"), ("timeframes", "timeframe")):
            if several not in arguments and one in defaults:
                arguments[several] = defaults[one]
        arguments["strategies"] = choose_strategies(
            self._shell, body, options.strategies, arguments.get("project")
        )
        if options.periods:
            arguments["periods"] = periods_of(options.periods)
        if options.params:
            arguments["params"] = params_of(options.params, namespace)
        elif "params" in body.assigned:
            arguments["params"] = body.assigned["params"]
        if options.hyperparameters:
            arguments["hyperparameters"] = values_by_name(
                options.hyperparameters, namespace, "--hyperparameters"
            )
        if options.metric:
            arguments["metric"] = metrics_of([options.metric], namespace)
        run_tool(self._shell, _tool, arguments, output=options.output, background=options.background,
                 parser=self.backtest_batch.parser, call=MagicCall("backtest_batch", line, cell))


def _tool(**arguments: Any) -> Any:
    from jesse_nb.core.tools.batch.batch import backtest_batch  # late, so that %load_ext stays quick

    return backtest_batch(**arguments)
