"""The tables of a combinatorial purged cross-validation's report."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from jesse_nb.core.times import utc_text
from jesse_nb.report.common.labels import label, write
from jesse_nb.report.common.numbers import UNDEFINED, measure, parameter, share
from jesse_nb.report.common.tables import Cell, Table, cell, toned

if TYPE_CHECKING:
    from jesse_nb.core.tools.cpcv.cpcv_result import CpcvResult

__all__ = ["chosen_table", "groups_table", "paths_table", "splits_table", "summary_table"]

_OF_A_PATH = ("net_profit_percentage", "annual_return", "sharpe_ratio", "sortino_ratio", "calmar_ratio", "max_drawdown")


def summary_table(result: CpcvResult) -> Table:
    """Lay out how each metric is spread over the paths."""
    frame = result.to_frame()
    rows = []
    for name in _OF_A_PATH:
        values = frame[name].dropna().to_numpy(dtype=float)
        figures = np.quantile(values, [0, 0.25, 0.5, 0.75, 1]) if len(values) else np.full(5, math.nan)
        rows.append((cell(label(name)), *(cell(write(name, float(value))) for value in figures)))
    return Table(("over the paths", "lowest", "lower quarter", "median", "upper quarter", "highest"), tuple(rows))


def paths_table(result: CpcvResult, most: int) -> Table:
    """Lay the paths out; of more than ``most``, only the first."""
    rows = [(cell(f"{path.number} (ruined)" if path.ruin else str(path.number), title=str(path.ruin or "")),
             cell(f"{len(path.returns):,}"),
             *(_gain(name, path.metrics[name]) for name in _OF_A_PATH)) for path in result.paths[:most]]
    return Table(("path", "days", *map(label, _OF_A_PATH)), (*rows, *_more(len(result.paths) - most, 8)))


def splits_table(result: CpcvResult, most: int) -> Table:
    """Lay the splits out: what was chosen, and how it did; of more than ``most``, only the first."""
    metric = result.metric
    rows = [
        (cell(str(split.number)), cell(", ".join(map(str, split.test_groups))),
         cell(UNDEFINED if split.chosen is None else str(split.chosen)),
         cell(write(metric.name, split.in_sample, (metric,))), cell(write(metric.name, split.out_of_sample, (metric,))),
         cell(share(1 / (1 + math.exp(-split.logit))) if not math.isnan(split.logit) else UNDEFINED))
        for split in result.splits[:most]
    ]
    head = ("split", "tested groups", "chosen", f"{metric.label} in-sample", f"{metric.label} out-of-sample",
            "relative rank out-of-sample")
    return Table(head, (*rows, *_more(len(result.splits) - most, 6)))


def groups_table(result: CpcvResult) -> Table:
    """Lay the groups out with their days."""
    rows = tuple((cell(str(group.number)), cell(utc_text(group.start)), cell(utc_text(group.end)),
                  cell(measure(group.days))) for group in result.groups)
    return Table(("group", "from", "to (excluded)", "days"), rows, words=3)


def chosen_table(result: CpcvResult) -> Table:
    """Lay out the candidates that some split chose, most often first."""
    numbers = [split.chosen for split in result.splits if split.chosen is not None]
    often = sorted(set(numbers), key=lambda number: (-numbers.count(number), number))
    names = list(dict.fromkeys(name for number in often for name in result.candidates[number]))
    rows = tuple(
        (cell(str(number)), cell(str(numbers.count(number))),
         *(cell(parameter(result.candidates[number].get(name, UNDEFINED))) for name in names))
        for number in often
    )
    return Table(("candidate", "chosen in splits", *names), rows)


def _gain(name: str, value: float) -> Cell:
    text = write(name, value)
    return toned(text, value) if name in ("net_profit_percentage", "annual_return") else cell(text)


def _more(left: int, columns: int) -> list[tuple[Cell, ...]]:
    return [(cell(f"… {left:,} more", "quiet"), *(Cell("") for _ in range(columns - 1)))] if left > 0 else []
