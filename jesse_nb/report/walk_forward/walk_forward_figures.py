"""The figures of a walk-forward."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from jesse_nb.core.analysis.curves.equity import drawdown
from jesse_nb.core.analysis.studies.stability import parameter_drift, parameter_stability
from jesse_nb.core.analysis.studies.stitching import stitched
from jesse_nb.core.analysis.studies.walk_forward import degradation, rank_correlation, window_curves, window_metrics
from jesse_nb.report.common.canvas import (
    BAD,
    BEST,
    GOOD,
    INK,
    MAIN,
    OTHER,
    STEPS,
    ReportFigure,
    axis_in,
    date_axis,
    empty,
    legend,
    legend_columns,
    literal,
    new_figure,
)
from jesse_nb.report.common.labels import label
from jesse_nb.report.common.numbers import parameter, share

if TYPE_CHECKING:
    from jesse_nb.core.study.dimension import Dimension
    from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult

__all__ = ["MOST_PARAMETERS", "draw_curves", "draw_degradation", "draw_drift", "draw_equity", "draw_in_out",
           "draw_windows"]

#: More parameters than this do not fit a page.
MOST_PARAMETERS = 12
#: More windows than this are not numbered in a scatter.
_MOST_NUMBERED = 30


def draw_windows(result: WalkForwardResult) -> ReportFigure:
    """Draw each window's in-sample and out-of-sample period as a band, beneath the price."""
    rows = len(result.windows)
    height = min(0.5 + 0.16 * rows, 5.0)
    figure, (upper, lower) = new_figure(2.0 + height, 2, 1, sharex=True, height_ratios=[1.7, height])
    upper.plot(result.prices.index, result.prices, color=INK, linewidth=1.2)
    upper.set_ylabel("price")
    axis_in(upper.yaxis, "", ticks=4)
    bars: dict[str, list[tuple[int, int, int]]] = {}
    for row, one in enumerate(result.windows):
        window = one.window
        bars.setdefault("in-sample", []).append((row, window.train_start, window.train_end))
        gained = one.test is not None and one.test.equity.iloc[-1] > one.test.equity.iloc[0]
        outcome = ("failed" if one.test is None else "ruined" if one.test.ruin else
                   "out-of-sample, gained" if gained else "out-of-sample, no gain")
        bars.setdefault(outcome, []).append((row, window.test_start, window.test_end))
    colours = {"in-sample": (MAIN, 0.45), "out-of-sample, gained": (GOOD, 0.9), "out-of-sample, no gain": (BAD, 0.9),
               "failed": (INK, 0.6), "ruined": (BAD, 0.9)}
    for name, (colour, alpha) in colours.items():
        if name in bars:
            places, starts, ends = (np.array(column) for column in zip(*bars[name], strict=True))
            left, right = (date2num(pd.to_datetime(edge, unit="ms").to_numpy()) for edge in (starts, ends))  # type: ignore[no-untyped-call]
            lower.barh(places, right - left, left=left, height=0.72, color=colour, alpha=alpha, linewidth=0,
                       hatch="///" if name in ("failed", "ruined") else None, edgecolor=INK)
    lower.set_ylim(rows - 0.4, -0.6)
    lower.set_ylabel("window")
    lower.grid(visible=False)
    step = math.ceil(rows / 10)
    lower.yaxis.set_major_locator(FixedLocator(range(0, rows, step)))
    lower.set_yticklabels([str(one.window.number) for one in result.windows[::step]])
    upper.legend(handles=[Patch(facecolor=colour, alpha=alpha, label=name) for name, (colour, alpha) in colours.items()
                          if name in bars],
                 loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=legend_columns(bars, 4), frameon=False, fontsize=9,
                 labelcolor=INK, borderaxespad=0.2, handlelength=1.6, columnspacing=1.6)
    lower.margins(x=0.02)
    date_axis(lower)
    return figure


