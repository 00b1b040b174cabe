"""The windows of a walk-forward along time, where each part can be clicked."""

# plotly is not typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go

from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult
from jesse_nb.report.common.canvas import BAD, GOOD, INK, OTHER
from jesse_nb.report.common.labels import period
from jesse_nb.report.common.numbers import measure, parameter
from jesse_nb.report.interactive.look import GRID, look
from jesse_nb.widgets.explorer.explorer_look import ExplorerFigure

__all__ = ["windows_chart"]


def windows_chart(result: WalkForwardResult, choose: Callable[[tuple[int, str]], Any]) -> Any:
    """Return the figure; ``choose`` is called with a window's number and ``train`` or ``test``."""
    figure = go.Figure()
    numbers = np.array([window.window.number for window in result.windows])
    rows = [f"{number}" for number in numbers]
    for part, words in (("train", "in-sample"), ("test", "out-of-sample")):
        runs = [getattr(window, part) for window in result.windows]
        spans = [(getattr(window.window, f"{part}_start"), getattr(window.window, f"{part}_end"))
                 for window in result.windows]
        figure.add_bar(
            base=[start for start, _ in spans], x=[end - start for start, end in spans], y=rows, orientation="h",
            name=words, customdata=numbers, hoverinfo="text",
            hovertext=[_hover(window.window.number, words, span, run, window.params, window.reason)
                       for window, run, span in zip(result.windows, runs, spans, strict=True)],
            marker={"color": [INK if part == "train" else _tone(run) for run in runs],
                    "opacity": 0.35 if part == "train" else 0.9, "line": {"width": 0}}, showlegend=False,
        )
    figure.update_layout(
        **look(min(700, 110 + 24 * len(rows))), barmode="overlay", bargap=0.25,
        title={"text": "Out-of-sample: green gained, red lost, violet even or without a run. Grey: in-sample.",
               "font": {"size": 12}, "x": 0.01},
        xaxis={"type": "date", "gridcolor": GRID},
        yaxis={"type": "category", "autorange": "reversed", "title": {"text": "window"}, "fixedrange": True},
    )
    widget = ExplorerFigure(figure)
    for trace, part in zip(widget.data, ("train", "test"), strict=True):
        trace.on_click(lambda clicked, points, _, part=part: [choose((int(clicked.customdata[row]), part))
                                                              for row in points.point_inds[:1]])
    return widget


def _tone(run: BacktestResult | None) -> str:
    gained = float(run.metrics.get("net_profit_percentage", 0.0)) if run is not None else 0.0
    return GOOD if gained > 0 else BAD if gained < 0 else OTHER


def _hover(number: int, words: str, span: tuple[int, int], run: BacktestResult | None, params: Any, reason: str) -> str:
    chosen = "<br>".join(f"{escape(name)} = {escape(parameter(value))}" for name, value in params.items())
    head = f"<b>Window {number}, {words}</b><br>{escape(period(*span))}"
    if run is None:
        return f"{head}<br>no run{f': {escape(reason)}' if reason else ''}"
    return (f"{head}<br>{measure(run.metrics['net_profit_percentage'], 'percent')} in "
            f"{run.metrics['total']:,} trades<br>{chosen}<br>click to open it")
