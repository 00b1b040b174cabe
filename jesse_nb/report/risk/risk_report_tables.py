"""The tables of a risk report: the key figures of each question, and in detail those of the tools."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from jesse_nb.report.analyze.analysis_tables import drawdowns_table
from jesse_nb.report.common.numbers import UNDEFINED, measure
from jesse_nb.report.common.tables import Cell, Table, cell
from jesse_nb.report.risk.monte_carlo_report import chances_table, outcomes_table, worst_table
from jesse_nb.report.risk.risk_report_figures import PARTS
from jesse_nb.report.risk.var_tables import percent

if TYPE_CHECKING:
    from jesse_nb.core.tools.risk.risk_report_result import RiskReport

__all__ = ["detailed_tables", "key_table"]

_NAMES = {
    "deepest": "deepest drawdown", "within_days": "within the days", "under_water": "days below an earlier high",
    "longest": "longest time below one", "in_market": "time in the market",
    "largest": "largest position / account", "turnover": "turnover a year / account",
    "loss": "ends with a loss", "ruin": "ruin at some time", "target": "target before ruin",
    "undecided": "neither of them", "drawdown": "deepest drawdown, median",
    "drawdown_1_in_20": "deepest drawdown, one in 20", "equity": "equity at the end, median",
    "worst": "worst scenario, loss at its lowest", "worst_end": "loss at the end, of what ends lowest",
    "ruined": "scenarios that ruin it",
}
#: Which rows of the result's table answer which question.
_ROWS = {"happened": ("drawdowns", "exposure"), "period": ("monte_carlo",), "next": ("monte_carlo",), "var": ("var",),
         "stress": ("stress",)}


def key_table(result: RiskReport, question: str) -> Table:
    """Lay out the key figures that answer a question, each with its interval and what it rests on."""
    rows = []
    found: Any = result.to_frame()
    for (section, figure), row in found.iterrows():
        drawn, own = section == "monte_carlo", figure.removeprefix(f"{question}_")
        if section not in _ROWS[question] or not figure or (drawn and own == figure):
            continue
        rows.append((cell(_name(own if drawn else figure)), _value(row), _interval(row, own if drawn else ""),
                     cell("" if math.isnan(row["money"]) else measure(row["money"], "currency")),
                     cell(str(row["rests_on"]) or str(row["reason"]), "quiet")))
    head = ("", "", "range" if question in ("period", "next") else "95% interval", "in money", "rests on")
    kept = [place for place, name in enumerate(head) if not name or any(row[place].text for row in rows)]
    return Table(tuple(head[place] for place in kept), tuple(tuple(row[place] for place in kept) for row in rows))


def detailed_tables(result: RiskReport, question: str) -> list[tuple[str, Table]]:
    """Return the tables of the tools that belong to a question, each under its heading."""
    if question == "happened" and result.drawdowns is not None and len(result.drawdowns.worst):
        return [("Deepest drawdowns", drawdowns_table(result.drawdowns))]
    drawn = result.monte_carlo
    if question == "next" and drawn is not None:
        return [("Both questions: how likely", chances_table(drawn)), ("What the paths come to", outcomes_table(drawn)),
                ("", worst_table(drawn))]
    part = getattr(result, question, None)
    if part is None or question not in PARTS:
        return []
    content = PARTS[question].content(part)
    if question == "stress":
        return [("Each run", content["table"]), ("What each run is", content["what"])]
    return [(title, table) for title, table in (
        ("All methods, with 95% intervals", content["losses"]), ("Would such forecasts have held?", content["tests"]),
        ("Traffic light of the last 250 days at 99%", content["lights"])) if table and table.rows]


def _name(figure: str) -> str:
    kind, _, level = figure.partition("_")
    if kind in ("var", "es"):
        return f"{'value at risk' if kind == 'var' else 'shortfall beyond it'}, {percent(float(level))}"
    return _NAMES[figure]


def _value(row: Any) -> Cell:
    if row["reason"]:
        return Cell(UNDEFINED, "undefined", row["reason"])
    return cell(_written(row["value"], row["unit"]))


def _interval(row: Any, drawn: str) -> Cell:
    """Write a range; of what was drawn it says which: of outcomes, or of how well a chance is known."""
    if row["reason"] or math.isnan(row["low"]):
        return cell("")
    of = f" ({'nine in ten paths' if drawn == 'equity' else '95% interval'})" if drawn else ""
    return cell(f"{_written(row['low'], row['unit'])} to {_written(row['high'], row['unit'])}{of}")


def _written(value: float, unit: str) -> str:
    if unit == "percent":
        return f"{value:.1f}%" if abs(value) >= 10 else f"{value:.2f}%"
    return measure(value, "currency") if unit == "money" else f"{value:,.2f}" if unit == "times" else \
        f"{value:,.0f} {unit}"
