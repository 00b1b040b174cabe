"""Trades and equity from elsewhere, read as the run that an analysis reads."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.simulator.result import TRADE_COLUMNS
from jesse_nb.core.times import DAY_MS
from jesse_nb.core.tools.analyze.analysis_result import AnalyzedRun
from jesse_nb.core.tools.analyze.analyzed_run import AnalysisInput
from jesse_nb.exceptions import InputError, shown

__all__ = ["from_tables"]

_MOMENTS = ("opened_at", "closed_at")
_NUMBERS = ("entry_price", "exit_price", "qty", "pnl")
_NEEDED = (*_MOMENTS, "side", *_NUMBERS)

_DAY = pd.Timedelta(days=1)

#: Samples so far apart are one a day, taken when the day is over.
_NEARLY_A_DAY = pd.Timedelta(hours=20)


def from_tables(trades: Any, equity: Any) -> AnalysisInput:
    """Return the run that a table of trades and a series of equity describe.

    Parameters
    ----------
    trades
        One row a closed trade; at least ``opened_at``, ``closed_at``, ``side``, ``entry_price``, ``exit_price``,
        ``qty`` and ``pnl``. None where they are not known.
    equity
        Portfolio value with a DatetimeIndex, the starting balance first. Each is the value at that moment: one
        dated by the day alone is of the day's beginning, and so closes the day before.

    Raises
    ------
    InputError
        When a column is missing, a value or a moment cannot be read, or the curve is none.
    """
    curve = _curve(equity)
    returns = _returns_by_day(curve)
    start = int(returns.index[0].value // 1_000_000)
    run = AnalyzedRun(
        strategy="Trades and equity", origin="", spec=None, trades=_trades(trades), equity=curve, returns=returns,
        start=start, end=start + len(returns) * DAY_MS, balance=float(curve.iloc[0]), open_at_end=None, card=None,
    )
    return AnalysisInput(run, None)


def _curve(equity: Any) -> pd.Series[float]:
    if not isinstance(equity, pd.Series) or not isinstance(equity.index, pd.DatetimeIndex):
        raise InputError.of("equity", f"is {type(equity).__name__}.",
                            "It is a pandas Series of portfolio values with a DatetimeIndex.")
    if equity.index.hasnans or not equity.index.is_unique:
        raise InputError.of("equity", "has a moment twice, or an undefined one.", "Give each moment one value.")
    curve = pd.Series(pd.to_numeric(equity, errors="coerce"), dtype=float).sort_index()
    curve.index = _utc(pd.DatetimeIndex(curve.index))
    undefined = int((~np.isfinite(curve.to_numpy())).sum())
    if len(curve) < 2 or undefined:
        raise InputError.of("equity", f"has {len(curve)} values, {undefined} of them undefined.",
                            "Two finite values are needed, the starting balance first.")
    if not curve.iloc[0] > 0:
        raise InputError.of("equity", f"begins with {curve.iloc[0]:g}.", "Its first value is the starting balance.")
    return curve


def _returns_by_day(curve: pd.Series[float]) -> pd.Series[float]:
    """Return the return of each day (UTC), whether the curve has a sample a day or many.

    Of many samples a day, each belongs to its own day. A sample a day is taken when the day is over, at midnight or
    soon after; only the last may come early, when the run ends within a day.
    """
    moments, values = pd.DatetimeIndex(curve.index), curve.to_numpy(dtype=float)
    values = np.where(np.logical_and.accumulate(values > 0), values, 0.0)  # what is lost stays lost
    before = values[:-1]
    growth = np.divide(values[1:], before, out=np.ones(len(before)), where=before > 0)
    apart = moments[1:] - moments[:-1]
    closes_the_day_before = (apart >= _NEARLY_A_DAY) & (apart.to_series().median() >= _NEARLY_A_DAY)
    own_day = (moments[1:] - pd.Timedelta(milliseconds=1)).normalize()
    days = own_day.where(~closes_the_day_before, (moments[1:] - _DAY).normalize())
    by_day = pd.Series(growth, index=days).groupby(level=0).prod()
    every = pd.date_range(min(moments[0].normalize(), by_day.index[0]), by_day.index[-1], freq="D")
    return (by_day.reindex(every).fillna(1.0) - 1.0).rename("return")


def _trades(trades: Any) -> pd.DataFrame:
    if trades is None:
        trades = pd.DataFrame(columns=list(TRADE_COLUMNS))
    if not isinstance(trades, pd.DataFrame):
        raise InputError.of("trades", f"is {type(trades).__name__}.", "It is a DataFrame, one row a closed trade.")
    missing = [name for name in _NEEDED if name not in trades.columns]
    if missing:
        raise InputError.of("trades", f"has no column {shown(missing[0])}.", f"It needs {', '.join(_NEEDED)}.")
    twice = [name for name in _NEEDED if list(trades.columns).count(name) > 1]
    if twice:
        raise InputError.of("trades", f"has more than one column {shown(twice[0])}.", "It needs each once.")
    table = trades.reset_index(drop=True)
    for column in _MOMENTS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that the format had to be guessed
            table[column] = _read(table[column], pd.to_datetime(table[column], utc=True, errors="coerce"))
    for column in _NUMBERS:
        table[column] = _read(table[column], pd.to_numeric(table[column], errors="coerce").astype(float))
    unknown = sorted({str(side) for side in table["side"]} - {"long", "short"})
    if unknown:
        raise InputError(f"A trade's side is {shown(unknown[0])}.", "It is 'long' or 'short'.", argument="trades")
    _refuse(table["closed_at"] < table["opened_at"], "is closed before it is opened")
    _refuse(~(table[["entry_price", "exit_price"]] > 0).all(axis=1) | (table["qty"] == 0),
            "has no price above zero, or no quantity")
    defaults: dict[str, Any] = {
        "strategy": "", "exchange": "", "symbol": "", "fee": 0.0, "size": table["qty"].abs() * table["entry_price"],
        "holding_period": (table["closed_at"] - table["opened_at"]).dt.total_seconds(),
    }
    for column, value in defaults.items():
        if column not in table.columns:
            table[column] = value
    if "pnl_percentage" not in table.columns:  # of the money at stake, as nobody says what margin there was
        table["pnl_percentage"] = table["pnl"] / table["size"].abs() * 100.0
    if "orders" not in table.columns:
        table["orders"] = [[] for _ in range(len(table))]
    return table[list(TRADE_COLUMNS)].sort_values("closed_at", ignore_index=True)


def _read(given: pd.Series[Any], read: pd.Series[Any]) -> pd.Series[Any]:
    """Return what was read, unless a value was not."""
    undefined = np.flatnonzero(read.isna())
    if len(undefined):
        raise InputError(f"{given.name} of trade {undefined[0]} is {shown(given.iloc[undefined[0]])}.",
                         "Every closed trade needs a readable one; leave out trades that are still open.",
                         argument="trades")
    return read


def _refuse(wrong: pd.Series[bool], why: str) -> None:
    if wrong.any():
        raise InputError(f"Trade {int(np.flatnonzero(wrong)[0])} {why}.", "Mend the table, or leave it out.",
                         argument="trades")


def _utc(moments: pd.DatetimeIndex) -> pd.DatetimeIndex:
    return moments.tz_localize("UTC") if moments.tz is None else moments.tz_convert("UTC")
