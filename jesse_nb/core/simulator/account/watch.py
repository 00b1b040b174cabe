"""Follows the account of the one run that Jesse simulates meanwhile, and audits it afterwards."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.candles.series import Candles
from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.simulator.account.audit import EquityAudit, Ruin, StressPath
from jesse_nb.core.simulator.account.funding_booking import FundingBooking
from jesse_nb.core.simulator.account.funding_payments import FundingPayments
from jesse_nb.core.simulator.account.ledger import Ledger, ledgers
from jesse_nb.core.simulator.account.minutes import value_at
from jesse_nb.core.simulator.account.ruin import Block, Books, block_reach, could_be_liquidated, find_ruin
from jesse_nb.core.simulator.account.stress_path import stress_path
from jesse_nb.core.simulator.fast.replacing import Replacement, replaced
from jesse_nb.core.simulator.fast.series import Series
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.times import DAY_MS, TIMEFRAME_MINUTES

__all__ = ["AccountWatch"]

#: Differences below this part of the account are rounding.
_ROUNDING = 1e-9

#: The same, of all that was traded: each fill rounds once.
_ROUNDING_OF_FILLS = 1e-12


class AccountWatch:
    """Notes fills and daily samples, and knows what the account was really worth at each.

    Parameters
    ----------
    spec
        What is simulated.
    funding
        Which books on the same account.

    Attributes
    ----------
    times
        Of the daily samples, milliseconds UTC.
    reported
        What Jesse took the account's equity for then, quote currency.
    values
        What it was: the money, all of what resting buy orders reserve, and the coins at the last price. The same
        number as Jesse's wherever it differs by no more than rounding.
    """

    def __init__(self, spec: BacktestSpec, funding: FundingBooking) -> None:
        self._spec = spec
        self._funding = funding
        self._spot = spec.account.market == "spot"
        self._store = jesse_module("jesse.store").store
        self._orders: list[Any] = []
        self._overcharged = 0.0
        self._candles: Any = None
        self._jesse_metrics: dict[str, Any] | None = None
        self._raised: tuple[int, list[dict[str, Any]]] | None = None
        self.times: list[int] = []
        self.reported: list[float] = []
        self.values: list[float] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch while Jesse runs."""
        simulation = jesse_module("jesse.modes.backtest_mode")
        trades = jesse_module("jesse.services.closed_trade_service")
        report = jesse_module("jesse.services.report")
        research = jesse_module("jesse.research.backtest")
        execute_run = research._execute_isolated_backtest
        take_sample, add_order, measure = (simulation.save_daily_portfolio_balance, trades.add_executed_order,
                                           report.portfolio_metrics)

        def sampled(*arguments: bool, **options: bool) -> None:
            take_sample(*arguments, **options)
            self._sample()

        def run(*arguments: Any, **options: Any) -> Any:
            try:
                return execute_run(*arguments, **options)
            except Exception:  # after which Jesse forgets all
                self._raised = int(self._store.app.time), report.trades()
                raise

        def executed(order: Any) -> None:
            if not (math.isfinite(order.qty) and math.isfinite(order.price)):  # Jesse fills it, and all is NaN after it
                raise ValueError(f"A {order.side} order of {order.qty:g} at {order.price:g} is no order.")
            add_order(order)
            self._orders.append(order)
            if self._spot and order.side == "buy":
                # The account was charged when the order was placed, at the price that it named.
                named = (order.vars or {}).get("submitted_price", order.price)
                self._overcharged += abs(order.qty) * (named - order.price)

        with replaced([Replacement(simulation, "save_daily_portfolio_balance", sampled),
                       Replacement(trades, "add_executed_order", executed),
                       Replacement(report, "portfolio_metrics", lambda: self._metrics(measure)),
                       Replacement(research, "_execute_isolated_backtest", run)]):
            yield

    def _sample(self) -> None:
        app = self._store.app  # asked anew each time: Jesse replaces the object at every run
        self._candles = self._store.candles
        moment, value = int(app.daily_balance_timestamps[-1]), float(app.daily_balance[-1])
        if self.times and self.times[-1] == moment:  # as Jesse does, too
            for those in (self.times, self.reported, self.values):
                those.pop()
        self.times.append(moment)
        self.reported.append(value)
        if self._spot:
            right = self._wallet()
            value = right if abs(value - right) > _ROUNDING * max(self._spec.account.balance, abs(right)) else value
        self.values.append(value)

    def _wallet(self) -> float:
        exchange, = self._store.exchanges.storage.values()
        base_asset = jesse_module("jesse.helpers").base_asset
        value: float = exchange.assets[exchange.settlement_currency] + self._overcharged
        for key, position in self._store.positions.storage.items():
            coins = exchange.assets[base_asset(position.symbol)]
            if coins:
                value += coins * position.current_price
            for order in self._store.orders.active_storage.get(key) or ():
                if order.side == "buy" and order.is_active:
                    value += abs(order.qty) * order.price
        return float(value)

    def _metrics(self, measure: Any) -> dict[str, Any] | None:
        """Return Jesse's metrics of the right samples, and keep those of its own beside."""
        metrics: dict[str, Any] | None = measure()
        if metrics is None or self.values == self.reported:
            return metrics
        self._jesse_metrics = metrics
        app = self._store.app
        own, app.daily_balance = app.daily_balance, list(self.values)
        try:
            right: dict[str, Any] = measure()
        finally:
            app.daily_balance = own
        return {**right, "finishing_balance": self.values[-1]}

    def books(self, series: list[Series] | None) -> dict[str, Books]:
        """Return the books of every market with a fill.

        Parameters
        ----------
        series
            The run's series, where their candles are what Jesse saw; None to take those that Jesse kept.
        """
        timeframes = [*(route.timeframe for route in self._spec.routes),
                      *(route.timeframe for route in self._spec.data_routes)]
        minutes = math.gcd(*(TIMEFRAME_MINUTES[timeframe] for timeframe in timeframes))
        known = {one.part.symbol: one for one in series or ()}
        return {symbol: self._of_series(ledger, known[symbol], minutes) if symbol in known
                else self._of_storage(symbol, ledger, minutes)
                for symbol, ledger in ledgers(self._orders, self._spec.account).items()}

    def _of_series(self, ledger: Ledger, series: Series, minutes: int) -> Books:
        reach = series.reach(minutes)
        lows, highs = np.frombuffer(reach.lows), np.frombuffer(reach.highs)
        rest = series.trading[len(lows) * minutes :]
        if len(rest):
            last = block_reach(series.trading[max(len(lows) * minutes - 1, 0) :], minutes + 1)
            lows, highs = np.append(lows, last.lows[0]), np.append(highs, last.highs[0])
        return Books(ledger, series.trading, Block(minutes, lows, highs))

    def _of_storage(self, symbol: str, ledger: Ledger, minutes: int) -> Books:
        kept = self._candles.storage[f"{self._spec.routes[0].exchange}-{symbol}-1m"]
        rows: Candles = kept.array[: kept.index + 1]
        rows = rows[np.searchsorted(rows[:, 0], self._spec.start) :]
        return Books(ledger, rows, block_reach(rows, minutes))

    def needs_steps(self, books: Mapping[str, Books]) -> bool:
        """Return whether Jesse's fast mode may have noticed a liquidation too late."""
        account = self._spec.account
        return (self._spec.mode == "fast" and account.market == "futures" and account.leverage_mode == "isolated"
                and could_be_liquidated(books, account.leverage))

    def ruined_so_far(self, books: Mapping[str, Books]) -> dict[str, Any] | None:
        """Return what Jesse would say of a run that raised, where the account had been ruined by then; else None.

        Such an account has no money for what the strategy orders, which Jesse refuses (InsufficientMargin): it did not
        fail, it was ruined.
        """
        if self._raised is None or not self.times:
            return None
        moment, trades = self._raised
        ruin = self.audit(books).ruin
        if ruin is None or ruin.moment > moment:
            return None
        longs = sum(trade["type"] == "long" for trade in trades)
        return {"metrics": {"total": len(trades), "longs_count": longs, "shorts_count": len(trades) - longs,
                            "starting_balance": self._spec.account.balance}, "trades": trades, "equity_curve": True}

    def audit(self, books: Mapping[str, Books]) -> EquityAudit:
        """Compare Jesse's samples with the account, that with its fills, and look for ruin."""
        account = self._spec.account
        times, reported, values = np.array(self.times), np.array(self.reported), np.array(self.values)
        off = np.abs(reported - values)
        payments = self._funding.payments()
        paid = payments.paid_by(times) if payments else np.zeros(len(times))
        moved = values - (self._by_fills(times, books) - paid)
        traded = sum(book.ledger.traded for book in books.values())
        noise = _ROUNDING * np.maximum(account.balance, np.abs(values)) + _ROUNDING_OF_FILLS * traded
        moved = np.where(np.abs(moved) > noise, moved, 0.0)
        moved_at, moved_then = _with_funding(times, moved, payments)
        ruin = self._ruin(books, moved_at, moved_then)
        differs = bool(off.any()) or ruin is not None
        return EquityAudit(
            samples=len(times),
            wrong=int(np.count_nonzero(off)),
            largest=float(off.max(initial=0.0)),
            largest_at=int(times[off.argmax()]) if off.any() else 0,
            moved=float(moved[np.abs(moved).argmax()]),
            moved_at=int(times[np.abs(moved).argmax()]) if moved.any() else 0,
            jesse_metrics=self._jesse_metrics,
            jesse_times=tuple(self.times) if differs else (),
            jesse_values=tuple(self.reported) if differs else (),
            ruin=ruin,
            funding=payments,
            stress=self._stress(books, moved_at, moved_then),
        )

    def _by_fills(self, times: NDArray[np.int64], books: Mapping[str, Books]) -> NDArray[np.float64]:
        value = np.full(len(times), self._spec.account.balance)
        for book in books.values():
            value += value_at(book.candles, times, book.ledger.times, book.ledger.cash, book.ledger.held)
        return value

    def _stress(
        self, books: Mapping[str, Books], times: NDArray[np.int64], moved: NDArray[np.float64]
    ) -> StressPath | None:
        window = self._spec.pipeline.stressed_period(self._spec.start) if self._spec.pipeline is not None else None
        if window is None or self._spot:  # where Jesse's own books need mending
            return None
        return stress_path(books, self._spec.account.balance, window[0], window[1] + DAY_MS, times, moved)

    def _ruin(self, books: Mapping[str, Books], times: NDArray[np.int64], moved: NDArray[np.float64]) -> Ruin | None:
        account = self._spec.account
        if self._spot:  # nothing is borrowed
            return None
        rate = account.maintenance_margin if account.leverage_mode == "cross" else 0.0
        return find_ruin(books, account.balance, rate, times, moved)


def _with_funding(
    times: NDArray[np.int64], moved: NDArray[np.float64], payments: FundingPayments | None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return what had been added to an account beside its fills, by each moment at which that changed."""
    if payments is None:
        return times, moved
    every = np.unique(np.concatenate([times, np.array(payments.times, dtype=np.int64)]))
    own = np.append(moved, 0.0)[np.searchsorted(times, every, side="right") - 1]  # -1: before the first
    return every, own - payments.paid_by(every)
