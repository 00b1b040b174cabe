"""Jesse's small questions, asked many times a candle, answered with what is known to hold all through a run.

Within :func:`~jesse_nb.core.simulator.fast.path.fast_path` a run is a backtest, silent, and outside of a test runner.
Each function here gives what Jesse's would give then.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.simulator.fast.modifications import detected_modifications
from jesse_nb.core.simulator.fast.replacing import Replacement
from jesse_nb.core.times import TIMEFRAME_MINUTES

__all__ = ["cheaper_lookups"]


def cheaper_lookups(markets: Iterable[tuple[str, str]] = ()) -> list[Replacement]:
    """Return the replacements for one run.

    Parameters
    ----------
    markets
        Exchange and symbol of each series, once Jesse's storage is filled.
    """
    service = jesse_module("jesse.services.candle_service")
    orders = jesse_module("jesse.services.order_service")
    return [
        *_known_modes(),
        *_position_properties(),
        Replacement(service, "get_candles", _get_candles(service, markets)),
        Replacement(service, "get_current_candle", _get_current_candle(service, markets)),
        Replacement(orders, "get_entry_orders", _get_entry_orders(orders)),
        Replacement(orders, "update_active_orders", _update_active_orders()),
        *_without_log_lines(),
        Replacement(jesse_module("jesse.models").ClosedTrade, "to_dict", property(_trade_as_dict)),
        # It describes every trade once more, for files that research does not ask for.
        Replacement(jesse_module("jesse.modes.backtest_mode"), "store_logs", lambda export_json, export_csv: {}),
        _market_orders(),
        detected_modifications(),
    ]


def _known_modes() -> list[Replacement]:
    helpers = jesse_module("jesse.helpers")
    store = jesse_module("jesse.store").store
    cached, asked, now = helpers.CACHED_CONFIG, helpers.get_config, helpers.now_to_timestamp

    def get_config(keys: str, default: Any = None) -> Any:
        return cached[keys] if keys in cached else asked(keys, default)

    def now_to_timestamp(force_fresh: bool = False) -> Any:
        return now(force_fresh) if force_fresh else store.app.time

    return [
        Replacement(helpers, "get_config", get_config),
        Replacement(helpers, "now_to_timestamp", now_to_timestamp),
        Replacement(helpers, "is_unit_testing", lambda: False),
        Replacement(helpers, "is_backtesting", lambda: True),
        Replacement(helpers, "is_debugging", lambda: False),
        Replacement(helpers, "is_debuggable", lambda debug_item: False),
    ]


def _position_properties() -> list[Replacement]:
    """Answer without the smallest quantity that exchanges take, which is nothing in a backtest."""
    position = jesse_module("jesse.models").Position

    def kind(self: Any) -> str:
        quantity = self.qty
        return "long" if quantity > 0 else "short" if quantity < 0 else "close"

    def is_open(self: Any) -> bool:
        quantity = self.qty
        return bool(quantity > 0 or quantity < 0)

    def is_close(self: Any) -> bool:
        quantity = self.qty
        return not (quantity > 0 or quantity < 0)

    return [
        Replacement(position, "type", property(kind)),
        Replacement(position, "is_open", property(is_open)),
        Replacement(position, "is_close", property(is_close)),
        Replacement(position, "_min_qty", property(lambda self: 0)),
    ]


_Places = dict[tuple[str, str, str], tuple[int, Any, Any]]


def _places(markets: Iterable[tuple[str, str]]) -> _Places:
    """Return where Jesse keeps the candles: minutes of the timeframe, storage of minutes, storage of the timeframe."""
    storage = jesse_module("jesse.store").store.candles.storage
    timeframes = jesse_module("jesse.config").config["app"]["considering_timeframes"]
    return {(exchange, symbol, timeframe): (TIMEFRAME_MINUTES[timeframe], storage[f"{exchange}-{symbol}-1m"],
                                            storage[f"{exchange}-{symbol}-{timeframe}"])
            for exchange, symbol in markets for timeframe in timeframes}


def _get_candles(service: Any, markets: Iterable[tuple[str, str]]) -> Callable[..., NDArray[np.float64]]:
    places, asked = _places(markets), service.get_candles

    def get_candles(exchange: str, symbol: str, timeframe: str) -> Any:
        try:
            count, minutes, own = places[exchange, symbol, timeframe]
        except (KeyError, TypeError):
            return asked(exchange, symbol, timeframe)
        if (minutes._state[1] + 1) % count:
            return asked(exchange, symbol, timeframe)  # the last candle is under way
        array, index = own._state
        return array[: index + 1] if index >= 0 else np.zeros((0, 6))

    return get_candles


def _get_current_candle(service: Any, markets: Iterable[tuple[str, str]]) -> Callable[..., NDArray[np.float64]]:
    places, asked = _places(markets), service.get_current_candle

    def get_current_candle(exchange: str, symbol: str, timeframe: str) -> Any:
        try:
            count, minutes, own = places[exchange, symbol, timeframe]
        except (KeyError, TypeError):
            return asked(exchange, symbol, timeframe)
        if (minutes._state[1] + 1) % count:
            return asked(exchange, symbol, timeframe)
        array, index = own._state
        return array[index] if index >= 0 else np.zeros((0, 6))

    return get_current_candle


def _get_entry_orders(service: Any) -> Callable[[str, str], list[Any]]:
    store, asked = jesse_module("jesse.store").store, service.get_entry_orders

    def get_entry_orders(exchange: str, symbol: str) -> list[Any]:
        key = f"{exchange}-{symbol}"
        position = store.positions.storage.get(key)
        if position is None:
            return asked(exchange, symbol)  # type: ignore[no-any-return]
        quantity = position.qty
        if not (quantity > 0 or quantity < 0):
            return list(store.orders.storage.get(key, ()))
        active = store.orders.active_storage.get(key)
        if not active:
            return []
        side = "buy" if quantity > 0 else "sell"
        return [order for order in active if order.side == side and not order.is_canceled]

    return get_entry_orders


def _update_active_orders() -> Callable[[str, str], None]:
    orders = jesse_module("jesse.store").store.orders
    done = {jesse_module("jesse.enums").order_statuses.CANCELED, jesse_module("jesse.enums").order_statuses.EXECUTED}

    def update_active_orders(exchange: str, symbol: str) -> None:
        key = f"{exchange}-{symbol}"
        current = orders.active_storage.get(key)
        if current:
            orders.active_storage[key] = [order for order in current if order.status not in done]
        elif current is None:
            orders.active_storage[key] = []

    return update_active_orders


def _without_log_lines() -> list[Replacement]:
    """Do what is done when fees, profits and trades are booked, without the lines about it that a silent run hides."""
    futures = jesse_module("jesse.models").FuturesExchange
    service = jesse_module("jesse.services.closed_trade_service")
    trades, asked = jesse_module("jesse.store").store.closed_trades, service.close_trade

    def charge_fee(exchange: Any, amount: float) -> None:
        exchange.assets[exchange.settlement_currency] -= abs(amount) * exchange.fee_rate

    def add_realized_pnl(exchange: Any, realized_pnl: float) -> None:
        exchange.assets[exchange.settlement_currency] += realized_pnl

    def close_trade(position: Any) -> None:
        trade = trades._get_current_trade(position.exchange_name, position.symbol)
        if not trade.is_open or position.strategy is None:
            asked(position)
            return
        trade.closed_at = position.closed_at
        position.strategy.trades_count += 1
        trades.trades.append(trade)
        trades.record_closure(trade)
        service.closed_trade_repository.close_trade(trade)
        trades._reset_current_trade(position.exchange_name, position.symbol)

    return [
        Replacement(futures, "charge_fee", charge_fee),
        Replacement(futures, "add_realized_pnl", add_realized_pnl),
        Replacement(service, "close_trade", close_trade),
        # A text for the log and for notifications.
        Replacement(jesse_module("jesse.services.order_service"), "_order_message", lambda order, event, qty=None: ""),
        Replacement(jesse_module("jesse.services.logger"), "info", _info()),
    ]


def _info() -> Callable[..., None]:
    """Keep what Jesse logs, without the random number that it gives to each line."""
    store = jesse_module("jesse.store").store
    notify = jesse_module("jesse.services.notifier").notify
    numbers = itertools.count()

    def info(msg: Any, send_notification: bool = False, webhook: Any = None) -> None:
        text = str(msg)
        store.logs.info.append({"id": f"line-{next(numbers)}", "session_id": store.app.session_id,
                                "timestamp": store.app.time, "message": text})
        if send_notification:
            notify(text, webhook=webhook)

    return info


def _market_orders() -> Replacement:
    strategy = jesse_module("jesse.strategies").Strategy
    store, execute = jesse_module("jesse.store").store, strategy._simulate_market_order_execution

    def simulate_market_order_execution() -> None:
        if store.orders.to_execute:
            execute()

    return Replacement(strategy, "_simulate_market_order_execution", staticmethod(simulate_market_order_execution))


def _trade_as_dict(trade: Any) -> dict[str, Any]:
    """Answer as ``ClosedTrade.to_dict``, each sum over a trade's orders done once."""
    name = jesse_module("jesse.helpers").get_class_name(trade.strategy_name)
    quantity, entry, exit_price, fee = trade.qty, trade.entry_price, trade.exit_price, trade.fee
    profit = abs(quantity) * (exit_price - entry)
    if trade.type == "short":
        profit *= -1
    profit = profit - fee
    return {
        "id": trade.id,
        "strategy_name": name,
        "symbol": trade.symbol,
        "exchange": trade.exchange,
        "type": trade.type,
        "entry_price": entry,
        "exit_price": exit_price,
        "qty": quantity,
        "opened_at": trade.opened_at,
        "closed_at": trade.closed_at,
        "fee": fee,
        "size": quantity * entry,
        "PNL": profit,
        "PNL_percentage": profit / (entry * abs(quantity) / trade.leverage) * 100,
        "holding_period": trade.holding_period,
    }
