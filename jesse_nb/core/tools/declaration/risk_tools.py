"""What measures the risk of a finished result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jesse_nb.core.tools.declaration.markets import Several
from jesse_nb.core.tools.declaration.parameter import COMMAND, Parameter
from jesse_nb.core.tools.declaration.reader import Desk, Reader
from jesse_nb.core.tools.declaration.shared import OUTPUT, RESULT, SEED, STORE
from jesse_nb.core.tools.declaration.tool import Form, Tool
from jesse_nb.core.tools.declaration.values import Choice, Number, Numbers, Switch, Whole, whole_of
from jesse_nb.exceptions import InputError, shown

__all__ = ["VAR_CALCULATION"]

_READ, _COMPUTED = "what is read", "what is computed"


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


_LEVEL = Number(0, 1, above=True, below=True, metavar="FRACTION", hint="95 % is 0.95.")

VAR_CALCULATION = Tool(
    "var_calculation", "Value at risk", "Say what a bad day or week costs, and test whether such forecasts would have "
    "held.", "jesse_nb.core.tools.risk.var_calculation:var_calculation",
    (
        *RESULT,
        *(one.but(group=_COMPUTED) for one in (
            Parameter("confidence_levels", Numbers(_LEVEL), "Confidence levels: 0.99 is the loss that one day in a "
                      "hundred exceeds.", (0.95, 0.975, 0.99), flags=("--confidence-levels", "--confidence")),
            Parameter("time_horizons", Wholes(Whole(1, 250, "days")), "Days ahead.", (1, 5, 10),
                      flags=("--time-horizons", "--horizons")),
            Parameter("method", Several(Choice(("historical", "normal", "t", "cornish_fisher", "monte_carlo", "fhs"))),
                      "How losses are modelled: as they were, by a distribution, from blocks of days, or with the "
                      "volatility of the last days (fhs).", unset="all of them"),
            Parameter("vol_model", Choice(("garch", "gjr", "ewma")), "Volatility model of fhs.", "garch"),
            Parameter("window", Whole(60, 100_000, "days"), "Days that each rolling forecast looks back.", 365),
            Parameter("backtest", Switch(on=False, flag="--no-backtest"), "Test no forecasts.", True),
            Parameter("basis", Choice(("equity", "open_position")), "Which days: all, or those with an open position.",
                      "equity"),
            SEED,
        )),
        STORE.but(surfaces=(COMMAND,), group=_READ), *OUTPUT,
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
)  # fmt: skip
