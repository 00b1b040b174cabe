"""Markets under stress: the period's own candles with a fall, a rise or a wilder time put in, every market alike."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.times import MINUTE_MS

__all__ = ["follow", "scaled", "stressed", "stressed_markets"]

Floats = NDArray[np.float64]
Market = TypeVar("Market", bound=Hashable)


def stressed_markets(
    markets: Mapping[Market, tuple[Floats, Floats]], settings: Mapping[str, float], start: int
) -> dict[Market, tuple[Floats, Floats]]:
    """Return every market's candles :func:`stressed`, the first one's moves followed where they are to go together.

    Of a stress that began before the period the warm-up changes, too, from then on. Without any change the candles are
    left alone, so that the run is the original's to the last bit.

    Parameters
    ----------
    markets
        By name, the first traded one first: its one-minute candles of the warm-up and of the period, in Jesse's order.
    settings
        Of the candle pipeline ``stress``.
    start
        When the period begins, milliseconds UTC.

    Examples
    --------
    >>> flat = np.array([[minute * 60_000.0, 100, 100, 101, 99, 1] for minute in range(4)])
    >>> began_before = {"at": -1.0, "minutes": 1.0, "change": -0.5, "volatility": 1.0}
    >>> before, within = stressed_markets({"BTC": (flat[:2], flat[2:])}, began_before, start=120_000)["BTC"]
    >>> before[:, 2].round(1).tolist(), within[:, 2].round(1).tolist()
    ([100.0, 50.0], [50.0, 50.0])
    """
    at, minutes = int(settings["at"]), int(settings["minutes"])
    change, volatility, together = settings["change"], settings["volatility"], bool(settings.get("together"))
    if change == 0.0 and volatility == 1.0 and not together:
        return dict(markets)
    leader: Floats | None = None
    changed = {}
    for name, (before, within) in markets.items():
        cut = len(before) if at < 0 and before.size else 0
        candles = np.concatenate([before, within]) if cut else np.asarray(within)
        leader = candles if leader is None else leader
        moved = follow(candles, leader, start, at, minutes) if together else candles
        new = stressed(moved, start, at, minutes, change, volatility)
        changed[name] = (new[:cut] if cut else before), new[cut:]
    return changed


def follow(
    candles: NDArray[np.float64], leader: NDArray[np.float64], start: int, at: int, minutes: int
) -> NDArray[np.float64]:
    """Return candles that move as a leader's for a while, and on their own from where that led them.

    Each move is the leader's times one factor: the ratio of both markets' own root mean square of one-minute moves in
    that time. So their correlation is one, and each varies as much as it did.

    Parameters
    ----------
    candles, leader
        One-minute candles in Jesse's order, (n, 6) and (m, 6). A minute that the leader lacks has no move.
    start
        When the period begins, milliseconds UTC.
    at, minutes
        Minutes from there to the beginning, and how long it lasts.

    Examples
    --------
    >>> minute = np.arange(4) * 60_000.0
    >>> flat = np.column_stack([minute, np.tile([[10.0, 10, 10, 10, 1]], (4, 1))])
    >>> risen = flat + np.outer([0, 1, 2, 3], [0, 1, 1, 1, 1, 0])
    >>> bool((follow(flat, risen, 0, at=1, minutes=2)[:, 2] == 10).all())  # what never moved has no size of its own
    True
    """
    if len(candles) == len(leader) and np.array_equal(candles, leader):
        return candles
    minute = ((candles[:, 0] - start) // MINUTE_MS).astype(np.int64)
    rows = np.flatnonzero((minute >= at) & (minute < at + minutes))
    if not len(rows):
        return candles
    place = np.minimum(np.searchsorted(leader[:, 0], candles[rows, 0]), len(leader) - 1)
    there = leader[place, 0] == candles[rows, 0]
    own, theirs = _moves(candles)[rows, 1], np.where(there[:, None], _moves(leader)[place], 0.0)
    size = float(np.sqrt((own**2).sum() / (theirs[:, 1] ** 2).sum())) if theirs[:, 1].any() else 0.0
    before = float(candles[rows[0] - 1, 2]) if rows[0] else float(candles[0, 1])
    new = candles.copy()
    new[rows, 1:5] = _prices(before, size * theirs)
    new[rows[-1] + 1 :, 1:5] *= new[rows[-1], 2] / candles[rows[-1], 2]
    return new


def _moves(candles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithms of open, close, high and low against the close before, (n, 4)."""
    before = np.concatenate([candles[:1, 1], candles[:-1, 2]])
    moves: NDArray[np.float64] = np.log(candles[:, 1:5] / before[:, None])
    return moves


