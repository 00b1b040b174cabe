"""Monte Carlo: how else a period could have gone, and what the next one could bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.curves.equity import drawdown
from jesse_nb.core.analysis.resampling.monte_carlo import (
    RUIN,
    MonteCarlo,
    bootstrap_days,
    project_ahead,
    resample_trades,
    shuffle_trades,
    simulated_paths,
)
from jesse_nb.core.analysis.risk.chances import barriers_of, chances, worst_cases
from jesse_nb.core.analysis.studies.stitching import returns_by_day
from jesse_nb.core.analysis.trades.trade_returns import milliseconds, trade_returns
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.tools.analyze.analysis_result import AnalyzedRun, OfOneRun
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.plan import Plan, planned
from jesse_nb.core.tools.registry import MONTE_CARLO
from jesse_nb.core.tools.resimulate.candle_monte_carlo import CandleMonteCarlo, candle_monte_carlo
from jesse_nb.core.tools.resources import Jobs
from jesse_nb.core.tools.risk.risk_input import RiskInput, Sample, risk_input
from jesse_nb.exceptions import InputError

__all__ = ["MonteCarloMethod", "Outcomes", "RiskMonteCarlo", "monte_carlo"]

MonteCarloMethod = Literal["stationary", "block", "iid", "trade_shuffle", "trade_resample", "candles"]

#: Fewer days or trades than this are not drawn from.
FEWEST_STEPS = 30
#: Without another number: paths, and markets to simulate.
_PATHS, _MARKETS = 10_000, 100
#: How far ahead it looks at most without another horizon, days.
_YEAR = 365


@dataclass(frozen=True)
class Outcomes:
    """What the paths of one question come to.

    Attributes
    ----------
    paths
        The paths: distributions of final equity, deepest drawdown and longest time under water, and their fan.
    chances
        See :func:`~jesse_nb.core.analysis.risk.chances.chances`.
    worst
        See :func:`~jesse_nb.core.analysis.risk.chances.worst_cases`.
    balance
        What they begin with, in the quote currency.
    """

    paths: MonteCarlo
    chances: pd.DataFrame
    worst: pd.DataFrame
    balance: float


@dataclass(frozen=True, repr=False)
class RiskMonteCarlo(OfOneRun):
    """How else a period could have gone, and what the next one could bring.

    Attributes
    ----------
    run
        What was read.
    sample
        Whether its parameters had seen its days.
    method, horizon, confidence_levels, ruin, target, seed
        As asked for; ``horizon`` in steps.
    period
        How else this period could have gone: as many steps from the same beginning. None before an interrupt.
    projection
        What the next period could bring, from the equity at the end: the mean itself is uncertain. None where the
        method says nothing of that, see ``no_projection``.
    scenarios
        The markets that were simulated, of ``candles``.
    no_projection
        Why there is none; empty otherwise.
    notes
        Remarks for the report.
    stopped
        ``interrupted`` or empty.

    Examples
    --------
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-05-01")
    >>> risk = jn.monte_carlo(result, n_sims=500)
    >>> list(risk.projection.chances.index)
    ['loss', 'ruin']
    """

    run: AnalyzedRun
    sample: Sample
    method: MonteCarloMethod
    horizon: int
    confidence_levels: tuple[float, ...]
    ruin: float
    target: float | None
    seed: int
    period: Outcomes | None = None
    projection: Outcomes | None = None
    scenarios: CandleMonteCarlo | None = None
    no_projection: str = ""
    notes: tuple[str, ...] = field(default=())
    stopped: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Return the probabilities, of both questions."""
        parts = {"this period": self.period, "next period": self.projection}
        return pd.concat({name: part.chances for name, part in parts.items() if part is not None},
                         names=["question", "event"])


