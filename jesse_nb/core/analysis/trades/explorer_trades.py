"""The trades of one backtest as a trader looks through them: what is known of each, and which fit a filter."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.market.prices import CandlesByMarket
from jesse_nb.core.analysis.market.regimes import TREND, VOLATILITY, regimes_at_entry
from jesse_nb.core.analysis.trades.exit_kinds import exit_kinds
from jesse_nb.exceptions import InputError, did_you_mean, shown

__all__ = ["FILTERS", "WEEKDAYS", "explored_trades", "fitting", "values_of"]

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

#: What trades can be filtered by: column and its values, in order; the last ones are those that occur.
FILTERS: Mapping[str, tuple[str, ...]] = {
    "side": ("long", "short"), "outcome": ("won", "lost", "even"), "weekday": WEEKDAYS,
    "volatility": VOLATILITY, "trend": TREND, "exit": (), "symbol": (),
}


def explored_trades(
    trades: pd.DataFrame, candles: CandlesByMarket, *, end: int, open_at_end: int | None
) -> pd.DataFrame:
    """Return what is known of each trade.

    Parameters
    ----------
    trades
        Columns :data:`~jesse_nb.core.simulator.result.TRADE_COLUMNS`.
    candles
        Of every traded market, with history before the run where it is stored.
    end, open_at_end
        As for :func:`~jesse_nb.core.analysis.trades.exit_kinds.exit_kinds`.

    Returns
    -------
    pandas.DataFrame
        By number from 1, in the order of their opening: the columns of ``trades`` but ``orders``, and ``exit``,
        ``outcome`` (by the profit net of fees), ``weekday`` of the entry (UTC), ``volatility`` and ``trend`` of the
        market as known at the entry (:func:`~jesse_nb.core.analysis.market.regimes.regimes_at_entry`; None without
        enough history).
    """
    table = trades.drop(columns="orders")
    pnl = trades["pnl"].to_numpy(dtype=float)
    regimes = regimes_at_entry(trades, candles) if len(trades) else ([], [])
    table = table.assign(
        exit=exit_kinds(trades, end=end, open_at_end=open_at_end),
        outcome=np.select([pnl > 0, pnl < 0], ["won", "lost"], "even").astype(object),
        weekday=[WEEKDAYS[day] for day in pd.DatetimeIndex(trades["opened_at"]).weekday],
        volatility=pd.Series(regimes[0], index=table.index, dtype=object),
        trend=pd.Series(regimes[1], index=table.index, dtype=object),
    ).sort_values("opened_at", kind="stable", ignore_index=True)
    table.index = pd.RangeIndex(1, len(table) + 1, name="trade")
    return table


def values_of(table: pd.DataFrame, name: str) -> tuple[str, ...]:
    """Return the values of a filter that occur among the trades, in order."""
    present = set(table[name].dropna())
    return tuple(value for value in FILTERS[name] or sorted(present) if value in present)


def fitting(table: pd.DataFrame, wanted: Mapping[str, str]) -> NDArray[np.bool_]:
    """Return which trades fit a filter.

    Parameters
    ----------
    table
        Of :func:`explored_trades`.
    wanted
        A value for each of some of :data:`FILTERS`; an empty one fits all.

    Raises
    ------
    InputError
        When a name is none of :data:`FILTERS`.
    """
    kept = np.ones(len(table), dtype=bool)
    for name, value in wanted.items():
        if name not in FILTERS:
            raise InputError(f"Trades cannot be filtered by {shown(name)}.", did_you_mean(name, FILTERS))
        if value:
            kept &= (table[name] == value).to_numpy()
    return kept
