"""The books of one market: what the account's money and its position were after each fill.

On futures a fill moves the position by its quantity, and the fee is paid in the quote currency. On spot a buy's fee is
taken from the coins bought, a sale's from the money. As in Jesse, an order that may only reduce a position never adds
to it, and a spot sale sells no more than there is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.simulator.spec import Account

__all__ = ["Ledger", "ledgers"]

Floats = NDArray[np.float64]

#: A position so much smaller than the fill that left it, as a fraction, is what rounding leaves of a closed one.
_CRUMB = 1e-12


@dataclass(frozen=True)
class Ledger:
    """Fills of one market in the order of their execution, n of them.

    Attributes
    ----------
    times
        Milliseconds UTC, int64 (n,). Jesse stamps a fill with the end of its minute.
    prices
        Quote currency, (n,).
    at_market
        Whether each was a market order, which Jesse fills at a minute's close, bool (n,).
    cash
        Money gained before the first fill (0) and after each, net of fees, quote currency, (n + 1,).
    held
        The position then, base currency, below zero when short, (n + 1,).
    entry
        Its average entry price; NaN without a position, (n + 1,).
    traded
        Value of all fills, quote currency.
    """

    times: NDArray[np.int64]
    prices: Floats
    at_market: NDArray[np.bool_]
    cash: Floats
    held: Floats
    entry: Floats
    traded: float


def ledgers(orders: Iterable[Any], account: Account) -> dict[str, Ledger]:
    """Book Jesse's executed orders, by symbol.

    Parameters
    ----------
    orders
        Jesse's ``Order`` objects, in the order of their execution.
    account
        What its fills cost, and its market.
    """
    by_symbol: dict[str, list[Any]] = {}
    for order in orders:
        by_symbol.setdefault(order.symbol, []).append(order)
    return {symbol: _booked(those, account.fill_cost(symbol), account.market == "spot")
            for symbol, those in by_symbol.items()}


def _booked(orders: list[Any], fee: float, spot: bool) -> Ledger:
    money, position, entry, traded = 0.0, 0.0, math.nan, 0.0
    cash, held, entries, prices = [money], [position], [entry], []
    # Through Peewee's fields, each look at an order would take as long as booking it.
    facts = [order.__data__ for order in orders]
    for order in facts:
        price, quantity = float(order["price"]), float(order["filled_qty"] or 0.0)
        before = position
        if spot and quantity < 0:
            quantity = -min(abs(float(order["qty"])), position)
            money -= quantity * price * (1.0 - fee)
            position += quantity
        elif spot:
            money -= quantity * price
            position += quantity * (1.0 - fee)
        else:
            money -= fee * abs(quantity) * price
            if not (order["reduce_only"] and position * quantity > 0):
                money -= quantity * price
                position += quantity
        if abs(position) <= _CRUMB * abs(quantity):
            position = 0.0
        entry = _entry_price(before, position, entry, price)
        traded += abs(quantity) * price
        cash.append(money)
        held.append(position)
        entries.append(entry)
        prices.append(price)
    return Ledger(
        times=np.array([order["executed_at"] for order in facts], dtype=np.int64),
        prices=np.array(prices),
        at_market=np.array([order["type"] == "MARKET" for order in facts], dtype=bool),
        cash=np.array(cash), held=np.array(held), entry=np.array(entries), traded=traded,
    )


def _entry_price(before: float, after: float, entry: float, price: float) -> float:
    if after == 0:
        return math.nan
    if before * after <= 0:
        return price
    added = abs(after) - abs(before)
    return entry if added <= 0 else (entry * abs(before) + price * added) / abs(after)
