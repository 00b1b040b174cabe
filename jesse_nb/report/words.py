"""What the numbers of an optimization mean, in plain sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from jesse_nb.report.labels import days, label, write
from jesse_nb.report.numbers import measure, parameter, share

if TYPE_CHECKING:
    from jesse_nb.core.tools.optimize_result import OptimizeResult

__all__ = ["SYNTHETIC", "at_the_edge", "hindsight", "verdict"]

SYNTHETIC = "These candles are made up: nothing here says anything about a real market."

#: Fewer held-out trades than this say little about anything.
FEW_TRADES = 30
#: Which metric speaks for the result when the optimized one cannot be compared between periods.
_SPOKESMEN = ("sharpe_ratio", "sharpe", "annual_return")


def hindsight(result: OptimizeResult) -> str:
    """Say what picking the best of many trials does to its numbers."""
    scored = sum(trial.scored for trial in result.trials)
    if result.best is None:
        return ""
    picked = (f"The best of {scored:,} trials is picked with hindsight, so its training figures flatter it."
              if scored > 1 else "A single trial has a value, so nothing was compared.")
    if result.test_start is None:
        return (f"{picked} No period was held out, so nothing here tells skill from luck: "
                "set test_ratio=0.3 or test_start.")
    return f"{picked} The held-out column is the honest one." if scored > 1 else picked


def at_the_edge(result: OptimizeResult) -> str:
    """Name the parameters whose best value is the last one that was searched."""
    if result.best is None:
        return ""
    edges = [f"{dimension.name} ({parameter(result.best_params[dimension.name])})"
             for dimension in result.space.dimensions
             if dimension.kind != "categorical"
             and result.best_params.get(dimension.name) in (dimension.low, dimension.high)]
    return (f"At the edge of the searched range: {', '.join(edges)}. A wider range may hold a better value."
            if edges else "")


def verdict(result: OptimizeResult, frame: pd.DataFrame) -> list[str]:
    """Say how the best trial did on the period it was not chosen by.

    Parameters
    ----------
    result
        The optimization.
    frame
        Its training, held-out and default figures, as ``comparison`` gives them.
    """
    if result.best is None or result.test_start is None or result.test_end is None:
        return []
    if result.test is None:
        if result.stopped in ("interrupted", "timeout") and not result.top[0].test_reason:
            return ["The study was stopped before the best trial could be run on the held-out period."]
        return [f"The best trial's held-out run failed: {result.top[0].test_reason or 'no reason is known'}."]
    trades = result.test.metrics.get("total", 0)
    if not trades:
        return ["The best trial did not trade in the held-out period, which says nothing for or against it."]

    sentences = _degradation(result, frame)
    if trades < FEW_TRADES:
        sentences.append(f"Only {trades} held-out {'trade' if trades == 1 else 'trades'} in "
                         f"{days(result.test_start, result.test_end)}: too few to be sure of anything.")
    return sentences


def _degradation(result: OptimizeResult, frame: pd.DataFrame) -> list[str]:
    lost_by_name = frame["degradation"].dropna()
    for name in (*(metric.name for metric in result.metrics), *_SPOKESMEN):
        if name in lost_by_name:
            train, test = (write(name, frame[column][name], result.metrics) for column in ("train", "test"))
            return [f"{label(name, result.metrics)} went from {train} in training to {test} on the held-out "
                    f"period: {_judgement(float(lost_by_name[name]))}"]
    profit = result.test.metrics.get("net_profit_percentage") if result.test else None
    return [f"The held-out period returned {measure(profit, 'percent')}; there was no edge in training that "
            "it could confirm."]


def _judgement(lost: float) -> str:
    if lost >= 1:
        return "the edge is gone."
    if lost > 0.5:
        return f"{share(lost)} of it is lost, most of the edge."
    if lost > 0.25:
        return f"{share(lost)} of it is lost."
    if lost >= 0:
        return "it holds up."
    return "better than in training, which is luck as much as skill."
