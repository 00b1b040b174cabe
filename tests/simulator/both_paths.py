"""The same runs on Jesse's own path and on the quicker one, compared to the last bit."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.jobs.pool import LocalPool
from jesse_nb.core.jobs.worker import Answer
from jesse_nb.core.simulator.simulation import Simulation
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.request import Request
from tests.conftest import EXCHANGE
from tests.strategies import CLOCK, IDLE, REVERSION, STUBBORN, TREND, WATCHER
from tests.strategies_drawing import DRAWER
from tests.strategies_juggling import JUGGLER

#: So many runs wait in the pool at once.
_WAITING = 8


@dataclass
class Case:
    """One run: arguments of ``Request``, and the period."""

    name: str
    arguments: dict[str, Any]
    start: str
    end: str
    quicker: str = "fast path"  # what a run is to say of its way, when it is not switched off

    def simulation(self, store: CandleStore) -> Simulation:
        prepared = prepare(Request(candles=store, **self.arguments), self.start, self.end)
        return prepared.simulation(prepared.spec)


@dataclass
class Compared:
    """What both paths gave; ``differences`` says where they differ, if anywhere."""

    case: Case
    plain: Answer
    fast: Answer
    differences: list[str] = field(default_factory=list)

    @property
    def trades(self) -> int:
        return len(self.plain.value.trades) if self.plain.value else 0


def compared(pool: LocalPool, store: CandleStore, cases: Iterable[Case]) -> Iterator[Compared]:
    """Run each case twice in the pool's workers, which see plain and fast runs in turns."""
    waiting: deque[tuple[Case, Future[Answer], Future[Answer]]] = deque()
    for case in cases:
        simulation = case.simulation(store)
        futures = [pool.submit(replace(simulation, plain=plain), 120, None) for plain in (True, False)]
        waiting.append((case, *futures))
        if len(waiting) > _WAITING:
            yield _outcome(*waiting.popleft())
    while waiting:
        yield _outcome(*waiting.popleft())


def _outcome(case: Case, plain: Future[Answer], fast: Future[Answer]) -> Compared:
    done = Compared(case, plain.result(), fast.result())
    done.differences = list(differences(done.plain, done.fast, case.quicker))
    return done


def differences(plain: Answer, fast: Answer, quicker: str = "fast path") -> Iterator[str]:
    """Name what is not the same: as JSON and bytes, where a last bit, a NaN or a whole number for a decimal shows."""
    if (plain.failure, plain.message, plain.details) != (fast.failure, fast.message, fast.details):
        yield f"failure: {plain.message!r} and {fast.message!r}"
    if plain.value is None or fast.value is None:
        return
    packed = plain.value.pack()[:3], fast.value.pack()[:3]
    for name, one, other in zip(("metrics", "trades and output", "equity"), *packed, strict=True):
        if one != other:
            yield name
    taken = plain.value.versions["simulator"], fast.value.versions["simulator"]
    if taken != ("plain (switched off)", quicker):
        yield f"paths taken: {taken}"


def ramp_store(folder: Path) -> CandleStore:
    """A store in which both of the markets that Jesse's own tests trade have the small round prices they wait for."""
    closes = np.tile(np.concatenate([np.arange(1, 101), np.arange(99, 1, -1)]), 8).astype(float)
    opens = np.concatenate([[0.5], closes[:-1]])
    times = 1_609_459_200_000 + 60_000 * np.arange(len(closes))
    volume = 10.0 + np.arange(len(closes)) % 7
    candles = np.column_stack([times, opens, closes, np.maximum(opens, closes), np.minimum(opens, closes), volume])
    store = CandleStore(folder)
    for symbol in ("BTC-USDT", "ETH-USDT"):
        store.write(EXCHANGE, symbol, candles)
    return store


def bundled_strategies() -> dict[str, str]:
    """Source of each strategy that Jesse ships, by name, without what it asserts; one is all commented out.

    They are Jesse's own tests, and what they assert needs candles and accounts that differ from one to the other.
    """
    folder = Path(str(jesse_module("jesse").__file__)).parent / "strategies"
    sources = {file.parent.name: ast.parse(file.read_text("utf-8")) for file in sorted(folder.glob("*/__init__.py"))}
    return {name: ast.unparse(_WithoutAsserts().visit(tree)) for name, tree in sources.items() if tree.body}


class _WithoutAsserts(ast.NodeTransformer):
    def visit_Assert(self, node: ast.Assert) -> ast.Pass:
        return ast.copy_location(ast.Pass(), node)


def bundled_cases(**account: Any) -> Iterator[Case]:
    """Every bundled strategy on the ramp, one-minute candles; ``account`` and ``mode`` as ``Request`` takes them."""
    for name, source in bundled_strategies().items():
        yield Case(f"{name} {account}", {
            "strategy": source, "symbol": "BTC-USDT", "timeframe": "1m", "warm_up_candles": 0,
            "data_routes": [("ETH-USDT", "1m"), ("BTC-USDT", "5m"), ("BTC-USDT", "4h"), ("ETH-USDT", "15m")], **account,
        }, "2021-01-01", "2021-01-01 04:03")


