"""From any result to the one run that an analysis reads, and the candles beneath it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.market.prices import Market
from jesse_nb.core.analysis.studies.stitching import returns_by_day
from jesse_nb.core.candles import CandleCache, CandleStore
from jesse_nb.core.candles.series import Candles
from jesse_nb.core.simulator.account import Ruin
from jesse_nb.core.simulator.data import resolve_candles
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.times import DAY_MS
from jesse_nb.core.tools.analyze.analysis_result import AnalyzedRun
from jesse_nb.core.tools.batch.batch_result import BatchResult
from jesse_nb.core.tools.cpcv.cpcv_result import CpcvResult
from jesse_nb.core.tools.optimize.holdout import OpenedHoldout
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult
from jesse_nb.exceptions import CandlesError, InputError

__all__ = ["AnalysisInput", "MarketCandles", "analyzed_run", "candles_of_run", "in_stitched_money"]

#: How much before the run features and regimes may look back, where so much is stored.
_HISTORY_DAYS = 400

_TAKES = ("Give a result of backtest, optimize, walk_forward or backtest_batch, "
          "or trades=... and equity=....")


class AnalysisInput(NamedTuple):
    """The run to read: ``backtest`` is the whole of it where it is a single one; remarks for the report."""

    run: AnalyzedRun
    backtest: BacktestResult | None
    notes: tuple[str, ...] = ()


class MarketCandles(NamedTuple):
    """One-minute candles by market, some history before the run included; or why there are none."""

    by_market: dict[Market, Candles]
    reason: str = ""


@singledispatch
def analyzed_run(result: Any) -> AnalysisInput:
    """Return the run that an analysis of ``result`` reads.

    A study's is its best trial's run on the held-out period, where it has one: nothing chose it there. A
    walk-forward's is the stitched out-of-sample curve, a batch's its best combination.

    Raises
    ------
    InputError
        When it is no result, or one without a run.
    """
    raise InputError(f"The result is {type(result).__name__}.", _TAKES, argument="result")


def _check_money(ruin: Ruin | None) -> None:
    """Refuse what has no profit, rates and ratios."""
    if ruin is not None:
        raise InputError(f"The account was {ruin}: what Jesse simulated after that never was, so there is nothing to "
                         "analyze.", "Lower the leverage or the sizes, or use stops.", argument="result")


def run_of_backtest(result: BacktestResult) -> AnalyzedRun:
    """Return a backtest as a run to look at, one that was ruined, too."""
    return _of_backtest(result, "")


@analyzed_run.register
def _(result: BacktestResult) -> AnalysisInput:
    _check_money(result.ruin)
    return AnalysisInput(_of_backtest(result, ""), result)


@analyzed_run.register
def _(result: OptimizeResult) -> AnalysisInput:
    if result.test is not None:
        _check_money(result.test.ruin)
        return AnalysisInput(_of_backtest(result.test, "best trial, held-out period"), result.test)
    if result.training is None:
        raise InputError("This study has no best trial to analyze.", "Its failures and notes say why.",
                         argument="result")
    note = ("This is the best trial on the very days that it was chosen for, so every figure below looks better than "
            "the strategy is. Hold out a test period to see more.")
    return AnalysisInput(_of_backtest(result.training, "best trial, training period"), result.training, (note,))


@analyzed_run.register
def _(result: OpenedHoldout) -> AnalysisInput:
    _check_money(result.best.ruin)
    return AnalysisInput(_of_backtest(result.best, "best trial, sealed days"), result.best)


@analyzed_run.register
def _(result: BatchResult) -> AnalysisInput:
    best = result.top(1)
    if not best:
        raise InputError("No combination of this batch has a value.", "Its failures say why.", argument="result")
    run = best[0].result()
    note = (f"This is the best of {len(result.finished):,} combinations on the days that it was chosen for: "
            f"{best[0].name}.")
    return AnalysisInput(_of_backtest(run, "best combination"), run, (note,) if len(result.finished) > 1 else ())


@analyzed_run.register
def _(result: CpcvResult) -> AnalysisInput:
    raise InputError("Cross-validation gives many paths, not one run.",
                     "Print it: its report judges the paths. Analyze a walk-forward instead.", argument="result")


@analyzed_run.register
def _(result: WalkForwardResult) -> AnalysisInput:
    curve = result.stitched
    if curve.returns.empty:
        raise InputError("No window of this walk-forward has an out-of-sample run.", "Its report says why.",
                         argument="result")
    _check_money(curve.ruin)
    tested = [window.test for window in result.windows if window.test is not None]
    start = int(curve.returns.index[0].value // 1_000_000)
    starts = {int(number): days.index[0] for number, days in curve.window.groupby(curve.window)}
    run = AnalyzedRun(
        strategy=result.strategy, origin="stitched out-of-sample", spec=tested[0].spec,
        trades=in_stitched_money(curve.trades, curve.equity, curve.balance, starts),
        equity=curve.equity, returns=curve.returns,
        start=start, end=int(curve.returns.index[-1].value // 1_000_000) + DAY_MS,
        balance=curve.balance, open_at_end=None, card=tested[0].card,
    )
    notes = ["Every window began with a fresh balance; its trades are scaled to the stitched curve."]
    if curve.seam_positions:
        positions = "1 position was" if curve.seam_positions == 1 else f"{curve.seam_positions:,} positions were"
        notes.append(f"{positions} open when a window's days ended: closed there at the last price, and the exit paid, "
                     "in the curve and among the trades.")
    return AnalysisInput(run, None, tuple(notes))


def candles_of_run(run: AnalyzedRun, candles: CandleStore | None = None) -> MarketCandles:
    """Map the one-minute candles that a run traded on, with up to 400 days of history before it.

    They must be those that it ran on: the stored slice has the fingerprint of the spec's.
    """
    spec = run.spec
    if spec is None:
        return MarketCandles({}, "tables from elsewhere do not say on which candles they were made")
    if spec.pipeline is not None:
        return MarketCandles({}, "the run was made on rewritten candles, which are not kept")
    store = candles or CandleStore()
    cache = CandleCache(store)
    try:
        found = resolve_candles([*spec.routes, *spec.data_routes], spec.start, spec.end,
                                warm_up_candles=spec.warm_up_candles, gaps=spec.gaps, store=store, cache=cache)
        if [part.fingerprint for part in found.slices] != [part.fingerprint for part in spec.candles]:
            return MarketCandles({}, "the stored candles are not those of this run")
        traded = {(route.exchange, route.symbol) for route in spec.routes}
        mapped = {(part.exchange, part.symbol): np.load(part.path, mmap_mode="r") for part in found.mapped
                  if (part.exchange, part.symbol) in traded}
    except CandlesError as error:
        return MarketCandles({}, f"the candles are not at hand: {error}".rstrip("."))
    return MarketCandles({market: _part(rows, run) for market, rows in mapped.items()})


def _part(rows: Candles, run: AnalyzedRun) -> Candles:
    first, last = np.searchsorted(rows[:, 0], [run.start - _HISTORY_DAYS * DAY_MS, run.end])
    return np.asarray(rows[int(first):int(last)])


def _of_backtest(result: BacktestResult, origin: str) -> AnalyzedRun:
    spec: BacktestSpec = result.spec
    open_trades = result.metrics.get("total_open_trades")
    return AnalyzedRun(
        strategy=result.strategy, origin=origin, spec=spec, trades=result.trades, equity=result.equity,
        returns=returns_by_day(result), start=spec.start, end=spec.end, balance=spec.account.balance,
        open_at_end=None if open_trades is None else int(open_trades), card=result.card,
    )


def in_stitched_money(
    trades: pd.DataFrame, equity: pd.Series[float], balance: float, starts: Mapping[Any, pd.Timestamp]
) -> pd.DataFrame:
    """Scale each window's trades by what the stitched curve had when the window's own days began, ``starts``.

    Not by what it had before the first trade: Jesse samples a day after its midnight, when that trade may be open.
    """
    if trades.empty:
        return trades
    scaled = []
    for number, own in trades.groupby("window", sort=True):
        factor = float(equity.loc[starts[number]]) / balance
        own = own.copy()
        for column in ("qty", "size", "fee", "pnl"):
            own[column] = own[column] * factor
        scaled_orders = [[_scaled(order, factor) for order in orders] for orders in own["orders"]]
        own["orders"] = pd.Series(scaled_orders, index=own.index, dtype=object)
        scaled.append(own)
    return pd.concat(scaled, ignore_index=True)


def _scaled(order: dict[str, Any], factor: float) -> dict[str, Any]:
    return {**order, **{name: order[name] * factor for name in ("qty", "filled_qty") if order.get(name) is not None}}
