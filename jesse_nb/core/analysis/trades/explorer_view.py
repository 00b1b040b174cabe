"""What fits on a chart of one market between two moments: never more than some thousand points."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.candles.resampling import resample_candles
from jesse_nb.core.candles.series import Candles
from jesse_nb.core.simulator.recording import DrawnLine
from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES

__all__ = ["MOST_CANDLES", "ChartView", "Curve", "MarketChart", "thinned"]

#: At the most so many candles are between the two edges; half as many again wait beyond each.
MOST_CANDLES = 400
#: Trades drawn at once, of those that fit the filter and of the others; of more, every second, third and so on is.
MOST_TRADES, MOST_OTHERS = 300, 100
#: Waiting orders drawn at once; more would be a blur.
MOST_ORDERS = 400
#: Points of each curve between the two edges.
MOST_POINTS = 800

Floats = NDArray[np.float64]


class Curve(NamedTuple):
    """Points of a line: milliseconds UTC and values, both float64 (n,); NaN lifts the pen."""

    times: Floats
    values: Floats


class ChartView(NamedTuple):
    """What is drawn between two moments.

    Attributes
    ----------
    start, end
        The moments, milliseconds UTC. Candles and curves go on a little beyond them.
    timeframe
        Of the candles.
    candles
        float64 (n, 6), as everywhere.
    trades
        Numbers of the trades that are drawn.
    every
        One in so many of those that fit the filter is drawn.
    stops, targets
        Prices of waiting orders; empty when there are too many.
    orders_here
        How many orders waited between the moments.
    lines
        One for each of the market's lines.
    equity, drawdown
        Quote currency, and percent below the highest equity so far.
    """

    start: int
    end: int
    timeframe: str
    candles: Candles
    trades: NDArray[np.int64]
    every: int
    stops: Curve
    targets: Curve
    orders_here: int
    lines: tuple[Curve, ...]
    equity: Curve
    drawdown: Curve


@dataclass(eq=False)
class MarketChart:
    """One market of a backtest, ready to be looked at from any distance.

    Parameters
    ----------
    candles
        One-minute candles of the run, float64 (n, 6).
    timeframe
        Of the route: the finest that is shown.
    trades
        This market's of :func:`~jesse_nb.core.analysis.trades.explorer_trades.explored_trades`.
    orders
        This market's of :attr:`~jesse_nb.core.simulator.recording.Recording.orders`; may be empty.
    lines
        What is drawn over or beneath the candles.
    equity, drawdown
        Of the whole run.
    start, end
        Of the run, milliseconds UTC.
    """

    candles: Candles
    timeframe: str
    trades: pd.DataFrame
    orders: pd.DataFrame
    lines: tuple[DrawnLine, ...]
    equity: Curve
    drawdown: Curve
    start: int
    end: int
    _resampled: dict[str, Candles] = field(default_factory=dict, repr=False)

    def timeframe_for(self, span: float) -> str:
        """Return the finest timeframe, not below the route's, of which a span (milliseconds) has few enough candles."""
        coarser = [name for name, minutes in sorted(TIMEFRAME_MINUTES.items(), key=lambda one: one[1])
                   if minutes >= TIMEFRAME_MINUTES[self.timeframe]]
        return next((name for name in coarser if span <= MOST_CANDLES * TIMEFRAME_MINUTES[name] * MINUTE_MS),
                    coarser[-1])

    def view(
        self, start: float | None = None, end: float | None = None, fitting: NDArray[np.bool_] | None = None
    ) -> ChartView:
        """Return what is drawn between two moments (milliseconds UTC; all of the run without them).

        They are put in order, and kept within the run and some candles apart.

        Parameters
        ----------
        start, end
            The moments.
        fitting
            Which of the market's trades fit a filter; all without it.
        """
        first, last = self._within(self.start if start is None else start, self.end if end is None else end)
        span = last - first
        timeframe = self.timeframe_for(span)
        wide = (first - span / 2, last + span / 2)
        trades, every = self._trades(*wide, np.ones(len(self.trades), dtype=bool) if fitting is None else fitting)
        stops, targets, orders_here = self._orders(*wide)
        return ChartView(
            first, last, timeframe, self._candles(timeframe, *wide), trades, every, stops, targets, orders_here,
            lines=tuple(self._line(line, *wide) for line in self.lines),
            equity=_part(self.equity, *wide), drawdown=_part(self.drawdown, *wide),
        )

    def around(self, trade: int) -> tuple[int, int]:
        """Return the moments between which a trade is seen well: three times its length, and some candles at least."""
        row = self.trades.loc[trade]
        opened, closed = (int(row[name].value // 1_000_000) for name in ("opened_at", "closed_at"))
        candle = TIMEFRAME_MINUTES[self.timeframe] * MINUTE_MS
        margin = max(closed - opened, 20 * candle)
        return self._within(opened - margin, closed + margin)

    def _within(self, start: float, end: float) -> tuple[int, int]:
        low, high = sorted((float(start), float(end)))
        least = min(3 * TIMEFRAME_MINUTES[self.timeframe] * MINUTE_MS, self.end - self.start)
        low = min(max(low, self.start), self.end - least)
        return round(low), round(max(min(high, self.end), low + least))

    def _candles(self, timeframe: str, start: float, end: float) -> Candles:
        if timeframe not in self._resampled:
            self._resampled[timeframe] = resample_candles(self.candles, timeframe, forming=True)
        made = self._resampled[timeframe]
        length = TIMEFRAME_MINUTES[timeframe] * MINUTE_MS
        low, high = np.searchsorted(made[:, 0], [start - length, end])
        return np.asarray(made[low:high])

    def _trades(self, start: float, end: float, fitting: NDArray[np.bool_]) -> tuple[NDArray[np.int64], int]:
        """Return trades' numbers, and one in how many it is: any other choice than by turns would flatter or blame."""
        here = (self._moments("closed_at") >= start) & (self._moments("opened_at") <= end)
        found, others = np.flatnonzero(here & fitting), np.flatnonzero(here & ~fitting)
        every, every_other = max(1, -(-len(found) // MOST_TRADES)), max(1, -(-len(others) // MOST_OTHERS))
        drawn = np.sort(np.concatenate([found[::every], others[::every_other]]))
        return self.trades.index.to_numpy(dtype=np.int64)[drawn], every

    def _moments(self, column: str) -> NDArray[np.int64]:
        return pd.DatetimeIndex(self.trades[column]).as_unit("ms").astype(np.int64).to_numpy()

    def _orders(self, start: float, end: float) -> tuple[Curve, Curve, int]:
        here = self.orders[(self.orders["end"] >= start) & (self.orders["begin"] <= end)
                           & (self.orders["kind"] != "entry")]
        shown = here if len(here) <= MOST_ORDERS else here.iloc[:0]
        stops, targets = (_steps(shown[shown["kind"] == kind]) for kind in ("stop", "target"))
        return stops, targets, len(here)

    def _line(self, line: DrawnLine, start: float, end: float) -> Curve:
        if line.horizontal:
            return Curve(np.array([self.start, self.end], dtype=float), np.repeat(line.values, 2))
        return _part(Curve(line.times.astype(float), line.values), start, end)


def thinned(curve: Curve, most: int) -> Curve:
    """Return a curve of at most ``most`` points that reaches as high and as low as the whole in every stretch of it.

    Undefined and infinite values are left out.
    """
    finite = np.isfinite(curve.values)
    times, values = (curve.times, curve.values) if finite.all() else (curve.times[finite], curve.values[finite])
    length = -(-len(values) // max(1, (most - 2) // 2))
    if len(values) <= most or length < 2:
        return Curve(times, values)
    # The last stretch is filled up with its last value, whose first place is the one that is found.
    stretches = np.pad(values, (0, -len(values) % length), mode="edge").reshape(-1, length)
    begins = np.arange(len(stretches)) * length
    extremes = np.concatenate([begins + stretches.argmin(axis=1), begins + stretches.argmax(axis=1)])
    rows = np.unique(np.concatenate([extremes, [0, len(values) - 1]]))
    return Curve(times[rows], values[rows])


def _part(curve: Curve, start: float, end: float) -> Curve:
    """Return what lies between two moments, one point beyond each, thinned."""
    low, high = np.searchsorted(curve.times, [start, end])
    rows = slice(max(int(low) - 1, 0), int(high) + 1)
    return thinned(Curve(curve.times[rows], curve.values[rows]), 2 * MOST_POINTS)


def _steps(orders: pd.DataFrame) -> Curve:
    """Return a stroke for each order, from its begin to its end."""
    times, values = np.full((len(orders), 3), np.nan), np.full((len(orders), 3), np.nan)
    times[:, 0], times[:, 1], times[:, 2] = orders["begin"], orders["end"], orders["end"]
    values[:, 0] = values[:, 1] = orders["price"]
    return Curve(times.ravel(), values.ravel())
