"""How far a job is, in words: one line, as text and as HTML."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jesse_nb.core.jobs.progress import Progress

__all__ = ["count_text", "progress_html", "progress_text", "rate_text", "whole_duration"]


def progress_text(progress: Progress) -> str:
    """Return a job's progress as one line."""
    count = f"{progress.done}/{progress.total}" if progress.total else str(progress.done)
    return " · ".join([f"{progress.phase or progress.kind} {count}", *_details(progress)])


def progress_html(progress: Progress) -> str:
    """Return a job's progress as one line of HTML with a bar."""
    value = f' value="{progress.fraction:.4f}"' if progress.total else ""
    return (
        f'<div style="font-variant-numeric: tabular-nums"><progress max="1"{value} style="width: 16em; '
        f'vertical-align: middle"></progress> {escape(progress_text(progress))}</div>'
    )


def count_text(progress: Progress) -> str:
    """Return how many are done of how many: ``1,037 of 2,000``."""
    return f"{progress.done:,} of {progress.total:,}" if progress.total else f"{progress.done:,}"


def rate_text(rate: float) -> str:
    """Return ``3.2/s``, or how long one takes where that is more than a second."""
    return f"{rate:.1f}/s" if rate >= 1 else f"{whole_duration(1 / rate)} each"


def whole_duration(seconds: float) -> str:
    """Return a time span in whole seconds, minutes or hours: it stands still between two updates."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _details(progress: Progress) -> Iterator[str]:
    if progress.best_label:
        yield f"best {progress.best_label}"
    if progress.failed:
        yield f"{progress.failed} failed"
    if progress.stopped_early:
        yield f"{progress.stopped_early} stopped early"
    if progress.reused:
        yield f"{progress.reused} known already"
    if progress.rate:
        yield rate_text(progress.rate)
    yield f"{whole_duration(progress.eta)} left" if progress.eta is not None else whole_duration(progress.elapsed)
    if progress.message:
        yield progress.message
