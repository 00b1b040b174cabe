"""What a backtest's missing minutes did to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from jesse_nb.core.analysis.trades.price_gaps import PriceGap, gap_notes
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.tools.prepared import Prepared

__all__ = ["with_gap_notes"]


def with_gap_notes(result: BacktestResult, prepared: Prepared) -> BacktestResult:
    """Return a result whose card says how prices jumped across missing minutes, and what positions earned there.

    Parameters
    ----------
    result
        Of the prepared run.
    prepared
        Knows its candles.
    """
    gaps = list(_gaps(prepared))
    if not gaps:
        return result  # whose trades are not read before somebody looks at them
    notes = gap_notes(result.trades, gaps, prepared.spec.account)
    return replace(result, card=replace(result.card, notes=(*result.card.notes, *notes))) if notes else result


def _gaps(prepared: Prepared) -> Iterator[PriceGap]:
    """Yield the missing minutes of the traded markets, within the traded period."""
    spec = prepared.spec
    traded = {(route.exchange, route.symbol) for route in spec.routes}
    for part in prepared.mapped:
        if prepared.cache is None or (part.exchange, part.symbol) not in traded:
            continue
        _, candles = part.read()
        for gap in prepared.cache.store.info(part.exchange, part.symbol).gaps:
            # The row before the first missing minute, and the one with which candles begin again.
            before = int(np.searchsorted(candles[:, 0], gap.start)) - 1
            after = int(np.searchsorted(candles[:, 0], gap.end))
            if before >= 0 and after < len(candles):
                yield PriceGap(part.exchange, part.symbol, gap.start, gap.end, float(candles[before, 2]),
                               float(candles[after, 1]))
