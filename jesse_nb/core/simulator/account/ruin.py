"""Whether and when an account's money was gone, minute by minute.

An exchange closes a cross-margin account whose equity has fallen to the maintenance margin of its open positions; Jesse
simulates on. What is looked for is the first minute in which

    balance + sum(cash + held * price) <= rate * sum(|held| * price)

where a single open position is valued at the worst price within the minute: the low for a long one, the high for a
short one. With several, one at a time is at its worst price and the others at that minute's close, as their worst
prices need not have coincided. On an isolated margin Jesse liquidates each position by itself, so there the rate is 0:
the account is ruined when nothing is left.

First each block of minutes is bounded by its lowest and highest price. Where that bound stays above the margin, and it
nearly always does, no minute has to be looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.candles.series import Candles
from jesse_nb.core.simulator.account.audit import Ruin
from jesse_nb.core.simulator.account.ledger import Ledger
from jesse_nb.core.simulator.account.minutes import Moments, filled_at_close, rows_over, value_through
from jesse_nb.core.times import MINUTE_MS

__all__ = ["Block", "Books", "block_reach", "could_be_liquidated", "find_ruin"]

Floats = NDArray[np.float64]

#: Jesse's maintenance margin on an isolated margin, a fraction of a position's value.
_ISOLATED_RATE = 0.004


class Block(NamedTuple):
    """The lowest and the highest price of each ``minutes`` rows of a market; a last block may be shorter."""

    minutes: int
    lows: Floats
    highs: Floats


@dataclass(frozen=True)
class Books:
    """One market: its fills, its candles, and the reach of its prices in blocks."""

    ledger: Ledger
    candles: Candles
    reach: Block


def block_reach(candles: Candles, minutes: int) -> Block:
    """Return the reach of each block: of its candles, and of what lies between a close and the next open."""
    opens, closes, highs, lows = (candles[:, column] for column in (1, 2, 3, 4))
    before = np.concatenate([opens[:1], closes[:-1]])
    starts = np.arange(0, len(candles), minutes)
    return Block(minutes, np.minimum.reduceat(np.minimum(lows, np.minimum(opens, before)), starts),
                 np.maximum.reduceat(np.maximum(highs, np.maximum(opens, before)), starts))


def could_be_liquidated(books: Mapping[str, Books], leverage: int) -> bool:
    """Return whether an isolated position came to its liquidation price, within the reach of a block's prices.

    The price is Jesse's: the entry price, moved by the margin (1 / leverage) less 0.4 %.
    """
    room = 1.0 / leverage - _ISOLATED_RATE
    for book in books.values():
        long = book.ledger.held > 0
        price = np.where(long, book.ledger.entry * (1.0 - room), book.ledger.entry * (1.0 + room))
        open_ = book.ledger.held != 0
        blocks, states = _states(book)
        # A market order that fills at a block's very end is not reached by the prices before it.
        last = rows_over(book.candles, book.ledger.times) % book.reach.minutes == book.reach.minutes - 1
        seen = np.concatenate([np.ones(len(book.reach.lows), dtype=bool), ~(last & book.ledger.at_market)])
        blocks, states = blocks[seen], states[seen]
        reached = open_[states] & np.where(long[states], book.reach.lows[blocks] <= price[states],
                                           book.reach.highs[blocks] >= price[states])
        if reached.any():
            return True
    return False


def find_ruin(
    books: Mapping[str, Books], balance: float, rate: float, moved_at: Moments, moved: Floats
) -> Ruin | None:
    """Return when the account was ruined; None when it was not.

    Parameters
    ----------
    books
        By symbol, every market with a fill.
    balance
        At the start, quote currency.
    rate
        Maintenance margin as a fraction of the value of open positions.
    moved_at, moved
        What a strategy had added to its account itself (or taken from it) by each moment, quote currency.
    """
    if not books:
        return None
    moments = _suspects(books, balance + float(moved.min(initial=0.0)), rate)
    if not len(moments):
        return None
    known = np.searchsorted(moved_at, moments, side="right") - 1
    free = balance + np.where(known >= 0, np.append(moved, 0.0)[known], 0.0)
    extra = {}
    for symbol, book in books.items():
        ledger = book.ledger
        inside = ~filled_at_close(book.candles, ledger.times, ledger.prices, ledger.at_market)
        at_end, worst = value_through(book.candles, moments, ledger.times, ledger.prices, inside, ledger.cash,
                                      _after_margin(ledger, rate))
        free = free + at_end
        extra[symbol] = at_end - worst
    deepest = np.max(list(extra.values()), axis=0)
    ruined = np.flatnonzero(free - deepest <= 0.0)
    if not len(ruined):
        return None
    first = int(ruined[0])
    symbol = max(extra, key=lambda name: (extra[name][first], _at_risk(books[name], moments[first])))
    return _described(books, symbol, int(moments[first]), float(free[first]), float(extra[symbol][first]), rate)


def _described(
    books: Mapping[str, Books], symbol: str, moment: int, free: float, extra: float, rate: float
) -> Ruin:
    """Find the price at which the money just met the margin, if the minute passed it; otherwise its nearest price.

    ``free`` is equity less margin at the minute's close, ``extra`` how much less there was at its worst price.
    """
    others_margin = 0.0
    for name, book in books.items():
        if name != symbol:
            others_margin += rate * _at_risk(book, moment)
    one = books[symbol]
    row = int(np.maximum(rows_over(one.candles, np.array([moment]))[0], 0))
    close, high, low = (float(one.candles[row, column]) for column in (2, 3, 4))
    ledger = one.ledger
    state = int(np.searchsorted(ledger.times, moment, side="left"))
    factors = _after_margin(ledger, rate)
    filled = int(np.searchsorted(ledger.times, moment, side="right")) - state
    if filled or not factors[state]:
        # The position changed within the minute: what is known is its last fill, or only the close.
        price = float(ledger.prices[state + filled - 1]) if filled else close
        held = float(ledger.held[state + filled]) if free <= 0 else float(ledger.held[state])
        margin = others_margin + rate * abs(held) * price
        return Ruin(moment, symbol, price, free - extra + margin, margin)
    price = float(np.clip(close - free / factors[state], low, high))
    margin = others_margin + rate * abs(float(ledger.held[state])) * price
    return Ruin(moment, symbol, price, free + float(factors[state]) * (price - close) + margin, margin)


def _after_margin(ledger: Ledger, rate: float) -> Floats:
    """Return what one unit of price is worth to equity less maintenance margin, before and after each fill."""
    return ledger.held - rate * np.abs(ledger.held)


def _at_risk(one: Books, moment: int) -> float:
    """Return the value of a market's position at the end of a minute."""
    row = int(np.maximum(rows_over(one.candles, np.array([moment]))[0], 0))
    state = int(np.searchsorted(one.ledger.times, moment, side="right"))
    return abs(float(one.ledger.held[state])) * float(one.candles[row, 2])


