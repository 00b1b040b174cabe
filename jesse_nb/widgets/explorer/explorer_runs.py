"""The explorer of a larger result: a chart of its runs, of which a click opens one."""

# ipywidgets is not fully typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets as widgets

from jesse_nb.core.jobs.job import Job
from jesse_nb.core.jobs.progress import Progress
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
from jesse_nb.core.tools.resimulate.explorable_runs import ExplorableRun
from jesse_nb.core.tools.resimulate.exploration import Exploration
from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult
from jesse_nb.exceptions import JesseNbError
from jesse_nb.widgets.explorer.explorer_backtest import BacktestExplorer
from jesse_nb.widgets.explorer.explorer_pairs import PairChart
from jesse_nb.widgets.live.display import shown_by_its_launcher

__all__ = ["RunsExplorer"]


class RunsExplorer:
    """A chart of runs, a list of them, and the explorer of the one that was opened.

    Parameters
    ----------
    result
        A study, a walk-forward or a batch.
    runs
        Its runs.
    options
        For simulating them again.

    Attributes
    ----------
    widget
        To be displayed.
    charts
        Figures that a click opens a run in.
    pairs
        Two parameters of a study, to be chosen; None where there is no study, or nothing to choose from.
    opened
        The explorer of the run that is shown; None before the first.
    """

    def __init__(self, result: Any, runs: tuple[ExplorableRun, ...], options: dict[str, Any]) -> None:
        self._runs = {run.key: run for run in runs}
        self._options = options
        self._job: Job[Exploration] | None = None
        self.opened: BacktestExplorer | None = None
        self.charts = _charts(result, self.open)
        self.pairs = PairChart(result, self.open) if isinstance(result, OptimizeResult) and self.charts else None
        self.choice = widgets.Dropdown(options=[(run.name, run.key) for run in runs], description="Run",
                                       style={"description_width": "initial"},
                                       layout=widgets.Layout(width="auto", max_width="100%"))
        self.button = widgets.Button(description="Open", layout=widgets.Layout(width="auto"),
                                     tooltip="Show this run's trades")
        self.button.on_click(lambda _: self.open(self.choice.value))
        self._status = widgets.HTML("Click a run in a chart, or choose one and open it.")
        self._place = widgets.VBox([], layout=widgets.Layout(width="100%", overflow="visible"))
        self.widget = widgets.VBox([
            *self.charts, *([self.pairs.widget] if self.pairs and self.pairs.figure else []),
            widgets.HBox([self.choice, self.button], layout=widgets.Layout(flex_flow="row wrap")),
            self._status, self._place,
        ], layout=widgets.Layout(width="100%", overflow="visible")).add_class("jesse-nb-explorer")

    def open(self, key: Any) -> Job[Exploration] | None:
        """Begin to open a run; it is shown when it is ready. None when it cannot be opened."""
        if key not in self._runs:
            self._say("That run failed, or did not run.")
            return None
        if self._job is not None:
            self._job.cancel()
        self.choice.value = key
        self._say(f"Opening {self._runs[key].name} …")
        try:
            with shown_by_its_launcher():
                job = self._runs[key].open(**self._options)
        except JesseNbError as error:
            self._say(str(error))
            return None
        self._job = job
        job.subscribe(lambda progress: self._follow(job, progress))
        return job

    def _follow(self, job: Job[Exploration], progress: Progress) -> None:
        """Show what was opened, unless another one was asked for meanwhile; called from the job's thread."""
        if progress.state == "running" or job is not self._job:
            return
        if progress.state != "finished":
            self._say(progress.message)
            return
        before = self.opened
        self.opened = BacktestExplorer(job.result())
        self._place.children = (self.opened.widget,)
        self._say("")
        if before is not None:
            before.chart.figure.close()  # or the browser would keep its data
            before.table.close()

    def _say(self, text: str) -> None:
        self._status.value = escape(text)


def _charts(result: Any, choose: Any) -> list[Any]:
    if isinstance(result, OptimizeResult):
        from jesse_nb.widgets.explorer.explorer_trials import trial_charts

        return trial_charts(result, choose)
    if isinstance(result, WalkForwardResult):
        from jesse_nb.widgets.explorer.explorer_windows import windows_chart

        return [windows_chart(result, choose)]
    return []
