"""Several parameters of a search at once: two as cells with the trials on them, all as parallel coordinates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import LineCollection
from numpy.typing import NDArray

from jesse_nb.core.analysis.studies.parameter_pairs import pair_places, pair_table, parameter_pairs
from jesse_nb.report.common.canvas import BEST, INK, ReportFigure, axis_in, empty, literal, new_figure, room, say
from jesse_nb.report.common.heatmap import LESS_TO_MORE
from jesse_nb.report.common.numbers import measure, parameter

if TYPE_CHECKING:
    from jesse_nb.core.study.trial import Trial
    from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult

__all__ = ["draw_pair", "draw_parallel", "pairs_of", "trial_words"]

#: Axes of parallel coordinates.
_MOST_AXES = 10


def pairs_of(result: OptimizeResult) -> list[tuple[str, str]]:
    """Return the pairs of parameters that can be drawn, the most important first."""
    return parameter_pairs(result, result.importances.values)


def draw_pair(result: OptimizeResult, first: str, second: str) -> ReportFigure:
    """Draw the median value of the first metric in each cell of two parameters, and the trials on it."""
    table = pair_table(result, first, second)
    figure, (ax,) = new_figure(3.6)
    values = table.to_numpy(dtype=float)
    if not np.isfinite(values).any():
        return empty(figure, ax, "No trial has a value.")
    metric = result.metrics[0]
    colours = LESS_TO_MORE if metric.direction == "maximize" else LESS_TO_MORE.reversed()
    drawn = ax.imshow(values, cmap=colours, aspect="auto")
    across, down = list(table.columns), list(table.index)
    cells = pair_places(result, first, second)
    places = np.array(list(cells.values()))
    spread = np.arange(len(places)) * 0.618034 % 1 * 0.5 - 0.25  # so that trials of one cell are seen beside each other
    dots = ax.scatter(places[:, 0] + spread, places[:, 1] + spread[::-1], s=14, color=INK, edgecolors="white",
                      linewidths=0.5)  # seen on light cells and on dark ones
    say(dots, [trial_words(result, number) for number in cells])
    if result.best is not None and result.best.number in cells:
        column, row = cells[result.best.number]
        star = ax.scatter([column], [row], marker="*", s=170, color=BEST, edgecolors="white", linewidths=0.7, zorder=3)
        say(star, [trial_words(result, result.best.number)])
    for axis, labels, name in ((ax.xaxis, across, first), (ax.yaxis, down, second)):
        every = math.ceil(len(labels) / (room(12) if axis is ax.xaxis else 12))
        axis.set_ticks(range(0, len(labels), every), [literal(parameter(label), 12) for label in labels[::every]])
        axis.set_label_text(literal(name))
    ax.grid(visible=False)
    bar = figure.colorbar(drawn, ax=ax, pad=0.01)
    bar.set_label(literal(f"{metric.label}, median"), color=INK, fontsize=9)
    bar.ax.tick_params(colors=INK, labelsize=9, length=3)
    bar.outline.set_visible(False)  # type: ignore[operator]
    axis_in(bar.ax.yaxis, metric.unit, ticks=5)
    return figure


def trial_words(result: OptimizeResult, number: int) -> str:
    """Say of a trial its number, its value and its parameters, a line each."""
    trial = next(trial for trial in result.trials if trial.number == number)
    metric = result.metrics[0]
    params = [f"{name} = {parameter(value)}" for name, value in trial.params.items()]
    return "\n".join([f"trial {number}: {metric.label} {measure(trial.value, metric.unit)}", *params])


def draw_parallel(result: OptimizeResult) -> ReportFigure:
    """Draw each trial as a line over its parameters and its value, the better the darker, the best one marked."""
    names = list(dict.fromkeys(name for pair in pairs_of(result) for name in pair))[:_MOST_AXES]
    scored = sorted((trial for trial in result.trials if trial.scored), key=lambda trial: trial.number)
    figure, (ax,) = new_figure(3.4)
    if not names or not scored:
        return empty(figure, ax, "No two parameters were varied.")
    metric = result.metrics[0]
    scale = np.array([trial.value for trial in scored])
    columns = [_column([trial.params[name] for trial in scored]) for name in names]
    columns.append((_share(scale), [parameter(float(f"{scale.min():.3g}")), parameter(float(f"{scale.max():.3g}"))]))
    lines = np.stack([np.column_stack([np.arange(len(columns)), row]) for row in
                      np.column_stack([share for share, _ in columns])])
    goodness = _share(scale) if metric.direction == "maximize" else 1 - _share(scale)
    order = np.argsort(goodness)
    ax.add_collection(LineCollection(list(lines[order]), array=goodness[order], cmap=LESS_TO_MORE, linewidths=0.9,
                                     alpha=0.75))
    best = [place for place, trial in enumerate(scored) if _is_best(result, trial)]
    for place in best:
        ax.plot(lines[place][:, 0], lines[place][:, 1], color=BEST, linewidth=2.2, zorder=3)
    for place, (_, ends) in enumerate(columns):
        ax.axvline(place, color=INK, linewidth=0.8, alpha=0.6)
        for height, said in zip((-0.04, 1.04), (ends[0], ends[-1]), strict=True):
            ax.text(place, height, literal(said, 12), ha="center", va="top" if height < 0 else "bottom", fontsize=8.5,
                    color=INK)
    ax.set_xticks(range(len(columns)), [literal(name, 16) for name in [*names, metric.label]])
    ax.tick_params(axis="x", length=0, pad=16)
    ax.set_yticks([])
    ax.set_xlim(-0.3, len(columns) - 0.7)
    ax.set_ylim(-0.05, 1.05)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.grid(visible=False)
    return figure


def _is_best(result: OptimizeResult, trial: Trial) -> bool:
    return result.best is not None and trial.number == result.best.number


def _column(values: list[Any]) -> tuple[NDArray[np.float64], list[str]]:
    """Return where values stand on an axis from 0 to 1, and what its ends are called."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        numbers = np.asarray(values, dtype=float)
        return _share(numbers), [parameter(min(values)), parameter(max(values))]
    known = sorted({repr(value): value for value in values}.items())
    texts = [text for text, _ in known]
    return (_share(np.array([texts.index(repr(value)) for value in values], dtype=float)),
            [parameter(known[0][1]), parameter(known[-1][1])])


def _share(values: NDArray[np.float64]) -> NDArray[np.float64]:
    low, reach = float(values.min()), float(values.max() - values.min())
    return (values - low) / reach if reach else np.full(len(values), 0.5)