def draw_equity(result: WalkForwardResult) -> ReportFigure:
    """Draw the stitched curve against the default parameters and the market, and its drawdown."""
    curve = stitched(result)
    figure, (upper, lower) = new_figure(4.4, 2, 1, sharex=True, height_ratios=[2.6, 1])
    if curve.equity.empty:
        lower.set_visible(False)
        return empty(figure, upper, "No window has an out-of-sample run.")
    upper.axhline(curve.balance, color=INK, alpha=0.6, linewidth=0.8)
    if curve.market_equity is not None:
        upper.plot(curve.market_equity.index, curve.market_equity, color=BEST, linewidth=1.2,
                   label="holding the market")
    if curve.baseline_equity is not None:
        upper.plot(curve.baseline_equity.index, curve.baseline_equity, color=INK, linewidth=1.4,
                   label="default parameters")
    upper.plot(curve.equity.index, curve.equity, color=OTHER, linewidth=1.9, label="stitched out-of-sample")
    for number, (start, end) in enumerate(_spans(curve.missing)):
        for ax in (upper, lower):
            ax.axvspan(start, end, color=INK, alpha=0.14, linewidth=0,  # type: ignore[arg-type]
                       label="no model" if number == 0 and ax is upper else None)
    upper.set_ylabel("equity")
    axis_in(upper.yaxis, "currency")
    legend(upper)
    below = drawdown(curve.equity)
    lower.fill_between(below.index, below, 0, color=OTHER, alpha=0.3, linewidth=0)
    lower.plot(below.index, below, color=OTHER, linewidth=1.0)
    lower.set_ylabel("drawdown")
    lower.set_ylim(min(float(below.min()) * 1.08, -1.0), 0)
    axis_in(lower.yaxis, "percent", ticks=4)
    lower.margins(x=0.02)
    date_axis(lower)
    return figure


def draw_curves(result: WalkForwardResult) -> ReportFigure:
    """Draw each window's whole out-of-sample run as growth from its own start."""
    figure, (ax,) = new_figure(2.8)
    ax.axhline(0, color=INK, alpha=0.6, linewidth=0.8)
    for number, growth in enumerate(window_curves(result).values()):
        ax.plot(growth.index, growth, color=(OTHER, MAIN)[number % 2], linewidth=1.2, alpha=0.85)
        ax.scatter([growth.index[-1]], [growth.iloc[-1]], s=16, color=GOOD if growth.iloc[-1] > 0 else BAD,
                   linewidths=0, zorder=3)
    ax.set_ylabel("growth of a window")
    ax.margins(x=0.02)
    axis_in(ax.yaxis, "percent")
    date_axis(ax)
    return figure


def draw_in_out(result: WalkForwardResult) -> ReportFigure:
    """Draw the first metric in-sample against out-of-sample: the chosen parameters, and all trials."""
    metric, frame = result.metrics[0], window_metrics(result)
    trials = np.array([(trial.value, window.test_values[trial.number]) for window in result.windows
                       for trial in window.trials
                       if trial.scored and trial.number in window.test_values], dtype=float).reshape(-1, 2)
    panels = 2 if len(trials) else 1
    figure, axes = new_figure(3.6, 1, panels)
    chosen = frame[[("in_sample", metric.name), ("out_of_sample", metric.name)]].dropna()
    _against(axes[0], chosen.to_numpy(dtype=float), 30, 0.9, "chosen parameters, one point a window")
    if len(chosen) <= _MOST_NUMBERED:
        for number, point in zip(chosen.index, chosen.to_numpy(dtype=float), strict=True):
            axes[0].annotate(str(number), (point[0], point[1]), xytext=(4, 3), textcoords="offset points", fontsize=8,
                             color=INK)
    if panels == 2:
        ranks = rank_correlation(result)
        rho = "" if ranks.reason else f", rank correlation {ranks.pooled:.2f}"
        _against(axes[1], trials, 12, 0.6, f"all trials{rho}")
    for ax in axes:
        ax.set_xlabel(f"{literal(metric.label, 28)} in-sample")
        ax.set_ylabel(f"{literal(metric.label, 28)} out-of-sample")
        axis_in(ax.xaxis, metric.unit)
        axis_in(ax.yaxis, metric.unit)
        ax.grid(visible=True, axis="x", color=INK, alpha=0.2, linewidth=0.7)
    return figure


