"""One backtest laid open: its candles, every trade, and what only a second simulation can show."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.curves.intraday import equity_by_minute
from jesse_nb.core.analysis.market.prices import CandlesByMarket, Market
from jesse_nb.core.analysis.trades.explorer_trades import explored_trades
from jesse_nb.core.analysis.trades.explorer_view import Curve, MarketChart
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.failures import failure_of
from jesse_nb.core.jobs.job import Job, JobControl
from jesse_nb.core.jobs.worker import Answer
from jesse_nb.core.rendering import Shown
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.recording import ORDER_COLUMNS, DrawnLine, Recording
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.times import TIMEFRAME_MINUTES
from jesse_nb.core.tools.analyze.analyzed_run import candles_of_run, run_of_backtest
from jesse_nb.core.tools.job_loop import PATIENCE
from jesse_nb.core.tools.plan import plan_of_run
from jesse_nb.core.tools.resimulate.rerun import prepare_again, request_again
from jesse_nb.exceptions import CandlesError, InputError, JobCancelledError, SimulationError, StrategyError

__all__ = ["Exploration", "explore_backtest", "explore_spec"]

#: Lines of a strategy that are drawn, over the candles and in charts of their own; the others are named in a note.
MOST_LINES, MOST_CHARTS = 12, 3


@dataclass(frozen=True, eq=False, repr=False)
class Exploration(Shown):
    """What there is to see of one backtest.

    Attributes
    ----------
    result
        The backtest.
    candles
        One-minute candles of every traded market, with history before the run where it is stored.
    recording
        Waiting orders and drawn lines; None where the run could not be simulated again as it was.
    notes
        Remarks worth showing.
    title
        Which run of a larger result it is; empty for a backtest.
    """

    result: BacktestResult
    candles: CandlesByMarket
    recording: Recording | None
    notes: tuple[str, ...] = ()
    title: str = ""

    @property
    def spec(self) -> BacktestSpec:
        """What was simulated."""
        return self.result.spec

    @property
    def strategy(self) -> str:
        """Name of the first route's strategy."""
        return self.result.strategy

    @property
    def markets(self) -> tuple[Market, ...]:
        """The traded markets, in the order of the routes."""
        return tuple(dict.fromkeys((route.exchange, route.symbol) for route in self.spec.routes))

    @cached_property
    def trades(self) -> pd.DataFrame:
        """See :func:`~jesse_nb.core.analysis.trades.explorer_trades.explored_trades`."""
        open_trades = self.result.metrics.get("total_open_trades")
        return explored_trades(self.result.trades, self.candles, end=self.spec.end,
                               open_at_end=None if open_trades is None else int(open_trades))

    @cached_property
    def equity(self) -> pd.Series[float]:
        """Portfolio value in the quote currency at each minute's close (UTC); the run's beginning first.

        Of an account that was ruined up to that minute.
        """
        within = {market: _within(self.candles[market], self.spec) for market in self.markets}
        curve = equity_by_minute(self.result.trades, within, self.spec.account, self.result.payments)["equity"]
        ruin = self.result.ruin
        return curve if ruin is None else curve.loc[: pd.Timestamp(ruin.moment, unit="ms", tz="UTC")]

    def chart(self, market: Market) -> MarketChart:
        """Return one market, ready to be drawn."""
        return self._charts[market]

    def lines(self, market: Market) -> tuple[DrawnLine, ...]:
        """Return the lines of a market that are drawn: those over the candles first, then chart by chart."""
        if self.recording is None:
            return ()
        own = [line for line in self.recording.lines if (line.exchange, line.symbol) == market
               and np.isfinite(line.values).any()]
        charts = list(dict.fromkeys(line.chart for line in own if line.chart))[:MOST_CHARTS]
        return tuple(line for chart in ["", *charts] for line in own if line.chart == chart)[:MOST_LINES]

    @cached_property
    def _charts(self) -> dict[Market, MarketChart]:
        moments = pd.DatetimeIndex(self.equity.index).as_unit("ms").astype(np.int64).to_numpy().astype(float)
        values = self.equity.to_numpy(dtype=float)
        below = (values / np.maximum.accumulate(values) - 1.0) * 100.0
        orders = self.recording.orders if self.recording else pd.DataFrame(columns=list(ORDER_COLUMNS))
        return {market: MarketChart(
            candles=_within(self.candles[market], self.spec), timeframe=_timeframe(self.spec, market),
            trades=_of_market(self.trades, market), orders=_of_market(orders, market), lines=self.lines(market),
            equity=Curve(moments, values), drawdown=Curve(moments, below), start=self.spec.start, end=self.spec.end,
        ) for market in self.markets}


def explore_backtest(
    result: BacktestResult, *, title: str = "", background: bool = False, **options: Any
) -> Exploration | Job[Exploration]:
    """Lay a finished backtest open.

    It is simulated again by a worker to see stops, targets and drawn lines. When that does not give the very
    same trades and metrics, or the strategy is not at hand any more, those are left out, and a note says so.

    Parameters
    ----------
    result
        A finished backtest.
    title
        Which run of a larger result it is.
    background
        Return a :class:`~jesse_nb.core.jobs.job.Job` at once.
    **options
        ``strategy``, ``project``, ``candles``, ``store``, ``trial_timeout``, ``memory_limit`` as in
        :func:`~jesse_nb.core.tools.resimulate.rerun.request_again`.

    Raises
    ------
    CandlesError
        When the candles of this run are not at hand any more.
    InputError
        When the run was made on rewritten candles, which nobody kept.
    """
    return explore_spec(result.spec, result, title=title, background=background, **options)


