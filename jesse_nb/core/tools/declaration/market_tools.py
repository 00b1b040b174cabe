"""What looks at several markets or results together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jesse_nb.core.tools.declaration.markets import Several, Symbol, Timeframe
from jesse_nb.core.tools.declaration.parameter import COMMAND, PYTHON, Parameter
from jesse_nb.core.tools.declaration.reader import Desk, Reader
from jesse_nb.core.tools.declaration.results import Strategies, Table, named_or_kept
from jesse_nb.core.tools.declaration.risk_tools import MaybeWhole
from jesse_nb.core.tools.declaration.searching import Values
from jesse_nb.core.tools.declaration.shared import CANDLES, EXCHANGE_NAME, JOBS, OUTPUT, RERUN, RESULT, SEED, STORE
from jesse_nb.core.tools.declaration.tool import Form, Tool
from jesse_nb.core.tools.declaration.values import Choice, Moment, Number, Switch, Whole, whole_of
from jesse_nb.exceptions import InputError, shown

__all__ = ["CORRELATION_MATRIX", "FACTOR_ANALYSIS", "PORTFOLIO", "REGIME_DETECTOR"]

_READ, _COMPUTED, _RUNS = "what is read", "what is computed", "how it simulates"

#: What is no expression over results: a stored symbol, and a stored run's key.
_SYMBOL, _KEY = re.compile(r"[A-Z0-9]+-[A-Z0-9]+"), re.compile(r"[0-9a-fA-F]{6,64}")


@dataclass(frozen=True)
class Inputs(Reader):
    """Results, kept ones too, by names or keys, and stored symbols: what a tool compares, each called by its word."""

    offers: str = "inputs"
    metavar: str = "SYMBOL|RESULT"
    many, evaluates, field = "+", True, "several"

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        return {word: self._value(name, word, desk) for word in words}

    def _value(self, name: str, word: str, desk: Desk) -> Any:
        if word not in desk.names and (_SYMBOL.fullmatch(word) or _KEY.fullmatch(word)):
            return word
        return named_or_kept(name, word, desk)


class MaybeTimeframe(Timeframe):
    """A timeframe that has a default; 1d is Jesse's 1D."""

    python = "str"

    def check(self, name: str, value: Any) -> str:
        """See :meth:`Reader.check`."""
        return super().check(name, "1D" if isinstance(value, str) and value == "1d" else value)


class MaybeChoice(Choice):
    """One of several words, or none of them."""

    @property
    def python(self) -> str:
        """See :class:`Reader`."""
        return f"{super().python} | None"


class Weights(Reader):
    """How money is divided: the name of a method, or weights by name."""

    many, field = "+", "text"
    metavar = "METHOD|NAME=WEIGHT"
    python = "str | Mapping[str, float]"
    methods = Choice(("equal", "inverse_vol", "min_variance", "risk_parity", "hrp"))

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        return words[0] if len(words) == 1 and "=" not in words[0] else Values().words(name, words, desk)

    def check(self, name: str, value: Any) -> Any:
        """See :meth:`Reader.check`."""
        if not isinstance(value, Mapping):
            return self.methods.check(name, value)
        for part, weight in value.items():
            if not isinstance(part, str) or isinstance(weight, bool) or not isinstance(weight, int | float):
                raise InputError.of(name, f"gives {shown(part)} {shown(weight)}.", "It gives names their weights, "
                                    "numbers that add up to one.")
        return dict(value)


class States(Reader):
    """How many states: a whole number, or as many as the past shows."""

    metavar = "N|bic"
    python = "str | int"
    number = Whole(2, 4)

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        return whole_of(words[0])

    def check(self, name: str, value: Any) -> Any:
        """See :meth:`Reader.check`."""
        if isinstance(value, str) and value.casefold() == "bic":
            return "bic"
        try:
            return self.number.check(name, value)
        except InputError as error:
            raise InputError.of(name, f"is {shown(value)}.", f"{error.hint.rstrip('.')}, or bic.") from None


