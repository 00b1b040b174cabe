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

from jesse_nb.core.analysis.importances import importances
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.tools.batch_result import BatchResult
from jesse_nb.core.tools.cpcv_result import CpcvResult
from jesse_nb.core.tools.optimize_result import OptimizeResult
from jesse_nb.core.tools.walk_forward_result import WalkForwardResult
from jesse_nb.report import backtest_tables, batch_tables, optimize_figures, optimize_tables, provenance
from jesse_nb.report.canvas import ReportFigure, png
from jesse_nb.report.figures import plot, plots
from jesse_nb.report.labels import days, label, period, write
from jesse_nb.report.numbers import duration
from jesse_nb.report.tables import Cell, cell, toned
from jesse_nb.report.walk_forward_report import (
    CPCV_PICTURES,
    WALK_FORWARD_PICTURES,
    cpcv_content,
    walk_forward_content,
)
from jesse_nb.report.words import SYNTHETIC, at_the_edge, hindsight, verdict

__all__ = ["fragment", "page"]

MOST_TRADES = 20
MOST_TOP_TRIALS = 10
MOST_TOP_COMBINATIONS = 15

_IMPORTANCE_METHODS = {
    "fANOVA": "Share of the metric's variation over the whole space that each parameter explains (fANOVA).",
    "PED-ANOVA": "How much each parameter sets the best tenth of the trials apart (PED-ANOVA).",
}


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
             else f"{result.strategy} on {provenance.market(result.spec)}")
    # the fragment is finished HTML: everything in it was escaped when it was rendered
    return _render("page.html", {"title": title, "fragment": Markup(fragment(result))})  # noqa: S704


@fragment.register
def _(result: BacktestResult) -> str:
    main = [(label(name), _tone(name, result.metrics[name]), "")
            for name in backtest_tables.MAIN if name in result.metrics]
    return _render("backtest.html", {
        **_heading(result.strategy, result.spec),
        "tiles": main,
        "traded": len(result.trades) > 0,
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
    spec = result.spec
    heading = _heading(result.strategy, spec)
    if result.test_start is not None and result.test_end is not None:
        heading["period"] = (f"Training {heading['period']}, "
                             f"held out {period(result.test_start, result.test_end)} "
                             f"({days(result.test_start, result.test_end)})")
    frame = optimize_tables.comparison(result)
    measured = importances(result) if result.best else None
    hidden = len(result.space.dimensions) - optimize_figures.MOST_SLICES
    return _render("optimize.html", {
        **heading,
        "run": _run(result),
        "stopped": result.stopped,
        "tiles": _tiles(result),
        "warnings": [hindsight(result)] if result.best else ["No trial has a value; the reasons are below."],
        "best": result.best is not None,
        "held_out": result.test_start is not None,
        "parameters": optimize_tables.best_parameters(result),
        "edge": at_the_edge(result),
        "verdict": verdict(result, frame),
        "comparison": optimize_tables.comparison_table(result, frame),
        "joined": result.test is not None,
        "importance_reason": measured.reason if measured else "",
        "importance_method": _IMPORTANCE_METHODS[measured.method] if measured and measured.values else "",
        "more_parameters": (f"The first {optimize_figures.MOST_SLICES} parameters; {hidden} more are in "
                            "the history." if hidden > 0 else ""),
        "figures": _optimize_pictures(result, measured),
        "top": optimize_tables.top_trials(result, MOST_TOP_TRIALS),
        "failures": optimize_tables.failures(result),
        "notes": result.notes,
        "card": provenance.optimize_card(result),
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


def _heading(name: str, spec: Any) -> dict[str, Any]:
    return {"name": name, "synthetic": spec.synthetic, "explanation": SYNTHETIC,
            "places": f"{provenance.market(spec)}, {provenance.account(spec)}, {spec.mode} mode",
            "period": f"{period(spec.start, spec.end)} ({days(spec.start, spec.end)})"}


def _run(result: OptimizeResult) -> str:
    failed = sum(trial.state == "failed" for trial in result.trials)
    reused = sum(trial.reused for trial in result.trials)
    parts = [f"{len(result.trials):,} of {result.n_trials:,} trials"]
    parts += [f"{failed:,} failed"] if failed else []
    parts += [f"{reused:,} answered by earlier runs"] if reused else []
    parts += [f"sampler {result.sampler}, seed {result.seed}", f"took {duration(result.elapsed)}"]
    return "; ".join(parts)


def _tiles(result: OptimizeResult) -> list[tuple[str, Cell, str]]:
    if result.best is None:
        return []
    held_out = result.test_start is not None
    tiles = []
    for position, metric in enumerate(result.metrics[:2]):
        values = result.top[0].test_values
        tiles.append((metric.label, cell(write(metric.name, result.best.values[position], result.metrics)),
                      "training"))
        if held_out:
            value = values[position] if values else None
            tiles.append((metric.label, cell(write(metric.name, value, result.metrics)), "held out"))
    for name in ("net_profit_percentage", "total"):
        if label(name) not in [metric.label for metric in result.metrics[:2]]:
            tiles.append((label(name), _tone(name, result.best.metrics.get(name)), "training"))
            if held_out:
                run = result.test.metrics if result.test else {}
                tiles.append((label(name), _tone(name, run.get(name)), "held out"))
    return tiles


def _tone(name: str, value: Any) -> Cell:
    text = write(name, value)
    return toned(text, value) if name in ("net_profit_percentage", "annual_return") else cell(text)


def _optimize_pictures(result: OptimizeResult, measured: Any) -> dict[str, Picture]:
    metric = result.metrics[0].label
    descriptions = {
        "equity": "Growth of the best trial, of its held-out run and of the default parameters",
        "convergence": f"{metric} of each trial, and the best so far",
        "importances": f"Importance of each parameter to {metric}",
        "pareto": "Two metrics of each trial, and the Pareto front",
        "slices": f"{metric} against each parameter",
    }
    pictures = {}
    for name in plots(result):
        if name == "importances":  # measured once, and a reason in place of numbers is said in words
            if measured and measured.values:
                figure = optimize_figures.draw_importances(result, measured)
                pictures[name] = _picture(figure, descriptions[name])
        else:
            pictures[name] = _picture(plot(result, name), descriptions[name])
    return pictures


def _pictures(result: Any, descriptions: Mapping[str, str]) -> dict[str, Picture]:
    return {name: _picture(plot(result, name), descriptions[name]) for name in plots(result)}


def _picture(figure: ReportFigure, description: str) -> Picture:
    source = f"data:image/png;base64,{base64.b64encode(png(figure)).decode()}"
    return Picture(source, description, round(figure.get_figwidth() * figure.dpi))


def _render(template: str, content: Mapping[str, Any]) -> str:
    return _environment().get_template(template).render(content)


@cache
def _environment() -> Environment:
    return Environment(loader=PackageLoader("jesse_nb.report"), autoescape=True, undefined=StrictUndefined)
