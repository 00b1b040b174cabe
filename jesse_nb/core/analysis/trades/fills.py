"""The fills behind a list of trades, and what each did to the position and to the money.

Both markets follow Jesse's simulator. On futures a fill moves the position by its quantity and the fee is
paid in the quote currency. On spot a buy's fee is taken from the coins bought, a sale's from the money.
Leverage changes the margin that is bound, not the profit in the quote currency, so it appears nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.market.prices import CandlesByMarket, Market, candles_of, ends_of
from jesse_nb.core.simulator.account.minutes import filled_at_close
from jesse_nb.core.simulator.spec import Account
from jesse_nb.core.times import utc_text
from jesse_nb.exceptions import InputError

__all__ = ["Fills", "at_close", "fills_of"]

Floats = NDArray[np.float64]

#: Time, price, quantity, and whether it was a market order.
_Fill = tuple[int, float, float, bool]

_SUMMARY = ("side", "qty", "opened_at", "entry_price", "closed_at", "exit_price")


@dataclass(frozen=True)
class Fills:
    """Fills in the order of trades, and within a trade in the order of their execution; arrays of shape (n,).

    Attributes
    ----------
    trade
        Row number of the trade.
    market
        Number of the market in ``markets``.
    markets
        Exchange and symbol of each traded market.
    time
        Milliseconds UTC. Jesse stamps a fill with the end of the minute it happened in.
    price
        In the quote currency.
    quantity
        What was traded, in the base currency: above zero bought, below zero sold.
    held
        Change of the position, in the base currency.
    cash
        Change of the money, in the quote currency, net of the fee.
    market_order
        Whether it was a market order, which Jesse fills at a minute's close.
    """

    trade: NDArray[np.int64]
    market: NDArray[np.int64]
    markets: tuple[Market, ...]
    time: NDArray[np.int64]
    price: Floats
    quantity: Floats
    held: Floats
    cash: Floats
    market_order: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.trade)


def fills_of(trades: pd.DataFrame, account: Account) -> Fills:
    """Return the fills of closed trades.

    Parameters
    ----------
    trades
        Columns as in :data:`~jesse_nb.core.simulator.result.TRADE_COLUMNS`. A trade without ``orders`` (as in
        a table from elsewhere) counts as one fill at its entry price when it opened, and one at its exit price
        when it closed.
    account
        What its fills cost, and its market (futures or spot).
    """
    spot = account.market == "spot"
    exchanges, symbols = trades["exchange"].tolist(), trades["symbol"].tolist()
    markets = tuple(dict.fromkeys(zip(exchanges, symbols, strict=True)))
    numbers = {market: number for number, market in enumerate(markets)}
    lost = [account.fill_cost(symbol) if spot else 0.0 for symbol in symbols]
    rows = [(trade, numbers[exchanges[trade], symbols[trade]], *fill)
            for trade, orders in enumerate(_by_trade(trades, lost)) for fill in orders]
    frame = pd.DataFrame(rows, columns=["trade", "market", "time", "price", "quantity", "market_order"]).astype(
        {"trade": np.int64, "market": np.int64, "time": np.int64, "price": float, "quantity": float,
         "market_order": bool})
    if not spot:
        frame = _split_flips(frame)
    trade, market, time, price, quantity, market_order = (frame[name].to_numpy() for name in frame)
    bought = quantity > 0
    cost = np.array([account.fill_cost(symbol) for _, symbol in markets], dtype=float)[market]
    rate = np.where(bought, 0.0, cost) if spot else cost
    return Fills(
        trade=trade,
        market=market,
        markets=markets,
        time=time,
        price=price,
        quantity=quantity,
        held=np.where(bought, quantity * (1 - cost), quantity) if spot else quantity,
        cash=-quantity * price - rate * np.abs(quantity) * price,
        market_order=market_order,
    )


def at_close(fills: Fills, candles: CandlesByMarket) -> NDArray[np.bool_]:
    """Return which fills happened at the close of their minute, the others somewhere within it.

    Raises
    ------
    InputError
        When a traded market has no candles, or fills outside of them.
    """
    near = np.zeros(len(fills), dtype=bool)
    for number, market in enumerate(fills.markets):
        series = candles_of(candles, market)
        rows = np.flatnonzero(fills.market == number)
        if not len(rows):
            continue
        _check_span(market, ends_of(series), fills.time[rows])
        near[rows] = filled_at_close(series, fills.time[rows], fills.price[rows], fills.market_order[rows])
    return near


def _by_trade(trades: pd.DataFrame, lost: list[float]) -> Iterator[list[_Fill]]:
    """Give the fills of each trade; ``lost`` is the share of the coins bought that each one's fee takes."""
    recorded = trades["orders"].tolist() if "orders" in trades else [None] * len(trades)
    summaries = zip(*(trades[name].tolist() for name in _SUMMARY), strict=True)
    for orders, summary, share in zip(recorded, summaries, lost, strict=True):
        if isinstance(orders, list) and orders:
            yield [(round(order["executed_at"]), order["price"], order["filled_qty"], order["type"] == "MARKET")
                   for order in orders if order["filled_qty"] and order["executed_at"] is not None]
        else:
            yield _entry_and_exit(summary, share)


def _entry_and_exit(summary: tuple[Any, ...], lost: float) -> list[_Fill]:
    side, qty, opened_at, entry_price, closed_at, exit_price = summary
    bought = qty if side == "long" else -qty
    both = ((opened_at, entry_price, bought), (closed_at, exit_price, -bought * (1 - lost)))
    return [(round(moment.timestamp() * 1000), price, quantity, True)
            for moment, price, quantity in both if not pd.isna(moment) and not pd.isna(price)]


def _split_flips(fills: pd.DataFrame) -> pd.DataFrame:
    """Divide each fill that closed a position and opened the opposite one: Jesse files all of it under the first."""
    ordered = fills.sort_values(["market", "time"], kind="stable")
    after = ordered.groupby("market")["quantity"].cumsum()
    before = after - ordered["quantity"]
    both = pd.concat([before.abs(), after.abs()], axis=1).min(axis=1)
    flips = ordered[(before * after < 0) & (both > 1e-9 * ordered["quantity"].abs())]
    if flips.empty:
        return fills
    following = ordered["trade"].where(ordered["trade"] != ordered.groupby("market")["trade"].shift())
    following = following.groupby(ordered["market"]).transform(lambda trade: trade.shift(-1).bfill())
    following = following.fillna(ordered["trade"])
    opening = flips.assign(trade=following[flips.index].astype(np.int64), quantity=after[flips.index])
    closing = fills.assign(quantity=fills["quantity"].where(~fills.index.isin(flips.index), -before))
    return pd.concat([opening, closing]).sort_values(["trade", "time"], kind="stable", ignore_index=True)


def _check_span(market: Market, ends: NDArray[np.int64], times: NDArray[np.int64]) -> None:
    first, last = int(times.min()), int(times.max())
    if first < ends[0] or last > ends[-1]:
        exchange, symbol = market
        outside = first if first < ends[0] else last
        raise InputError(
            f"{symbol} on {exchange} was traded at {utc_text(outside)}, outside its candles "
            f"({utc_text(int(ends[0]))} to {utc_text(int(ends[-1]))}).",
            "Give the candles of the whole backtest.",
        )
