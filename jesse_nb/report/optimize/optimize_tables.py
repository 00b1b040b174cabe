"""The tables of an optimization's report."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from jesse_nb.core.analysis.studies.held_out import read_metric, train_test
from jesse_nb.core.analysis.studies.optimization import top_table
from jesse_nb.core.study.dimension_words import range_of
from jesse_nb.report.backtest.backtest_tables import MAIN
from jesse_nb.report.common.labels import label, unit, write
from jesse_nb.report.common.numbers import UNDEFINED, parameter, share
from jesse_nb.report.common.tables import Cell, Table, cell, toned

if TYPE_CHECKING:
    from jesse_nb.core.tools.optimize.holdout import OpenedHoldout
    from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult

__all__ = ["best_parameters", "comparison", "comparison_table", "failures", "parity_table", "plateau_table",
           "sealed_table", "top_trials"]

#: What top_table calls Jesse's metrics, where it is not their name.
_COLUMNS = {"total": "trades"}
_BELOW_ZERO_IS_BAD = ("percent", "currency")


def best_parameters(result: OptimizeResult) -> Table:
    """Best value of each parameter beside the strategy's own and the range that was searched."""
    own = {dimension.name: dimension.default for dimension in result.space.dimensions
           if dimension.default is not None} | dict(result.spec.hyperparameters)
    shown = any(name in own for name in result.space.names)
    rows = tuple(
        (cell(dimension.name), cell(_value(result.best_params, dimension.name)),
         *([cell(_value(own, dimension.name))] if shown else []), cell(range_of(dimension)))
        for dimension in result.space.dimensions
    )
    return Table(("parameter", "best", *(["default"] if shown else []), "searched"), rows)


def comparison(result: OptimizeResult) -> pd.DataFrame:
    """Training beside held-out beside default, without the Jesse rows that an optimized metric repeats."""
    frame = train_test(result)
    optimized = [metric.name for metric in result.metrics]
    for metric in result.metrics:
        twins = [name for name in frame.index if name not in optimized
                 and (label(name), unit(name)) == (metric.label, metric.unit)]
        for twin in twins:
            # only Jesse's row knows whether a part of it can be said to be lost
            frame.loc[metric.name, "degradation"] = frame.loc[twin, "degradation"]
        frame = frame.drop(index=twins)
    return frame


def comparison_table(result: OptimizeResult, frame: pd.DataFrame) -> Table:
    """Lay :func:`comparison` out; columns without a run behind them are left out."""
    columns = [("train", "training")]
    columns += [("test", "held out")] if result.test is not None else []
    columns += [("default", "default")] if result.default is not None else []
    head = ("", *(title for _, title in columns), *(["edge lost"] if result.test is not None else []))
    rows = []
    for name in map(str, frame.index):
        values = frame.loc[name]
        row = [cell(label(name, result.metrics))]
        row += [_metric_cell(name, float(values[column]), result) for column, _ in columns]
        if result.test is not None:
            row.append(_lost(float(values["degradation"])))
        rows.append(tuple(row))
    return Table(head, tuple(rows))


def sealed_table(result: OpenedHoldout) -> Table:
    """Lay the runs on the sealed days out: the best parameters beside the strategy's own."""
    metrics = result.holdout.metrics
    optimized = [(metric.label, metric.unit) for metric in metrics]
    names = [metric.name for metric in metrics]
    names += [name for name in MAIN if (label(name), unit(name)) not in optimized]
    runs = [result.best] + ([result.default] if result.default is not None else [])
    by_name = {metric.name: metric for metric in metrics}
    rows = tuple((cell(label(name, metrics)),
                  *(cell(write(name, read_metric(run, name, by_name.get(name)), metrics)) for run in runs))
                 for name in names)
    return Table(("", "best", "default")[: 1 + len(runs)], rows)


