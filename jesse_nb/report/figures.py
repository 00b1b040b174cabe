"""Which figures a result has, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import Any

from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.tools.batch_result import BatchComparison, BatchResult
from jesse_nb.core.tools.optimize_result import OptimizeResult
from jesse_nb.report import backtest_figures, batch_figures, optimize_figures
from jesse_nb.report.canvas import ReportFigure

__all__ = ["plot", "plots"]


def plots(result: Any) -> tuple[str, ...]:
    """Return the names of the figures that exist for a result."""
    return tuple(_figures(result))


def plot(result: Any, name: str) -> ReportFigure:
    """Draw one of :func:`plots`."""
    return _figures(result)[name]()


@singledispatch
def _figures(result: Any) -> dict[str, Callable[[], ReportFigure]]:
    return {}


@_figures.register
def _(result: BacktestResult) -> dict[str, Callable[[], ReportFigure]]:
    figures = {"equity": lambda: backtest_figures.draw_equity(result),
               "monthly": lambda: backtest_figures.draw_monthly(result)} if len(result.equity) else {}
    if len(result.trades):
        figures["trades"] = lambda: backtest_figures.draw_trades(result)
    return figures


@_figures.register
def _(result: OptimizeResult) -> dict[str, Callable[[], ReportFigure]]:
    figures = {}
    if sum(trial.scored for trial in result.trials) > 1:
        figures["convergence"] = lambda: optimize_figures.draw_convergence(result)
        figures["importances"] = lambda: optimize_figures.draw_importances(result)
        figures["slices"] = lambda: optimize_figures.draw_slices(result)
        if len(result.metrics) == 2:
            figures["pareto"] = lambda: optimize_figures.draw_pareto(result)
    if result.training is not None or result.default is not None:
        figures["equity"] = lambda: optimize_figures.draw_equity(result)
    return figures


@_figures.register
def _(result: BatchResult) -> dict[str, Callable[[], ReportFigure]]:
    figures = {}
    if len(result.finished) > 1:
        figures["matrix"] = lambda: batch_figures.draw_matrix(result)
    if result.top(1):
        figures["equity"] = lambda: batch_figures.draw_equity(result)
    if len(result.top(2)) > 1:
        figures["correlation"] = lambda: batch_figures.draw_correlation(result)
    return figures


@_figures.register
def _(result: BatchComparison) -> dict[str, Callable[[], ReportFigure]]:
    return {"heatmap": lambda: batch_figures.draw_heatmap(result.table, result.metric)}
