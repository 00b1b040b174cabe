"""The arguments that tools share: markets, account, how they run, where things are kept, output."""

from __future__ import annotations

from jesse_nb.core.tools.declaration.markets import (
    EXCHANGE,
    FeeRate,
    FundingRate,
    Periods,
    Routes,
    Several,
    Strategy,
    Symbol,
    Timeframe,
)
from jesse_nb.core.tools.declaration.parameter import COMMAND, MAGIC, PYTHON, Parameter
from jesse_nb.core.tools.declaration.resources import Candles, Folder, Jobs, Megabytes, Store
from jesse_nb.core.tools.declaration.results import Result, Table
from jesse_nb.core.tools.declaration.searching import Values
from jesse_nb.core.tools.declaration.values import Choice, Moment, Name, Number, Switch, Text, Whole

__all__ = ["ACCOUNT", "BACKGROUND", "CANDLES", "EXCHANGE_NAME", "HYPERPARAMETERS", "JOBS", "LABELS", "MARKET",
           "MARKETS", "OUTPUT", "PROJECT", "RERUN", "RESULT", "RUNNING", "SEED", "STORE", "STRATEGY", "SYMBOL"]

_MARKET, _MARKETS = "market and period", "markets and periods, of which every combination runs"
_ACCOUNT, _RUNNING, _OUTPUT = "account", "simulation", "output"
_PICK_SYMBOL, _PICK_TIMEFRAME = "Choose a symbol. `%panel candles` stores some.", "Choose a timeframe."

STRATEGY = Parameter(
    "strategy", Strategy(), positional="?", metavar="STRATEGY",
    help="Which strategy: in a notebook one of the cell, of the notebook or of the Jesse project, not needed when the "
    "cell defines one; on the command line a Python file with one class derived from jesse.strategies.Strategy "
    "(file.py:Name picks one of several), or a name in the Jesse project.",
    needed="Choose a strategy. What cells define appears here; `from jesse_nb.quickstart import TrendFollower` is one "
    "to begin with.",
)

SYMBOL = Parameter("symbol", Symbol(), "Market that is traded, BTC-USDT for example.",
                   flags=("-s", "--symbol"), group=_MARKET, setting="symbol", needed=_PICK_SYMBOL)
_TIMEFRAME = Parameter("timeframe", Timeframe(), "Timeframe that is traded, 1h for example.",
                       flags=("-t", "--timeframe"), group=_MARKET, setting="timeframe", needed=_PICK_TIMEFRAME)
_ROUTES = Parameter("routes", Routes(traded=True), "In place of -s and -t: several markets, traded at once from one "
                    "account.", group=_MARKET, in_form=False)
EXCHANGE_NAME = Parameter(
    "exchange", EXCHANGE, "Exchange whose stored candles are used; needed only when several have the symbol.",
    group=_MARKET, setting="exchange", needed="Choose an exchange. `%panel candles` stores candles of one.",
)

_PERIOD = (
    Parameter("start", Moment(), "First moment that is traded, UTC: 2024-01-31, or '2024-01-31 12:00'."),
    Parameter("end", Moment(), "End of the period, UTC; that moment itself is not traded."),
)
_DATA = (
    EXCHANGE_NAME,
    Parameter("data_routes", Routes(), "Markets that the strategy looks at without trading them, of the same "
              "exchange.", default=()),
    Parameter("gaps", Choice(("fill", "keep"), "Gaps"), "What is done with minutes that have no candle.", "fill",
              setting="gaps"),
    Parameter("source", Choice(("auto", "store", "database"), "Source"), "Where candles come from that the store "
              "lacks: the Jesse project's database, if there is one (auto), or nowhere; with database, its candles are "
              "copied in any case.", "auto", setting="source", in_form=False),
    Parameter("warm_up_candles", Whole(0, 1_000_000, "candles"), "Candles that the strategy sees before the start.",
              240, setting="warm_up_candles"),
)