def matrix_cases(*, seeds: int = 1) -> Iterator[Case]:
    """Runs of our own strategies over markets, timeframes, accounts, modes and warm-ups.

    Parameters
    ----------
    seeds
        How often the strategy that acts by chance goes through all of it.
    """
    for mode in ("fast", "step"):
        yield from _usual(mode)
        for seed in range(seeds):
            yield from _juggling(mode, seed)


def _usual(mode: str) -> Iterator[Case]:
    one = {"symbol": "BTC-USDT", "warm_up_candles": 60, "mode": mode}
    fortnight, days = ("2023-05-01", "2023-05-15"), ("2023-05-01", "2023-05-04")
    for name, source in (("trend", TREND), ("reversion", REVERSION), ("drawer", DRAWER)):
        for market, leverage in (("futures", 3), ("spot", 1)):
            account = {"market": market, "leverage": leverage, "fee": 0.0007, "balance": 12_345.0}
            if name != "drawer" or market == "futures":
                yield Case(f"{name} 1h {account} {mode}", {**one, "strategy": source, "timeframe": "1h", **account},
                           *fortnight)
    for timeframe, end in (("1m", "2023-05-01 07:00"), ("5m", "2023-05-02 10:00"), ("15m", "2023-05-04"),
                           ("4h", "2023-06-20"), ("1D", "2023-12-01")):
        yield Case(f"trend {timeframe} {mode}", {**one, "strategy": TREND, "timeframe": timeframe}, "2023-05-01", end)
    # Bitcoin fell from 26,800 to 25,400 on 2023-06-05.
    for leverage_mode in ("cross", "isolated"):
        yield Case(f"stubborn {leverage_mode} {mode}",
                   {**one, "strategy": STUBBORN, "timeframe": "1h", "leverage": 50, "leverage_mode": leverage_mode,
                    "warm_up_candles": 10}, "2023-06-03", "2023-06-08")
    yield Case(f"watcher {mode}", {**one, "strategy": WATCHER, "timeframe": "15m", "warm_up_candles": 3,
                                   "data_routes": [("BTC-USDT", "1D"), ("ETH-USDT", "4h")]}, *days)
    yield Case(f"watcher of weeks {mode}", {
        **one, "strategy": WATCHER, "timeframe": "1h", "warm_up_candles": 2, "data_routes": [("BTC-USDT", "1W")],
        "hyperparameters": {"timeframe": "1W"}}, "2023-05-04", "2023-05-13")  # weeks begin on Thursday
    yield Case(f"clock without warm-up {mode}", {**one, "strategy": CLOCK, "timeframe": "5m", "warm_up_candles": 0,
                                                 "balance": 50_000}, *days)
    yield Case(f"idle {mode}", {**one, "strategy": IDLE, "timeframe": "1h", "warm_up_candles": 10}, *days)
    yield Case(f"cut short {mode}", {**one, "strategy": TREND, "timeframe": "1h"}, "2023-05-01", "2023-05-09 10:17")
    yield Case(f"two markets {mode}", {
        "routes": [(TREND, "BTC-USDT", "1h"), (REVERSION, "ETH-USDT", "15m")], "leverage": 3, "warm_up_candles": 40,
        "mode": mode}, *fortnight)
    for gaps in ("fill", "keep"):
        yield Case(f"gap {gaps} {mode}", {**one, "strategy": TREND, "timeframe": "1h", "gaps": gaps},
                   "2023-03-22", "2023-03-27", "fast path" if gaps == "fill" else "plain (gaps)")


def _juggling(mode: str, seed: int) -> Iterator[Case]:
    days = ("2023-06-04", "2023-06-06 12:00")
    for number, (market, leverage, leverage_mode) in enumerate(
            (("futures", 3, "cross"), ("futures", 100, "isolated"), ("spot", 1, "cross"))):
        account = {"market": market, "leverage": leverage, "leverage_mode": leverage_mode, "mode": mode}
        values = {"hyperparameters": {"seed": 10 * seed + number}}
        one = {"strategy": JUGGLER, "symbol": "BTC-USDT", "warm_up_candles": 20, **account, **values}
        yield Case(f"juggler {account} {seed}", {**one, "timeframe": "1h"}, *days)
        yield Case(f"juggler with watched ones {account} {seed}", {
            **one, "timeframe": "30m", "data_routes": [("BTC-USDT", "45m"), ("ETH-USDT", "1h"), ("BTC-USDT", "1D")],
            }, "2023-06-05", "2023-06-06 10:30")
        yield Case(f"juggler of minutes {account} {seed}", {
            **one, "timeframe": "1m", "data_routes": [("BTC-USDT", "5m")]}, "2023-06-05 12:00", "2023-06-05 14:00")
        yield Case(f"two jugglers {account} {seed}", {
            "routes": [(JUGGLER, "BTC-USDT", "1h"), (JUGGLER, "ETH-USDT", "15m")], "warm_up_candles": 20, **account,
            **values}, *days)
