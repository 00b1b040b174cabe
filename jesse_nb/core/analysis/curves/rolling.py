"""How return and risk changed over time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.study.ratios import PERIODS
from jesse_nb.exceptions import InputError

__all__ = ["rolling_figures"]

_NAMES = ("sharpe_ratio", "volatility", "return", "max_drawdown")


def rolling_figures(returns: pd.Series[float], windows: Sequence[int] = (30, 90)) -> pd.DataFrame:
    """Return Sharpe ratio, volatility, return and drawdown over the last days.

    Parameters
    ----------
    returns
        Daily returns (fractions), one for every day, in the order of time.
    windows
        Lengths in days, from 2 up.

    Returns
    -------
    pandas.DataFrame
        Index as of the returns: a window's last day. Columns (figure, window): ``sharpe_ratio`` (annualized by
        365; NaN where the window's returns do not vary), ``volatility`` (percent a year), ``return`` (percent
        over the window) and ``max_drawdown`` (percent, 0 or below: the deepest fall within the window, from
        peaks within it). NaN until a window is full, and where it holds an undefined return.

    Raises
    ------
    InputError
        When a window is shorter than two days.
    """
    for window in windows:
        if window < 2:
            raise InputError(f"A rolling window has {window} days.", "It needs at least 2.")
    gains = np.maximum(returns.to_numpy(dtype=float), -1.0)
    columns = {(name, window): values for window in windows for name, values in _figures(gains, window).items()}
    frame = pd.DataFrame(columns, index=returns.index)
    return frame[[(name, window) for name in _NAMES for window in windows]].rename_axis(columns=["figure", "days"])


def _figures(gains: NDArray[np.float64], window: int) -> dict[str, NDArray[np.float64]]:
    found = {name: np.full(len(gains), np.nan) for name in _NAMES}
    if len(gains) < window:
        return found
    # a sum that is carried along (as pandas does) loses digits after a large return, and so does not go back to zero
    parts = np.lib.stride_tricks.sliding_window_view(gains, window)
    spread = parts.std(axis=1, ddof=1)
    wealth = np.cumprod(1.0 + parts, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(spread > 1e-14, parts.mean(axis=1) / spread * math.sqrt(PERIODS), np.nan)
        below = wealth / np.maximum(np.maximum.accumulate(wealth, axis=1), 1.0) - 1.0
    full = slice(window - 1, None)
    found["sharpe_ratio"][full] = ratio
    found["volatility"][full] = spread * math.sqrt(PERIODS) * 100.0
    found["return"][full] = (wealth[:, -1] - 1.0) * 100.0
    found["max_drawdown"][full] = below.min(axis=1) * 100.0
    return found
