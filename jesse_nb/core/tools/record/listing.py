"""The list of kept results: which of them, in which order."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pandas as pd

from jesse_nb.core.record.entry import ResultEntry
from jesse_nb.core.record.result_store import ResultStore
from jesse_nb.core.simulator.account import Ruin
from jesse_nb.core.study.constraints import Constraint, parse_constraints
from jesse_nb.core.study.metric import resolve_metric
from jesse_nb.core.times import to_ms
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.declaration.record_tools import RESULTS
from jesse_nb.exceptions import InputError, did_you_mean, shown

__all__ = ["RESULT_COLUMNS", "readable_results", "results"]

#: Columns of :func:`results`, in order.
RESULT_COLUMNS = ("key", "name", "when", "kind", "what", "verdict", "metric", "value", "tags", "note")

_WEEK = datetime.timedelta(days=7)
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
        Only where metrics of the run that speaks for it hold, of a study the held-out one: ``"sharpe > 1"``.
    week
        Only of a week, Monday to Sunday (UTC): ``"this"``, ``"last"``, or ``"2026-W48"``.
    since, until
        Only from then on, and before then, UTC.
    sort
        ``when`` (newest first), ``metric`` (what each was ranked by, highest first), another column, or a metric's
        name (best first).
    limit
        How many.

    Returns
    -------
    pandas.DataFrame
        Columns :data:`RESULT_COLUMNS`; ``when`` is UTC, ``value`` that of ``metric`` in its own unit.

    Raises
    ------
    InputError
        When no result is of that kind.

    Examples
    --------
    >>> study = jn.optimize(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-04-01", n_trials=4)
    >>> _ = jn.keep(study, "trend study", tags="listed")
    >>> list(jn.results(tags="listed", week="this")["name"])
    ['trend study']
    """
    measured = metric is not None or sort not in (*RESULT_COLUMNS,)
    entries = ResultStore().entries(metrics=measured)
    if kind is not None and kind not in (known := {entry.kind for entry in entries}):
        raise InputError.of("kind", f"is {shown(kind)}.", did_you_mean(kind, known) or "Nothing is kept yet.")
    begin, end = _span(week, since, until)
    wanted = {tags} if isinstance(tags, str) else set(tags or ())
    chosen: Iterable[ResultEntry] = (
        entry for entry in entries
        if begin <= entry.when < end and wanted <= set(entry.tags)
        and (kind is None or entry.kind == kind) and (strategy is None or strategy in entry.strategies)
        and (symbol is None or symbol in entry.symbols)
        and (text is None or text.casefold() in f"{entry.name}\n{entry.note}\n{entry.what}".casefold()))
    if metric is not None:
        chosen = _holding(chosen, parse_constraints(metric))
    return _table(_sorted(list(chosen), sort)[:limit])


def readable_results(found: pd.DataFrame) -> pd.DataFrame:
    """Return a list as it is shown: keys and moments as short as they can be, a metric with its value."""
    shown_ = found.drop(columns=["value"])
    shown_["key"] = shown_["key"].str[:_SHORT]
    shown_["when"] = shown_["when"].dt.strftime("%Y-%m-%d %H:%M")
    values = found["value"].map(lambda value: "" if pd.isna(value) else f"{value:.4g}")
    shown_["metric"] = (found["metric"].where(values != "", "") + " " + values).str.strip()
    shown_["tags"] = found["tags"].map(" ".join)
    return shown_


def _span(week: str | None, since: Any, until: Any) -> tuple[float, float]:
    """Return when results must have been kept, seconds since 1970, the end excluded."""
    begin = -float("inf") if since is None else to_ms(since, "since") / 1_000
    end = float("inf") if until is None else to_ms(until, "until") / 1_000
    if week is None:
        return begin, end
    try:
        monday = _monday(week)
    except ValueError:
        raise InputError.of("week", f"is {shown(week)}.", "That year has no such week.") from None
    return max(begin, monday.timestamp()), min(end, (monday + _WEEK).timestamp())


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
        run: Any = _Measured(entry.metrics)
        if entry.metrics and all(constraint.satisfied(run) for constraint in constraints):
            yield entry


def _sorted(entries: list[ResultEntry], column: str) -> list[ResultEntry]:
    """Return entries in order; those without a value come last."""
    if column == "when":
        return entries
    if column in RESULT_COLUMNS and column != "metric":
        return sorted(entries, key=lambda entry: (not getattr(entry, column), str(getattr(entry, column)).casefold()))
    if column == "metric":
        return sorted(entries, key=lambda entry: (entry.value != entry.value, -entry.value))
    measure = resolve_metric(column)
    sign = -1 if measure.direction == "maximize" else 1
    values = [(measure.read(_Measured(entry.metrics)), entry) for entry in entries]  # type: ignore[arg-type]
    return [entry for value, entry in sorted(values, key=lambda pair: (pair[0] != pair[0], sign * pair[0]))]


def _table(entries: list[ResultEntry]) -> pd.DataFrame:
    table = pd.DataFrame([[getattr(entry, name) for name in RESULT_COLUMNS] for entry in entries],
                         columns=list(RESULT_COLUMNS))
    table["when"] = pd.to_datetime(table["when"].astype(float), unit="s", utc=True)
    table["value"] = table["value"].astype(float)
    return table
