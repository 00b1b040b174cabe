"""How well a strategy's orders foretold the market: whether better than anybody could who only knows its past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.candles.series import Candles
from jesse_nb.core.simulator.observing import OrderEvent
from jesse_nb.core.times import MINUTE_MS

__all__ = ["Foresight", "foresight"]

#: How many candles later the market is looked at.
_AHEAD = (1, 2, 3, 4, 6, 8, 12, 24, 48)
#: Fewer orders, or fewer other moments to compare with, say nothing.
_FEWEST_ORDERS, _FEWEST_SHIFTS = 8, 50
#: What part of the moves that followed must be in the orders' direction. One that only knows the past gets a tenth.
_MOST_BY_SKILL = 0.5


class Foresight(NamedTuple):
    """How well orders foretold the market.

    Attributes
    ----------
    closing
        Whether these orders closed positions; else they opened them.
    orders
        How many.
    ahead
        After how many candles the market moved their way most clearly.
    captured
        Which part of the moves by then was in their direction: the sum of the moves (in logarithms) with the sign of
        the orders' side, over the sum of their sizes. 1 is perfect, 0 is what chance gives.
    shifts
        How many shifts of all orders in time were tried.
    better
        How many of these foretold the market as well or better.
    """

    closing: bool
    orders: int
    ahead: int
    captured: float
    shifts: int
    better: int

    @property
    def certain(self) -> bool:
        """Whether nobody could have known who had only seen what came before."""
        return not self.better and self.captured >= _MOST_BY_SKILL


def foresight(
    events: Sequence[OrderEvent], candles: Mapping[str, Candles], start: int, end: int, step: int
) -> Foresight | None:
    """Return how well orders foretold the market, for those that open or those that close, whichever did it better.

    All orders are moved through the period together (a circular shift): the moments that are left have the same market,
    the same number of orders a side, and the same distances. A clear case is one that no shift equals.

    Parameters
    ----------
    events
        Of the run. Orders that open positions count, and market orders that close them; stops and targets do not, as
        they wait for a price rather than foretell one.
    candles
        Symbol to one-minute candles, float64 (n, 6).
    start, end
        Of the run, milliseconds UTC.
    step
        Milliseconds between the moments at which it decides.

    Returns
    -------
    Foresight or None
        None where there are too few orders, or too few candles.

    Examples
    --------
    >>> import numpy as np
    >>> times = np.arange(0, 500) * 60_000.0
    >>> closes = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, 500)))
    >>> market = np.column_stack([times, closes, closes, closes, closes, closes])
    >>> rises = np.flatnonzero(np.diff(closes) > 0)[:40]
    >>> buys = [OrderEvent(60_000 * (int(row) + 1), "submitted", "Demo", "BTC-USDT", "buy", "MARKET", 1.0, 1.0)
    ...         for row in rises]
    >>> found = foresight(buys, {"BTC-USDT": market}, 0, 500 * 60_000, 60_000)
    >>> found.ahead, found.captured, found.certain
    (1, 1.0, True)
    """
    grid = np.arange(start, end + 1, step)
    moves = {symbol: _moves(rows, grid) for symbol, rows in candles.items()}
    found = [seen for closing in (False, True)
             if (seen := _of_orders(events, moves, grid, closing=closing)) is not None]
    return max(found, key=lambda seen: (seen.certain, -seen.better, seen.captured), default=None)


def _of_orders(
    events: Sequence[OrderEvent], moves: Mapping[str, NDArray[np.float64]], grid: NDArray[np.int64], *, closing: bool
) -> Foresight | None:
    sides = {symbol: np.zeros(len(grid)) for symbol in moves}
    for event in events:
        place = int(np.searchsorted(grid, event.time))
        if (event.event == "submitted" and event.closing == closing and event.symbol in sides and place < len(grid)
                and grid[place] == event.time and not (closing and event.type != "MARKET")):
            sides[event.symbol][place] = 1.0 if event.side == "buy" else -1.0  # a ladder is one decision
    orders = int(sum(np.abs(side).sum() for side in sides.values()))
    apart = min(max(_AHEAD), len(grid) // 4)
    shifts = np.arange(apart + 1, len(grid) - apart)
    if orders < _FEWEST_ORDERS or len(shifts) < _FEWEST_SHIFTS:
        return None
    scores = np.sum([_by_shift(sides[symbol], moves[symbol]) for symbol in moves], axis=0)
    spread = scores[:, shifts].std(axis=1)
    scores = (scores - scores[:, shifts].mean(axis=1)[:, None]) / np.where(spread > 0, spread, np.inf)[:, None]
    best = int(scores[:, 0].argmax())
    gained = sum(float(sides[symbol] @ moves[symbol][best]) for symbol in moves)
    moved = sum(float(np.abs(sides[symbol]) @ np.abs(moves[symbol][best])) for symbol in moves)
    better = int((scores[:, shifts].max(axis=0) >= scores[best, 0]).sum())
    return Foresight(closing, orders, _AHEAD[best], gained / moved if moved else 0.0, len(shifts), better)


def _moves(candles: Candles, grid: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the change of the logarithm of the price from each moment on: one row a horizon; 0 beyond the end."""
    last = np.clip(np.searchsorted(candles[:, 0], grid - MINUTE_MS, side="right") - 1, 0, None)
    price = np.log(candles[last, 2])
    moves = np.zeros((len(_AHEAD), len(grid)))
    for row, ahead in enumerate(_AHEAD):
        moves[row, :-ahead] = price[ahead:] - price[:-ahead]
    return moves


def _by_shift(side: NDArray[np.float64], moves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of the moves with the orders' signs for each circular shift of the orders (columns)."""
    correlated: NDArray[np.float64] = np.fft.irfft(
        np.fft.rfft(moves, axis=1) * np.conj(np.fft.rfft(side)), n=len(side), axis=1)
    return correlated
