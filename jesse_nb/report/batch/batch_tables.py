"""The tables of a batch's report, and the sentences beside them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.luck.doubts import BELIEVABLE_SHARPE
from jesse_nb.core.tools.batch.batch_result import DIMENSIONS, MARKET
from jesse_nb.report.common.judgement import too_good_sentence
from jesse_nb.report.common.labels import label, unit, write
from jesse_nb.report.common.numbers import UNDEFINED, duration, measure, share
from jesse_nb.report.common.tables import Cell, Table, cell, toned

if TYPE_CHECKING:
    from jesse_nb.core.tools.batch.batch_result import BatchResult

__all__ = ["Matrix", "caveats", "counts", "failures_table", "matrix", "periods", "run", "stability_table",
           "statistics_table", "subject", "tiles", "top_table"]

#: More rows and columns than this cannot be read in one picture.
_MOST_ROWS, _MOST_COLUMNS = 30, 16

_SHOWN = ("net_profit_percentage", "sharpe_ratio", "max_drawdown", "win_rate", "total")
_PLURALS = {"strategy": "strategies", "params": "parameter sets"}


class Matrix(NamedTuple):
    """The comparison that a report shows: a metric by two dimensions, and what to say of it."""

    table: pd.DataFrame
    caption: str


def counts(result: BatchResult) -> str:
    """Say how many of what were combined, and what became of them."""
    sizes = {name: len({entry.dimension(name) for entry in result.entries}) for name in DIMENSIONS}
    product = " x ".join(f"{size:,} {_many(name, size)}" for name, size in sizes.items())
    failed = len(result.entries) - len(result.finished)
    parts = [f"{len(result.finished):,} of {result.total:,} combinations finished"]
    parts += [f"{failed:,} failed"] if failed else []
    return f"{product}: {', '.join(parts)}"


def subject(result: BatchResult) -> str:
    """Name what was compared: the strategies, and where they ran."""
    strategies, symbols = (list(dict.fromkeys(getattr(entry, name) for entry in result.entries))
                           for name in ("strategy", "symbol"))
    return f"{_some(strategies)} on {_some(symbols)}"


def periods(result: BatchResult) -> str:
    """Name the periods."""
    return _some(list(dict.fromkeys(entry.period for entry in result.entries)))


def run(result: BatchResult) -> str:
    """Say what ran and how long it took."""
    reused = sum(entry.reused for entry in result.finished)
    parts = [counts(result)] + ([f"{reused:,} known already"] if reused else [])
    return "; ".join([*parts, f"took {duration(result.elapsed)}"])


def tiles(result: BatchResult) -> list[tuple[str, Cell, str]]:
    """Return the figures that lead the report."""
    values = result.values().dropna()
    if values.empty:
        return []
    profits = result.values("net_profit_percentage").dropna()
    metric, best = result.metric, result.top(1)[0]
    return [
        (metric.label, cell(write(metric.name, best.score, (metric,))), f"best: {result.short_name(best)}"),
        (metric.label, cell(write(metric.name, float(values.median()), (metric,))), f"median of {len(values):,}"),
        ("Net profit", toned(measure(float(profits.median()), "percent"), float(profits.median())), "median"),
        ("Profitable", cell(share(float((profits > 0).mean()))), f"of {len(profits):,} combinations"),
    ]


def matrix(result: BatchResult) -> Matrix | None:
    """Choose the two dimensions that show most of a batch; None when nothing was varied."""
    labels = result.labels
    varied = _several(labels, DIMENSIONS)
    tuned = _several(labels, [str(name) for name in labels if name not in (*DIMENSIONS, "exchange")])
    if varied == ["params"] and len(tuned) > 1:
        varied = tuned
    if not varied:
        return None
    columns = [name for name in varied if name in MARKET]
    rows = [name for name in varied if name not in MARKET]
    if not rows:
        rows, columns = columns[:1], columns[1:]
    elif not columns:  # one market: configurations against each other
        rows, columns = (rows[:1], rows[1:2]) if varied == tuned else (rows[-1:], rows[:-1])
    while len(columns) > 1 and len(labels[columns].drop_duplicates()) > _MOST_COLUMNS:
        columns.remove(min(columns, key=lambda name: labels[name].nunique()))
    columns = columns or ["exchange" if "symbol" in rows else "symbol"]
    table = result.pivot(rows, columns)
    best = table.median(axis=1).sort_values(ascending=result.metric.direction == "minimize").index[:_MOST_ROWS]
    shown = table.loc[[row in set(best) for row in table.index]].iloc[:, :_MOST_COLUMNS]
    over = [name for name in varied if name not in (*rows, *columns)]
    return Matrix(shown, _caption(result, table, [*rows, *(name for name in columns if name in varied)], over))


def top_table(result: BatchResult, most: int) -> Table:
    """List the best combinations by the batch's metric."""
    best = result.top(most)
    metrics = [result.metric.name, *(name for name in _SHOWN if label(name) != result.metric.label)]
    varied = _varied(result)
    rows = tuple(
        (cell(str(rank)), *(cell(entry.dimension(name)) for name in varied),
         cell(write(result.metric.name, entry.score, (result.metric,))),
         *(_metric_cell(name, entry.metrics.get(name)) for name in metrics[1:]))
        for rank, entry in enumerate(best, 1)
    )
    head = ("", *varied, result.metric.label, *(label(name) for name in metrics[1:]))
    return Table(head, rows, words=1 + len(varied))


