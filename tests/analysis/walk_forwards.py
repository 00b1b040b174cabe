"""Walk-forwards and cross-validations of known content, seeded, for the tests of analysis and report."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.studies.stitching import returns_by_day
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.study.metric import resolve_metric, resolve_metrics
from jesse_nb.core.study.ratios import equity_ratios
from jesse_nb.core.study.space import Space
from jesse_nb.core.study.trial import Trial
from jesse_nb.core.study.walk_forward_study import WindowResult
from jesse_nb.core.study.windows import Window, walk_forward_windows
from jesse_nb.core.times import DAY_MS, to_ms
from jesse_nb.core.tools.cpcv.cpcv_groups import cpcv_groups
from jesse_nb.core.tools.cpcv.cpcv_result import CpcvResult, assemble_cpcv
from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult
from tests.analysis.results import SPACE, _draw, make_backtest, make_spec


def make_run(
    start: int, end: int, *, seed: int = 0, drift: float = 0.0, trades: int = 20, spec: BacktestSpec | None = None
) -> BacktestResult:
    """Build a run with samples as Jesse takes them: the start, then an hour after each midnight, then the end."""
    spec = replace(spec or make_spec(), start=start, end=end)
    run = make_backtest(spec, seed=seed, drift=drift, trades=trades)
    days = math.ceil((end - start) / DAY_MS)
    stamps = [start + day * DAY_MS + 3_600_000 for day in range(1, days)]
    index = pd.DatetimeIndex(pd.to_datetime([start, *stamps, end], unit="ms", utc=True))
    if not trades:
        return replace(run, equity=pd.Series(spec.account.balance, index=index))
    steps = np.random.default_rng(seed).standard_t(4, days) * 0.012 + drift
    equity = pd.Series(spec.account.balance * np.cumprod([1, *(1 + steps)]), index=index)
    return replace(run, equity=equity, metrics=run.metrics | equity_ratios(equity))


def make_walk_forward(
    days: int = 500,
    *,
    seed: int = 0,
    edge: float = 0.0,
    kept: float = 0.5,
    trials: int = 12,
    test_trades: int = 20,
    metric: Any = "sharpe",
    space: Space | None = SPACE,
    failed: tuple[int, ...] = (),
    without_baseline: tuple[int, ...] = (),
    spec: BacktestSpec | None = None,
    stopped: str = "",
    **windows: Any,
) -> WalkForwardResult:
    """Build a walk-forward whose chosen parameters earn ``edge`` a day in-sample and ``kept`` of it later."""
    random = np.random.default_rng(seed)
    start = to_ms("2022-01-01")
    end = start + days * DAY_MS
    options = {"in_sample_period": 120, "out_sample_period": 30, "step_forward": 30, "gap": 0, "anchored": False}
    options |= windows
    planned = walk_forward_windows(start, end, **options)
    metrics = resolve_metrics(metric)
    results = tuple(
        _window(window, random, edge, kept, trials if space else 0, test_trades, metrics, space,
                window.number in failed, window.number in without_baseline, spec)
        for window in planned
    )
    prices = pd.Series(
        20_000 * np.exp(np.cumsum(random.normal(0.0005, 0.02, days))),
        index=pd.date_range(pd.Timestamp(start, unit="ms", tz="UTC"), periods=days),
    )
    return WalkForwardResult(
        spec=replace(spec or make_spec(), start=planned[0].train_start, end=planned[0].train_end),
        start=start,
        end=end,
        windows=results,
        space=space,
        metrics=metrics,
        sampler="tpe",
        seed=seed,
        n_trials=trials,
        prices=prices,
        planned=len(planned),
        elapsed=12.0,
        stopped=stopped,
        **options,
    )


def _window(
    window: Window, random: Any, edge: float, kept: float, trials: int, test_trades: int, metrics: Any,
    space: Space | None, fails: bool, no_baseline: bool, spec: BacktestSpec | None,
) -> WindowResult:
    seed = int(random.integers(1_000_000))
    train = make_run(window.train_start, window.train_end, seed=seed, drift=edge, trades=60, spec=spec)
    tried, values = [], {}
    for number in range(trials):
        params = {dimension.name: _draw(dimension, random) for dimension in space.dimensions}
        skill = float(random.normal())
        scores = tuple(skill + float(random.normal()) for _ in metrics)
        tried.append(Trial(number, params, scores, "finished", "", train.metrics, 0.1, False, f"k{number}"))
        values[number] = kept * skill + float(random.normal())
    params = tried[0].params if tried else {"fast": 10}
    if fails:
        return WindowResult(window, params, tuple(tried), {}, train, None, None, "StrategyCrashError: no data")
    test = make_run(window.test_start, window.test_end, seed=seed + 1, drift=edge * kept, trades=test_trades, spec=spec)
    baseline = make_run(window.test_start, window.test_end, seed=seed + 2, trades=test_trades, spec=spec)
    return WindowResult(window, params, tuple(tried), values, train, test, None if no_baseline else baseline)


def make_cpcv(
    candidates: int = 12,
    *,
    groups: int = 6,
    test_groups: int = 2,
    gap: int = 1,
    seed: int = 0,
    edge: float = 0.0,
    failed: tuple[tuple[int, int], ...] = (),
    trades: int = 20,
    spec: BacktestSpec | None = None,
    **more: Any,
) -> CpcvResult:
    """Build a cross-validation in which candidate *c* earns ``edge * c`` a day."""
    random = np.random.default_rng(seed)
    spec = spec or make_spec()
    parts = cpcv_groups(spec.start, spec.end, groups=groups, test_groups=test_groups, gap=gap)
    runs = [
        [
            None
            if (candidate, part.number) in failed
            else make_run(
                part.start, part.end, seed=int(random.integers(1_000_000)), drift=edge * candidate, trades=trades
            )
            for part in parts
        ]
        for candidate in range(candidates)
    ]
    metric = resolve_metric("sharpe")
    own = [make_run(part.start, part.end, seed=99 + part.number) for part in parts]
    return assemble_cpcv(
        spec=spec,
        card=own[0].card,
        groups=parts,
        test_groups=test_groups,
        gap=gap,
        space=SPACE,
        metric=metric,
        sampler="tpe",
        seed=seed,
        candidates=[{one.name: _draw(one, random) for one in SPACE.dimensions} for _ in range(candidates)],
        values=[[math.nan if run is None else metric.read(run) for run in row] for row in runs],
        returns=[[None if run is None else returns_by_day(run) for run in row] for row in runs],
        baseline=[returns_by_day(run) for run in own],
        elapsed=3.0,
        **more,
    )
