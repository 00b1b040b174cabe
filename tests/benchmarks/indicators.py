"""A study of strategies that ask for whole lines of indicators. Run it: ``python -m tests.benchmarks.indicators``.

Method. For each strategy, a process of its own, set up as a worker is, runs the same drawn parameter sets by turns with
the memory of indicators and without it (the rest of the quicker path is on in both), after one run of each that warms
caches up; the records are compared to the last bit. Processor time of the whole of ``simulate`` is taken. A ratio of 3
is a third of the time. The last strategy asks for no whole line: what the memory costs where it is of no use.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.simulator import run as simulator
from jesse_nb.core.simulator.fast.indicator_memory import IndicatorMemory
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.request import Request
from tests.strategies import TREND

HEAD = '''
from jesse.strategies import Strategy
import jesse.indicators as ta


class Lines(Strategy):
    def hyperparameters(self):
        return [{"name": "fast", "type": int, "min": 5, "max": 30, "default": 12},
                {"name": "slow", "type": int, "min": 31, "max": 90, "default": 50}]

    def should_short(self):
        return self.is_low()

    def should_long(self):
        return self.is_high()

    def go_long(self):
        self.buy = self.balance / 2 / self.price, self.price

    def go_short(self):
        self.sell = self.balance / 2 / self.price, self.price

    def on_open_position(self, order):
        gap = 0.02 * self.price * (1 if self.is_long else -1)
        self.stop_loss = self.position.qty, self.price - gap
        self.take_profit = self.position.qty, self.price + 1.5 * gap
'''

STRATEGIES = {
    "Schaff trend cycle, crossings": HEAD + '''
    def is_high(self):
        line = ta.stc(self.candles, fast_period=self.hp["fast"], slow_period=self.hp["slow"], sequential=True)
        return line[-2] < 25 < line[-1]

    def is_low(self):
        line = ta.stc(self.candles, fast_period=self.hp["fast"], slow_period=self.hp["slow"], sequential=True)
        return line[-2] > 75 > line[-1]
''',
    "cloud, z-score and KDJ": HEAD + '''
    def before(self):
        self.cloud = ta.ichimoku_cloud_seq(self.candles, sequential=True)
        self.score = ta.zscore(self.candles, self.hp["slow"], sequential=True)
        self.kdj = ta.kdj(self.candles, self.hp["fast"], sequential=True)

    def is_high(self):
        return self.price > self.cloud.span_a[-27] and self.score[-1] > self.score[-2] and self.kdj.j[-1] > 50

    def is_low(self):
        return self.price < self.cloud.span_a[-27] and self.score[-1] < self.score[-2] and self.kdj.j[-1] < 50
''',
    "true strength and shape of returns": HEAD + '''
    def is_high(self):
        strength = ta.tsi(self.candles, self.hp["slow"], self.hp["fast"], sequential=True)
        return strength[-1] > strength[-2] and ta.kurtosis(self.candles, 20, sequential=True)[-1] > 0

    def is_low(self):
        strength = ta.tsi(self.candles, self.hp["slow"], self.hp["fast"], sequential=True)
        return strength[-1] < strength[-2] and ta.skew(self.candles, 20, sequential=True)[-1] > 0
''',
    "trend: no whole lines": TREND,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sets", type=int, default=5, help="drawn parameter sets of each strategy")
    parser.add_argument("--days", type=int, default=112)
    options = parser.parse_args()
    from tests.conftest import EXCHANGE, real_candles

    os.environ["TZ"] = "UTC"
    time.tzset()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        store = CandleStore(Path(folder) / "candles")
        store.write(EXCHANGE, "BTC-USDT", real_candles("BTC-USDT"))
        print(f"{'strategy':<36} {'without, s':>10} {'with, s':>8} {'ratio':>6}  each set")
        for name, source in STRATEGIES.items():
            rows = list(measured(store, source, options.sets, options.days))
            without, remembered = (statistics.median(column) for column in zip(*rows, strict=True))
            each = " ".join(f"{one / other:.2f}" for one, other in rows)
            print(f"{name:<36} {without:>10.3f} {remembered:>8.3f} {without / remembered:>6.2f}  {each}", flush=True)


def measured(store: CandleStore, source: str, sets: int, days: int) -> Iterator[tuple[float, float]]:
    """Give the processor time of each parameter set without the memory and with it, seconds."""
    request = Request(strategy=source, symbol="BTC-USDT", timeframe="1h", candles=store, warm_up_candles=210)
    prepared = prepare(request, "2024-01-01", str(np.datetime64("2024-01-01") + days))
    rng = np.random.default_rng(7)
    for number in range(sets + 1):
        values = {"fast": int(rng.integers(5, 31)), "slow": int(rng.integers(31, 91))}
        run = prepared.simulation(prepared.spec.with_hyperparameters(values))
        with without_memory():
            plain, alone = timed(run)
        quicker, remembered = timed(run)
        assert plain == quicker, f"{values} differ"
        if number:  # the first warms caches up
            yield alone, remembered


def timed(run: simulator.Simulation) -> tuple[object, float]:
    """Return what a run gave, and how long it took."""
    began = time.process_time()
    record = simulator.simulate(replace(run))
    return record.pack()[:3], time.process_time() - began


@contextlib.contextmanager
def without_memory() -> Iterator[None]:
    """Leave every indicator as Jesse has it."""
    replacements = IndicatorMemory.replacements
    IndicatorMemory.replacements = lambda self: []  # type: ignore[method-assign]
    try:
        yield
    finally:
        IndicatorMemory.replacements = replacements  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
