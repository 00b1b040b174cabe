"""Validating a strategy across time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.simulator.spec import MAINTENANCE_MARGIN, Gaps, Mode
from jesse_nb.core.study.constraints import parse_constraints
from jesse_nb.core.study.metric import resolve_metrics
from jesse_nb.core.study.space import Space
from jesse_nb.core.study.windows import walk_forward_windows
from jesse_nb.core.times import to_ms
from jesse_nb.core.tools.cpcv.cpcv_groups import cpcv_groups
from jesse_nb.core.tools.cpcv.cpcv_job import Cpcv, CpcvPlan
from jesse_nb.core.tools.cpcv.cpcv_result import CpcvResult
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.optimize.samplers import make_sampler
from jesse_nb.core.tools.plan import Plan, plan_of_run, planned
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.registry import WALK_FORWARD
from jesse_nb.core.tools.request import Request, Source
from jesse_nb.core.tools.resources import Jobs
from jesse_nb.core.tools.walk_forward.walk_forward_job import WalkForward, WalkForwardPlan
from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult
from jesse_nb.exceptions import InputError, did_you_mean, shown

__all__ = ["walk_forward"]


@planned
@declared(WALK_FORWARD)
def walk_forward(
    strategy: Any = None,
    symbol: str | None = None,
    timeframe: str | None = None,
    start: Any = None,
    end: Any = None,
    *,
    in_sample_period: int = 365,
    out_sample_period: int = 30,
    step_forward: int = 7,
    gap: int = 0,
    anchored: bool = False,
    split: Literal["windows", "cpcv"] = "windows",
    groups: int = 6,
    test_groups: int = 2,
    space: Any = None,
    hyperparameters: Mapping[str, Any] | None = None,
    metric: Any = "sharpe",
    n_trials: int = 30,
    sampler: str = "tpe",
    seed: int = 0,
    timeout: float | None = None,
    constraints: Any = None,
    min_trades: int = 10,
    check_first: bool = False,
    n_jobs: Jobs | None = None,
    exchange: str | None = None,
    routes: Sequence[Any] | None = None,
    data_routes: Sequence[Any] = (),
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
    trial_timeout: float | None = 600.0,
    memory_limit: int | None = None,
    background: bool = False,
) -> Plan[WalkForwardResult | CpcvResult]:
    """Choose parameters on the past, test them on what came after, again and again.

    In every window the strategy is optimized in-sample and then run out-of-sample with what was
    chosen. Each run gets its warm-up candles from before its start; a position that is open at a
    window's end is closed at its last price. Every finished simulation is kept, so calling again
    continues where the last call stopped.

    Parameters
    ----------
    strategy, symbol, timeframe, start, end
        As in :func:`~jesse_nb.core.tools.backtest.backtest.backtest`.
    in_sample_period, out_sample_period, step_forward
        Days of training, of testing, and from one window to the next. Where the step is shorter
        than the test, windows overlap: the stitched curve uses each day once, from the newest model.
    gap
        Days left out between training and testing (the embargo).
    anchored
        Let every window train from the start on.
    split
        ``"windows"``, or ``"cpcv"`` for combinatorial purged cross-validation: the period is cut into
        groups, every choice of ``test_groups`` of them is tested once, and the result is a
        distribution of out-of-sample paths. ``gap`` days then lie between neighbouring groups.
    groups, test_groups
        For ``"cpcv"``.
    space
        What to re-optimize in each window; by default what the strategy declares.
    hyperparameters
        Without a space: the fixed parameters of every window (``{}`` for the strategy's own).
        With one: values that stay fixed.
    metric, sampler
        As in :func:`~jesse_nb.core.tools.optimize.optimize.optimize`.
    n_trials
        Per window; for ``"cpcv"`` the number of candidates.
    seed
        Each window's own is derived from it.
    timeout
        Seconds for all of it; the windows finished by then are the result.
    constraints
        What the chosen parameters must keep in-sample, as in :func:`~jesse_nb.core.tools.optimize.optimize.optimize`;
        only for ``"windows"``. A window in which no trial keeps them has no out-of-sample run.
    min_trades
        Trades that a trial must make in-sample to be chosen before all that made fewer; only for ``"windows"``.
    check_first
        Check the strategy before the first trial, on the first window's training days or the first group, as in
        :func:`~jesse_nb.core.tools.optimize.optimize.optimize`.
    n_jobs, exchange, routes, data_routes, balance, fee, slippage_bps, market, leverage, leverage_mode, \
maintenance_margin, funding, warm_up_candles, mode, gaps, source, project, candles, store, trial_timeout, memory_limit
        As in :func:`~jesse_nb.core.tools.optimize.optimize.optimize`.
    background
        Return a :class:`~jesse_nb.core.jobs.job.Job` at once.

    Returns
    -------
    WalkForwardResult, CpcvResult or Job

    Raises
    ------
    AllTrialsFailedError
        When no window has an out-of-sample run.
    JobInterruptedError
        When a blocking call is interrupted; its ``job`` has the partial result.
    JesseNbError
        For anything wrong with the arguments; see :mod:`jesse_nb.exceptions`.

    Examples
    --------
    >>> walk = jn.walk_forward(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-05-02", in_sample_period=30,
    ...                        out_sample_period=15, step_forward=15, hyperparameters={})
    >>> walk.to_frame().shape[0]
    4
    """
    request = Request.of(locals())
    metrics = resolve_metrics(metric)
    kept = parse_constraints(constraints)
    parsed = None if space is None else Space.parse(space)
    if parsed is not None:
        make_sampler(sampler, seed, parsed, len(metrics))  # refuses what does not fit before anything starts
    fixed = space is None and hyperparameters is not None
    common: dict[str, Any] = {"request": request, "space": parsed, "fixed": fixed, "metrics": metrics,
                              "n_trials": n_trials, "sampler": sampler, "seed": seed, "timeout": timeout,
                              "check_first": check_first}
    if split == "cpcv":
        if len(metrics) > 1:
            raise InputError(f"Cross-validation chooses by one metric, not {len(metrics)}.", "Give one metric.",
                             argument="metric")
        if kept:
            raise InputError("Cross-validation knows no constraints.", "Use split='windows', or leave them out.",
                             argument="constraints")
        parts = cpcv_groups(start, end, groups=groups, test_groups=test_groups, gap=gap)
        for part in (parts[0], parts[-1]):  # what is wrong with strategy or candles is said here and now
            prepared = prepare(request, part.start, part.end)
        cpcv = CpcvPlan(groups=parts, test_groups=test_groups, gap=gap, **common)
        return plan_of_run("walk_forward", prepared.spec, lambda control: Cpcv(cpcv, control).run(),
                           background=background, details=cpcv)
    if split == "windows":
        days = {"in_sample_period": in_sample_period, "out_sample_period": out_sample_period,
                "step_forward": step_forward, "gap": gap}
        windows = walk_forward_windows(start, end, anchored=anchored, **days)
        prepare(request, windows[0].train_start, windows[0].train_end)
        prepared = prepare(request, windows[-1].test_start, windows[-1].test_end)
        plan = WalkForwardPlan(start=to_ms(start, "start"), end=to_ms(end, "end"), windows=windows, days=days,
                               anchored=anchored, constraints=kept, min_trades=min_trades, **common)
        return plan_of_run("walk_forward", prepared.spec, lambda control: WalkForward(plan, control).run(),
                           background=background, details=plan)
    raise InputError(f"No split is called {shown(split)}.", did_you_mean(str(split), ("windows", "cpcv")),
                     argument="split")
