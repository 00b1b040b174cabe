"""What reads finished results, and stored candles."""

from __future__ import annotations

from jesse_nb.core.tools.declaration.markets import Strategy
from jesse_nb.core.tools.declaration.parameter import COMMAND, Parameter
from jesse_nb.core.tools.declaration.resources import Candles
from jesse_nb.core.tools.declaration.results import Result, Strategies
from jesse_nb.core.tools.declaration.searching import Benchmark, Pipeline
from jesse_nb.core.tools.declaration.shared import BACKGROUND, EXCHANGE_NAME, JOBS, OUTPUT, RERUN, RESULT, SEED, SYMBOL
from jesse_nb.core.tools.declaration.tool import Form, Tool
from jesse_nb.core.tools.declaration.values import FlagEach, Moment, Number, Numbers, Switch, Whole

__all__ = ["ANALYZE_RESULTS", "CANDLE_MONTE_CARLO", "CHECK_CANDLES", "FEE_STRESS"]

_READ, _COMPUTED, _AGAIN = "what is read", "what is computed", \
    "simulating again, at 2 and 3 times the fee and on rewritten candles"

_DEPTHS = {
    "basic": "Trades, drawdowns and returns; at once.",
    "advanced": "And ratios with intervals, the market, excursions, regimes and costs.",
    "deep": "And Monte Carlo, patterns, and what is known at entry.",
}

_STRATEGY = Parameter(
    "strategy", Strategies(), "The result's strategy, where it has not been met yet: in a notebook a class, after a "
    "restart; on the command line your own file: what the run store holds is not run unasked.",
)
_RERUN = tuple(parameter.but(group="simulation") for parameter in RERUN)

ANALYZE_RESULTS = Tool(
    "analyze_results", "Analyze",
    "Read what a result really says, how much of it may be luck, and show the report.",
    "jesse_nb.core.tools.analyze.analyze:analyze_results",
    (
        *RESULT,
        *(parameter.but(group=_READ) for parameter in (
            Parameter("analysis_type", FlagEach(tuple(_DEPTHS), "AnalysisType", helps=tuple(_DEPTHS.values())),
                      " ".join(_DEPTHS.values()), "advanced", label="Depth"),
        )),
        *(parameter.but(group=_COMPUTED) for parameter in (
            Parameter("benchmark", Benchmark(), "Compared with, beside buy-and-hold of the traded symbols: stored "
                      "symbols, or variables that hold a Series of daily prices."),
            Parameter("ruin", Numbers(Number(0, 100, above=True, metavar="PERCENT")), "Drawdowns whose probability is "
                      "asked for.", (20.0, 30.0, 50.0)),
            Parameter("paths", Whole(100, 1_000_000), "Of each Monte Carlo that needs no simulation.", 10_000),
            Parameter("scenarios", Whole(0, 100_000), "Markets that could have been, simulated in a deep analysis; 0 "
                      "for none.", 50),
            SEED,
            Parameter("include_trade_analysis", Switch(on=False, flag="--no-trade-analysis"),
                      "Leave out what reads single trades.", True),
            Parameter("include_correlation", Switch(on=False, flag="--no-correlation"),
                      "Leave out the comparison with benchmarks.", True),
            Parameter("include_monte_carlo", Switch(on=False, flag="--no-monte-carlo"),
                      "Leave out the Monte Carlo.", True),
        )),
        Parameter("resimulate", Switch(on=False, flag="--no-resimulation"), "Simulate nothing.", True, group=_AGAIN),
        _STRATEGY.but(group=_AGAIN, in_form=False),
        Parameter("trust", Switch(), "Run the strategy as the run store holds it, without a question.", False,
                  group=_AGAIN, surfaces=(COMMAND,)),
        JOBS.but(group=_AGAIN), *_RERUN, *OUTPUT,
    ),
    results={
        "jesse_nb.core.tools.analyze.analysis_result:Analysis":
            "jesse_nb.report.analyze.analysis_report:ANALYSIS",
    },
    magics=("analyze_results", "analyze"), command="analyze", kind="analyze", running="Analysis",
    form=Form("what a result really says, and how much of it may be luck",
              ("names", "analysis_type", "benchmark", "output"), "analysis"),
    details="""\
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
        """,
)

CANDLE_MONTE_CARLO = Tool(
    "candle_monte_carlo", "Candle Monte Carlo",
    "Simulate a backtest again on candles that a pipeline makes from the real ones.",
    "jesse_nb.core.tools.resimulate.candle_monte_carlo:candle_monte_carlo",
    (
        Parameter("result", Result(required=True), "A finished backtest."),
        Parameter("scenarios", Whole(1, 100_000), "How many.", 100),
        Parameter("pipeline", Pipeline(), "How candles are rewritten.", unset="stationary_bootstrap"),
        SEED.but(reader=Whole(0, 2**63)), _STRATEGY.but(reader=Strategy()), JOBS, *RERUN, BACKGROUND,
    ),
    results={
        "jesse_nb.core.tools.resimulate.candle_monte_carlo:CandleMonteCarlo":
            "jesse_nb.report.resimulate.resimulation_report:SCENARIOS",
    },
)

FEE_STRESS = Tool(
    "fee_stress", "Fee stress", "Simulate a backtest again with its fee multiplied.",
    "jesse_nb.core.tools.resimulate.fee_stress:fee_stress",
    (
        Parameter("result", Result(required=True), "A finished backtest."),
        Parameter("factors", Numbers(Number(0, 1e6)), "What to multiply the fee by.", (1, 2, 3)),
        _STRATEGY.but(reader=Strategy()), JOBS, *RERUN, BACKGROUND,
    ),
    results={
        "jesse_nb.core.tools.resimulate.fee_stress:FeeStress":
            "jesse_nb.report.resimulate.resimulation_report:FEE_STRESS",
    },
)

CHECK_CANDLES = Tool(
    "check_candles", "Check candles", "Look for what is suspicious in a stored series: nothing is changed.",
    "jesse_nb.core.tools.candles.check_candles:check_candles",
    (
        SYMBOL, EXCHANGE_NAME,
        Parameter("start", Moment(), "Only from then on."),
        Parameter("end", Moment(), "Only before then."),
        Parameter("store", Candles(), "Folder that keeps the candles.", unset="in the user's data folder"),
        Parameter("deviations", Number(0, above=True, metavar="K"), "Robust deviations that make a spike.", 25.0),
        Parameter("quiet_minutes", Whole(2, 10**9, "minutes"), "Silent minutes worth mentioning.", 60),
    ),
    results={
        "jesse_nb.core.tools.candles.check_candles:CandleCheck":
            "jesse_nb.report.candles.candle_check:CANDLE_CHECK",
    },
)
