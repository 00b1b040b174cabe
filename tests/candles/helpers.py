"""Small candle arrays for the tests of this room."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

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


def fuzzed(examples: int) -> settings:
    """Settings of a test on damaged files. JESSE_NB_FUZZ multiplies its examples: 10 makes thousands of hundreds."""
    return settings(max_examples=examples * int(os.environ.get("JESSE_NB_FUZZ", "1")), deadline=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def damaged(data: st.DataObject, content: bytes, kinds: Sequence[str] = ("change", "cut", "drop", "double")) -> bytes:
    """Return a file's bytes with one to three faults that disks and downloads make."""
    found = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(found) - 1))
        kind = data.draw(st.sampled_from(kinds))
        if kind == "change":
            found[at] = data.draw(st.integers(0, 255))
        elif kind == "cut":
            found = found[:at] or bytearray(b"P")
        elif kind == "drop":
            del found[at:at + data.draw(st.integers(1, 40))]
            found = found or bytearray(b"P")
        else:
            found[at:at] = found[at:at + 30]
    return bytes(found)
