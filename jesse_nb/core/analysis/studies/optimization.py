"""What the trials of an optimization say: convergence, slices, the best ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from jesse_nb.core.study.optimize_study import OptimizeStudy

__all__ = ["convergence", "slices", "top_table"]


def convergence(result: OptimizeStudy) -> pd.DataFrame:
    """Return the first metric's value by trial, and the best value so far.

    Parameters
    ----------
    result
        An optimization.

    Returns
    -------
    pandas.DataFrame
        Columns ``trial``, ``value`` and ``best``, in the metric's own sign and unit, ordered
        by trial. Trials that failed or have no value are left out; those that break a constraint
        are never the best, nor are those with too few trades where another has enough.
    """
    scored = sorted((trial for trial in result.trials if trial.scored), key=lambda trial: trial.number)
    frame = pd.DataFrame({"trial": pd.Series([trial.number for trial in scored], dtype=int),
                          "value": pd.Series([trial.value for trial in scored], dtype=float)})
    fit = [trial for trial in scored if trial.eligible]
    some = [trial for trial in fit if not trial.few_trades] or fit
    taken = frame["value"].where(frame["trial"].isin([trial.number for trial in some]))
    highest = result.metrics[0].direction == "maximize"
    return frame.assign(best=(taken.cummax() if highest else taken.cummin()).ffill())


def slices(result: OptimizeStudy) -> dict[str, pd.DataFrame]:
    """Return the first metric's value against each parameter.

    Returns
    -------
    dict
        By parameter, in the space's order: a frame with columns ``trial``, ``x`` (the
        parameter's value) and ``value``. Trials that failed or have no value are left out.
    """
    scored = [trial for trial in result.trials if trial.scored]
    tables = {}
    for dimension in result.space.dimensions:
        points = [trial for trial in scored
                  if dimension.name in trial.params and dimension.contains(trial.params[dimension.name])]
        tables[dimension.name] = pd.DataFrame({
            "trial": pd.Series([trial.number for trial in points], dtype=int),
            "x": pd.Series([trial.params[dimension.name] for trial in points],
                           dtype=object if dimension.kind == "categorical" else float),
            "value": pd.Series([trial.value for trial in points], dtype=float),
        })
    return tables


def top_table(result: OptimizeStudy, n: int = 10) -> pd.DataFrame:
    """Return the best trials with their held-out runs beside them.

    Parameters
    ----------
    result
        An optimization.
    n
        How many rows at the most.

    Returns
    -------
    pandas.DataFrame
        One row a trial, index ``rank`` from 1. Columns: ``trial``; ``param_…``; ``value_…`` a
        metric; ``trades``, ``net_profit_percentage``, ``max_drawdown`` (percent) of the training
        period; with a held-out period also ``test_value_…``, ``test_trades``,
        ``test_net_profit_percentage``, ``test_max_drawdown`` and ``test_reason``.
    """
    rows = []
    for rank, entry in enumerate(result.top[:n], start=1):
        trial = entry.trial
        row: dict[str, Any] = {"rank": rank, "trial": trial.number}
        row |= {f"param_{dimension.name}": trial.params.get(dimension.name)
                for dimension in result.space.dimensions}
        row |= {f"value_{metric.name}": value
                for metric, value in zip(result.metrics, trial.values, strict=True)}
        row |= _run_columns(trial.metrics)
        if result.test_start is not None:
            values = entry.test_values or (math.nan,) * len(result.metrics)
            row |= {f"test_value_{metric.name}": value
                    for metric, value in zip(result.metrics, values, strict=True)}
            row |= {f"test_{name}": value
                    for name, value in _run_columns(entry.test.metrics if entry.test else {}).items()}
            row["test_reason"] = entry.test_reason
        rows.append(row)
    return pd.DataFrame(rows).set_index("rank") if rows else pd.DataFrame()


def _run_columns(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {"trades": metrics.get("total", math.nan),
            "net_profit_percentage": metrics.get("net_profit_percentage", math.nan),
            "max_drawdown": metrics.get("max_drawdown", math.nan)}
