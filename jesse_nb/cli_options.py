"""What the command line takes: the flags of the magics, told apart from the tools' own defaults."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from jesse_nb.core.study.literal import literal
from jesse_nb.core.tools.words import bytes_of_megabytes, jobs_of
from jesse_nb.exceptions import InputError, did_you_mean

__all__ = ["command_parser", "parse_command_line"]


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as every other error of the package."""

    def __init__(self, **kwargs: Any) -> None:
        # abbreviations would make --trial mean --trials one day and --trial-timeout the next
        kwargs |= {"allow_abbrev": False, "formatter_class": argparse.RawDescriptionHelpFormatter}
        super().__init__(**kwargs)

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[0].upper()}{message[1:]}.", f"See `{self.prog} --help`.")


def parse_command_line(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of a command line.

    Raises
    ------
    InputError
        With one line that names the wrong word and its close matches.
    """
    parser, commands = _build()
    options, rest = parser.parse_known_args(list(arguments))
    if rest:
        command = commands[options.command]
        if rest[0].startswith("-"):
            flag = rest[0].partition("=")[0]
            raise InputError(f"{command.prog} has no option {flag}.",
                             did_you_mean(flag, command._option_string_actions))
        raise InputError(f"{command.prog} does not know what to do with {rest[0]!r}.",
                         f"See `{command.prog} --help`.")
    return options


def command_parser(command: str) -> argparse.ArgumentParser:
    """Return the parser of one command's options."""
    return _build()[1][command]


def _build() -> tuple[_Parser, dict[str, argparse.ArgumentParser]]:
    parser = _Parser(prog="jesse-nb", description="A research bench for the Jesse trading framework.")
    parser.add_argument("--version", action="store_true", help="show the version and end")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_demo(commands)
    commands.add_parser("lab", help="open JupyterLab on the example notebooks", add_help=False)
    _add_candles(commands)
    _add_backtest(commands)
    _add_backtest_batch(commands)
    _add_optimize(commands)
    _add_walk_forward(commands)
    _add_analyze(commands)
    _add_runs(commands)
    return parser, dict(commands.choices)


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser("demo", help="optimize the quickstart's strategy on the demo market",
                               description="Stores the demo market's candles (synthetic), optimizes the\n"
                                           "quickstart's strategy on them and writes an HTML report.")
    demo.add_argument("-n", "--trials", type=_whole, default=100, metavar="N",
                      help="parameter sets to try (100)")
    demo.add_argument("-j", "--jobs", type=jobs_of, metavar="N|ray",
                      help="simulations at the same time, or a Ray cluster (all cores)")
    demo.add_argument("-o", "--output", default="jesse-nb-demo-report.html", metavar="FILE",
                      help="where the report goes (jesse-nb-demo-report.html)")


def _add_candles(commands: Any) -> None:
    candles = commands.add_parser("candles", help="list, import or delete stored candles")
    actions = candles.add_subparsers(dest="action", metavar="list | demo | fetch | import | export | check | delete | "
                                                            "database | from-database | to-database")
    shown = actions.add_parser("list", help="what is stored")
    demo = actions.add_parser("demo", help="store the demo market (synthetic)")
    demo.add_argument("-s", "--symbol", dest="symbols", nargs="+", metavar="SYMBOL",
                      help="which symbols of it (all)")
    demo.add_argument("--start", metavar="DATE", help="first moment to generate (2023-01-01)")
    demo.add_argument("--end", metavar="DATE", help="end of the period (2024-07-01)")
    demo.add_argument("--seed", type=_whole, metavar="N", help="another seed is another market")
    asked = actions.add_parser("fetch", help="fetch candles from an exchange; again to go on where it stopped")
    asked.add_argument("names", nargs="*", metavar="EXCHANGE SYMBOL START [END]",
                       help="'Binance Spot' BTC-USDT 2023-01-01; with --update, symbols")
    asked.add_argument("--update", action="store_true", help="bring stored series up to now")
    taken = actions.add_parser("import", help="store candles from Parquet, Feather, JSON or CSV files, plain or zipped")
    taken.add_argument("files", nargs="+", metavar="FILE",
                       help="files, patterns such as 'BTCUSDT-1m-*.zip', or a folder of an archive or of freqtrade")
    taken.add_argument("-s", "--symbol", metavar="SYMBOL", help="BTC-USDT for example; not needed for a folder")
    taken.add_argument("--exchange", required=True, metavar="NAME", help="'Binance Spot' for example")
    taken.add_argument("--columns", metavar="NAME,NAME,...",
                       help="what a text file's columns are, in order, - for one without a use")
    for new in (asked, taken):
        new.add_argument("--replace", action="store_true", help="let new candles win over stored ones that differ")
    given = actions.add_parser("export", help="write a stored series to a file")
    given.add_argument("symbol", metavar="SYMBOL", help="BTC-USDT for example")
    given.add_argument("file", metavar="FILE", help="ends in .parquet, .csv, .csv.gz or .feather")
    given.add_argument("-t", "--timeframe", metavar="TIMEFRAME", help="put minutes together, to 1h for example (1m)")
    given.add_argument("--replace", action="store_true", help="replace an existing file")
    tested = actions.add_parser("check", help="look for gaps, spikes, silence and repeated days")
    tested.add_argument("symbol", metavar="SYMBOL", help="BTC-USDT for example")
    tested.add_argument("--deviations", type=float, metavar="K", help="robust deviations that make a spike (25)")
    tested.add_argument("--quiet-minutes", type=_whole, metavar="N", help="silent minutes worth mentioning (60)")
    tested.add_argument("-o", "--output", metavar="FILE", help="write the report as HTML")
    there, copied, added = _add_database(actions)
    for part in (given, tested, copied, added):
        part.add_argument("--start", metavar="DATE", help="only from then on")
        part.add_argument("--end", metavar="DATE", help="only before then")
    for one in (asked, given, tested, copied, added):
        one.add_argument("--exchange", metavar="NAME", help="needed when several stored exchanges have the symbol")
    gone = actions.add_parser("delete", help="delete stored series")
    gone.add_argument("symbols", nargs="+", metavar="SYMBOL", help="BTC-USDT for example")
    gone.add_argument("--exchange", metavar="NAME",
                      help="needed when several stored exchanges have the symbol")
    gone.add_argument("--yes", action="store_true", help="do not ask")
    for action in (candles, shown, demo, asked, taken, given, tested, gone, there, copied, added):
        # on both levels, so that `candles --candles DIR` and `candles list --candles DIR` mean the same
        action.add_argument("--candles", default=argparse.SUPPRESS, metavar="FOLDER",
                            help="folder that keeps the candles")


def _add_database(actions: Any) -> tuple[argparse.ArgumentParser, ...]:
    there = actions.add_parser("database", help="what a Jesse project's PostgreSQL has")
    copied = actions.add_parser("from-database", help="copy series from it; without a symbol, everything")
    copied.add_argument("symbols", nargs="*", metavar="SYMBOL", help="BTC-USDT for example")
    copied.add_argument("--replace", action="store_true", help="let its candles win over stored ones that differ")
    added = actions.add_parser("to-database", help="add stored series to it")
    added.add_argument("symbols", nargs="+", metavar="SYMBOL", help="BTC-USDT for example")
    for action in (there, copied, added):
        action.add_argument("--project", metavar="FOLDER", help="the Jesse project (the working directory)")
    return there, copied, added


def _add_backtest(commands: Any) -> None:
    backtest = commands.add_parser("backtest", help="run one backtest", epilog=_STRATEGY)
    backtest.add_argument("strategy", metavar="STRATEGY", help="a Python file, or a name in a Jesse project")
    _add_shared(backtest)


def _add_backtest_batch(commands: Any) -> None:
    batch = commands.add_parser("backtest-batch", help="compare strategies, markets, periods and parameter sets",
                                description="Runs every combination; one that fails costs no other.",
                                epilog=_STRATEGY)
    batch.add_argument("strategies", nargs="+", metavar="STRATEGY",
                       help="Python files, or names in a Jesse project, before all options")
    compared = batch.add_argument_group("what is compared")
    compared.add_argument("--params", nargs="+", metavar="NAME=VALUE,VALUE",
                          help="parameter sets: a grid (fast=5,10 slow=30,60), a CSV of Jesse's optimizer or its "
                               "DNA; by default the file's `params` or the strategy's own values")
    compared.add_argument("--top", type=_whole, metavar="N", help="of a CSV, how many of the best are taken (10)")
    compared.add_argument("--metric", metavar="METRIC", help="what the report ranks by (sharpe)")
    compared.add_argument("-j", "--concurrent-limit", "--jobs", dest="concurrent_limit", type=jobs_of,
                          metavar="N|ray", help="simulations at the same time, or a Ray cluster: ray, "
                                                "ray://HOST:10001 (4, or one a core where there are fewer)")
    compared.add_argument("--large", action="store_true", default=None, help="allow more than 1,000 combinations")
    _add_shared(batch, several=True)


def _add_optimize(commands: Any) -> None:
    optimize = commands.add_parser("optimize", help="find the best hyperparameters", epilog=_STRATEGY)
    optimize.add_argument("strategy", metavar="STRATEGY", help="a Python file, or a name in a Jesse project")
    search = optimize.add_argument_group("what is searched")
    _add_search(search, trials="parameter sets to try (100)")
    search.add_argument("--pruner", metavar="NAME", help="which trials are stopped on the way: none (default); median, "
                        "those that do worse than half of the earlier ones did by then; or quartile, worse than the "
                        "best quarter")
    search.add_argument("--top", type=_whole, metavar="N",
                        help="how many of the best trials are kept and tested (10)")
    held_out = optimize.add_argument_group("held-out period, on which only the best trials run")
    held_out.add_argument("--test-start", metavar="DATE", help="where the held-out period starts")
    held_out.add_argument("--test-end", metavar="DATE", help="where it ends (the period's end)")
    held_out.add_argument("--test-ratio", type=float, metavar="FRACTION",
                          help="share of the period held out at its end (0.25); 0 holds nothing out")
    held_out.add_argument("--holdout", metavar="DAYS",
                          help="seal the last days, 90d for example: neither search nor test sees them")
    checks = optimize.add_argument_group("checks of the best trials, on the training period")
    checks.add_argument("--neighbours", type=_whole, metavar="STEPS",
                        help="how many steps of each parameter the best five are looked around (1); 0 for none")
    checks.add_argument("--no-parity", dest="parity", action="store_false", default=None,
                        help="do not run the best trial again in step mode, whose trades and profit must be the same")
    _add_shared(optimize)


def _add_walk_forward(commands: Any) -> None:
    walk = commands.add_parser("walk-forward", help="optimize on the past, test on what came after, repeatedly",
                               epilog=_STRATEGY + "--param without --space: these are the parameters of every window, "
                                                  "and nothing is searched.\n")
    walk.add_argument("strategy", nargs="?", metavar="STRATEGY",
                      help="a Python file, or a name in a Jesse project; not needed for --show-windows")
    windows = walk.add_argument_group("windows, in days")
    windows.add_argument("--in-sample-period", type=_whole, metavar="DAYS", help="training of one window (365)")
    windows.add_argument("--out-sample-period", type=_whole, metavar="DAYS", help="test of one window (30)")
    windows.add_argument("--step-forward", type=_whole, metavar="DAYS",
                         help="from one window to the next (7); where tests overlap, the newest model counts")
    windows.add_argument("--gap", type=_whole, metavar="DAYS",
                         help="left out between training and testing, or between groups (0)")
    windows.add_argument("--anchored", action="store_true", default=None,
                         help="let every window train from the start on")
    windows.add_argument("--show-windows", action="store_true", help="print where they lie, and run nothing")
    cross_validation = walk.add_argument_group("cross-validation in place of windows")
    cross_validation.add_argument("--split", metavar="windows|cpcv",
                                  help="cpcv: combinatorial purged cross-validation (windows)")
    cross_validation.add_argument("--groups", type=_whole, metavar="N", help="parts that the period is cut into (6)")
    cross_validation.add_argument("--test-groups", type=_whole, metavar="N", help="parts that each split tests on (2)")
    _add_search(walk.add_argument_group("what is searched in each window"),
                trials="parameter sets to try in each window, or candidates of a cross-validation (30)")
    _add_shared(walk)


def _add_search(search: Any, trials: str) -> None:
    search.add_argument("--space", nargs="+", metavar="NAME=RANGE",
                        help="fast=5:30 stop=1.0:5.0:0.5 size=0.01:1:log mode=a,b; by default the file's "
                             "`space` or the strategy's own hyperparameters()")
    search.add_argument("--metric", nargs="+", metavar="METRIC",
                        help="sharpe (default), calmar, profit, 'win rate', 'max drawdown', 'jesse score', "
                             "..., or a function of the file; several give a Pareto front")
    search.add_argument("--constraint", "--constraints", dest="constraints", nargs="+", action="extend",
                        metavar="RULE", help="what the best must keep: 'trades >= 30' 'max_drawdown < 25' (positive "
                                             "percent), or functions of the file that return True or False")
    search.add_argument("-n", "--trials", "--n-trials", dest="n_trials", type=_whole, metavar="N", help=trials)
    search.add_argument("-j", "--jobs", "--n-jobs", dest="n_jobs", type=jobs_of, metavar="N|ray",
                        help="simulations at the same time, or a Ray cluster: ray, ray://HOST:10001 (all cores)")
    search.add_argument("--sampler", metavar="NAME", help="tpe (default), random, grid, cmaes or nsga2")
    search.add_argument("--seed", type=_whole, metavar="N", help="another seed draws other parameters (0)")
    search.add_argument("--timeout", type=float, metavar="SECONDS",
                        help="end after this time with what is there")


def _add_analyze(commands: Any) -> None:
    analyze = commands.add_parser(
        "analyze", help="read what a finished run really says",
        description="Reads one run of the run store: its trades, its risk, and how much of it may be luck.",
    )  # fmt: skip
    analyze.add_argument("key", type=_key, metavar="KEY",
                         help="first digits of the key of a run that `jesse-nb runs` shows")
    depth = analyze.add_argument_group("how deep").add_mutually_exclusive_group()
    for name, what in (("basic", "trades, drawdowns and returns; at once"),
                       ("advanced", "and ratios with intervals, the market, excursions, regimes, costs (default)"),
                       ("deep", "and Monte Carlo, patterns, what is known at entry")):  # fmt: skip
        depth.add_argument(f"--{name}", dest="analysis_type", action="store_const", const=name, help=what)
    what = analyze.add_argument_group("what is computed")
    what.add_argument("--benchmark", nargs="+", metavar="SYMBOL",
                      help="stored symbols to compare with, beside those that the run traded")
    what.add_argument("--ruin", nargs="+", type=float, metavar="PERCENT",
                      help="drawdowns whose probability is asked for (20 30 50)")
    what.add_argument("--paths", type=_whole, metavar="N",
                      help="of each Monte Carlo that needs no simulation (10000)")
    what.add_argument("--scenarios", type=_whole, metavar="N",
                      help="markets that could have been, simulated in a deep analysis (50)")
    what.add_argument("--seed", type=_whole, metavar="N", help="of all that is drawn at random (0)")
    for name, left_out in (("trade-analysis", "single trades"), ("correlation", "benchmarks"),
                           ("monte-carlo", "the Monte Carlo")):  # fmt: skip
        what.add_argument(f"--no-{name}", dest=f"include_{name.replace('-', '_')}", action="store_false",
                          default=None, help=f"leave out {left_out}")
    again = analyze.add_argument_group("how it simulates again: at 2 and 3 times the fee, and on other candles")
    again.add_argument("--no-resimulation", dest="resimulate", action="store_false", default=None,
                       help="simulate nothing")
    again.add_argument("--strategy", metavar="FILE",
                       help="your own file of the run's strategy: what the run store holds is not run unasked")
    again.add_argument("--trust", action="store_true",
                       help="run the strategy as the run store holds it, without a question")
    again.add_argument("-j", "--jobs", "--n-jobs", dest="n_jobs", type=jobs_of, metavar="N|ray",
                       help="simulations at the same time, or a Ray cluster: ray, ray://HOST:10001 (all cores)")
    _add_limits_and_folders(again)
    _add_output(analyze)


def _add_runs(commands: Any) -> None:
    runs = commands.add_parser("runs", help="the newest finished backtests of this folder")
    runs.add_argument("-n", "--limit", type=_whole, metavar="N", help="how many (20)")
    runs.add_argument("--ledger", action="store_true",
                      help="in place of the newest: how many there are on the same data, by strategy")
    runs.add_argument("--store", metavar="PLACE",
                      help="file or postgresql://user@host/database that keeps finished runs")


def _add_shared(command: argparse.ArgumentParser, *, several: bool = False) -> None:
    market = command.add_argument_group("markets and periods" if several else "market and period")
    if several:
        market.add_argument("-s", "--symbols", "--symbol", dest="symbols", nargs="+", metavar="SYMBOL",
                            help="BTC-USDT ETH-USDT for example")
        market.add_argument("-t", "--timeframes", "--timeframe", dest="timeframes", nargs="+", metavar="TIMEFRAME",
                            help="1h 4h for example")
        market.add_argument("--periods", nargs="+", type=_period, metavar="START..END",
                            help="in place of --start and --end: several, 2023-01-01..2023-07-01 for example")
    else:
        market.add_argument("-s", "--symbol", metavar="SYMBOL",
                            help="market that is traded, BTC-USDT for example")
        market.add_argument("-t", "--timeframe", metavar="TIMEFRAME",
                            help="timeframe that is traded, 1h for example")
    market.add_argument("--start", metavar="DATE", help="first moment that is traded, UTC: 2024-01-31")
    market.add_argument("--end", metavar="DATE", help="end of the period, UTC; itself not traded")
    market.add_argument("--exchange", metavar="NAME",
                        help="needed when several stored exchanges have the symbol")
    market.add_argument("--data-routes", nargs="+", type=_watched, metavar="SYMBOL:TIMEFRAME",
                        help="markets that the strategy looks at without trading them")
    market.add_argument("--gaps", metavar="fill|keep",
                        help="what is done with minutes that have no candle (fill)")
    market.add_argument("--source", metavar="auto|store|database",
                        help="where candles come from that the store lacks: the Jesse project's database, if there "
                             "is one (auto), or nowhere; with database, its candles are copied in any case")
    market.add_argument("--warm-up-candles", type=_whole, metavar="N",
                        help="candles that the strategy sees before the start (240)")
    account = command.add_argument_group("account")
    account.add_argument("--account", choices=("project",), metavar="project",
                         help="what is not given here is as in the dashboard of the Jesse project")
    account.add_argument("--balance", type=float, metavar="AMOUNT", help="in the quote currency (10000)")
    account.add_argument("--fee", type=float, metavar="FRACTION",
                         help="of each fill: 0.001 is 0.1 %% (0.001)")
    account.add_argument("--market", metavar="futures|spot", help="kind of account (futures)")
    account.add_argument("--leverage", type=_whole, metavar="N", help="futures only (1)")
    account.add_argument("--leverage-mode", metavar="cross|isolated", help="futures only (cross)")
    account.add_argument("--maintenance-margin", type=float, metavar="FRACTION",
                         help="of the value of open positions, at which a cross account is ruined: 0.004 is 0.4 %% "
                              "(0.004)")
    run = command.add_argument_group("how it runs")
    run.add_argument("--param", "--hyperparameters", dest="hyperparameters", nargs="+", action="extend",
                     type=_named_value, metavar="NAME=VALUE", help="fixed hyperparameters")
    run.add_argument("--mode", metavar="fast|step",
                     help="Jesse's simulation mode (fast); compare within one only")
    _add_limits_and_folders(run)
    _add_output(run)


def _add_limits_and_folders(run: Any) -> None:
    run.add_argument("--trial-timeout", type=float, metavar="SECONDS",
                     help="time one simulation may take (600)")
    run.add_argument("--memory-limit", type=bytes_of_megabytes, metavar="MEGABYTES",
                     help="memory one simulation may take (its share of the machine's); Linux only")
    run.add_argument("--project", metavar="FOLDER", help="Jesse project, for a strategy by name (this folder)")
    run.add_argument("--candles", metavar="FOLDER", help="folder that keeps the candles (in the user's data folder)")
    run.add_argument("--store", metavar="PLACE",
                     help="file or postgresql://user@host/database that keeps finished runs (.jesse_nb/runs.sqlite)")


def _add_output(command: Any) -> None:
    command.add_argument("-o", "--output", "--html", dest="output", metavar="FILE",
                         help="write the report as an HTML page")


_STRATEGY = """\
STRATEGY is a Python file with one class derived from jesse.strategies.Strategy (file.py:Name picks one of
several), or the name of a strategy in the Jesse project of this folder or of --project.
"""


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a whole number is expected, not {text!r}") from None


def _key(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]+", text):
        raise argparse.ArgumentTypeError(f"the first digits of a run's key are expected, not {text!r}")
    return text.lower()


def _period(text: str) -> tuple[str, str]:
    start, dots, end = text.partition("..")
    if not (start and dots and end):
        raise argparse.ArgumentTypeError(f"START..END is expected, such as 2023-01-01..2023-07-01, not {text!r}")
    return start, end


def _watched(text: str) -> tuple[str, ...]:
    parts = tuple(text.split(":"))
    if len(parts) != 2 or not all(parts):
        raise argparse.ArgumentTypeError(f"SYMBOL:TIMEFRAME is expected, such as ETH-USDT:4h, not {text!r}")
    return parts


def _named_value(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"NAME=VALUE is expected, not {text!r}")
    return name, literal(value)
