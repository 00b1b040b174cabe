"""Day by day what each trial gained, and what its market did meanwhile: what tests against luck are made of."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.curves.curves import daily_equity, daily_returns
from jesse_nb.core.analysis.trades.trade_returns import milliseconds
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.times import DAY_MS
from jesse_nb.core.tools.prepared import Prepared

__all__ = ["market_prices", "trial_returns"]


def market_prices(prepared: Prepared, sampled: pd.DatetimeIndex | None) -> pd.Series[float]:
    """Return the first route's price when equity was sampled, by calendar day (UTC).

    Jesse samples equity some minutes after midnight, later the longer the timeframe; a market sampled at
    the same moments is what the runs can be compared with.

    Parameters
    ----------
    prepared
        The runs' period and candles.
    sampled
        Moments of the equity samples; None for every midnight, the start and the end.
    """
    route = prepared.spec.routes[0]
    part = next(part for part in prepared.mapped if (part.exchange, part.symbol) == (route.exchange, route.symbol))
    _, candles = part.read()
    moments = _midnights(prepared.spec) if sampled is None else milliseconds(sampled)
    rows = np.searchsorted(candles[:, 0], moments) - 1
    prices = np.where(rows < 0, candles[0, 1], candles[np.maximum(rows, 0), 2])  # at the start nothing has closed
    index = pd.to_datetime(moments, unit="ms", utc=True)
    return daily_equity(pd.Series(prices, index=index, name=route.symbol))


def trial_returns(equities: Mapping[int, pd.Series[float]], market: pd.Series[float]) -> pd.DataFrame:
    """Return the daily simple returns (fractions) of runs over one period, a column each.

    Parameters
    ----------
    equities
        Equity curves by trial number, as Jesse samples them.
    market
        What :func:`market_prices` gave.

    Returns
    -------
    pandas.DataFrame
        Indexed by the days of ``daily_returns(market)``, so that both line up. A day on which a run has no
        sample is 0: it had not traded, or had nothing left. Equity at or below zero is -1 on that day and 0 ever after.
    """
    days = daily_returns(market).index
    alike: dict[bytes, dict[int, pd.Series[float]]] = {}  # sampled at few different sets of moments, so this is quick
    for number, equity in equities.items():
        alike.setdefault(milliseconds(equity.index).tobytes(), {})[number] = equity
    columns: dict[int, NDArray[np.float64]] = {}
    for numbers in alike.values():
        values = np.column_stack([equity.to_numpy(dtype=float) for equity in numbers.values()])
        values = np.where(np.logical_and.accumulate(values > 0, axis=0), values, 0.0)  # what is lost stays lost
        samples = pd.DataFrame(values, index=pd.DatetimeIndex(next(iter(numbers.values())).index).normalize())
        daily = samples.groupby(level=0).last()
        returns = daily.pct_change(fill_method=None)
        returns = returns[daily.index.to_series().diff() == pd.Timedelta(days=1)].reindex(days).fillna(0.0)
        columns |= dict(zip(numbers, returns.to_numpy().T, strict=True))
    frame = pd.DataFrame({number: columns[number] for number in sorted(columns)}, index=days)
    return frame.rename_axis(columns="trial")


def _midnights(spec: BacktestSpec) -> NDArray[np.int64]:
    first = -(-spec.start // DAY_MS) * DAY_MS
    moments: NDArray[np.int64] = np.unique([spec.start, *range(first, spec.end, DAY_MS), spec.end])
    return moments
