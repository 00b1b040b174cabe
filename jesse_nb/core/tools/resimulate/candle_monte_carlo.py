"""Monte Carlo at the level of candles: a finished backtest on markets that could have been."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.curves.curves import daily_equity
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.rendering import Shown
from jesse_nb.core.simulator.pipeline import CandlePipeline, check_pipeline
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.times import MINUTE_MS
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.plan import Plan, plan_of_run, planned
from jesse_nb.core.tools.registry import CANDLE_MONTE_CARLO
from jesse_nb.core.tools.resimulate.rerun import prepare_again, request_again
from jesse_nb.core.tools.resimulate.resimulation import FIGURES, Resimulation, check_backtest, figures
from jesse_nb.core.tools.resources import Jobs
from jesse_nb.exceptions import InputError, shown

__all__ = ["CandleMonteCarlo", "candle_monte_carlo"]


_TRENDING = ("Each batch of minutes has a drift of its own, so these markets trend more than the real one: what "
             "follows trends gains on them without an edge. The pipeline stationary_bootstrap does without.")


@dataclass(frozen=True, eq=False, repr=False)
class CandleMonteCarlo(Shown):
    """One backtest on many markets that could have been.

    Attributes
    ----------
    original
        The backtest on the real candles.
    pipeline
        How candles were rewritten; each scenario has a seed of its own in place of this one's.
    seed
        From which those were drawn.
    planned
        How many scenarios were asked for.
    scenarios
        One row a finished scenario, by number from 0: ``seed`` (of its pipeline), the figures
        (:data:`~jesse_nb.core.tools.resimulate.resimulation.FIGURES`) and ``reason`` (why it failed, with NaN for the
        figures; empty otherwise).
    equity
        Portfolio value in the quote currency: one row a day (UTC), one column a scenario that succeeded.
    elapsed
        Seconds that this call took.
    stopped
        ``interrupted``, or empty.
    notes
        Remarks worth showing.

    Examples
    --------
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-04-01")
    >>> scenarios = jn.candle_monte_carlo(result, 2)
    >>> len(scenarios.scenarios), scenarios.equity.shape[1]
    (2, 2)
    """

    original: BacktestResult
    pipeline: CandlePipeline
    seed: int
    planned: int
    scenarios: pd.DataFrame
    equity: pd.DataFrame
    elapsed: float
    stopped: str = ""
    notes: tuple[str, ...] = ()


@planned
@declared(CANDLE_MONTE_CARLO)
def candle_monte_carlo(
    result: BacktestResult,
    scenarios: int = 100,
    pipeline: CandlePipeline | str | None = None,
    seed: int = 0,
    *,
    strategy: Any = None,
    project: str | Path | None = None,
    candles: CandleStore | None = None,
    store: str | Path | RunStore | None = None,
    n_jobs: Jobs | None = None,
    trial_timeout: float | None = 600.0,
    memory_limit: int | None = None,
    background: bool = False,
) -> Plan[CandleMonteCarlo]:
    """Simulate a backtest again on candles that a pipeline makes from the real ones.

    The same seed gives the same scenarios; more of them begin with the same ones. Finished scenarios are kept
    in the run store, so that calling again continues. They are not trials: the ledger leaves them out.

    Parameters
    ----------
    result
        A finished backtest.
    scenarios
        How many.
    pipeline
        A :class:`~jesse_nb.core.simulator.pipeline.CandlePipeline`, whose own seed is not used, or the name of one;
        by default ``stationary_bootstrap``. The candles of the warm-up stay real.
    seed
        From which the seed of each scenario is drawn.
    strategy, project, candles, store, n_jobs, trial_timeout, memory_limit
        As in :func:`~jesse_nb.core.tools.resimulate.rerun.request_again`.
    background
        Return a :class:`~jesse_nb.core.jobs.job.Job` at once.

    Raises
    ------
    StrategyError, CandlesError
        When the strategy or the candles are not found again as they were.
    AllTrialsFailedError
        When no scenario succeeds.
    JobInterruptedError
        When a blocking call is interrupted; its ``job`` has what had finished.
    InputError
        For anything else that is wrong with the arguments.

    Examples
    --------
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-04-01")
    >>> jn.candle_monte_carlo(result, 2, seed=1).planned
    2
    """
    check_backtest(result)
    if result.spec.pipeline is not None:
        raise InputError("This result is itself a scenario of a candle pipeline.", "Give the one on real candles.",
                         argument="result")
    chosen = CandlePipeline(pipeline) if isinstance(pipeline, str) else pipeline or CandlePipeline()
    if not isinstance(chosen, CandlePipeline):
        raise InputError(f"pipeline is {shown(pipeline)}.", "It is a CandlePipeline, or the name of one.")
    if chosen.name == "stress":
        raise InputError("The pipeline stress makes one market, the same for every seed.", "stress_test runs it.",
                         argument="pipeline")
    request = request_again(result.spec, strategy=strategy, project=project, candles=candles, store=store,
                            n_jobs=n_jobs, trial_timeout=trial_timeout, memory_limit=memory_limit)
    prepared = prepare_again(request, result.spec)
    first = replace(prepared.spec, pipeline=chosen)
    check_pipeline(chosen, first.timeframes, (first.end - first.start) // MINUTE_MS,
                   [part.last - part.start for part in prepared.mapped])
    seeds = list(_distinct_seeds(seed, scenarios))
    specs = [replace(first, pipeline=replace(chosen, seed=one)) for one in seeds]

    def collect(runs: Resimulation) -> CandleMonteCarlo:
        rows = {number: {"seed": seeds[number], **figures(outcome)} for number, outcome in runs.outcomes()}
        curves = {number: _curve(outcome.record) for number, outcome in runs.outcomes() if outcome.record is not None}
        lost = sum(one.record.audit.ruin is not None for _, one in runs.outcomes() if one.record and one.record.audit)
        told = [f"{lost:,} of {len(rows):,} scenarios ruined the account: they count as lost to the last."] if lost \
            else []
        return CandleMonteCarlo(
            original=result, pipeline=chosen, seed=seed, planned=scenarios,
            scenarios=pd.DataFrame.from_dict(rows, orient="index", columns=["seed", *FIGURES, "reason"])
            .rename_axis("scenario"),
            # A run that never traded is sampled at other moments, and a day without a sample had no other value.
            equity=pd.DataFrame(curves).sort_index().ffill().rename_axis("scenario", axis=1),
            elapsed=runs.elapsed, stopped=runs.stopped,
            notes=(*runs.notes, *told, *([_TRENDING] if chosen.trends else [])),
        )

    def work(control: JobControl) -> CandleMonteCarlo:
        runs = Resimulation(request, prepared, control, with_trades=False)
        control.partial(lambda: collect(runs))
        runs.simulate(specs, "simulating scenarios")
        return collect(runs)

    return plan_of_run("candle_monte_carlo", result.spec, work, background=background, joins=True)


def _curve(record: RunRecord) -> pd.Series[float]:
    curve = daily_equity(record.equity())
    if record.audit is not None and record.audit.ruin is not None:
        curve.iloc[-1] = 0.0
    return curve


def _distinct_seeds(seed: int, count: int) -> Iterator[int]:
    """Return so many different seeds; fewer are the first of more."""
    # Two words are alike once in 2**32, so that a hundred to spare are more than enough.
    words = dict.fromkeys(int(word) for word in np.random.SeedSequence(seed).generate_state(count + 100))
    return itertools.islice(words, count)
