"""What measures the risk of a finished result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jesse_nb.core.tools.declaration.markets import Several
from jesse_nb.core.tools.declaration.parameter import COMMAND, MAGIC, PYTHON, Parameter
from jesse_nb.core.tools.declaration.reader import Desk, Reader
from jesse_nb.core.tools.declaration.results import Strategies
from jesse_nb.core.tools.declaration.searching import Values
from jesse_nb.core.tools.declaration.shared import JOBS, OUTPUT, RERUN, RESULT, SEED, STORE
from jesse_nb.core.tools.declaration.tool import Form, Tool
from jesse_nb.core.tools.declaration.values import Choice, Moment, Number, Numbers, Switch, Text, Whole, whole_of
from jesse_nb.exceptions import InputError, JesseNbError, did_you_mean, shown

__all__ = ["MONTE_CARLO", "STRESS_TEST", "VAR_CALCULATION"]

_READ, _COMPUTED, _AGAIN = "what is read", "what is computed", "simulating again, of candles"
_RUNS = "simulation"


class MaybeWhole(Whole):
    """A whole number that may be left out."""

    python = "int | None"



@dataclass(frozen=True)
class Wholes(Reader):
    """Several whole numbers, each within the bounds of ``one``; a single one will do."""

    one: Whole
    many = "+"
    metavar = "N"
    python = "Sequence[int]"

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        return tuple(whole_of(word) for word in words)

    def check(self, name: str, value: Any) -> tuple[int, ...]:
        """See :meth:`Reader.check`."""
        if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__iter__"):
            return (self.one.check(name, value),)
        given = list(value)
        if not given:
            raise InputError.of(name, f"is {shown(value)}.", "It lists whole numbers, at least one.")
        try:
            return tuple(self.one.check(name, one) for one in given)
        except InputError as error:
            raise InputError.of(name, f"holds {error.message.partition(' is ')[2]}",
                                error.hint.replace("It is", "Each is")) from None

    def written(self, value: Any) -> str:
        """See :meth:`Reader.written`."""
        return " ".join(str(one) for one in value) if value else ""


class MaybeSeveral(Several):
    """Several, or none: None, ``none``."""

    def check(self, name: str, value: Any) -> Any:
        """See :meth:`Reader.check`."""
        if value is None or (isinstance(value, list | tuple | str) and list(value) in ([], ["none"], list("none"))):
            return ()
        found = super().check(name, value)
        return found if isinstance(found, str) else tuple(found)

    def written(self, value: Any) -> str:
        """See :meth:`Reader.written`."""
        return value if isinstance(value, str) else " ".join(value or ())


class SeveralWritten(MaybeSeveral):
    """Several, or none, that a form lets one write, as there are more than it could list."""

    field = "text"


class ScenarioName(Text):
    """A scenario by name, or a replay."""

    @property
    def suggested(self) -> tuple[str, ...]:
        """See :class:`Reader`."""
        return *_SCENARIOS, *(f"replay:{name}" for name in _REPLAYS)

    def check(self, name: str, value: Any) -> str:
        """See :meth:`Reader.check`."""
        if not isinstance(value, str) or not (value in _SCENARIOS or value.startswith("replay:")):
            raise InputError.of(name, f"is {shown(value)}.", did_you_mean(str(value), (*_SCENARIOS, "replay:ftx")))
        return value


class BeginName(Text):
    """When a scenario begins: a word, or a date."""

    suggested = ("worst_exposure", "random")

    def check(self, name: str, value: Any) -> str:
        """See :meth:`Reader.check`."""
        if isinstance(value, str) and value in self.suggested:
            return value
        try:
            Moment().check(name, value)
        except JesseNbError:
            raise InputError.of(name, f"is {shown(value)}.", "It is worst_exposure, random, or a date.") from None
        return str(value)


_SCENARIOS = ("crash", "slow_bear", "vol_spike", "gap", "melt_up", "correlation_to_one")
_REPLAYS = ("covid", "may_2021", "luna", "ftx", "svb")


_LEVEL = Number(0, 1, above=True, below=True, metavar="FRACTION", hint="95 % is 0.95.")

VAR_CALCULATION = Tool(
    "var_calculation", "Value at risk", "Say what a bad day or week costs, and test whether such forecasts would have "
    "held.", "jesse_nb.core.tools.risk.var_calculation:var_calculation",
    (
        *RESULT,
        *(parameter.but(group=_COMPUTED) for parameter in (
            Parameter("confidence_levels", Numbers(_LEVEL), "Confidence levels: 0.99 is the loss that one day in a "
                      "hundred exceeds.", (0.95, 0.975, 0.99), flags=("--confidence-levels", "--confidence")),
            Parameter("time_horizons", Wholes(Whole(1, 250, "days")), "Days ahead.", (1, 5, 10),
                      flags=("--time-horizons", "--horizons")),
            Parameter("method", Several(Choice(("historical", "normal", "t", "cornish_fisher", "monte_carlo", "fhs"))),
                      "How losses are modelled: as they were, by a distribution, from blocks of days, or with the "
                      "volatility of the last days (fhs).", unset="all of them"),
            Parameter("vol_model", Choice(("garch", "gjr", "ewma")), "Volatility model of fhs.", "garch"),
            Parameter("window", MaybeWhole(60, 100_000, "days"), "Days that each rolling forecast looks back.",
                      unset="two thirds of the days, 60 to 365"),
            Parameter("backtest", Switch(on=False, flag="--no-backtest"), "Test no forecasts.", True),
            Parameter("basis", Choice(("equity", "open_position")), "Which days: all, or those with an open position.",
                      "equity"),
            SEED,
        )),
        STORE.but(surfaces=(COMMAND,), group=_READ, setting=""), *OUTPUT,
    ),
    results={"jesse_nb.core.tools.risk.var_calculation:ValueAtRisk": "jesse_nb.report.risk.var_report:VALUE_AT_RISK"},
    magics=("var_calculation", "var"), command="var",
    form=Form("what a bad day or week costs, and whether such forecasts would have held",
              ("names", "confidence_levels", "time_horizons", "method", "output"), "risk"),
    details="""\
        It takes what backtest, optimize, walk_forward and backtest_batch gave::

            %var walk
            %var result --confidence 0.95 0.99 --horizons 1 5 --method t fhs -o risk
            %var result --basis open_position

        A walk-forward is the best input: of it the stitched out-of-sample curve is
        read. Trades and equity from elsewhere do as well, a DataFrame and a Series.
        Where data is too thin for a figure, the reason stands in its place.
        """,
)

MONTE_CARLO = Tool(
    "monte_carlo", "Monte Carlo", "Draw how else a period could have gone, and what the next one could bring.",
    "jesse_nb.core.tools.risk.monte_carlo:monte_carlo",
    (
        *RESULT,
        *(parameter.but(group=_COMPUTED) for parameter in (
            Parameter("method", Choice(("stationary", "block", "iid", "trade_shuffle", "trade_resample", "candles")),
                      "What is drawn: days in blocks of random or fixed length, single days, trades in another order "
                      "or again, or whole markets on which Jesse runs.", "stationary"),
            Parameter("n_sims", MaybeWhole(1, 1_000_000), "Paths.", unset="10,000; of candles 100",
                      flags=("--n-sims", "--sims")),
            Parameter("block_length", MaybeWhole(1, 100_000, "days"), "(Mean) days of a block.",
                      unset="chosen by the data"),
            Parameter("horizon", MaybeWhole(1, 1_000_000), "Days or trades of the next period.",
                      unset="as many as the history has, at most 365 days"),
            Parameter("confidence_levels", Numbers(_LEVEL), "Confidence levels.", (0.9, 0.95, 0.99),
                      flags=("--confidence-levels", "--confidence")),
            Parameter("ruin", Number(0, 100, above=True, metavar="PERCENT"), "Loss of the starting equity that counts "
                      "as ruin.", 50.0),
            Parameter("target", Number(0, 1e6, above=True, metavar="PERCENT", optional=True), "Gain on it that is "
                      "asked for, and whether it comes before ruin."),
            SEED,
        )),
        Parameter("strategy", Strategies(), "The result's strategy, where it has not been met yet.", group=_AGAIN,
                  in_form=False),
        Parameter("trust", Switch(), "Run the strategy as the run store holds it, without a question.", False,
                  group=_AGAIN, surfaces=(COMMAND,)),
        JOBS.but(group=_AGAIN), *(parameter.but(group=_AGAIN) for parameter in RERUN), *OUTPUT,
    ),
    results={
        "jesse_nb.core.tools.risk.monte_carlo:RiskMonteCarlo":
            "jesse_nb.report.risk.monte_carlo_report:RISK_MONTE_CARLO",
    },
    magics=("monte_carlo",), command="monte-carlo",
    form=Form("how else the period could have gone, and what the next one could bring",
              ("names", "method", "ruin", "target", "horizon", "output"), "chances"),
    details="""\
        It takes what backtest, optimize, walk_forward and backtest_batch gave::

            %monte_carlo walk --target 50 --ruin 30 -o chances
            %monte_carlo result --method trade_resample --horizon 100
            %monte_carlo study.test --method candles --sims 50 -j 2

        Two questions are told apart: how else this period could have gone, and
        what the next one could bring, in which the mean itself is uncertain.
        """,
)


STRESS_TEST = Tool(
    "stress_test", "Stress test",
    "Simulate a result again on markets that fall, jump or go wild, and at other costs.",
    "jesse_nb.core.tools.risk.stress_test:stress_test",
    (
        *(one for one in RESULT if one.name not in ("trades", "equity")),
        *(one.but(group=_COMPUTED) for one in (
            Parameter("scenarios", MaybeSeveral(ScenarioName("SCENARIO")), "Which: crash, slow_bear, vol_spike, gap, "
                      "melt_up, correlation_to_one, replay:NAME (covid, may_2021, luna, ftx, svb), "
                      "replay:START..END, either of another market's path by @SYMBOL:BETA, or none.",
                      _SCENARIOS[:4]),
            Parameter("shocks", Values(), "In all runs: fee=0.002 (a fraction), slippage_bps=10, "
                      "funding_rate=0.0003 (a fraction for each 8 hours), and outage=4h, in which the strategy decides "
                      "nothing."),
            Parameter("at", SeveralWritten(BeginName("MOMENT")), "When scenarios begin: worst_exposure, random, or "
                      "dates.",
                      ("worst_exposure", "random")),
            Parameter("leverage", MaybeWhole(1, 1_000), "Leverage in all runs.", unset="the run's"),
            Parameter("custom_scenarios", Values(), "Your own by name, as dicts with change, minutes, volatility and "
                      "together: an expression that gives a dict of them.", surfaces=(PYTHON, MAGIC)),
            SEED,
        )),
        Parameter("strategy", Strategies(), "The result's strategy, where it has not been met yet.", group=_RUNS,
                  in_form=False),
        Parameter("trust", Switch(), "Run the strategy as the run store holds it, without a question.", False,
                  group=_RUNS, surfaces=(COMMAND,)),
        JOBS.but(group=_RUNS), *(one.but(group=_RUNS) for one in RERUN), *OUTPUT,
    ),
    results={"jesse_nb.core.tools.risk.stress_test:StressTest": "jesse_nb.report.risk.stress_report:STRESS"},
    magics=("stress_test", "stress"), command="stress",
    form=Form("what falls, gaps and wild times do to it", ("names", "scenarios", "at", "leverage", "output"), "stress"),
    simulates=True,
    details="""\
        It takes what backtest, optimize, walk_forward and backtest_batch gave::

            %stress result
            %stress walk
            %stress study.test --scenarios crash gap replay:ftx --at worst_exposure 2024-03-05 -o stress
            %stress result --shocks fee=0.002 slippage_bps=5 --leverage 3
            %stress result --scenarios none --shocks funding_rate=0.0003 outage=4h

        Scenarios change the candles of all markets alike, and Jesse runs the
        strategy on them again. None has a probability, and none counts as a trial.
        """,
)
