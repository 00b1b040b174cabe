"""Pictures, HTML and plain text from results. Importing it makes results draw themselves.

The drawing libraries are imported when something is drawn, not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jesse_nb.core.rendering import use_project_writer, use_renderer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ReportRenderer"]


class ReportRenderer:
    """Draws every kind of result; see :class:`jesse_nb.core.rendering.Renderer`."""

    def text(self, result: Any) -> str:
        """Return a stable plain-text summary: no times, no ids."""
        from jesse_nb.report.results import text

        return text(result)

    def fragment(self, result: Any) -> str:
        """Return the report as an HTML fragment for a notebook's output."""
        from jesse_nb.report.html import fragment

        return fragment(result)

    def page(self, result: Any, *, interactive: bool = False) -> str:
        """Return the report as one self-contained HTML page."""
        from jesse_nb.report.html import page

        return page(result, interactive=interactive)

    def plots(self, result: Any) -> tuple[str, ...]:
        """Return the names of the figures that exist for this result."""
        from jesse_nb.report.results import plots

        return plots(result)

    def plot(self, result: Any, name: str) -> Figure:
        """Return one figure, drawn."""
        from jesse_nb.report.results import plot

        return plot(result, name)


def _to_project(result: Any, project: Any, **options: Any) -> Any:
    from jesse_nb.core.tools.trading.to_project import to_project

    return to_project(result, project, **options)


use_renderer(ReportRenderer())
use_project_writer(_to_project)
