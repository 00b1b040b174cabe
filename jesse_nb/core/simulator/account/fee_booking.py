"""Books each market's own fee on the account of the one run that Jesse simulates meanwhile.

Jesse knows one fee an exchange. Whatever books a fill looks it up there: the money on futures, the coins and the money
on spot, the position, and the order, of which trades and metrics have theirs. So the exchange has the fee of a market
while one of its orders is executed and while its strategy acts, and a strategy is told its own whenever it asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from jesse_nb.core.jesse_runtime import jesse_module, strategy_class
from jesse_nb.core.simulator.fast.replacing import Replacement, replaced
from jesse_nb.core.simulator.spec import BacktestSpec

__all__ = ["market_fees"]


@contextmanager
def market_fees(spec: BacktestSpec) -> Iterator[None]:
    """Let every market pay its own fee while Jesse runs; with one for all, Jesse is left alone."""
    account = spec.account
    if not isinstance(account.fee, Mapping):
        yield
        return
    costs = {route.symbol: account.fill_cost(route.symbol) for route in spec.routes}
    orders = jesse_module("jesse.services.order_service")
    trades = jesse_module("jesse.services.closed_trade_service")
    base, store = strategy_class(), jesse_module("jesse.store").store
    execute, act, add_order = orders.execute_order, base._execute, trades.add_executed_order

    @contextmanager
    def paying(symbol: str) -> Iterator[None]:
        exchange, = store.exchanges.storage.values()
        before, exchange.fee_rate = exchange.fee_rate, costs[symbol]
        try:
            yield
        finally:
            exchange.fee_rate = before

    def executed(order: Any, silent: bool = False) -> None:
        with paying(order.symbol):
            execute(order, silent)

    def acted(strategy: Any) -> None:
        with paying(strategy.symbol):
            act(strategy)

    def added(order: Any) -> None:  # the order has a fee already: the one that Jesse was configured with
        order.fee = costs[order.symbol] * (abs(order.filled_qty or order.qty) * order.price)
        add_order(order)

    with replaced([Replacement(orders, "execute_order", executed), Replacement(base, "_execute", acted),
                   Replacement(trades, "add_executed_order", added),
                   Replacement(base, "fee_rate", property(lambda strategy: costs[strategy.symbol]))]):
        yield