def _suspects(books: Mapping[str, Books], balance: float, rate: float) -> Moments:
    """Return the ends of all minutes in the blocks whose bound does not rule a ruin out."""
    every = list(books.values())
    first = every[0]
    alike = all(len(account.candles) == len(first.candles) and account.candles[0, 0] == first.candles[0, 0]
                and account.candles[-1, 0] == first.candles[-1, 0] for account in every)
    if not alike:
        every_end: Moments = np.unique(np.concatenate([_ends(account.candles) for account in every]))
        return every_end
    bound = balance + np.sum([_lowest(account, rate) for account in every], axis=0)
    blocks = np.flatnonzero(bound <= 0.0)
    if not len(blocks):
        return np.empty(0, dtype=np.int64)
    rows = (blocks[:, None] * first.reach.minutes + np.arange(first.reach.minutes)).ravel()
    rows = rows[rows < len(first.candles)]
    return _ends(first.candles[rows])  # the others have the same minutes


def _lowest(one: Books, rate: float) -> Floats:
    """Return the least that a market's books may have been worth in each block, after maintenance margin."""
    factors = _after_margin(one.ledger, rate)
    blocks, states = _states(one)
    prices = np.where(factors[states] > 0, one.reach.lows[blocks], one.reach.highs[blocks])
    found = np.full(len(one.reach.lows), np.inf)
    np.minimum.at(found, blocks, one.ledger.cash[states] + factors[states] * prices)
    return found


def _states(one: Books) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return, block by block, the states of the books that it saw: the one at its beginning and one for each fill."""
    filled = rows_over(one.candles, one.ledger.times)
    filled = np.maximum(filled, 0) // one.reach.minutes
    every = np.arange(len(one.reach.lows))
    at_begin = np.searchsorted(filled, every, side="left")
    return np.concatenate([every, filled]), np.concatenate([at_begin, np.arange(1, len(filled) + 1)])


def _ends(candles: Candles) -> Moments:
    ends: Moments = candles[:, 0].astype(np.int64) + MINUTE_MS
    return ends
