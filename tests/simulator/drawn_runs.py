"""Runs by chance, held against an account by its definitions and against what their report says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

import numpy as np

from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.times import TIMEFRAME_MINUTES
from jesse_nb.report.common.audit_words import audit_remarks, audit_warnings
from tests.simulator.accounts import equity_at, fills_of, ruined_at
from tests.strategies_gambling import GAMBLER
from tests.strategies_juggling import JUGGLER

#: What Jesse refuses: an order that the account has no money for, or one of nothing.
REFUSALS = ("InsufficientMargin", "InsufficientBalance", "InvalidStrategy", "NegativeBalance")

#: Takes money from its account, of which the fills do not know.
_PAYING = GAMBLER.replace("    def before(self):\n", """    def before(self):
        if self.index in (9, 30):
            exchange = self.position.exchange
            exchange.assets[exchange.settlement_currency] -= 7.0
""")


def drawn_run(chance: Random, symbols: Sequence[str]) -> tuple[dict[str, Any], str, str]:
    """Arguments of ``Request``, and a period: markets, routes, orders, leverage and mode by chance."""
    # One look in ten at the real gap of March, which the third of the sample's markets did not see.
    gap = chance.random() < 0.1
    chosen = chance.sample(symbols[:2] if gap else symbols, chance.randint(1, 2 if gap else 3))
    timeframes = [chance.choice(["5m", "15m", "30m", "1h", "1h", "2h", "4h", "1D"]) for _ in chosen]
    # The juggler looks at everything, and takes its time.
    source, = chance.choices([GAMBLER, JUGGLER, _PAYING], [88, 8, 4])
    arguments: dict[str, Any] = {
        "routes": [(source, symbol, timeframe) for symbol, timeframe in zip(chosen, timeframes, strict=True)],
        "market": chance.choice(["spot", "futures", "futures"]), "mode": chance.choice(["fast", "step"]),
        "warm_up_candles": 5, "gaps": chance.choice(["fill", "keep"]) if gap else "fill",
        "fee": chance.choice([0.0, 0.0004, 0.001]), "balance": chance.choice([1_000.0, 10_000.0]),
        "hyperparameters": {"seed": chance.randint(0, 1_000_000)}}
    if source != JUGGLER:
        arguments["hyperparameters"]["hold"] = chance.choice([0.8, 0.97, 1.0])
    if arguments["market"] == "futures":
        arguments |= {"leverage": chance.choice([1, 2, 3, 5, 10, 20]),
                      "leverage_mode": chance.choice(["cross", "cross", "isolated"])}
    slowest = max(TIMEFRAME_MINUTES[timeframe] for timeframe in timeframes)
    length = chance.randint(2, 4) if slowest < 240 else chance.randint(5, 14)
    day = np.datetime64("2023-03-23") if gap else np.datetime64("2023-06-03") + chance.randrange(200)
    return arguments, str(day), str(day + length)


class Held(NamedTuple):
    """What became of a run: in few words, what differs without a reason, and what was counted on the way."""

    outcome: str
    differences: list[str]
    counts: Counter[str]


def held_against(spec: BacktestSpec, record: RunRecord, candles: Mapping[str, np.ndarray]) -> Held:
    """Hold each sample of a run against the definitions, and each that differs against what its report says."""
    series = {route.symbol: _within(candles[route.symbol], spec.start, spec.end) for route in spec.routes}
    fills, account, audit = fills_of(record), spec.account, record.audit
    assert audit is not None
    said = " ".join([*audit_warnings(audit, spec), *audit_remarks(audit)])
    differences, reasons = [], []

    ruined = None
    if account.market == "futures" and fills:
        ruined = ruined_at(fills, series, account, None if account.leverage_mode == "cross" else 0.0)
    found = audit.ruin.moment if audit.ruin else None
    if ruined != found or (ruined is not None) != ("ruined on" in said):
        differences.append(f"ruined at {found}, by definition at {ruined}")
    reasons += ["ruined"] if ruined else []

    def off(times: np.ndarray, values: np.ndarray) -> np.ndarray:
        expected = np.array(equity_at(times.tolist(), fills, series, account))
        apart = np.abs(values - expected)
        return np.where(apart > 1e-9 * np.maximum(account.balance, np.abs(expected)) + 1e-10 * account.balance,
                        apart, 0.0)

    kept = record.equity_times < (found or spec.end + 1)
    ours = off(record.equity_times[kept], record.equity_values[kept])
    if audit.moved:
        reasons.append("money moved")
        if "the strategy itself moved money" not in said or abs(abs(audit.moved) - ours.max()) > 1e-6:
            differences.append(f"{audit.moved!r} is said to have moved, by definition {ours.max()!r}")
    elif ours.any():
        differences.append(f"equity {record.equity_values[kept][ours.argmax()]!r} at sample {ours.argmax()} is off by "
                           f"{ours.max()!r}")
    own = audit.jesse_equity
    jesse = off(np.array(audit.jesse_times), own.to_numpy()) if len(own) else ours
    if not audit.moved and int(np.count_nonzero(jesse)) != audit.wrong:
        differences.append(f"{audit.wrong} of Jesse's samples are said to be wrong, by definition "
                           f"{np.count_nonzero(jesse)}")
    if audit.wrong:
        reasons.append("Jesse's samples wrong")
        if f"wrong in {audit.wrong:,} of {audit.samples:,} daily samples" not in said:
            differences.append("Jesse's samples are wrong, and nothing is said")
    counts = Counter({
        "samples compared": int(kept.sum()), "samples equal": int(kept.sum()) - int(np.count_nonzero(ours)),
        "samples of Jesse's own compared": len(jesse), "of them wrong": audit.wrong, "trades": len(record.trades),
        f"runs in {spec.mode} mode": 1, f"runs with {len(spec.routes)} routes": 1,
        "runs simulated again in step mode": int(audit.in_step_mode),
        **({f"runs of leverage {account.leverage}": 1} if account.market == "futures" else {}),
    })
    return Held(f"said: {' and '.join(reasons)}" if reasons else "equal", differences, counts)


def _within(candles: np.ndarray, start: int, end: int) -> np.ndarray:
    first, last = np.searchsorted(candles[:, 0], [start, end])
    return candles[first:last]
