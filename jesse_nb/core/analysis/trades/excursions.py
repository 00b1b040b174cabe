"""How far each trade went against and in favour of its holder, and what a tighter stop would have done.

Sweeney's maximum adverse and favourable excursion (MAE, MFE). A fill is known to the minute, not within it.
So of a minute with a fill inside it only the fill's price and the close count, not its high and low, which may
have come before the entry or after the exit: an excursion can be understated by what happened in those
minutes. Market orders are filled at a minute's close, so nothing is uncertain about them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.market.prices import CandlesByMarket, candles_of, ends_of
from jesse_nb.core.analysis.trades.fills import Fills, at_close, fills_of
from jesse_nb.core.candles.series import Candles
from jesse_nb.core.simulator.spec import Account
from jesse_nb.exceptions import InputError, shown

__all__ = ["STOPS", "STOP_CAVEAT", "Excursions", "excursions"]

#: Distances of the stops that are tried, percent of the entry price.
STOPS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0)

STOP_CAVEAT = ("Each trade is taken by itself: filled exactly at the stop, without slippage, and whatever the strategy "
               "would have done after being stopped out (such as entering again) is not simulated.")

_COLUMNS = ("side", "opened_at", "pnl", "mae", "mfe", "mae_quote", "mfe_quote", "mae_at", "mfe_at", "minutes")


@dataclass(frozen=True)
class Excursions:
    """Excursions of closed trades.

    Attributes
    ----------
    trades
        One row a trade, indexed as the trades given: ``side``, ``opened_at``, ``pnl`` (what the account gained,
        quote currency), ``mae`` (0 or below) and ``mfe`` (0 or above) in percent of the average entry price of
        that moment, leverage not counted; ``mae_quote`` and ``mfe_quote``, the worst and best the trade stood at,
        in the quote currency, net of the fees paid until then; ``mae_at`` and ``mfe_at``, the end of the minute
        in which it was (UTC); ``minutes``, how many whole minutes of candles were looked at. NaN where
        ``pnl`` is all that is known.
    stops
        By stop distance (percent of the average entry price): ``stopped`` trades, of them ``winners_stopped``
        that had ended with a gain; the ``win_rate`` (fraction) and ``total_pnl`` with that stop, net of fees,
        and its ``change`` against no such stop. See :data:`STOP_CAVEAT`.
    total_pnl
        Without such a stop: the sum of ``pnl``.
    left_out
        Trades that could not be followed, because their entry is not among their fills.
    reason
        Why there is nothing; empty otherwise.
    """

    trades: pd.DataFrame
    stops: pd.DataFrame
    total_pnl: float
    left_out: int
    reason: str = ""


def excursions(
    trades: pd.DataFrame, candles: CandlesByMarket, account: Account, *, stops: Sequence[float] = STOPS
) -> Excursions:
    """Follow each trade from its entry to its exit.

    Parameters
    ----------
    trades
        Closed trades, with their ``orders``.
    candles
        Of every traded market, over the whole backtest.
    account
        What its fills cost, and its market.
    stops
        Distances of the stops to try, percent of the entry price.

    Raises
    ------
    InputError
        When candles are missing, or a stop is not above 0 and below 100.
    """
    for stop in stops:
        if not 0 < stop < 100:
            raise InputError(f"A stop is {shown(stop)} percent away.", "It lies above 0 and below 100.")
    if trades.empty:
        table = pd.DataFrame(columns=list(_COLUMNS), index=trades.index)
        return Excursions(table, _try_stops(np.empty(0), _stretches([]), stops, np.empty(0)), 0.0, 0, "no trades")
    fills = fills_of(trades, account)
    stretches = _stretches(_follow(trades["side"].tolist(), fills, candles))
    pnl: NDArray[np.float64] = np.bincount(fills.trade, fills.cash, minlength=len(trades)).astype(float)
    pnl += np.bincount(stretches["trade"], stretches["open_value"], minlength=len(trades))
    table = pd.DataFrame(
        {"side": trades["side"].to_numpy(), "opened_at": trades["opened_at"].array, "pnl": pnl}
    ).join(_extremes(stretches)).set_axis(trades.index)
    costs = np.array([account.fill_cost(symbol) for symbol in trades["symbol"]])
    return Excursions(table[list(_COLUMNS)], _try_stops(pnl, stretches, stops, costs), float(pnl.sum()),
                      int(table["mae"].isna().sum()))


def _stretches(rows: Iterator[tuple[float, ...]] | list[tuple[float, ...]]) -> pd.DataFrame:
    """Make a frame of the stretches of time in which a trade's position did not change, in their order."""
    names = ["trade", "position", "average", "cash", "low", "low_at", "high", "high_at", "minutes", "open_value"]
    frame = pd.DataFrame(list(rows), columns=names)
    frame = frame.astype({"trade": np.int64, "low_at": np.int64, "high_at": np.int64, "minutes": np.int64})
    long = frame["position"] > 0
    for name, below in (("adverse", long), ("favourable", ~long)):
        frame[name] = frame["low"].where(below, frame["high"])
        frame[f"{name}_at"] = frame["low_at"].where(below, frame["high_at"])
        frame[f"{name}_move"] = (frame[name] / frame["average"] - 1) * np.sign(frame["position"]) * 100
        frame[f"{name}_value"] = frame["cash"] + frame["position"] * frame[name]
    return frame


