"""The figures of an optimization."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from jesse_nb.core.analysis.curves.equity import equity_curves
from jesse_nb.core.analysis.studies.optimization import convergence, slices
from jesse_nb.report.common.canvas import (
    BAD,
    BEST,
    INK,
    MAIN,
    OTHER,
    STEPS,
    ReportFigure,
    axis_in,
    date_axis,
    empty,
    legend,
    literal,
    new_figure,
    say,
)
from jesse_nb.report.common.numbers import parameter, share
from jesse_nb.report.optimize.pair_figures import trial_words

if TYPE_CHECKING:
    from jesse_nb.core.study.dimension import Dimension
    from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult

__all__ = ["MOST_SLICES", "draw_convergence", "draw_equity", "draw_importances", "draw_pareto", "draw_slices"]

#: More parameters than this do not fit a page.
MOST_SLICES = 12


def draw_convergence(result: OptimizeResult) -> ReportFigure:
    """Draw each trial's value, the best so far, and where trials failed; hollow are those that break a constraint."""
    figure, (ax,) = new_figure(3.3)
    metric, frame = result.metrics[0], convergence(result)
    finite = frame[np.isfinite(frame["value"])]
    _scatter(ax, finite["trial"], finite["value"], finite["trial"].isin(_violating(result)),
             _said(result, finite["trial"]))
    if finite["best"].notna().any():
        ax.step(finite["trial"], finite["best"], where="post", color=BEST, linewidth=2, label="best so far", zorder=3)
    lost = {"stopped early": [trial.number for trial in result.pruned],
            "failed": [trial.number for trial in result.trials if trial.state == "failed"],
            "no value": [trial.number for trial in result.trials
                         if trial.state == "finished" and not trial.scored]}
    for (name, numbers), colour in zip(lost.items(), (OTHER, BAD, INK), strict=True):
        if numbers:  # they have no value, so they stand on the axis
            ax.scatter(numbers, [0.03] * len(numbers), marker="x", s=26, color=colour, linewidths=1.4,
                       label=name, transform=ax.get_xaxis_transform(), zorder=4)
    if result.best:
        ax.scatter([result.best.number], [result.best.value], marker="*", s=150, color=BEST, linewidths=0,
                   label=f"best: trial {result.best.number}", zorder=5)
    ax.set_xlabel("trial")
    ax.set_ylabel(literal(metric.label))
    ax.margins(y=0.12)
    edge = 0.5 + len(result.trials) / 60
    ax.set_xlim(-edge, max(trial.number for trial in result.trials) + edge)
    ax.xaxis.set_major_locator(MaxNLocator(10, integer=True, min_n_ticks=1, steps=STEPS))
    axis_in(ax.yaxis, metric.unit)
    legend(ax, 6)
    return figure


def draw_importances(result: OptimizeResult) -> ReportFigure:
    """Draw how much of the metric's variation each parameter explains."""
    measured = result.importances
    shown = list(measured.values.items())[:20]
    figure, (ax,) = new_figure(0.75 + 0.3 * max(len(shown), 2))
    if not shown:
        return empty(figure, ax, measured.reason)
    names, shares = zip(*reversed(shown), strict=True)
    bars = ax.barh(range(len(names)), shares, color=MAIN, height=0.62)
    ax.set_yticks(range(len(names)), [literal(name, 28) for name in names])
    ax.bar_label(bars, [share(value) for value in shares], padding=4, color=INK, fontsize=9)
    ax.set_xlim(0, max(shares) * 1.12)
    ax.grid(visible=False)
    ax.set_xticks([])
    ax.spines["bottom"].set_visible(False)
    return figure


def draw_slices(result: OptimizeResult) -> ReportFigure:
    """Draw the first metric against each parameter."""
    tables = dict(list(slices(result).items())[:MOST_SLICES])
    columns = min((3, 2), key=lambda number: -len(tables) % number) if len(tables) > 1 else 1  # none stands alone
    rows = math.ceil(len(tables) / columns)
    figure, axes = new_figure(0.3 + 2.3 * rows, rows, columns, len(tables), sharey=True)
    dimensions = {dimension.name: dimension for dimension in result.space.dimensions}
    for position, (ax, (name, table)) in enumerate(zip(axes, tables.items(), strict=True)):
        finite = table[np.isfinite(table["value"])]
        places = _places(ax, dimensions[name], finite["x"])
        _scatter(ax, places, finite["value"], finite["trial"].isin(_violating(result)),
                 _said(result, finite["trial"]))
        best = finite["trial"].isin([result.best.number] if result.best else []).to_numpy()
        ax.scatter(places[best], finite["value"][best], marker="*", s=130, color=BEST, linewidths=0, zorder=3)
        ax.set_title(literal(name), loc="left", color=INK, fontsize=10)
        ax.margins(y=0.1)
        if position % columns == 0:
            ax.set_ylabel(literal(result.metrics[0].label, 28))
            axis_in(ax.yaxis, result.metrics[0].unit, ticks=5)
    return figure


