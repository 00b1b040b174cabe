"""What stands above a report of runs: what ran, where, from which account, over which period."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.report.common.labels import days, period
from jesse_nb.report.common.plain_text import one_line
from jesse_nb.report.common.provenance import account, account_and_kind, market

if TYPE_CHECKING:
    from jesse_nb.core.tools.analyze.analysis_result import AnalyzedRun

__all__ = ["SYNTHETIC", "candle_mark", "dated", "heading_content", "heading_lines", "mark_lines", "run_heading"]

SYNTHETIC = "These candles are made up: nothing here says anything about a real market."

_LENGTHS = {"1h": "hour", "1D": "day", "1W": "week"}


def heading_content(name: str, spec: BacktestSpec) -> dict[str, Any]:
    """Return what the ``heading`` macro of the templates takes, but for the kind of report."""
    return {"name": name, **candle_mark(spec),
            "places": f"{market(spec)}, {account_and_kind(spec)}, {spec.mode} mode",
            "period": dated(spec.start, spec.end)}


def run_heading(run: AnalyzedRun) -> dict[str, Any]:
    """Return what the ``heading`` macro takes for a run that was read, or for tables of trades and equity."""
    spec = run.spec
    name = f"{run.strategy}, {run.origin}" if run.origin else run.strategy
    tables = "accounts held together" if run.origin else "trades and equity given as tables"
    places = tables if spec is None else \
        f"{market(spec)}, {account(spec)}, {spec.mode} mode"
    return {"name": name, "places": places, "period": f"{period(run.start, run.end)} ({days(run.start, run.end)})",
            **candle_mark(spec)}


def heading_lines(title: str, spec: BacktestSpec, covers: str = "", *below: str) -> list[str]:
    """Return the first lines of a plain text.

    Parameters
    ----------
    title
        What ran.
    spec
        How.
    covers
        The period, where it is not the spec's.
    *below
        Lines after those.
    """
    ran = covers or period(spec.start, spec.end)
    return [one_line(title), f"{ran}, {account(spec)}, {spec.mode} mode", *below, *mark_lines(candle_mark(spec))]


class _Candles(Protocol):
    """What knows of which kind candles are: a spec, a series, a batch."""

    @property
    def synthetic(self) -> bool:
        """Whether they are made up."""

    @property
    def expanded_from(self) -> str:
        """Of which timeframe their minutes were made."""


def candle_mark(*candles: _Candles | None) -> dict[str, str]:
    """Return what must stand above all that comes of candles that nobody traded at: ``synthetic`` and ``explanation``.

    Both are empty where there is nothing to say.
    """
    known = [series for series in candles if series is not None]
    marks = [("SYNTHETIC DATA", SYNTHETIC)] if any(series.synthetic for series in known) else []
    for timeframe in dict.fromkeys(series.expanded_from for series in known if series.expanded_from):
        length = _LENGTHS.get(timeframe, timeframe)
        marks.append(("EXPANDED CANDLES", f"These one-minute candles are expanded from {timeframe}: no figure that "
                                          f"depends on the way within the {length} is known."))
    return {"synthetic": ", ".join(mark for mark, _ in marks), "explanation": " ".join(why for _, why in marks)}


def mark_lines(mark: Mapping[str, Any]) -> list[str]:
    """Return what :func:`candle_mark` gave, or a content with it, as a line of plain text."""
    return [f"{mark['synthetic']}. {mark['explanation']}"] if mark["synthetic"] else []


def dated(start: int, end: int) -> str:
    """Return a period with its length in days."""
    return f"{period(start, end)} ({days(start, end)})"