CORRELATION_MATRIX = Tool(
    "correlation_matrix", "Correlation", "Say which markets or results move together, how sure that is, and which do "
    "so in crashes only.", "jesse_nb.core.tools.markets.correlation_matrix:correlation_matrix",
    (
        Parameter("inputs", Inputs(), "Stored symbols, results, or keys of stored runs; before options that take "
                  "several values.", positional="*", unset="all stored markets", group=_READ, also=("results",)),
        *(parameter.but(group=_READ) for parameter in (
            Parameter("timeframe", MaybeTimeframe(), "Of the candles whose returns are compared; results have days "
                      "only.", "1D", flags=("-t", "--timeframe")),
            EXCHANGE_NAME.but(needed=""),
            Parameter("start", Moment(), "Only from then on."),
            Parameter("end", Moment(), "Only before then."),
        )),
        *(parameter.but(group=_COMPUTED) for parameter in (
            Parameter("method", Choice(("pearson", "spearman", "kendall")), "Kind of correlation.", "pearson"),
            Parameter("shrinkage", MaybeChoice(("ledoit_wolf", "rmt")), "Take noise out of the matrix: towards no "
                      "correlation, or by replacing eigenvalues that noise could have.", unset="none"),
            Parameter("rolling_window", MaybeWhole(10, 1_000_000, "observations"), "Observations of the rolling "
                      "correlations.", unset="an eighth of them, at least 30"),
            Parameter("tail", Number(0, 0.5, above=True, metavar="FRACTION", hint="5 % is 0.05."), "Which share of the "
                      "returns is the lower tail: 0.05 is the worst in twenty.", 0.05),
            Parameter("cluster", Switch(on=False, flag="--no-cluster"), "Leave the order as it was given.", True),
            SEED,
        )),
        CANDLES.but(group=_READ), STORE.but(group=_READ), *OUTPUT,
    ),
    results={
        "jesse_nb.core.tools.markets.correlation_matrix:CorrelationMatrix":
            "jesse_nb.report.markets.correlation_report:CORRELATION",
    },
    magics=("correlation_matrix", "correlation"), command="correlation",
    form=Form("what moves together, how sure that is, and what does so in crashes only",
              ("inputs", "timeframe", "method", "start", "end", "output"), "together"),
    details="""\
        It takes stored symbols, and what other tools gave::

            %correlation
            %correlation BTC-USDT ETH-USDT SUI-USDT -t 1h --start 2023-06-01
            %correlation walk other_walk BTC-USDT --method spearman -o together

        Intervals and p-values come from blocks of time, and the p-values are
        adjusted for the number of pairs. Markets are read from stored one-minute
        candles; only moments that all of them have are compared.
        """,
)


PORTFOLIO = Tool(
    "portfolio", "Portfolio", "Hold several results together, with weights from past days, beside an equal division.",
    "jesse_nb.core.tools.markets.portfolio:portfolio",
    (
        Parameter("results", Inputs("parts", "RESULT|KEY"), "Results, or keys of stored runs; before options that take "
                  "several values.", positional="*", group=_READ,
                  needed="Choose results. What a form or a magic with -o made appears here."),
        *(parameter.but(group=_COMPUTED) for parameter in (
            Parameter("weights", Weights(), "How the money is divided: equal, inverse_vol, min_variance, risk_parity, "
                      "hrp, or weights by name that add up to one.", "equal"),
            Parameter("rebalance", Choice(("1D", "1W", "1M", "3M", "1Y", "never")), "When money is moved between the "
                      "accounts.", "1M"),
            Parameter("window", Whole(30, 100_000, "days"), "Past days that weights rest on.", 365),
            Parameter("cost", Number(0, 0.1, metavar="FRACTION", hint="0.1 % is 0.001.", optional=True), "Of moving "
                      "money, as a fraction of it.", unset="the results' fee"),
            Parameter("mode", Choice(("accounts", "simulated")), "Accounts of their own, or also one run of Jesse in "
                      "which all trade from one account.", "accounts"),
            SEED,
        )),
        Parameter("strategy", Strategies(), "A strategy of the results, where it has not been met yet.",
                  in_form=False, surfaces=(PYTHON,)),
        Parameter("trust", Switch(), "Run the strategies as the run store holds them, without a question.", False,
                  group=_RUNS, surfaces=(COMMAND,)),
        JOBS.but(group=_RUNS), *(parameter.but(group=_RUNS) for parameter in RERUN), *OUTPUT,
    ),
    results={
        "jesse_nb.core.tools.markets.portfolio:PortfolioResult": "jesse_nb.report.markets.portfolio_report:PORTFOLIO",
    },
    magics=("portfolio",), command="portfolio",
    form=Form("several results in accounts of their own, beside an equal division of the money",
              ("results", "weights", "rebalance", "window", "mode", "output"), "held"),
    then={"analyze": {"names": "{}"}, "monte_carlo": {"names": "{}"}, "var": {"names": "{}"}},
    details="""\
        It takes what backtest, optimize, walk_forward and backtest_batch gave::

            %portfolio trend reversal breakout --weights hrp -o held
            %portfolio trend reversal --weights trend=0.7 reversal=0.3 --rebalance 3M
            %var held

        Each keeps its own account, and money is moved between them. Weights are
        computed from the days before alone, and all divisions are tried on the
        same days. With --mode simulated, Jesse also runs all of them in one
        account, each with its share of the money, and both are compared.
        """,
)


