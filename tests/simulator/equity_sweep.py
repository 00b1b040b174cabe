"""Random runs against an account by its definitions: ``python -m tests.simulator.equity_sweep [RUNS] [FIRST SEED]``.

Prints how many samples were compared, how many of Jesse's own were wrong and why, how many accounts were ruined, and
every difference that has no reason.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.run import simulate
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.tools.request import Request
from tests.conftest import EXCHANGE, real_candles
from tests.simulator.accounts import equity_at, fills_of, random_run, ruined_at


def differences(spec: BacktestSpec, record: RunRecord, counts: Counter[str]) -> Iterator[str]:
    """Hold one run against the definitions; name what differs without a reason."""
    candles = {route.symbol: _within(real_candles(route.symbol), spec.start, spec.end) for route in spec.routes}
    fills, account, audit = fills_of(record), spec.account, record.audit
    assert audit is not None
    ruined = None
    if account.market == "futures" and fills:
        ruined = ruined_at(fills, candles, account, None if account.leverage_mode == "cross" else 0.0)
    found = audit.ruin.moment if audit.ruin else None
    if ruined != found:
        yield f"ruined at {found}, by definition at {ruined}"
    kept = record.equity_times[record.equity_times < (found or spec.end + 1)]
    expected = equity_at(kept.tolist(), fills, candles, account)
    tolerance = 1e-9 * np.maximum(account.balance, np.abs(expected)) + 1e-10 * account.balance
    off = np.abs(record.equity_values[: len(kept)] - expected) > tolerance
    counts["samples compared"] += len(kept)
    counts["runs"] += 1
    counts["trades"] += len(record.trades)
    counts[f"{account.market}, {len(spec.routes)} routes"] += 1
    counts["ruined"] += audit.ruin is not None
    counts["simulated again in step mode"] += audit.in_step_mode
    counts["samples of Jesse's that were wrong"] += audit.wrong
    counts["runs with such samples"] += audit.wrong > 0
    if off.any() and not audit.moved:
        worst = int(np.abs(record.equity_values[: len(kept)] - expected).argmax())
        yield f"equity {record.equity_values[worst]!r} at sample {worst}, by definition {expected[worst]!r}"
    counts["runs in which money moved beside the fills"] += audit.moved != 0


def _within(candles: np.ndarray, start: int, end: int) -> np.ndarray:
    first, last = np.searchsorted(candles[:, 0], [start, end])
    return candles[first:last]


def main(runs: int, first: int) -> int:
    folder = Path(tempfile.mkdtemp())
    os.environ["TZ"] = "UTC"
    time.tzset()
    os.chdir(folder)
    store = CandleStore(folder / "candles")
    for symbol in ("BTC-USDT", "ETH-USDT", "SUI-USDT"):
        store.write(EXCHANGE, symbol, real_candles(symbol))
    counts: Counter[str] = Counter()
    unexplained = 0
    for seed in range(first, first + runs):
        arguments, start, end = random_run(seed)
        prepared = Request(candles=store, **arguments).prepare(start, end)
        try:
            record = simulate(prepared.simulation(prepared.spec))
        except Exception as error:  # noqa: BLE001 - what Jesse refuses is counted
            counts[f"refused by Jesse: {type(error).__name__}"] += 1
            continue
        assert isinstance(record, RunRecord)
        for difference in differences(prepared.spec, record, counts):
            unexplained += 1
            print(f"seed {seed}: {difference}", flush=True)
        if (seed - first + 1) % 20 == 0 or seed == first + runs - 1:
            print(f"-- after seed {seed}: {unexplained:,} without a reason")
            for name, count in sorted(counts.items()):
                print(f"{name}: {count:,}", flush=True)
    return int(unexplained > 0)


if __name__ == "__main__":
    sys.exit(main(*(int(argument) for argument in (sys.argv[1:] + ["400", "0"][len(sys.argv) - 1 :]))))
