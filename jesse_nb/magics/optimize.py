"""`%%optimize`: search for the best hyperparameters of the strategy in the cell."""

# IPython is not fully typed
# mypy: disable-error-code="no-untyped-call,untyped-decorator"
from __future__ import annotations

from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments

from jesse_nb.core.tools.words import jobs_of
from jesse_nb.magics.cell import CellBody, choose_routes, run_cell_body
from jesse_nb.magics.config import JesseNb
from jesse_nb.magics.launches import MagicCall
from jesse_nb.magics.options import (
    STRATEGY_ARGUMENT,
    account_options,
    market_options,
    number,
    option_group,
    output_options,
    parse_line,
    run_options,
    tool_arguments,
    whole_number,
)
from jesse_nb.magics.running import run_tool
from jesse_nb.magics.values import constraints_of, evaluate, metrics_of, space_of, values_by_name

__all__ = ["OptimizeMagics"]


@magics_class
class OptimizeMagics(Magics):
    """`%optimize` and `%%optimize`."""

    def __init__(self, shell: InteractiveShell, settings: JesseNb) -> None:
        super().__init__(shell)
        self._shell = shell
        self._settings = settings

    @magic_arguments("optimize")
    @option_group(
        "what is searched",
        STRATEGY_ARGUMENT,
        argument(
            "--space",
            nargs="+",
            metavar="NAME=LOW:HIGH[:STEP]",
            help="Parameters to vary (fast=5:30 stop=1.0:5.0:0.5 mode=a,b), or one expression that gives "
            "a space. A dict called space in the cell does the same; with neither, the strategy's own "
            "hyperparameters() are varied.",
        ),
        argument(
            "--hyperparameters",
            "--param",
            dest="hyperparameters",
            nargs="+",
            action="extend",
            metavar="NAME=VALUE",
            help="Values of parameters that are not varied, or one expression that gives a dict.",
        ),
        argument(
            "--metric",
            nargs="+",
            metavar="METRIC",
            help="What is optimized: Jesse's metrics, or functions of a result by their name. "
            "Several give the Pareto front (sharpe).",
        ),
        argument(
            "--constraint",
            "--constraints",
            dest="constraints",
            nargs="+",
            action="extend",
            metavar="RULE",
            help="What the best trials must keep: 'trades >= 30' 'max_drawdown < 25' (a drawdown is positive "
            "percent here), or functions of a result by their name, which return True or False.",
        ),
        argument(
            "-n",
            "--trials",
            "--n-trials",
            dest="n_trials",
            type=whole_number,
            metavar="N",
            help="Parameter sets to try (100).",
        ),
        argument(
            "--sampler",
            metavar="NAME",
            help="How parameters are drawn: tpe, random, grid, cmaes or nsga2 (tpe).",
        ),
        argument("--seed", type=whole_number, metavar="N", help="Seed of the sampler (0)."),
        argument(
            "--pruner",
            metavar="NAME",
            help="Which trials are stopped on the way: median, those that do worse than half of the earlier ones did "
            "by then; quartile, those that do worse than the best quarter did; or none (none).",
        ),
        argument("--initial-result", metavar="STUDY", help="Earlier result whose best are tried first."),
    )
    @option_group(
        "held-out period",
        argument(
            "--test-start", metavar="DATE", help="First moment kept from the search, for testing the best."
        ),
        argument("--test-end", metavar="DATE", help="End of the held-out period (the end of the whole)."),
        argument(
            "--test-ratio",
            type=number,
            metavar="FRACTION",
            help="In place of dates: the last part of the period; 0 holds nothing out (0.25).",
        ),
        argument(
            "--holdout",
            metavar="DAYS",
            help="Seal the last days of the period, 90d for example: neither search nor test sees them. "
            "study.open_holdout() runs the best parameters on them, which is counted.",
        ),
        argument(
            "--top", type=whole_number, metavar="N", help="How many of the best trials are tested and shown (10)."
        ),
    )
    @option_group(
        "checks of the best trials",
        argument(
            "--neighbours",
            type=whole_number,
            metavar="STEPS",
            help="How many steps of each parameter the best five are looked around, on the training period; "
            "0 looks around none (1).",
        ),
        argument(
            "--no-parity",
            dest="parity",
            action="store_false",
            default=None,
            help="Do not run the best trial again in step mode, whose trades and profit must be the same.",
        ),
    )
    @market_options
    @account_options
    @option_group(
        "how long",
        argument(
            "-j",
            "--jobs",
            "--n-jobs",
            dest="n_jobs",
            type=jobs_of,
            metavar="N|ray",
            help="Simulations at the same time, or a Ray cluster: ray, ray://HOST:10001 (all cores).",
        ),
        argument("--timeout", type=number, metavar="SECONDS", help="Seconds for the whole search (no limit)."),
    )
    @run_options
    @output_options
    @line_cell_magic
    def optimize(self, line: str, cell: str | None = None) -> None:
        """Find the best hyperparameters of a strategy, and show the report.

        The cell is ordinary Python that defines a class derived from Strategy,
        which needs no import, and the space to search::

            %%optimize -s BTC-USDT -t 1h --start 2023-06-01 --end 2024-05-31 --trials 100 -o study
            class TrendFollower(Strategy):
                ...
            space = dict(fast=(5, 30), slow=(31, 120), stop=(1.0, 5.0, 0.5), mode=["a", "b"])

        Running the cell again continues where it was: no finished trial is
        simulated twice. A strategy that exists already is named on the line::

            %optimize TrendFollower -s BTC-USDT -t 1h --start 2023-06-01 --end 2024-05-31 --space fast=5:30
        """
        options = parse_line(self.optimize, line)
        body = CellBody() if cell is None else run_cell_body(self._shell, cell, wanted=["space"])
        namespace = self._shell.user_ns
        arguments = tool_arguments(options, self._settings.defaults_of_tools())
        choose_routes(self._shell, body, options, arguments)
        if options.space:
            arguments["space"] = space_of(options.space, namespace)
        elif "space" in body.assigned:
            arguments["space"] = body.assigned["space"]
        if options.hyperparameters:
            arguments["hyperparameters"] = values_by_name(
                options.hyperparameters, namespace, "--hyperparameters"
            )
        if options.initial_result:
            arguments["initial_result"] = evaluate(options.initial_result, namespace, "--initial-result")
        if options.metric:
            arguments["metric"] = metrics_of(options.metric, namespace)
        if options.constraints:
            arguments["constraints"] = constraints_of(options.constraints, namespace)
        run_tool(self._shell, _tool, arguments, output=options.output, background=options.background,
                 parser=self.optimize.parser, call=MagicCall("optimize", line, cell))


def _tool(**arguments: Any) -> Any:
    from jesse_nb.core.tools.optimize.optimize import optimize  # late, so that %load_ext stays quick

    return optimize(**arguments)
