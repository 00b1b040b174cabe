"""How deep an equity curve fell, for how long, and how it came back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.curves.equity import drawdown

__all__ = ["DrawdownStatistics", "drawdown_statistics", "drawdowns"]

_COLUMNS = ["start", "trough", "recovery", "depth", "days_down", "days_to_recover", "days", "days_below"]


@dataclass(frozen=True)
class DrawdownStatistics:
    """The drawdowns of an equity curve. Depths are percent, 0 or below; times are days; NaN where undefined.

    Attributes
    ----------
    worst
        The ten deepest, deepest first; columns as in :func:`drawdowns`.
    drawdowns
        How many times the curve fell below its highest value.
    max_drawdown, average_drawdown
        The deepest, and the mean of all drawdowns' depths. As in :func:`~.equity.drawdown` the starting
        balance counts as a peak, which it does not in Jesse's ``max_drawdown``.
    max_duration, average_duration
        From the peak until the last sample below it, as Jesse's ``max_underwater_period``.
    max_recovery, average_recovery
        From the trough back to the peak, of the drawdowns that recovered.
    time_under_water
        Share of the samples after the first (of days, in a daily curve) that stand below an earlier
        peak: a fraction.
    current_drawdown, current_duration
        Where the curve stands at its end, and since when; 0 at a peak.
    reason
        Why the figures are NaN; empty otherwise.
    """

    worst: pd.DataFrame
    drawdowns: int = 0
    max_drawdown: float = math.nan
    average_drawdown: float = math.nan
    max_duration: float = math.nan
    average_duration: float = math.nan
    max_recovery: float = math.nan
    average_recovery: float = math.nan
    time_under_water: float = math.nan
    current_drawdown: float = math.nan
    current_duration: float = math.nan
    reason: str = ""


def drawdown_statistics(equity: pd.Series[float], *, worst: int = 10) -> DrawdownStatistics:
    """Describe the drawdowns of an equity curve.

    Parameters
    ----------
    equity
        Portfolio value with a DatetimeIndex, daily (:func:`~.curves.daily_equity`) or finer.
    worst
        How many of the deepest the table lists.
    """
    reason = _unusable(equity)
    if reason:
        return DrawdownStatistics(worst=_no_drawdowns(), reason=reason)
    table = drawdowns(equity)
    recovered = table["days_to_recover"].dropna()
    still_down = bool(len(table)) and bool(pd.isna(table["recovery"].iloc[-1]))
    return DrawdownStatistics(
        worst=table.sort_values("depth", kind="stable", ignore_index=True).head(worst),
        drawdowns=len(table),
        max_drawdown=float(table["depth"].min()) if len(table) else 0.0,
        average_drawdown=float(table["depth"].mean()) if len(table) else 0.0,
        max_duration=float(table["days_below"].max()) if len(table) else 0.0,
        average_duration=float(table["days_below"].mean()) if len(table) else 0.0,
        max_recovery=float(recovered.max()) if len(recovered) else math.nan,
        average_recovery=float(recovered.mean()) if len(recovered) else math.nan,
        time_under_water=float(_below_peak(equity)[1:].mean()),
        current_drawdown=float(drawdown(equity).iloc[-1]) if still_down else 0.0,
        current_duration=float(table["days_below"].iloc[-1]) if still_down else 0.0,
    )


def drawdowns(equity: pd.Series[float]) -> pd.DataFrame:
    """Return every drawdown of an equity curve, in the order of time.

    Parameters
    ----------
    equity
        Portfolio value with a DatetimeIndex, beginning above zero.

    Returns
    -------
    pandas.DataFrame
        ``start`` (the peak), ``trough`` and ``recovery`` (first sample back at the peak; NaT when the curve ends
        below it): timestamps. ``depth``: percent, below 0. ``days_down`` (start to trough), ``days_to_recover``
        (trough to recovery; NaN when open), ``days`` (start to recovery, or to the curve's end) and ``days_below``
        (start to the last sample below the peak): days.
    """
    below = _below_peak(equity)
    edges = np.diff(below.astype(np.int8), append=0)
    peaks = np.flatnonzero(edges == 1)  # the last sample at the peak
    if not len(peaks):
        return _no_drawdowns()
    lasts = np.flatnonzero(edges == -1)  # the last sample below it
    depths = drawdown(equity).to_numpy(dtype=float)
    deepest = np.minimum.reduceat(depths, peaks)
    number = np.repeat(np.arange(len(peaks)), lasts - peaks)
    samples = np.flatnonzero(below)
    at_trough = depths[samples] == deepest[number]
    _, first = np.unique(number[at_trough], return_index=True)
    index = pd.DatetimeIndex(equity.index)
    start, trough, last = index[peaks], index[samples[at_trough][first]], len(equity) - 1
    is_open = lasts == last
    back = index[np.minimum(lasts + 1, last)]
    day = pd.Timedelta(days=1)
    return pd.DataFrame({
        "start": start,
        "trough": trough,
        "recovery": back.where(~is_open),
        "depth": deepest,
        "days_down": (trough - start) / day,
        "days_to_recover": np.where(is_open, np.nan, (back - trough) / day),
        "days": (back - start) / day,
        "days_below": (index[lasts] - start) / day,
    })


def _below_peak(equity: pd.Series[float]) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    values = equity.to_numpy(dtype=float)
    # rounding in the last digit is no drawdown
    return np.asarray(values < np.maximum.accumulate(values) * (1.0 - 1e-12), dtype=np.bool_)


def _unusable(equity: pd.Series[float]) -> str:
    if len(equity) < 2:
        return "the curve has no two samples"
    values = equity.to_numpy(dtype=float)
    if not np.isfinite(values).all():
        return "some of the curve's values are undefined"
    return "" if values[0] > 0 else "the curve begins at zero or below"


def _no_drawdowns() -> pd.DataFrame:
    nothing = pd.DatetimeIndex([], tz="UTC")
    return pd.DataFrame({name: nothing if name in _COLUMNS[:3] else pd.Series(dtype=float) for name in _COLUMNS})
