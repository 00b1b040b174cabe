"""How a kind of result is shown: one :class:`Report` for each, in the drawer of its tool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from jesse_nb.report.common.canvas import ReportFigure
    from jesse_nb.report.common.tables import Table

__all__ = ["Drawings", "Report"]

T = TypeVar("T")

#: What draws each figure, by its name.
Drawings = Mapping[str, Callable[[], "ReportFigure"]]


@dataclass(frozen=True)
class Report(Generic[T]):
    """How a kind of result is shown.

    Its home is named in the tool's declaration beside the result's class; it is loaded when such a result is shown.

    Attributes
    ----------
    title
        What its page is called.
    text
        The result as plain text: the same every time, without times and ids.
    content
        What the template takes, but for ``figures`` and ``card``.
    template
        A file of ``report/templates``; ``tables.html`` does for a small report. Empty where there is none but the text.
    figures
        What draws each figure that a result has.
    pictures
        Which of these stand in the report, and what each shows, for those who cannot see it.
    card
        What the result is made of.
    """

    title: Callable[[T], str]
    text: Callable[[T], str]
    content: Callable[[T], Mapping[str, Any]] = lambda _: {}
    template: str = "tables.html"
    figures: Callable[[T], Drawings] = lambda _: {}
    pictures: Callable[[T], Mapping[str, str]] = lambda _: {}
    card: Callable[[T], Table] | None = None
