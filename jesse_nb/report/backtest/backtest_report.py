"""The report of one backtest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jesse_nb.report.backtest import backtest_figures, backtest_tables
from jesse_nb.report.common.audit_words import audit_remarks, audit_warnings
from jesse_nb.report.common.heading import heading_content, heading_lines
from jesse_nb.report.common.heatmap import MONTHS, months_heat
from jesse_nb.report.common.judgement import too_good_sentence
from jesse_nb.report.common.labels import label, write
from jesse_nb.report.common.plain_text import wrapped
from jesse_nb.report.common.provenance import hyperparameters, market, missing_minutes, spec_card
from jesse_nb.report.common.report import Drawings, Report
from jesse_nb.report.common.tables import Table, as_text, cell

if TYPE_CHECKING:
    from jesse_nb.core.simulator.result import BacktestResult

__all__ = ["BACKTEST"]

_PICTURES = {"equity": "Equity curve, and the drawdown beneath it", "trades": "Histogram of the trades' net profits"}


def _text(result: BacktestResult) -> str:
    spec, used = result.spec, hyperparameters(result.spec, result.card)
    lines = heading_lines(f"Backtest of {result.strategy}: {market(spec)}", spec, "",
                          *(wrapped(f"Hyperparameters: {used}") if used else []))
    lines += missing_minutes(spec)
    lines += wrapped(*_warnings(result), *audit_remarks(result.audit, result.metrics), *_notes(result))
    if not result.metrics.get("total"):
        return "\n".join([*lines, "No trade was closed, so Jesse gives no ratios."])
    rows = tuple((cell(label(name)), cell(write(name, result.metrics[name])))
                 for name in backtest_tables.MAIN if name in result.metrics)
    return "\n".join([*lines, *as_text(Table(("", ""), rows))[1:]])


def _warnings(result: BacktestResult) -> list[str]:
    doubt = "" if result.ruin else too_good_sentence(result.equity)
    return [*audit_warnings(result.audit, result.spec), *([doubt] if doubt else [])]


def _notes(result: BacktestResult) -> list[str]:
    lines = len(result.output.splitlines())
    return [*result.card.notes, *([f"The strategy printed {lines:,} lines: .output has them."] if lines > 1 else
                                  ["The strategy printed a line: .output has it."] if lines else [])]


def _content(result: BacktestResult) -> dict[str, Any]:
    main = [(label(name), backtest_tables.metric_cell(name, result.metrics[name]), "")
            for name in backtest_tables.MAIN if name in result.metrics]
    return {
        **heading_content(result.strategy, result.spec),
        "hyperparameters": hyperparameters(result.spec, result.card),
        "tiles": main,
        "warnings": _warnings(result),
        "remarks": audit_remarks(result.audit, result.metrics),
        "traded": len(result.trades) > 0,
        "notes": _notes(result),
        "months": months_heat(result.equity) if result.equity.nunique() > 1 else (),
        "month_names": MONTHS,
        "moved": result.equity.nunique() > 1,
        "drawdowns": backtest_tables.drawdowns_table(result) if result.equity.nunique() > 1 else Table((), ()),
        "groups": backtest_tables.metric_groups(result),
        "trades": backtest_tables.trades_table(result, backtest_tables.MOST_TRADES),
    }


def _figures(result: BacktestResult) -> Drawings:
    figures = {"equity": lambda: backtest_figures.draw_equity(result),
               "monthly": lambda: backtest_figures.draw_monthly(result)} if len(result.equity) else {}
    if len(result.trades):
        figures["trades"] = lambda: backtest_figures.draw_trades(result)
    return figures


BACKTEST: Report[BacktestResult] = Report(
    lambda result: f"{result.strategy} on {market(result.spec)}", _text, _content, "backtest.html", _figures,
    lambda _: _PICTURES, lambda result: spec_card(result.spec, result.card),
)
