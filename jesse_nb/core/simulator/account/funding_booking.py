"""Books funding on the account of the one run that Jesse simulates meanwhile.

At an instant, whoever holds a position then pays its quantity times the price times the rate: the position after the
fills of the minute that ends there and before what strategies decide at it, at that minute's close. The money moves
before a strategy decides next and before each sample of the equity: at the very instant where a candle of the route
closes then, with candles longer than the time between instants at the end of the candle, before which no balance is
looked at. So sizes, balance and equity know of it, in both of Jesse's modes alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from jesse_nb.core.candles.funding.rates import FundingRates
from jesse_nb.core.jesse_runtime import jesse_module, strategy_class
from jesse_nb.core.simulator.account.funding_payments import FundingPayments
from jesse_nb.core.simulator.fast.replacing import Replacement, replaced
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.times import MINUTE_MS

__all__ = ["FundingBooking"]


class FundingBooking:
    """Notes what was held at each instant, and moves the money.

    Parameters
    ----------
    spec
        What is simulated.
    rates
        Of each market with funding, by symbol.
    """

    def __init__(self, spec: BacktestSpec, rates: dict[str, FundingRates]) -> None:
        self._exchange = spec.routes[0].exchange
        self._rates = rates
        self._next = dict.fromkeys(rates, 0)
        self._noted: list[tuple[int, str, float, float]] = []
        self._booked: list[tuple[int, str, float, float, float]] = []
        self._store = jesse_module("jesse.store").store

    @contextmanager
    def booking(self) -> Iterator[None]:
        """Book while Jesse runs."""
        if not self._rates:
            yield
            return
        simulation = jesse_module("jesse.modes.backtest_mode")
        trades = jesse_module("jesse.services.closed_trade_service")
        base = strategy_class()
        execute, add_order, take_sample = (base._execute, trades.add_executed_order,
                                           simulation.save_daily_portfolio_balance)

        def executed(strategy: Any) -> None:
            self._settle()
            execute(strategy)

        def filled(order: Any) -> None:  # the position is still what it was
            if order.symbol in self._rates:
                self._note(order.symbol, int(self._store.app.time) - MINUTE_MS)
            add_order(order)

        def sampled(*arguments: bool, **options: bool) -> None:
            self._settle()
            take_sample(*arguments, **options)

        with replaced([Replacement(base, "_execute", executed), Replacement(trades, "add_executed_order", filled),
                       Replacement(simulation, "save_daily_portfolio_balance", sampled)]):
            yield

    def payments(self) -> FundingPayments | None:
        """Return what was paid and received; None where no money moved."""
        columns = list(zip(*self._booked, strict=True))
        return FundingPayments(*columns) if columns else None

    def _note(self, symbol: str, until: int) -> None:
        """Note what is held at all instants up to a moment, milliseconds UTC."""
        rates, number = self._rates[symbol], self._next[symbol]
        if number == len(rates) or rates.times[number] > until:
            return
        held = float(self._store.positions.storage[f"{self._exchange}-{symbol}"].qty)
        last = int(np.searchsorted(rates.times, until, side="right"))
        self._next[symbol] = last
        if held:
            self._noted += [(int(rates.times[one]), symbol, held, float(rates.rates[one]))
                            for one in range(number, last)]

    def _settle(self) -> None:
        now = int(self._store.app.time)
        for symbol in self._rates:
            self._note(symbol, now)
        if not self._noted:
            return
        exchange = self._store.exchanges.storage[self._exchange]
        for time, symbol, held, rate in sorted(self._noted):
            price = self._close_at(symbol, time)
            amount = held * price * rate
            if amount:
                exchange.assets[exchange.settlement_currency] -= amount
                self._booked.append((time, symbol, held, price, rate))
        self._noted.clear()

    def _close_at(self, symbol: str, moment: int) -> float:
        """Return the close of the last minute that was over at a moment."""
        kept = self._store.candles.storage[f"{self._exchange}-{symbol}-1m"]
        array, index = kept.array, kept.index
        row = index - (int(array[index, 0]) - (moment - MINUTE_MS)) // MINUTE_MS
        if not 0 <= row <= index or array[row, 0] != moment - MINUTE_MS:  # minutes are missing
            row = max(int(np.searchsorted(array[: index + 1, 0], moment - MINUTE_MS, side="right")) - 1, 0)
        return float(array[row, 2])
