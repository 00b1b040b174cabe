"""The door of the store: what candles must be like, and what happens when two sets meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.candles.series import COLUMNS, Candles
from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES, utc_text
from jesse_nb.exceptions import InvalidCandlesError

__all__ = ["FIRST_MOMENT", "LAST_MOMENT", "Fault", "candle_faults", "interval_text", "merge_candles", "off_minute",
           "repeated_minutes", "validate_candles"]

#: Milliseconds UTC of 2009-01-01 and 2101-01-01: no candle can be older than Bitcoin.
FIRST_MOMENT, LAST_MOMENT = 1_230_768_000_000, 4_133_980_800_000

# So many equal steps in a row are another interval, not chance: even where every fourth minute
# had no trade, a series of ten million candles would show such a run once in 10^10.
_LONGEST_RUN_BY_CHANCE = 30

_SKIP = "An import with errors='skip' (--errors skip) leaves such rows out, and says which."
_ORDER = "Are the columns in order? columns= (--columns) says which is which."


def validate_candles(candles: Any, *, sparse: bool = False, copy: bool = True) -> Candles:
    """Return candles fit to be stored: sorted by time, each minute once.

    Equal duplicates are merged. Minutes may be missing. The input is never changed.

    Parameters
    ----------
    candles
        Array-like (n, 6): timestamp (ms UTC), open, close, high, low, volume.
    sparse
        Whether they are known to be one-minute candles however far apart they lie: no interval is
        then read from their distances.
    copy
        Whether the result may not be the input itself, where that is fit to be stored already.

    Returns
    -------
    numpy.ndarray
        float64 (m, 6), C-contiguous.

    Raises
    ------
    InvalidCandlesError
        When there is none; when a timestamp is off the minute, or the interval is not one minute;
        when a price is not finite and above zero, or a volume not finite and at least zero; when
        high or low do not enclose open and close; when one minute has two different candles.
        The message names the first such row by its time and value.
    """
    try:
        rows = (np.array if copy else np.asarray)(candles, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise InvalidCandlesError(f"Candles must be an array of numbers: {error}.") from error
    if rows.ndim != 2 or rows.shape[1] != len(COLUMNS):
        raise InvalidCandlesError(f"Candles must have the shape (n, 6), not {rows.shape}.",
                                  f"The columns are {', '.join(COLUMNS)}.")
    if len(rows) == 0:
        raise InvalidCandlesError("There is no candle in it.")
    if ((rows == 0) & np.signbit(rows)).any():
        rows = rows + 0.0  # minus zero becomes zero, or equal candles would have unequal fingerprints
    for fault in candle_faults(rows):
        _refuse(fault.bad, fault.message, fault.hint)
    rows = _sorted_once(rows)
    if not sparse:
        _check_interval(rows[:, 0])
    return rows


def merge_candles(stored: Candles, new: Candles, *, replace: bool = False) -> Candles:
    """Return both sets as one, sorted, each minute once.

    Parameters
    ----------
    stored, new
        Results of :func:`validate_candles`.
    replace
        Whether a new candle wins over a stored one of the same minute.

    Raises
    ------
    InvalidCandlesError
        When both have a minute with different values and ``replace`` is false; the first is shown.
    """
    _, in_stored, in_new = np.intersect1d(stored[:, 0], new[:, 0], assume_unique=True, return_indices=True)
    if not replace:
        differs = (stored[in_stored] != new[in_new]).any(axis=1)
        if differs.any():
            row = int(np.flatnonzero(differs)[0])
            old, fresh = stored[in_stored[row]], new[in_new[row]]
            raise InvalidCandlesError(
                f"{int(differs.sum()):,} new candles contradict stored ones, the first at "
                f"{utc_text(int(old[0]))}: stored {_shown(old)}, new {_shown(fresh)}.",
                "Pass replace=True to let the new ones win.",
            )
    kept = np.delete(stored, in_stored, axis=0)
    both = np.concatenate([kept, new])
    merged: Candles = both[np.argsort(both[:, 0], kind="stable")]
    return merged


class Fault(NamedTuple):
    """One way in which rows can be wrong.

    Attributes
    ----------
    bad
        Which rows are.
    message
        What is wrong with one of them, by its position.
    reason
        The same of all of them, after "whose".
    hint
        What to do about it.
    """

    bad: NDArray[np.bool_]
    message: Callable[[int], str]
    reason: str
    hint: str = ""


def candle_faults(rows: Candles) -> Iterator[Fault]:
    """Yield what can be wrong with each row by itself; most have no bad row.

    Parameters
    ----------
    rows
        float64 (n, 6), in any order.
    """
    timestamps, volume, high, low = rows[:, 0], rows[:, 5], rows[:, 3], rows[:, 4]
    yield Fault(~np.isfinite(timestamps),
                lambda row: f"The timestamp of row {row + 1:,} is {float(timestamps[row])!r}, not a number.",
                "timestamp is no number")
    yield Fault((timestamps < FIRST_MOMENT) | (timestamps > LAST_MOMENT),
                lambda row: f"The timestamp of row {row + 1:,} is {timestamps[row]:.0f}, outside the years 2009 to "
                            "2100.", "timestamp is outside the years 2009 to 2100",
                "Timestamps are milliseconds UTC.")
    yield Fault(off_minute(timestamps),
                lambda row: f"The timestamp of row {row + 1:,} is off the minute: "
                            f"{_exact_text(float(timestamps[row]))}.", "timestamp is off the minute",
                "A candle is stamped with the minute it opens. An import with off_minute='floor' (--off-minute floor) "
                "sets such stamps back to it, 'skip' leaves their rows out; both are counted.")
    for column in range(1, 5):
        yield _no_price(rows, column)
    yield Fault(~(np.isfinite(volume) & (volume >= 0)),
                lambda row: f"The volume at {_at(timestamps, row)} is {float(volume[row])!r}; "
                            "it is finite and not negative.", "volume is not finite and at least zero", _SKIP)
    yield Fault(high < low,
                lambda row: f"The high at {_at(timestamps, row)} is {float(high[row])!r}, "
                            f"below the low {float(low[row])!r}.", "high is below the low", _ORDER)
    for column in (1, 2):
        yield _outside(rows, column)


def _no_price(rows: Candles, column: int) -> Fault:
    values, name = rows[:, column], COLUMNS[column]
    return Fault(~(np.isfinite(values) & (values > 0)),
                 lambda row: f"The {name} at {_at(rows[:, 0], row)} is {float(values[row])!r}; "
                             "prices are finite and above zero.", f"{name} is not finite and above zero", _SKIP)


def _outside(rows: Candles, column: int) -> Fault:
    values, name, high, low = rows[:, column], COLUMNS[column], rows[:, 3], rows[:, 4]
    return Fault((values > high) | (values < low),
                 lambda row: f"The {name} at {_at(rows[:, 0], row)} is {float(values[row])!r}, "
                             f"outside low {float(low[row])!r} to high {float(high[row])!r}.",
                 f"{name} is outside low to high", _ORDER)


def off_minute(timestamps: Candles) -> NDArray[np.bool_]:
    """Return which timestamps, in milliseconds, are finite and not whole minutes."""
    off: NDArray[np.bool_] = np.isfinite(timestamps) & (np.where(np.isfinite(timestamps), timestamps, 0.0)
                                                        % MINUTE_MS != 0)
    return off


def repeated_minutes(rows: Candles) -> NDArray[np.bool_]:
    """Return which rows have the minute of another row, with other values.

    Parameters
    ----------
    rows
        float64 (n, 6), in any order.
    """
    order = np.argsort(rows[:, 0], kind="stable")
    ordered = rows[order]
    again = np.diff(ordered[:, 0]) == 0
    differs = again & (ordered[1:] != ordered[:-1]).any(axis=1)
    minutes = np.unique(ordered[1:][differs][:, 0])
    return np.isin(rows[:, 0], minutes)


def _sorted_once(rows: Candles) -> Candles:
    steps = np.diff(rows[:, 0])
    if (steps > 0).all():
        return rows
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    repeated = np.diff(rows[:, 0]) == 0
    conflicting = repeated & (rows[1:] != rows[:-1]).any(axis=1)
    _refuse(conflicting, lambda row: (
        f"There are two different candles for {_at(rows[:, 0], row)}: "
        f"{_shown(rows[row])} and {_shown(rows[row + 1])}."))
    once: Candles = rows[np.concatenate([[True], ~repeated])]
    return once


def _check_interval(timestamps: Candles) -> None:
    steps = (np.diff(timestamps) // MINUTE_MS).astype(np.int64)
    if len(steps) == 0:
        return
    found, counts = np.unique(steps, return_counts=True)
    commonest = int(found[counts.argmax()])
    if commonest != 1:
        raise InvalidCandlesError(
            f"These are {interval_text(commonest)} candles, beginning at {_at(timestamps, 0)}.",
            "Jesse simulates on one-minute candles; only those are stored. expand=True (--expand) makes some of "
            "longer ones, labelled in every report.")
    changes = np.flatnonzero(np.diff(steps)) + 1
    run_starts = np.concatenate([[0], changes])
    run_lengths = np.diff(np.concatenate([run_starts, [len(steps)]]))
    foreign = (steps[run_starts] > 1) & (run_lengths >= _LONGEST_RUN_BY_CHANCE)
    if foreign.any():
        row = int(run_starts[np.flatnonzero(foreign)[0]])
        raise InvalidCandlesError(
            f"From {_at(timestamps, row)} on, these are {interval_text(int(steps[row]))} candles.",
            "Only one-minute candles are stored; import that part from one-minute data.")


def _refuse(bad: NDArray[np.bool_], message: Any, hint: str = "") -> None:
    """Raise about the first bad row in order of the file; say how many more there are."""
    if not bad.any():
        return
    count = int(bad.sum())
    more = f"({count - 1:,} more rows like it.)" if count > 1 else ""
    raise InvalidCandlesError(message(int(np.flatnonzero(bad)[0])), f"{hint} {more}".strip())


def _at(timestamps: Candles, row: int) -> str:
    return utc_text(int(timestamps[row]))


def _exact_text(milliseconds: float) -> str:
    return np.datetime_as_string(np.datetime64(int(milliseconds), "ms")).replace("T", " ")


def _shown(candle: Candles) -> str:
    return " ".join(f"{name} {float(value)!r}" for name, value in zip(COLUMNS[1:], candle[1:], strict=True))


def interval_text(minutes: int) -> str:
    """Name how many minutes a candle has, as Jesse's timeframe where it is one."""
    names = {count: name for name, count in TIMEFRAME_MINUTES.items()}
    return names.get(minutes, f"{minutes}-minute")
