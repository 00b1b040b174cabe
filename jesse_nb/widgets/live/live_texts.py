"""The live view's contents: a job's progress and board as finished texts, of bounded size.

Every number is written here, so the page only places texts and draws shares between 0 and 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from jesse_nb.core.tools.registry import title_of_job
from jesse_nb.report.common.numbers import UNDEFINED, measure, parameter
from jesse_nb.report.common.progress_line import count_text, rate_text, whole_duration

if TYPE_CHECKING:
    from jesse_nb.core.jobs.job import Job
    from jesse_nb.core.jobs.progress import Progress

__all__ = ["announcement", "outcome", "snapshot"]

#: No text in the view is longer.
LONGEST_TEXT = 160
#: Up to so many trials, all have the same room.
_FEW = 100
_TICKS = (10, 100, 1_000, 10_000)
#: More parameters than this are not listed beside a trial.
MOST_PARAMETERS = 8

_OUTCOMES = {"finished": "Finished", "failed": "Failed", "cancelled": "Stopped"}


def snapshot(job: Job[Any], *, ended: bool = False) -> dict[str, Any]:
    """Return all that a live view shows of a job now; the same size however long the job has run.

    Parameters
    ----------
    job
        What is shown.
    ended
        Show it as stopped even while its last simulations wind up.
    """
    progress = job.progress
    if ended and progress.state == "running":
        progress = replace(progress, state="cancelled", running=0, eta=None)
    return {
        "id": job.id,
        "title": _cut(f"{title_of_job(job.kind)}: {job.title}"),
        "state": progress.state,
        "stopping": job.cancelling,
        "phase": _cut(progress.phase or progress.kind),
        "share": round(progress.fraction, 4) if progress.total else None,
        "count": count_text(progress) if progress.done or progress.total else "",
        "facts": [[label, _cut(text)] for label, text in _facts(progress)],
        "message": _cut(progress.message, 300),
        "outcome": "" if progress.state == "running" else _cut(outcome(progress), 300),
        "board": _board(job.board()),
    }


def outcome(progress: Progress) -> str:
    """Say how a job ended: ``Finished in 2 min 3 s, best Sharpe ratio 1.84 (trial 37)``."""
    ended = f"{_OUTCOMES.get(progress.state, progress.state)}"
    took = whole_duration(progress.elapsed)
    if progress.state == "failed":
        return f"{ended} after {took}: {progress.message}"
    where = f" while {progress.phase}, {count_text(progress)} done," if progress.state == "cancelled" else ""
    said = f"{ended}{where} {'after' if where else 'in'} {took}"
    return f"{said}, best {progress.best_label}" if progress.best is not None else said


def announcement(job: Job[Any]) -> dict[str, str]:
    """Return the ``title`` and ``text`` with which the page tells that a job has ended."""
    return {"title": _cut(f"{title_of_job(job.kind)}: {job.title}"), "text": _cut(outcome(job.progress), 300)}


def _facts(progress: Progress) -> Iterable[tuple[str, str]]:
    # A walk-forward has no best value; what it says in that place is how many windows have ended.
    yield "So far" if progress.best is None and progress.best_label else "Best so far", progress.best_label or UNDEFINED
    yield "Elapsed", whole_duration(progress.elapsed)
    running = progress.state == "running"
    yield "Left", whole_duration(progress.eta) if progress.eta is not None else UNDEFINED
    yield "Rate", rate_text(progress.rate) if progress.rate else UNDEFINED
    if progress.workers and running:
        # One more than may run waits in the pool, so that no worker is ever idle.
        yield "Workers busy", f"{min(progress.running, progress.workers)} of {progress.workers}"
    yield "Failed", f"{progress.failed:,}"
    if progress.stopped_early:
        yield "Stopped early", f"{progress.stopped_early:,}"
    yield "Known already", f"{progress.reused:,}"


def _board(board: dict[str, Any] | None) -> dict[str, Any] | None:
    draw = {"convergence": _convergence, "windows": _windows, "matrix": _matrix}
    return draw[board["kind"]](board) if board and board["kind"] in draw else None


def _convergence(board: dict[str, Any]) -> dict[str, Any] | None:
    points, unit, label = board["points"], board["unit"], _cut(board["label"])
    if not points:
        return None
    values = [value for _, value in points]
    low, high = min(values), max(values)
    extent = max(board["trials"], board["total"], 1)
    # A staircase: the best stays the best until the next one.
    corners = [points[0], *(corner for before, now in pairwise(points) for corner in ([now[0], before[1]], now)),
               [board["trials"], values[-1]]]
    steps = [[_along(trials, extent), _share(value, low, high)] for trials, value in corners]
    names = list(dict.fromkeys(name for trial in board["top"] for name in trial["params"]))
    least = board.get("few_trades", 0)
    thin = f" of fewer than {least:,} trades" if least else ""
    warning = (f"No trial has made {least:,} trades yet (min_trades). These have not, and rank after all that do.",) \
        if least else ()
    return {
        "kind": "convergence",
        "caption": f"Best {label} after each trial{thin and f', all{thin}'}",
        "described": f"Best {label} so far {measure(values[-1], unit)}, after {board['trials']:,} trials; "
                     f"{measure(values[0], unit)} with the first that had a value.",
        "steps": steps,
        "low": measure(low, unit), "high": measure(high, unit), "flat": low == high,
        "extent": f"{extent:,} trials",
        "ticks": [[_along(trials, extent), f"{trials:,}"] for trials in _TICKS if _FEW < extent > 3 * trials],
        "table": {
            "caption": f"Best {len(board['top'])} by {label}{thin}",
            "head": ["Trial", label, *map(_cut, names[:MOST_PARAMETERS])],
            "rows": [[f"{trial['number']}{' (few trades)' if least else ''}", measure(trial["value"], unit),
                      *(_cut(parameter(trial["params"].get(name, "")), 40) for name in names[:MOST_PARAMETERS])]
                     for trial in board["top"]],
            "note": " ".join(filter(None, (*warning, _first(MOST_PARAMETERS, len(names), "parameters")))),
        },
    }


def _along(trials: int, extent: int) -> float:
    """Return where a trial stands on the axis: of many, the first have the most room, for the best is found early."""
    return round(math.log1p(trials) / math.log1p(extent) if extent > _FEW else trials / extent, 4)


def _windows(board: dict[str, Any]) -> dict[str, Any]:
    unit, title = board["unit"], board["title"].capitalize()
    rows = [[str(row["number"]), row["period"], _state(row), *(measure(value, unit) for value in row["values"])]
            for row in board["rows"]]
    label = _cut(board["label"])
    return {
        "kind": "windows",
        "caption": f"{title}s, with their {label}",
        "states": [[row["state"], f"{title} {row['number']}, {row['period']}: {_state(row)}",
                    round(row["done"] / row["total"], 3) if row.get("total") else None] for row in board["rows"]],
        "head": [title, "Tested" if "Out-of-sample" in board["columns"] else "Period", "State", *board["columns"]],
        "rows": rows,
        "note": _first(len(rows), board["n_rows"], f"{title.lower()}s"),
    }


def _state(row: dict[str, Any]) -> str:
    return f"{row['state']} {row['done']}/{row['total']}" if row["state"] == "running" else str(row["state"])


def _matrix(board: dict[str, Any]) -> dict[str, Any]:
    unit, label = board["unit"], _cut(board["label"])
    values = [cell[0] for row in board["cells"] for cell in row if cell and cell[0] is not None]
    low, high = min(values, default=0.0), max(values, default=0.0)
    row_name, column_name = (_dimension(name) for name in board["dimensions"])
    over = f", median of up to {board['each']:,}" if board["each"] > 1 else ""
    more = [_first(len(board["rows"]), board["n_rows"], f"rows ({row_name})"),
            _first(len(board["columns"]), board["n_columns"], f"columns ({column_name})")]

    def written(cell: list[Any] | None) -> list[Any]:
        """Text, remark, and how good it is among the others (None without a value)."""
        if cell is None:
            return ["", "waiting", None]
        value, done, failed, total = cell
        part = f"{done}/{total}" if done < total else ""
        if failed == done and done:
            return ["failed", part, None]
        remark = " ".join(filter(None, [part, f"{failed} failed" if failed else ""]))
        if value is None:
            return [UNDEFINED, remark, None]
        share = _share(value, low, high)
        return [measure(value, unit), remark, share if board["direction"] == "maximize" else round(1 - share, 4)]

    return {
        "kind": "matrix",
        "caption": f"{label}{over}: {row_name}" + (f" by {column_name}" if column_name else ""),
        "corner": row_name, "columns": [name or label for name in board["columns"]], "rows": board["rows"],
        "cells": [[written(cell) for cell in row] for row in board["cells"]],
        "note": " ".join(filter(None, more)),
    }


def _first(shown: int, total: int, what: str) -> str:
    return f"The first {shown:,} of {total:,} {what} are shown." if total > shown else ""


def _dimension(name: str) -> str:
    return "parameter set" if name == "params" else name


def _share(value: float, low: float, high: float) -> float:
    return round((value - low) / (high - low), 4) if high > low else 0.5


def _cut(text: str, most: int = LONGEST_TEXT) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
