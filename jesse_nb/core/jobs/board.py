"""What a live view shows of a job beyond its progress: small, ready for JSON, and cheap to keep.

A board is fed by the job's own thread, one answer after another, and read by any other
thread through :meth:`~jesse_nb.core.jobs.job.Job.board`. What it keeps is bounded or sorted
as it comes in, so a snapshot costs the same after ten answers as after ten thousand.
"""

from __future__ import annotations

import json
import math
from bisect import insort
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["CURVE_POINTS", "TOP_TRIALS", "Convergence", "Matrix", "Median", "Scale", "number", "windows_board"]

#: The most points of a convergence curve.
CURVE_POINTS = 200
#: How many trials are listed.
TOP_TRIALS = 5
#: A matrix shows no more rows and columns, a list of windows no more rows.
MATRIX_ROWS, MATRIX_COLUMNS, WINDOW_ROWS = 20, 12, 200

_LONGEST_TEXT = 200


class Scale:
    """What a board's values are: a metric's name for readers, its unit, and which way is better."""

    def __init__(self, label: str, unit: str, direction: str) -> None:
        self._facts = {"label": label, "unit": unit, "direction": direction}
        self._sign = -1 if direction == "minimize" else 1

    def facts(self) -> dict[str, str]:
        """Return ``label``, ``unit`` and ``direction``."""
        return dict(self._facts)

    def cost(self, value: float) -> float:
        """Return a number that is the lower the better the value is."""
        return -self._sign * value


class Convergence:
    """The best value after each trial, and the best trials.

    Parameters
    ----------
    scale
        Of the metric that is optimized; the first of several.
    total
        How many trials are planned.
    """

    def __init__(self, scale: Scale, total: int) -> None:
        self._scale = scale
        self._total = total
        self._trials = 0
        self._points: list[tuple[int, float]] = []
        self._top: list[tuple[float, int, float, dict[str, Any]]] = []  # cost, number, value, parameters

    def add(self, trial: int, value: float | None, params: Mapping[str, Any]) -> None:
        """Take in one trial; ``value`` is None or NaN when it cannot be the best."""
        self._trials += 1
        if value is None or not math.isfinite(value):
            return
        cost = self._scale.cost(value)
        if not self._points or cost < self._scale.cost(self._points[-1][1]):
            points = [*self._points, (self._trials, value)]
            # Thinned, the curve is still made of values that were the best at their time.
            self._points = points if len(points) <= CURVE_POINTS else [*points[:-1:2], points[-1]]
        if len(self._top) < TOP_TRIALS or (cost, trial) < self._top[-1][:2]:
            known = _json_key(params)
            others = [one for one in self._top if _json_key(one[3]) != known]
            twins = [one for one in self._top if _json_key(one[3]) == known]
            kept = min([*twins, (cost, trial, value, dict(params))], key=lambda one: one[:2])
            self._top = sorted([*others, kept], key=lambda one: one[:2])[:TOP_TRIALS]

    def snapshot(self) -> dict[str, Any]:
        """Return ``kind``, the scale's facts, ``trials``, ``total``, ``points`` and ``top``.

        ``points`` are pairs of how many trials had ended and the best value by then, one for each time that it
        changed; ``top`` are the best trials, each with ``number``, ``value`` and ``params``.
        """
        return {
            "kind": "convergence", **self._scale.facts(), "trials": self._trials, "total": self._total,
            "points": [list(point) for point in self._points],
            "top": [{"number": trial, "value": value, "params": {str(key): _plain(param)
                                                                 for key, param in params.items()}}
                    for _, trial, value, params in self._top],
        }


