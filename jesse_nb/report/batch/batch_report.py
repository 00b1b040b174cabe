"""The reports of a batch, and of a metric of it laid out by two dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jesse_nb.report.batch import batch_figures, batch_tables
from jesse_nb.report.batch.batch_card import batch_card
from jesse_nb.report.common.heading import candle_mark, mark_lines
from jesse_nb.report.common.numbers import UNDEFINED
from jesse_nb.report.common.plain_text import one_line, wrapped
from jesse_nb.report.common.provenance import account
from jesse_nb.report.common.report import Drawings, Report
from jesse_nb.report.common.tables import as_text

if TYPE_CHECKING:
    from jesse_nb.core.tools.batch.batch_result import BatchComparison, BatchResult

__all__ = ["BATCH", "COMPARISON"]

MOST_TOP_COMBINATIONS = 15


def _text(result: BatchResult) -> str:
    lines = [one_line(f"Batch: {batch_tables.subject(result)}"),
             f"{batch_tables.periods(result)}, {account(result)}, {result.mode} mode",
             *mark_lines(candle_mark(result))]
    lines.append(batch_tables.counts(result) + (f"; stopped: {result.stopped}" if result.stopped else ""))
    top, stability = batch_tables.top_table(result, 5), batch_tables.stability_table(result)
    lines += ["", *as_text(top)] if top.rows else ["No combination has a value."]
    lines += ["", *as_text(batch_tables.statistics_table(result))] if result.finished else []
    lines += ["", *as_text(stability)] if stability.rows else []
    failed = batch_tables.failures_table(result)
    lines += ["", "Failed:", *as_text(failed, widest=96)[1:]] if failed.rows else []
    for sentence in (*batch_tables.caveats(result), *result.notes):
        lines += ["", *wrapped(sentence)]
    return "\n".join(lines)


def _content(result: BatchResult) -> dict[str, Any]:
    return {
        "name": batch_tables.subject(result),
        "places": f"{account(result)}, {result.mode} mode",
        "period": batch_tables.periods(result),
        **candle_mark(result),
        "run": batch_tables.run(result),
        "stopped": result.stopped,
        "tiles": batch_tables.tiles(result),
        "warnings": batch_tables.caveats(result),
        "caption": _caption(result),
        "top": batch_tables.top_table(result, MOST_TOP_COMBINATIONS),
        "statistics": batch_tables.statistics_table(result),
        "stability": batch_tables.stability_table(result),
        "failures": batch_tables.failures_table(result),
        "notes": result.notes,
    }


def _caption(result: BatchResult) -> str:
    shown = batch_tables.matrix(result)
    return shown.caption if shown else ""


def _figures(result: BatchResult) -> Drawings:
    figures = {}
    if len(result.finished) > 1:
        figures["matrix"] = lambda: batch_figures.draw_matrix(result)
    if result.top(1):
        figures["equity"] = lambda: batch_figures.draw_equity(result)
    if len(result.top(2)) > 1:
        figures["correlation"] = lambda: batch_figures.draw_correlation(result)
    return figures


def _pictures(result: BatchResult) -> dict[str, str]:
    return {"matrix": _caption(result), "equity": "Growth of the best combinations",
            "correlation": "Correlation of the best combinations' daily returns"}


BATCH: Report[BatchResult] = Report(
    lambda result: f"Batch: {batch_tables.subject(result)}", _text, _content, "batch.html", _figures, _pictures,
    batch_card,
)

COMPARISON: Report[BatchComparison] = Report(
    lambda result: result.metric.label,
    lambda result: f"{result.metric.label}\n{result.table.to_string(na_rep=UNDEFINED)}", template="",
    figures=lambda result: {"heatmap": lambda: batch_figures.draw_heatmap(result.table, result.metric)},
)
