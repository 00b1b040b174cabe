"""What explains a result by factors of many markets."""

from __future__ import annotations

from jesse_nb.core.tools.declaration.markets import Several, Symbol
from jesse_nb.core.tools.declaration.parameter import COMMAND, PYTHON, Parameter
from jesse_nb.core.tools.declaration.results import Table
from jesse_nb.core.tools.declaration.risk_tools import MaybeWhole
from jesse_nb.core.tools.declaration.shared import CANDLES, EXCHANGE_NAME, OUTPUT, RESULT, STORE
from jesse_nb.core.tools.declaration.tool import Form, Tool
from jesse_nb.core.tools.declaration.values import Choice, Whole

__all__ = ["FACTOR_ANALYSIS"]

_READ, _COMPUTED = "what is read", "what is computed"

FACTOR_ANALYSIS = Tool(
    "factor_analysis", "Factors", "Say how much of a result came with the market and other factors, and what is left.",
    "jesse_nb.core.tools.markets.factor_analysis:factor_analysis",
    (
        *RESULT,
        *(parameter.but(group=_READ) for parameter in (
            Parameter("universe", Several(Symbol()), "Stored symbols that factors are made of, at least five.",
                      unset="all stored markets"),
            EXCHANGE_NAME.but(needed=""),
            Parameter("factor_returns", Table(), "Factors from elsewhere: daily returns as fractions, one column each, "
                      "with days as index.", surfaces=(PYTHON,)),
        )),
        *(parameter.but(group=_COMPUTED) for parameter in (
            Parameter("factors", Several(Choice(("market", "momentum", "volatility", "liquidity"))), "Which are made: "
                      "all markets alike, what rose less what fell, what moved most less what moved least, what is "
                      "least liquid less what is most.", unset="all of them"),
            Parameter("rebalance", Whole(1, 365, "days"), "Days from one forming of the factors to the next.", 7),
            Parameter("hac_lags", MaybeWhole(0, 10_000, "days"), "Days over which errors may depend on each other.",
                      unset="4 (days / 100)^(2/9), rounded down"),
            Parameter("rolling", Whole(30, 100_000, "days"), "Days of each rolling exposure.", 90),
        )),
        CANDLES.but(group=_READ), STORE.but(surfaces=(COMMAND,), group=_READ, setting=""), *OUTPUT,
    ),
    results={"jesse_nb.core.tools.markets.factor_analysis:FactorAnalysis":
             "jesse_nb.report.markets.factor_report:FACTORS"},
    magics=("factor_analysis", "factors"), command="factors",
    form=Form("how much of a result came with the market and other factors, and what is left",
              ("names", "universe", "factors", "rebalance", "rolling", "output"), "explained"),
    details="""\
        It takes what backtest, optimize, walk_forward and backtest_batch gave::

            %factors walk
            %factors result --factors market momentum --rebalance 30 -o explained

        Factors are made of the stored markets, formed from the days before and held
        until the next forming. Size needs market values and carry needs funding,
        which candles do not have: jn.factor_analysis(result, factor_returns=frame)
        takes factors from elsewhere.
        """,
)
