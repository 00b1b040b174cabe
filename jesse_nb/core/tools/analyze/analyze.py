"""Reading what a result really says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from jesse_nb.core.analysis.luck.overfit_verdict import OverfitVerdict
from jesse_nb.core.analysis.market.benchmark import buy_and_hold
from jesse_nb.core.analysis.studies.batch_verdict import batch_verdict
from jesse_nb.core.analysis.studies.verdict import FEW_TRADES, Verdict, counted
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.tools.analyze.analysis_doubts import denied_by_scenarios, too_good_alone
from jesse_nb.core.tools.analyze.analysis_parts import Options, advanced_parts, basic_parts, deep_parts
from jesse_nb.core.tools.analyze.analysis_result import Analysis, AnalysisType
from jesse_nb.core.tools.analyze.analyzed_run import AnalysisInput, analyzed_run, candles_of_run
from jesse_nb.core.tools.analyze.analyzed_tables import from_tables
from jesse_nb.core.tools.batch.batch_result import BatchResult
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
from jesse_nb.core.tools.plan import Plan, planned
from jesse_nb.core.tools.registry import ANALYZE_RESULTS
from jesse_nb.core.tools.resources import Jobs
from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult
from jesse_nb.exceptions import InputError, StorageError

__all__ = ["analyze_results"]

T = TypeVar("T")

@planned
@declared(ANALYZE_RESULTS)
def analyze_results(
    result: Any = None,
    analysis_type: AnalysisType = "advanced",
    *,
    trades: pd.DataFrame | None = None,
    equity: pd.Series[float] | None = None,
    benchmark: Any = None,
    include_trade_analysis: bool = True,
    include_correlation: bool = True,
    include_monte_carlo: bool = True,
    resimulate: bool = True,
    scenarios: int = 50,
    paths: int = 10_000,
    ruin: Sequence[float] = (20.0, 30.0, 50.0),
    seed: int = 0,
    strategy: Any = None,
    project: str | Path | None = None,
    candles: CandleStore | None = None,
    store: str | Path | RunStore | None = None,
    n_jobs: Jobs | None = None,
    trial_timeout: float | None = 600.0,
    memory_limit: int | None = None,
    background: bool = False,
) -> Plan[Analysis]:
    """Read one result: its trades, its risk, and how much of it may be luck.

    Where data is too thin for a figure, the analysis says so in its place.

    Parameters
    ----------
    result
        What backtest, optimize, walk_forward or backtest_batch returned. Of an optimization the best trial's
        held-out run is read (its training run where nothing was held out), of a walk-forward the stitched
        out-of-sample curve, of a batch the best combination. The verdict judges the whole of it.
    analysis_type
        ``basic`` (trades, drawdowns, returns; at once), ``advanced`` (ratios with intervals, the market, excursions,
        regimes, costs) or ``deep`` (Monte Carlo, patterns, what is known at entry).
    trades, equity
        In place of a result: a table of closed trades (times, side, prices, ``qty``, ``pnl``) and the portfolio
        value over time, the starting balance first.
    benchmark
        Compared with beside buy-and-hold of the traded symbols: a symbol whose candles are stored (or a list of them),
        or a Series of daily prices.
    include_trade_analysis, include_correlation, include_monte_carlo
        Leave out what reads single trades, the comparison with benchmarks, and the Monte Carlo.
    resimulate
        Whether to simulate again: at 2 and 3 times the fee (advanced), and on rewritten candles (deep).
    scenarios
        How many markets that could have been are simulated in a deep analysis; 0 for none.
    paths
        Of each Monte Carlo that needs no simulation.
    ruin
        Drawdowns in percent whose probability is asked for.
    seed
        Of all that is drawn at random.
    strategy, project, candles, store, n_jobs, trial_timeout, memory_limit
        As in :func:`~jesse_nb.core.tools.resimulate.rerun.request_again`.
    background
        Return a :class:`~jesse_nb.core.jobs.job.Job` at once.

    Returns
    -------
    Analysis or Job

    Raises
    ------
    InputError
        When there is nothing to analyze, or an argument is wrong.
    JobInterruptedError
        When a blocking call is interrupted; its ``job`` has the parts that were ready.

    Examples
    --------
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-04-01")
    >>> analysis = jn.analyze_results(result)
    >>> analysis.advanced is not None, analysis.deep is None
    (True, True)
    """
    if (result is None) == (equity is None):
        raise InputError("There is nothing to analyze." if result is None else "Both a result and equity were given.",
                         "Give a result, or equity=... and trades=....", argument="result")
    chosen = from_tables(trades, equity) if result is None else analyzed_run(result)
    options = Options(
        include_trade_analysis=include_trade_analysis and (result is not None or trades is not None),
        trades_known=result is not None or trades is not None, include_correlation=include_correlation,
        include_monte_carlo=include_monte_carlo, benchmark=benchmark, scenarios=scenarios if resimulate else 0,
        fee_factors=(1.0, 2.0, 3.0) if resimulate else (), paths=paths,
        ruin=tuple(sorted(float(level) for level in ruin)), seed=seed, candles=candles,
        again={"strategy": strategy, "project": project, "candles": candles, "store": store, "n_jobs": n_jobs,
               "trial_timeout": trial_timeout, "memory_limit": memory_limit},
    )
    analyzing = _Analyzing(result, analysis_type, chosen, options)
    return Plan("analyze", f"{chosen.run.strategy} ({analysis_type})", analyzing.work, background=background)


@dataclass
class _Analyzing:
    """One analysis at work: part after part, each of which is a result by itself."""

    result: Any
    analysis_type: AnalysisType
    chosen: AnalysisInput
    options: Options

    def work(self, control: JobControl) -> Analysis:
        control.update(phase="trades, drawdowns, returns")
        others = self._other_runs()
        so_far = Analysis(
            analysis_type=self.analysis_type, run=self.chosen.run, basic=basic_parts(self.chosen.run, self.options),
            verdict=too_good_alone(self._verdict(others), self.result, self.chosen.run, others),
            prior_runs=None if others is None else len(others), seed=self.options.seed,
            notes=(*self.chosen.notes, *self._remarks()),
        )
        if self.analysis_type != "basic":
            control.partial(partial(replace, so_far, stopped="interrupted"))
            so_far = replace(so_far, advanced=advanced_parts(self.chosen, self.options, control))
        if self.analysis_type == "deep" and not control.cancelled:
            control.partial(partial(replace, so_far, stopped="interrupted"))
            so_far = replace(so_far, deep=deep_parts(self.chosen, self.options, control))
            so_far = replace(so_far, verdict=denied_by_scenarios(so_far))
        return replace(so_far, stopped="interrupted") if control.cancelled else so_far

    def _verdict(self, others: frozenset[str] | None) -> OverfitVerdict | Verdict | None:
        """Judge the whole of which the run is a part; a single backtest cannot be judged by itself."""
        result = self.result
        if isinstance(result, OptimizeResult | WalkForwardResult):
            return result.verdict
        if not isinstance(result, BatchResult) or self.chosen.backtest is None:
            return None
        beneath = candles_of_run(self.chosen.run, self.options.candles)
        held = buy_and_hold(beneath.by_market, self.chosen.run.equity) if beneath.by_market else None
        return batch_verdict(result.finished, self.chosen.backtest.spec, held, others or frozenset(),
                             seed=self.options.seed)

    def _remarks(self) -> Iterator[str]:
        """Say what weakens every figure: few trades, sealed days that were opened."""
        count, spec = len(self.chosen.run.trades), self.chosen.run.spec
        if self.options.trades_known and 0 < count < FEW_TRADES:
            yield f"Only {counted(count, 'trade')}: too few for any figure here to be sure of anything."
        if spec is not None:
            opened = self._from_store(lambda store: len(store.openings(spec)))
            if opened:
                yield (f"Some of these days were sealed in a study and have been opened "
                       f"{'once' if opened == 1 else f'{opened:,} times'}: they are no longer unseen.")

    def _from_store(self, ask: Callable[[RunStore], T]) -> T | None:
        """Ask the run store; None where it cannot be read."""
        given = self.options.again["store"]
        try:
            if isinstance(given, RunStore):
                return ask(given)
            with closing(RunStore(given)) as store:
                return ask(store)
        except StorageError:
            return None

    def _other_runs(self) -> frozenset[str] | None:
        """Return the keys of the project's other backtests on the same data; None where nobody can tell."""
        spec = self.chosen.run.spec
        if spec is None:
            return None
        own = {spec.key, *_own_runs(self.result)}
        return self._from_store(lambda store: store.same_data(spec) - own)


def _own_runs(result: Any) -> Iterator[str]:
    """Return the keys of the runs that a study or a walk-forward is made of: they are not others."""
    if isinstance(result, OptimizeResult):
        yield from (trial.key for trial in result.trials)
        yield from (entry.test.key for entry in result.top if entry.test is not None)
        yield from (run.key for run in (result.training, result.default) if run is not None)
    elif isinstance(result, WalkForwardResult):
        for window in result.windows:
            yield from (trial.key for trial in window.trials)
            yield from (run.key for run in (window.train, window.test, window.baseline) if run is not None)
