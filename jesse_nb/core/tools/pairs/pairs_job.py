"""A backtest of pairs at work: choose in each window, simulate, put together."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.markets.pair_trades import PAIR_TRADE_COLUMNS, pair_trades
from jesse_nb.core.analysis.studies.stitching import returns_by_day
from jesse_nb.core.candles import CandleStore, SeriesInfo
from jesse_nb.core.jobs.evaluation import Evaluator, RunOutcome
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.study.windows import Window
from jesse_nb.core.times import DAY_MS, MINUTE_MS, TIMEFRAME_MINUTES
from jesse_nb.core.tools.job_loop import JobLoop
from jesse_nb.core.tools.markets.return_series import market_candles
from jesse_nb.core.tools.pairs.pair_screening import Screening, screened
from jesse_nb.core.tools.pairs.pair_strategies import PairRules, pair_strategies
from jesse_nb.core.tools.pairs.pairs_result import PairsBacktest
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.prepared import Prepared
from jesse_nb.core.tools.request import Request
from jesse_nb.exceptions import AllTrialsFailedError, JobCancelledError

__all__ = ["PairsJob", "PairsRequest"]

_OF_WINDOW = ("y", "x", "p", "p_adjusted", "beta", "half_life", "half_life_low", "half_life_high")


@dataclass(frozen=True)
class PairsRequest:
    """All that a backtest of pairs was asked for, checked."""

    request: Request
    markets: tuple[SeriesInfo, ...]
    pairs: tuple[tuple[str, str], ...]
    timeframe: str
    formation: int
    trading: int
    screening: Screening
    rules: PairRules
    windows: tuple[Window, ...]
    candles: CandleStore

    @property
    def candle(self) -> int:
        """Length of a candle, milliseconds."""
        return TIMEFRAME_MINUTES[self.timeframe] * MINUTE_MS


class PairsJob:
    """One backtest of pairs."""

    def __init__(self, asked: PairsRequest, control: JobControl) -> None:
        self._asked = asked
        self._control = control
        self._loop = JobLoop(control)
        self._tables: list[pd.DataFrame] = []
        self._prepared: dict[int, Prepared] = {}
        self._outcomes: dict[int, RunOutcome] = {}
        self._notes: list[str] = []
        self._choosing = 0.0
        self._prices = pd.DataFrame()

    def run(self) -> PairsBacktest:
        """Do all of it; when the job is cancelled, return the windows before the first that was not finished."""
        began = time.process_time()
        self._prices = self._read()
        self._choose()
        self._choosing = time.process_time() - began
        self._simulate()
        outcomes = self._outcomes.values()
        if outcomes and all(outcome.record is None for outcome in outcomes) and not self._control.cancelled:
            raise AllTrialsFailedError(f"No window could be simulated. The reason in the first: "
                                       f"{self._outcomes[min(self._outcomes)].error}")
        return self.result()

    def _read(self) -> pd.DataFrame:
        """Return the closes of all markets, index the beginnings of candles."""
        asked, closes = self._asked, {}
        for number, market in enumerate(asked.markets):
            self._control.update(phase="reading candles", done=number, total=len(asked.markets))
            made = market_candles(market.symbol, market, asked.timeframe, asked.candles, asked.windows[0].train_start,
                                  asked.windows[-1].test_end, argument="universe" if len(asked.markets) > 2 else "y")
            closes[market.symbol] = pd.Series(made[:, 2], index=pd.to_datetime(made[:, 0].astype(np.int64), unit="ms",
                                                                               utc=True))
        return pd.DataFrame(closes)

    def _choose(self) -> None:
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # has no stubs

        asked = self._asked
        for window in asked.windows:
            if self._control.cancelled:
                raise JobCancelledError("It was cancelled before its first window.")
            self._control.update(phase="choosing pairs", done=window.number, total=len(asked.windows))
            known = _between(self._prices, window.train_start, window.train_end)
            with threadpool_limits(1):  # of many small regressions, threads mostly wait for each other
                self._tables.append(screened(known, asked.pairs, asked.screening))

    def _simulate(self) -> None:
        asked, resources = self._asked, self._asked.request.resources
        self._control.update(phase="preparing windows", done=0, total=len(asked.windows), workers=resources.workers)
        for window, table in zip(asked.windows, self._tables, strict=True):
            for _, row in table[table["chosen"]].iterrows():
                self._prepared[window.number] = self._prepare(window, row)
        if not self._prepared:
            return
        evaluator = resources.evaluator(self._prepared.values(), resources.run_store())
        self._control.update(phase="trading pairs", total=len(self._prepared))
        self._control.partial(self.result)
        try:
            for number, prepared in self._prepared.items():
                evaluator.submit(number, prepared.spec)
            self._loop.run(evaluator, self._receive, self._report)
        finally:
            evaluator.cancel()
        self._loop.drain(evaluator, self._receive)
        self._notes.extend(evaluator.remarks)

    def _prepare(self, window: Window, row: pd.Series[Any]) -> Prepared:
        asked = self._asked
        leader, follower = pair_strategies(row["x"], float(row["beta"]), float(row["mean"]), float(row["deviation"]),
                                           asked.rules)
        routes = [(leader, row["y"], asked.timeframe), (follower, row["x"], asked.timeframe)]
        return prepare(replace(asked.request, routes=routes), window.test_start, window.test_end)

    def _receive(self, number: int, outcome: RunOutcome) -> None:
        self._outcomes[number] = outcome
        self._loop.count(outcome)

    def _report(self, evaluator: Evaluator) -> None:
        self._loop.tell(evaluator, len(self._outcomes), len(self._prepared))

    def result(self) -> PairsBacktest:
        """Put together what has finished, up to the first window that has not."""
        asked, request = self._asked, self._asked.request
        parts, equity = [], request.balance
        for window, table in zip(asked.windows, self._tables, strict=True):
            if (window.number in self._prepared and window.number not in self._outcomes) or equity <= 0:
                break
            part = _Part(asked, window, table, self._prices, self._outcomes.get(window.number), equity)
            equity *= 1.0 + part.profit
            parts.append(part)
        ruin = [part.run.ruin for part in parts if part.run is not None and part.run.ruin is not None]
        ruined = [f"The account was {ruin[0]}: nothing is traded after that."] if ruin else []
        returns = pd.concat([part.returns for part in parts]) if parts else pd.Series(
            dtype=float, index=pd.DatetimeIndex([], tz="UTC"))
        market = [part.market(self._prices, asked.candle) for part in parts]
        paths = [part.path for part in parts if len(part.path)]
        trades = [part.trades for part in parts if len(part.trades)]
        columns = [*PAIR_TRADE_COLUMNS, "window", "score_in", "score_out", "why"]
        return PairsBacktest(
            exchange=asked.markets[0].exchange, markets=tuple(market.symbol for market in asked.markets),
            timeframe=asked.timeframe, test=asked.screening.test, hedge=asked.screening.hedge,
            alpha=asked.screening.alpha, formation=asked.formation, trading=asked.trading, rules=asked.rules,
            balance=request.balance, pairs=len(asked.pairs),
            windows=pd.DataFrame([part.row() for part in parts]).rename_axis("window"),
            candidates=pd.concat([table.assign(window=number) for number, table in enumerate(self._tables)],
                                 ignore_index=True),
            trades=pd.concat(trades, ignore_index=True)[columns] if trades else pd.DataFrame(columns=columns),
            path=pd.concat(paths) if paths else _no_path(),
            returns=returns.rename("return"), market=(pd.concat(market) if market else returns).rename("market"),
            runs={part.window.number: part.run for part in parts if part.run is not None},
            elapsed=self._loop.elapsed, choosing=self._choosing,
            synthetic=any(market.synthetic for market in asked.markets),
            expanded_from=next((market.expanded_from for market in asked.markets if market.expanded_from), ""),
            notes=(*self._notes, *ruined),
            stopped=self._loop.stopped,
        )


class _Part:
    """One window of the result; money is that of the stitched curve."""

    def __init__(
        self, asked: PairsRequest, window: Window, table: pd.DataFrame, prices: pd.DataFrame,
        outcome: RunOutcome | None, equity: float,
    ) -> None:
        self.window = window
        chosen = table[table["chosen"]]
        self._row = chosen.iloc[0] if len(chosen) else table.iloc[0] if len(table) == 1 else None
        self._reason = "" if outcome is not None else str(self._row["reason"]) if self._row is not None else \
            _common_reason(table)
        self._smallest = dict.fromkeys(_OF_WINDOW, math.nan) | {name: table[name].min() for name in ("p", "p_adjusted")}
        self.run: BacktestResult | None = None
        if outcome is not None and outcome.record is not None:
            self.run = outcome.record.to_result(outcome.spec)
        elif outcome is not None:
            self._reason = str(outcome.error)
        self.returns = self._returns()
        self.path = self._path(asked, prices)
        self.trades = self._trades(asked, equity)

    def row(self) -> dict[str, Any]:
        """Return its row of the table of windows."""
        moments = {name: pd.Timestamp(moment, unit="ms", tz="UTC") for name, moment in (
            ("formed_from", self.window.train_start), ("traded_from", self.window.test_start),
            ("traded_to", self.window.test_end))}
        chosen = {name: self._row[name] if self._row is not None else "" if name in "yx" else self._smallest[name]
                  for name in _OF_WINDOW}
        return {**moments, **chosen, "trades": len(self.trades),
                "profit": self.profit * 100.0, "reason": self._reason}

    @property
    def profit(self) -> float:
        """What the window gained, as a fraction of the equity at its beginning."""
        return float(np.prod(1.0 + self.returns.to_numpy(dtype=float))) - 1.0

    def market(self, prices: pd.DataFrame, candle: int) -> pd.Series[float]:
        """Return the daily returns of all markets alike, from and to the moments at which the account was sampled.

        Parameters
        ----------
        prices
            Closes, index the beginnings of candles.
        candle
            Length of a candle, milliseconds.
        """
        run, days = self.run, pd.DatetimeIndex(self.returns.index)
        end = days[-1:] + pd.Timedelta(days=1)
        moments = days.append(end) if run is None or run.ruin is not None else pd.DatetimeIndex(run.equity.index)
        closes = prices.ffill().set_axis(pd.DatetimeIndex(prices.index) + pd.Timedelta(candle, "ms"))
        steps = closes.reindex(moments, method="ffill").pct_change().iloc[1:].mean(axis=1)
        if run is None or run.ruin is not None:
            return steps.set_axis(days)
        return returns_by_day(replace(run, equity=pd.Series(np.cumprod(np.r_[1.0, 1.0 + steps]), index=moments)))

    def _returns(self) -> pd.Series[float]:
        if self.run is not None:
            return returns_by_day(self.run)
        first = pd.Timestamp(self.window.test_start, unit="ms", tz="UTC")
        days = -(-(self.window.test_end - self.window.test_start) // DAY_MS)
        return pd.Series(0.0, index=pd.date_range(first, periods=days, freq="D"))

    def _path(self, asked: PairsRequest, prices: pd.DataFrame) -> pd.DataFrame:
        if self.run is None or self._row is None:
            return _no_path()
        traded = _between(prices, self.window.test_start, self.window.test_end)
        logs = traded[[self._row["y"], self._row["x"]]].ffill().dropna().apply(np.log)
        spread = logs.iloc[:, 0] - self._row["beta"] * logs.iloc[:, 1]
        score = (spread - self._row["mean"]) / self._row["deviation"]
        ends = pd.DatetimeIndex(logs.index) + pd.Timedelta(asked.candle, "ms")
        return pd.DataFrame({"window": self.window.number, "spread": spread.to_numpy(), "score": score.to_numpy()},
                            index=ends)

    def _trades(self, asked: PairsRequest, equity: float) -> pd.DataFrame:
        if self.run is None or self._row is None or self.run.trades.empty:
            return pd.DataFrame(columns=list(PAIR_TRADE_COLUMNS))
        account = self.run.spec.account
        made = pair_trades(self.run.trades, self._row["y"], self._row["x"], account, asked.candle)
        for name in ("y_qty", "x_qty", "fee", "pnl"):
            made[name] *= equity / account.balance
        made["window"] = self.window.number
        for name, moment in (("score_in", "opened_at"), ("score_out", "closed_at")):
            made[name] = self.path["score"].reindex(pd.DatetimeIndex(made[moment])).to_numpy()
        made["why"] = [self._why(trade, asked) for trade in made.itertuples()]
        return made

    def _why(self, trade: Any, asked: PairsRequest) -> str:
        """Say why a pair trade ended, from the score at the close at which it did."""
        if trade.legs == 1:
            return "one leg alone"
        if trade.alone > 0:
            return "a leg was lost"
        against = -trade.score_out if trade.side == "long" else trade.score_out
        if against <= asked.rules.exit:
            return "came back"
        if against >= asked.rules.stop:
            return "stop"
        end = pd.Timestamp(self.window.test_end, unit="ms", tz="UTC")
        return "window's end" if trade.closed_at >= end else "held too long"


def _between(prices: pd.DataFrame, start: int, end: int) -> pd.DataFrame:
    first, last = (pd.Timestamp(moment, unit="ms", tz="UTC") for moment in (start, end))
    return prices[(prices.index >= first) & (prices.index < last)]


def _no_path() -> pd.DataFrame:
    index = pd.DatetimeIndex([], tz="UTC")
    return pd.DataFrame({"window": np.zeros(0, dtype=int), "spread": np.zeros(0), "score": np.zeros(0)}, index=index)


def _common_reason(table: pd.DataFrame) -> str:
    """Return what most of a window's pairs cannot be traded for."""
    reasons = table["reason"].value_counts()
    return f"{reasons.iloc[0]:,} of {len(table):,} {reasons.index[0]}" if len(reasons) else ""
