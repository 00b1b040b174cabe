"""Where a newer model takes over: what a window's account was worth there, and what it cost to close its positions.

Jesse samples equity one candle after the days' end in fast mode, when the newer model has traded for a candle, too.
So that no candle counts twice, the account is valued at the seam itself, from fills and candles, where these tell.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.curves.midnights import price_column
from jesse_nb.core.analysis.trades.exit_kinds import AT_SEAM
from jesse_nb.core.analysis.trades.fills import Fills, fills_of
from jesse_nb.core.analysis.trades.trade_returns import milliseconds
from jesse_nb.core.times import DAY_MS

if TYPE_CHECKING:
    from jesse_nb.core.simulator.result import BacktestResult
    from jesse_nb.core.simulator.spec import Account

__all__ = ["SeamExits", "closed_at_seam", "trades_to_seam"]

_DAY = pd.Timedelta(milliseconds=DAY_MS)


class SeamExits(NamedTuple):
    """How many positions are closed at a seam, and the fee for it as a fraction of the equity there."""

    positions: int
    fee: float


def closed_at_seam(
    run: BacktestResult, own: pd.Series[float], days: pd.DataFrame | None, prices: pd.Series[float]
) -> tuple[pd.Series[float], SeamExits]:
    """Return the days that count, their last one ended at the seam with no position left, and what that cost.

    The fee is the run's, on what is held at the price then. Where a run ends with its own days, Jesse has closed
    its positions, and charged for it.

    Parameters
    ----------
    run
        A window's out-of-sample run.
    own
        Daily returns (fractions) of the days that count, in the order of time, each indexed by its beginning.
    days
        The run's account at the end of each day, as
        :func:`~jesse_nb.core.analysis.curves.midnights.account_at` gives it; None where that is not known: then it is
        worth what Jesse sampled next.
    prices
        Daily closing prices of the first traded symbol, index the day's beginning. Without ``days`` its positions are
        valued at them, and those in other symbols at the price of their last fill.
    """
    if own.empty or run.trades.empty:
        return own, SeamExits(0, 0.0)
    seam = own.index[-1] + _DAY
    if int(seam.value // 1_000_000) >= run.spec.end:
        return own, SeamExits(0, 0.0)
    if days is None or seam not in days.index:
        exits = _by_last_fills(run, own, prices)
        return (_ended(own, 1.0 + own.iloc[-1], exits) if exits.fee else own), exits
    account, at_seam = run.spec.account, days.loc[seam]
    equity = max(float(at_seam["equity"]), 0.0)
    fee = float(at_seam["exits"]) / equity if equity else 0.0
    exits = SeamExits(int(at_seam["positions"]), fee)
    before = account.balance * float(np.prod(1.0 + own.to_numpy(dtype=float)[:-1]))
    return _ended(own, equity / before if before > 0 else 0.0, exits), exits


def _ended(own: pd.Series[float], growth: float, exits: SeamExits) -> pd.Series[float]:
    """Return the daily returns with that growth on the last day, and the exits paid from what is there then."""
    after = own.copy()
    after.iloc[-1] = max(growth * (1.0 - exits.fee), 0.0) - 1.0
    return after


def _by_last_fills(run: BacktestResult, own: pd.Series[float], prices: pd.Series[float]) -> SeamExits:
    """Return what the exits cost where the account is not known day by day."""
    seam, account = own.index[-1] + _DAY, run.spec.account
    crossing = _open_at(run.trades, seam)
    if not len(crossing):
        return SeamExits(0, 0.0)
    fills, cost = fills_of(run.trades, account), 0.0
    for trade in crossing:
        before = _fills_before(fills, trade, seam)
        if len(before):
            symbol = fills.markets[fills.market[before[0]]][1]
            price = _price_at(seam, run, fills, before, None, prices)
            cost += account.fill_cost(symbol) * abs(float(fills.held[before].sum())) * price
    equity = account.balance * float(np.prod(1.0 + own.to_numpy(dtype=float)))
    return SeamExits(len(crossing), cost / equity if equity > 0 else 0.0)


def trades_to_seam(
    run: BacktestResult, own: pd.Series[float], days: pd.DataFrame | None, prices: pd.Series[float]
) -> pd.DataFrame:
    """Return the trades opened on the days that count; what is open at the seam is closed there, as the curve does.

    Otherwise a move of the market would count in the old model's trade and in the newer one's, too.

    Parameters
    ----------
    run, own, days, prices
        As for :func:`closed_at_seam`. Where ``days`` has no price of a market, its positions are valued as without it.
    """
    if own.empty or run.trades.empty:
        return run.trades.head(0)
    seam = own.index[-1] + _DAY
    within: pd.DataFrame = run.trades.loc[pd.DatetimeIndex(run.trades["opened_at"]) <= seam]
    crossing = _open_at(within, seam)
    if int(seam.value // 1_000_000) >= run.spec.end or not len(crossing):
        return within
    fills, rows = fills_of(within, run.spec.account), within.to_dict("records")
    for trade in crossing:
        before = _fills_before(fills, trade, seam)
        if len(before):
            price = _price_at(seam, run, fills, before, days, prices)
            rows[trade] |= _ended_trade(rows[trade], fills, before, seam, price, run.spec.account)
    return pd.DataFrame(rows, index=within.index, columns=within.columns)


def _open_at(trades: pd.DataFrame, seam: pd.Timestamp) -> NDArray[np.int64]:
    """Return which trades were open then, by row number."""
    moment = int(seam.value // 1_000_000)
    return np.flatnonzero((milliseconds(trades["opened_at"]) <= moment) & (milliseconds(trades["closed_at"]) > moment))


def _fills_before(fills: Fills, trade: np.int64, seam: pd.Timestamp) -> NDArray[np.int64]:
    return np.flatnonzero((fills.trade == trade) & (fills.time <= int(seam.value // 1_000_000)))


def _price_at(
    seam: pd.Timestamp, run: BacktestResult, fills: Fills, before: NDArray[np.int64], days: pd.DataFrame | None,
    prices: pd.Series[float],
) -> float:
    """Return the price of a trade's market at the seam; where that is not known, that of its last fill."""
    market = fills.markets[fills.market[before[0]]]
    column = price_column(market)
    if days is not None and column in days and seam in days.index:
        return float(days[column].to_numpy()[days.index.get_loc(seam)])
    if market == (run.spec.routes[0].exchange, run.spec.routes[0].symbol):
        known = prices.loc[: seam - _DAY].dropna()
        if len(known):
            return float(known.iloc[-1])
    return float(fills.price[before[-1]])


