"""Two parameters of a study at once: cells with the trials on them, of a pair that is chosen."""

# plotly and ipywidgets are not fully typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
import plotly.graph_objects as go

from jesse_nb.core.analysis.studies.parameter_pairs import pair_places
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
from jesse_nb.report.interactive.figure import interactive
from jesse_nb.report.optimize.pair_figures import draw_pair, pairs_of
from jesse_nb.widgets.explorer.explorer_look import ExplorerFigure

__all__ = ["PairChart"]


class PairChart:
    """A figure of two parameters, and a list to choose them from; as the report's, which it is made of.

    Parameters
    ----------
    result
        A study.
    choose
        Called with the number of a trial that is clicked.

    Attributes
    ----------
    choice
        The list, the most important pair first; without options where no two parameters were varied.
    widget
        To be displayed.
    """

    def __init__(self, result: OptimizeResult, choose: Callable[[int], Any]) -> None:
        self._result, self._choose = result, choose
        self.choice = widgets.Dropdown(
            options=[(f"{first} and {second}", (first, second)) for first, second in pairs_of(result)],
            description="Two parameters", style={"description_width": "initial"},
            layout=widgets.Layout(width="max-content", max_width="100%"))
        self._place = widgets.VBox([], layout=widgets.Layout(width="100%", overflow="visible"))
        self.widget = widgets.VBox([self.choice, self._place], layout=widgets.Layout(width="100%", overflow="visible"))
        self.choice.observe(lambda _: self._draw(), "value")
        self._draw()

    @property
    def figure(self) -> Any:
        """What is shown of the pair."""
        return self._place.children[0] if self._place.children else None

    def _draw(self) -> None:
        if self.choice.value is None:
            return
        pair, before = self.choice.value, self.figure
        spec = interactive(draw_pair(self._result, *pair))
        assert spec is not None  # it has cells and dots alone
        figure = go.Figure(data=spec["data"], layout=spec["layout"])
        shown = ExplorerFigure(figure)
        numbers = list(pair_places(self._result, *pair))
        best = [] if self._result.best is None else [self._result.best.number]
        for trace, trials in zip((one for one in shown.data if one.type == "scatter"), (numbers, best), strict=False):
            trace.on_click(lambda _, points, __, trials=trials: [self._choose(trials[row])
                                                                 for row in points.point_inds[:1]])
        self._place.children = (shown,)
        if before is not None:
            before.close()  # or the browser would keep its data
