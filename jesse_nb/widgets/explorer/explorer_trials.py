"""The trials of a study: parallel coordinates and slices, where each trial can be clicked."""

# plotly is not typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from jesse_nb.core.study.trial import Trial
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
from jesse_nb.report.common.labels import write
from jesse_nb.report.common.numbers import parameter
from jesse_nb.report.common.palette import BEST, INK, OTHER
from jesse_nb.report.interactive.look import GRID, look
from jesse_nb.widgets.explorer.explorer_look import ExplorerFigure

__all__ = ["trial_charts"]

#: Trials that are drawn: the best ones of more.
_MOST_TRIALS = 400
#: Parameters that have a slice.
_MOST_SLICES = 8
_COLUMNS = 4
_SCALE = [[0.0, OTHER], [0.5, "#d6559b"], [1.0, BEST]]


def trial_charts(result: OptimizeResult, choose: Callable[[int], Any]) -> list[Any]:
    """Return the figures; ``choose`` is called with the number of a trial that is clicked."""
    first = result.metrics[0]
    scored = [trial for trial in result.trials if trial.scored]
    best_last = sorted(scored, key=lambda trial: trial.value, reverse=first.direction == "minimize")[-_MOST_TRIALS:]
    names = [name for name in result.space.names if len({str(trial.params[name]) for trial in best_last}) > 1]
    if len(best_last) < 2 or not names:
        return []
    hover = [_hover(result, trial) for trial in best_last]
    # by rank: one bad outlier would else take all the colours
    ranks = np.linspace(0.0, 1.0, len(best_last))
    drawn = (_coordinates, _slices)
    figures = [ExplorerFigure(draw(result, best_last, names, hover, ranks)) for draw in drawn]
    for figure in figures:
        for trace in figure.data:
            if trace.customdata is not None:
                trace.on_click(lambda clicked, points, _: [choose(int(clicked.customdata[row]))
                                                           for row in points.point_inds[:1]])
    return figures


def _coordinates(
    result: OptimizeResult, trials: list[Trial], names: list[str], hover: list[str], ranks: NDArray[np.float64]
) -> Any:
    columns = [*([trial.params[name] for trial in trials] for name in names), [trial.value for trial in trials]]
    heights = [_heights(column) for column in columns]
    figure = go.Figure(layout=look(360))
    for low in range(10):  # strokes of one trace share a colour
        rows = [row for row, rank in enumerate(ranks) if min(int(rank * 10), 9) == low]
        figure.add_scatter(x=[place for _ in rows for place in [*range(len(columns)), None]],
                           y=[value for row in rows for value in [*(height[row] for height in heights), None]],
                           mode="lines", hoverinfo="skip", showlegend=False,
                           line={"width": 2.2 if low == 9 else 1, "color": _colour((low + 0.5) / 10)},
                           opacity=0.25 + 0.06 * low)
    numbers = [trial.number for trial in trials]
    for place, height in enumerate(heights):
        figure.add_scatter(x=[place] * len(trials), y=height, mode="markers", showlegend=False, hovertext=hover,
                           hoverinfo="text", customdata=np.array(numbers),
                           marker={"size": 8, "color": ranks, "colorscale": _SCALE, "line": {"width": 0}})
    labels = [*names, result.metrics[0].label]
    figure.update_layout(xaxis={"tickvals": list(range(len(labels))), "ticktext": [escape(label[:22])
                                                                                   for label in labels],
                                "range": [-0.15, len(labels) - 0.75], "fixedrange": True, "gridcolor": INK},
                         yaxis={"visible": False, "range": [-0.12, 1.12], "fixedrange": True})
    for place, column in enumerate(columns):
        for level, text in _ends(column, result if place == len(names) else None):
            figure.add_annotation(x=place, y=level, text=escape(text), showarrow=False, xshift=6, xanchor="left",
                                  font={"size": 10, "color": INK})
    return figure


def _slices(
    result: OptimizeResult, trials: list[Trial], names: list[str], hover: list[str], ranks: NDArray[np.float64]
) -> Any:
    names = names[:_MOST_SLICES]
    columns = min(_COLUMNS, len(names))
    rows = -(-len(names) // columns)
    figure = make_subplots(rows=rows, cols=columns, shared_yaxes=True, horizontal_spacing=0.03,
                           vertical_spacing=0.3 / rows)
    figure.update_layout(**look(60 + 210 * rows))
    numbers = np.array([trial.number for trial in trials])
    for place, name in enumerate(names):
        row, column = divmod(place, columns)
        values = [trial.params[name] for trial in trials]
        words = not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        figure.add_scatter(x=[escape(str(value)) for value in values] if words else values,
                           y=[trial.value for trial in trials], mode="markers", showlegend=False, hovertext=hover,
                           hoverinfo="text", customdata=numbers, row=row + 1, col=column + 1,
                           marker={"size": 8, "color": ranks, "colorscale": _SCALE, "line": {"width": 0}})
        figure.update_xaxes(title_text=escape(name[:24]), type="category" if words else "linear", gridcolor=GRID,
                            zeroline=False, row=row + 1, col=column + 1)
    figure.update_yaxes(gridcolor=GRID, zeroline=False, automargin=True)
    figure.update_yaxes(title_text=escape(result.metrics[0].label[:30]), col=1)
    return figure


def _heights(column: list[Any]) -> NDArray[np.float64]:
    """Return where on an axis from 0 to 1 each value lies: numbers by size, words by their order of appearance."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in column):
        values = np.array(column, dtype=float)
    else:
        order = {value: place for place, value in enumerate(sorted({str(value) for value in column}))}
        values = np.array([order[str(value)] for value in column], dtype=float)
    span = values.max() - values.min()
    return (values - values.min()) / span if span > 0 else np.full(len(values), 0.5)


def _ends(column: list[Any], study: OptimizeResult | None) -> list[tuple[float, str]]:
    heights = _heights(column)
    ends = dict.fromkeys((int(heights.argmin()), int(heights.argmax())))
    return [(float(heights[row]), parameter(column[row])[:18] if study is None else
             write(study.metrics[0].name, column[row], study.metrics)) for row in ends]


def _hover(result: OptimizeResult, trial: Trial) -> str:
    first = result.metrics[0]
    params = "<br>".join(f"{escape(name)} = {escape(parameter(value))}" for name, value in trial.params.items())
    broken = f"<br>breaks {escape(', '.join(trial.violated))}" if trial.violated else ""
    return (f"<b>Trial {trial.number}</b><br>{escape(first.label)} "
            f"{write(first.name, trial.value, result.metrics)}<br>{params}{broken}<br>click to open its backtest")


def _colour(rank: float) -> str:
    from plotly.colors import sample_colorscale

    return str(sample_colorscale(_SCALE, [rank])[0])