def _ended_trade(
    trade: Mapping[Hashable, Any], fills: Fills, before: NDArray[np.int64], seam: pd.Timestamp, price: float,
    account: Account,
) -> dict[str, Any]:
    """Return what changes in a trade that is closed at the seam: all that was filled before, and this exit.

    Fee and profit are by Jesse's formula, as in the trades beside it. (On spot that leaves out that the fee of a buy
    makes the sale smaller: a thousandth of the profit.)
    """
    held, long = float(fills.held[before].sum()), trade["side"] == "long"
    amounts, paid = np.append(fills.quantity[before], -held), np.append(fills.price[before], price)
    entries = amounts > 0 if long else amounts < 0
    qty = float(np.abs(amounts[entries]).sum())
    entry, exit_ = (float(np.average(paid[part], weights=np.abs(amounts[part]))) for part in (entries, ~entries))
    size, fee = qty * entry, account.fill_cost(trade["symbol"]) * float(np.abs(amounts * paid).sum())
    pnl = qty * (exit_ - entry if long else entry - exit_) - fee
    margin = size / account.leverage if account.market == "futures" else size
    return {
        "closed_at": seam, "holding_period": (seam - trade["opened_at"]).total_seconds(), "qty": qty, "size": size,
        "entry_price": entry, "exit_price": exit_, "fee": fee, "pnl": pnl, "pnl_percentage": pnl / margin * 100.0,
        "orders": _orders_to_seam(trade, -held, int(seam.value // 1_000_000), price),
    }


def _orders_to_seam(trade: Mapping[Hashable, Any], qty: float, seam: int, price: float) -> list[dict[str, Any]] | None:
    """Return a trade's orders up to the seam and the market order that closes it; None where it has none."""
    orders = trade["orders"]
    if not isinstance(orders, list) or not orders:
        return None
    moment = float(seam)
    closing = {
        "symbol": trade["symbol"], "exchange": trade["exchange"], "side": "buy" if qty > 0 else "sell",
        "type": "MARKET", "reduce_only": True, "qty": qty, "filled_qty": qty, "price": price, "status": "EXECUTED",
        "created_at": moment, "executed_at": moment, "canceled_at": None, AT_SEAM: True,
    }
    return [*(order for order in orders if order["executed_at"] is not None and order["executed_at"] <= seam), closing]
