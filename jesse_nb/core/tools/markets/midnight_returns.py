"""A result's daily returns from one midnight to the next: the moments of a market's, and of any other result's.

Jesse samples an account one candle after each whole day in fast mode: at 04:00 where candles of 4h are traded. Beside
what is taken at midnight such returns seem less alike than they are: holding a market correlates with it by 0.9.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.curves.midnights import account_at, why_unknown
from jesse_nb.core.analysis.market.prices import CandlesByMarket
from jesse_nb.core.analysis.studies.stitching import returns_by_day, stitched
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.times import DAY_MS, MINUTE_MS
from jesse_nb.core.tools.analyze.analyzed_run import analyzed_run, candles_of_run, run_of_backtest
from jesse_nb.core.tools.risk.shocks import duration_words
from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult

__all__ = ["MidnightReturns", "ReadAgain", "midnight_returns", "minutes_sampled_late", "returns_read_again",
           "valued_at_midnight"]

#: A run as it is to be read instead.
ReadAgain = Callable[[BacktestResult], BacktestResult]

_MOVED = ("Accounts are valued at midnight (UTC) from fills and candles, as markets are. Jesse samples them later, so "
          "their own reports differ a little.")

#: What fills and candles say an account was worth at its end may differ from what Jesse says by so much.
_ROUNDING = 1e-6


class MidnightReturns(NamedTuple):
    """Daily returns, fractions, index the days' beginnings; and a remark for the report, or none."""

    returns: pd.Series[float]
    note: str


def midnight_returns(
    name: str, result: Any, sampled: pd.Series[float], candles: CandleStore | None = None
) -> MidnightReturns:
    """Return a result's daily returns from midnight to midnight, where its fills and candles are known.

    Parameters
    ----------
    name
        What it is called, for the remark.
    result
        Of any tool.
    sampled
        Its daily returns as they were sampled: the answer for what has no runs, and where the account is not known.
    candles
        Where candles are kept.
    """
    late: list[int] = []
    unknown: list[str] = []

    def again(run: BacktestResult) -> BacktestResult:
        late.append(_minutes_late(run))
        if not late[-1]:
            return run
        found = candles_of_run(run_of_backtest(run), candles)
        moved = None if found.reason else valued_at_midnight(run, found.by_market)
        if moved is None:
            unknown.append(found.reason or why_unknown(run) or "fills and candles do not add up to its equity")
        return moved or run

    returns = returns_read_again(result, again)
    if returns is None or max(late, default=0) == 0:
        return MidnightReturns(sampled, "")
    if unknown:
        said = f"{name} is as Jesse sampled it, {duration_words(max(late))} after midnight: {unknown[0]}. Beside " \
               "anything else it seems less alike than it is."
        return MidnightReturns(sampled, said if max(late) > 1 else "")
    return MidnightReturns(returns, _MOVED if max(late) > 1 else "")


def minutes_sampled_late(result: Any) -> int | None:
    """Return how many minutes after midnight Jesse sampled a result's account; None where there is no run to ask.

    Parameters
    ----------
    result
        Of any tool.
    """
    late: list[int] = []

    def asked(run: BacktestResult) -> BacktestResult:
        late.append(_minutes_late(run))
        return run

    returns_read_again(result, asked)
    return max(late, default=None)


@singledispatch
def returns_read_again(result: Any, again: ReadAgain) -> pd.Series[float] | None:
    """Return the daily returns of a result whose runs are each read as ``again`` gives them; None without a run.

    Parameters
    ----------
    result
        Of any tool.
    again
        Returns a run as it is to be read.
    """
    run = None if isinstance(result, pd.Series) or not _is_known(result) else analyzed_run(result).backtest
    return None if run is None else returns_by_day(again(run))


def _is_known(result: Any) -> bool:
    return analyzed_run.dispatch(type(result)) is not analyzed_run.dispatch(object)


@returns_read_again.register(WalkForwardResult)
def _(result: WalkForwardResult, again: ReadAgain) -> pd.Series[float]:
    windows = tuple(one if one.test is None else replace(one, test=again(one.test), baseline=None, baseline_days=None)
                    for one in result.windows)
    return stitched(replace(result, windows=windows)).returns


def valued_at_midnight(run: BacktestResult, candles: CandlesByMarket) -> BacktestResult | None:
    """Return a run of its whole days alone, its equity that of each midnight; None where that is not known.

    Parameters
    ----------
    run
        A backtest.
    candles
        One-minute candles of its markets.
    """
    spec = run.spec
    first, last = -(-spec.start // DAY_MS) * DAY_MS, spec.end // DAY_MS * DAY_MS
    if run.ruin is not None or why_unknown(run) or first >= last:
        return None
    moments = np.array([*range(first, last, DAY_MS), *dict.fromkeys((last, spec.end))], dtype=np.int64)
    equity = account_at(moments, run.trades, candles, spec.account, run.payments)["equity"]
    ends = float(equity.iloc[-1]), float(run.equity.iloc[-1])
    if abs(ends[0] - ends[1]) > _ROUNDING * max(abs(ends[1]), spec.account.balance):
        return None
    whole = equity.iloc[: (last - first) // DAY_MS + 1]
    return replace(run, spec=replace(spec, start=first, end=last), equity=whole)


def _minutes_late(run: BacktestResult) -> int:
    """Return how many minutes after a whole day Jesse sampled the account; 0 of a run of a day at most."""
    moments = pd.DatetimeIndex(run.equity.index).as_unit("ms").astype(np.int64).to_numpy()[:-1]
    return int(((moments - run.spec.start) % DAY_MS).max(initial=0) // MINUTE_MS) or (
        DAY_MS // MINUTE_MS if len(moments) > 1 and moments[1] - moments[0] > DAY_MS else 0)