def _follow(sides: list[str], fills: Fills, candles: CandlesByMarket) -> Iterator[tuple[float, ...]]:
    """Give each stretch's trade, position, average entry price, cash so far, and what its candles say."""
    closing = at_close(fills, candles)
    series = [candles_of(candles, market) for market in fills.markets]
    # a memory-mapped array is many times slower to slice than a plain one
    markets = [(one, ends_of(one), np.ascontiguousarray(one[:, 3]), np.ascontiguousarray(one[:, 4])) for one in series]
    starts = np.flatnonzero(np.diff(fills.trade, prepend=-1)).tolist()
    bounds = [*starts, len(fills)]
    times, prices, held, cash = fills.time.tolist(), fills.price.tolist(), fills.held.tolist(), fills.cash.tolist()
    for first, behind in zip(starts, bounds[1:], strict=True):
        trade = int(fills.trade[first])
        if (held[first] > 0) != (sides[trade] == "long"):
            continue  # the order that flipped a position belongs to the trade it closed
        one, ends, highs, lows = markets[fills.market[first]]
        position = average = money = largest = 0.0
        for fill in range(first, behind):
            if position * held[fill] >= 0:
                average = (average * position + prices[fill] * held[fill]) / (position + held[fill])
            position += held[fill]
            money += cash[fill]
            largest = max(largest, abs(position))
            last = fill + 1 == behind
            if last and abs(position) <= 1e-9 * largest:
                break
            until = int(ends[-1]) if last else times[fill + 1]
            low, low_at, high, high_at, minutes = _range(
                one, ends, highs, lows, times[fill], until, prices[fill], not last and not closing[fill + 1])
            if not last and prices[fill + 1] < low:
                low, low_at = prices[fill + 1], until
            if not last and prices[fill + 1] > high:
                high, high_at = prices[fill + 1], until
            open_value = position * float(one[-1, 2]) if last else 0.0
            yield trade, position, average, money, low, low_at, high, high_at, minutes, open_value


def _range(
    series: Candles, ends: NDArray[np.int64], highs: NDArray[np.float64], lows: NDArray[np.float64],
    since: int, until: int, price: float, fill_inside: bool,
) -> tuple[float, int, float, int, int]:
    """Return the lowest and highest price between two fills with their times, and the number of whole minutes."""
    first = int(np.searchsorted(ends, since, side="right"))
    behind = int(np.searchsorted(ends, until, side="left" if fill_inside else "right"))
    low, high, low_at, high_at = price, price, since, since
    if until > since and first and ends[first - 1] == since:
        close = float(series[first - 1, 2])
        low, high = min(price, close), max(price, close)
    if behind > first:
        lowest, highest = first + int(lows[first:behind].argmin()), first + int(highs[first:behind].argmax())
        if lows[lowest] < low:
            low, low_at = float(lows[lowest]), int(ends[lowest])
        if highs[highest] > high:
            high, high_at = float(highs[highest]), int(ends[highest])
    return low, low_at, high, high_at, max(behind - first, 0)


def _extremes(stretches: pd.DataFrame) -> pd.DataFrame:
    """Return each trade's excursions, by its row number."""
    by_trade = stretches.groupby("trade")
    worst = stretches.loc[by_trade["adverse_move"].idxmin()].set_index("trade")
    best = stretches.loc[by_trade["favourable_move"].idxmax()].set_index("trade")
    return pd.DataFrame({
        "mae": worst["adverse_move"],
        "mfe": best["favourable_move"],
        "mae_quote": by_trade["adverse_value"].min(),
        "mfe_quote": by_trade["favourable_value"].max(),
        "mae_at": pd.to_datetime(worst["adverse_at"], unit="ms", utc=True),
        "mfe_at": pd.to_datetime(best["favourable_at"], unit="ms", utc=True),
        "minutes": by_trade["minutes"].sum(),
    })


def _try_stops(
    pnl: NDArray[np.float64], stretches: pd.DataFrame, stops: Sequence[float], costs: NDArray[np.float64]
) -> pd.DataFrame:
    rows = {}
    for stop in stops:
        # rounding must not let a trade through that was stopped at exactly this distance
        reached = stretches[stretches["adverse_move"] <= -stop + 1e-9].drop_duplicates("trade")
        exit_price = reached["average"] * (1 - np.sign(reached["position"]) * stop / 100)
        sold = reached["position"] * exit_price
        with_stop = pnl.copy()
        with_stop[reached["trade"]] = reached["cash"] + sold - costs[reached["trade"]] * sold.abs()
        rows[stop] = {
            "stopped": len(reached),
            "winners_stopped": int((pnl[reached["trade"]] > 0).sum()),
            "win_rate": _win_rate(with_stop),
            "total_pnl": float(with_stop.sum()),
            "change": float((with_stop - pnl).sum()),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("stop")


def _win_rate(pnl: NDArray[np.float64]) -> float:
    decided = int((pnl != 0).sum())
    return float((pnl > 0).sum() / decided) if decided else math.nan
