"""The out-of-sample runs of a walk-forward as one curve that counts each day once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.studies.seams import SeamExits, closed_at_seam, trades_to_seam
from jesse_nb.core.study.ratios import return_ratios
from jesse_nb.core.times import DAY_MS

if TYPE_CHECKING:
    from jesse_nb.core.simulator.account import Ruin
    from jesse_nb.core.simulator.result import BacktestResult
    from jesse_nb.core.study.walk_forward_study import WalkForwardStudy, WindowResult

__all__ = ["StitchedReturns", "compounded", "held_returns", "returns_by_day", "stitched"]

_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class StitchedReturns:
    """What following the walk-forward would have given, day by day.

    Attributes
    ----------
    returns
        Daily returns as fractions, index the day's beginning (UTC). A day has one return, from the newest
        model whose out-of-sample run holds that day.
    window
        Number of the window that each day comes from, on the same index.
    missing
        Days between the first and the last without any model (a step longer than the out-of-sample
        period, or a window that failed). Nothing is held on them.
    overlapping
        How many simulated days were left out because a newer model covers them.
    baseline
        The same days with the strategy's own parameters; None with ``baseline_reason``.
    market
        The same days of holding the first traded symbol, without fees; None with ``market_reason``.
    balance
        Where the equity curves start, in the quote currency.
    trades
        The trades opened on each window's own days, with their ``window``, in the money of its own account; what was
        open when its days ended is closed there, as in the curve.
    seam_positions
        Positions still open when a window's days ended: closed there at the last price.
    seam_exits, baseline_exits
        How many of them went on in their own run, so that no exit had been paid, and the fees charged for it in
        the curve, each as a fraction of the equity then, added up; of the baseline likewise.
    ruin
        When the account was ruined on a window's own days: the curve ends with that day, whatever later windows
        gave. None when it was not.
    """

    returns: pd.Series[float]
    window: pd.Series[int]
    missing: pd.DatetimeIndex
    overlapping: int
    baseline: pd.Series[float] | None
    baseline_reason: str
    market: pd.Series[float] | None
    market_reason: str
    balance: float
    trades: pd.DataFrame
    seam_positions: int
    seam_exits: SeamExits
    baseline_exits: SeamExits
    ruin: Ruin | None = None

    @cached_property
    def equity(self) -> pd.Series[float]:
        """The stitched equity curve: the balance, then its value at each day's end; flat on missing days."""
        return compounded(self.returns, self.balance)

    @cached_property
    def baseline_equity(self) -> pd.Series[float] | None:
        """The same with the strategy's own parameters."""
        return None if self.baseline is None else compounded(self.baseline, self.balance)

    @cached_property
    def market_equity(self) -> pd.Series[float] | None:
        """The same for holding the market."""
        return None if self.market is None else compounded(self.market, self.balance)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Jesse's return-based metrics, one row a metric; see :func:`~jesse_nb.core.study.ratios.return_ratios`.

        Columns ``stitched``, ``baseline`` and ``market``, NaN where there is none. They are measured on the
        days that have a model, one after the other, so missing days neither dilute nor prolong them. Sortino counts one
        day more than there are returns, as Jesse's does (the start): of n days it is sqrt((n + 1) / n) times as high.
        """
        columns = {"stitched": self.returns, "baseline": self.baseline, "market": self.market}
        return pd.DataFrame({
            name: return_ratios([] if returns is None else returns)
            for name, returns in columns.items()
        }).rename_axis("metric")

    def metric(self, name: str, column: Literal["stitched", "baseline", "market"] = "stitched") -> float:
        """Return one figure of :attr:`metrics`; NaN where there is none."""
        return float(self.metrics[column].get(name, math.nan))


def returns_by_day(run: BacktestResult) -> pd.Series[float]:
    """Return a run's daily returns by the day that they belong to.

    Jesse stamps a day's sample one simulated candle after midnight (in fast mode, one candle of the
    shortest timeframe), and samples timeframes of a day and longer less than once a day. So a return
    is booked on the last whole day that its sample closes, and a day that no sample closes has 0.

    Parameters
    ----------
    run
        A backtest.

    Returns
    -------
    pandas.Series
        Fractions; index the run's start plus whole days (UTC), every day of the run once, a cut last
        day included. Those of an account that was ruined end with that day, on which all was lost: what was left then
        is the maintenance margin, which an exchange takes. Compounded they give the run's whole growth.
    """
    end = run.ruin.moment if run.ruin else run.spec.end
    first, days = run.spec.start, -(-(end - run.spec.start) // DAY_MS)
    index = pd.date_range(pd.Timestamp(first, unit="ms", tz="UTC"), periods=days, freq="D")
    since = (pd.DatetimeIndex(run.equity.index) - index[0]) / _DAY
    closes = np.floor(np.asarray(since, dtype=float)[1:]) - 1
    if len(closes):
        closes[-1] = days - 1  # the last sample is the run's end, even of a cut day
    gains = run.daily_returns.to_numpy(dtype=float)
    gains = np.where(np.isfinite(gains), gains, 0.0)  # an account at zero stays there
    growth = np.ones(days)
    np.multiply.at(growth, np.clip(closes, 0, days - 1).astype(int), 1.0 + gains)
    if run.ruin:
        growth[-1] = 0.0
    return pd.Series(growth - 1.0, index=index, name="return")


def compounded(returns: pd.Series[float], balance: float) -> pd.Series[float]:
    """Return the equity curve of daily returns: the balance, then its value at each day's end.

    Days without a return are flat. What is lost as a whole stays lost.
    """
    if returns.empty:
        return pd.Series(dtype=float, index=_no_days(), name="equity")
    days = pd.DatetimeIndex(returns.index)
    every = pd.date_range(days[0], days[-1], freq="D")
    growth = (1.0 + returns.clip(lower=-1.0)).reindex(every, fill_value=1.0).cumprod()
    curve = pd.Series([1.0, *growth], index=every.insert(0, every[0] - _DAY) + _DAY) * balance
    return curve.rename("equity")


def held_returns(prices: pd.Series[float], days: pd.DatetimeIndex) -> tuple[pd.Series[float] | None, str]:
    """Return what holding a market gave on some days, or None and why.

    Parameters
    ----------
    prices
        Daily closing prices; index the day's beginning.
    days
        Beginnings of days.
    """
    if prices.empty or days.empty:
        return None, "there are no prices"
    closing = pd.Series(prices.to_numpy(dtype=float), index=pd.DatetimeIndex(prices.index) + _DAY).dropna()
    known = closing.sort_index()
    before, after = (known.reindex(moments, method="ffill").to_numpy() for moments in (days, days + _DAY))
    if np.isnan(before).any():
        return None, "there is no price before the first out-of-sample day"
    return pd.Series(after / before - 1.0, index=days, name="return"), ""


def stitched(result: WalkForwardStudy) -> StitchedReturns:
    """Join the out-of-sample runs so that each day counts once, from the newest model.

    Window *i* gives the days from its out-of-sample start to that of the next window that has a run;
    the last one gives all of its days.

    Parameters
    ----------
    result
        A walk-forward.
    """
    parts = _parts(result)
    ended = [closed_at_seam(run, own, one.test_days, result.prices) for one, run, own, _ in parts]
    exits = [exit_ for _, exit_ in ended]
    returns = _joined([own for own, _ in ended])
    window = pd.Series(np.repeat([one.window.number for one, _, _, _ in parts],
                                 [len(part) for _, _, part, _ in parts]).astype(int), index=returns.index)
    days = pd.DatetimeIndex(returns.index)
    every = pd.date_range(days[0], days[-1], freq="D") if len(days) else days
    baseline, baseline_reason, baseline_exits = _baseline(parts, result.prices)
    market, market_reason = held_returns(result.prices, days)
    return StitchedReturns(
        returns=returns,
        window=window,
        missing=every.difference(days),
        overlapping=sum(dropped for _, _, _, dropped in parts),
        baseline=baseline,
        baseline_reason=baseline_reason,
        market=market,
        market_reason=market_reason,
        balance=result.spec.account.balance,
        trades=_trades(parts, result.prices),
        seam_positions=sum(exit_.positions if dropped else _open_at_end(run, own)
                           for (_, run, own, dropped), exit_ in zip(parts, exits, strict=True)),
        seam_exits=_total(exits),
        baseline_exits=baseline_exits,
        ruin=_ruin_of(parts[-1][1], parts[-1][2]) if parts else None,
    )


_Part = tuple["WindowResult", "BacktestResult", "pd.Series[float]", int]


def _parts(result: WalkForwardStudy) -> list[_Part]:
    """Each window that has a run, with its own days' returns and the number of days that it gives up."""
    tested = sorted(((window, window.test) for window in result.windows if window.test is not None),
                    key=lambda pair: pair[0].window.test_start)
    parts = []
    for position, (one, run) in enumerate(tested):
        returns = returns_by_day(run)
        own = returns
        if position + 1 < len(tested):
            newer = pd.Timestamp(tested[position + 1][0].window.test_start, unit="ms", tz="UTC")
            own = returns.iloc[: int(pd.DatetimeIndex(returns.index).searchsorted(newer))]
        parts.append((one, run, own, len(returns) - len(own)))
        if _ruin_of(run, own) is not None:
            break  # there is no money for what comes later
    return parts


