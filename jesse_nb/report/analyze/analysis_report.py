"""The report of an analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jesse_nb.core.analysis.trades.costs import COST_ASSUMPTION
from jesse_nb.core.analysis.trades.excursions import STOP_CAVEAT
from jesse_nb.core.tools.changes import changes_since
from jesse_nb.report.analyze import analysis_risk_tables as risk_tables
from jesse_nb.report.analyze import analysis_tables as tables
from jesse_nb.report.analyze import analysis_words as words
from jesse_nb.report.analyze.analysis_figures import MOST_MARKED
from jesse_nb.report.analyze.analysis_plots import analysis_plots
from jesse_nb.report.analyze.analysis_risk_figures import fan_of
from jesse_nb.report.common import provenance
from jesse_nb.report.common.heading import candle_mark, dated, mark_lines
from jesse_nb.report.common.heatmap import MONTHS, months_heat
from jesse_nb.report.common.plain_text import one_line, wrapped
from jesse_nb.report.common.report import Report
from jesse_nb.report.common.tables import Table, as_text, cell

if TYPE_CHECKING:
    from jesse_nb.core.tools.analyze.analysis_result import Analysis

__all__ = ["ANALYSIS", "OF_DAYS"]

#: What each figure shows, for those who cannot see it.
_PICTURES = {
    "equity": "Equity with its trades against buy-and-hold, and the drawdown by day and within the days",
    "ratios": "Ratios of return to risk with their 95% intervals",
    "trades": "Histogram of the trades' net profits",
    "returns": "Distribution of daily returns, and their quantiles against a normal distribution's",
    "fan": "Range of the resampled equity curves, and the one that happened",
    "outcomes": "Distributions of final equity and of the deepest drawdown by Monte Carlo method",
    "scenarios": "Equity on rewritten candles and on the real ones",
    "excursions": "Worst against best moment of each trade, and the profit with other stops",
    "rolling": "Sharpe ratio and volatility over the last days",
    "hours": "Mean result of the trades entered in each hour",
    "calendar": "Mean result of the trades by weekday, month, volatility and trend at entry",
    "importances": "How much each thing known at entry helps to tell better trades from worse",
    "costs": "Net profit at other fees and slippages",
}
#: The pattern that is looked for in the equity, not in the trades.
OF_DAYS = "change of drift"


def _title(analysis: Analysis) -> str:
    spec = analysis.spec
    return analysis.strategy if spec is None else f"{analysis.strategy} on {provenance.market(spec)}"


def _content(analysis: Analysis) -> dict[str, Any]:
    run, basic, advanced, deep = analysis.run, analysis.basic, analysis.advanced, analysis.deep
    trades, found = basic.trades, words.judgement(analysis)
    return {
        **_heading(analysis),
        "verdict": found._replace(evidence=()),
        "others": words.others(analysis),
        "evidence": found.evidence,
        "stopped": analysis.stopped,
        "tiles": tables.tiles(analysis),
        "traded": len(run.trades) > 0,
        "marked": (f"Marked: the {MOST_MARKED} trades that gained or lost most, of {len(run.trades):,}."
                   if len(run.trades) > MOST_MARKED else ""),
        "notes": analysis.notes,
        "ratios": tables.ratios_table(analysis) if advanced is not None else None,
        "earned": words.earned(analysis),
        "trade_tables": tables.trade_tables(analysis),
        "by_side": tables.groups_table(trades.by_side, "side") if trades is not None else None,
        "by_exit": tables.groups_table(trades.by_exit, "exit") if trades is not None else None,
        "benchmarks": tables.benchmarks_table(analysis) if advanced is not None else None,
        "benchmark_notes": [benchmark.note
                            for benchmark in advanced.benchmarks if benchmark.note] if advanced is not None else [],
        "months": months_heat(run.equity) if run.equity.nunique() > 1 else (),
        "month_names": MONTHS,
        "falls": words.falls(analysis),
        "drawdowns": tables.drawdowns_table(analysis.basic.drawdowns),
        "periods": tables.periods_table(analysis),
        "tails": tables.tails_table(analysis),
        "days": tables.days_table(analysis),
        "fan": fan_of(analysis),
        "monte_carlo": risk_tables.monte_carlo_table(analysis),
        "scenarios": risk_tables.scenarios_table(deep.scenarios if deep is not None else None),
        "pipeline": str(deep.scenarios.pipeline) if deep is not None and deep.scenarios is not None else "",
        "stops": risk_tables.stops_table(analysis) if _followed(analysis) else None,
        "stops_said": words.stops(analysis),
        "stop_caveat": STOP_CAVEAT,
        "occasions": words.occasions(analysis),
        "cells": risk_tables.cells_table(analysis, tested=True) if _has_cells(analysis) else None,
        "all_cells": risk_tables.cells_table(analysis, tested=False) if _has_cells(analysis) else None,
        "patterns": sorted((pattern
                            for pattern in deep.patterns if words.trades_known(analysis) or pattern.name == OF_DAYS),
                           key=lambda one: not one.found) if deep is not None else (),
        "insight": deep.insight if deep is not None else None,
        "features": risk_tables.features_table(analysis),
        "breaks": words.breaks(analysis),
        "costs": risk_tables.costs_table(analysis),
        "fees": risk_tables.fees_table(advanced.fee_stress if advanced is not None else None, run.balance),
        "cost_assumption": COST_ASSUMPTION,
        "left_out": risk_tables.left_out_table(analysis),
        "changed": changes_since(analysis.spec) if analysis.spec is not None else (),
    }


def _text(analysis: Analysis) -> str:
    heading = _heading(analysis)
    lines = [f"Analysis of {one_line(_title(analysis))} ({analysis.analysis_type})"]
    lines += [one_line(f"{heading['period']}, {heading['account']}" if heading["account"] else heading["period"])]
    lines += wrapped(words.whose(analysis))
    lines += mark_lines(heading)
    lines += [f"Stopped early: {one_line(analysis.stopped)}."] if analysis.stopped else []
    found = words.judgement(analysis)
    lines += ["", *wrapped(f"{found.outcome[:1].upper()}{found.outcome[1:]}: {found.figures}")]
    lines += wrapped(found.note, words.others(analysis), *analysis.notes)
    rows = tuple((cell(name), value, cell(below)) for name, value, below in tables.tiles(analysis))
    lines += ["", *as_text(Table(("", "", ""), rows))[1:]]
    for question, said in (
        ("How did it earn?", words.earned(analysis)),
        ("How bad can it get?", words.falls(analysis)),
        ("When does it work?", words.occasions(analysis)),
        ("What could break it?", words.breaks(analysis)),
    ):
        if said:
            lines += ["", question]
            lines += wrapped(*said, bullet="  ")
    missing = words.left_out(analysis)
    if missing:
        lines += ["", "Left out"]
        lines += wrapped(*(f"{name}: {reason}" for name, reason in missing), bullet="  ")
    return "\n".join(lines)


def _heading(analysis: Analysis) -> dict[str, Any]:
    run, spec = analysis.run, analysis.spec
    account = "" if spec is None else f"{provenance.account(spec)}, {spec.mode} mode"
    return {
        "name": run.strategy,
        "kind": f"{analysis.analysis_type.capitalize()} analysis",
        "whose": words.whose(analysis),
        "places": "trades and equity given as tables" if spec is None else f"{provenance.market(spec)}, {account}",
        "account": account,
        "period": dated(run.start, run.end),
        **candle_mark(spec),
    }


def _followed(analysis: Analysis) -> bool:
    found = analysis.advanced.excursions if analysis.advanced is not None else None
    return found is not None and not found.reason


def _has_cells(analysis: Analysis) -> bool:
    return analysis.advanced is not None and analysis.advanced.cells is not None and len(
        analysis.advanced.cells.table) > 0


def _card(analysis: Analysis) -> Table:
    return provenance.run_card(analysis.run, ("analysis", f"{analysis.analysis_type}, seed {analysis.seed}"))


ANALYSIS: Report[Analysis] = Report(
    _title, _text, _content, "analysis.html", analysis_plots, lambda _: _PICTURES, _card,
)
