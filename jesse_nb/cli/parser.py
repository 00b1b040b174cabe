"""What the command line takes: the tools' options as they are declared, and those of its own commands."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from jesse_nb.core.tools.declaration.line import options
from jesse_nb.core.tools.declaration.parameter import COMMAND, Parameter
from jesse_nb.core.tools.declaration.record_tools import RESULTS
from jesse_nb.core.tools.declaration.shared import STORE
from jesse_nb.core.tools.declaration.tool import Tool
from jesse_nb.core.tools.declaration.trading.trading_tools import TO_PROJECT
from jesse_nb.core.tools.registry import IMPORT_FILES, OPTIMIZE, TOOLS
from jesse_nb.exceptions import InputError, did_you_mean, shown

__all__ = ["DEMO_OPTIONS", "JOB_ACTIONS", "command_parser", "parse_command_line", "tool_of_command"]

#: What `jesse-nb jobs` does.
JOB_ACTIONS = ("list", "show", "cancel", "resume", "remove")

#: What the demo takes of an optimization.
DEMO_OPTIONS = ("n_trials", "n_jobs")

#: Characters of what argparse says, which repeats words of any length.
_LONGEST = 400


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as every other error of the package."""

    def __init__(self, **kwargs: Any) -> None:
        # abbreviations would make --trial mean --trials one day and --trial-timeout the next
        kwargs |= {"allow_abbrev": False, "formatter_class": argparse.RawDescriptionHelpFormatter}
        super().__init__(**kwargs)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse a word that is none of the choices; argparse would repeat one of any length."""
        if action.choices is not None and value not in action.choices:
            raise InputError(f"{self.prog} does not know {shown(value)}.",
                             f"{did_you_mean(value, action.choices)} See `{self.prog} --help`.".strip())

    def error(self, message: str) -> NoReturn:
        told = message if len(message) <= _LONGEST else f"{message[: _LONGEST - 1]}…"
        raise InputError(f"{told[0].upper()}{told[1:]}.", f"See `{self.prog} --help`.")


def parse_command_line(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of a command line; those of a tool are words yet.

    Raises
    ------
    InputError
        With one line that names the wrong word and its close matches.
    """
    parser, commands = _build()
    words = list(arguments)
    if words[:1] and tool_of_command(words[0]):  # where the strategy may also follow options
        line, rest = commands[words[0]].parse_known_intermixed_args(words[1:])
        line.command, line.version = words[0], False
    else:
        line, rest = parser.parse_known_args(words)
    if rest:
        command = commands[line.command]
        if rest[0].startswith("-"):
            flag = rest[0].partition("=")[0]
            raise InputError(f"{command.prog} has no option {flag[:80]}.",
                             did_you_mean(flag, command._option_string_actions))
        raise InputError(f"{command.prog} does not know what to do with {shown(rest[0])}.",
                         f"See `{command.prog} --help`.")
    return line


def tool_of_command(command: str) -> Tool | None:
    """Return the tool that a command runs; None where it is no tool's."""
    return next((tool for tool in TOOLS.values() if tool.command and tool.command == command), None)


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
    for tool in TOOLS.values():
        if tool.command:
            _add_tool(commands, tool)
    _add_tool(commands, RESULTS)
    _add_tool(commands, TO_PROJECT)
    _add_runs(commands)
    _add_jobs(commands)
    return parser, dict(commands.choices)


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser("demo", help="optimize the quickstart's strategy on the demo market",
                               description="Stores the demo market's candles (synthetic), optimizes the\n"
                                           "quickstart's strategy on them and writes an HTML report.")
    for name in DEMO_OPTIONS:
        _add_option(demo, OPTIMIZE.parameter(name))
    demo.add_argument("-o", "--output", default="jesse-nb-demo-report.html", metavar="FILE",
                      help="where the report goes (jesse-nb-demo-report.html)")


def _add_tool(commands: Any, tool: Tool) -> None:
    command = commands.add_parser(tool.command, help=_begun(tool.summary), description=tool.summary, epilog=tool.note)
    for title, parameters in tool.groups(COMMAND):
        group = command.add_argument_group(title or None)
        for parameter in parameters:
            _add_option(group, parameter)


def _add_option(group: Any, parameter: Parameter) -> None:
    for flags, how in options(parameter):
        group.add_argument(*flags, **how)


def _begun(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".")


