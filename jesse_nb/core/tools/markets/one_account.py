"""A portfolio that Jesse simulates in one account, beside the accounts that were put together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.market.prices import CandlesByMarket
from jesse_nb.core.analysis.markets.allocation_figures import figures_of
from jesse_nb.core.analysis.markets.rebalancing import HeldTogether
from jesse_nb.core.analysis.studies.stitching import returns_by_day
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.study.ratios import PERIODS
from jesse_nb.core.times import DAY_MS
from jesse_nb.core.tools.markets.midnight_returns import valued_at_midnight
from jesse_nb.core.tools.markets.shared_account import SharedAccount
from jesse_nb.core.tools.resimulate.resimulation import Resimulation

__all__ = ["OneAccount", "simulated_together"]


@dataclass(frozen=True)
class OneAccount:
    """The results' strategies in one account, simulated by Jesse.

    Attributes
    ----------
    run
        The one run, on the days that are held.
    curves
        Value by day, beginning with one: ``accounts`` put together, and ``simulated``. Index each day's beginning,
        and the end.
    comparison
        Index these two. ``annual_return``, ``volatility``, ``max_drawdown``: percent, ``sharpe`` a year; ``trades``
        opened on these days by a part that has money then; ``fees`` of fills and ``costs`` of moving money, percent
        of the account a year.
    correlation
        Of their daily returns.
    apart
        Root of the mean squared difference of their daily returns, percent.
    """

    run: BacktestResult
    curves: pd.DataFrame
    comparison: pd.DataFrame
    correlation: float
    apart: float


def simulated_together(
    account: SharedAccount, held: HeldTogether, moved_on: list[int], parts: Mapping[str, BacktestResult],
    control: JobControl,
) -> tuple[OneAccount | None, tuple[str, ...]]:
    """Simulate one run of all parts, and compare it with what was put together.

    Parameters
    ----------
    account
        What it starts from.
    held
        What was put together: its weights on the days on which money was moved are those of the run.
    moved_on
        Places of these days.
    parts
        The results by name.
    control
        Of the job that this is a part of.

    Returns
    -------
    tuple
        None where the job was stopped before the run's end, and remarks.
    """
    moments = pd.DatetimeIndex(held.equity.index)
    start, end = (int(moment.value // 1_000_000) for moment in (moments[0], moments[-1]))
    prepared = account.prepare(held.weights.iloc[moved_on], start, end)
    job = Resimulation(account.request, prepared, control)
    job.simulate([prepared.spec], "simulating one account")
    record = next((outcome.record for _, outcome in job.outcomes()), None)
    if record is None:
        return None, tuple(job.notes)
    candles = {(part.exchange, part.symbol): part.read()[1] for part in prepared.mapped}
    return _compared(record.to_result(prepared.spec), held, parts, candles), tuple(job.notes)


def _compared(
    run: BacktestResult, held: HeldTogether, parts: Mapping[str, BacktestResult], candles: CandlesByMarket
) -> OneAccount:
    moments = pd.DatetimeIndex(held.equity.index)
    steps = returns_by_day(valued_at_midnight(run, candles) or run)  # as the accounts are
    together = pd.Series(np.cumprod(np.r_[1.0, 1.0 + steps.to_numpy(dtype=float)]), index=moments[: len(steps) + 1])
    curves = pd.DataFrame({"accounts": held.equity, "simulated": together}, index=moments)
    days = held.weights.index
    ours = [_paid(part.trades, _value(part, days), held.weights[name]) for name, part in parts.items()]
    own = _paid(run.trades, together.iloc[:-1] * run.spec.account.balance, pd.Series(1.0, index=days))
    years = len(days) / PERIODS
    both = pd.DataFrame({"accounts": held.returns, "simulated": steps.reindex(days)}).dropna()
    rows = {name: {**figures_of(curves[name].dropna()), "trades": sum(count for count, _ in paid),
                   "fees": sum(fee for _, fee in paid) / years * 100.0, "costs": cost}
            for name, paid, cost in (("accounts", ours, -float(held.contributions["costs"].sum()) / years * 100.0),
                                     ("simulated", [own], 0.0))}
    moving = bool((both.std() > 0).all())
    return OneAccount(run, curves, pd.DataFrame.from_dict(rows, orient="index"),
                      float(both["accounts"].corr(both["simulated"])) if moving else math.nan,
                      float(np.sqrt(((both["simulated"] - both["accounts"]) ** 2).mean())) * 100.0)


def _value(part: BacktestResult, days: pd.Index) -> pd.Series[float]:
    """Return what a part's own account is worth at each day's beginning."""
    steps = returns_by_day(part)
    value = pd.Series(np.cumprod(np.r_[1.0, 1.0 + steps.to_numpy(dtype=float)])[:-1], index=steps.index)
    return value.reindex(days) * part.spec.account.balance


def _paid(trades: pd.DataFrame, value: pd.Series[float], share: pd.Series[float]) -> tuple[int, float]:
    """Return how many trades were opened on the days, and their fees as a fraction of the whole account's value."""
    opened = pd.DatetimeIndex(trades["opened_at"])
    days = pd.DatetimeIndex(value.index)
    within = (opened >= days[0]) & (opened < days[-1] + pd.Timedelta(DAY_MS, "ms"))
    places = days.searchsorted(opened[within], side="right") - 1
    shares = share.reindex(days).to_numpy(dtype=float)[places]
    fees = trades["fee"].to_numpy(dtype=float)[within] / value.to_numpy(dtype=float)[places] * shares
    return int((shares > 0).sum()), float(np.nansum(fees))
