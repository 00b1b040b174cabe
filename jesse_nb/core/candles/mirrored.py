"""A market whose future is another one: what came until a moment stays, what came after is turned upside down."""

from __future__ import annotations

import numpy as np

from jesse_nb.core.candles.series import Candles

__all__ = ["mirrored_after"]


def mirrored_after(candles: Candles, moment: int) -> Candles:
    """Return the candles with every move from ``moment`` on mirrored: what rose falls by the same factor.

    Prices stay positive, highs above lows, and there is no jump at the moment itself. Volumes come in reversed
    order, so that they tell nothing of their own minute either.

    Parameters
    ----------
    candles
        float64 (n, 6) in Jesse's column order: timestamp, open, close, high, low, volume.
    moment
        Milliseconds UTC; candles that begin there or later are changed.

    Returns
    -------
    numpy.ndarray
        A new array of the same shape; equal to ``candles`` where nothing comes after the moment.

    Examples
    --------
    >>> import numpy as np
    >>> candles = np.array([[0, 100.0, 100.0, 100.0, 100.0, 1.0], [60_000, 100.0, 125.0, 125.0, 100.0, 2.0]])
    >>> mirrored_after(candles, 60_000)[1, 1:5].tolist()
    [100.0, 80.0, 100.0, 80.0]
    """
    changed = np.array(candles)
    first = int(np.searchsorted(changed[:, 0], moment))
    after = changed[first:]
    if not len(after):
        return changed
    anchor = changed[first - 1, 2] if first else after[0, 1]
    square = anchor * anchor
    opened, closed, high, low = (after[:, column].copy() for column in (1, 2, 3, 4))
    after[:, 1], after[:, 2], after[:, 3], after[:, 4] = square / opened, square / closed, square / low, square / high
    after[:, 5] = after[::-1, 5].copy()
    return changed
