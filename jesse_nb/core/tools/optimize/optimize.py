"""Finding the best hyperparameters."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.simulator.spec import MAINTENANCE_MARGIN, Gaps, Mode
from jesse_nb.core.study.constraints import parse_constraints
from jesse_nb.core.study.metric import resolve_metrics
from jesse_nb.core.study.space import Space
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.optimize.holdout import Holdout
from jesse_nb.core.tools.optimize.optimize_job import OptimizeJob, OptimizePlan
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
from jesse_nb.core.tools.optimize.pruning import check_pruner
from jesse_nb.core.tools.optimize.samplers import make_sampler
from jesse_nb.core.tools.optimize.study_periods import study_periods
from jesse_nb.core.tools.plan import Plan, plan_of_run, planned
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.record.finding import load
from jesse_nb.core.tools.registry import OPTIMIZE
from jesse_nb.core.tools.request import Request, Source
from jesse_nb.core.tools.resources import Jobs
from jesse_nb.exceptions import InputError

__all__ = ["optimize"]

#: How many of an earlier result's best trials are tried first.
_WARM_START = 5


@planned
@declared(OPTIMIZE)
def optimize(
    strategy: Any = None,
    symbol: str | None = None,
    timeframe: str | None = None,
    start: Any = None,
    end: Any = None,
    *,
    space: Any = None,
    metric: Any = "sharpe",
    n_trials: int = 100,
    n_jobs: Jobs | None = None,
    sampler: str = "tpe",
    seed: int = 0,
    timeout: float | None = None,
    trial_timeout: float | None = 600.0,
    initial_result: OptimizeResult | str | None = None,
    test_start: Any = None,
    test_end: Any = None,
    test_ratio: float | None = None,
    holdout: str | int | None = None,
    constraints: Any = None,
    min_trades: int = 10,
    top: int = 10,
    neighbours: int = 1,
    parity: bool = True,
    pruner: str | None = "none",
    check_first: bool = False,
    exchange: str | None = None,
    routes: Sequence[Any] | None = None,
    data_routes: Sequence[Any] = (),
    hyperparameters: Mapping[str, Any] | None = None,
    balance: float = 10_000.0,
    fee: float | Mapping[str, float] = 0.001,
    slippage_bps: float = 0.0,
    market: Literal["futures", "spot"] | None = None,
    leverage: int = 1,
    leverage_mode: Literal["cross", "isolated"] = "cross",
    maintenance_margin: float = MAINTENANCE_MARGIN,
    funding: float | str | None = None,
    warm_up_candles: int = 240,
    mode: Mode = "fast",
    gaps: Gaps = "fill",
    source: Source = "auto",
    project: str | Path | None = None,
    candles: CandleStore | None = None,
    store: str | Path | RunStore | None = None,
    memory_limit: int | None = None,
    background: bool = False,
) -> Plan[OptimizeResult]:
    """Search for the hyperparameters that do best, and test the winners on a period the search never saw.

    The same arguments give the same trials, whatever the number of workers up to
    :data:`~jesse_nb.core.tools.optimize.search.LAG`; every finished simulation is kept, so calling again
    continues where the last call stopped.

    Parameters
    ----------
    strategy, symbol, timeframe, start, end
        As in :func:`~jesse_nb.core.tools.backtest.backtest.backtest`; the period includes the held-out one
        unless ``test_start`` lies behind it.
    space
        What to vary: ``dict(fast=(5, 30), stop=(1.0, 5.0, 0.5), mode=["a", "b"])``, or Jesse's own
        list of hyperparameters; by default those that the strategy declares.
    metric
        A name, a function of the :class:`~jesse_nb.core.simulator.result.BacktestResult`, or a list
        of several (the result then has a Pareto front).
    n_trials
        How many sets of parameters to try.
    n_jobs
        Simulations at once; by default one a core. Or a Ray cluster: ``"ray"``, ``"ray://HOST:10001"``, or a
        :class:`~jesse_nb.core.jobs.ray.ray_pool.RayPool`.
    sampler
        ``tpe``, ``gp``, ``random``, ``qmc``, ``grid``, ``cmaes`` or ``nsga2``; see
        :func:`~jesse_nb.core.tools.optimize.samplers.make_sampler`.
    seed
        Of the sampler.
    pruner
        ``none`` lets all trials finish. ``median``: once ten trials have finished, a trial is stopped on the way when
        it does worse than half of them did by then, as in Optuna's ``MedianPruner``; ``quartile``: worse than the best
        quarter. Any trial is then stopped at once, too, when its account is ruined, or a ``max_drawdown`` constraint
        is broken for good. Profits are judged by the profit so far; Sharpe, Sortino, Calmar, omega and serenity by the
        Sharpe ratio so far; studies of other metrics and of several are left alone. A pruned trial has no value and
        enters no statistic, but is counted as tried. Part of a period tells little of the whole: the best trial may be
        among those that are stopped.
    timeout
        Seconds for all of it; what has finished by then is the result.
    trial_timeout
        Seconds for one simulation; a trial that takes longer fails alone.
    initial_result
        An earlier result, or the name or key of a kept one, whose best parameters are tried first.
    test_start, test_end
        The held-out period. Inside ``start`` to ``end`` it ends the training period at ``test_start``.
    test_ratio
        Hold out the last part of the period, as a fraction; by default 0.25 when no
        ``test_start`` is given. 0 holds nothing out.
    holdout
        Seal the last days of the period: ``"90d"`` or 90. Neither the search nor the held-out test sees them,
        until :meth:`~jesse_nb.core.tools.optimize.optimize_result.OptimizeResult.open_holdout` runs the best parameters
        on them, once. Openings, and any other run of this project on these days, are counted and reported.
    constraints
        What the best trials must keep on the training period: ``["trades >= 30", "max_drawdown < 25"]`` (a drawdown
        is positive percent here), or functions of the result that return True or False; see
        :func:`~jesse_nb.core.study.constraints.parse_constraints`. Trials that break one are kept and marked, and
        ``tpe`` and ``nsga2`` learn from by how much; ``cmaes`` and ``gp`` take them as failed.
    min_trades
        Trades that a trial must make on the training period to rank before all that made fewer: of one or two trades
        the best is the luckiest. How many made fewer is said. 0 ranks them alike.
    top
        How many of the best trials are tested and listed.
    neighbours
        How many steps away the surroundings of the best five trials are simulated on the training period, one
        parameter at a time (:func:`~jesse_nb.core.tools.optimize.neighbourhood.neighbours_of`): a result that one step
        spoils is a lucky spike. It costs half as many simulations as the search, and 60 at the most; 0 turns it
        off.
    parity
        Run the best trial again in Jesse's step mode, as slow as some three simulations: trades and profit must be
        the same. Nothing is compared when ``mode`` is ``step``.
    check_first
        Check the strategy before the first trial (:func:`~jesse_nb.core.tools.check.check_strategy.check_strategy`
        without its fragility), in the time of ten runs at the most, or a minute. What comes of it is kept with the
        runs, so the same code is checked once. A failed check stops no search; it stands first in the verdict.
    hyperparameters
        Values that stay fixed.
    exchange, routes, data_routes, balance, fee, slippage_bps, market, leverage, leverage_mode, maintenance_margin, \
