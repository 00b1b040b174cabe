"""What an account was worth minute by minute while its market was under stress."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.simulator.account.audit import StressPath
from jesse_nb.core.simulator.account.minutes import filled_at_close, value_through
from jesse_nb.core.simulator.account.ruin import Books
from jesse_nb.core.times import MINUTE_MS

__all__ = ["stress_path"]


def stress_path(
    books: Mapping[str, Books], balance: float, begin: int, until: int, moved_at: NDArray[np.int64],
    moved: NDArray[np.float64],
) -> StressPath | None:
    """Follow an account; None where nothing was ever traded.

    With several positions one at a time is at its worst price within a minute, as in
    :mod:`jesse_nb.core.simulator.account.ruin`.

    Parameters
    ----------
    books
        By symbol, every market with a fill.
    balance
        At the start, quote currency.
    begin, until
        When the stress begins, and until when the lowest is looked for, milliseconds UTC.
    moved_at, moved
        What had been added to the account beside its fills by each moment, quote currency.
    """
    if not books:
        return None
    candles = max((book.candles for book in books.values()), key=len)
    moments: NDArray[np.int64] = candles[:, 0].astype(np.int64) + MINUTE_MS
    at_end = balance + np.append(moved, 0.0)[np.searchsorted(moved_at, moments, side="right") - 1]
    deepest = np.zeros(len(moments))
    for book in books.values():
        ledger = book.ledger
        inside = ~filled_at_close(book.candles, ledger.times, ledger.prices, ledger.at_market)
        end, worst = value_through(book.candles, moments, ledger.times, ledger.prices, inside, ledger.cash, ledger.held)
        at_end = at_end + end
        deepest = np.maximum(deepest, end - worst)
    worst = at_end - deepest
    known = np.searchsorted(moments, begin, side="right") - 1
    level = float(at_end[known]) if known >= 0 else balance
    peak = np.maximum.accumulate(np.concatenate([[balance], at_end]))[:-1]
    drawdown = float(np.min(worst / peak - 1.0)) * 100.0
    chosen = np.flatnonzero((moments > begin) & (moments <= until))
    if not len(chosen):
        return StressPath(level, level, begin, min(drawdown, 0.0))
    least = int(chosen[np.argmin(worst[chosen])])
    return StressPath(level, float(worst[least]), int(moments[least]), min(drawdown, 0.0))