class Median:
    """The median of values that come in one by one."""

    def __init__(self) -> None:
        self._values: list[float] = []

    def add(self, value: float) -> None:
        """Take in a value; NaN is left out."""
        if not math.isnan(value):
            insort(self._values, value)

    @property
    def value(self) -> float:
        """The median so far; NaN of nothing."""
        values = self._values
        size = len(values)
        if not size:
            return math.nan
        return values[size // 2] if size % 2 else (values[size // 2 - 1] + values[size // 2]) / 2


class Matrix:
    """Cells of two dimensions that fill in; what else is varied meets in one cell, as its median.

    Parameters
    ----------
    scale
        Of the metric that is compared.
    sizes
        The values of each dimension in their order, by the dimension's name; the matrix is drawn over the
        longest of ``by_row`` and of ``by_column``.
    by_row, by_column
        Which dimensions are configurations and which are markets.
    """

    def __init__(
        self, scale: Scale, sizes: Mapping[str, Sequence[str]], by_row: Sequence[str], by_column: Sequence[str]
    ) -> None:
        self._scale = scale
        self._sizes = sizes
        self._names = _two_dimensions({name: len(values) for name, values in sizes.items()}, by_row, by_column)
        self._cells: dict[tuple[int, int], _Cell] = {}
        self._combinations = math.prod(len(values) for values in sizes.values())

    def add(self, place: Mapping[str, int], value: float, *, failed: bool) -> None:
        """Take in what became of the combination at ``place`` (dimension to position)."""
        cell = self._cells.setdefault(self._key(place), _Cell())
        cell.done += 1
        cell.failed += failed
        if not failed:
            cell.median.add(value)

    def leave_out(self, place: Mapping[str, int]) -> None:
        """Expect one run less at ``place``: it is the same run as another."""
        self._cells.setdefault(self._key(place), _Cell()).left_out += 1

    def snapshot(self) -> dict[str, Any]:
        """Return ``kind``, the scale's facts, the two ``dimensions``, names of ``rows`` and ``columns``, and ``cells``.

        A cell is None before its first run, else ``[value or None, done, failed, total]``; ``n_rows`` and
        ``n_columns`` say how many there are when not all are shown.
        """
        row_name, column_name = self._names
        rows, columns = self._sizes[row_name], self._sizes[column_name] if column_name else ("",)
        each = self._combinations // (len(rows) * len(columns))
        return {
            "kind": "matrix", **self._scale.facts(), "dimensions": [row_name, column_name],
            "rows": list(map(_cut, rows[:MATRIX_ROWS])), "columns": list(map(_cut, columns[:MATRIX_COLUMNS])),
            "n_rows": len(rows), "n_columns": len(columns), "each": each,
            "cells": [[self._cell((row, column), each) for column in range(min(len(columns), MATRIX_COLUMNS))]
                      for row in range(min(len(rows), MATRIX_ROWS))],
        }

    def _cell(self, key: tuple[int, int], each: int) -> list[Any] | None:
        cell = self._cells.get(key)
        if cell is None or (not cell.done and cell.left_out < each):
            return None
        return [number(cell.median.value), cell.done, cell.failed, each - cell.left_out]

    def _key(self, place: Mapping[str, int]) -> tuple[int, int]:
        row, column = self._names
        return place[row], place[column] if column else 0


class _Cell:
    def __init__(self) -> None:
        self.median = Median()
        self.done = self.failed = self.left_out = 0


def windows_board(
    scale: Scale, title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the board of a job that works through periods.

    Parameters
    ----------
    scale
        Of the values.
    title
        What a row is: ``window``, ``group``.
    columns
        What each row's ``values`` are.
    rows
        Each with ``number``, ``period``, ``state`` (``waiting``, ``in-sample``, ``out-of-sample``, ``running``,
        ``done``, ``failed``) and ``values``.
    """
    shown = [{**row, "values": [number(value) for value in row["values"]]} for row in rows[:WINDOW_ROWS]]
    return {"kind": "windows", **scale.facts(), "title": title, "columns": list(columns), "rows": shown,
            "n_rows": len(rows)}


def number(value: float | None) -> float | None:
    """Return a value as JSON has it: None for NaN and infinity."""
    return None if value is None or not math.isfinite(value) else float(value)


def _two_dimensions(sizes: Mapping[str, int], by_row: Sequence[str], by_column: Sequence[str]) -> tuple[str, str]:
    """Choose the longest of the one kind and of the other; of one kind alone, its two longest."""
    rows, columns = ([name for name in sorted(names, key=lambda name: -sizes[name]) if sizes[name] > 1]
                     for names in (by_row, by_column))
    if rows and columns:
        return rows[0], columns[0]
    varied = rows or columns or [by_row[0]]
    return varied[0], varied[1] if len(varied) > 1 else ""


def _json_key(params: Mapping[str, Any]) -> str:
    return json.dumps(params, sort_keys=True, default=str)


def _plain(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return number(value) if isinstance(value, float) else int(value)
    return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"