def explore_spec(
    spec: BacktestSpec, result: BacktestResult | None = None, *, metrics: Mapping[str, Any] | None = None,
    title: str = "", background: bool = False, candles: CandleStore | str | Path | None = None, **options: Any,
) -> Exploration | Job[Exploration]:
    """Lay the run of a spec open, as :func:`explore_backtest` does.

    Parameters
    ----------
    spec
        Of a run that has finished once.
    result
        What it gave; when None, the second simulation is what is shown.
    metrics
        In place of ``result``: the metrics that it must give again.
    title, background, candles, **options
        As in :func:`explore_backtest`.
    """
    if spec.pipeline is not None:
        raise InputError("This run was made on rewritten candles, which are not kept.",
                         "Explore the run on the real ones.")
    stored = candles if isinstance(candles, CandleStore) or candles is None else CandleStore(candles)
    if result is not None:
        _candles(result, stored)  # what is missing is said at once, not by a job

    def work(control: JobControl) -> Exploration:
        control.update(phase="simulating again to see stops and lines", total=1, workers=1)
        note, again = "", None
        try:
            again = _simulate_again(spec, control, candles=stored, **options)
        except (StrategyError, SimulationError) as error:
            if result is None:
                raise
            note = f"Stops, targets and the strategy's lines are not shown. {error}"
        recording = again.recording if again else None
        if again and not _same(again, result, metrics):
            if result is None:
                raise SimulationError("Simulated again, this trial gave other trades: it depends on something "
                                      "other than its parameters and candles.", "Look for unseeded random numbers.")
            recording = None
            note = ("Stops, targets and the strategy's lines are not shown: simulated again, the strategy made other "
                    "trades. It depends on something that is not in the run, unseeded random numbers perhaps.")
        shown = result or _result(again, spec)
        control.update(done=1)
        exploration = Exploration(shown, _candles(shown, stored), recording, (note,) if note else (), title)
        return replace(exploration, notes=(*exploration.notes, *_left_out(exploration)))

    return plan_of_run("explore", spec, work, background=background, joins=True).run()


def _simulate_again(spec: BacktestSpec, control: JobControl, **options: Any) -> RunRecord:
    request = request_again(spec, n_jobs=1, **options)
    prepared = prepare_again(request, spec)
    simulation = replace(prepared.simulation(prepared.spec), recorded=True)
    resources = request.resources
    future = resources.pool().submit(simulation, resources.trial_timeout, resources.memory)
    record: RunRecord = _answer(future, control, resources.trial_timeout).value
    return record


def _answer(future: Future[Answer], control: JobControl, timeout: float | None) -> Answer:
    while not control.cancelled:
        try:
            answer = future.result(timeout=PATIENCE)
        except FutureTimeoutError as error:
            if not future.done():
                continue
            raise failure_of(error, timeout) from None
        except Exception as error:  # noqa: BLE001 - futures raise whatever ended their task
            raise failure_of(error, timeout) from None
        if answer.failure:
            raise failure_of(answer)
        return answer
    future.cancel()
    raise JobCancelledError("It was cancelled.")


def _same(again: RunRecord, result: BacktestResult | None, metrics: Mapping[str, Any] | None) -> bool:
    """Whether the second simulation gave what the first did, to the last bit."""
    expected = result.metrics if result else metrics
    if expected is not None and _text(again.metrics) != _text(dict(expected)):
        return False
    return result is None or _text(_rows(again.to_result(result.spec).trades)) == _text(_rows(result.trades))


def _rows(trades: pd.DataFrame) -> Any:
    return trades.astype({"opened_at": str, "closed_at": str}).to_dict("records")


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _result(again: RunRecord | None, spec: BacktestSpec) -> BacktestResult:
    assert again is not None
    return again.to_result(spec)


def _candles(result: BacktestResult, candles: CandleStore | None) -> CandlesByMarket:
    found = candles_of_run(run_of_backtest(result), candles)
    if found.reason:
        raise CandlesError(f"The trades cannot be shown on their candles: {found.reason}.",
                           "Import or fetch them again, or say where they are: candles=CandleStore(folder).")
    return found.by_market


def _within(candles: Any, spec: BacktestSpec) -> Any:
    first, last = np.searchsorted(candles[:, 0], [spec.start, spec.end])
    return candles[int(first):int(last)]


def _timeframe(spec: BacktestSpec, market: Market) -> str:
    return min((route.timeframe for route in spec.routes if (route.exchange, route.symbol) == market),
               key=TIMEFRAME_MINUTES.__getitem__)


def _of_market(frame: pd.DataFrame, market: Market) -> pd.DataFrame:
    return frame[(frame["exchange"] == market[0]) & (frame["symbol"] == market[1])]


def _left_out(exploration: Exploration) -> tuple[str, ...]:
    if exploration.recording is None:
        return ()
    drawn = sum(len(exploration.lines(market)) for market in exploration.markets)
    more = sum(bool(np.isfinite(line.values).any()) for line in exploration.recording.lines) - drawn
    return (f"{more} more of the strategy's lines are not drawn: at most {MOST_LINES}, in {MOST_CHARTS} charts.",
            ) if more > 0 else ()