def scaled(candles: Floats, beta: float, first: float) -> Floats:
    """Return candles whose every move is so many times another market's, beginning at a price of their own.

    Parameters
    ----------
    candles
        The other market's one-minute candles in Jesse's order, (n, 6); times and volumes stay.
    beta
        Factor of the logarithms of its moves, above zero.
    first
        What they open at.

    Examples
    --------
    >>> minute = np.array([[0.0, 100, 110, 110, 100, 5], [60_000, 110, 99, 111, 99, 5]])
    >>> scaled(minute, 2.0, 50.0)[:, 1:5].round(2).tolist()
    [[50.0, 60.5, 60.5, 50.0], [60.5, 49.01, 61.6, 49.01]]
    """
    return np.column_stack([candles[:, 0], _prices(first, beta * _moves(candles)), candles[:, 5]])


def _prices(before: float, moves: Floats) -> Floats:
    """Return open, close, high and low of :func:`_moves` from a close on, (n, 4); high and low hold the others."""
    closes = np.log(before) + np.cumsum(moves[:, 1])
    from_close = np.concatenate([[np.log(before)], closes[:-1]])
    prices: Floats = np.exp(from_close[:, None] + moves)
    prices[:, 1] = np.exp(closes)
    prices[:, 2], prices[:, 3] = prices[:, :3].max(axis=1), prices[:, [0, 1, 3]].min(axis=1)
    return prices


def stressed(
    candles: NDArray[np.float64], start: int, at: int, minutes: int, change: float, volatility: float
) -> NDArray[np.float64]:
    """Return candles that change by so much, and vary so many times as much, for a while; all after it stays changed.

    Where they begin later than the change did, they begin at what it had come to; wilder moves are those since then.
    Within that time each close moves by ``volatility`` times the logarithm of its own move, and by an equal part of
    the change. A change within one minute comes before the minute's open: a gap.

    Parameters
    ----------
    candles
        One-minute candles in Jesse's order, (n, 6). All before the beginning stay as they are, to the last bit.
    start
        When the period begins, milliseconds UTC.
    at, minutes
        Minutes from there to the beginning, and how long it lasts.
    change
        Fraction by which prices end higher or lower, above -1.
    volatility
        Factor; 1 leaves the market's own moves alone.

    Returns
    -------
    NDArray[np.float64]
        The same timestamps and volumes; high and low hold open and close, and all prices are above zero.

    Examples
    --------
    >>> flat = np.array([[minute * 60_000.0, 100, 100, 101, 99, 1] for minute in range(5)])
    >>> stressed(flat, 0, at=2, minutes=1, change=-0.5, volatility=1.0)[:, 1:5].round(1).tolist()
    [[100.0, 100.0, 101.0, 99.0], [100.0, 100.0, 101.0, 99.0], [50.0, 50.0, 50.5, 49.5], [50.0, 50.0, 50.5, 49.5], \
[50.0, 50.0, 50.5, 49.5]]
    """
    minute = ((candles[:, 0] - start) // MINUTE_MS).astype(np.int64)
    first = int(np.searchsorted(minute, at))
    if first == len(candles):
        return candles.copy()
    opened, closed = candles[:, 1], candles[:, 2]
    before = np.concatenate([opened[:1], closed[:-1]])
    own = np.where((minute >= at) & (minute < at + minutes), np.log(closed / before), 0.0)
    share = np.clip((minute - at + 1) / minutes, 0.0, 1.0)
    factor = np.exp(share * math.log1p(change) + (volatility - 1.0) * np.cumsum(own))
    known = math.exp(min(max((int(minute[0]) - at) / minutes, 0.0), 1.0) * math.log1p(change))
    earlier = np.concatenate([[known], factor[:-1]])
    if minutes == 1:
        earlier[first] = factor[first]
    new = candles.copy()
    rest = slice(first, None)
    new[rest, 1], new[rest, 2] = opened[rest] * earlier[rest], closed[rest] * factor[rest]
    ends = new[rest, 1:3]
    new[rest, 3] = np.maximum(candles[rest, 3] * factor[rest], ends.max(axis=1))
    new[rest, 4] = np.minimum(candles[rest, 4] * factor[rest], ends.min(axis=1))
    return new
