"""Equity curves for the tests of the risk tools."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="session")
def equity() -> pd.Series:
    """Two years of days with heavy tails, the starting balance first."""
    steps = np.random.default_rng(0).standard_t(4, 730) * 0.012 + 0.001
    days = pd.date_range("2022-01-01", periods=731, tz="UTC")
    return pd.Series(10_000 * np.cumprod(np.r_[1.0, 1.0 + steps]), index=days)