def draw_equity(result: OptimizeResult) -> ReportFigure:
    """Draw the best trial on training, its held-out run joined to it, and the default parameters."""
    figure, (ax,) = new_figure(3.5)
    curves = equity_curves(result)
    ax.axhline(0, color=INK, alpha=0.6, linewidth=0.8)
    if curves.default is not None:
        ax.plot(curves.default.index, curves.default, color=INK, linewidth=1.3, label="default parameters")
    if curves.training is not None:
        ax.plot(curves.training.index, curves.training, color=MAIN, linewidth=1.8, label="best, training")
    if curves.test is not None and result.test_start is not None and result.test_end is not None:
        ax.axvspan(*(pd.Timestamp(edge, unit="ms") for edge in (result.test_start, result.test_end)),  # type: ignore[arg-type]
                   color=OTHER, alpha=0.12, linewidth=0)
        ax.plot(curves.test.index, curves.test, color=OTHER, linewidth=1.8, label="best, held out")
    ax.margins(x=0.02)
    ax.set_ylabel("growth since the start")
    axis_in(ax.yaxis, "percent")
    date_axis(ax)
    legend(ax)
    return figure


def draw_pareto(result: OptimizeResult) -> ReportFigure:
    """Draw two metrics against each other, and the front that no trial beats in both."""
    figure, (ax,) = new_figure(4.0)
    first, second = result.metrics
    scored = [trial for trial in result.trials if trial.scored]
    points = np.array([trial.values for trial in scored]).reshape(-1, 2)
    front = np.array(sorted(trial.values for trial in result.pareto_front)).reshape(-1, 2)
    _scatter(ax, points[:, 0], points[:, 1], [bool(trial.violated) for trial in scored],
             _said(result, [trial.number for trial in scored]))
    if len(front):
        ax.plot(front[:, 0], front[:, 1], color=BEST, linewidth=1.2, marker="o", markersize=6, label="Pareto front")
    if result.knee is not None:
        ax.scatter(result.knee.values[:1], result.knee.values[1:], marker="*", s=260, color=BEST, edgecolors=INK,
                   linewidths=0.8, zorder=4, label=f"knee (trial {result.knee.number})")
    for metric, axis, set_label in ((first, ax.xaxis, ax.set_xlabel), (second, ax.yaxis, ax.set_ylabel)):
        better = "higher is better" if metric.direction == "maximize" else "lower is better"
        set_label(f"{literal(metric.label)} ({better})")
        axis_in(axis, metric.unit, ticks=8)
    ax.grid(visible=True, axis="x", color=INK, alpha=0.2, linewidth=0.7)
    legend(ax)
    return figure


def _violating(result: OptimizeResult) -> list[int]:
    return [trial.number for trial in result.trials if trial.violated]


def _said(result: OptimizeResult, numbers: Any) -> list[str]:
    return [trial_words(result, int(number)) for number in numbers]


def _scatter(ax: Axes, x: Any, y: Any, hollow: Any, said: list[str]) -> None:
    """Draw trials as dots, those that break a constraint as hollow ones."""
    across, up, breaks = np.asarray(x), np.asarray(y), np.asarray(hollow, dtype=bool)
    texts = np.asarray(said, dtype=object)
    if not breaks.all():
        say(ax.scatter(across[~breaks], up[~breaks], s=16, color=MAIN, alpha=0.7, linewidths=0, label="trial"),
            texts[~breaks])
    if breaks.any():
        say(ax.scatter(across[breaks], up[breaks], s=16, facecolors="none", edgecolors=INK, linewidths=1,
                       label="breaks a constraint"), texts[breaks])


def _places(ax: Axes, dimension: Dimension, values: pd.Series[Any]) -> npt.NDArray[np.float64]:
    """Prepare a parameter's axis; return where on it the values stand."""
    if dimension.kind != "categorical":
        if dimension.log:
            ax.set_xscale("log")
            ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            ax.xaxis.set_minor_locator(NullLocator())
            ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: parameter(float(value))))
        else:
            ax.xaxis.set_major_locator(MaxNLocator(5, integer=dimension.kind == "int", min_n_ticks=1,
                                                      steps=STEPS))
        scale = ax.xaxis.get_transform()
        low, high = scale.transform([float(dimension.low or 0), float(dimension.high or 0)])
        margin = 0.05 * (high - low) or 0.5
        ax.set_xlim(*scale.inverted().transform([low - margin, high + margin]))
        return np.asarray(values, dtype=float)
    choices = list(dimension.choices)
    step = math.ceil(len(choices) / 8)
    ax.xaxis.set_major_locator(FixedLocator(range(0, len(choices), step)))
    ax.set_xticklabels([literal(parameter(choice), 12) for choice in choices[::step]],
                       rotation=30 if len(choices) > 4 else 0)
    ax.set_xlim(-0.6, len(choices) - 0.4)
    # golden-ratio steps spread points of one choice evenly, the same way every time
    spread = (np.arange(len(values)) * 0.618034 % 1 - 0.5) * 0.5
    return np.asarray([choices.index(value) for value in values] + spread, dtype=float)
