"""Finding the best hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.job import Job, run_blocking
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.simulator.spec import Gaps, Mode
from jesse_nb.core.times import DAY_MS, to_ms, utc_text
from jesse_nb.core.tools.metric import resolve_metrics
from jesse_nb.core.tools.optimization import Optimization, Plan
from jesse_nb.core.tools.optimize_result import OptimizeResult
from jesse_nb.core.tools.request import Request, check_seconds, check_whole
from jesse_nb.core.tools.samplers import make_sampler
from jesse_nb.core.tools.space import Space
from jesse_nb.exceptions import InputError, PeriodError

__all__ = ["optimize"]

#: How many of an earlier result's best trials are tried first.
_WARM_START = 5


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
    n_jobs: int | None = None,
    sampler: str = "tpe",
    seed: int = 0,
    timeout: float | None = None,
    trial_timeout: float | None = 600.0,
    initial_result: OptimizeResult | None = None,
    test_start: Any = None,
    test_end: Any = None,
    test_ratio: float | None = None,
    top: int = 10,
    exchange: str | None = None,
    routes: Sequence[Any] | None = None,
    data_routes: Sequence[Any] = (),
    hyperparameters: Mapping[str, Any] | None = None,
    balance: float = 10_000.0,
    fee: float = 0.001,
    market: Literal["futures", "spot"] = "futures",
    leverage: int = 1,
    leverage_mode: Literal["cross", "isolated"] = "cross",
    warm_up_candles: int = 240,
    mode: Mode = "fast",
    gaps: Gaps = "fill",
    project: str | Path | None = None,
    candles: CandleStore | None = None,
    store: str | Path | RunStore | None = None,
    memory_limit: int | None = None,
    background: bool = False,
) -> OptimizeResult | Job[OptimizeResult]:
    """Search for the hyperparameters that do best, and test the winners on a period the search never saw.

    The same arguments give the same trials, whatever the number of workers up to
    :data:`~jesse_nb.core.tools.search.LAG`; every finished simulation is kept, so calling again
    continues where the last call stopped.

    Parameters
    ----------
    strategy, symbol, timeframe, start, end
        As in :func:`~jesse_nb.core.tools.backtest.backtest`; the period includes the held-out one
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
        Simulations at once; by default one a core.
    sampler
        ``tpe``, ``random``, ``grid``, ``cmaes`` or ``nsga2``.
    seed
        Of the sampler.
    timeout
        Seconds for all of it; what has finished by then is the result.
    trial_timeout
        Seconds for one simulation; a trial that takes longer fails alone.
    initial_result
        An earlier result whose best parameters are tried first.
    test_start, test_end
        The held-out period. Inside ``start`` to ``end`` it ends the training period at ``test_start``.
    test_ratio
        Hold out the last part of the period, as a fraction; by default 0.25 when no
        ``test_start`` is given. 0 holds nothing out.
    top
        How many of the best trials are tested and listed.
    hyperparameters
        Values that stay fixed.
    exchange, routes, data_routes, balance, fee, market, leverage, leverage_mode, warm_up_candles, mode, gaps, \
project, candles, store, memory_limit
        As in :func:`~jesse_nb.core.tools.backtest.backtest`.
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
    """
    request = Request(
        strategy=strategy, symbol=symbol, timeframe=timeframe, exchange=exchange, routes=routes,
        data_routes=data_routes, hyperparameters=hyperparameters, balance=balance, fee=fee, market=market,
        leverage=leverage, leverage_mode=leverage_mode, warm_up_candles=warm_up_candles, mode=mode, gaps=gaps,
        project=project, candles=candles, store=store, trial_timeout=trial_timeout, memory_limit=memory_limit,
        n_jobs=n_jobs,
    ).check()  # fmt: skip
    check_whole("n_trials", n_trials, 1, 1_000_000)
    check_whole("top", top, 1, 1_000)
    check_seconds("timeout", timeout)
    metrics = resolve_metrics(metric)
    parsed = None if space is None else Space.parse(space)
    if parsed is not None:
        make_sampler(sampler, seed, parsed, len(metrics))  # refuses what does not fit before anything starts
    train_end, test_period = _periods(start, end, test_start, test_end, test_ratio)
    training = request.prepare(start, train_end)
    plan = Plan(
        request=request,
        training=training,
        test=request.prepare(*test_period) if test_period else None,
        space=parsed,
        metrics=metrics,
        n_trials=n_trials,
        sampler=sampler,
        seed=seed,
        timeout=timeout,
        top=top,
        first=_warm_start(initial_result, parsed),
    )
    route = training.spec.routes[0]
    job: Job[OptimizeResult] = Job("optimize", f"{route.strategy.name} {route.symbol} {route.timeframe}",
                                   lambda control: Optimization(plan, control).run())
    job.start()
    return job if background else run_blocking(job)


def _periods(
    start: Any, end: Any, test_start: Any, test_end: Any, test_ratio: float | None
) -> tuple[int, tuple[int, int] | None]:
    """Return the training period's end and the held-out period (or None), milliseconds UTC."""
    if start is None or end is None:
        raise PeriodError("start and end are needed.", "Write them as '2024-01-31'; the end is excluded.")
    first, last = to_ms(start, "start"), to_ms(end, "end")
    if first >= last:
        raise PeriodError(f"The end ({utc_text(last)}) must come after the start ({utc_text(first)}).")
    if test_start is None:
        if test_end is not None:
            raise PeriodError("test_end needs a test_start.")
        return _split(first, last, 0.25 if test_ratio is None else test_ratio)
    if test_ratio is not None:
        raise InputError("Give test_start or test_ratio, not both.")
    held_out = to_ms(test_start, "test_start")
    if held_out <= first:
        raise PeriodError(f"The held-out period starts at {utc_text(held_out)}, not after the start {utc_text(first)}.")
    if held_out >= last and test_end is None:
        raise PeriodError("A test_start behind the end needs a test_end.")
    until = last if test_end is None else to_ms(test_end, "test_end")
    if until <= held_out:
        raise PeriodError(f"test_end ({utc_text(until)}) must come after test_start ({utc_text(held_out)}).")
    return min(last, held_out), (held_out, until)


def _split(first: int, last: int, ratio: float) -> tuple[int, tuple[int, int] | None]:
    """Hold out the last part, from the midnight nearest to the ratio."""
    if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not 0 <= ratio < 1:
        raise InputError(f"test_ratio is {ratio!r}.", "It is a fraction from 0 (nothing held out) to below 1.")
    if ratio == 0:
        return last, None
    border = round((last - ratio * (last - first)) / DAY_MS) * DAY_MS
    if not first < border < last:
        days = (last - first) / DAY_MS
        raise PeriodError(f"A period of {days:g} days is too short to hold out {ratio:.0%} of it in whole days.",
                          "Choose a longer period, or test_ratio=0.")
    return border, (border, last)


def _warm_start(initial: Any, space: Space | None) -> tuple[dict[str, Any], ...]:
    if initial is None:
        return ()
    if not isinstance(initial, OptimizeResult):
        raise InputError(f"initial_result is {type(initial).__name__}.", "It is the result of an earlier optimize.")
    target = space or initial.space
    return tuple(target.clip(entry.trial.params) for entry in initial.top[:_WARM_START])