@planned
@declared(MONTE_CARLO)
def monte_carlo(
    result: Any = None,
    method: Literal["stationary", "block", "iid", "trade_shuffle", "trade_resample", "candles"] = "stationary",
    n_sims: int | None = None,
    block_length: int | None = None,
    horizon: int | None = None,
    confidence_levels: Sequence[float] = (0.9, 0.95, 0.99),
    ruin: float = 50.0,
    target: float | None = None,
    seed: int = 0,
    *,
    trades: pd.DataFrame | None = None,
    equity: pd.Series[float] | None = None,
    strategy: Any = None,
    project: str | Path | None = None,
    candles: CandleStore | None = None,
    store: str | Path | RunStore | None = None,
    n_jobs: Jobs | None = None,
    trial_timeout: float | None = 600.0,
    memory_limit: int | None = None,
    background: bool = False,
) -> Plan[RiskMonteCarlo]:
    """Draw what could have happened, and what could come next.

    Two questions are told apart. *How else could this period have gone?* draws from the history as it was. *What could
    the next one bring?* draws a history as it could have been for each path first, for the mean is not known either: a
    plain bootstrap of a year covers the next year's result about 75 % of the time where it says 90 %.

    Parameters
    ----------
    result
        What backtest, optimize, walk_forward or backtest_batch returned, or a portfolio of a batch.
    method
        ``stationary`` (days in blocks of random length), ``block`` (of fixed length), ``iid`` (single days),
        ``trade_shuffle`` (the trades in another order), ``trade_resample`` (trades drawn again) or ``candles``
        (:func:`~jesse_nb.core.tools.resimulate.candle_monte_carlo.candle_monte_carlo`: Jesse runs on rewritten
        markets).
    n_sims
        Paths; 10,000, of ``candles`` 100.
    block_length
        (Mean) days of a block; chosen by Politis and White's rule without it.
    horizon
        Steps of the projection, days or trades: at most as many as the history has. As many without it, and no more
        than 365 days.
    confidence_levels
        Above zero, below one.
    ruin
        Loss of the starting equity that counts as ruin, percent.
    target
        Gain on it that is asked for, percent.
    seed
        Of all that is drawn.
    trades, equity
        In place of a result, as in :func:`~jesse_nb.core.tools.analyze.analyze.analyze_results`.
    strategy, project, candles, store, n_jobs, trial_timeout, memory_limit
        Of ``candles``, as in :func:`~jesse_nb.core.tools.resimulate.rerun.request_again`.
    background
        Return a :class:`~jesse_nb.core.jobs.job.Job` at once.

    Raises
    ------
    InputError
        When there is nothing to draw from, trades overlap, or an argument is wrong.
    JobInterruptedError
        When a blocking call is interrupted; its ``job`` has what was ready.

    Examples
    --------
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-05-01")
    >>> jn.monte_carlo(result, n_sims=500, horizon=60).projection.paths.steps
    60
    """
    given = risk_input(result, trades, equity, needed=FEWEST_STEPS)
    returns = _returns(given, method)
    steps = horizon or (len(returns) if method.startswith("trade") else min(len(returns), _YEAR))
    unit = "trades" if method.startswith("trade") else "days"
    if steps > len(returns):
        raise InputError.of("horizon", f"is {steps:,} {unit}, and the history has {len(returns):,}.",
                            "It is at most as long as what it is drawn from.")
    if block_length is not None and (unit == "trades" or method in ("iid", "candles")):
        raise InputError.of("block_length", f"does not go with method {method!r}.", "It is that of 'stationary' and "
                            "'block'.")
    if block_length is not None and block_length > len(returns):
        raise InputError.of("block_length", f"is {block_length:,} days, and the history has {len(returns):,}.",
                            "A block is at most as long.")
    simulation = _simulation(given, n_sims or _MARKETS, seed, {
        "strategy": strategy, "project": project, "candles": candles, "store": store, "n_jobs": n_jobs,
        "trial_timeout": trial_timeout, "memory_limit": memory_limit}) if method == "candles" else None
    empty = RiskMonteCarlo(given.run, given.sample, method, steps, tuple(dict.fromkeys(confidence_levels)), ruin,
                           target, seed, no_projection=_NO_PROJECTION.get(method, ""), notes=given.notes)
    drawing = _Drawing(empty, returns, n_sims or _PATHS, block_length, simulation)
    return Plan("monte_carlo", f"{given.run.strategy} (Monte Carlo)", drawing.work, background=background, joins=True,
                strategies=simulation.strategies if simulation else ())


_NO_PROJECTION = {
    "trade_shuffle": "another order of the same trades says nothing of the next ones",
    "candles": "markets put together from this period say how else it could have gone",
}


