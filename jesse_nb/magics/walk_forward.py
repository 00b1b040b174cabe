"""`%%walk_forward`: choose parameters on the past, test them on what came after, again and again."""

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
from jesse_nb.magics.values import constraints_of, metrics_of, space_of, values_by_name
from jesse_nb.widgets.display import Listing

__all__ = ["WalkForwardMagics"]


@magics_class
class WalkForwardMagics(Magics):
    """`%walk_forward` and `%%walk_forward`."""

    def __init__(self, shell: InteractiveShell, settings: JesseNb) -> None:
        super().__init__(shell)
        self._shell = shell
        self._settings = settings

    @magic_arguments("walk_forward")
    @option_group(
        "windows, in days",
        STRATEGY_ARGUMENT,
        argument("--in-sample-period", type=whole_number, metavar="DAYS", help="Days of training in one window (365)."),
        argument("--out-sample-period", type=whole_number, metavar="DAYS", help="Days of testing after it (30)."),
        argument(
            "--step-forward",
            type=whole_number,
            metavar="DAYS",
            help="Days from one window to the next; where tests overlap, the newest model counts (7).",
        ),
        argument(
            "--gap",
            type=whole_number,
            metavar="DAYS",
            help="Days left out between training and testing, or between groups (0).",
        ),
        argument(
            "--anchored", action="store_true", default=None, help="Let every window train from the start on."
        ),
        argument("--show-windows", action="store_true", help="Show where they lie, and run nothing."),
    )
    @option_group(
        "cross-validation in place of windows",
        argument(
            "--split",
            metavar="windows|cpcv",
            help="cpcv: combinatorial purged cross-validation, a distribution of out-of-sample paths (windows).",
        ),
        argument("--groups", type=whole_number, metavar="N", help="Parts that the period is cut into (6)."),
        argument("--test-groups", type=whole_number, metavar="N", help="Parts that each split tests on (2)."),
    )
    @option_group(
        "what is searched in each window",
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
            help="With a space: values of parameters that are not varied. Without: the parameters of every "
            "window, and nothing is searched. Or one expression that gives a dict.",
        ),
        argument(
            "--metric",
            nargs="+",
            metavar="METRIC",
            help="What is optimized: Jesse's metrics, or functions of a result by their name (sharpe).",
        ),
        argument(
            "--constraint",
            "--constraints",
            dest="constraints",
            nargs="+",
            action="extend",
            metavar="RULE",
            help="What the chosen parameters must keep: 'trades >= 30' 'max_drawdown < 25' (a drawdown is positive "
            "percent here), or functions of a result by their name, which return True or False.",
        ),
        argument(
            "-n",
            "--trials",
            "--n-trials",
            dest="n_trials",
            type=whole_number,
            metavar="N",
            help="Parameter sets to try in each window, or candidates of a cross-validation (30).",
        ),
        argument(
            "--sampler",
            metavar="NAME",
            help="How parameters are drawn: tpe, random, grid, cmaes or nsga2 (tpe).",
        ),
        argument("--seed", type=whole_number, metavar="N", help="Seed; each window's own derives from it (0)."),
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
        argument(
            "--timeout",
            type=number,
            metavar="SECONDS",
            help="Seconds for all of it; the windows finished by then are the result (no limit).",
        ),
    )
    @run_options
    @output_options
    @line_cell_magic
    def walk_forward(self, line: str, cell: str | None = None) -> Listing | None:
        """Optimize a strategy window by window, test each choice on the days after, and show the report.

        The cell is ordinary Python that defines a class derived from Strategy,
        which needs no import, and the space to search in every window::

            %%walk_forward -s BTC-USDT -t 1h --start 2023-01-01 --end 2024-06-30 --trials 30 -o walk
            class TrendFollower(Strategy):
                ...
            space = dict(fast=(5, 30), slow=(31, 120), stop=(1.0, 5.0, 0.5), mode=["a", "b"])

        Running the cell again continues where it was. --show-windows on the same
        line shows the windows and runs nothing, the cell's own code included::

            %walk_forward --show-windows --start 2023-01-01 --end 2024-06-30 --in-sample-period 180

        Fixed parameters, or a distribution of out-of-sample paths::

            %walk_forward TrendFollower -s BTC-USDT -t 1h --start 2023-01-01 --end 2024-06-30 \
--hyperparameters study.best_params
            %walk_forward TrendFollower -s BTC-USDT -t 1h --start 2023-01-01 --end 2024-06-30 --split cpcv
        """
        options = parse_line(self.walk_forward, line)
        arguments = tool_arguments(options, self._settings.defaults_of_tools())
        if options.show_windows:
            from jesse_nb.core.tools.plan_table import plan_table

            return Listing(plan_table(arguments), "")
        body = CellBody() if cell is None else run_cell_body(self._shell, cell, wanted=["space"])
        namespace = self._shell.user_ns
        choose_routes(self._shell, body, options, arguments)
        if options.space:
            arguments["space"] = space_of(options.space, namespace)
        elif "space" in body.assigned:
            arguments["space"] = body.assigned["space"]
        if options.hyperparameters:
            arguments["hyperparameters"] = values_by_name(
                options.hyperparameters, namespace, "--hyperparameters"
            )
        if options.metric:
            arguments["metric"] = metrics_of(options.metric, namespace)
        if options.constraints:
            arguments["constraints"] = constraints_of(options.constraints, namespace)
        run_tool(self._shell, _tool, arguments, output=options.output, background=options.background,
                 parser=self.walk_forward.parser, call=MagicCall("walk_forward", line, cell))
        return None


def _tool(**arguments: Any) -> Any:
    from jesse_nb.core.tools.walk_forward.walk_forward import walk_forward  # late, so that %load_ext stays quick

    return walk_forward(**arguments)
