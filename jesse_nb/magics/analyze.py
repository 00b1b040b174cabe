"""`%analyze_results`, `%analyze` for short: read what a result really says."""

# IPython is not fully typed
# mypy: disable-error-code="no-untyped-call,untyped-decorator"
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments

from jesse_nb.core.tools.words import jobs_of
from jesse_nb.exceptions import InputError, did_you_mean
from jesse_nb.magics.cell import CellBody, choose_strategy
from jesse_nb.magics.config import JesseNb
from jesse_nb.magics.launches import MagicCall
from jesse_nb.magics.options import (
    number,
    option_group,
    output_options,
    parse_line,
    rerun_options,
    tool_arguments,
    whole_number,
)
from jesse_nb.magics.running import run_tool
from jesse_nb.magics.values import evaluate

__all__ = ["AnalyzeMagics", "result_named", "results_in"]

#: Kinds of jobs whose result can be analysed.
_JOBS = ("backtest", "backtest_batch", "optimize", "walk_forward")

_MAKE_ONE = "None is here yet: `%%backtest ... -o result` makes one."


@magics_class
class AnalyzeMagics(Magics):
    """`%analyze_results` and `%analyze`."""

    def __init__(self, shell: InteractiveShell, settings: JesseNb) -> None:
        super().__init__(shell)
        self._shell = shell
        self._settings = settings

    @magic_arguments("analyze")
    @option_group(
        "what is read",
        argument(
            "names",
            nargs="*",
            metavar="RESULT",
            help="Variable that holds a result, a job, or a pair of trades and equity; an expression such as "
            "study.test; or two variables, a table of trades and a series of equity. Before options that take "
            "several values. Without any, the last result that was shown.",
        ),
        argument(
            "--basic",
            dest="analysis_type",
            action="append_const",
            const="basic",
            help="Trades, drawdowns and returns; at once.",
        ),
        argument(
            "--advanced",
            dest="analysis_type",
            action="append_const",
            const="advanced",
            help="And ratios with intervals, the market, excursions, regimes and costs (this, without a flag).",
        ),
        argument(
            "--deep",
            dest="analysis_type",
            action="append_const",
            const="deep",
            help="And Monte Carlo, patterns, and what is known at entry.",
        ),
    )
    @option_group(
        "what is computed",
        argument(
            "--benchmark",
            nargs="+",
            metavar="SYMBOL",
            help="Compared with, beside buy-and-hold of the traded symbols: stored symbols, or variables that hold "
            "a Series of daily prices.",
        ),
        argument(
            "--ruin",
            nargs="+",
            type=number,
            metavar="PERCENT",
            help="Drawdowns whose probability is asked for (20 30 50).",
        ),
        argument(
            "--paths", type=whole_number, metavar="N", help="Of each Monte Carlo that needs no simulation (10,000)."
        ),
        argument(
            "--scenarios",
            type=whole_number,
            metavar="N",
            help="Markets that could have been, simulated in a deep analysis; 0 for none (50).",
        ),
        argument("--seed", type=whole_number, metavar="N", help="Seed of all that is drawn at random (0)."),
        argument(
            "--no-trade-analysis",
            dest="include_trade_analysis",
            action="store_false",
            default=None,
            help="Leave out what reads single trades.",
        ),
        argument(
            "--no-correlation",
            dest="include_correlation",
            action="store_false",
            default=None,
            help="Leave out the comparison with benchmarks.",
        ),
        argument(
            "--no-monte-carlo",
            dest="include_monte_carlo",
            action="store_false",
            default=None,
            help="Leave out the Monte Carlo.",
        ),
    )
    @option_group(
        "simulating again, at 2 and 3 times the fee and on rewritten candles",
        argument(
            "--no-resimulation",
            dest="resimulate",
            action="store_false",
            default=None,
            help="Simulate nothing.",
        ),
        argument(
            "--strategy",
            nargs="+",
            metavar="STRATEGY",
            help="The result's strategy, where this kernel has not met it yet: a class, after a restart.",
        ),
        argument(
            "-j",
            "--jobs",
            "--n-jobs",
            dest="n_jobs",
            type=jobs_of,
            metavar="N|ray",
            help="Simulations at the same time, or a Ray cluster: ray, ray://HOST:10001 (all cores).",
        ),
    )
    @rerun_options
    @output_options
    @line_magic("analyze")  # type: ignore[arg-type]  # two names for one magic
    @line_magic
    def analyze_results(self, line: str) -> None:
        """Read what a result really says, how much of it may be luck, and show the report.

        It takes what backtest, optimize, walk_forward and backtest_batch gave::

            %analyze study
            %analyze study --deep --benchmark ETH-USDT -o analysis
            %analyze batch.top(1)[0].result() --basic

        Of a study the best trial's held-out run is read, of a walk-forward the
        stitched out-of-sample curve, of a batch the best combination; the verdict
        judges the whole. A job gives what it has so far. Trades and equity from
        elsewhere do as well, a DataFrame and a Series::

            %analyze trades equity

        Without a name it is the last result that was shown. Where data is too
        thin for a figure, the report says so in its place. --basic takes no
        time, --deep some minutes.
        """
        options = parse_line(self.analyze_results, line)
        namespace = self._shell.user_ns
        arguments = tool_arguments(options, self._settings.defaults_of_tools())
        depths = set(arguments.pop("analysis_type", ()))
        if len(depths) > 1:
            raise UsageError("Give one of --basic, --advanced and --deep.")
        if depths:
            arguments["analysis_type"] = depths.pop()
        if options.benchmark:
            arguments["benchmark"] = [_benchmark(word, namespace) for word in options.benchmark]
        arguments |= _what_to_read(options.names, namespace)
        if options.strategy:
            project = arguments.get("project")
            arguments["strategy"] = [choose_strategy(self._shell, CellBody(), name, project)
                                     for name in options.strategy]  # fmt: skip
        run_tool(self._shell, _tool, arguments, output=options.output, background=options.background,
                 parser=self.analyze_results.parser, call=MagicCall("analyze_results", line, None))


