"""The report of a combinatorial purged cross-validation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jesse_nb.report.backtest.backtest_tables import metric_cell
from jesse_nb.report.common import provenance
from jesse_nb.report.common.heading import heading_content, heading_lines
from jesse_nb.report.common.judgement import judgement_of
from jesse_nb.report.common.labels import label
from jesse_nb.report.common.numbers import duration, share
from jesse_nb.report.common.plain_text import one_line, wrapped
from jesse_nb.report.common.report import Drawings, Report
from jesse_nb.report.common.tables import Cell, Table, as_text, cell
from jesse_nb.report.cpcv import cpcv_figures, cpcv_tables, cpcv_words

if TYPE_CHECKING:
    from jesse_nb.core.tools.cpcv.cpcv_result import CpcvResult

__all__ = ["CPCV"]

_PICTURES = {
    "paths": "Equity of every out-of-sample path",
    "sharpes": "Distribution of the paths' Sharpe ratios",
    "ranks": "Relative rank out-of-sample of the candidates chosen in-sample",
}

_MOST_PATHS = 40


def _content(result: CpcvResult) -> dict[str, Any]:
    found = result.verdict
    return {
        **heading_content(result.strategy, result.spec),
        "run": f"{cpcv_words.setup(result)}; took {duration(result.elapsed)}",
        "stopped": result.stopped,
        "verdict": judgement_of(found)._replace(evidence=()),  # which has a heading of its own
        "evidence": found.evidence,
        "tiles": _tiles(result),
        "seams": cpcv_words.seams(result),
        "summary": cpcv_tables.summary_table(result),
        "chosen": cpcv_tables.chosen_table(result),
        "paths": cpcv_tables.paths_table(result, _MOST_PATHS),
        "splits": cpcv_tables.splits_table(result, _MOST_PATHS),
        "groups": cpcv_tables.groups_table(result),
        "notes": result.notes,
    }


def _text(result: CpcvResult) -> str:
    spec = result.spec
    lines = heading_lines(f"Cross-validation (CPCV) of {result.strategy}: {provenance.market(spec)}", spec)
    stopped = f"; stopped: {one_line(result.stopped)}" if result.stopped else ""
    lines += wrapped(cpcv_words.setup(result) + stopped)
    found = result.verdict
    lines += ["", *wrapped(" ".join(found.sentences)), ""]
    for line in found.evidence:
        lines += wrapped(line, bullet="- ")
    lines += ["", *as_text(cpcv_tables.summary_table(result)), ""]
    for sentence in (*cpcv_words.seams(result), *result.notes):
        lines += wrapped(sentence)
    return "\n".join(lines)


def _figures(result: CpcvResult) -> Drawings:
    figures = {}
    if any(len(path.returns) for path in result.paths):
        figures["paths"] = lambda: cpcv_figures.draw_paths(result)
    if result.sharpes.notna().any():
        figures["sharpes"] = lambda: cpcv_figures.draw_sharpes(result)
    if any(split.logit == split.logit for split in result.splits):
        figures["ranks"] = lambda: cpcv_figures.draw_ranks(result)
    return figures


def _tiles(result: CpcvResult) -> list[tuple[str, Cell, str]]:
    frame = result.to_frame()
    middle = [(label(name), metric_cell(name, float(frame[name].dropna().median())), "median path")
              for name in ("net_profit_percentage", "sharpe_ratio", "max_drawdown")]
    return [*middle, ("Paths that lost", cell(share(result.losing_paths)), f"of {len(result.paths)}"),
            ("Probability of overfitting", cell(share(result.overfitting)), f"{len(result.splits)} splits")]


def _card(result: CpcvResult) -> Table:
    return provenance.spec_card(result.spec, result.card,
                                ("candles and missing minutes above", "of the first group that was run"))


CPCV: Report[CpcvResult] = Report(
    lambda result: f"{result.strategy} on {provenance.market(result.spec)}", _text, _content, "cpcv.html", _figures,
    lambda _: _PICTURES, _card,
)