#: One market, or several routes, and their period.
MARKET = tuple(parameter.but(group=_MARKET) for parameter in (
    SYMBOL, _TIMEFRAME, _ROUTES, *(parameter.but(needed="Choose a date.") for parameter in _PERIOD), *_DATA,
))

#: Several markets and periods.
MARKETS = tuple(parameter.but(group=_MARKETS) for parameter in (
    Parameter("symbols", Several(Symbol()), "Markets that are traded, BTC-USDT ETH-USDT for example.",
              flags=("-s", "--symbols", "--symbol"), setting="symbol", also=("symbol",), needed=_PICK_SYMBOL),
    Parameter("timeframes", Several(Timeframe()), "Timeframes that are traded, 1h 4h for example.",
              flags=("-t", "--timeframes", "--timeframe"), setting="timeframe", also=("timeframe",),
              needed=_PICK_TIMEFRAME),
    Parameter("periods", Periods(), "In place of --start and --end: several, 2023-01-01..2023-07-01 for example."),
    *_PERIOD, *_DATA,
))

ACCOUNT = tuple(parameter.but(group=_ACCOUNT) for parameter in (
    Parameter("account", Choice(("project",)), "What is not given is as in the Jesse project's dashboard.",
              setting="account", surfaces=(MAGIC, COMMAND), in_form=False),
    Parameter("balance", Number(0, above=True, unit="the quote currency", metavar="AMOUNT"),
              "Starting balance in the quote currency.", 10_000.0, setting="balance"),
    Parameter("fee", FeeRate(), "Fee of one fill as a fraction: 0.001 is 0.1 %. Or one for each market: "
              "BTC-USDT=0.0004,ETH-USDT=0.001, a mapping in Python.", 0.001, setting="fee"),
    Parameter("slippage_bps", Number(0, 1_000, unit="basis points", metavar="POINTS"), "How much worse than its price "
              "each fill is, in basis points: 5 is 0.05 % of its value.", 0.0, setting="slippage_bps"),
    Parameter("market", Choice(("futures", "spot"), "Literal['futures', 'spot'] | None", metavar="futures|spot"),
              "Kind of account.",
              unset="as the exchange trades: spot on Binance Spot, else futures", setting="market"),
    Parameter("leverage", Whole(1, 1_000), "Leverage of a futures account.", 1, setting="leverage"),
    Parameter("leverage_mode", Choice(("cross", "isolated")), "Margin mode of a futures account.", "cross",
              setting="leverage_mode"),
    Parameter("maintenance_margin", Number(0, 1, below=True, metavar="FRACTION"),
              "Fraction of the value of open positions at which a cross account is ruined: 0.004 is 0.4 %.", 0.004,
              setting="maintenance_margin"),
    Parameter("funding", FundingRate(), "What holding a future costs: the rates stored of each market (stored), or "
              "one for each 8 hours that longs pay to shorts, 0.0001 for 0.01 %.", unset="nothing", setting="funding"),
))

PROJECT = Parameter(
    "project", Folder(), "Jesse project with strategies and a database, when the notebook or the command's folder is "
    "another.", unset="the working directory", group=_RUNNING, setting="project", in_form=False,
)
CANDLES = Parameter("candles", Candles(), "Folder that keeps the candles.", unset="in the user's data folder",
                    group=_RUNNING, setting="candles", in_form=False)
STORE = Parameter("store", Store(), "File, folder or postgresql://user@host/database that keeps finished runs.",
                  unset=".jesse_nb/runs.sqlite", group=_RUNNING, setting="store", in_form=False)

#: What also holds for simulating a finished run again.
RERUN = (
    Parameter("trial_timeout", Number(0, above=True, unit="seconds", metavar="SECONDS", limitless=True),
              "Seconds that one simulation may take.", 600.0, group=_RUNNING, setting="trial_timeout"),
    Parameter("memory_limit", Megabytes(), "Memory that one simulation may take, in megabytes; Linux only.",
              unset="its share of the machine's", group=_RUNNING, in_form=False),
    PROJECT, CANDLES, STORE,
)

