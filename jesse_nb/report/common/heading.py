"""What stands above a report of runs: what ran, where, from which account, over which period."""

from __future__ import annotations

from typing import Any

from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.report.common.labels import days, period
from jesse_nb.report.common.plain_text import one_line
from jesse_nb.report.common.provenance import account, market

__all__ = ["SYNTHETIC", "dated", "heading_content", "heading_lines", "synthetic_lines"]

SYNTHETIC = "These candles are made up: nothing here says anything about a real market."


def heading_content(name: str, spec: BacktestSpec) -> dict[str, Any]:
    """Return what the ``heading`` macro of the templates takes, but for the kind of report."""
    return {"name": name, "synthetic": spec.synthetic, "explanation": SYNTHETIC,
            "places": f"{market(spec)}, {account(spec)}, {spec.mode} mode", "period": dated(spec.start, spec.end)}


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
    return [one_line(title), f"{ran}, {account(spec)}, {spec.mode} mode", *below, *synthetic_lines(spec.synthetic)]


def synthetic_lines(made_up: bool) -> list[str]:
    """Say in plain text that candles are made up, where they are."""
    return [f"SYNTHETIC DATA. {SYNTHETIC}"] if made_up else []


def dated(start: int, end: int) -> str:
    """Return a period with its length in days."""
    return f"{period(start, end)} ({days(start, end)})"