def draw_degradation(result: WalkForwardResult) -> ReportFigure:
    """Draw which part of each metric's in-sample edge was lost."""
    frame = degradation(result, stitched(result))
    lost = frame["degradation"].replace([np.inf, -np.inf], np.nan).dropna()
    twins = [metric.name for metric in result.metrics]
    titles = {str(name): label(str(name), result.metrics) for name in lost.index}
    shown = [name for name in titles if name in twins or titles[name] not in [titles.get(twin) for twin in twins]]
    figure, (ax,) = new_figure(0.8 + 0.3 * max(len(shown), 2))
    if not shown:
        return empty(figure, ax, "There was no edge in-sample of which a part could be lost.")
    # a multiple of what there was says no more than "all of it and more"
    values = lost[shown].to_numpy(dtype=float)
    drawn = np.clip(values, -2.0, 2.0)
    colours = [GOOD if value <= 0 else BAD if value > 0.5 else BEST for value in values]
    bars = ax.barh(range(len(shown)), drawn, color=colours, height=0.62, alpha=0.85)
    ax.bar_label(bars, [_part(value) for value in values], padding=4, color=INK, fontsize=9)
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.axvline(1, color=INK, linewidth=0.8, linestyle=":")
    ax.set_yticks(range(len(shown)), [literal(titles[name], 28) for name in shown])
    ax.invert_yaxis()
    # room for the figures beside the bars
    ax.set_xlim(float(drawn.min()) - 1.1 if drawn.min() < 0 else 0.0, max(1.25, float(drawn.max()) + 0.9))
    ax.set_xlabel("part of the in-sample edge that was lost out-of-sample")
    axis_in(ax.xaxis, "fraction")
    ax.grid(visible=False)
    return figure


def draw_drift(result: WalkForwardResult) -> ReportFigure:
    """Draw the chosen value of each parameter over the windows, within the searched range."""
    dimensions = list(result.space.dimensions if result.space else ())[:MOST_PARAMETERS]
    drift, steady = parameter_drift(result), parameter_stability(result)
    columns = min(3, len(dimensions))
    rows = math.ceil(len(dimensions) / columns)
    figure, axes = new_figure(0.3 + 1.9 * rows, rows, columns, len(dimensions), sharex=True)
    for ax, dimension in zip(axes, dimensions, strict=True):
        values = drift[dimension.name]
        places = _parameter_axis(ax, dimension, list(values))
        ax.plot(values.index, places, color=MAIN, linewidth=1.2, marker="o", markersize=4,
                linestyle="" if dimension.kind == "categorical" else "-")
        stability = float(steady["stability"].to_numpy(dtype=float)[list(steady.index).index(dimension.name)])
        figure_of = "" if math.isnan(stability) else f"   stability {stability:.2f}"
        ax.set_title(f"{literal(dimension.name, 20)}{figure_of}", loc="left", color=INK, fontsize=10)
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1, steps=STEPS))
    for ax in axes[-columns:]:
        ax.set_xlabel("window")
        ax.tick_params(labelbottom=True)
    return figure


def _against(ax: Axes, points: np.ndarray[tuple[int, int], np.dtype[np.float64]], size: int, alpha: float,
             title: str) -> None:
    """Draw out-of-sample against in-sample values with the line on which nothing is lost."""
    finite = points[np.isfinite(points).all(axis=1)]
    ax.set_title(title, loc="left", color=INK, fontsize=10)
    ax.scatter(finite[:, 0], finite[:, 1], s=size, color=OTHER, alpha=alpha, linewidths=0)
    if len(finite):
        ax.margins(0.08)
        limits = ax.axis()
        ax.axhline(0, color=INK, alpha=0.6, linewidth=0.8)
        middle = float(finite[:, 0].mean())
        ax.axline((middle, middle), slope=1, color=INK, linewidth=0.9, linestyle=":")
        ax.axis(limits)


def _parameter_axis(ax: Axes, dimension: Dimension, values: list[Any]) -> list[float]:
    if dimension.kind == "categorical":
        choices = list(dimension.choices)
        ax.set_yticks(range(len(choices)), [literal(parameter(choice), 12) for choice in choices])
        ax.set_ylim(-0.5, len(choices) - 0.5)
        return [float(choices.index(value)) if value in choices else math.nan for value in values]
    if dimension.log:
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.yaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: parameter(float(value))))
    scale = ax.yaxis.get_transform()
    low, high = scale.transform([float(dimension.low or 0), float(dimension.high or 0)])
    margin = 0.06 * (high - low)
    ax.set_ylim(*scale.inverted().transform([low - margin, high + margin]))
    return [float(value) for value in values]


def _part(lost: float) -> str:
    size = share(abs(lost)) if abs(lost) <= 2 else "more than 200%"
    return f"{size} lost" if lost > 0 else f"{size} better"


def _spans(days: pd.DatetimeIndex) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """Return consecutive days as spans, ends excluded."""
    spans: list[tuple[pd.Timestamp, pd.Timestamp]] = []
    for day in days:
        after = day + pd.Timedelta(days=1)
        if spans and spans[-1][1] == day:
            spans[-1] = (spans[-1][0], after)
        else:
            spans.append((day, after))
    return spans
