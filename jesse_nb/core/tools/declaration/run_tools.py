"""Single backtests and batches of them."""

from __future__ import annotations

from jesse_nb.core.tools.check.kinds import CHECKS
from jesse_nb.core.tools.declaration.markets import Several
from jesse_nb.core.tools.declaration.parameter import Parameter
from jesse_nb.core.tools.declaration.results import Strategies
from jesse_nb.core.tools.declaration.searching import Metric, Sets
from jesse_nb.core.tools.declaration.shared import (
    ACCOUNT,
    HYPERPARAMETERS,
    JOBS,
    MARKET,
    MARKETS,
    OUTPUT,
    RERUN,
    RUNNING,
    SEED,
    STORE,
    STRATEGY,
)
from jesse_nb.core.tools.declaration.tool import Form, Tool
from jesse_nb.core.tools.declaration.values import Choice, Switch, Whole

__all__ = ["BACKTEST", "BACKTEST_BATCH", "CHECK_STRATEGY"]

#: What the forms of one market begin with.
_ONE_MARKET = ("strategy", "exchange", "symbol", "timeframe", "start", "end")

BACKTEST = Tool(
    "backtest", "Backtest", "Run one backtest with Jesse's simulator, and show its report.",
    "jesse_nb.core.tools.backtest.backtest:backtest",
    (
        STRATEGY.but(group="strategy"),
        HYPERPARAMETERS.but(group="strategy", help=f"{HYPERPARAMETERS.help} A dict called params in the cell does the "
                                                   "same."),
        *MARKET, *ACCOUNT, *RUNNING, *OUTPUT,
    ),
    results={
        "jesse_nb.core.simulator.result:BacktestResult":
            "jesse_nb.report.backtest.backtest_report:BACKTEST",
    },
    magics=("backtest",), command="backtest", cell={"params": "hyperparameters"},
    form=Form("one run of one strategy", (*_ONE_MARKET, "hyperparameters", "output"), "result"),
    then={"optimize": {}, "walk_forward": {}, "analyze": {"names": "{}"}},
    details="""\
        The cell is ordinary Python that defines a class derived from Strategy,
        which needs no import, nor do ta (Jesse's indicators) and utils::

            %%backtest -s BTC-USDT -t 1h --start 2024-01-01 --end 2024-06-01 -o result
            class TrendFollower(Strategy):
                ...

        Without a cell, the strategy is named on the line::

            %backtest TrendFollower -s BTC-USDT -t 1h --start 2024-01-01 --end 2024-06-01
        """,
)

_COMPARED, _HOW_MANY = "what is compared", "how many"

BACKTEST_BATCH = Tool(
    "backtest_batch", "Batch of backtests",
    "Run every combination of strategies, markets, periods and parameter sets, and compare them.",
    "jesse_nb.core.tools.batch.batch:backtest_batch",
    (
        STRATEGY.but(name="strategies", reader=Strategies(), group=_COMPARED, positional="*", also=("strategy",),
                     help="Strategies, before all options: in a "
                     "notebook of the cell, of the notebook or of the Jesse project, without any all that the cell "
                     "defines; on the command line Python files, or names in a Jesse project."),
        Parameter("params", Sets(), "Parameter sets: a grid (fast=5,10 slow=30,60), the path of a CSV of Jesse's "
                  "optimizer, its DNA, or one expression that gives a list of dicts, a grid or an optimization's "
                  "result. A variable called params in the cell or the file does the same; with neither, the "
                  "strategy's own values are used.", group=_COMPARED, label="Parameter sets"),
        Parameter("top", Whole(1, 1_000_000), "Of a result or a CSV, how many of the best are taken.", 10,
                  group=_COMPARED),
        HYPERPARAMETERS.but(group=_COMPARED, help="Values that all combinations share, or one expression that gives a "
                                                  "dict."),
        Parameter("metric", Metric(several=False), "What the report ranks by.", "sharpe", group=_COMPARED),
        *MARKETS, *ACCOUNT,
        JOBS.but(name="concurrent_limit", flags=("-j", "--concurrent-limit", "--jobs"), group=_HOW_MANY,
                 unset="4, or one a core where there are fewer", setting="concurrent_limit"),
        Parameter("large", Switch(), "Allow more than 1,000 combinations.", False, group=_HOW_MANY),
        *RUNNING, *OUTPUT,
    ),
    results={
        "jesse_nb.core.tools.batch.batch_result:BatchResult":
            "jesse_nb.report.batch.batch_report:BATCH",
        "jesse_nb.core.tools.batch.batch_result:BatchComparison":
            "jesse_nb.report.batch.batch_report:COMPARISON",
    },
    magics=("backtest_batch",), command="backtest-batch", cell={"params": "params"}, file={"params": "params"},
    form=Form("every combination of strategies, markets and parameters",
              ("strategies", "exchange", "symbols", "timeframes", "start", "end", "params", "metric",
               "concurrent_limit", "output"), "batch"),
    then={"analyze": {"names": "{}"}},
    details="""\
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
        """,
)

_LOOKED_AT = "what is looked at"

CHECK_STRATEGY = Tool(
    "check_strategy", "Strategy check",
    "Look for what makes a strategy's results untrue: knowledge of the future, chance, a start that never settles.",
    "jesse_nb.core.tools.check.check_strategy:check_strategy",
    (
        STRATEGY.but(group="strategy"),
        HYPERPARAMETERS.but(group="strategy"),
        Parameter("checks", Several(Choice(CHECKS)), "Whether orders depend on candles that come later (look_ahead), "
                  "settle with a longer warm-up (warm_up), are the same again (determinism), come from data of the "
                  "strategy's own (reads), and what small changes leave of its profit (fragility).",
                  group=_LOOKED_AT, unset="all of them"),
        Parameter("moments", Whole(1, 50), "After how many moments all candles are turned upside down.", 4,
                  group=_LOOKED_AT),
        SEED.but(help="Seed of the choice of moments.", group=_LOOKED_AT),
        *MARKET, *ACCOUNT, JOBS.but(group="simulation"), RUNNING[0],
        *(parameter for parameter in RERUN if parameter is not STORE),
        *OUTPUT,
    ),
    results={
        "jesse_nb.core.tools.check.strategy_check:StrategyCheck":
            "jesse_nb.report.check.check_report:STRATEGY_CHECK",
    },
    magics=("check_strategy", "check"), command="check", cell={"params": "hyperparameters"},
    form=Form("does it know the future, and is it the same each time",
              (*_ONE_MARKET, "hyperparameters", "checks", "output"), "check"),
    then={"optimize": {}, "walk_forward": {}},
    details="""\
        It simulates the strategy about a dozen times, each time with something changed, and compares its orders::

            %check TrendFollower -s BTC-USDT -t 1h --start 2024-01-01 --end 2024-06-01

        Nothing is kept among the finished runs, and none of these counts as a trial.
        """,
)
