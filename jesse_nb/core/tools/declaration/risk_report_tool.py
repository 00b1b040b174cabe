"""What puts all risk tools on one page."""

from __future__ import annotations

from jesse_nb.core.tools.declaration.markets import Several
from jesse_nb.core.tools.declaration.parameter import COMMAND, Parameter
from jesse_nb.core.tools.declaration.results import Strategies
from jesse_nb.core.tools.declaration.risk_tools import MONTE_CARLO, STRESS_TEST, VAR_CALCULATION
from jesse_nb.core.tools.declaration.shared import JOBS, OUTPUT, RERUN, RESULT, SEED
from jesse_nb.core.tools.declaration.tool import Form, Tool
from jesse_nb.core.tools.declaration.values import Choice, FlagEach, Switch, Whole

__all__ = ["RISK_REPORT"]

_FORMATS = {
    "summary": "The key figures with their intervals.",
    "detailed": "And every table and figure.",
    "executive": "One screen, in words.",
}
_READ, _COMPUTED, _RUNS = "what is read", "what is computed", "simulation"

RISK_REPORT = Tool(
    "risk_report", "Risk report",
    "Put drawdowns, exposure, Monte Carlo, value at risk and stress tests of a result on one page.",
    "jesse_nb.core.tools.risk.risk_report:risk_report",
    (
        *RESULT,
        *(parameter.but(group=_COMPUTED) for parameter in (
            Parameter("sections", Several(Choice(("drawdowns", "exposure", "monte_carlo", "var", "stress"))),
                      "What it holds.", unset="all of them"),
            Parameter("format", FlagEach(tuple(_FORMATS), helps=tuple(_FORMATS.values())), " ".join(_FORMATS.values()),
                      "summary", label="Format"),
            Parameter("n_sims", Whole(1, 1_000_000), "Paths of the Monte Carlo.", 10_000, flags=("--n-sims", "--sims")),
            *(MONTE_CARLO.parameter(name) for name in ("horizon", "ruin", "target")),
            VAR_CALCULATION.parameter("confidence_levels"),
            STRESS_TEST.parameter("scenarios").but(default=("crash", "slow_bear", "vol_spike", "gap")),
            STRESS_TEST.parameter("at"), STRESS_TEST.parameter("shocks"), SEED,
        )),
        Parameter("resimulate", Switch(on=False, flag="--no-resimulation"), "Simulate nothing, so no stress.", True,
                  group=_RUNS),
        Parameter("strategy", Strategies(), "The result's strategy, where it has not been met yet.", group=_RUNS,
                  in_form=False),
        Parameter("trust", Switch(), "Run the strategy as the run store holds it, without a question.", False,
                  group=_RUNS, surfaces=(COMMAND,)),
        JOBS.but(group=_RUNS), *(parameter.but(group=_RUNS) for parameter in RERUN), *OUTPUT,
    ),
    results={
        "jesse_nb.core.tools.risk.risk_report_result:RiskReport":
            "jesse_nb.report.risk.risk_report:RISK",
    },
    magics=("risk_report", "risk"), command="risk",
    form=Form("what could happen to its money, on one page",
              ("names", "format", "sections", "ruin", "target", "output"), "risk"),
    details="""\
        It takes what backtest, optimize, walk_forward and backtest_batch gave::

            %risk walk
            %risk walk --executive
            %risk study.test --detailed --target 50 --ruin 30 --scenarios crash gap -o risk

        Two questions are told apart: how else this period could have gone, and
        what the next one could bring. A walk-forward is the best input: of it the
        stitched out-of-sample curve is read. Where data is too thin for a figure,
        the reason stands in its place. There is no score.
        """,
)
