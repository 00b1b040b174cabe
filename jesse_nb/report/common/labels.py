"""What metrics are called in a report, and how their values are written."""

from __future__ import annotations

import math
from typing import Any

from jesse_nb.core.study.metric import Metric, resolve_metric
from jesse_nb.core.times import DAY_MS, utc_text
from jesse_nb.exceptions import MetricError
from jesse_nb.report.common.numbers import duration, measure

__all__ = ["days", "label", "period", "unit", "write"]

_SECONDS = " (seconds)"


def label(name: str, optimized: tuple[Metric, ...] = ()) -> str:
    """Return what a metric is called: an optimized one by its own label, Jesse's by theirs."""
    known = _metric(name, optimized)
    return known.label.removesuffix(_SECONDS) if known else name.replace("_", " ")


def unit(name: str, optimized: tuple[Metric, ...] = ()) -> str:
    """Return a metric's unit: one of Metric's units, or ``seconds``."""
    known = _metric(name, optimized)
    if known is None:
        return ""
    return "seconds" if known.label.endswith(_SECONDS) else known.unit


def write(name: str, value: Any, optimized: tuple[Metric, ...] = ()) -> str:
    """Write a metric's value in its unit."""
    in_unit = unit(name, optimized)
    if name == "serenity_index" and isinstance(value, float) and math.isinf(value):
        value = math.nan  # Jesse's is infinite in every run, for want of a first daily return
    if name == "average_loss" and value and all(metric.name != name for metric in optimized):
        value = -value  # money that is lost has its sign, which Jesse's has not; a search is by Jesse's
    return duration(value) if in_unit == "seconds" else measure(value, in_unit)


def period(start: int, end: int) -> str:
    """Write a period (milliseconds UTC, end excluded), as a user writes it."""
    return f"{utc_text(start)} to {utc_text(end)}"


def days(start: int, end: int) -> str:
    """Write the length of a period in days."""
    length = (end - start) / DAY_MS
    return f"{length:.0f} days" if length >= 2 else f"{length:.1f} days"


def _metric(name: str, optimized: tuple[Metric, ...]) -> Metric | None:
    for metric in optimized:
        if metric.name == name:
            return metric
    try:
        return resolve_metric(name)
    except MetricError:
        return None
