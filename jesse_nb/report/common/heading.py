"""What stands above a report of runs: what ran, where, from which account, over which period."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.report.common.labels import days, period
from jesse_nb.report.common.plain_text import one_line
from jesse_nb.report.common.provenance import account, account_and_kind, market

__all__ = ["SYNTHETIC", "candle_mark", "dated", "heading_content", "heading_lines", "mark_lines"]

SYNTHETIC = "These candles are made up: nothing here says anything about a real market."

_LENGTHS = {"1h": "hour", "1D": "day", "1W": "week"}


def heading_content(name: str, spec: BacktestSpec) -> dict[str, Any]:
    """Return what the ``heading`` macro of the templates takes, but for the kind of report."""
    return {"name": name, **candle_mark(spec),
            "places": f"{market(spec)}, {account_and_kind(spec)}, {spec.mode} mode",
            "period": dated(spec.start, spec.end)}


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
    known = [one for one in candles if one is not None]
    marks = [("SYNTHETIC DATA", SYNTHETIC)] if any(one.synthetic for one in known) else []
    for timeframe in dict.fromkeys(one.expanded_from for one in known if one.expanded_from):
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
