"""The drawer of the toy tool: its function, its result, its report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jesse_nb.core.candles import CandleStore, SeriesInfo
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.rendering import Shown
from jesse_nb.core.times import DAY_MS
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.plan import Plan, planned
from jesse_nb.report.common.heading import candle_mark, dated, mark_lines
from jesse_nb.report.common.report import Report
from jesse_nb.report.common.tables import Table, cell
from tests.toy.declaration import COUNT_DAYS

__all__ = ["REPORT", "DayCount", "count_days"]


@dataclass(frozen=True, repr=False)
class DayCount(Shown):
    """How many days of a series are stored, and whether these are enough."""

    series: SeriesInfo
    days: int
    least: int


@planned
@declared(COUNT_DAYS)
def count_days(
    symbol: str, exchange: str | None = None, least: int = 30, *, background: bool = False
) -> Plan[DayCount]:
    """Count the days of stored candles."""
    series = CandleStore().resolve(symbol, exchange)

    def work(control: JobControl) -> DayCount:
        control.update(phase="counting", done=1, total=1)
        return DayCount(series, (series.end - series.start) // DAY_MS, least)

    return Plan("count_days", f"{series.symbol} of {series.exchange}", work, background=background)


def _title(result: DayCount) -> str:
    return f"Days of {result.series.symbol} on {result.series.exchange}"


def _said(result: DayCount) -> str:
    return f"{result.days} days are stored, {'enough' if result.days >= result.least else 'too few'}."


def _content(result: DayCount) -> dict[str, Any]:
    series = result.series
    table = Table(("", "days"), ((cell("stored"), cell(f"{result.days}")), (cell("wanted"), cell(f"{result.least}"))))
    return {"kind": "Days", "name": series.symbol, "places": series.exchange, "said": [_said(result)],
            "period": dated(series.start, series.end), **candle_mark(series),
            "tables": {"Counted": table}, "notes": ()}


REPORT: Report[DayCount] = Report(
    _title, lambda result: "\n".join([_title(result), *mark_lines(candle_mark(result.series)), _said(result)]),
    _content,
)
