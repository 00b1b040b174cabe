"""One-minute candles as candles of any of Jesse's timeframes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.calls import well_named
from jesse_nb.core.candles.series import Candles
from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES
from jesse_nb.exceptions import InputError, did_you_mean, shown

__all__ = ["checked_timeframe", "minutes_present", "resample_candles", "sums_of_minutes"]

#: From so many minutes a candle on, Jesse's sum of volumes is NumPy's over a column of rows.
_LONG_MINUTES = 4_320


@well_named
def resample_candles(candles: Candles, timeframe: str, *, forming: bool = False) -> Candles:
    """Return candles of a timeframe, as Jesse makes them from the same minutes, to the last bit.

    A candle has the open of its first minute, the close of its last, the highest high, the lowest low and the
    sum of the volumes. Its timestamp is a multiple of the timeframe since 1970: as in Jesse, weeks begin on
    Thursday and months are 30 days. Missing minutes do not count; a candle without any minute is not there.

    The last candle is left out while minutes of it are still to come, unless `forming`. The first one may
    begin before the first minute: :func:`minutes_present` tells how much of each candle is known.

    Parameters
    ----------
    candles
        One-minute candles, float64 (n, 6), sorted by time; may be a memory map.
    timeframe
        One of Jesse's, ``"1m"`` to ``"1M"``.
    forming
        Whether to keep the last candle when the last minute given is not its last.

    Returns
    -------
    numpy.ndarray
        float64 (m, 6): timestamp (ms UTC, of the candle's begin), open, close, high, low, volume.

    Raises
    ------
    InputError
        When Jesse has no such timeframe.

    Examples
    --------
    >>> minutes = jn.CandleStore().read("Demo (synthetic)", "BTC-USDT", "2023-02-01", "2023-02-02")
    >>> jn.resample_candles(minutes, "1h").shape
    (24, 6)
    """
    minutes = checked_timeframe(timeframe)
    if minutes == 1 or len(candles) == 0:
        return candles
    opens, first = _begins(candles[:, 0], minutes)
    last = np.append(first[1:], len(candles)) - 1
    volume = _sums(candles[:, 5], first, minutes)
    made = np.column_stack([opens, candles[first, 1], candles[last, 2], np.maximum.reduceat(candles[:, 3], first),
                            np.minimum.reduceat(candles[:, 4], first), volume])
    ended = candles[-1, 0] + MINUTE_MS >= opens[-1] + minutes * MINUTE_MS
    return made if forming or ended else made[:-1]


def minutes_present(timestamps: NDArray[np.float64], timeframe: str) -> NDArray[np.int64]:
    """Return how many one-minute candles each candle of a timeframe consists of.

    Fewer than the timeframe has are gaps, or the edge of what is there.

    Parameters
    ----------
    timestamps
        Of one-minute candles, milliseconds UTC, ascending, shape (n,).
    timeframe
        One of Jesse's.

    Returns
    -------
    numpy.ndarray
        int64 (m,): one number for each candle of :func:`resample_candles` with ``forming=True``.

    Raises
    ------
    InputError
        When Jesse has no such timeframe.
    """
    minutes = checked_timeframe(timeframe)
    _, first = _begins(timestamps, minutes)
    return np.diff(np.append(first, len(timestamps)))


def sums_of_minutes(timestamps: NDArray[np.float64], amounts: NDArray[np.float64], timeframe: str
                    ) -> NDArray[np.float64]:
    """Return the sum of an amount over the minutes of each candle of a timeframe, as volumes are added; NaN of NaN.

    Parameters
    ----------
    timestamps, amounts
        Of one-minute candles, milliseconds UTC, ascending, and what each has of it; shape (n,).
    timeframe
        One of Jesse's.

    Returns
    -------
    numpy.ndarray
        float64 (m,): one number for each candle of :func:`resample_candles` with ``forming=True``.
    """
    minutes = checked_timeframe(timeframe)
    return _sums(amounts, _begins(timestamps, minutes)[1], minutes)


def checked_timeframe(timeframe: str) -> int:
    """Return how many minutes a timeframe has.

    Raises
    ------
    InputError
        When Jesse has no such timeframe.
    """
    if timeframe not in TIMEFRAME_MINUTES:
        raise InputError(f"Jesse has no timeframe {shown(timeframe)}.",
                         did_you_mean(str(timeframe), TIMEFRAME_MINUTES) or f"It has {', '.join(TIMEFRAME_MINUTES)}.")
    return TIMEFRAME_MINUTES[timeframe]


def _begins(timestamps: NDArray[np.float64], minutes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return when each candle begins, milliseconds, and the row of its first minute."""
    length = minutes * MINUTE_MS
    opens = timestamps.astype(np.int64) // length * length
    first = np.flatnonzero(np.diff(opens, prepend=-1))
    return opens[first], first


def _sums(volume: NDArray[np.float64], first: NDArray[np.int64], minutes: int) -> NDArray[np.float64]:
    """Return the sum of each part, its numbers added in the order in which Jesse adds them."""
    if minutes > _LONG_MINUTES:
        return np.array([part.sum() for part in np.split(volume, first[1:])])
    # A part's sum begins at zero; reduceat begins at the part's first number, which is then this zero.
    return np.add.reduceat(np.insert(volume, first, 0.0), first + np.arange(len(first)))
