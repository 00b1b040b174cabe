"""Small candle arrays for the tests of this room."""

from __future__ import annotations

import numpy as np

from jesse_nb.core.times import MINUTE_MS

#: 2023-01-01 00:00 UTC.
START = 1_672_531_200_000


def random_candles(rows: int, seed: int = 0, start: int = START) -> np.ndarray:
    """Return valid contiguous candles with awkward decimals."""
    rng = np.random.default_rng(seed)
    opens = 100 + rng.normal(0, 1, rows).cumsum() * 0.1
    closes = opens + rng.normal(0, 0.1, rows)
    highs = np.maximum(opens, closes) + rng.exponential(0.05, rows)
    lows = np.minimum(opens, closes) - rng.exponential(0.05, rows)
    times = start + np.arange(rows) * MINUTE_MS
    return np.column_stack([times, opens, closes, highs, lows, rng.exponential(10, rows)])
