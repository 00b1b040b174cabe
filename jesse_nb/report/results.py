"""What any result says and draws: its report is found by its class, in the registry."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from jesse_nb.core.tools.registry import report_of_class
from jesse_nb.report.common.canvas import ReportFigure
from jesse_nb.report.common.report import Report

__all__ = ["plot", "plots", "report_of", "text"]


def report_of(result: Any) -> Report[Any]:
    """Return how a result is shown.

    Raises
    ------
    TypeError
        When it is no result of a tool.
    """
    home = report_of_class(type(result))
    if home is None:
        raise TypeError(f"No report is known for a {type(result).__name__}.")
    return _loaded(home)


def text(result: Any) -> str:
    """Return a stable plain-text summary of a result."""
    return report_of(result).text(result)


def plots(result: Any) -> tuple[str, ...]:
    """Return the names of the figures that exist for a result."""
    return tuple(report_of(result).figures(result))


def plot(result: Any, name: str) -> ReportFigure:
    """Draw one of :func:`plots`."""
    return report_of(result).figures(result)[name]()


@cache
def _loaded(home: str) -> Report[Any]:
    module, _, name = home.partition(":")
    report: Report[Any] = getattr(importlib.import_module(module), name)
    return report
