"""Which candles are stored, as a strip of time with its gaps: for forms, and for those who look for holes."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from jesse_nb.core.candles.series import SeriesInfo
from jesse_nb.core.times import DAY_MS, utc_text
from jesse_nb.report.common.labels import period
from jesse_nb.report.common.palette import BAD, BEST, MAIN

__all__ = ["coverage_html", "coverage_table"]

_WIDTH = 1000.0
#: A gap of a few minutes in years is drawn so wide that it can be seen, in thousandths of the strip.
_LEAST = 3.0
#: The longest gaps that are drawn.
_MOST_GAPS = 300

_COLOURS = f"--jn-have:{MAIN};--jn-gap:{BAD};--jn-chosen:{BEST}"


def coverage_html(series: Sequence[SeriesInfo], chosen: tuple[int, int] | None = None) -> str:
    """Return a strip and a sentence for each series, on one scale of time.

    Parameters
    ----------
    series
        What is stored.
    chosen
        The period that is asked for, milliseconds UTC, end excluded; marked above the strip.
    """
    if not series:
        return ""
    span = min(one.start for one in series), max(one.end for one in series)
    rows = [f"<div>{_strip(one, span, chosen)}<small>{escape(_sentence(one))}</small></div>" for one in series]
    rows.append(_dates(span))
    legend = "Blue: stored. Red, taller: missing." + (" Orange, thin: the chosen period." if chosen else "")
    return f'<div style="{_COLOURS}">{"".join(rows)}<small>{legend}</small></div>'


def coverage_table(series: Sequence[SeriesInfo]) -> str:
    """Return a table of all series: span, gaps and size, with a strip on one scale of time."""
    span = min((one.start for one in series), default=0), max((one.end for one in series), default=1)
    rows = "".join(
        f'<tr><th scope="row" style="text-align:left">{escape(one.symbol)}<br>'
        f"<small>{escape(one.exchange)}</small></th>"
        f'<td style="width:40%;min-width:150px;padding:0 10px">{_strip(one, span, None)}</td>'
        f'<td style="text-align:left">{escape(period(one.start, one.end))}</td>'
        f'<td style="white-space:nowrap">{escape(_gaps(one))}</td>'
        f'<td style="white-space:nowrap">{one.bytes / 1e6:,.1f} MB</td></tr>'
        for one in series
    )
    strips = f"stored (blue), missing (red, taller)<br>{_dates(span) if series else ''}"
    head = [f'<th scope="col" style="{style}">{name}</th>' for name, style in (
        ("series", "text-align:left"), (strips, "text-align:left;padding:0 10px"),
        ("from, to (excluded)", "text-align:left"), ("gaps", "text-align:left"), ("size", "text-align:left"))]
    return (f'<div style="{_COLOURS};overflow-x:auto"><table style="width:100%;border-collapse:collapse">'
            f'<thead><tr style="vertical-align:top">{"".join(head)}</tr></thead>'
            f'<tbody style="vertical-align:middle">{rows}</tbody></table></div>')


def _dates(span: tuple[int, int]) -> str:
    """Return the days at which the strips begin, have their middle, and end."""
    days = (utc_text(moment // DAY_MS * DAY_MS) for moment in (span[0], sum(span) // 2, span[1]))
    return ('<div style="display:flex;justify-content:space-between;gap:4px;font-weight:400">'
            + "".join(f"<small>{day}</small>" for day in days) + "</div>")


def _sentence(one: SeriesInfo) -> str:
    return f"{one.symbol} is stored from {period(one.start, one.end)} (excluded), {_gaps(one)}."


def _gaps(one: SeriesInfo) -> str:
    if not one.gaps:
        return "no gaps"
    noun = "gap" if len(one.gaps) == 1 else "gaps"
    return f"{len(one.gaps):,} {noun}, {one.missing:,} {'minute' if one.missing == 1 else 'minutes'}"


def _strip(one: SeriesInfo, span: tuple[int, int], chosen: tuple[int, int] | None) -> str:
    def bar(start: int, end: int, top: int, height: int, colour: str, title: str, least: float = 0.0) -> str:
        length = max(span[1] - span[0], 1)
        left = (max(start, span[0]) - span[0]) / length * _WIDTH
        width = max((min(end, span[1]) - max(start, span[0])) / length * _WIDTH, least)
        return (f'<rect x="{left:.2f}" y="{top}" width="{max(width, 0.0):.2f}" height="{height}" '
                f'fill="var({colour})"><title>{escape(title)}</title></rect>')

    top = 4 if chosen is not None else 0  # where nothing is marked above it, it stands in the middle of its row
    bars = [bar(one.start, one.end, top + 2, 10, "--jn-have", _sentence(one))]
    longest = sorted(one.gaps, key=lambda gap: -gap.minutes)[:_MOST_GAPS]
    bars += [bar(gap.start, gap.end, top, 14, "--jn-gap", f"missing: {gap}", _LEAST) for gap in longest]
    if chosen is not None and chosen[0] < chosen[1]:
        bars.append(bar(*chosen, 0, 3, "--jn-chosen", f"chosen: {period(*chosen)}", _LEAST))
    height = top + 14
    return (f'<svg viewBox="0 0 {_WIDTH:.0f} {height}" preserveAspectRatio="none" role="img" '
            f'aria-label="{escape(_sentence(one))}" style="display:block;width:100%;height:{height}px">'
            f"{''.join(bars)}</svg>")
