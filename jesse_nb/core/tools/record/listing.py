"""The list of kept results: which of them, in which order."""

from __future__ import annotations

import datetime
import math
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd

from jesse_nb.core.record.about import known_verdicts
from jesse_nb.core.record.entry import ResultEntry
from jesse_nb.core.record.result_store import ResultStore
from jesse_nb.core.simulator.account import Ruin
from jesse_nb.core.study.constraints import Constraint, parse_constraints
from jesse_nb.core.study.metric import Metric, resolve_metric
from jesse_nb.core.times import DAY_MS, to_ms, utc_text
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.declaration.record_tools import RESULTS
from jesse_nb.exceptions import InputError, did_you_mean, shown

__all__ = ["RESULT_COLUMNS", "readable_results", "results"]

#: Columns of :func:`results`, in order; those of metrics that were asked for come after these.
RESULT_COLUMNS = ("key", "name", "when", "kind", "what", "verdict", "metric", "value", "run", "days",
                  "trades", "tags", "note")

_WEEK = datetime.timedelta(days=7)
_SERENITY = "serenity_index"
#: Columns of how much there is of the run that speaks for a result.
_SIZES = ("days", "trades")
#: Digits of a key that are shown.
_SHORT = 8


@declared(RESULTS)
def results(
    text: str | None = None,
    *,
    kind: str | None = None,
    strategy: str | None = None,
    symbol: str | None = None,
    tags: str | Iterable[str] | None = (),
    metric: str | None = None,
    verdict: str | None = None,
    week: str | None = None,
    since: Any = None,
    until: Any = None,
    sort: str = "when",
    limit: int = 20,
) -> pd.DataFrame:
    """List the results that this project has kept, without opening them.

    Parameters
    ----------
    text
        Only those with it in name, note or description, whatever the capitals.
    kind
        Only of one tool: ``backtest``, ``optimize``, ``walk_forward``, ``batch``, ``analyze``, …
    strategy, symbol
        Only of these.
    tags
        Only with all of these.
    metric
        Only where metrics of the run that speaks for it hold: ``"sharpe > 1"``.
    verdict
        Only with it in their verdict, whatever the capitals: ``"luck"``, ``"holds up"``.
    week
        Only of a week, Monday to Sunday (UTC): ``"this"``, ``"last"``, or ``"2026-W48"``.
    since, until
        Only from then on, and before then, UTC.
    sort
        ``when`` (newest first), ``metric`` (what each was ranked by, highest first), ``days`` or ``trades`` (most
        first), another column, or a metric's name (best first).
    limit
        How many.

    Returns
    -------
    pandas.DataFrame
        Columns :data:`RESULT_COLUMNS`; ``when`` is UTC, ``metric`` what the result is ranked by, ``value`` that of it
        in its own unit. Every metric that ``metric`` and ``sort`` name has a column of its own after these. All are of
        one run, which ``run`` names: of a study the held-out one, or the training one where nothing was held out.
        ``days`` and ``trades`` say how much of it there is: a ratio of few is luck.
        ``.attrs["kept"]`` says in words from when to when they were kept, where that was asked for.

    Raises
    ------
    InputError
        When no result is of that kind, no verdict has such words, a tag or strategy is mistyped, or no moment
        is in the span.

    Examples
    --------
    >>> study = jn.optimize(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-04-01", n_trials=4)
    >>> _ = jn.keep(study, "trend study", tags="listed")
    >>> list(jn.results(tags="listed", week="this")["name"])
    ['trend study']
    """
    measured = metric is not None or sort not in RESULT_COLUMNS
    entries = ResultStore().entries(metrics=measured)
    if kind is not None and kind not in (known := {entry.kind for entry in entries}):
        raise InputError.of("kind", f"is {shown(kind)}.", did_you_mean(kind, known) or "Nothing is kept yet.")
    if verdict is not None:
        _check_verdict(verdict, {entry.verdict for entry in entries})
    begin, end = _span(week, since, until)
    for name, given in (("tags", tags), ("strategy", strategy)):
        _check_spelling(name, [given] if isinstance(given, str) else given or (), entries)
    wanted = {tags} if isinstance(tags, str) else set(tags or ())
    chosen: Iterable[ResultEntry] = (
        entry for entry in entries
        if begin <= entry.when < end and wanted <= set(entry.tags)
        and (kind is None or entry.kind == kind) and (strategy is None or strategy in entry.strategies)
        and (symbol is None or symbol in entry.symbols)
        and (verdict is None or verdict.casefold() in entry.verdict.casefold())
        and (text is None or text.casefold() in f"{entry.name}\n{entry.note}\n{entry.what}".casefold()))
    constraints = () if metric is None else parse_constraints(metric)
    if constraints:
        chosen = _holding(chosen, constraints)
    order = None if sort in RESULT_COLUMNS else resolve_metric(sort)
    asked = {each.name: each for each in (order, *(one.metric for one in constraints)) if each is not None}
    table = _table(_sorted(list(chosen), order or sort)[:limit],
                   {name: each for name, each in asked.items() if name not in RESULT_COLUMNS})
    table.attrs["kept"] = _span_text(begin, end)
    return table


