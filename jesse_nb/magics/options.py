"""The options that magics share: their flags, their help and their errors.

A flag is its parameter's name with dashes, so ``--trial-timeout 60`` on a line
is ``trial_timeout=60`` in Python. An option left out is None here and then not
passed on: the defaults live in the tools alone.
"""

# IPython is not fully typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import argparse
import keyword
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from IPython.core.error import UsageError
from IPython.core.magic_arguments import ArgDecorator, argument, argument_group
from IPython.utils.process import arg_split  # type: ignore[attr-defined]

from jesse_nb.core.tools.words import bytes_of_megabytes
from jesse_nb.exceptions import did_you_mean

__all__ = [
    "STRATEGY_ARGUMENT",
    "account_options",
    "flags_of",
    "market_options",
    "markets_options",
    "number",
    "option_group",
    "output_options",
    "parse_line",
    "rerun_options",
    "run_options",
    "tool_arguments",
    "whole_number",
]

Method = TypeVar("Method", bound=Callable[..., Any])

#: Parsed options that the front end itself uses, and no tool takes.
_FRONT_END = ("strategy", "routes", "output", "background", "show_windows", "names")


def option_group(title: str, *options: argument) -> Callable[[Method], Method]:
    """Return a decorator that gives a magic these options under one heading of its help."""

    def decorate(method: Method) -> Method:
        decorators: tuple[ArgDecorator, ...] = (argument_group(title), *options)
        for decorator in reversed(decorators):  # IPython reads them from the last to the first
            method = decorator(method)
        return method

    return decorate


def whole_number(text: str) -> int:
    """Return a whole number that was written as an option's value (``1_000`` and ``1e3`` too)."""
    value = _finite(text)
    if value is None or value != int(value):
        raise argparse.ArgumentTypeError(f"a whole number is expected, not {text!r}")
    return int(value)


def number(text: str) -> float:
    """Return a finite number that was written as an option's value."""
    value = _finite(text)
    if value is None:
        raise argparse.ArgumentTypeError(f"a number is expected, not {text!r}")
    return value


