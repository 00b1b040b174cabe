"""How each trade was closed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

__all__ = ["AT_SEAM", "closing_orders", "exit_kinds"]

#: What marks an order that closed a position where a walk-forward's newer model took over.
AT_SEAM = "at_seam"

#: A fill of this part of a trade's quantity is a remainder of rounding.
_CRUMB = 1e-9

_BY_TYPE = {"STOP": "stop", "LIMIT": "limit", "MARKET": "market", "STOP LIMIT": "stop limit", "FOK": "fill or kill"}


def exit_kinds(trades: pd.DataFrame, *, end: int | None = None, open_at_end: int | None = None) -> pd.Series[str]:
    """Return how each trade was closed: the kind of the order that closed it (:func:`closing_orders`).

    Jesse makes an exit a stop order when its price is worse than the market's, a limit order when it is
    better, and a market order when it is within 0.015 % of it or when the strategy calls ``liquidate()``.
    So ``stop`` holds the trailing stops that ended in profit, too. Two kinds of market order are not the
    strategy's own, and are told apart: ``liquidation``, filled at the bankruptcy price (Jesse does that
    with isolated margin only), and ``end of run``. ``end of window`` are the exits of a walk-forward where a newer
    model took over.

    Parameters
    ----------
    trades
        Columns :data:`~jesse_nb.core.simulator.result.TRADE_COLUMNS`.
    end
        When the simulation ended, milliseconds UTC. Without it no trade is ``end of run``.
    open_at_end
        How many positions Jesse closed because the run was over (its metric ``total_open_trades``). With 0,
        a market order at the last moment is the strategy's own; without it, it is taken for the run's end.

    Returns
    -------
    pandas.Series
        On the same index: ``stop``, ``limit``, ``market``, ``liquidation``, ``end of run``, ``end of window``, or
        ``unknown`` for a trade without its orders.
    """
    closings = closing_orders(trades)
    kinds = [_kind(order) for order in closings]
    found = pd.Series(kinds, index=trades.index, dtype=object, name="exit")
    if found.empty:
        return found
    market = found == "market"
    prices = np.array([float(order["price"]) if order else np.nan for order in closings])
    found[market & _at_bankruptcy(trades, prices)] = "liquidation"
    if end is not None and open_at_end != 0:
        at_end = pd.DatetimeIndex(trades["closed_at"]) >= pd.Timestamp(end, unit="ms", tz="UTC")
        found[(found == "market") & at_end] = "end of run"
    return found


def _kind(order: dict[str, Any] | None) -> str:
    if order is None:
        return "unknown"
    return "end of window" if order.get(AT_SEAM) else _BY_TYPE.get(order["type"], "unknown")


def closing_orders(trades: pd.DataFrame) -> list[dict[str, Any] | None]:
    """Return the order that closed each trade: the last one filled against its side; None without orders.

    Halves of a quantity can add up to a little less than the whole. Jesse keeps such a crumb as a position
    until another order takes it, which then is the last one; it is passed over here.
    """
    return [_closing_order(orders, side, abs(qty) * _CRUMB) for orders, side, qty
            in zip(trades["orders"], trades["side"], trades["qty"], strict=True)]


def _closing_order(orders: Any, side: str, crumb: float) -> dict[str, Any] | None:
    against = "sell" if side == "long" else "buy"
    return next((order for order in reversed(orders or ())
                 if order["side"] == against and order["status"] == "EXECUTED"
                 and abs(order["filled_qty"] or 0.0) > crumb), None)


def _at_bankruptcy(trades: pd.DataFrame, prices: np.ndarray[Any, np.dtype[np.float64]]) -> pd.Series[bool]:
    """Whether an exit took the whole margin: Jesse liquidates at entry x (1 -+ 1 / leverage)."""
    pnl = trades["pnl"].to_numpy(dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        # the trades' table has no leverage, but percent of the margin against the size gives it
        margin_rate = pnl * 100.0 / (trades["pnl_percentage"].to_numpy(dtype=float)
                                     * trades["size"].abs().to_numpy(dtype=float))
        away = np.where(trades["side"] == "long", -margin_rate, margin_rate)
        bankruptcy = trades["entry_price"].to_numpy(dtype=float) * (1.0 + away)
        reached = np.abs(prices / bankruptcy - 1.0) < 1e-9
    return pd.Series(reached & (bankruptcy > 0), index=trades.index)