def results_in(namespace: Mapping[str, Any]) -> list[str]:
    """Return the names of the user's variables that hold a result, or a job that gives one."""
    return [name for name, value in list(namespace.items()) if not name.startswith("_") and _is_result(value)]


def result_named(names: list[str], namespace: Mapping[str, Any], magic: str) -> Any:
    """Return the one result that a magic's line names, or without a name the last one that was shown."""
    import pandas as pd

    if not names:
        return _whole(_last_result(namespace, magic))
    value = _value(names[0], namespace)
    if isinstance(value, pd.DataFrame | pd.Series):
        raise UsageError(f"{names[0]} is a table. {magic} needs the result that it came from: a table does not say "
                         "which candles its trades were made on.")
    if not _is_result(value):
        raise UsageError(f"{names[0]} is {type(value).__name__}, which is no result. {_known(names[0], namespace)}")
    return _whole(value)


def _is_result(value: Any) -> bool:
    from jesse_nb.core.jobs.job import Job
    from jesse_nb.core.tools.analyze.analysed_run import analysed_run

    if isinstance(value, Job):
        return value.kind in _JOBS
    return analysed_run.dispatch(type(value)) is not analysed_run.dispatch(object)


def _what_to_read(names: list[str], namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tool's arguments for the names on the line."""
    import pandas as pd

    if not names:
        return {"result": _whole(_last_result(namespace))}
    values = [_value(name, namespace) for name in names]
    if len(names) == 1 and isinstance(values[0], tuple | list) and len(values[0]) == 2:
        values = list(values[0])
    if len(values) > 2 or (len(values) == 2 and any(map(_is_result, values))):
        raise UsageError("%analyze reads one result at a time, or a table of trades and a series of equity.")
    if len(values) == 2:
        return dict(zip(("trades", "equity"), values, strict=True))
    if isinstance(values[0], pd.Series):
        return {"equity": values[0]}
    if isinstance(values[0], pd.DataFrame):
        raise UsageError(f"{names[0]} is a table. Give the equity, too: %analyze {names[0]} equity")
    if not _is_result(values[0]):
        raise UsageError(f"{names[0]} is {type(values[0]).__name__}, which is no result. {_known(names[0], namespace)}")
    return {"result": _whole(values[0])}


def _value(name: str, namespace: Mapping[str, Any]) -> Any:
    if not name.isidentifier():
        return evaluate(name, namespace, "RESULT")
    if name not in namespace:
        raise UsageError(f"No variable is called {name!r}. {_known(name, namespace)}")
    return namespace[name]


def _known(name: str, namespace: Mapping[str, Any]) -> str:
    """Name the results that could have been meant."""
    return did_you_mean(name, results_in(namespace)) or _MAKE_ONE


def _last_result(namespace: Mapping[str, Any], magic: str = "%analyze") -> Any:
    """Return the newest of IPython's last three outputs that can be analysed (an analysis is none)."""
    for name in ("_", "__", "___"):
        if _is_result(namespace.get(name)):
            return namespace[name]
    here = results_in(namespace)
    raise UsageError("No result was shown lately. "
                     + (f"Name one of {', '.join(here)}: {magic} {here[-1]}" if here else _MAKE_ONE))


def _whole(result: Any) -> Any:
    """Return a result, or of a job what it has."""
    from jesse_nb.core.jobs.job import Job

    if not isinstance(result, Job):
        return result
    partial = result.result() if result.state in ("finished", "failed") else result.partial_result()
    if partial is None:
        hint = "Wait for it: its result() does." if result.state == "running" else "It ended before it had anything."
        raise InputError(f"The job {result.id} has nothing to analyse.", hint)
    return partial


def _benchmark(word: str, namespace: Mapping[str, Any]) -> Any:
    """Return a Series that a variable or an expression gives, or else the word, which then is a symbol."""
    import pandas as pd

    if not (word in namespace or "." in word or "[" in word):
        return word
    value = evaluate(word, namespace, "--benchmark")
    if not isinstance(value, pd.Series):
        raise UsageError(f"--benchmark takes symbols and Series of prices, but {word} is {type(value).__name__}. "
                         "What is analysed comes first on the line.")
    return value


def _tool(**arguments: Any) -> Any:
    from jesse_nb.core.tools.analyze.analyze import analyze_results  # late, so that %load_ext stays quick

    return analyze_results(**arguments)
