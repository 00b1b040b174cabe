"""Print how far the daily ratios of fast and step mode are apart, as Jesse samples equity and sampled at midnight.

``python -m tests.calibration.modes [PAIRS [FIRST SEED]]``: so many random runs (60), each in both modes.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.studies.parity import Parity, compare_modes
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.simulator.run import simulate
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.request import Request
from tests.conftest import EXCHANGE, real_candles
from tests.strategies import CLOCK, REVERSION, TREND
from tests.strategies_gambling import GAMBLER

STRATEGIES = {"trend": TREND, "reversion": REVERSION, "clock": CLOCK, "gambler": GAMBLER}
SHOWN = ("sharpe_ratio", "sortino_ratio", "calmar_ratio", "omega_ratio", "max_drawdown")


def drawn_pair(seed: int) -> tuple[str, dict[str, Any], str, str]:
    """A few words, arguments of ``Request`` but for the mode, and a period."""
    chance = random.Random(seed)
    name = chance.choice(list(STRATEGIES))
    symbols = chance.sample(["BTC-USDT", "ETH-USDT"], chance.choice([1, 1, 2]))
    timeframes = [chance.choice(["15m", "30m", "1h", "1h", "4h", "6h", "1D"]) for _ in symbols]
    market = chance.choice(["futures", "futures", "spot"])
    arguments: dict[str, Any] = {
        "routes": [(STRATEGIES[name], *where) for where in zip(symbols, timeframes, strict=True)],
        "market": market, "warm_up_candles": 30, "fee": 0.0004,
        **({"leverage": chance.choice([1, 2, 3])} if market == "futures" else {}),
    }
    start = np.datetime64("2023-03-15") + chance.randrange(300)
    days = chance.choice([30, 60, 90])
    words = f"{name}, {market}, {', '.join(timeframes)}, {days} days"
    return words, arguments, str(start), str(start + days)


def pair(seed: int, store: CandleStore) -> tuple[str, Parity]:
    """Simulate one in both modes."""
    words, arguments, start, end = drawn_pair(seed)
    runs, candles = {}, {}
    for mode in ("fast", "step"):
        prepared = prepare(Request(candles=store, mode=mode, **arguments), start, end)
        runs[mode] = simulate(prepared.simulation(prepared.spec)).to_result(prepared.spec)  # type: ignore[union-attr]
        candles = {(part.exchange, part.symbol): part.read()[1] for part in prepared.mapped}
    return words, compare_modes(runs["fast"], runs["step"], candles)


def apart(ratios: pd.DataFrame, one: str, other: str) -> pd.Series[float]:
    """By how much of the second each ratio of the first differs from it; NaN where one is undefined."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.abs(ratios[one] / ratios[other] - 1.0)
    return found.where(np.isfinite(found)).mask((ratios[one] == 0) & (ratios[other] == 0), 0.0)


def main(pairs: int, first: int) -> None:
    """Print a line a pair, and what they come to."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        os.environ["TZ"] = "UTC"
        time.tzset()
        store = CandleStore(Path(folder) / "candles")
        for symbol in ("BTC-USDT", "ETH-USDT"):
            store.write(EXCHANGE, symbol, real_candles(symbol))
        jesse, midnight, same, unknown, number = [], [], 0, 0, first
        while len(jesse) + unknown < pairs:
            try:
                words, found = pair(number, store)
            except Exception as error:  # noqa: BLE001 - what Jesse refuses is no pair
                print(f"{number}: {type(error).__name__}")
                continue
            finally:
                number += 1
            if found.midnight_reason or found.differences:
                unknown += 1
                print(f"{number - 1}: {words}: {found.midnight_reason or found.differences[0]}", flush=True)
                continue
            same += 1
            jesse.append(apart(found.ratios, "fast", "step"))
            midnight.append(apart(found.ratios, "fast_midnight", "step_midnight"))
            sharpe = found.ratios.loc["sharpe_ratio"]
            print(f"{number - 1}: {words}: {found.trades[0]} trades, Sharpe {sharpe['fast']:.3f} fast, "
                  f"{sharpe['step']:.3f} step, at midnight {sharpe['fast_midnight']:.3f} and "
                  f"{sharpe['step_midnight']:.3f}; farthest {jesse[-1].max():.1%}, at midnight "
                  f"{midnight[-1].max():.1g}", flush=True)
        print(f"\n{len(jesse)} pairs with the same trades, {unknown} without a comparison")
        for title, table in (("as Jesse samples", pd.DataFrame(jesse)), ("at midnight", pd.DataFrame(midnight))):
            print(f"{title}: more than 1 % apart in any ratio {int((table.max(axis=1) > 0.01).sum())}, "
                  f"more than 10 % {int((table.max(axis=1) > 0.1).sum())}, largest {table.max(axis=None):.3g}")
            for name in SHOWN:
                column = table[name].dropna()
                print(f"  {name}: {len(column)} pairs, median {column.median():.2%}, "
                      f"more than 10 % in {int((column > 0.1).sum())}, largest {column.max():.3g}")


if __name__ == "__main__":
    numbers = tuple(map(int, sys.argv[1:]))
    main(numbers[0] if numbers else 60, numbers[1] if numbers[1:] else 0)
