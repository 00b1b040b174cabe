"""The tables of a walk-forward's report."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from jesse_nb.core.analysis.studies.stability import parameter_stability
from jesse_nb.core.analysis.studies.stitching import StitchedReturns
from jesse_nb.core.analysis.studies.walk_forward import degradation, window_metrics
from jesse_nb.core.times import utc_text
from jesse_nb.report.common.labels import label, unit, write
from jesse_nb.report.common.numbers import UNDEFINED, parameter, share
from jesse_nb.report.common.tables import Cell, Table, cell, toned

if TYPE_CHECKING:
    from jesse_nb.core.study.walk_forward_study import WindowResult
    from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult

__all__ = ["all_metrics_table", "curve_table", "stability_table", "windows_table"]

_OF_A_WINDOW = ("net_profit_percentage", "sharpe_ratio", "max_drawdown", "total")
_CONSTANT = ("annualization", "starting_balance", "current_streak")


def curve_table(curve: StitchedReturns) -> Table:
    """Lay out the metrics of the stitched curve, of the default parameters and of holding the market."""
    columns = [("stitched", "stitched")]
    columns += [("baseline", "default")] if curve.baseline is not None else []
    columns += [("market", "market")] if curve.market is not None else []
    rows = tuple((cell(label(name)), *(_metric(name, float(curve.metrics[column][name])) for column, _ in columns))
                 for name in map(str, curve.metrics.index))
    return Table(("", *(title for _, title in columns)), rows)


def windows_table(result: WalkForwardResult, most: int) -> Table:
    """Lay the windows out, in-sample beside out-of-sample; of more than ``most``, only the first and the last."""
    frame = window_metrics(result)
    optimized = result.metrics[0]
    names = [optimized.name, *(name for name in _OF_A_WINDOW if name in frame["in_sample"] and
                               (label(name), unit(name)) != (optimized.label, optimized.unit))]
    head = ["window", "tested from", "to", *(f"{label(name, result.metrics)} {part}" for name in names
                                              for part in ("in", "out"))]
    head += list(result.space.names) if result.space else []
    rows = [_window_row(window, values, names, result)
            for window, (_, values) in zip(result.windows, frame.iterrows(), strict=True)]
    if len(rows) > most:
        half = most // 2
        left_out = (cell(f"… {len(rows) - 2 * half:,} more", "quiet"), *(Cell("") for _ in head[1:]))
        rows = [*rows[:half], left_out, *rows[-half:]]
    return Table(tuple(head), tuple(rows), words=3)


def all_metrics_table(result: WalkForwardResult, curve: StitchedReturns) -> Table:
    """Lay out every metric in-sample and out-of-sample, and the part of it that was lost."""
    frame = degradation(result, curve)
    twins = [(metric.label, metric.unit) for metric in result.metrics]
    names = [str(name) for name in frame.index if name not in _CONSTANT and (
        name in [metric.name for metric in result.metrics] or (label(str(name)), unit(str(name))) not in twins)]
    rows = []
    for name in names:
        values = frame.loc[name]
        row = [cell(label(name, result.metrics))]
        row += [_metric(name, float(values[column]), result, empty=column in ("stitched", "baseline"))
                for column in ("in_sample", "out_of_sample", "stitched", "baseline")]
        rows.append((*row, _lost(float(values["degradation"]), str(values["reason"]))))
    return Table(("", "in-sample", "out-of-sample", "stitched", "default, stitched", "lost"), tuple(rows))


def stability_table(result: WalkForwardResult) -> Table:
    """Lay out how steady each parameter is."""
    rows = tuple(
        (cell(str(name)), cell(_ratio(float(row["stability"]))), cell(_ratio(float(row["chance"]))),
         cell(f"{int(row['changes'])} of {int(row['pairs'])}"))
        for name, row in parameter_stability(result).iterrows()
    )
    return Table(("parameter", "stability", "by chance", "changes"), rows)


def _window_row(one: WindowResult, values: pd.Series[float], names: list[str],
                result: WalkForwardResult) -> tuple[Cell, ...]:
    window = one.window
    row = [cell(str(window.number)), cell(utc_text(window.test_start)),
           cell(utc_text(window.test_end) + (" (cut)" if window.partial else ""))]
    for name in names:
        for part in ("in_sample", "out_of_sample"):
            shown = _metric(name, float(values[(part, name)]), result)
            row.append(shown._replace(title=one.reason) if part == "out_of_sample" and one.reason else shown)
    varied = result.space.names if result.space else ()
    row += [cell(parameter(one.params[name]) if name in one.params else UNDEFINED) for name in varied]
    return tuple(row)


def _metric(name: str, value: float, result: WalkForwardResult | None = None, *, empty: bool = False) -> Cell:
    optimized = result.metrics if result is not None else ()
    if empty and math.isnan(value):
        return Cell("", "undefined", "not a metric of returns, or undefined")
    text = write(name, value, optimized)
    signed = unit(name, optimized) in ("percent", "currency") and name not in ("max_drawdown", "drawdown")
    gains = ("profit", "return", "expectancy", "open_pl")
    return toned(text, value) if signed and any(word in name for word in gains) else cell(text)


def _lost(fraction: float, reason: str) -> Cell:
    if math.isnan(fraction):
        return Cell("", "undefined", reason)
    if fraction <= 0:
        return cell("none", title="out-of-sample went at least as well")
    return cell(share(fraction), "bad" if fraction > 0.25 else "")


def _ratio(value: float) -> str:
    return UNDEFINED if math.isnan(value) else f"{value:.2f}"
