"""Which figures an analysis has: those whose data is at hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from jesse_nb.report.analyze import analysis_figures as curves
from jesse_nb.report.analyze import analysis_risk_figures as risk
from jesse_nb.report.analyze import analysis_trade_figures as trades
from jesse_nb.report.backtest import backtest_figures
from jesse_nb.report.common.canvas import ReportFigure

if TYPE_CHECKING:
    from jesse_nb.core.tools.analyze.analysis_result import AdvancedAnalysis, Analysis, DeepAnalysis

__all__ = ["analysis_plots"]

#: Fewer days with a gain or a loss have no distribution to draw.
_FEWEST_DAYS = 10


def analysis_plots(analysis: Analysis) -> dict[str, Callable[[], ReportFigure]]:
    """Return what draws each figure, by its name."""
    run = analysis.run
    figures: dict[str, Callable[[], ReportFigure]] = {}
    if run.equity.nunique() > 1:
        figures["equity"] = lambda: curves.draw_equity(analysis)
        figures["monthly"] = lambda: backtest_figures.draw_monthly(run)
    if len(run.trades) > 1 and run.trades["pnl"].nunique() > 1:
        figures["trades"] = lambda: backtest_figures.draw_trades(run)
    if len(np.unique(curves.moving_days(analysis))) >= _FEWEST_DAYS:
        figures["returns"] = lambda: curves.draw_returns(analysis)
    if analysis.advanced is not None:
        figures |= _of_advanced(analysis, analysis.advanced)
    if analysis.deep is not None:
        figures |= _of_deep(analysis, analysis.deep)
    return figures


def _of_advanced(analysis: Analysis, found: AdvancedAnalysis) -> dict[str, Callable[[], ReportFigure]]:
    figures: dict[str, Callable[[], ReportFigure]] = {}
    if found.ratios.loc[list(curves.FOREST), "low"].notna().any():
        figures["ratios"] = lambda: curves.draw_ratios(analysis)
    if curves.rolling_windows(analysis):
        figures["rolling"] = lambda: curves.draw_rolling(analysis)
    if found.excursions is not None and not found.excursions.reason and found.excursions.trades["mae"].notna().any():
        figures["excursions"] = lambda: trades.draw_excursions(analysis)
    if found.cells is not None and len(found.cells.table):
        figures["hours"] = lambda: trades.draw_hours(analysis)
        figures["calendar"] = lambda: trades.draw_calendar(analysis)
    priced = found.costs is not None and not found.costs.reason and found.costs.fee > 0
    if priced or found.fee_stress is not None:
        figures["costs"] = lambda: trades.draw_costs(analysis)
    return figures


def _of_deep(analysis: Analysis, found: DeepAnalysis) -> dict[str, Callable[[], ReportFigure]]:
    figures: dict[str, Callable[[], ReportFigure]] = {}
    if risk.fan_of(analysis) is not None:
        figures["fan"] = lambda: risk.draw_fan(analysis)
    if risk.drawn(analysis):
        figures["outcomes"] = lambda: risk.draw_outcomes(analysis)
    if found.scenarios is not None and not found.scenarios.equity.empty:
        scenarios = found.scenarios
        figures["scenarios"] = lambda: risk.draw_scenarios(scenarios)
    if found.insight is not None and found.insight.better_than_chance and len(found.insight.importances):
        figures["importances"] = lambda: trades.draw_importances(analysis)
    return figures
