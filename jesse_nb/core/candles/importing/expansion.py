"""One-minute candles made of longer ones, for people who have no others: labelled, and exact when put together."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from jesse_nb.core.candles.series import Candles
from jesse_nb.core.candles.validation import interval_text
from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES, utc_text
from jesse_nb.exceptions import InvalidCandlesError

__all__ = ["expand_candles"]


def expand_candles(candles: Candles) -> tuple[Candles, str]:
    """Make one-minute candles of candles of a longer timeframe.

    Within each candle the price goes on straight lines from open to low to high to close where it rose or stayed, from
    open to high to low to close where it fell; each of the three takes a third of the time. That way is invented: what
    depends on it, a stop and a target both within one candle for example, is not known. Put together again, as Jesse
    does, the minutes give the candles to the last bit, volume included; so it is with trades and takers' volume.

    Parameters
    ----------
    candles
        float64 (n, 6) or (n, 8), sorted, each once, of one of Jesse's timeframes; at least two.

    Returns
    -------
    candles : numpy.ndarray
        float64 (n * minutes, 6) or (n * minutes, 8).
    timeframe : str
        Of what was given, like ``"1h"``.

    Raises
    ------
    InvalidCandlesError
        When they are one-minute candles, or of no one timeframe of Jesse's.

    Examples
    --------
    >>> import numpy as np
    >>> starts = 1_704_067_200_000 + np.array([0, 180_000])
    >>> minutes, timeframe = expand_candles(np.column_stack([starts, [[10, 12, 14, 8, 3.0], [12, 11, 12, 11, 0.0]]]))
    >>> timeframe, minutes[:3, 1:].tolist()
    ('3m', [[10.0, 8.0, 10.0, 8.0, 1.0], [8.0, 14.0, 14.0, 8.0, 1.0], [14.0, 12.0, 14.0, 12.0, 1.0]])
    """
    minutes = _minutes(candles[:, 0])
    opened, closed, high, low, volume, *flow = candles.T[1:]
    rising = closed >= opened
    prices = _way(opened, np.where(rising, low, high), np.where(rising, high, low), closed, minutes)
    prices = np.clip(prices, low[:, None], high[:, None])
    starts = candles[:, 0][:, None] + np.arange(minutes) * float(MINUTE_MS)
    begun, ended = prices[:, :-1], prices[:, 1:]
    parts = [starts, begun, ended, np.maximum(begun, ended), np.minimum(begun, ended), _shares(volume, minutes)]
    if flow:
        trades, bought = flow
        parts += [_shares(trades, minutes, np.ones_like(trades)), _shares(bought, minutes)]
    return np.column_stack([part.ravel() for part in parts]), interval_text(minutes)


def _minutes(timestamps: Candles) -> int:
    """Return how many minutes a candle has, the same for all."""
    steps = (np.diff(timestamps) // MINUTE_MS).astype(np.int64)
    if not len(steps):
        raise InvalidCandlesError("One candle does not say how long it is.", "Expand at least two.")
    found, counts = np.unique(steps, return_counts=True)
    minutes = int(found[counts.argmax()])
    if minutes == 1:
        raise InvalidCandlesError("These are one-minute candles.", "Leave expand (--expand) out.")
    if minutes not in TIMEFRAME_MINUTES.values():
        raise InvalidCandlesError(f"These are {interval_text(minutes)} candles, which is no timeframe of Jesse's.",
                                  f"It has {', '.join(TIMEFRAME_MINUTES)}.")
    odd = steps % minutes != 0
    if odd.any():
        row = int(odd.argmax())
        raise InvalidCandlesError(
            f"These are {interval_text(minutes)} candles, but the one at {utc_text(int(timestamps[row + 1]))} comes "
            f"{steps[row]:,} minutes after the one before.", "Import the parts under names of their own.")
    return minutes


def _way(opened: Candles, first: Candles, second: Candles, closed: Candles, minutes: int) -> Candles:
    """Return the price at each whole minute, (n, minutes + 1); exact at the turning points."""
    turns = (0, round(minutes / 3), round(2 * minutes / 3), minutes)
    prices = np.empty((len(opened), minutes + 1))
    knots = (opened, first, second, closed)
    for (begin, end), before, after in zip(pairwise(turns), knots, knots[1:], strict=False):
        share = np.arange(end - begin) / (end - begin)
        prices[:, begin:end] = before[:, None] + (after - before)[:, None] * share
    prices[:, -1] = closed
    return prices


def _shares(amount: Candles, minutes: int, unit: Candles | None = None) -> Candles:
    """Return an amount in equal shares, whose sum is exact in any order: multiples of its last bit, or of a unit."""
    least = np.spacing(amount) if unit is None else unit
    share = np.floor(amount / minutes / least) * least
    shares = np.repeat(share[:, None], minutes, axis=1)
    shares[:, -1] = amount - share * (minutes - 1)
    return shares