def readable_results(found: pd.DataFrame) -> pd.DataFrame:
    """Return a list as it is shown: keys and moments as short as they can be, metrics with value and run.

    The metrics are those that were filtered and sorted by, or else what each result is ranked by.
    """
    asked = {name: resolve_metric(name).label for name in found.columns if name not in RESULT_COLUMNS}
    shown_ = found.drop(columns=["value", "run", *_SIZES, *asked])
    shown_["key"] = shown_["key"].str[:_SHORT]
    shown_["when"] = shown_["when"].dt.strftime("%Y-%m-%d %H:%M")
    rows = found.to_dict("records")
    shown_["metric"] = [_figures([(label, row[name]) for name, label in asked.items()]
                                 or [(row["metric"], row["value"])], _run_words(row)) for row in rows]
    shown_["tags"] = found["tags"].map(" ".join)
    return shown_


def _figures(figures: Iterable[tuple[str, float]], run: str) -> str:
    known = ", ".join(f"{label} {value:.4g}" for label, value in figures if value == value)
    return f"{known} ({run})" if known and run else known


def _run_words(row: Mapping[Hashable, Any]) -> str:
    """Return which run a figure is of, and how much of it there is."""
    sizes = [f"{row[name]:,.1f}".removesuffix(".0") + f" {name.removesuffix('s') if row[name] == 1 else name}"
             for name in _SIZES if row[name] == row[name]]
    return ", ".join(filter(None, (row["run"], *sizes)))


def _span(week: str | None, since: Any, until: Any) -> tuple[float, float]:
    """Return when results must have been kept, seconds since 1970, the end excluded."""
    begin = -float("inf") if since is None else to_ms(since, "since") / 1_000
    end = float("inf") if until is None else to_ms(until, "until") / 1_000
    if begin >= end:
        raise InputError.of("until", f"is {utc_text(int(end * 1_000))}, which does not come after since.",
                            "Results are listed from since on, and before until.")
    if week is None:
        return begin, end
    try:
        monday = _monday(week)
    except ValueError:
        raise InputError.of("week", f"is {shown(week)}.", "That year has no such week.") from None
    return max(begin, monday.timestamp()), min(end, (monday + _WEEK).timestamp())


def _span_text(begin: float, end: float) -> str:
    """Return a span in words, its last day written as a day where all of it is meant; empty where there is no bound."""
    first = f"from {utc_text(int(begin * 1_000))}" if math.isfinite(begin) else ""
    last = ""
    if math.isfinite(end):
        whole = int(end * 1_000) % DAY_MS == 0
        last = f"to the end of {utc_text(int(end * 1_000) - DAY_MS)}" if whole else f"to {utc_text(int(end * 1_000))}"
    return f"Kept {' '.join(filter(None, (first, last)))}, UTC." if first or last else ""