funding, warm_up_candles, mode, gaps, source, project, candles, store, memory_limit
        As in :func:`~jesse_nb.core.tools.backtest.backtest.backtest`.
    background
        Return a :class:`~jesse_nb.core.jobs.job.Job` at once.

    Returns
    -------
    OptimizeResult or Job

    Raises
    ------
    AllTrialsFailedError
        When every trial fails; a study whose first ten all fail ends there.
    JobInterruptedError
        When a blocking call is interrupted; its ``job`` has the partial result.
    JesseNbError
        For anything wrong with the arguments; see :mod:`jesse_nb.exceptions`.

    Examples
    --------
    >>> study = jn.optimize(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-04-01", n_trials=4)
    >>> len(study.trials), study.training.spec.hyperparameters == study.best_params
    (4, True)
    """
    request = Request.of(locals())
    pruner = check_pruner(pruner)
    metrics = resolve_metrics(metric)
    kept = parse_constraints(constraints)
    parsed = None if space is None else Space.parse(space)
    if parsed is not None:
        make_sampler(sampler, seed, parsed, len(metrics))  # refuses what does not fit before anything starts
    periods = study_periods(start, end, test_start, test_end, test_ratio, holdout)
    training = prepare(request, *periods.training)
    test = prepare(request, *periods.test) if periods.test else None
    first = _warm_start(initial_result, parsed)
    sealed = None
    if periods.sealed:
        spec = prepare(request, *periods.sealed).spec
        study = _key(training.spec.key, test and test.spec.key, spec.key, parsed and parsed.to_dict(),
                     [(one.name, one.direction) for one in metrics], [one.text for one in kept], sampler, seed, first,
                     # so that the keys are those of studies that knew of none
                     *([] if pruner == "none" else [pruner]), *([min_trades] if min_trades else []))
        folder = (candles or CandleStore()).root
        sealed = Holdout(spec, study, metrics, kept, candles=str(folder), store="")
    plan = OptimizePlan(
        request=request,
        training=training,
        test=test,
        space=parsed,
        metrics=metrics,
        n_trials=n_trials,
        sampler=sampler,
        seed=seed,
        timeout=timeout,
        top=top,
        first=first,
        constraints=kept,
        holdout=sealed,
        neighbours=neighbours,
        parity=parity,
        pruner=pruner,
        min_trades=min_trades,
        check_first=check_first,
    )
    return plan_of_run("optimize", training.spec, lambda control: OptimizeJob(plan, control).run(),
                       background=background, details=plan)


def _key(*choices: Any) -> str:
    """Hash all that decides a study's trials but their number, so that a study that goes on stays the same."""
    return hashlib.blake2b(json.dumps(choices, default=str).encode(), digest_size=16).hexdigest()


def _warm_start(initial: Any, space: Space | None) -> tuple[dict[str, Any], ...]:
    if initial is None:
        return ()
    earlier = load(initial) if isinstance(initial, str) else initial
    if not isinstance(earlier, OptimizeResult):
        raise InputError.of("initial_result", f"is {type(earlier).__name__}.",
                            "It is the result of an earlier optimize, or the name of a kept one.")
    target = space or earlier.space
    return tuple(target.clip(entry.trial.params) for entry in earlier.top[:_WARM_START])
