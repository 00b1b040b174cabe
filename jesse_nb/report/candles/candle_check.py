"""The report on a series' quality: in words, as a table, and as a picture of its coverage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.dates import date2num
from matplotlib.ticker import FuncFormatter
from pandas import Timedelta

from jesse_nb.core.times import MINUTE_MS, utc_text
from jesse_nb.report.common.canvas import BAD, BEST, MAIN, ReportFigure, date_axis, legend, new_figure
from jesse_nb.report.common.heading import candle_mark, dated, mark_lines
from jesse_nb.report.common.labels import period
from jesse_nb.report.common.plain_text import wrapped
from jesse_nb.report.common.report import Report
from jesse_nb.report.common.tables import Table, as_text, cell

if TYPE_CHECKING:
    from jesse_nb.core.tools.candles.check_candles import CandleCheck

__all__ = ["CANDLE_CHECK"]

_MOST_FINDINGS = 15

#: Why one should care; only kinds that were found are explained.
_MEANING = {
    "gap": "Gaps are filled with flat candles when a backtest runs, unless it is told to keep them out.",
    "daylight shift": "Times in local clocks shift every candle of half a year by an hour: import that source again "
                      "with its time zone.",
    "repeated day": "No market trades the same day twice: one of the two is wrong.",
    "spike": "A spike can be a wrong price or a real crash. Look it up before trusting a result that trades on it.",
    "frozen price": "A price that stands still while volume is reported is a feed that hung.",
    "no volume": "Where nothing was traded, an order would not have been filled at the price shown.",
}


def _title(check: CandleCheck) -> str:
    return f"Candles of {check.series.symbol} on {check.series.exchange}"


def _text(check: CandleCheck) -> str:
    lines = [_title(check), *mark_lines(candle_mark(check.series)), period(check.start, check.end),
             *wrapped(_summary(check))]
    table = _table(check)
    if table.rows:
        lines += ["", *as_text(table, widest=96), *([_more(check)] if _more(check) else []), ""]
        lines += wrapped(*_meanings(check))
    return "\n".join(lines)


def _content(check: CandleCheck) -> dict[str, Any]:
    return {"name": f"{check.series.symbol} on {check.series.exchange}", **candle_mark(check.series),
            "places": f"{check.rows:,} one-minute candles",
            "period": dated(check.start, check.end),
            "summary": _summary(check), "table": _table(check), "more": _more(check), "meanings": _meanings(check)}


def _summary(check: CandleCheck) -> str:
    missing, silent = int(check.coverage["missing"].sum()), int(check.coverage["silent"].sum())
    minutes = (check.end - check.start) // MINUTE_MS
    there = f"{check.rows:,} of {minutes:,} minutes have a candle"
    quiet = f"; {silent:,} of these are without volume" if silent else ""
    if check.series.flow:
        quiet += f"; of the series, the order flow of {check.series.flow:,} is known"
    if not check.findings:
        return f"{there}{quiet}. Nothing suspicious was found."
    found = ", ".join(f"{kind} {count:,}" for kind, count in check.counts.items())
    gone = f" ({missing / minutes:.2%} missing)" if missing else ""
    return f"{there}{gone}{quiet}. Found: {found}."


def _table(check: CandleCheck) -> Table:
    rows = tuple((cell(found.kind), cell(utc_text(found.start)), cell(found.what))
                 for found in check.worst(_MOST_FINDINGS))
    return Table(("Finding", "From (UTC)", "What"), rows, words=3)


def _more(check: CandleCheck) -> str:
    left = len(check.findings) - _MOST_FINDINGS
    return f"{left:,} more: to_frame() has them all." if left > 0 else ""


def _meanings(check: CandleCheck) -> list[str]:
    return [words for kind, words in _MEANING.items() if kind in check.counts]


def _draw_coverage(check: CandleCheck) -> ReportFigure:
    """Draw each day's minutes: with volume, without, and missing."""
    figure, (ax,) = new_figure(1.7)
    coverage = check.coverage
    share = coverage.div(coverage.sum(axis=1), axis=0) * 100
    edges = date2num(share.index.append(share.index[-1:] + Timedelta(days=1)))  # type: ignore[no-untyped-call]
    bottom = share["traded"] * 0.0
    for name, label, colour in (("traded", "with volume", MAIN), ("silent", "without volume", BEST),
                                ("missing", "missing", BAD)):
        top = bottom + share[name]
        if share[name].any():
            ax.stairs(top.to_numpy(), edges=edges, baseline=bottom.to_numpy(), fill=True, color=colour, alpha=0.7,
                      label=label)
        bottom = top
    ax.set_ylim(0, 100)
    ax.set_yticks([0, 50, 100])
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f} %"))
    ax.set_ylabel("minutes of a day")
    date_axis(ax)
    legend(ax)
    return figure


CANDLE_CHECK: Report[CandleCheck] = Report(
    _title, _text, _content, "candle_check.html", lambda check: {"coverage": lambda: _draw_coverage(check)},
    lambda _: {"coverage": "Minutes of each day with and without volume, and missing"},
)
