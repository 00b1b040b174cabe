"""A strategy that cannot act for a while: its program, its connection or the exchange's interface is down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from jesse_nb.core.jesse_runtime import jesse_module, strategy_class
from jesse_nb.core.simulator.fast.replacing import Replacement, replaced
from jesse_nb.core.simulator.spec import BacktestSpec

__all__ = ["away"]

#: What a strategy does of its own at events.
_EVENTS = (
    "on_open_position", "on_close_position", "on_increased_position", "on_reduced_position", "on_cancel",
    "on_route_open_position", "on_route_close_position", "on_route_increased_position", "on_route_reduced_position",
    "on_route_canceled",
)


@contextmanager
def away(spec: BacktestSpec) -> Iterator[None]:
    """Have the strategies of the one run that Jesse simulates meanwhile decide nothing during the spec's outage.

    Orders that rest in the market are filled as ever, and stops and targets that were named with an entry are placed
    when that is filled, as exchanges take them along. The strategies' own methods are not called; their candles are
    counted, and afterwards they find their positions as they are.
    """
    begin, end = spec.pipeline.outage(spec.start) if spec.pipeline is not None else (0, 0)
    if begin == end:
        yield
        return
    base = strategy_class()
    store, router = jesse_module("jesse.store").store, jesse_module("jesse.routes").router
    execute, update = base._execute, base._on_updated_position

    def down() -> bool:
        return bool(begin <= int(store.app.time) < end)

    def executed(strategy: Any) -> None:
        if down():
            strategy.index += 1
        else:
            execute(strategy)

    def updated(strategy: Any, order: Any) -> None:
        with _silent([route.strategy for route in router.routes]) if down() else nullcontext():
            update(strategy, order)

    with replaced([Replacement(base, "_execute", executed), Replacement(base, "_on_updated_position", updated)]):
        yield


@contextmanager
def _silent(strategies: list[Any]) -> Iterator[None]:
    """Keep strategies' own methods from being called at events."""
    for strategy in strategies:
        vars(strategy).update(dict.fromkeys(_EVENTS, _nothing))
    try:
        yield
    finally:
        for strategy in strategies:
            for name in _EVENTS:
                vars(strategy).pop(name, None)


def _nothing(*arguments: Any) -> None:
    """Do nothing."""
