"""A strategy whose DNA differs by symbol: what a search begins with, and compares with, is that of its route."""

from __future__ import annotations

import pytest

import jesse_nb as jn
from jesse_nb.core.candles import CandleStore
from tests.jobs.strategies import CROSSING, SPACE

BY_SYMBOL = CROSSING + """
    def dna(self):
        return {"BTC-USDT": "(w", "ETH-USDT": "w("}[self.symbol]
"""

#: The first gene of Jesse's alphabet is the least value, the last one the greatest: fast 2 to 20, slow 21 to 80.
OWN = {"BTC-USDT": {"fast": 2, "slow": 80}, "ETH-USDT": {"fast": 20, "slow": 21}}


@pytest.mark.parametrize("symbol", OWN)
def test_a_search_compares_with_the_values_of_its_market(symbol: str, candle_store: CandleStore):
    where = {"symbol": symbol, "timeframe": "1h", "candles": candle_store}
    search = {"space": SPACE, "n_trials": 2, "min_trades": 0}
    known = jn.backtest(CROSSING, start="2023-03-01", end="2023-03-31", hyperparameters=OWN[symbol], **where)
    study = jn.optimize(BY_SYMBOL, start="2023-03-01", end="2023-03-31", test_ratio=0, neighbours=0, parity=False,
                        **search, **where)
    assert study.default.metrics == known.metrics
    walk = jn.walk_forward(BY_SYMBOL, start="2023-03-01", end="2023-03-31", in_sample_period=20,
                           out_sample_period=10, step_forward=10, **search, **where)
    assert len(walk.windows) == 1
    (window,) = walk.windows
    known = jn.backtest(CROSSING, start=window.window.test_start, end=window.window.test_end,
                        hyperparameters=OWN[symbol], **where)
    assert window.baseline.metrics == known.metrics
