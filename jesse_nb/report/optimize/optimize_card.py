"""What an optimization is made of: its search and its held-out run."""

from __future__ import annotations

from jesse_nb.core.simulator.result import ResultCard
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
from jesse_nb.report.common.labels import days, period
from jesse_nb.report.common.mode_words import in_both_modes
from jesse_nb.report.common.provenance import minutes_missing, spec_card
from jesse_nb.report.common.tables import Table

__all__ = ["card_of", "optimize_card"]


def optimize_card(result: OptimizeResult) -> Table:
    """Provenance of an optimization, its held-out run included."""
    extra = [("ranked first", f"trials of at least {result.min_trades:,} trades")] if result.min_trades else []
    if result.parity is not None and not result.parity.reason and len(result.parity.ratios):
        extra += [("best trial in both modes", in_both_modes(result.parity, "sharpe_ratio"))]
    if result.test_start is not None and result.test_end is not None:
        extra += [("held-out period", f"{period(result.test_start, result.test_end)}, end excluded "
                                      f"({days(result.test_start, result.test_end)})")]
        if result.test is not None:
            extra += [(f"held-out candles of {part.symbol}", f"{part.fingerprint}, {minutes_missing(part.missing)}")
                      for part in result.test.spec.candles]
    return spec_card(result.spec, card_of(result), *extra)


def card_of(result: OptimizeResult) -> ResultCard | None:
    """Return the card of any run of an optimization; None when none succeeded."""
    for run in (result.training, result.test, result.default):
        if run is not None:
            return run.card
    return None