def _add_candles(commands: Any) -> None:
    candles = commands.add_parser("candles", help="list, import or delete stored candles")
    actions = candles.add_subparsers(dest="action", metavar="list | demo | fetch | import | funding | export | check | "
                                                            "delete | database | from-database | to-database")
    listing = actions.add_parser("list", help="what is stored")
    demo = actions.add_parser("demo", help="store the demo market (synthetic)")
    demo.add_argument("-s", "--symbol", dest="symbols", nargs="+", metavar="SYMBOL",
                      help="which symbols of it (all)")
    demo.add_argument("--start", metavar="DATE", help="first moment to generate (2023-01-01)")
    demo.add_argument("--end", metavar="DATE", help="end of the period (2024-07-01)")
    demo.add_argument("--seed", type=_whole, metavar="N", help="another seed is another market")
    fetch = actions.add_parser("fetch", help="fetch candles from an exchange; again to go on where it stopped")
    fetch.add_argument("names", nargs="*", metavar="EXCHANGE SYMBOL START [END]",
                       help="'Binance Spot' BTC-USDT 2023-01-01; with --update, symbols")
    fetch.add_argument("--update", action="store_true", help="bring stored series up to now")
    imports = actions.add_parser("import",
                                 help="store candles from Parquet, Feather, JSON or CSV files, plain or packed")
    imports.add_argument("files", nargs="+", metavar="FILE",
                         help="files, patterns such as 'BTCUSDT-1m-*.zip', or a folder of an archive or of freqtrade")
    imports.add_argument("-s", "--symbol", metavar="SYMBOL", help="BTC-USDT for example; not needed for a folder")
    imports.add_argument("--exchange", required=True, metavar="NAME", help="'Binance Spot' for example")
    for parameter in IMPORT_FILES.on(COMMAND):
        _add_option(imports, parameter)
    funding = actions.add_parser("funding", help="store funding rates of one market from files")
    funding.add_argument("files", nargs="+", metavar="FILE",
                         help="tables of time and rate, or what Binance, Bybit and OKX give")
    funding.add_argument("-s", "--symbol", required=True, metavar="SYMBOL", help="BTC-USDT for example")
    funding.add_argument("--exchange", required=True, metavar="NAME", help="that of the market's candles")
    for action in (fetch, imports, funding):
        action.add_argument("--replace", action="store_true", help="let new ones win over stored ones that differ")
    export = actions.add_parser("export", help="write a stored series to a file")
    export.add_argument("symbol", metavar="SYMBOL", help="BTC-USDT for example")
    export.add_argument("file", metavar="FILE", help="ends in .parquet, .csv, .csv.gz or .feather")
    export.add_argument("-t", "--timeframe", metavar="TIMEFRAME", help="put minutes together, to 1h for example (1m)")
    export.add_argument("--replace", action="store_true", help="replace an existing file")
    check = actions.add_parser("check", help="look for gaps, spikes, silence and repeated days")
    check.add_argument("symbol", metavar="SYMBOL", help="BTC-USDT for example")
    check.add_argument("--deviations", type=float, metavar="K", help="robust deviations that make a spike (25)")
    check.add_argument("--quiet-minutes", type=_whole, metavar="N", help="silent minutes worth mentioning (60)")
    check.add_argument("-o", "--output", metavar="FILE", help="write the report as HTML")
    database, from_database, to_database = _add_database(actions)
    for action in (export, check, from_database, to_database):
        action.add_argument("--start", metavar="DATE", help="only from then on")
        action.add_argument("--end", metavar="DATE", help="only before then")
    for action in (fetch, export, check, from_database, to_database):
        action.add_argument("--exchange", metavar="NAME", help="needed when several stored exchanges have the symbol")
    delete = actions.add_parser("delete", help="delete stored series")
    delete.add_argument("symbols", nargs="+", metavar="SYMBOL", help="BTC-USDT for example")
    delete.add_argument("--exchange", metavar="NAME",
                        help="needed when several stored exchanges have the symbol")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    for action in (candles, listing, demo, fetch, imports, funding, export, check, delete, database, from_database,
                   to_database):
        # on both levels, so that `candles --candles DIR` and `candles list --candles DIR` mean the same
        action.add_argument("--candles", default=argparse.SUPPRESS, metavar="FOLDER",
                            help="folder that keeps the candles")


def _add_database(actions: Any) -> tuple[argparse.ArgumentParser, ...]:
    database = actions.add_parser("database", help="what a Jesse project's PostgreSQL has")
    from_database = actions.add_parser("from-database", help="copy series from it; without a symbol, everything")
    from_database.add_argument("symbols", nargs="*", metavar="SYMBOL", help="BTC-USDT for example")
    from_database.add_argument("--replace", action="store_true",
                               help="let its candles win over stored ones that differ")
    to_database = actions.add_parser("to-database", help="add stored series to it")
    to_database.add_argument("symbols", nargs="+", metavar="SYMBOL", help="BTC-USDT for example")
    for action in (database, from_database, to_database):
        action.add_argument("--project", metavar="FOLDER", help="the Jesse project (the working directory)")
    return database, from_database, to_database


def _add_runs(commands: Any) -> None:
    runs = commands.add_parser("runs", help="the newest finished backtests of this folder")
    runs.add_argument("-n", "--limit", type=_whole, metavar="N", help="how many (20)")
    runs.add_argument("--ledger", action="store_true",
                      help="in place of the newest: how many there are on the same data, by strategy")
    _add_option(runs, STORE)


def _add_jobs(commands: Any) -> None:
    jobs = commands.add_parser("jobs", help="what runs, was interrupted or failed; show, cancel, resume or remove one")
    jobs.add_argument("action", nargs="?", default="list", choices=JOB_ACTIONS, metavar="ACTION",
                      help=f"{', '.join(JOB_ACTIONS[:-1])} or {JOB_ACTIONS[-1]} (list)")
    jobs.add_argument("ids", nargs="*", metavar="ID", help="of the job; cancel and remove take several")
    jobs.add_argument("--all", dest="everything", action="store_true",
                      help="list what has finished or was cancelled in the last weeks, too")


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a whole number is expected, not {text!r}") from None
