"""The report of a walk-forward."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jesse_nb.report.backtest.backtest_tables import metric_cell
from jesse_nb.report.common import provenance
from jesse_nb.report.common.heading import dated, heading_content, heading_lines
from jesse_nb.report.common.judgement import judgement_of
from jesse_nb.report.common.labels import label, period
from jesse_nb.report.common.numbers import UNDEFINED, duration, measure
from jesse_nb.report.common.plain_text import WIDTH, one_line, wrapped
from jesse_nb.report.common.report import Drawings, Report
from jesse_nb.report.common.tables import Cell, as_text, cell
from jesse_nb.report.walk_forward import walk_forward_figures, walk_forward_tables, walk_forward_words
from jesse_nb.report.walk_forward.walk_forward_card import card_of_windows, walk_forward_card

if TYPE_CHECKING:
    from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult

__all__ = ["WALK_FORWARD"]

_PICTURES = {
    "windows": "In-sample and out-of-sample period of each window beneath the price",
    "equity": "Stitched out-of-sample equity against the default parameters and the market, and its drawdown",
    "curves": "Growth of each window's out-of-sample run",
    "in_out": "The optimized metric in-sample against out-of-sample, by window and by trial",
    "degradation": "Part of each metric's in-sample edge that was lost out-of-sample",
    "drift": "Chosen value of each parameter by window",
}

_MOST_WINDOWS, _MOST_WINDOWS_IN_TEXT = 60, 12


def _content(result: WalkForwardResult) -> dict[str, Any]:
    known, found = result.figures, result.verdict
    return {
        **heading_content(result.strategy, result.spec),
        "period": dated(result.start, result.end),
        "run": f"{walk_forward_words.setup(result)}; took {duration(result.elapsed)}",
        "stopped": result.stopped,
        "verdict": judgement_of(found)._replace(evidence=()),  # which has a heading of its own
        "evidence": found.evidence,
        "tiles": _tiles(known),
        "curve": walk_forward_tables.curve_table(known.curve),
        "sortino": walk_forward_words.sortino(known.curve),
        "seams": walk_forward_words.seams(result, known.curve),
        "windows": walk_forward_tables.windows_table(result, _MOST_WINDOWS),
        "metrics": walk_forward_tables.all_metrics_table(result, known.curve),
        "stability": walk_forward_tables.stability_table(result),
        "notes": (*result.notes, *provenance.notes_of(card_of_windows(result))),
    }


def _text(result: WalkForwardResult) -> str:
    known, found = result.figures, result.verdict
    lines = heading_lines(f"Walk-forward of {result.strategy}: {provenance.market(result.spec)}", result.spec,
                          period(result.start, result.end))
    stopped = f"; stopped: {one_line(result.stopped)}" if result.stopped else ""
    lines += wrapped(walk_forward_words.setup(result) + stopped)
    lines += ["", *wrapped(" ".join(found.sentences)), ""]
    for line in found.evidence:
        lines += wrapped(line, bullet="- ")
    if not known.curve.returns.empty:
        lines += ["", *as_text(walk_forward_tables.curve_table(known.curve)), "",
                  *wrapped(walk_forward_words.sortino(known.curve))]
    table = walk_forward_tables.windows_table(result, _MOST_WINDOWS_IN_TEXT)
    head = ["out" if name.endswith(" out") else name for name in table.head[:7]]
    narrow = table._replace(head=tuple(head), rows=tuple(row[:7] for row in table.rows))
    lines += ["", *as_text(narrow, room=WIDTH), ""]
    for sentence in (*walk_forward_words.seams(result, known.curve), *result.notes,
                     *provenance.notes_of(card_of_windows(result))):
        lines += wrapped(sentence)
    return "\n".join(lines)


def _figures(result: WalkForwardResult) -> Drawings:
    if not result.windows:
        return {}
    figures = {"windows": lambda: walk_forward_figures.draw_windows(result)}
    if any(window.test is not None for window in result.windows):
        figures["equity"] = lambda: walk_forward_figures.draw_equity(result)
        figures["curves"] = lambda: walk_forward_figures.draw_curves(result)
        figures["in_out"] = lambda: walk_forward_figures.draw_in_out(result)
        figures["degradation"] = lambda: walk_forward_figures.draw_degradation(result)
    if result.space is not None and any(window.params for window in result.windows):
        figures["drift"] = lambda: walk_forward_figures.draw_drift(result)
    return figures


def _tiles(known: Any) -> list[tuple[str, Cell, str]]:
    curve = known.curve
    if curve.returns.empty:
        return []
    tiles = [(label(name), metric_cell(name, curve.metric(name)), "stitched")
             for name in ("net_profit_percentage", "sharpe_ratio", "max_drawdown")]
    efficiency = cell(UNDEFINED if known.efficiency.reason else f"{known.efficiency.value:.2f}",
                      title=known.efficiency.reason)
    gained = known.profitable
    return [*tiles, ("Walk-forward efficiency", efficiency, "out / in, annual"),
            ("Windows that gained", cell(f"{gained.count} of {gained.total}"), ""),
            ("Trades", cell(measure(len(curve.trades), "count")), "stitched")]


WALK_FORWARD: Report[WalkForwardResult] = Report(
    lambda result: f"{result.strategy} on {provenance.market(result.spec)}", _text, _content, "walk_forward.html",
    _figures, lambda _: _PICTURES, walk_forward_card,
)
