"""Rows that are no candles: missing minutes, stamps off the minute, and what an import was told to leave out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jesse_nb.core.candles.importing.import_options import ImportOptions
from jesse_nb.core.candles.importing.remarks import Remarks
from jesse_nb.core.candles.pieces.flow import FLOW
from jesse_nb.core.candles.series import Candles
from jesse_nb.core.candles.validation import candle_faults, off_minute, repeated_minutes
from jesse_nb.core.times import MINUTE_MS

__all__ = ["mended"]

#: The volume may be rounded where the part of it is not.
_A_LITTLE_MORE = 1 + 1e-9


def mended(rows: Candles, options: ImportOptions, remarks: Remarks, name: str = "") -> Candles:
    """Return a table's rows without those that are no candles, as far as the options allow it.

    A row without any price, and with no volume or none but zero, is a minute in which nobody traded: it is left
    out whatever the options are. All else is left for :func:`~jesse_nb.core.candles.validation.validate_candles` to
    refuse, unless the options say what is to become of it.

    Parameters
    ----------
    rows
        float64 (n, 8), with number of trades and volume that takers bought; not changed.
    options
        What is done about stamps off the minute, and about rows that are no candles.
    remarks
        Where it is counted.
    name
        The file's.

    Returns
    -------
    numpy.ndarray
        float64 (m, 8), in the same order.
    """
    left_out = np.zeros(len(rows), bool)

    def leave(bad: NDArray[np.bool_], what: str) -> None:
        remarks.add(what, bad & ~left_out, name)
        left_out[bad] = True

    unpriced = np.isnan(rows[:, 1:5]).all(axis=1)
    leave(unpriced & (np.isnan(rows[:, 5]) | (rows[:, 5] == 0)),
          "Taken as minutes without a candle, as they have no prices")
    off = off_minute(rows[:, 0]) & ~left_out
    if options.off_minute == "skip":
        leave(off, "Left out, timestamp is off the minute")
    elif options.off_minute == "floor" and off.any():
        remarks.add("Timestamps set back to the minute", off, name)
        rows = rows.copy()
        rows[off, 0] -= rows[off, 0] % MINUTE_MS
    if options.lenient:
        for fault in candle_faults(rows):
            leave(fault.bad, f"Left out, {fault.reason}")
        kept = np.flatnonzero(~left_out)
        twice = np.zeros(len(rows), bool)
        twice[kept[repeated_minutes(rows[kept])]] = True
        leave(twice, "Left out, minute has another candle, too")
    rows = rows[~left_out] if left_out.any() else rows
    return _without_impossible_flow(rows, remarks, name)


def _without_impossible_flow(rows: Candles, remarks: Remarks, name: str) -> Candles:
    """Return the rows with NaN where the trades within a minute cannot be what the file says: candles stay."""
    flow, volume = rows[:, FLOW], rows[:, 5]
    trades, bought = flow.T
    with np.errstate(invalid="ignore"):
        bad = np.column_stack([(trades < 0) | (trades % 1 != 0), (bought < 0) | (bought > volume * _A_LITTLE_MORE)])
        bad &= ~np.isnan(flow)
    for column, what in enumerate(("Number of trades", "Volume that takers bought")):
        remarks.add(f"{what} not kept, as it cannot be", bad[:, column], name)
    if bad.any():
        rows = rows.copy()
        rows[:, FLOW][bad] = np.nan
    return rows
