"""Trials that did the same are one trial: what a parameter without effect varies is no further try."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["distinct_trials"]


def distinct_trials(returns: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Tell trials apart by their returns.

    Parameters
    ----------
    returns
        (days, trials).

    Returns
    -------
    first, which
        The column in which each distinct trial appears first, ascending; and for each column its number among those.

    Examples
    --------
    >>> first, which = distinct_trials(np.array([[0.1, 0.2, 0.1], [0.0, 0.3, -0.0]]))
    >>> first.tolist(), which.tolist()
    ([0, 1], [0, 1, 0])
    """
    seen: dict[bytes, int] = {}
    owner = [seen.setdefault(column.tobytes(), place) for place, column in enumerate((returns + 0.0).T)]
    first, which = np.unique(np.array(owner, dtype=np.int64), return_inverse=True)
    return first, which
