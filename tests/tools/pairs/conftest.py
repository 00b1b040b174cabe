"""A small universe: two markets that hold together, one that does not, and one whose price jumps."""

from __future__ import annotations

import numpy as np
import pytest

import jesse_nb as jn
from jesse_nb.core.candles import CandleStore
from tests.conftest import EXCHANGE

START, DAYS = 1_672_531_200_000, 70  # 2023-01-01
MINUTES = DAYS * 1_440


def candles_of(closes: np.ndarray) -> np.ndarray:
    """One-minute candles that open at the close before."""
    opens = np.r_[closes[0], closes[:-1]]
    stamps = START + 60_000.0 * np.arange(len(closes))
    return np.column_stack([stamps, opens, closes, np.maximum(opens, closes), np.minimum(opens, closes),
                            np.ones(len(closes))])


def closes_by_symbol() -> dict[str, np.ndarray]:
    """Closes of each market."""
    random = np.random.default_rng(7)
    common, alone = (np.cumsum(random.standard_normal(MINUTES)) * 0.0006 for _ in range(2))
    spread, decay = np.zeros(MINUTES), 0.5 ** (1 / 900)
    moves = random.standard_normal(MINUTES) * 0.0006
    for step in range(1, MINUTES):
        spread[step] = decay * spread[step - 1] + moves[step]
    return {"AAA-USDT": 100 * np.exp(0.8 * common + spread), "BBB-USDT": 20 * np.exp(common),
            "CCC-USDT": 5 * np.exp(alone)}


@pytest.fixture(scope="session")
def universe(tmp_path_factory) -> CandleStore:
    """The store of these markets."""
    store = CandleStore(tmp_path_factory.mktemp("universe"))
    for symbol, closes in closes_by_symbol().items():
        store.write(EXCHANGE, symbol, candles_of(closes))
    return store


def asked(store: CandleStore, folder, **changed):
    """Return the arguments of a short backtest of the universe."""
    return {"universe": ["CCC-USDT", "AAA-USDT", "BBB-USDT"], "timeframe": "1h", "start": "2023-01-02",
            "end": "2023-03-03", "formation": 30, "trading": 15, "candles": store,
            "store": folder / "runs.sqlite", **changed}


@pytest.fixture(scope="session")
def traded(universe, tmp_path_factory):
    """A short backtest of the universe."""
    return jn.pairs_backtest(**asked(universe, tmp_path_factory.mktemp("pairs")))
