"""What goes into the reports of a walk-forward and of a cross-validation, as templates and plain text take it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from jesse_nb.core.analysis.studies.cpcv_verdict import cpcv_verdict
from jesse_nb.core.analysis.studies.verdict import figures_of, verdict
from jesse_nb.report.common import provenance
from jesse_nb.report.common.judgement import judgement_of
from jesse_nb.report.common.labels import days, label, period, write
from jesse_nb.report.common.numbers import UNDEFINED, duration, measure, share
from jesse_nb.report.common.tables import Cell, as_text, cell, toned
from jesse_nb.report.cpcv import cpcv_tables, cpcv_words
from jesse_nb.report.optimize.optimize_words import SYNTHETIC
from jesse_nb.report.walk_forward import walk_forward_tables, walk_forward_words

if TYPE_CHECKING:
    from jesse_nb.core.tools.cpcv.cpcv_result import CpcvResult
    from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult

__all__ = ["CPCV_PICTURES", "WALK_FORWARD_PICTURES", "cpcv_content", "cpcv_text", "walk_forward_content",
           "walk_forward_text"]

#: What each figure shows, for those who cannot see it.
WALK_FORWARD_PICTURES = {
    "windows": "In-sample and out-of-sample period of each window beneath the price",
    "equity": "Stitched out-of-sample equity against the default parameters and the market, and its drawdown",
    "curves": "Growth of each window's out-of-sample run",
    "in_out": "The optimized metric in-sample against out-of-sample, by window and by trial",
    "degradation": "Part of each metric's in-sample edge that was lost out-of-sample",
    "drift": "Chosen value of each parameter by window",
}
CPCV_PICTURES = {
    "paths": "Equity of every out-of-sample path",
    "sharpes": "Distribution of the paths' Sharpe ratios",
    "ranks": "Relative rank out-of-sample of the candidates chosen in-sample",
}

_MOST_WINDOWS, _MOST_WINDOWS_IN_TEXT, _MOST_PATHS, _WIDTH = 60, 12, 40, 96


def walk_forward_content(result: WalkForwardResult) -> dict[str, Any]:
    """Return what the template of a walk-forward takes, but for its heading and pictures."""
    known = figures_of(result)
    found = verdict(result, known)
    return {
        "period": f"{period(result.start, result.end)} ({days(result.start, result.end)})",
        "run": f"{walk_forward_words.setup(result)}; took {duration(result.elapsed)}",
        "stopped": result.stopped,
        "verdict": judgement_of(found)._replace(evidence=()),  # which has a heading of its own
        "evidence": found.evidence,
        "tiles": _walk_forward_tiles(known),
        "curve": walk_forward_tables.curve_table(known.curve),
        "seams": walk_forward_words.seams(result, known.curve),
        "windows": walk_forward_tables.windows_table(result, _MOST_WINDOWS),
        "metrics": walk_forward_tables.all_metrics_table(result, known.curve),
        "stability": walk_forward_tables.stability_table(result),
        "notes": (*result.notes, *provenance.notes_of(provenance.card_of_windows(result))),
        "card": provenance.walk_forward_card(result),
    }


def walk_forward_text(result: WalkForwardResult) -> str:
    """Return a walk-forward as plain text, the same every time."""
    known = figures_of(result)
    found = verdict(result, known)
    lines = [f"Walk-forward of {_line(result.strategy)}: {_line(provenance.market(result.spec))}",
             f"{period(result.start, result.end)}, {provenance.account(result.spec)}, {result.spec.mode} mode"]
    lines += [f"SYNTHETIC DATA. {SYNTHETIC}"] if result.spec.synthetic else []
    stopped = f"; stopped: {_line(result.stopped)}" if result.stopped else ""
    lines += _wrapped(walk_forward_words.setup(result) + stopped)
    lines += ["", *_wrapped(" ".join(found.sentences)), ""]
    for line in found.evidence:
        lines += _wrapped(line, "- ")
    if not known.curve.returns.empty:
        lines += ["", *as_text(walk_forward_tables.curve_table(known.curve))]
    table = walk_forward_tables.windows_table(result, _MOST_WINDOWS_IN_TEXT)
    head = ["out" if name.endswith(" out") else name for name in table.head[:7]]
    narrow = table._replace(head=tuple(head), rows=tuple(row[:7] for row in table.rows))
    lines += ["", *as_text(narrow, widest=24), ""]
    for sentence in (*walk_forward_words.seams(result, known.curve), *result.notes,
                     *provenance.notes_of(provenance.card_of_windows(result))):
        lines += _wrapped(sentence)
    return "\n".join(lines)


def cpcv_content(result: CpcvResult) -> dict[str, Any]:
    """Return what the template of a cross-validation takes, but for its heading and pictures."""
    found = cpcv_verdict(result)
    return {
        "run": f"{cpcv_words.setup(result)}; took {duration(result.elapsed)}",
        "stopped": result.stopped,
        "verdict": judgement_of(found)._replace(evidence=()),  # which has a heading of its own
        "evidence": found.evidence,
        "tiles": _cpcv_tiles(result),
        "seams": cpcv_words.seams(result),
        "summary": cpcv_tables.summary_table(result),
        "chosen": cpcv_tables.chosen_table(result),
        "paths": cpcv_tables.paths_table(result, _MOST_PATHS),
        "splits": cpcv_tables.splits_table(result, _MOST_PATHS),
        "groups": cpcv_tables.groups_table(result),
        "notes": result.notes,
        "card": provenance.cpcv_card(result),
    }


def cpcv_text(result: CpcvResult) -> str:
    """Return a cross-validation as plain text, the same every time."""
    spec = result.spec
    lines = [f"Cross-validation (CPCV) of {_line(result.strategy)}: {_line(provenance.market(spec))}",
             f"{period(spec.start, spec.end)}, {provenance.account(spec)}, {spec.mode} mode"]
    lines += [f"SYNTHETIC DATA. {SYNTHETIC}"] if result.spec.synthetic else []
    stopped = f"; stopped: {_line(result.stopped)}" if result.stopped else ""
    lines += _wrapped(cpcv_words.setup(result) + stopped)
    found = cpcv_verdict(result)
    lines += ["", *_wrapped(" ".join(found.sentences)), ""]
    for line in found.evidence:
        lines += _wrapped(line, "- ")
    lines += ["", *as_text(cpcv_tables.summary_table(result)), ""]
    for sentence in (*cpcv_words.seams(result), *result.notes):
        lines += _wrapped(sentence)
    return "\n".join(lines)


def _walk_forward_tiles(known: Any) -> list[tuple[str, Cell, str]]:
    curve = known.curve
    if curve.returns.empty:
        return []
    tiles = [(label(name), _gain(name, curve.metric(name)), "stitched")
             for name in ("net_profit_percentage", "sharpe_ratio", "max_drawdown")]
    efficiency = cell(UNDEFINED if known.efficiency.reason else f"{known.efficiency.value:.2f}",
                      title=known.efficiency.reason)
    gained = known.profitable
    return [*tiles, ("Walk-forward efficiency", efficiency, "out / in, annual"),
            ("Windows that gained", cell(f"{gained.count} of {gained.total}"), ""),
            ("Trades", cell(measure(len(curve.trades), "count")), "stitched")]


def _cpcv_tiles(result: CpcvResult) -> list[tuple[str, Cell, str]]:
    frame = result.to_frame()
    middle = [(label(name), _gain(name, float(frame[name].dropna().median())), "median path")
              for name in ("net_profit_percentage", "sharpe_ratio", "max_drawdown")]
    return [*middle, ("Paths that lost", cell(share(result.losing_paths)), f"of {len(result.paths)}"),
            ("Probability of overfitting", cell(share(result.overfitting)), f"{len(result.splits)} splits")]


def _gain(name: str, value: float) -> Cell:
    text = write(name, value)
    return toned(text, value) if name in ("net_profit_percentage", "annual_return") else cell(text)


def _wrapped(text: str, bullet: str = "") -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=bullet, subsequent_indent=" " * len(bullet))


def _line(name: str) -> str:
    """Keep a name on one line."""
    return " ".join(name.split())
