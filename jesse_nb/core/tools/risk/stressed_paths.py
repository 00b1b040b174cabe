"""What became of an account under stress: its equity, its lowest point while the stress lasted, and its figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.curves.midnights import account_by_day
from jesse_nb.core.analysis.studies.stitching import StitchedReturns, stitched
from jesse_nb.core.jobs.evaluation import RunOutcome
from jesse_nb.core.simulator.account.audit import StressPath
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.stress.run_candles import run_candles
from jesse_nb.core.times import DAY_MS, utc_text
from jesse_nb.core.tools.prepared import Prepared
from jesse_nb.core.tools.resimulate.resimulation import FIGURES, figures
from jesse_nb.core.tools.risk.stressed_runs import Stress, Stressed
from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult

__all__ = ["StressedPath", "path_of"]


@dataclass(frozen=True)
class StressedPath:
    """One row's account.

    Attributes
    ----------
    result
        The run, or the curve of all windows' runs; None where one failed.
    figures
        :data:`~jesse_nb.core.tools.resimulate.resimulation.FIGURES`, and the ``reason`` why there is no result.
    level, lowest, lowest_at
        Its equity when the stress began, and the least until a day after it was over, by the minute; NaN where that
        is not known. When that was, milliseconds UTC.
    drawdown
        The deepest fall from a peak by the minute, percent; NaN where that is not known.
    """

    result: BacktestResult | StitchedReturns | None
    figures: dict[str, Any]
    level: float = math.nan
    lowest: float = math.nan
    lowest_at: int = 0
    drawdown: float = math.nan


def path_of(stress: Stress, outcomes: Sequence[RunOutcome], stressed: Stressed,
            prepared: Sequence[Prepared]) -> StressedPath:
    """Return what became of the account.

    Parameters
    ----------
    stress
        What was simulated.
    outcomes
        Of its specs, in their order.
    stressed
        What it was before.
    prepared
        Periods with the candles of all specs.
    """
    if stressed.walk is None or (stress.scenario is not None and stress.scenario.period is not None):
        return _of_run(outcomes[0])
    failed = [outcome for outcome in outcomes if outcome.record is None]
    if failed:
        when = f"The window from {utc_text(failed[0].spec.start)}: {failed[0].error}"
        return StressedPath(None, {**dict.fromkeys(FIGURES, math.nan), "reason": when})
    by_candles = {ready.spec.candles: ready for ready in prepared}
    runs = [outcome.record.to_result(outcome.spec) for outcome in outcomes if outcome.record is not None]
    curve = _stitched_again(stressed.walk, runs, by_candles, stress)
    return StressedPath(curve, _figures_of(curve), *_by_minute(stress, runs, curve))


def _of_run(outcome: RunOutcome) -> StressedPath:
    if outcome.record is None:
        return StressedPath(None, figures(outcome))
    found = outcome.record.to_result(outcome.spec)
    path = found.audit.stress if found.audit is not None else None
    if path is None:
        return StressedPath(found, figures(outcome))
    return StressedPath(found, figures(outcome), path.level, min(path.lowest, path.level),
                        path.lowest_at, -100.0 if found.ruin is not None else path.drawdown)


def _stitched_again(walk: WalkForwardResult, runs: list[BacktestResult], by_candles: dict[Any, Prepared],
                    stress: Stress) -> StitchedReturns:
    """Join the windows' runs as the walk-forward joined its own, each seam at the price that it had under stress."""
    ahead, windows = iter(runs), []
    for window in walk.windows:
        if window.test is None:
            windows.append(window)
            continue
        run, days = next(ahead), None
        if window.test_days is not None:
            candles = run_candles(by_candles[run.spec.candles].mapped, run.spec)
            days = account_by_day(run, {market: within for market, (_, within) in candles.items()})
        windows.append(replace(window, test=run, test_days=days, baseline=None, baseline_days=None))
    moved = stress.scenario is not None and not stress.scenario.changes_nothing
    prices = walk.prices * np.nan if moved else walk.prices  # without them, a seam is at the price of the last fill
    return stitched(replace(walk, windows=tuple(windows), prices=prices))


def _by_minute(stress: Stress, runs: list[BacktestResult], curve: StitchedReturns) -> tuple[float, float, int]:
    """Return level and lowest of the curve by the minute, and when; NaN of spot, and where a minute is not known.

    A run whose days a newer model takes over is followed until then: where it falls deepest later, how deep it was by
    then is not known.
    """
    begin = stress.moment.at if stress.moment is not None else None
    if begin is None or runs[0].spec.account.market == "spot":
        return math.nan, math.nan, 0
    level = _worth(curve, begin)
    reached = []
    newer = [*(run.spec.start for run in runs[1:]), runs[-1].spec.end]
    for run, replaced in zip(runs, newer, strict=True):
        own_end = min(replaced, run.spec.end)
        if run.spec.pipeline is None or run.audit is None or own_end <= begin:
            continue
        scale = _worth(curve, run.spec.start) / curve.balance
        first = max(begin, run.spec.start)
        path = run.audit.stress or StressPath(curve.balance, curve.balance, first, 0.0)  # it never traded
        if run.spec.start <= begin:
            level = scale * path.level
        period = run.spec.pipeline.stressed_period(run.spec.start)
        if period is not None and run.spec.start < period[1] + DAY_MS:
            if path.lowest_at > own_end:
                return math.nan, math.nan, 0
            reached.append((scale * path.lowest, path.lowest_at))
    return level, *min([(level, begin), *reached])


def _worth(curve: StitchedReturns, moment: int) -> float:
    """Return what the curve was worth at a moment, milliseconds UTC."""
    before: pd.Series[float] = curve.equity.loc[:pd.Timestamp(moment, unit="ms", tz="UTC")]
    return float(before.iloc[-1]) if len(before) else curve.balance


def _figures_of(curve: StitchedReturns) -> dict[str, Any]:
    trades = float(len(curve.trades))
    if curve.ruin is not None:
        return {"final_equity": 0.0, "net_profit_percentage": -100.0, "max_drawdown": -100.0, "trades": trades,
                "sharpe_ratio": math.nan, "reason": ""}
    final = float(curve.equity.iloc[-1])
    return {"final_equity": final, "net_profit_percentage": (final / curve.balance - 1.0) * 100.0,
            "max_drawdown": curve.metric("max_drawdown"), "trades": trades,
            "sharpe_ratio": curve.metric("sharpe_ratio"), "reason": ""}
