"""Results as HTML: a fragment for a notebook's output, or a whole page.

Everything is in the one text: styles under one root class, pictures as data URIs, no
script. Where a host strips the style sheet (GitHub), headings, tables and pictures remain.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import cache, singledispatch
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.tools.analyze.analysis_result import Analysis
from jesse_nb.core.tools.batch.batch_result import BatchResult
from jesse_nb.core.tools.candles.check_candles import CandleCheck
from jesse_nb.core.tools.check.strategy_check import StrategyCheck
from jesse_nb.core.tools.cpcv.cpcv_result import CpcvResult
from jesse_nb.core.tools.optimize.holdout import OpenedHoldout
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
from jesse_nb.core.tools.resimulate.candle_monte_carlo import CandleMonteCarlo
from jesse_nb.core.tools.resimulate.exploration import Exploration
from jesse_nb.core.tools.resimulate.fee_stress import FeeStress
from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult
from jesse_nb.report.analyze.analysis_report import ANALYSIS_PICTURES, analysis_content, analysis_title
from jesse_nb.report.backtest import backtest_tables
from jesse_nb.report.batch import batch_tables
from jesse_nb.report.candles.candle_check import check_content, check_title
from jesse_nb.report.check.check_report import strategy_check_content, strategy_check_title
from jesse_nb.report.common import provenance
from jesse_nb.report.common.audit_words import audit_remarks, audit_warnings
from jesse_nb.report.common.canvas import ReportFigure, png
from jesse_nb.report.common.labels import days, label, period
from jesse_nb.report.figures import plot, plots
from jesse_nb.report.optimize.optimize_report import holdout_content, optimize_content, optimize_pictures
from jesse_nb.report.optimize.optimize_words import SYNTHETIC
from jesse_nb.report.resimulate.explorer_report import exploration_content
from jesse_nb.report.resimulate.resimulation_report import (
    fee_stress_content,
    fee_stress_title,
    scenarios_content,
    scenarios_title,
)
from jesse_nb.report.walk_forward.walk_forward_report import (
    CPCV_PICTURES,
    WALK_FORWARD_PICTURES,
    cpcv_content,
    walk_forward_content,
)

__all__ = ["fragment", "page"]

MOST_TRADES = 20
MOST_TOP_COMBINATIONS = 15


class Picture(NamedTuple):
    """A figure as an image element's attributes."""

    source: str
    description: str
    width: int


@singledispatch
def fragment(result: Any) -> str:
    """Return the report as an HTML fragment, its styles scoped under ``.jesse-nb``."""
    raise TypeError(f"No report is known for a {type(result).__name__}.")


def page(result: Any) -> str:
    """Return the report as one self-contained HTML page."""
    title = (f"Batch: {batch_tables.subject(result)}" if isinstance(result, BatchResult)
             else analysis_title(result) if isinstance(result, Analysis)
             else check_title(result) if isinstance(result, CandleCheck)
             else strategy_check_title(result) if isinstance(result, StrategyCheck)
             else scenarios_title(result) if isinstance(result, CandleMonteCarlo)
             else fee_stress_title(result) if isinstance(result, FeeStress)
             else f"{result.strategy} on {provenance.market(result.spec)}")
    # the fragment is finished HTML: everything in it was escaped when it was rendered
    return _render("page.html", {"title": title, "fragment": Markup(fragment(result))})  # noqa: S704


@fragment.register
def _(result: BacktestResult) -> str:
    main = [(label(name), backtest_tables.metric_cell(name, result.metrics[name]), "")
            for name in backtest_tables.MAIN if name in result.metrics]
    return _render("backtest.html", {
        **_heading(result.strategy, result.spec),
        "given": provenance.given_hyperparameters(result.spec),
        "tiles": main,
        "warnings": audit_warnings(result.audit, result.spec),
        "remarks": audit_remarks(result.audit),
        "traded": len(result.trades) > 0,
        "notes": result.card.notes,
        "figures": {name: _picture(plot(result, name), description)
                    for name, description in (("equity", "Equity curve, and the drawdown beneath it"),
                                              ("trades", "Histogram of the trades' net profits"))
                    if name in plots(result)},
        "months": backtest_tables.monthly_table(result),
        "moved": result.equity.nunique() > 1,
        "groups": backtest_tables.metric_groups(result),
        "trades": backtest_tables.trades_table(result, MOST_TRADES),
        "card": provenance.backtest_card(result),
    })


