"""``result.explore()``: what it returns, and which explorer a result has.

Importing this module makes results explorable; plotly and ipywidgets are imported when something is explored.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from importlib.util import find_spec
from typing import Any

from jesse_nb.core.jesse_runtime import nothing_slow
from jesse_nb.core.rendering import Shown, use_explorer
from jesse_nb.exceptions import MissingPartError

__all__ = ["Explorer", "explore"]

_PARTS = ("plotly", "ipywidgets", "anywidget")

_NOTE = "<p><small>A picture of the explorer. To look through the trades, run the cell again.</small></p>"


class Explorer:
    """An explorer, as the last value of a cell.

    Where somebody sits in front of a running kernel it is a widget. A picture goes with it and stays in the saved
    notebook, for places that run no JavaScript.

    Parameters
    ----------
    picture
        What is shown where nothing moves.
    build
        Makes the widget's parts; they have a ``widget``.
    """

    def __init__(self, picture: Shown, build: Callable[[], Any]) -> None:
        self.picture = picture
        self._build = build

    @cached_property
    def parts(self) -> Any:
        """The explorer's parts, for driving it from Python."""
        with nothing_slow():
            return self._build()

    @property
    def widget(self) -> Any:
        """The ``ipywidgets`` widget, to be put into a layout of your own."""
        return self.parts.widget

    def __repr__(self) -> str:
        return str(self.picture)

    def _ipython_display_(self) -> None:
        self._output.show()

    @cached_property
    def _output(self) -> Any:
        from jesse_nb.widgets.mount import MountedOutput

        return MountedOutput(lambda: self.widget, self._static, lambda: vars(self).pop("parts", None))

    def _static(self) -> dict[str, Any]:
        bundle = self.picture._repr_mimebundle_()
        return {**bundle, "text/html": f'<div class="jesse-nb-picture">{bundle["text/html"]}{_NOTE}</div>'}


def explore(result: Any, **options: Any) -> Explorer:
    """Open the explorer of a result; see :meth:`~jesse_nb.core.rendering.Explorable.explore`."""
    missing = [name for name in _PARTS if find_spec(name) is None]
    if missing:
        raise MissingPartError(f"The trade explorer needs {missing[0]}, which is not installed.",
                               "Run `python -m pip install 'jesse-nb[lab]'`.")
    import jesse_nb.report  # noqa: F401 - draws the picture
    from jesse_nb.core.simulator.result import BacktestResult
    from jesse_nb.core.tools.resimulate.exploration import explore_backtest

    if isinstance(result, BacktestResult):
        exploration: Any = explore_backtest(result, **options)

        def build() -> Any:
            from jesse_nb.widgets.explorer.explorer_backtest import BacktestExplorer

            return BacktestExplorer(exploration)

        return Explorer(exploration, build)
    from jesse_nb.core.tools.resimulate.explorable_runs import runs_of

    runs = runs_of(result)

    def choose() -> Any:
        from jesse_nb.widgets.explorer.explorer_runs import RunsExplorer

        return RunsExplorer(result, runs, options)

    return Explorer(result, choose)


use_explorer(explore)