def _ruin_of(run: BacktestResult, own: pd.Series[float]) -> Ruin | None:
    """Return a run's ruin if that came on the days that are the window's own."""
    if run.ruin is None or own.empty:
        return None
    return run.ruin if pd.Timestamp(run.ruin.moment, unit="ms", tz="UTC") <= own.index[-1] + _DAY else None


def _baseline(parts: list[_Part], prices: pd.Series[float]) -> tuple[pd.Series[float] | None, str, SeamExits]:
    runs = [(one.baseline, own, one.baseline_days) for one, _, own, _ in parts]
    without = sum(run is None for run, _, _ in runs)
    if not runs or without == len(runs):
        return None, "the strategy has no default parameters, or they could not be run", _total([])
    if without:
        return None, f"{without} of {len(runs)} windows have no run with the default parameters", _total([])
    ruins = [ruin for run, own, _ in runs if run is not None and (ruin := _ruin_of(run, own))]
    if ruins:
        return None, f"with the default parameters the account was {ruins[0]}", _total([])
    ended = [closed_at_seam(run, returns_by_day(run).reindex(own.index), days, prices)
             for run, own, days in runs if run is not None]
    return _joined([own for own, _ in ended]), "", _total([exits for _, exits in ended])


def _total(exits: list[SeamExits]) -> SeamExits:
    return SeamExits(sum(one.positions for one in exits), sum(one.fee for one in exits))


def _trades(parts: list[_Part], prices: pd.Series[float]) -> pd.DataFrame:
    ended = [(one, trades_to_seam(run, own, one.test_days, prices)) for one, run, own, _ in parts]
    frames = [trades.assign(window=one.window.number) for one, trades in ended if len(trades)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["window", "pnl"])


def _open_at_end(run: BacktestResult, own: pd.Series[float]) -> int:
    return int(run.metrics.get("total_open_trades", 0) or 0) if len(own) else 0


def _joined(parts: list[pd.Series[float]]) -> pd.Series[float]:
    used = [part for part in parts if len(part)]
    return pd.concat(used) if used else pd.Series(dtype=float, index=_no_days(), name="return")


def _no_days() -> pd.DatetimeIndex:
    return pd.DatetimeIndex([], tz="UTC")
