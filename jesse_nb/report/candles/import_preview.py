"""How files would be read: in words, and the first rows of each series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jesse_nb.core.analysis.studies.verdict import counted
from jesse_nb.core.times import utc_text
from jesse_nb.report.common.labels import period
from jesse_nb.report.common.plain_text import wrapped
from jesse_nb.report.common.report import Report
from jesse_nb.report.common.tables import Table, as_text, cell

if TYPE_CHECKING:
    from jesse_nb.core.tools.candles.preview_files import ImportPreview, SeriesPreview

__all__ = ["IMPORT_PREVIEW"]

_MOST_GAPS = 5
_NOTHING_STORED = "Nothing was stored. The same without preview stores it."


def _title(preview: ImportPreview) -> str:
    return f"Preview of {', '.join(one.symbol for one in preview.series)}"


def _text(preview: ImportPreview) -> str:
    lines = [_title(preview)]
    for one in preview.series:
        lines += ["", *wrapped(f"{one.symbol}: {period(one.start, one.end)}", *_sentences(one)), "",
                  *as_text(_rows(one))]
    return "\n".join([*lines, "", _NOTHING_STORED])


def _content(preview: ImportPreview) -> dict[str, Any]:
    many = len(preview.series) > 1
    return {
        "kind": "Preview", "name": ", ".join(one.symbol for one in preview.series),
        "synthetic": "EXPANDED CANDLES" if any(one.expanded_from for one in preview.series) else "",
        "places": _NOTHING_STORED, "explanation": "",
        "period": "" if many else period(preview.series[0].start, preview.series[0].end),
        "said": [] if many else _sentences(preview.series[0]),
        "tables": {f"First candles of {one.symbol}": _rows(one) for one in preview.series},
        "notes": [f"{one.symbol}: {' '.join(_sentences(one))}" for one in preview.series] if many else [],
    }


def _sentences(one: SeriesPreview) -> list[str]:
    made = f", made of {one.expanded_from} candles" if one.expanded_from else ""
    missing = sum(gap.minutes for gap in one.gaps)
    shown = ", ".join(str(gap) for gap in one.gaps[:_MOST_GAPS]) + (", …" if len(one.gaps) > _MOST_GAPS else "")
    gaps = f"{counted(len(one.gaps), 'gap')} of {missing:,} minutes in all: {shown}." if one.gaps else \
        "No minute is missing in between."
    columns = ", ".join(f"{name} from {written!r}" for name, written in one.columns.items())
    return [f"{one.rows:,} one-minute candles{made} of {counted(one.files, 'file')}.", f"Times are {one.times}.",
            f"Columns: {columns}.", gaps, *one.remarks]


def _rows(one: SeriesPreview) -> Table:
    rows = tuple((cell(utc_text(int(moment.timestamp() * 1_000))), *(cell(repr(float(value))) for value in values))
                 for moment, *values in one.first.itertuples())
    return Table(("UTC", *one.first.columns), rows)


IMPORT_PREVIEW: Report[ImportPreview] = Report(_title, _text, _content)