REGIME_DETECTOR = Tool(
    "regime_detector", "Regimes", "Tell in which state a market was, as it could have been told day by day, beside "
    "hindsight.", "jesse_nb.core.tools.markets.regime_detector:regime_detector",
    (
        Parameter("inputs", Inputs(), "A stored symbol, a result, or the key of a stored run.", positional="*",
                  group=_READ, needed="Choose a market or a result.", also=("symbol",)),
        *(parameter.but(group=_READ) for parameter in (
            Parameter("timeframe", MaybeTimeframe(), "Of the candles whose states are told, of stored markets; results "
                      "have days only.", "1D", flags=("-t", "--timeframe")),
            EXCHANGE_NAME.but(needed=""),
            Parameter("start", Moment(), "Only from then on."),
            Parameter("end", Moment(), "Only before then."),
        )),
        *(parameter.but(group=_COMPUTED) for parameter in (
            Parameter("detection_method", Choice(("markov", "jump", "changepoint", "vol_terciles"), folded=True,
                                                 synonyms=(("hmm", "markov"), ("volterciles", "vol_terciles"))),
                      "Hidden states with normal returns (also called hmm), a jump model of features, stretches "
                      "between change points, or terciles of volatility.", "markov",
                      flags=("--detection-method", "--method")),
            Parameter("n_regimes", States(), "How many states: 2 to 4, or as many as the time before the first fit "
                      "shows (2 for jump and changepoint).", "bic", flags=("--n-regimes", "--regimes")),
            Parameter("refit", Whole(1, 10_000, "candles"), "Candles from one fit to the next: days, unless the "
                      "timeframe is another.", 30),
            SEED,
        )),
        CANDLES.but(group=_READ), STORE.but(group=_READ), *OUTPUT,
    ),
    results={"jesse_nb.core.tools.markets.regime_detector:Regimes": "jesse_nb.report.markets.regime_report:REGIMES"},
    magics=("regime_detector", "regimes"), command="regimes",
    form=Form("calm and wild times as they could have been told, beside hindsight",
              ("inputs", "timeframe", "detection_method", "n_regimes", "output"), "regimes"),
    details="""\
        It takes a stored symbol, or what other tools gave::

            %regimes BTC-USDT
            %regimes walk --regimes 2 --refit 14 -o regimes
            %regimes ETH-USDT --method vol_terciles
            %regimes ETH-USDT -t 4h --refit 42

        What a day is called rests on the days up to it, and on a model that was
        fitted before it. Of a result, the first market's regimes are told, and how
        the strategy did on the day after. With a timeframe all that is counted in
        days is counted in its candles.
        """,
)

FACTOR_ANALYSIS = Tool(
    "factor_analysis", "Factors", "Say how much of a result came with the market and other factors, and what is left.",
    "jesse_nb.core.tools.markets.factor_analysis:factor_analysis",
    (
        *RESULT,
        *(parameter.but(group=_READ) for parameter in (
            Parameter("universe", Several(Symbol()), "Stored symbols that factors are made of, at least five.",
                      unset="all stored markets of the result's exchange"),
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
