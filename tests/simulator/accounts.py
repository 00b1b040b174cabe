"""An account by its definitions, minute by minute and in plain loops."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.spec import Account

MINUTE = 60_000


class Fill(NamedTuple):
    time: int
    symbol: str
    price: float
    quantity: float
    market_order: bool
    reduce_only: bool


def fills_of(record: RunRecord) -> list[Fill]:
    """All executed orders; those of one symbol in the order of their execution."""
    fills = [Fill(round(order["executed_at"]), order["symbol"], order["price"], order["filled_qty"],
                  order["type"] == "MARKET", bool(order["reduce_only"]))
             for trade in record.trades for order in trade["orders"] if order["filled_qty"]]
    return sorted(fills, key=lambda fill: fill.time)  # stable


def rate_of(account: Account, symbol: str) -> float:
    return account.fee[symbol] if isinstance(account.fee, Mapping) else account.fee


class Money:
    """Money and holdings of an account, changed fill by fill."""

    def __init__(self, account: Account) -> None:
        self.account, self.cash, self.held = account, account.balance, {}

    def take(self, fill: Fill) -> None:
        held, fee = self.held.get(fill.symbol, 0.0), rate_of(self.account, fill.symbol)
        if self.account.market == "spot":
            if fill.quantity > 0:
                self.cash -= fill.quantity * fill.price
                self.held[fill.symbol] = held + fill.quantity * (1 - fee)
            else:
                sold = min(-fill.quantity, held)
                self.cash += sold * fill.price * (1 - fee)
                self.held[fill.symbol] = held - sold
            return
        self.cash -= abs(fill.quantity) * fill.price * fee
        if not (fill.reduce_only and held * fill.quantity > 1e-9):
            self.cash -= fill.quantity * fill.price
            self.held[fill.symbol] = held + fill.quantity

    def equity(self, prices: Mapping[str, float]) -> float:
        return self.cash + sum(held * prices[symbol] for symbol, held in self.held.items() if held)

    def margin(self, prices: Mapping[str, float], rate: float) -> float:
        return rate * sum(abs(held) * prices[symbol] for symbol, held in self.held.items())


def equity_at(
    moments: list[int], fills: list[Fill], candles: Mapping[str, np.ndarray], account: Account
) -> list[float]:
    """Equity after all fills up to each moment, at the close of the last minute that was over then."""
    money, left, values = Money(account), list(fills), []
    for moment in moments:
        while left and left[0].time <= moment:
            money.take(left.pop(0))
        prices = {}
        for symbol, rows in candles.items():
            over = rows[rows[:, 0] + MINUTE <= moment]
            prices[symbol] = float(over[-1, 2]) if len(over) else float(rows[0, 1])
        values.append(money.equity(prices))
    return values


def ruined_at(
    fills: list[Fill], candles: Mapping[str, np.ndarray], account: Account, rate: float | None = None
) -> int | None:
    """The end of the first minute in which equity was at or below the maintenance margin; None if it never was.

    All series must have the same minutes. One open position counts at its worst price of the minute, of several one at
    a time with the others at the close. In a minute with a fill inside, the fill's price and the close count alone.
    """
    rate = account.maintenance_margin if rate is None else rate
    money, left = Money(account), list(fills)
    symbols = list(candles)
    for row in range(len(candles[symbols[0]])):
        moment = int(candles[symbols[0]][row, 0]) + MINUTE
        if money.cash > 0 and not any(money.held.values()) and not (left and left[0].time <= moment):
            continue  # flat, with money
        closes = {symbol: float(candles[symbol][row, 2]) for symbol in symbols}
        before = dict(money.held), money.cash
        now = []
        while left and left[0].time <= moment:
            now.append(left.pop(0))
        after = Money(account)
        after.held, after.cash = dict(money.held), money.cash
        for fill in now:
            after.take(fill)
        candidates = [after.equity(closes) - after.margin(closes, rate)]
        for symbol in symbols:
            own = [fill for fill in now if fill.symbol == symbol]
            inside = any(not (fill.market_order and abs(fill.price / closes[symbol] - 1) <= 0.0002) for fill in own)
            # Everything else as it is at the end of the minute, this market at its worst.
            mixed = Money(account)
            mixed.held, mixed.cash = dict(before[0]), before[1]
            for fill in now:
                if fill.symbol != symbol:
                    mixed.take(fill)
            if not inside:
                held = mixed.held.get(symbol, 0.0)
                worst = float(candles[symbol][row, 4 if held > 0 else 3])
                prices = {**closes, symbol: worst}
                candidates.append(mixed.equity(prices) - mixed.margin(prices, rate))
                continue
            for fill in own:
                at_fill = not (fill.market_order and abs(fill.price / closes[symbol] - 1) <= 0.0002) or inside
                prices = {**closes, symbol: fill.price}
                if at_fill:
                    candidates.append(mixed.equity(prices) - mixed.margin(prices, rate))
                mixed.take(fill)
                if at_fill:
                    candidates.append(mixed.equity(prices) - mixed.margin(prices, rate))
        for fill in now:
            money.take(fill)
        if min(candidates) <= 0:
            return moment
    return None
