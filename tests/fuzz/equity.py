"""Random runs whose equity is held against their fills and candles: ``python -m tests.fuzz equity --draws 400``."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from random import Random

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.candles.demo import DEMO_SYMBOLS
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.run import simulate
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.request import Request
from tests.conftest import EXCHANGE, real_candles, sample_folder
from tests.simulator.drawn_runs import REFUSALS, drawn_run, held_against


class Campaign:
    """Spot and futures, one to three routes, orders of all kinds: equity is what fills say, or it is said why not."""

    def __init__(self, folder: Path) -> None:
        os.environ["TZ"] = "UTC"
        time.tzset()
        os.chdir(folder)  # Jesse makes a storage folder
        self._symbols = ["BTC-USDT", "ETH-USDT", "SUI-USDT"] if sample_folder() else list(DEMO_SYMBOLS)
        self._store = CandleStore(folder / "candles")
        for symbol in self._symbols:
            self._store.write(EXCHANGE, symbol, real_candles(symbol))
        self._counts: Counter[str] = Counter()

    def draw(self, random: Random) -> str:
        arguments, start, end = drawn_run(random, self._symbols)
        prepared = prepare(Request(candles=self._store, **arguments), start, end)
        try:
            record = simulate(prepared.simulation(prepared.spec))
        except Exception as error:
            name = type(error).__name__
            if name not in REFUSALS:
                raise
            return f"refused by Jesse ({name})"
        assert isinstance(record, RunRecord)
        found = held_against(prepared.spec, record, {symbol: real_candles(symbol) for symbol in self._symbols})
        self._counts.update(found.counts)
        assert not found.differences, "; ".join(found.differences)
        return f"{prepared.spec.account.market} {found.outcome}"

    def close(self) -> None:
        for name, count in sorted(self._counts.items()):
            print(f"{name}: {count:,}")
