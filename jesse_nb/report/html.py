"""Results as HTML: a fragment for a notebook's output, or a whole page.

Everything is in the one text: styles under one root class, pictures as data URIs, no
script. Where a host strips the style sheet (GitHub), headings, tables and pictures remain.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from jesse_nb.report.common.canvas import ReportFigure, png
from jesse_nb.report.results import plot, plots, report_of

__all__ = ["fragment", "page"]


class Picture(NamedTuple):
    """A figure as an image element's attributes."""

    source: str
    description: str
    width: int


def fragment(result: Any) -> str:
    """Return the report as an HTML fragment, its styles scoped under ``.jesse-nb``."""
    report = report_of(result)
    described = report.pictures(result)
    pictures = {name: _picture(plot(result, name), described[name]) for name in plots(result) if name in described}
    card = report.card(result) if report.card is not None else None
    return _render(report.template, {**report.content(result), "figures": pictures, "card": card})


def page(result: Any) -> str:
    """Return the report as one self-contained HTML page."""
    # the fragment is finished HTML: everything in it was escaped when it was rendered
    return _render("page.html", {"title": report_of(result).title(result),
                                 "fragment": Markup(fragment(result))})  # noqa: S704


def _picture(figure: ReportFigure, description: str) -> Picture:
    source = f"data:image/png;base64,{base64.b64encode(png(figure)).decode()}"
    return Picture(source, description, round(figure.get_figwidth() * figure.dpi))


def _render(template: str, content: Mapping[str, Any]) -> str:
    return _environment().get_template(template).render(content)


@cache
def _environment() -> Environment:
    return Environment(loader=PackageLoader("jesse_nb.report"), autoescape=True, undefined=StrictUndefined)