def statistics_table(result: BatchResult) -> Table:
    """Summarise the main metrics over all combinations."""
    frame = result.statistics()
    names = [name for name in _SHOWN if name in frame.index]
    columns = ("median", "mean", "min", "25%", "75%", "max")
    rows = tuple(
        (cell(label(name)), *(cell(write(name, frame.loc[name, column])) for column in columns),
         cell(share(frame.loc[name, "above_zero"]) if unit(name) in ("percent", "ratio") and name != "max_drawdown"
              else ""), cell(measure(frame.loc[name, "count"], "count")))
        for name in names
    )
    return Table(("", *columns, "above 0", "runs"), rows)


def stability_table(result: BatchResult) -> Table:
    """Say, for each thing that was varied, whether configurations keep their order across it."""
    rows = []
    for name in MARKET:
        if not _several(result.labels, [name]):
            continue
        found = result.rank_stability(name)
        many = f"{found.ranks.shape[1] - 1:,} {_many(name, 2)}"
        ranked = f"{len(found.ranks):,}" + (f" ({found.dropped:,} left out)" if found.dropped else "")
        rows.append((cell(many), cell(found.reason or _agreement(found.kendall_w, found.p_value)), cell(ranked),
                     cell(measure(found.kendall_w)), cell(measure(found.p_value)), cell(measure(found.mean_spearman))))
    return Table(("ranked across", "", "configurations", "Kendall's W", "p", "mean Spearman"), tuple(rows), words=2)


def failures_table(result: BatchResult, most: int = 20) -> Table:
    """List why combinations failed, commonest reason first."""
    failed = [entry for entry in result.entries if entry.failed]
    rows = []
    for reason, count in Counter(entry.reason for entry in failed).most_common(most):
        which = [result.short_name(entry) for entry in failed if entry.reason == reason]
        names = which[0] + (f" and {len(which) - 1:,} more" if len(which) > 1 else "")
        rows.append((cell(f"{count:,}"), cell(names), cell(reason)))
    return Table(("runs", "which", "reason"), tuple(rows), words=3)


def caveats(result: BatchResult) -> list[str]:
    """Say what may mislead a reader of the best combinations."""
    scored = int(np.isfinite(result.values()).sum())
    said = [*_ruined(result), *_too_good(result)]
    faulty = [entry for entry in result.finished if entry.audit is not None and entry.audit.wrong]
    if faulty:
        said.append(f"Jesse's own equity is wrong in {len(faulty):,} of {len(result.finished):,} runs; they are "
                    "measured by the right one.")
    if scored > 1:
        said.append(f"The best of {scored:,} combinations are picked with hindsight: some of their lead is luck.")
    if len(result.quotes) > 1:
        said.append(f"Profits are counted in {' and '.join(result.quotes)}: percentages compare runs within one "
                    "currency only, and no portfolio of both can be added up.")
    lengths = [entry.end - entry.start for entry in result.finished]
    if lengths and max(lengths) > 1.1 * min(lengths):
        said.append("Periods differ in length, so total profits do not compare between them; annual figures do.")
    return said


def _ruined(result: BatchResult) -> list[str]:
    lost = [entry for entry in result.finished if entry.ruin]
    if not lost:
        return []
    named = _some([f"{result.short_name(entry)} ({entry.ruin})" for entry in lost])
    return [f"{len(lost):,} of {len(result.finished):,} runs ruined their account and have no value: {named}. "
            "Averages are of the others, and look better for it."]


def _too_good(result: BatchResult) -> list[str]:
    """Name what is too good to be true, even for the best of all that ran."""
    doubts = [(entry, too_good_sentence(entry.equity, len(result.finished))) for entry in result.finished
              if not entry.ruin and entry.equity is not None
              and entry.metrics.get("sharpe_ratio", 0.0) > BELIEVABLE_SHARPE]
    doubted = [(result.short_name(entry), said) for entry, said in doubts if said]
    if not doubted:
        return []
    if len(result.finished) == 1:
        return [doubted[0][1]]
    return [f"Too good to be true: {_some([name for name, _ in doubted])}. {doubted[0][0]}: {doubted[0][1]}"]


def _some(names: list[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def _several(labels: pd.DataFrame, names: Iterable[str]) -> list[str]:
    return [name for name in names if len(labels) and labels[name].nunique() > 1]


def _caption(result: BatchResult, table: pd.DataFrame, shown: list[str], over: list[str]) -> str:
    said = f"{result.metric.label} by {_and(_title(name) for name in shown)}"
    if over:
        said += f"; the median over all {_and(_many(name, 2) for name in over)}"
    if len(table) > _MOST_ROWS:
        said += f". The best {_MOST_ROWS} of {len(table):,} rows"
    if table.shape[1] > _MOST_COLUMNS:
        said += f". The first {_MOST_COLUMNS} of {table.shape[1]:,} columns"
    return f"{said}."


def _and(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _agreement(w: float, p: float) -> str:
    if math.isnan(w):
        return UNDEFINED
    if p >= 0.05:
        return "the order could be chance"
    return "the order holds" if w >= 0.7 else "the order holds in part" if w >= 0.4 else "the order hardly holds"


def _varied(result: BatchResult) -> list[str]:
    return _several(result.labels, DIMENSIONS) or ["strategy", "symbol"]


def _metric_cell(name: str, value: float | None) -> Cell:
    text = write(name, value)
    return toned(text, value) if name == "net_profit_percentage" else cell(text)


def _many(name: str, size: int) -> str:
    return _title(name) if size == 1 else _PLURALS.get(name, f"{name}s")


def _title(name: str) -> str:
    return "parameter set" if name == "params" else name
