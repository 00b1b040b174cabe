"""What is known of the trades within a minute, beside its candle: how many there were, and how much takers bought.

Jesse's candles have no place for it, so it is kept in two columns of its own; NaN is what is not known.
"""

from __future__ import annotations

import numpy as np

from jesse_nb.core.candles.series import COLUMNS, Candles

__all__ = ["CANDLE", "FLOW", "FLOW_COLUMNS", "flow_bytes", "known_flow", "widened"]

#: What they are called, in files and in tables: the number of trades, and of the volume what takers bought.
FLOW_COLUMNS = ("trades", "taker_buy_volume")

#: Which columns of a row of eight are the candle, and which the flow.
CANDLE, FLOW = slice(0, len(COLUMNS)), slice(len(COLUMNS), len(COLUMNS) + len(FLOW_COLUMNS))


def widened(rows: Candles) -> Candles:
    """Return candles, (n, 6) or (n, 8), with the flow after them, (n, 8); not known where they had none.

    Examples
    --------
    >>> import numpy as np
    >>> widened(np.zeros((3, 6))).shape
    (3, 8)
    """
    if rows.shape[1] > len(COLUMNS):
        return rows
    wide = np.full((len(rows), FLOW.stop), np.nan)
    wide[:, CANDLE] = rows
    return wide


def known_flow(first: Candles, second: Candles) -> Candles:
    """Return the first flow, (n, 2), and the second where nothing is known of the first."""
    known: Candles = np.where(np.isnan(first), second, first)
    return known


def flow_bytes(flow: Candles) -> bytes:
    """Return flow, (n, 2), as bytes for a hash: the same for the same values, whatever the bits of their NaN."""
    return np.where(np.isnan(flow), np.nan, flow).astype("<f8").tobytes()
