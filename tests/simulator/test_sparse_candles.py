"""What a strategy is shown of candles whose minutes have gaps, against the same candles made of those minutes here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.run import simulate
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.request import Request
from tests.conftest import EXCHANGE

START = 1_700_006_400_000  # 2023-11-15
MINUTE, HOUR, DAY = 60_000, 60, 1440

#: Leaves a buy order below the price and a target above it, and prints how many candles there are and the last three,
#: when a position opens or closes and at each candle; not on the first two days.
SHOWING = """
import json
from jesse.strategies import Strategy

class Showing(Strategy):
    def show(self):
        shown = self.candles, self.get_candles(self.exchange, self.symbol, "4h")
        if self.time > {begin}:
            print(json.dumps([self.time, [[len(candles), candles[-3:, :5].tolist()] for candles in shown]]))

    def before(self):
        self.show()

    def should_long(self):
        return True

    def go_long(self):
        self.buy = 1, {low}

    def on_open_position(self, order):
        self.take_profit = 1, {high}
        self.show()

    def on_close_position(self, order, closed_trade=None):
        self.show()
"""


def waves(days: int) -> np.ndarray:
    """Minutes whose price goes up and down by ten, twice a day."""
    closes = 100 + 10 * np.sin(np.arange(days * DAY + 1) * 4 * np.pi / DAY).round(2)
    open_, close = closes[:-1], closes[1:]
    times = START + MINUTE * np.arange(len(close))
    highs, lows = np.maximum(open_, close), np.minimum(open_, close)
    return np.column_stack([times, open_, close, highs, lows, np.ones(len(close))])


def longer(minutes: np.ndarray, length: int) -> list[list[float]]:
    """Each candle of the minutes that there are: beginning, open, close, high, low."""
    begins = (minutes[:, 0] // (length * MINUTE)).astype(int)
    candles = []
    for begin in np.unique(begins):
        own = minutes[begins == begin]
        candles.append([float(begin * length * MINUTE), own[0, 1], own[-1, 2], own[:, 3].max(), own[:, 4].min()])
    return candles


#: Which minutes of the third day are missing: some within a candle, those around where one begins, all of one, single
#: ones.
GAPS = {"within": slice(13 * HOUR, 14 * HOUR + 20), "across": slice(10 * HOUR + 30, 12 * HOUR + 30),
        "single": slice(12 * HOUR + 1, 16 * HOUR, 7), "all of one": slice(12 * HOUR, 16 * HOUR)}


@pytest.mark.usefixtures("as_worker")
@pytest.mark.parametrize("mode", ["fast", "step"])
@pytest.mark.parametrize("gap", sorted(GAPS))
@pytest.mark.parametrize("timeframe", ["2h", "1D"])
def test_candles_are_those_of_their_minutes(timeframe: str, gap: str, mode: str, tmp_path: Path):
    minutes = waves(5)
    missing = np.zeros(len(minutes), dtype=bool)
    missing[2 * DAY : 3 * DAY][GAPS[gap]] = True
    minutes = minutes[~missing]
    store = CandleStore(tmp_path / "candles")
    store.write(EXCHANGE, "BTC-USDT", minutes)
    strategy = SHOWING.format(low=99.0, high=100.5, begin=START + 2 * DAY * MINUTE)
    request = Request(candles=store, strategy=strategy, symbol="BTC-USDT", timeframe=timeframe, gaps="keep",
                      data_routes=[("BTC-USDT", "4h")], warm_up_candles=0, mode=mode)
    prepared = prepare(request, START, START + 5 * DAY * MINUTE)
    record = simulate(prepared.simulation(prepared.spec))
    assert isinstance(record, RunRecord)
    assert len(record.trades) > 3
    looks = [json.loads(line) for line in record.output.splitlines()]
    assert len(looks) > len(record.trades)
    for moment, shown in looks:
        for (count, last), length in zip(shown, ({"2h": 2 * HOUR, "1D": DAY}[timeframe], 4 * HOUR), strict=True):
            expected = longer(minutes[minutes[:, 0] < moment], length)
            assert count == len(expected)
            assert last[:-1] == expected[-3:-1]
            assert last[-1][:2] == expected[-1][:2]  # within the minute of a fill, it ends at the fill's price