def _returns(given: RiskInput, method: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return what is drawn from: the returns of days, or of trades that follow each other."""
    if not method.startswith("trade"):
        return given.run.returns.to_numpy(dtype=float)
    if not given.trades_known:
        raise InputError.of("method", f"is {method!r}, and no trades were given.", "Give trades=..., or draw days: "
                            "method='stationary'.")
    table = given.run.trades.sort_values("opened_at", kind="stable")
    closed = np.maximum.accumulate(milliseconds(table["closed_at"]))
    overlapping = int((milliseconds(table["opened_at"])[1:] < closed[:-1]).sum())
    if overlapping:
        raise InputError.of("method", f"is {method!r}, and {overlapping:,} of {len(table):,} trades were opened while "
                            "another was open.", "Such trades cannot be put in another order: draw days, "
                            "method='stationary'.")
    found = trade_returns(given.run.trades, given.run.balance).to_numpy(dtype=float)
    if len(found) < FEWEST_STEPS:
        raise InputError.of("method", f"is {method!r}, and there are {len(found):,} trades: {FEWEST_STEPS} are "
                            "needed.", "Draw days, method='stationary', or give a longer run.")
    return found


def _simulation(given: RiskInput, scenarios: int, seed: int, again: dict[str, Any]) -> Plan[CandleMonteCarlo]:
    if given.backtest is None:
        raise InputError.of("method", "is 'candles', and this is no single backtest that could be simulated again.",
                            "Of a study give study.test, of a walk-forward draw days: method='stationary'.")
    return candle_monte_carlo.plan(given.backtest, scenarios, seed=seed, **again)


@dataclass
class _Drawing:
    """One Monte Carlo at work: this period first, then the next."""

    empty: RiskMonteCarlo
    returns: np.ndarray[Any, np.dtype[np.float64]]
    count: int
    block: int | None
    simulation: Plan[CandleMonteCarlo] | None

    def work(self, control: JobControl) -> RiskMonteCarlo:
        control.partial(lambda: replace(self.empty, stopped="interrupted"))
        control.update(phase="this period")
        if self.simulation is not None:
            return self._simulated(self.simulation, control)
        drawn = self._this_period()
        so_far = replace(self.empty, period=self._outcomes(drawn, self.empty.run.balance),
                         notes=(*self.empty.notes, *self._closed(drawn)))
        control.partial(lambda: replace(so_far, stopped="interrupted"))
        if self.empty.no_projection:
            return so_far
        if control.cancelled:
            return replace(so_far, stopped="interrupted")
        control.update(phase="the next period")
        ahead = self._next_period(self._now())
        return replace(so_far, projection=self._outcomes(ahead, self._now()))

    def _this_period(self) -> MonteCarlo:
        run, how = self.empty.run, self._how()
        if self.empty.method == "trade_shuffle":
            return shuffle_trades(run.trades, run.balance, **how)
        if self.empty.method == "trade_resample":
            return resample_trades(run.trades, run.balance, **how)
        return bootstrap_days(self.returns, run.balance, block=self._length(), **self._kind(), **how)

    def _closed(self, drawn: MonteCarlo) -> list[str]:
        """Say how the path of closed trades differs from the account that other pages show."""
        if drawn.unit != "trades" or drawn.reason:
            return []
        equity, happened = self.empty.run.equity, drawn.distributions["actual"]
        return [f"Trades count when they are closed: as they were, they fell {abs(happened['max_drawdown']):.2f}% at "
                f"worst and end at {happened['final_equity']:,.2f}. The account, with open positions and one sample "
                f"a day, fell {abs(drawdown(equity).min()):.2f}% and ends at {equity.iloc[-1]:,.2f}."]

    def _next_period(self, balance: float) -> MonteCarlo:
        if self.empty.method == "trade_resample":
            return project_ahead(self.returns, balance, unit="trades", steps=self.empty.horizon, **self._how())
        return project_ahead(self.returns, balance, steps=self.empty.horizon, block=self._length(), **self._kind(),
                       **self._how())

    def _simulated(self, simulation: Plan[CandleMonteCarlo], control: JobControl) -> RiskMonteCarlo:
        scenarios = simulation.work(control)
        run = self.empty.run
        curves = scenarios.equity.to_numpy(dtype=float).T
        before = np.column_stack([np.full(len(curves), run.balance), curves[:, :-1]])
        steps = np.maximum(np.divide(curves, before, out=np.ones_like(curves), where=before > 0) - 1.0, -1.0)
        if curves.shape[1] > 1 and np.allclose(curves[:, 0], run.balance):  # its first sample is the start
            steps = steps[:, 1:]
        happened = returns_by_day(scenarios.original).to_numpy(dtype=float)
        drawn = simulated_paths(steps, happened, run.balance, ruin=RUIN, barriers=self._barriers())
        return replace(self.empty, period=self._outcomes(drawn, run.balance), scenarios=scenarios,
                       notes=(*self.empty.notes, *scenarios.notes), stopped=scenarios.stopped)

    def _outcomes(self, drawn: MonteCarlo, balance: float) -> Outcomes:
        if drawn.reason:
            raise InputError(f"There is nothing to draw from: {drawn.reason}.", argument="result")
        return Outcomes(drawn, chances(drawn, balance, target=self.empty.target is not None),
                        worst_cases(drawn, self.empty.confidence_levels), balance)

    def _now(self) -> float:
        return float(self.empty.run.equity.iloc[-1])

    def _length(self) -> int | None:
        return 1 if self.empty.method == "iid" else self.block

    def _kind(self) -> dict[str, Any]:
        return {"method": "block" if self.empty.method == "block" else "stationary"}

    def _how(self) -> dict[str, Any]:
        return {"paths": self.count, "seed": self.empty.seed, "barriers": self._barriers()}

    def _barriers(self) -> tuple[float, float]:
        return barriers_of(self.empty.ruin, self.empty.target)
