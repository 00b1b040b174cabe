"""Training beside the held-out period: how much of the result was left."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from jesse_nb.exceptions import MetricError

if TYPE_CHECKING:
    from jesse_nb.core.simulator.result import BacktestResult
    from jesse_nb.core.study.metric import Metric
    from jesse_nb.core.study.optimize_study import OptimizeStudy

__all__ = ["NO_EDGE", "read_metric", "train_test"]

#: Jesse's metrics that are compared, in reading order.
_COMPARED = (
    "net_profit_percentage", "annual_return", "max_drawdown", "sharpe_ratio", "sortino_ratio", "calmar_ratio",
    "omega_ratio", "win_rate", "ratio_avg_win_loss", "expectancy_percentage", "total", "avg_trades_per_month",
)

#: Metrics that do not grow with the period's length, with the value that means "no edge".
#: Only for these a part of the training value can be said to be lost.
NO_EDGE = {
    "annual_return": 0.0, "sharpe_ratio": 0.0, "sortino_ratio": 0.0, "calmar_ratio": 0.0, "omega_ratio": 1.0,
    "smart_sharpe": 0.0, "smart_sortino": 0.0, "serenity_index": 0.0, "expectancy_percentage": 0.0,
}


def train_test(result: OptimizeStudy) -> pd.DataFrame:
    """Compare the best trial's training run, its held-out run and the strategy's own parameters.

    Parameters
    ----------
    result
        An optimization.

    Returns
    -------
    pandas.DataFrame
        One row a metric: the optimized ones by their names, then Jesse's by theirs, each in its own
        unit. Columns ``train``, ``test`` (held out), ``default`` (the strategy's own parameters on the
        training period), ``change`` (test - train) and ``degradation``: the fraction of the
        training value that was lost, ``(train - test) / (train - no edge)``. It is negative when
        the held-out period went better, above 1 when the edge turned into its opposite, and NaN
        where it would mislead: without an edge in training, and for metrics that depend on the
        period's length (total profit, number of trades, drawdown).
    """
    optimized = {metric.name: metric for metric in result.metrics}
    names = [*optimized, *(name for name in _COMPARED if name not in optimized)]
    frame = pd.DataFrame(index=pd.Index(names, name="metric"), columns=["train", "test", "default"],
                         dtype=float)
    for column, run in (("train", result.training), ("test", result.test), ("default", result.default)):
        for name in names:
            frame.loc[name, column] = read_metric(run, name, optimized.get(name))
    # the score by which trials were ranked, even where the winner's whole run is missing
    for position, name in enumerate(optimized):
        if result.best:
            frame.loc[name, "train"] = result.best.values[position]
            if result.top[0].test_values:
                frame.loc[name, "test"] = result.top[0].test_values[position]
    no_edge = pd.Series({name: NO_EDGE.get(name, math.nan) for name in names})
    for name, metric in optimized.items():
        if metric.direction == "minimize":
            no_edge[name] = math.nan
    edge = (frame["train"] - no_edge).where(lambda value: value > 0)
    frame["change"] = frame["test"] - frame["train"]
    frame["degradation"] = -frame["change"] / edge
    return frame


def read_metric(run: BacktestResult | None, name: str, metric: Metric | None = None) -> float:
    """Read an optimized metric, or one of Jesse's by its name, from a run; NaN without a run or a value."""
    if run is None:
        return math.nan
    if metric is None:
        value = run.metrics.get(name)
        return float(value) if value is not None else math.nan
    try:
        return metric.read(run)
    except MetricError:  # the user's own function, on a run that it was not ranked by
        return math.nan
