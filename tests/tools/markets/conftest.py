"""Curves and small markets for the tests of the tools of several."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.candles import CandleStore

DAYS = pd.date_range("2022-01-01", periods=401, tz="UTC")


def curve_of(steps: np.ndarray, days: pd.DatetimeIndex = DAYS) -> pd.Series:
    """The equity that daily returns make of 10,000."""
    return pd.Series(10_000 * np.cumprod(np.r_[1.0, 1.0 + steps]), index=days[: len(steps) + 1])


@pytest.fixture(scope="session")
def curves() -> dict[str, pd.Series]:
    """Four hundred days of four accounts: two alike, one that hedges, one alone and calm."""
    random = np.random.default_rng(0)
    common = random.standard_t(4, 400) * 0.012
    return {
        "trend": curve_of(common + 0.004 * random.standard_normal(400) + 0.001),
        "breakout": curve_of(common + 0.006 * random.standard_normal(400) + 0.0005),
        "hedge": curve_of(-0.3 * common + 0.006 * random.standard_normal(400)),
        "calm": curve_of(0.003 * random.standard_normal(400) + 0.0002),
    }


@pytest.fixture(scope="session")
def minutes(tmp_path_factory) -> CandleStore:
    """Seventy days of two markets that move together, and of one that begins later and has no trade for long."""
    store = CandleStore(tmp_path_factory.mktemp("minutes"))
    random = np.random.default_rng(1)
    count = 70 * 1_440
    common = random.standard_normal(count) * 0.0006
    stamps = 1_672_531_200_000 + 60_000.0 * np.arange(count)
    for symbol, weight in (("AAA-USDT", 1.0), ("BBB-USDT", 0.8)):
        close = 100 * np.exp(np.cumsum(weight * common + 0.0004 * random.standard_normal(count)))
        first = np.r_[100.0, close[:-1]]
        store.write("Test Exchange", symbol, np.column_stack(
            [stamps, first, close, np.maximum(first, close), np.minimum(first, close), np.ones(count)]))
    flat = np.full(count // 2, 5.0) + (np.arange(count // 2) % 1_440 > 1_380) * random.random(count // 2)
    moving = (np.diff(flat, prepend=5.0) != 0).astype(float)
    late = stamps[count // 2:]
    store.write("Test Exchange", "FLAT-USDT", np.column_stack([late, flat, flat, flat, flat, moving]))
    return store
