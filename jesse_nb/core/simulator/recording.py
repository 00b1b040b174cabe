"""What a run shows beside its trades: orders that waited in the market, and lines that strategies draw.

It is watched, not changed: each order is noted when Jesse takes it in, and read once the run is over; so are the
lines, which Jesse keeps in the strategies themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES

__all__ = ["ORDER_COLUMNS", "DrawnLine", "Recorder", "Recording", "watched"]

#: Columns of :attr:`Recording.orders`.
ORDER_COLUMNS = ("exchange", "symbol", "kind", "side", "price", "begin", "end", "filled")


@dataclass(frozen=True, eq=False)
class DrawnLine:
    """A line that a strategy drew with Jesse's chart methods.

    Attributes
    ----------
    exchange, symbol, timeframe
        Of the route.
    chart
        Name of the extra chart; empty on the candle chart.
    title, color
        As the strategy gave them, to be escaped where they are shown.
    times
        When each value was known: the end of its candle, milliseconds UTC, int64 (n,). Empty for a horizontal line.
    values
        float64 (n,), as the strategy gave them; one value for a horizontal line.
    """

    exchange: str
    symbol: str
    timeframe: str
    chart: str
    title: str
    color: str
    times: NDArray[np.int64]
    values: NDArray[np.float64]

    @property
    def horizontal(self) -> bool:
        """Whether it is one price all along."""
        return len(self.times) == 0


@dataclass(frozen=True, eq=False)
class Recording:
    """What was watched during one run.

    Attributes
    ----------
    orders
        One row an order that waited in the market, columns :data:`ORDER_COLUMNS`: ``kind`` is ``stop``, ``target`` or
        ``entry``; ``price`` is what was asked for; it waited from ``begin`` to ``end`` (milliseconds UTC), and then was
        ``filled`` or not.
    lines
        What the strategies drew, in the order of routes and of their first point.
    """

    orders: pd.DataFrame
    lines: tuple[DrawnLine, ...]


@dataclass
class Recorder:
    """Collects while a run is under way; :meth:`recording` reads it afterwards."""

    end: int
    _orders: list[tuple[Any, float]] = field(default_factory=list)
    _strategies: list[Any] = field(default_factory=list)

    def recording(self) -> Recording:
        """Return what was watched."""
        rows = [row for row in (_order_row(order, price, self.end) for order, price in self._orders) if row]
        lines = [line for strategy in self._strategies for line in _lines(strategy)]
        return Recording(pd.DataFrame(rows, columns=list(ORDER_COLUMNS)), tuple(lines))


@contextmanager
def watched(end: int) -> Iterator[Recorder]:
    """Watch the one run that Jesse simulates meanwhile.

    Parameters
    ----------
    end
        Of the run, milliseconds UTC: until when an order waited that was neither filled nor cancelled.
    """
    recorder = Recorder(end)
    orders_state = jesse_module("jesse.store.state_orders").OrdersState
    strategy_class = jesse_module("jesse.strategies").Strategy
    add_order, begin = orders_state.add_order, strategy_class._init_objects

    def noted(state: Any, order: Any) -> None:
        # Jesse may overwrite the price by that of the fill.
        recorder._orders.append((order, order.price))
        add_order(state, order)

    def begun(strategy: Any) -> None:
        recorder._strategies.append(strategy)
        begin(strategy)

    orders_state.add_order, strategy_class._init_objects = noted, begun
    try:
        yield recorder
    finally:
        orders_state.add_order, strategy_class._init_objects = add_order, begin


def _order_row(order: Any, price: float | None, end: int) -> tuple[Any, ...] | None:
    """Return one of the columns' rows; None for an order that did not wait."""
    kind = _kind(order)
    until = order.executed_at if order.is_executed else order.canceled_at or end
    if not kind or price is None or not until > order.created_at:
        return None
    return (order.exchange, order.symbol, kind, order.side, float(price), int(order.created_at), int(until),
            bool(order.is_executed))


def _kind(order: Any) -> str:
    if order.is_stop_loss or order.is_take_profit:
        return "stop" if order.is_stop_loss else "target"
    if order.type not in ("STOP", "LIMIT"):
        return ""
    if order.reduce_only:
        return "stop" if order.type == "STOP" else "target"
    return "entry"


def _lines(strategy: Any) -> Iterator[DrawnLine]:
    route = (str(strategy.exchange), str(strategy.symbol), str(strategy.timeframe))
    length = TIMEFRAME_MINUTES[route[2]] * MINUTE_MS
    for chart, lines in [("", strategy._add_line_to_candle_chart_values),
                         *strategy._add_extra_line_chart_values.items()]:
        for title, line in lines.items():
            times = np.array([point["time"] for point in line["data"]], dtype=np.int64) * 1000 + length
            values = np.array([point["value"] for point in line["data"]], dtype=np.float64)
            yield DrawnLine(*route, str(chart), str(title), str(line["color"]), times, values)
    for chart, lines in [("", strategy._add_horizontal_line_to_candle_chart_values),
                         *strategy._add_horizontal_line_to_extra_chart_values.items()]:
        for title, line in lines.items():
            yield DrawnLine(*route, str(chart), str(title), str(line["color"]), np.empty(0, dtype=np.int64),
                            np.array([line["price"]], dtype=np.float64))
