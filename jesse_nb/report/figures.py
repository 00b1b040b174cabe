"""Which figures a result has, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import Any

from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.tools.analyze.analysis_result import Analysis
from jesse_nb.core.tools.batch.batch_result import BatchComparison, BatchResult
from jesse_nb.core.tools.candles.check_candles import CandleCheck
from jesse_nb.core.tools.cpcv.cpcv_result import CpcvResult
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
from jesse_nb.core.tools.resimulate.candle_monte_carlo import CandleMonteCarlo
from jesse_nb.core.tools.resimulate.exploration import Exploration
from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult
from jesse_nb.report.analyze.analysis_plots import analysis_plots
from jesse_nb.report.analyze.analysis_risk_figures import draw_scenarios
from jesse_nb.report.backtest import backtest_figures
from jesse_nb.report.batch import batch_figures
from jesse_nb.report.candles.candle_check import check_plots
from jesse_nb.report.common.canvas import ReportFigure
from jesse_nb.report.cpcv import cpcv_figures
from jesse_nb.report.optimize import optimize_figures, overfit_figures
from jesse_nb.report.resimulate import explorer_report
from jesse_nb.report.walk_forward import walk_forward_figures

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
    figures: dict[str, Callable[[], ReportFigure]] = {}
    known, found, plateau = result.overfit, result.verdict, result.plateau
    if known is not None and found is not None and found.outcome not in ("nothing to judge", "too little data"):
        figures["overfit"] = lambda: overfit_figures.draw_overfit(known)
    if sum(trial.scored for trial in result.trials) > 1:
        figures["convergence"] = lambda: optimize_figures.draw_convergence(result)
        figures["importances"] = lambda: optimize_figures.draw_importances(result)
        figures["slices"] = lambda: optimize_figures.draw_slices(result)
        if len(result.metrics) == 2:
            figures["pareto"] = lambda: optimize_figures.draw_pareto(result)
    if plateau is not None:
        figures["plateau"] = lambda: overfit_figures.draw_plateau(plateau)
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


@_figures.register
def _(result: WalkForwardResult) -> dict[str, Callable[[], ReportFigure]]:
    if not result.windows:
        return {}
    figures = {"windows": lambda: walk_forward_figures.draw_windows(result)}
    if any(one.test is not None for one in result.windows):
        figures["equity"] = lambda: walk_forward_figures.draw_equity(result)
        figures["curves"] = lambda: walk_forward_figures.draw_curves(result)
        figures["in_out"] = lambda: walk_forward_figures.draw_in_out(result)
        figures["degradation"] = lambda: walk_forward_figures.draw_degradation(result)
    if result.space is not None and any(one.params for one in result.windows):
        figures["drift"] = lambda: walk_forward_figures.draw_drift(result)
    return figures


@_figures.register
def _(result: CpcvResult) -> dict[str, Callable[[], ReportFigure]]:
    figures = {}
    if any(len(path.returns) for path in result.paths):
        figures["paths"] = lambda: cpcv_figures.draw_paths(result)
    if result.sharpes.notna().any():
        figures["sharpes"] = lambda: cpcv_figures.draw_sharpes(result)
    if any(split.logit == split.logit for split in result.splits):
        figures["ranks"] = lambda: cpcv_figures.draw_ranks(result)
    return figures


@_figures.register
def _(result: CandleMonteCarlo) -> dict[str, Callable[[], ReportFigure]]:
    return {"scenarios": lambda: draw_scenarios(result)} if result.equity.size else {}


@_figures.register
def _(result: Exploration) -> dict[str, Callable[[], ReportFigure]]:
    return {"trades": lambda: explorer_report.draw_exploration(result)}


_figures.register(Analysis, analysis_plots)
_figures.register(CandleCheck, check_plots)
