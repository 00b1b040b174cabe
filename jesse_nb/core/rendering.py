"""How a result shows itself, without the engine knowing who draws.

The engine never imports a drawing library. The report room hands its renderer
to :func:`use_renderer` when it is imported, and results that inherit
:class:`Shown` ask that renderer for their text, their HTML and their figures.
Without one (the engine used alone), a result names itself and says what draws it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from jesse_nb.core.user_path import user_path
from jesse_nb.core.whole_files import written_whole
from jesse_nb.exceptions import InputError, MissingPartError, StorageError, did_you_mean, shown

__all__ = ["Explorable", "Renderer", "Shown", "given_by", "use_explorer", "use_project_writer",
           "use_renderer", "use_viewer"]


class Renderer(Protocol):
    """What the report room offers to results."""

    def text(self, result: Any) -> str:
        """Return a stable plain-text summary: no times, no ids."""

    def fragment(self, result: Any) -> str:
        """Return the report as an HTML fragment for a notebook's output."""

    def page(self, result: Any, *, interactive: bool = False) -> str:
        """Return the report as one self-contained HTML page."""

    def plots(self, result: Any) -> tuple[str, ...]:
        """Return the names of the figures that exist for this result."""

    def plot(self, result: Any, name: str) -> Any:
        """Return one figure, drawn (a ``matplotlib.figure.Figure``)."""


_renderer: Renderer | None = None


def use_renderer(renderer: Renderer) -> None:
    """Make ``renderer`` draw every result from now on."""
    global _renderer  # one renderer per process, set once when the report room is imported
    _renderer = renderer


_explorer: Callable[..., Any] | None = None


def use_explorer(explore: Callable[..., Any]) -> None:
    """Let ``explore(result, **options)`` open every result's trade explorer from now on."""
    global _explorer  # as above, set once when the widgets' explorer is imported
    _explorer = explore


_viewer: Callable[[Any], None] | None = None


def use_viewer(show: Callable[[Any], None]) -> None:
    """Let ``show(result)`` show every result's interactive report from now on."""
    global _viewer  # as above, set once when the widgets' report view is imported
    _viewer = show


_project_writer: Callable[..., Any] | None = None


def use_project_writer(write: Callable[..., Any]) -> None:
    """Let ``write(result, project, **options)`` put every result's strategy into a Jesse project from now on."""
    global _project_writer  # as above, set once when the report room is imported
    _project_writer = write


#: Both ends are weak: a job holds its result, and through a table that held the job, neither would ever go.
_givers: dict[int, tuple[weakref.ref[Any], weakref.ref[Any]]] = {}


def given_by(job: Any, result: Any) -> None:
    """Note which job gave a result, for as long as there is the result; not in it, as results are compared and kept."""
    if isinstance(result, Shown):
        key = id(result)
        # Bound here, as at the end of the process the module's own names go first.
        _givers[key] = weakref.ref(result, partial(_forget, _givers, key)), weakref.ref(job)


def _forget(givers: dict[int, Any], key: int, _: Any) -> None:
    givers.pop(key, None)


class Shown:
    """A result that prints, renders in a notebook, draws and exports itself."""

    def __str__(self) -> str:
        if _renderer is None:
            return f"<{type(self).__name__}: import jesse_nb.report to see it>"
        return _renderer.text(self)

    def __repr__(self) -> str:
        return str(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        bundle = {"text/plain": str(self)}
        if _renderer:
            bundle["text/html"] = _renderer.fragment(self)
        return bundle

    @property
    def job(self) -> Any:
        """The :class:`~jesse_nb.core.jobs.job.Job` of this process that gave it; None where none did, or it is gone."""
        result, job = _givers.get(id(self), (None, None))
        return job() if result is not None and job is not None and result() is self else None

    def show(self) -> None:
        """Show the report in the cell that is running, with figures to hover over and zoom.

        A zoom of days is one of all figures that show them; a double click goes back. As saved, and wherever no
        script runs (GitHub, nbconvert), the output is the result's usual report. Outside of IPython it is printed.

        Raises
        ------
        MissingPartError
            When plotly or ipywidgets is not installed.
        """
        if _viewer is None:
            raise MissingPartError("Nothing is loaded that shows reports.",
                                   "Run `import jesse_nb.widgets.plots.report_view` first.")
        _viewer(self)

    def to_html(self, path: str | Path, *, interactive: bool = False) -> Path:
        """Write the report as one self-contained HTML page.

        Parameters
        ----------
        path
            Where to write; missing folders are made, an older file is replaced.
        interactive
            With figures to hover over and zoom, and the script for it in the file (5 MB more): no network is needed.

        Returns
        -------
        pathlib.Path
            The file that was written.

        Raises
        ------
        InputError
            When no file can be called so.
        StorageError
            When the file cannot be written.
        MissingPartError
            When it is to be interactive, and plotly is not installed.
        """
        target = user_path(path)
        page = _drawing().page(self, interactive=True) if interactive else _drawing().page(self)
        try:
            with written_whole(target, links=True) as file:
                file.write_text(page, encoding="utf-8")
        except OSError as error:
            raise StorageError(f"Cannot write the report to {target}: {error.strerror}.") from error
        return target

    def plot(self, name: str) -> Any:
        """Draw one figure of the report.

        Parameters
        ----------
        name
            One of :meth:`plots`.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        InputError
            When this result has no figure of that name.
        """
        known = _drawing().plots(self)
        if name not in known:
            raise InputError(f"No figure is called {shown(name)}.", did_you_mean(name, known))
        return _drawing().plot(self, name)

    def plots(self) -> tuple[str, ...]:
        """Return the names that :meth:`plot` takes."""
        return _drawing().plots(self)


class Explorable(Shown):
    """A result whose trades can be looked through one by one."""

    def explore(self, **options: Any) -> Any:
        """Open the trade explorer: the candles, every trade on them, and a table to find trades with.

        The run is simulated again by a worker, to see stops, targets and lines that the strategy draws.

        Parameters
        ----------
        **options
            Only for a result that outlived its kernel, or whose parts are elsewhere: ``strategy``, ``project``,
            ``candles``, ``store``, ``trial_timeout``, ``memory_limit`` as in
            :func:`~jesse_nb.core.tools.resimulate.rerun.request_again`.

        Returns
        -------
        Explorer
            Shows itself at the end of a cell.

        Raises
        ------
        CandlesError
            When the candles of the run are not stored any more.
        MissingPartError
            When plotly or ipywidgets is not installed.
        InputError
            When there is nothing to open, or the run was made on rewritten candles.
        """
        if _explorer is None:
            raise MissingPartError("Nothing is loaded that can explore.",
                                   "Run `import jesse_nb.widgets.explorer.explorer` first.")
        return _explorer(self, **options)


    def to_project(self, project: str | Path | None = None, **options: Any) -> Any:
        """Write the strategy into a Jesse project, with the values of this result as its defaults.

        Parameters
        ----------
        project
            Its folder; by default the working directory.
        **options
            As in :func:`jesse_nb.to_project`: ``name``, ``trial``, ``window``, ``strategy``, ``overwrite``, ...

        Returns
        -------
        ProjectStrategy

        Raises
        ------
        JesseNbError
            As :func:`jesse_nb.to_project`.
        """
        if _project_writer is None:
            raise MissingPartError("Nothing is loaded that can write to a project.", "Run `import jesse_nb.report` "
                                                                                     "first.")
        return _project_writer(self, project, **options)


def _drawing() -> Renderer:
    if _renderer is None:
        raise MissingPartError("Nothing is loaded that can draw.", "Run `import jesse_nb.report` first.")
    return _renderer
