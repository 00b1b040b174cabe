"""The figures of a risk report: the account, and those of the tools that it is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jesse_nb.core.analysis.curves.equity import drawdown
from jesse_nb.report.common.canvas import BAD, INK, MAIN, ReportFigure, axis_in, date_axis, new_figure
from jesse_nb.report.common.report import Report
from jesse_nb.report.risk.monte_carlo_report import RISK_MONTE_CARLO
from jesse_nb.report.risk.stress_report import STRESS
from jesse_nb.report.risk.var_report import VALUE_AT_RISK

if TYPE_CHECKING:
    from jesse_nb.core.tools.risk.risk_report_result import RiskReport

__all__ = ["described", "risk_plots"]

#: The reports of the tools, by the section that holds their result.
PARTS: dict[str, Report[Any]] = {"monte_carlo": RISK_MONTE_CARLO, "var": VALUE_AT_RISK, "stress": STRESS}

_ACCOUNT = {"account": "Equity, and how far below its highest value it was"}
#: What is drawn in a summary; everything in a detailed report, nothing in an executive one.
_SUMMARY = ("account", "monte_carlo_fan", "var_losses", "stress_losses")


def risk_plots(result: RiskReport) -> dict[str, Callable[[], ReportFigure]]:
    """Return what draws each figure, by its name: those of a tool after its section."""
    figures: dict[str, Callable[[], ReportFigure]] = {}
    if result.drawdowns is not None and not result.drawdowns.reason:
        figures["account"] = lambda: draw_account(result)
    for section, report in PARTS.items():
        part = getattr(result, section)
        if part is not None:
            figures |= {f"{section}_{name}": draw for name, draw in report.figures(part).items()}
    return figures


def described(result: RiskReport) -> dict[str, str]:
    """Return which figures stand in the report, and what each shows."""
    known = dict(_ACCOUNT)
    for section, report in PARTS.items():
        part = getattr(result, section)
        if part is not None:
            known |= {f"{section}_{name}": text for name, text in report.pictures(part).items()}
    return {} if result.format == "executive" else known if result.format == "detailed" else \
        {name: text for name, text in known.items() if name in _SUMMARY}


def draw_account(result: RiskReport) -> ReportFigure:
    """Draw the equity, and beneath it the drawdown, one sample a day."""
    equity = result.run.equity
    figure, (upper, lower) = new_figure(3.6, 2, 1, sharex=True, height_ratios=[1.8, 1])
    upper.axhline(result.run.balance, color=INK, alpha=0.6, linewidth=0.8)
    upper.plot(equity.index, equity, color=MAIN, linewidth=1.6)
    upper.set_ylabel("equity")
    upper.margins(x=0.02)
    axis_in(upper.yaxis, "currency", ticks=5)
    below = drawdown(equity)
    lower.fill_between(below.index, below, 0, color=BAD, alpha=0.35, linewidth=0)
    lower.plot(below.index, below, color=BAD, linewidth=1.0)
    lower.set_ylabel("drawdown")
    lower.set_ylim(top=0)
    axis_in(lower.yaxis, "percent", ticks=4)
    date_axis(lower)
    return figure
