"""Searches: over one period, and window by window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jesse_nb.core.tools.declaration.markets import Several, Symbol
from jesse_nb.core.tools.declaration.parameter import COMMAND, MAGIC, Parameter
from jesse_nb.core.tools.declaration.reader import Desk, Reader
from jesse_nb.core.tools.declaration.resources import Days
from jesse_nb.core.tools.declaration.searching import Constraints, Metric, Space, Study
from jesse_nb.core.tools.declaration.shared import (
    ACCOUNT,
    EXCHANGE_NAME,
    HYPERPARAMETERS,
    JOBS,
    MARKET,
    OUTPUT,
    RUNNING,
    SEED,
    STRATEGY,
)
from jesse_nb.core.tools.declaration.tool import Form, Tool
from jesse_nb.core.tools.declaration.values import Choice, Moment, Number, Switch, Whole, number_of
from jesse_nb.exceptions import InputError, shown

__all__ = ["OPTIMIZE", "PAIRS_BACKTEST", "WALK_FORWARD"]

_SEARCHED, _HELD_OUT, _CHECKS, _HOW_LONG = "search", "hold-out", "checks", "simulation"

_SPACE = Parameter(
    "space", Space(), "Parameters to vary (fast=5:30 stop=1.0:5.0:0.5 size=0.01:1:log mode=a,b), or one expression "
    "that gives a space. A dict called space in the cell or the file does the same; with neither, the strategy's own "
    "hyperparameters() are varied.",
)
_METRIC = Parameter(
    "metric", Metric(), "What is optimized: Jesse's metrics, or functions of a result by their name. Several give the "
    "Pareto front.", "sharpe", setting="metric",
)
_CONSTRAINTS = Parameter(
    "constraints", Constraints(), "What the best trials must keep: 'trades >= 30' 'max_drawdown < 25' (a drawdown is "
    "positive percent here), or functions of a result by their name, which return True or False.",
    flags=("--constraint", "--constraints"),
)
_MIN_TRADES = Parameter(
    "min_trades", Whole(0, 1_000_000, "trades", "TRADES"), "Trades that a trial must make in training to rank before "
    "all that made fewer; 0 ranks them alike.", 10, setting="min_trades",
)
_TRIALS = Parameter("n_trials", Whole(1, 1_000_000), "Parameter sets to try.", 100,
                    flags=("-n", "--trials", "--n-trials"), setting="trials")
_SAMPLER = Parameter(
    "sampler", Choice(("tpe", "gp", "random", "qmc", "grid", "cmaes", "nsga2"), "str", folded=True,
                      synonyms=(("nsgaii", "nsga2"),), metavar="NAME"),
    "How parameters are drawn: tpe, gp (fewest trials), random, qmc, grid, cmaes or nsga2.", "tpe", setting="sampler",
)
_TIMEOUT = Parameter("timeout", Number(0, above=True, unit="seconds", metavar="SECONDS", limitless=True),
                     "Seconds for the whole search.", unset="no limit", group=_HOW_LONG)

_CHECK_FIRST = Parameter(
    "check_first", Switch(), "Check the strategy before the first trial, in the time of ten runs at the most: whether "
    "it knows the future, settles, and does the same again. Of the same code it is done once.", False, group=_CHECKS,
)

OPTIMIZE = Tool(
    "optimize", "Optimize", "Find the best hyperparameters of a strategy, and show the report.",
    "jesse_nb.core.tools.optimize.optimize:optimize",
    (
        *(parameter.but(group=_SEARCHED) for parameter in (
            STRATEGY, _SPACE.but(needed="The strategy declares no hyperparameters. Add one to the table."),
            HYPERPARAMETERS.but(help="Values of parameters that are not varied, or one expression that gives a dict."),
            _METRIC, _CONSTRAINTS, _MIN_TRADES, _TRIALS, _SAMPLER, SEED.but(help="Seed of the sampler."),
            Parameter("pruner", Choice(("median", "quartile", "none"), "str | None", folded=True, nothing="none",
                                       metavar="NAME"),
                      "Which trials are stopped on the way: median, those that do worse than half of the earlier ones "
                      "did by then; quartile, those that do worse than the best quarter did; or none.", "none",
                      setting="pruner"),
            Parameter("initial_result", Study(), "Earlier result, or the name of a kept one, whose best are tried "
                      "first."),
        )),
        *(parameter.but(group=_HELD_OUT) for parameter in (
            Parameter("test_start", Moment(), "First moment kept from the search, for testing the best."),
            Parameter("test_end", Moment(), "End of the held-out period.", unset="the end of the whole"),
            Parameter("test_ratio", Number(0, 1, below=True, metavar="FRACTION", optional=True),
                      "In place of dates: the last part of the period; 0 holds nothing out.", unset="0.25"),
            Parameter("holdout", Days(), "Seal the last days of the period, 90d for example: neither search nor test "
                      "sees them. study.open_holdout() runs the best parameters on them, which is counted."),
            Parameter("top", Whole(1, 1_000), "How many of the best trials are tested and shown.", 10),
        )),
        *(parameter.but(group=_CHECKS) for parameter in (
            Parameter("neighbours", Whole(0, 20, metavar="STEPS"), "How many steps of each parameter the best five are "
                      "looked around, on the training period; 0 looks around none.", 1),
            Parameter("parity", Switch(on=False), "Do not run the best trial again in step mode, whose trades and "
                      "profit must be the same.", True),
        )),
        _CHECK_FIRST,
        *MARKET, *ACCOUNT, JOBS.but(group=_HOW_LONG), _TIMEOUT, *RUNNING, *OUTPUT,
    ),
    results={
        "jesse_nb.core.tools.optimize.optimize_result:OptimizeResult":
            "jesse_nb.report.optimize.optimize_report:OPTIMIZE",
        "jesse_nb.core.tools.optimize.holdout:OpenedHoldout":
            "jesse_nb.report.optimize.optimize_report:HOLDOUT",
    },
    magics=("optimize",), command="optimize", cell={"space": "space"}, file={"space": "space"},
    running="Optimization",
    form=Form("search for the best hyperparameters",
              ("strategy", "exchange", "symbol", "timeframe", "start", "end", "space", "metric", "n_trials", "n_jobs",
               "output", "check_first"), "study"),
    then={"walk_forward": {}, "backtest_batch": {"params": "{}"},
          "backtest": {"hyperparameters": "{}.best_params"}, "analyze": {"names": "{}"}},
    details="""\
        The cell is ordinary Python that defines a class derived from Strategy,
        which needs no import, and the space to search::

            %%optimize -s BTC-USDT -t 1h --start 2023-06-01 --end 2024-05-31 --trials 100 -o study
            class TrendFollower(Strategy):
                ...
            space = dict(fast=(5, 30), slow=(31, 120), stop=(1.0, 5.0, 0.5), mode=["a", "b"])

        Running the cell again continues where it was: no finished trial is
        simulated twice. A strategy that exists already is named on the line::

            %optimize TrendFollower -s BTC-USDT -t 1h --start 2023-06-01 --end 2024-05-31 --space fast=5:30
        """,
)

_WINDOWS, _CROSS, _EACH = "windows, in days", "cross-validation in place of windows", "search in each window"


def _days(name: str, help_text: str, default: int, label: str, least: int = 1) -> Parameter:
    return Parameter(name, Whole(least, 36_500, "days", "DAYS"), help_text, default, group=_WINDOWS, setting=name,
                     label=label)


WALK_FORWARD = Tool(
    "walk_forward", "Walk-forward",
    "Optimize a strategy window by window, test each choice on the days after, and show the report.",
    "jesse_nb.core.tools.walk_forward.walk_forward:walk_forward",
    (
        STRATEGY.but(group=_WINDOWS, help=f"{STRATEGY.help} Not needed for --show-windows."),
        _days("in_sample_period", "Days of training in one window.", 365, "In-sample days"),
        _days("out_sample_period", "Days of testing after it.", 30, "Out-of-sample days"),
        _days("step_forward", "Days from one window to the next; where tests overlap, the newest model counts.", 7,
              "Days to next window"),
        _days("gap", "Days left out between training and testing, or between groups.", 0, "Days of gap", 0),
        Parameter("anchored", Switch(), "Let every window train from the start on.", False, group=_WINDOWS),
        Parameter("show_windows", Switch(), "Show where they lie, and run nothing.", False, group=_WINDOWS,
                  surfaces=(MAGIC, COMMAND), in_form=False),
        *(parameter.but(group=_CROSS) for parameter in (
            Parameter("split", Choice(("windows", "cpcv")), "cpcv: combinatorial purged cross-validation, a "
                      "distribution of out-of-sample paths.", "windows"),
            Parameter("groups", Whole(2, 20), "Parts that the period is cut into.", 6),
            Parameter("test_groups", Whole(1, 19), "Parts that each split tests on.", 2),
        )),
        *(parameter.but(group=_EACH) for parameter in (
            _SPACE,
            HYPERPARAMETERS.but(help="With a space: values of parameters that are not varied. Without: the parameters "
                                     "of every window, and nothing is searched. Or one expression that gives a dict."),
            _METRIC.but(help="What is optimized: Jesse's metrics, or functions of a result by their name."),
            _CONSTRAINTS.but(help=_CONSTRAINTS.help.replace("the best trials", "the chosen parameters")),
            _MIN_TRADES,
            _TRIALS.but(help="Parameter sets to try in each window, or candidates of a cross-validation.", default=30),
            _SAMPLER, SEED.but(help="Seed; each window's own derives from it."),
        )),
        _CHECK_FIRST,
        *MARKET, *ACCOUNT, JOBS.but(group=_HOW_LONG),
        _TIMEOUT.but(help="Seconds for all of it; the windows finished by then are the result."),
        *RUNNING, *OUTPUT,
    ),
    results={
        "jesse_nb.core.tools.walk_forward.walk_forward_result:WalkForwardResult":
            "jesse_nb.report.walk_forward.walk_forward_report:WALK_FORWARD",
        "jesse_nb.core.tools.cpcv.cpcv_result:CpcvResult":
            "jesse_nb.report.cpcv.cpcv_report:CPCV",
    },
    magics=("walk_forward",), command="walk-forward", cell={"space": "space"}, file={"space": "space"},
    form=Form("optimize on the past, test on what came after",
              ("strategy", "exchange", "symbol", "timeframe", "start", "end", "in_sample_period", "out_sample_period",
               "step_forward", "space", "metric", "n_trials", "n_jobs", "output", "check_first"), "walk"),
    then={"analyze": {"names": "{}"}},
    details="""\
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
        """,
)


class Hedge(Reader):
    """How much of the other leg goes with the first: how it is estimated, or the ratio itself."""

    metavar = "ols|tls|RATIO"
    python = "str | float"
    field, choices = "text", ()

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        return number_of(words[0])

    def check(self, name: str, value: Any) -> Any:
        """See :meth:`Reader.check`."""
        if isinstance(value, str) and value in ("ols", "tls"):
            return value
        try:
            return Number(0, 1_000, above=True).check(name, value)
        except InputError:
            raise InputError.of(name, f"is {shown(value)}.", "It is 'ols', 'tls', or a ratio above zero: with one "
                                "below, both legs would be on the same side.") from None


_PAIR, _CHOICE, _RULES = "pair and period", "how pairs are chosen", "how they are traded"

PAIRS_BACKTEST = Tool(
    "pairs_backtest", "Pairs", "Trade two markets against each other with Jesse, each pair chosen on the days before.",
    "jesse_nb.core.tools.pairs.pairs_backtest:pairs_backtest",
    (
        *(parameter.but(group=_PAIR) for parameter in (
            Parameter("y", Symbol(), "Market that leads, ETH-USDT for example.", flags=("-y", "--y"),
                      needed="Choose two markets, or a universe."),
            Parameter("x", Symbol(), "Market that hedges it, BTC-USDT for example.", flags=("-x", "--x"),
                      needed="Choose two markets, or a universe."),
            Parameter("universe", Several(Symbol()), "In place of them: markets of which each pair is tested in each "
                      "window, and the best one traded."),
            *(parameter for parameter in MARKET if parameter.name in ("timeframe", "start", "end")),
            EXCHANGE_NAME,
        )),
        *(parameter.but(group=_CHOICE) for parameter in (
            Parameter("formation", Whole(10, 36_500, "days", "DAYS"), "Days on which a pair is chosen and measured.",
                      180),
            Parameter("trading", Whole(1, 36_500, "days", "DAYS"), "Days after them on which it is traded.", 30),
            Parameter("test", Choice(("engle_granger", "johansen")), "Test of whether two markets hold together.",
                      "engle_granger"),
            Parameter("alpha", Number(0, 1, above=True, metavar="LEVEL"), "A pair is traded where its p-value, "
                      "corrected for the number of pairs, is below; 1 trades whatever the test says.", 0.05),
            Parameter("hedge", Hedge(), "Hedge ratio: by least squares (ols), by total least squares (tls), or a "
                      "number.", "ols"),
        )),
        *(parameter.but(group=_RULES) for parameter in (
            Parameter("entry", Number(0, 100, above=True, unit="standard deviations"), "How far the spread is from its "
                      "mean when it is traded, in standard deviations.", 2.0),
            Parameter("exit", Number(-100, 100, unit="standard deviations"), "Where it has come back: below zero is "
                      "beyond the mean.", 0.5),
            Parameter("stop", Number(0, 1_000, above=True, unit="standard deviations"), "From where on it is given "
                      "up.", 4.0),
            Parameter("max_holding", Number(0, 36_500, above=True, unit="days", metavar="DAYS", optional=True),
                      "Days that a trade is held at the most.", unset="no limit"),
            Parameter("sizing", Choice(("beta", "dollar")), "Value of the other leg: the hedge ratio times the "
                      "first's, or the same.", "beta"),
            Parameter("exposure", Number(0, 900, above=True, metavar="FRACTION"), "Value of both legs together when "
                      "they open, as a fraction of the balance.", 0.9),
        )),
        *ACCOUNT, JOBS.but(group="simulation"), *RUNNING, *OUTPUT,
    ),
    results={"jesse_nb.core.tools.pairs.pairs_result:PairsBacktest": "jesse_nb.report.pairs.pairs_report:PAIRS"},
    magics=("pairs_backtest", "pairs"), command="pairs",
    form=Form("two markets against each other, chosen on the days before",
              ("exchange", "y", "x", "universe", "timeframe", "start", "end", "formation", "trading", "output"),
              "pair"),
    then={"analyze": {"names": "{}"}, "risk": {"names": "{}"}},
    details="""\
        Two markets, or all pairs of several, each of which counts as a try::

            %pairs -y ETH-USDT -x BTC-USDT -t 1h --start 2023-01-01 --end 2024-06-01 -o pair
            %pairs --universe BTC-USDT ETH-USDT SOL-USDT -t 4h --start 2023-01-01 --end 2024-06-01

        In each window the pair, its hedge ratio and the mean and deviation of its
        spread come from the formation days alone. Jesse trades both legs from one
        futures account. result.routes() are its two strategies, for optimize and
        walk_forward.
        """,
)
