"""The report of a comparison of results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jesse_nb.report.common.heading import candle_mark, dated, mark_lines
from jesse_nb.report.common.plain_text import WIDTH, one_line, wrapped
from jesse_nb.report.common.report import Drawings, Report
from jesse_nb.report.common.tables import Table, as_text
from jesse_nb.report.compare.compare_figures import draw_curves, draw_rolling, has_rolling
from jesse_nb.report.compare.compare_tables import (
    beyond_noise,
    code_lines,
    metrics_table,
    settings_table,
    tests_table,
    trade_counts_table,
    trades_table,
    verdicts,
)

if TYPE_CHECKING:
    from jesse_nb.core.tools.compare.comparison import Comparison

__all__ = ["COMPARISON"]

_PICTURES = {"curves": "Growth and drawdowns on the days in common", "rolling_sharpe": "Rolling Sharpe ratios"}


def _title(found: Comparison) -> str:
    return f"Comparison of {', '.join(found.names)}"


def _content(found: Comparison) -> dict[str, Any]:
    base = found.names[0]
    return {
        "kind": "Comparison", "name": ", ".join(found.names), "places": found.strategy,
        "period": dated(found.start, found.end) if len(found.returns) else "no day in common",
        **candle_mark(*(side.spec for side in found.sides)), "notes": found.notes,
        "said": [*verdicts(found), *beyond_noise(found)],
        "tables": _tables(found),
        "code": {f"Source of {one.strategies[1]} in {one.name}, against {one.strategies[0]} in {base}":
                 list(code_lines(one.lines)) for one in found.code},
        "trades": {f"Trades that {base} and {name} do not share": trades_table(found, name) for name in found.trades},
    }


def _tables(found: Comparison) -> dict[str, Table]:
    return {
        "What differs in what ran": settings_table(found),
        "What came of it, on the days in common": metrics_table(found),
        f"Whether differences from {found.names[0]} are more than noise": tests_table(found),
        f"Trades, against those of {found.names[0]}": trade_counts_table(found),
    }


def _text(found: Comparison) -> str:
    content = _content(found)
    lines = [one_line(_title(found)), content["period"], *mark_lines(content)]
    lines += wrapped(*found.notes, *content["said"])
    for caption, table in content["tables"].items():
        if table.rows:
            lines += ["", f"{caption}:", *as_text(table, room=WIDTH)]
    for caption, code in content["code"].items():
        lines += ["", f"{caption}:", *(f"  {line}".rstrip() for _, line in code)]
        lines += [] if code else ["  no text is at hand to compare"]
    return "\n".join(lines)


def _figures(found: Comparison) -> Drawings:
    figures: dict[str, Any] = {}
    if len(found.returns) > 1:
        figures["curves"] = lambda: draw_curves(found)
    if has_rolling(found):
        figures["rolling_sharpe"] = lambda: draw_rolling(found)
    return figures


def _pictures(_: Comparison) -> Mapping[str, str]:
    return _PICTURES


COMPARISON: Report[Comparison] = Report(_title, _text, _content, "compare.html", _figures, _pictures)