@fragment.register
def _(result: OptimizeResult) -> str:
    return _render("optimize.html", {
        **_heading(result.strategy, result.spec),
        **optimize_content(result),
        "figures": _pictures(result, optimize_pictures(result)),
    })


@fragment.register
def _(result: OpenedHoldout) -> str:
    return _render("holdout.html", {
        **_heading(result.strategy, result.spec),
        **holdout_content(result),
        "equity": _picture(plot(result.best, "equity"), "Equity curve on the sealed days, and the drawdown beneath it"),
    })


@fragment.register
def _(result: BatchResult) -> str:
    shown = batch_tables.matrix(result)
    descriptions = {"matrix": shown.caption if shown else "", "equity": "Growth of the best combinations",
                    "correlation": "Correlation of the best combinations' daily returns"}
    return _render("batch.html", {
        "name": batch_tables.subject(result),
        "places": f"{provenance.account(result)}, {result.mode} mode",
        "period": batch_tables.periods(result),
        "synthetic": result.synthetic,
        "explanation": SYNTHETIC,
        "run": batch_tables.run(result),
        "stopped": result.stopped,
        "tiles": batch_tables.tiles(result),
        "warnings": batch_tables.caveats(result),
        "caption": shown.caption if shown else "",
        "figures": {name: _picture(plot(result, name), descriptions[name]) for name in plots(result)},
        "top": batch_tables.top_table(result, MOST_TOP_COMBINATIONS),
        "statistics": batch_tables.statistics_table(result),
        "stability": batch_tables.stability_table(result),
        "failures": batch_tables.failures_table(result),
        "notes": result.notes,
        "card": provenance.batch_card(result),
    })


@fragment.register
def _(result: WalkForwardResult) -> str:
    return _render("walk_forward.html", {
        **_heading(result.strategy, result.spec),
        **walk_forward_content(result),
        "figures": _pictures(result, WALK_FORWARD_PICTURES),
    })


@fragment.register
def _(result: CpcvResult) -> str:
    return _render("cpcv.html", {
        **_heading(result.strategy, result.spec),
        **cpcv_content(result),
        "figures": _pictures(result, CPCV_PICTURES),
    })


@fragment.register
def _(result: Analysis) -> str:
    return _render("analysis.html", {**analysis_content(result), "figures": _pictures(result, ANALYSIS_PICTURES)})


@fragment.register
def _(result: CandleCheck) -> str:
    return _render("candle_check.html", {
        **check_content(result),
        "figures": _pictures(result, {"coverage": "Minutes of each day with and without volume, and missing"}),
    })


@fragment.register
def _(result: StrategyCheck) -> str:
    return _render("check_strategy.html", strategy_check_content(result))


@fragment.register
def _(result: CandleMonteCarlo) -> str:
    return _render("resimulation.html", {**scenarios_content(result), "figures": _pictures(
        result, {"scenarios": ANALYSIS_PICTURES["scenarios"]})})


@fragment.register
def _(result: FeeStress) -> str:
    return _render("resimulation.html", {**fee_stress_content(result), "figures": {}})


@fragment.register
def _(result: Exploration) -> str:
    return _render("exploration.html", {
        **_heading(result.strategy, result.spec), **exploration_content(result),
        "trades": backtest_tables.trades_table(result.result, MOST_TRADES),
        "figures": _pictures(result, {"trades": "The trades on their candles, equity and drawdown beneath"}),
    })


def _heading(name: str, spec: Any) -> dict[str, Any]:
    return {"name": name, "synthetic": spec.synthetic, "explanation": SYNTHETIC,
            "places": f"{provenance.market(spec)}, {provenance.account(spec)}, {spec.mode} mode",
            "period": f"{period(spec.start, spec.end)} ({days(spec.start, spec.end)})"}


def _pictures(result: Any, descriptions: Mapping[str, str]) -> dict[str, Picture]:
    return {name: _picture(plot(result, name), descriptions[name]) for name in plots(result) if name in descriptions}


def _picture(figure: ReportFigure, description: str) -> Picture:
    source = f"data:image/png;base64,{base64.b64encode(png(figure)).decode()}"
    return Picture(source, description, round(figure.get_figwidth() * figure.dpi))


def _render(template: str, content: Mapping[str, Any]) -> str:
    return _environment().get_template(template).render(content)


@cache
def _environment() -> Environment:
    return Environment(loader=PackageLoader("jesse_nb.report"), autoescape=True, undefined=StrictUndefined)