def _check_spelling(name: str, words: Iterable[str], entries: Iterable[ResultEntry]) -> None:
    """Refuse what no result has, where one has what is spelt alike; any other word is answered with an empty list."""
    known = {value for entry in entries for value in (entry.tags if name == "tags" else entry.strategies)}
    for word in words:
        near = did_you_mean(word, known)
        if word not in known and near.startswith("Did"):
            raise InputError.of(name, f"is {shown(word)}, which no kept result has.", near)


def _check_verdict(verdict: str, kept: set[str]) -> None:
    known = {*known_verdicts(), *kept} - {""}
    if any(verdict.casefold() in each.casefold() for each in known):
        return
    near = did_you_mean(verdict, known | {word for each in known for word in each.split()})
    hint = f"{near} " if near.startswith("Did") else ""
    raise InputError.of("verdict", f"is {shown(verdict)}.", f"{hint}Verdicts are: {', '.join(sorted(known))}.")


def _monday(week: str) -> datetime.datetime:
    now = datetime.datetime.now(datetime.timezone.utc)
    year, number, _ = now.isocalendar()
    if week in ("this", "last"):
        monday = datetime.datetime.fromisocalendar(year, number, 1).replace(tzinfo=datetime.timezone.utc)
        return monday if week == "this" else monday - _WEEK
    year, number = int(week[:4]), int(week[-2:])
    return datetime.datetime.fromisocalendar(year, number, 1).replace(tzinfo=datetime.timezone.utc)


class _Measured(NamedTuple):
    """All that Jesse's metrics need of a result."""

    metrics: Any
    ruin: Ruin | None = None


def _holding(entries: Iterable[ResultEntry], constraints: tuple[Constraint, ...]) -> Iterator[ResultEntry]:
    for entry in entries:
        run: Any = _measured(entry)
        if entry.metrics and all(constraint.satisfied(run) for constraint in constraints):
            yield entry


def _measured(entry: ResultEntry) -> _Measured:
    """Return its metrics, without an infinite serenity index: the equity that tells what is meant is not at hand."""
    if math.isfinite(entry.metrics.get(_SERENITY, 0.0)):
        return _Measured(entry.metrics)
    return _Measured({name: value for name, value in entry.metrics.items() if name != _SERENITY})


def _sorted(entries: list[ResultEntry], column: str | Metric) -> list[ResultEntry]:
    """Return entries in order; those without a value come last."""
    if isinstance(column, Metric):
        sign = -1 if column.direction == "maximize" else 1
        values = [(_value(column, entry), entry) for entry in entries]
        return [entry for value, entry in sorted(values, key=lambda pair: (pair[0] != pair[0], sign * pair[0]))]
    if column == "when":
        return entries
    if column == "metric":
        return sorted(entries, key=lambda entry: (entry.value != entry.value, -entry.value))
    if column in _SIZES:
        return sorted(entries, key=lambda entry: (getattr(entry, column) != getattr(entry, column),
                                                  -getattr(entry, column)))
    return sorted(entries, key=lambda entry: (not getattr(entry, column), str(getattr(entry, column)).casefold()))


def _value(metric: Metric, entry: ResultEntry) -> float:
    return metric.read(_measured(entry)) if entry.metrics else math.nan  # type: ignore[arg-type]


def _table(entries: list[ResultEntry], asked: Mapping[str, Metric]) -> pd.DataFrame:
    rows = [[*(getattr(entry, name) for name in RESULT_COLUMNS), *(_value(metric, entry) for metric in asked.values())]
            for entry in entries]
    table = pd.DataFrame(rows, columns=[*RESULT_COLUMNS, *asked])
    table["when"] = pd.to_datetime(table["when"].astype(float), unit="s", utc=True)
    for name in ("value", *_SIZES):
        table[name] = table[name].astype(float)
    return table