def _finite(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _name(text: str) -> str:
    if not text.isidentifier() or keyword.iskeyword(text):
        raise argparse.ArgumentTypeError(f"a variable's name is expected, not {text!r}")
    return text


STRATEGY_ARGUMENT = argument(
    "strategy",
    nargs="?",
    metavar="STRATEGY",
    help="Which strategy of the cell, of the notebook or of the Jesse project; "
    "not needed when the cell defines one.",
)

_PERIOD_AND_DATA = (
    argument(
        "--start", metavar="DATE", help="First moment that is traded, UTC: 2024-01-31, or '2024-01-31 12:00'."
    ),
    argument("--end", metavar="DATE", help="End of the period, UTC; that moment itself is not traded."),
    argument(
        "--exchange",
        metavar="NAME",
        help="Exchange whose stored candles are used; needed only when several have the symbol.",
    ),
    argument(
        "--data-routes",
        metavar="SYMBOL:TIMEFRAME",
        nargs="+",
        help="Markets that the strategy looks at without trading them, of the same exchange.",
    ),
    argument("--gaps", metavar="fill|keep", help="What is done with minutes that have no candle (fill)."),
    argument(
        "--source",
        metavar="auto|store|database",
        help="Where candles come from that the store lacks: the Jesse project's database, if there is one (auto), "
        "or nowhere; with database, its candles are copied in any case.",
    ),
    argument(
        "--warm-up-candles",
        metavar="N",
        type=whole_number,
        help="Candles that the strategy sees before the start (240).",
    ),
)

market_options = option_group(
    "market and period",
    argument("-s", "--symbol", metavar="SYMBOL", help="Market that is traded, BTC-USDT for example."),
    argument("-t", "--timeframe", metavar="TIMEFRAME", help="Timeframe that is traded, 1h for example."),
    argument(
        "--routes",
        metavar="SYMBOL:TIMEFRAME[:STRATEGY]",
        nargs="+",
        help="In place of -s and -t: several markets, traded at once from one account.",
    ),
    *_PERIOD_AND_DATA,
)

markets_options = option_group(
    "markets and periods, of which every combination runs",
    argument(
        "-s",
        "--symbols",
        "--symbol",
        dest="symbols",
        nargs="+",
        metavar="SYMBOL",
        help="Markets that are traded, BTC-USDT ETH-USDT for example.",
    ),
    argument(
        "-t",
        "--timeframes",
        "--timeframe",
        dest="timeframes",
        nargs="+",
        metavar="TIMEFRAME",
        help="Timeframes that are traded, 1h 4h for example.",
    ),
    argument(
        "--periods",
        nargs="+",
        metavar="START..END",
        help="In place of --start and --end: several, 2023-01-01..2023-07-01 for example.",
    ),
    *_PERIOD_AND_DATA,
)

account_options = option_group(
    "account",
    argument("--account", choices=("project",), help="What is not given is as in the Jesse project's dashboard."),
    argument("--balance", metavar="AMOUNT", type=number, help="Starting balance in the quote currency (10,000)."),
    argument(
        "--fee", metavar="FRACTION", type=number, help="Fee of one fill as a fraction: 0.001 is 0.1 %% (0.001)."
    ),
    argument("--market", metavar="futures|spot", help="Kind of account (futures)."),
    argument("--leverage", metavar="N", type=whole_number, help="Leverage of a futures account (1)."),
    argument("--leverage-mode", metavar="cross|isolated", help="Margin mode of a futures account (cross)."),
    argument(
        "--maintenance-margin", metavar="FRACTION", type=number,
        help="Fraction of the value of open positions at which a cross account is ruined: 0.004 is 0.4 %% (0.004).",
    ),
)

_LIMITS_AND_FOLDERS = (
    argument("--trial-timeout", metavar="SECONDS", type=number, help="Seconds that one simulation may take (600)."),
    argument(
        "--memory-limit",
        metavar="MEGABYTES",
        type=bytes_of_megabytes,
        help="Memory that one simulation may take (its share of the machine's). Linux only.",
    ),
    argument(
        "--project",
        metavar="FOLDER",
        help="Jesse project with strategies and a database, when the notebook lies elsewhere (the working directory).",
    ),
    argument("--candles", metavar="FOLDER", help="Folder that keeps the candles (in the user's data folder)."),
    argument("--store", metavar="PLACE",
             help="File or postgresql://user@host/database that keeps finished runs (.jesse_nb/runs.sqlite)."),
)

run_options = option_group(
    "how it runs",
    argument(
        "--mode", metavar="fast|step", help="Jesse's simulation mode; compare results within one only (fast)."
    ),
    *_LIMITS_AND_FOLDERS,
)

rerun_options = option_group("how it simulates again", *_LIMITS_AND_FOLDERS)

output_options = option_group(
    "output",
    argument(
        "-o",
        "--output",
        metavar="NAME",
        type=_name,
        help="Variable that holds the result; after a failure or an interrupt it holds the job, "
        "whose partial_result() is what had finished.",
    ),
    argument(
        "-b",
        "--background",
        action="store_true",
        help="Return at once. NAME is then the job: NAME.result() waits for its result, "
        "NAME.cancel() ends it.",
    ),
)


def parse_line(magic: Callable[..., Any], line: str) -> argparse.Namespace:
    """Return the options on a magic's line.

    Parameters
    ----------
    magic
        The magic's method, decorated with ``magic_arguments``.
    line
        What follows the magic's name.

    Raises
    ------
    UsageError
        With one line that names the wrong option and its close matches.
    """
    parser: argparse.ArgumentParser = magic.parser  # type: ignore[attr-defined]
    parser.allow_abbrev = False  # --trial would else mean --trials one day and --trial-timeout the next
    try:
        words = arg_split(line, posix=True)
    except ValueError as error:
        raise UsageError(f"%{parser.prog}: the line cannot be split into words: {error}.") from error
    options, rest = parser.parse_known_intermixed_args(words)  # names may also follow flags
    for word in rest:
        if word.startswith("-"):
            flag = word.partition("=")[0]
            raise UsageError(f"%{parser.prog} has no option {flag}. {did_you_mean(flag, flags_of(magic))}")
        raise UsageError(
            f"%{parser.prog} does not know what to do with {word!r}. `%{parser.prog}?` shows its options."
        )
    return options


def flags_of(magic: Callable[..., Any]) -> list[str]:
    """Return all the flags that a magic takes, short and long."""
    parser: argparse.ArgumentParser = magic.parser  # type: ignore[attr-defined]
    return sorted(parser._option_string_actions)


def tool_arguments(options: argparse.Namespace, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tool's keyword arguments: what the line says, then what ``%config JesseNb`` says."""
    on_the_line = {name: value for name, value in vars(options).items() if name not in _FRONT_END}
    chosen = {name: defaults.get(name) if value is None else value for name, value in on_the_line.items()}
    if chosen.get("candles") is not None:
        from jesse_nb.core.candles import CandleStore

        chosen["candles"] = CandleStore(chosen["candles"])
    arguments = {name: value for name, value in chosen.items() if value is not None}
    if arguments.pop("account", None):
        from IPython.display import display

        from jesse_nb.core.tools.project_account import with_project_account
        from jesse_nb.widgets.display import Note

        arguments, sentence = with_project_account(arguments)
        display(Note(sentence))
    return arguments
