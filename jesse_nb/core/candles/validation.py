"""The door of the store: what candles must be like, and what happens when two sets meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.candles.gaps import find_gaps
from jesse_nb.core.candles.pieces.flow import CANDLE, FLOW, FLOW_COLUMNS, known_flow
from jesse_nb.core.candles.series import COLUMNS, Candles, Gap
from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES, utc_text
from jesse_nb.exceptions import InvalidCandlesError

__all__ = ["FIRST_MOMENT", "LAST_MOMENT", "Contradiction", "Fault", "candle_faults", "check_interval",
           "find_contradiction", "interval_text", "merge_candles", "off_minute", "refuse_contradiction",
           "repeated_minutes", "validate_candles"]

#: Milliseconds UTC of 2009-01-01 and 2101-01-01: no candle can be older than Bitcoin.
FIRST_MOMENT, LAST_MOMENT = 1_230_768_000_000, 4_133_980_800_000

# So many equal steps in a row are another interval, not chance: even where every fourth minute
# had no trade, a series of ten million candles would show such a run once in 10^10.
_LONGEST_RUN_BY_CHANCE = 30

_SKIP = "An import with errors='skip' (--errors skip) leaves such rows out, and says which."
_ORDER = "Are the columns in order? columns= (--columns) says which is which."


def validate_candles(candles: Any, *, sparse: bool = False, copy: bool = True, flow: bool = False) -> Candles:
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
    flow
        Whether two more columns are there: number of trades and volume that takers bought, NaN where not known.

    Returns
    -------
    numpy.ndarray
        float64 (m, 6), or (m, 8) with ``flow``; C-contiguous.

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
    if rows.ndim != 2 or rows.shape[1] != (FLOW.stop if flow else len(COLUMNS)):
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
        check_interval(int(rows[0, 0]), len(rows), find_gaps(rows[:, 0]))
    return rows


class Contradiction(NamedTuple):
    """Minutes that two sets of candles know differently.

    Attributes
    ----------
    minutes
        How many.
    stored, new
        The two candles of the first of them.
    """

    minutes: int
    stored: Candles
    new: Candles


def find_contradiction(stored: Candles, new: Candles) -> Contradiction | None:
    """Return what two sets contradict each other in; what is not known of a minute's flow contradicts nothing.

    Parameters
    ----------
    stored, new
        Results of :func:`validate_candles`, of the same width.
    """
    _, in_stored, in_new = np.intersect1d(stored[:, 0], new[:, 0], assume_unique=True, return_indices=True)
    old, fresh = stored[in_stored], new[in_new]
    differs = ((old != fresh) & ~(np.isnan(old) | np.isnan(fresh))).any(axis=1)
    if not differs.any():
        return None
    row = int(differs.argmax())
    return Contradiction(int(differs.sum()), old[row], fresh[row])


def refuse_contradiction(found: Contradiction) -> None:
    """Raise about it."""
    raise InvalidCandlesError(
        f"{found.minutes:,} new candles contradict stored ones, the first at {utc_text(int(found.stored[0]))}: stored "
        f"{_shown(found.stored)}, new {_shown(found.new)}.", "Pass replace=True to let the new ones win.")


def merge_candles(stored: Candles, new: Candles) -> Candles:
    """Return both sets as one, sorted, each minute once; of a minute of both, the new candle.

    What is known of a minute's flow stays with its candle.

    Parameters
    ----------
    stored, new
        Results of :func:`validate_candles`, of the same width.
    """
    _, in_stored, in_new = np.intersect1d(stored[:, 0], new[:, 0], assume_unique=True, return_indices=True)
    if len(in_new) and new.shape[1] > len(COLUMNS):
        same = (stored[in_stored, CANDLE] == new[in_new, CANDLE]).all(axis=1)
        new = new.copy()
        new[in_new[same], FLOW] = known_flow(new[in_new[same], FLOW], stored[in_stored[same], FLOW])
    both = np.concatenate([np.delete(stored, in_stored, axis=0), new])
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
                "timestamp is no time")
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
    differs = again & ((ordered[1:] != ordered[:-1]) & ~np.isnan(ordered[1:]) & ~np.isnan(ordered[:-1])).any(axis=1)
    minutes = np.unique(ordered[1:][differs][:, 0])
    return np.isin(rows[:, 0], minutes)


def _sorted_once(rows: Candles) -> Candles:
    steps = np.diff(rows[:, 0])
    if (steps > 0).all():
        return rows
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    repeated = np.diff(rows[:, 0]) == 0
    conflicting = repeated & (rows[1:, CANDLE] != rows[:-1, CANDLE]).any(axis=1)
    _refuse(conflicting, lambda row: (
        f"There are two different candles for {_at(rows[:, 0], row)}: "
        f"{_shown(rows[row])} and {_shown(rows[row + 1])}."))
    first = np.flatnonzero(np.concatenate([[True], ~repeated]))
    once: Candles = rows[first]
    if rows.shape[1] > len(COLUMNS):
        least, most = (known.reduceat(rows[:, FLOW], first, axis=0) for known in (np.fmin, np.fmax))
        for column, name in enumerate(FLOW_COLUMNS):
            _refuse(least[:, column] < most[:, column], lambda row, column=column, name=name: (
                f"There are two different candles for {_at(once[:, 0], row)}: {name} {float(least[row, column])!r} "
                f"and {float(most[row, column])!r}."))
        once[:, FLOW] = least
    return once


def check_interval(first: int, rows: int, gaps: Sequence[Gap]) -> None:
    """Refuse a series whose steps are of another interval than one minute, as a whole or for a stretch.

    Parameters
    ----------
    first
        The first candle's minute, milliseconds UTC.
    rows
        How many candles there are.
    gaps
        Minutes missing in between.

    Raises
    ------
    InvalidCandlesError
        Which names the interval, and where it begins.
    """
    if not gaps:
        return
    minutes = np.array([gap.minutes for gap in gaps]) + 1
    before = np.array([gap.start for gap in gaps]) - MINUTE_MS  # the candles after which they are
    found, counts = np.unique(minutes, return_counts=True)
    if counts.max() > rows - 1 - len(gaps):
        raise InvalidCandlesError(
            f"These are {interval_text(int(found[counts.argmax()]))} candles, beginning at {utc_text(first)}.",
            "Jesse simulates on one-minute candles; only those are stored. expand=True (--expand) makes some of "
            "longer ones, labelled in every report.")
    # A stretch goes on where the candle after a gap is the one before the next, and that is as long.
    goes_on = (np.diff(before) == minutes[:-1] * MINUTE_MS) & (np.diff(minutes) == 0)
    starts = np.flatnonzero(np.concatenate([[True], ~goes_on]))
    lengths = np.diff(np.append(starts, len(minutes)))
    foreign = starts[lengths >= _LONGEST_RUN_BY_CHANCE]
    if len(foreign):
        gap = int(foreign[0])
        raise InvalidCandlesError(
            f"From {utc_text(int(before[gap]))} on, these are {interval_text(int(minutes[gap]))} candles.",
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
    return " ".join(f"{name} {float(value)!r}" for name, value in zip((*COLUMNS, *FLOW_COLUMNS)[1:], candle[1:],
                                                                       strict=False) if not np.isnan(value))


def interval_text(minutes: int) -> str:
    """Name how many minutes a candle has, as Jesse's timeframe where it is one."""
    names = {count: name for name, count in TIMEFRAME_MINUTES.items()}
    return names.get(minutes, f"{minutes}-minute")
