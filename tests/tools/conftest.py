"""Markets for the tools' tests, and a batch on them."""

from __future__ import annotations

from typing import Any

import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.times import to_ms
from jesse_nb.core.tools.batch.batch import backtest_batch
from jesse_nb.core.tools.batch.batch_result import BatchResult
from tests.conftest import EXCHANGE, real_candles
from tests.jobs.strategies import CROSSING

PERIOD = ("2023-03-01", "2023-03-15")


@pytest.fixture(scope="session")
def markets(tmp_path_factory: pytest.TempPathFactory) -> CandleStore:
    """Four months of three symbols, of one that begins late, and of one in another quote currency."""
    store = CandleStore(tmp_path_factory.mktemp("markets"))
    rows = slice(0, 120 * 1_440)
    bitcoin, ether = real_candles("BTC-USDT")[rows], real_candles("ETH-USDT")[rows]
    store.write(EXCHANGE, "BTC-USDT", bitcoin)
    store.write(EXCHANGE, "ETH-USDT", ether)
    store.write(EXCHANGE, "LTC-USDT", bitcoin)
    store.write(EXCHANGE, "LATE-USDT", ether[ether[:, 0] >= to_ms("2023-03-08")])
    scaled = ether.copy()
    scaled[:, 1:5] /= 20_000
    store.write(EXCHANGE, "ETH-BTC", scaled)
    return store


@pytest.fixture
def run_batch(markets: CandleStore) -> Any:
    def batch(*axes: Any, **changes: Any) -> BatchResult:
        given = [*axes, *(CROSSING, "BTC-USDT", "1h", PERIOD)[len(axes):]]
        return backtest_batch(*given, **({"candles": markets} | changes))  # type: ignore[return-value]

    return batch