def top_trials(result: OptimizeResult, n: int) -> Table:
    """Lay the best trials out, parameters first, held-out figures last."""
    frame = top_table(result, n)
    names = [dimension.name for dimension in result.space.dimensions]
    held_out = any(entry.test is not None or entry.test_reason for entry in result.top)
    optimized = [(metric.label, metric.unit) for metric in result.metrics]
    beside = [name for name in ("total", "net_profit_percentage", "max_drawdown")
              if (label(name), unit(name)) not in optimized]
    scores = [metric.name for metric in result.metrics]
    head = ["rank", "trial", *names]
    for suffix in ("", ", held out") if held_out else ("",):
        head += [f"{metric.label}{suffix}" for metric in result.metrics]
        head += [f"{label(name)}{suffix}" for name in beside]
    rows = []
    for rank, row in frame.iterrows():
        line = [cell(str(rank)), cell(f"{int(row['trial'])}")]
        line += [cell(_value({name: row[f"param_{name}"]}, name)) for name in names]
        for prefix in ("", "test_") if held_out else ("",):
            why = str(row["test_reason"]) if prefix else ""
            cells = [_metric_cell(name, row[f"{prefix}value_{name}"], result) for name in scores]
            cells += [_metric_cell(name, row[f"{prefix}{_COLUMNS.get(name, name)}"], result)
                      for name in beside]
            line += [entry._replace(title=why or entry.title) for entry in cells]
        rows.append(tuple(line))
    return Table(tuple(head), tuple(rows), words=0)


def plateau_table(result: OptimizeResult) -> Table:
    """Lay the best trials out with their neighbours, the most robust first."""
    if result.plateau is None:
        return Table((), ())
    metric, ranked = result.plateau.metric, result.plateau.ranked
    some = any(neighbourhood.unusable for neighbourhood in ranked)
    rows = tuple((cell(str(neighbourhood.trial.number)), cell(str(len(neighbourhood.neighbours))),
                  *([cell(str(neighbourhood.unusable))] if some else []),
                  *(_metric_cell(metric.name, value, result)
                    for value in (neighbourhood.trial.value, neighbourhood.median, neighbourhood.worst)),
                  cell(share(neighbourhood.kept), "bad" if neighbourhood.kept < 0.5 else ""))
                 for neighbourhood in ranked)
    return Table(("trial", "neighbours", *(["unusable"] if some else []), metric.label, "median neighbour",
                  "worst neighbour", "edge kept"), rows)


def parity_table(result: OptimizeResult) -> Table:
    """Lay the metrics out that Jesse reads off daily samples, in both modes, and the same sampled at midnight."""
    found = result.parity
    if found is None or found.reason:
        return Table((), ())
    head = ("fast mode", "step mode", "fast, at midnight", "step, at midnight")[: 2 if found.midnight_reason else 4]
    rows = tuple((cell(label(name)), *(cell(write(name, value)) for value in values[: len(head)]))
                 for name, *values in found.ratios.itertuples())
    return Table(("", *head), rows)


def failures(result: OptimizeResult, limit: int = 10) -> Table:
    """Reasons of failed trials and of undefined values, commonest first."""
    reasons = dict(result.failures)
    undefined = pd.Series([trial.reason or "the metric is undefined for this run" for trial in result.trials
                           if trial.state == "finished" and not trial.scored], dtype=object).value_counts()
    lines = [(str(count), "failed", reason) for reason, count in reasons.items()]
    lines += [(str(count), "no value", str(reason)) for reason, count in undefined.items()]
    rows = [tuple(map(cell, line)) for line in lines[:limit]]
    if len(lines) > limit:
        rows.append((cell("…"), cell(""), cell(f"and {len(lines) - limit} more reasons")))
    return Table(("trials", "outcome", "reason"), tuple(rows), words=3)


def _lost(fraction: float) -> Cell:
    if math.isnan(fraction):
        return Cell("", "undefined", "periods of different length do not compare, or training had no edge")
    if fraction <= 0:
        return cell("none", title="the held-out period went at least as well")
    return cell(share(fraction), "bad" if fraction > 0.25 else "")


def _metric_cell(name: str, value: float, result: OptimizeResult) -> Cell:
    text = write(name, value, result.metrics)
    return toned(text, value) if unit(name, result.metrics) in _BELOW_ZERO_IS_BAD and name not in (
        "max_drawdown", "drawdown") else cell(text)


def _value(values: Any, name: str) -> str:
    return parameter(values[name]) if name in values else UNDEFINED
