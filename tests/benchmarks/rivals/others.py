"""The same strategy in backtesting.py and in vectorbt. ``table.py`` runs this with a Python that has them.

Arguments: a folder with ``hours.npy`` (time, open, close, high, low, volume) and ``sets.json``, and which of the two.
It prints JSON: processor seconds of one run and of all sets, after a run of two that warms up, and the trades.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

FEE = 0.001


def main() -> None:
    """Measure one of the two."""
    folder, which = Path(sys.argv[1]), sys.argv[2]
    hours = np.load(folder / "hours.npy")
    frame = pd.DataFrame(hours[:, 1:], pd.to_datetime(hours[:, 0], unit="ms"),
                         ["Open", "Close", "High", "Low", "Volume"])
    sets = json.loads((folder / "sets.json").read_text())
    warnings.simplefilter("ignore")
    run = {"backtesting": in_backtesting, "vectorbt": in_vectorbt}[which](frame)
    run(sets[:2])
    one = statistics.median(_seconds(lambda: run(sets[:1])) for _ in range(5))
    trades: list[int] = []
    print(json.dumps({"one": one, "all": _seconds(lambda: trades.append(run(sets))), "trades": trades[0]}))


def in_backtesting(frame: pd.DataFrame) -> Callable[[list[dict[str, Any]]], int]:
    """Return what runs sets of parameters one after the other, and counts the trades."""
    from backtesting import Backtest, Strategy

    class Trend(Strategy):
        fast, slow, stop = 10, 50, 3.0

        def init(self) -> None:
            self.quick = self.I(_ema, self.data.Close.s, self.fast)
            self.slower = self.I(_ema, self.data.Close.s, self.slow)
            self.range = self.I(_atr, self.data.df)

        def next(self) -> None:
            rising = self.quick[-1] > self.slower[-1]
            if rising and not self.position:
                self.buy(size=0.9, sl=self.data.Close[-1] - self.stop * self.range[-1])
            elif self.position and not rising:
                self.position.close()

    # The prices of coins are far above the balance: it trades in millionths of one.
    small = frame.assign(**{name: frame[name] / 1e6 for name in ("Open", "Close", "High", "Low")})

    def run(sets: list[dict[str, Any]]) -> int:
        backtest = Backtest(small, Trend, cash=10_000, commission=FEE, finalize_trades=True)
        return int(sum(backtest.run(**params)["# Trades"] for params in sets))

    return run


def in_vectorbt(frame: pd.DataFrame) -> Callable[[list[dict[str, Any]]], int]:
    """Return what runs all sets of parameters at once, and counts the trades."""
    import vectorbt as vbt

    def run(sets: list[dict[str, Any]]) -> int:
        close, atr = frame["Close"], _atr(frame)
        lengths = {length: _ema(close, length) for params in sets for length in (params["fast"], params["slow"])}
        rising = pd.DataFrame({place: lengths[params["fast"]] > lengths[params["slow"]]
                               for place, params in enumerate(sets)})
        stops = pd.DataFrame({place: params["stop"] * atr / close for place, params in enumerate(sets)})
        portfolio = vbt.Portfolio.from_signals(
            close, rising, ~rising, open=frame["Open"], high=frame["High"], low=frame["Low"], sl_stop=stops, size=0.9,
            size_type="percent", fees=FEE, init_cash=10_000, freq="1h")
        portfolio.sharpe_ratio()
        return int(np.sum(portfolio.trades.count()))

    return run


def _ema(close: Any, length: int) -> Any:
    return pd.Series(close).ewm(span=length, adjust=False).mean()


def _atr(frame: pd.DataFrame) -> pd.Series:
    before = frame["Close"].shift()
    high, low = np.maximum(frame["High"], before), np.minimum(frame["Low"], before)
    return (high - low).ewm(alpha=1 / 14, adjust=False).mean().bfill()


def _seconds(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


if __name__ == "__main__":
    main()