RUNNING = (
    Parameter("mode", Choice(("fast", "step"), "Mode"), "Jesse's simulation mode; compare results within one only.",
              "fast", group=_RUNNING, setting="mode"),
    *RERUN,
)

HYPERPARAMETERS = Parameter(
    "hyperparameters", Values(), flags=("--hyperparameters", "--param", "--hp"),
    help="Values by name, or one expression that gives a dict: study.best_params.",
)
JOBS = Parameter(
    "n_jobs", Jobs(), "Simulations at the same time, or a Ray cluster: ray, ray://HOST:10001.", unset="all cores",
    flags=("-j", "--jobs", "--n-jobs"), setting="jobs",
)

#: The result that a tool reads, in its several ways.
RESULT = tuple(parameter.but(group="what is read") for parameter in (
    Parameter("names", Result(), "Variable that holds a result, a job, or a pair of trades and equity; an "
              "expression such as study.test; or two variables, a table of trades and a series of equity. "
              "Before options that take several values. Without any, the last result that was shown.",
              positional="*", metavar="RESULT", surfaces=(MAGIC,),
              needed="Choose a result. What a form or a magic with -o made appears here.",
              also=("result", "trades", "equity")),
    Parameter("key", Text("RESULT"), "Name, or first digits of the key, of a result that `jesse-nb results` lists, or "
              "first digits of the key of a run that `jesse-nb runs` lists.", positional="1", surfaces=(COMMAND,)),
    Parameter("result", Result(), "What backtest, optimize, walk_forward or backtest_batch gave.",
              surfaces=(PYTHON,)),
    Parameter("trades", Table(), "In place of a result: closed trades.", surfaces=(PYTHON,)),
    Parameter("equity", Table(series=True), "In place of a result: the portfolio's value.",
              surfaces=(PYTHON,)),
))

SEED = Parameter("seed", Whole(0, 2**32 - 1), "Seed of all that is drawn at random.", 0)

BACKGROUND = Parameter(
    "background", Switch(), "Return at once. NAME is then the job: NAME.result() waits for its result, NAME.cancel() "
    "ends it.", False, flags=("-b", "--background"), group=_OUTPUT, surfaces=(PYTHON, MAGIC), in_form=False,
)

#: What the result is called in the research record.
LABELS = tuple(parameter.but(group=_OUTPUT, surfaces=(MAGIC, COMMAND), in_form=False) for parameter in (
    Parameter("name", Text("NAME", 200), "What the result is called in the research record, where `load` and "
              "`results` find it.", unset="what -o names in a notebook"),
    Parameter("tags", Several(Text("TAG", 100)), "Words to find it by."),
    Parameter("note", Text("TEXT", 1_000), "What is worth knowing of it."),
    Parameter("notify", Text("TARGET", 4_096), "Who is told when it has ended: desktop, an address that begins with "
              "https:// (a POST of a line or two), or a command (the text on its standard input)."),
))

#: What each tool ends with: where its result goes. A notebook names a variable, the command line a file.
OUTPUT = (
    Parameter("output", Name(), "Variable that holds the result, after a Stop that of what had finished; after a "
              "failure it holds the job, whose partial_result() is that.", flags=("-o", "--output"), group=_OUTPUT,
              label="Result name", surfaces=(MAGIC,), needed="Give the result a name."),
    Parameter("output", Text("FILE", 4_096), "File to which the report is written as an HTML page; missing folders "
              "are made.",
              flags=("-o", "--output", "--html"), group=_OUTPUT, surfaces=(COMMAND,)),
    *LABELS,
    BACKGROUND,
    Parameter("detach", Switch(), "Leave the job to a process of its own, which survives this terminal: `%jobs` of any "
              "notebook in this folder shows and stops it, and `jn.load` opens its result by --name.", False,
              group=_OUTPUT, surfaces=(COMMAND,), in_form=False),
)
