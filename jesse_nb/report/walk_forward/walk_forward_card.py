"""What a walk-forward is made of: the whole period, and the runs of its windows."""

from __future__ import annotations

from dataclasses import replace

from jesse_nb.core.simulator.result import ResultCard
from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult
from jesse_nb.report.common.provenance import GAPS, spec_card
from jesse_nb.report.common.tables import Table, cell

__all__ = ["card_of_windows", "walk_forward_card"]


def walk_forward_card(result: WalkForwardResult) -> Table:
    """Provenance of a walk-forward; its candles are those of the first window's in-sample period."""
    table = spec_card(replace(result.spec, start=result.start, end=result.end), card_of_windows(result),
                      ("candles above", "of the first window's in-sample period; every run has its own in its spec"))
    runs = (run for window in result.windows for run in (window.train, window.test) if run is not None)
    most = max((run.card.missing_minutes for run in runs), default=0)
    missing = f"up to {most:,} in one run, {GAPS.get(result.spec.gaps, result.spec.gaps)}" if most else "none"
    return table._replace(rows=tuple((row[0], cell(missing)) if row[0].text == "missing minutes" else row
                                     for row in table.rows))


def card_of_windows(result: WalkForwardResult) -> ResultCard | None:
    """Return the card of any run of a walk-forward; None when none succeeded."""
    runs = (run for window in result.windows for run in (window.train, window.test, window.baseline))
    return next((run.card for run in runs if run is not None), None)
