"""Results as HTML: a fragment for a notebook's output, or a whole page.

Everything is in the one text: styles under one root class, pictures as data URIs, no
script. Where a host strips the style sheet (GitHub), headings, tables and pictures remain.
An interactive page has the same text and tables, its figures as data for plotly, and plotly's script once.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from jesse_nb.exceptions import MissingPartError
from jesse_nb.report.common.canvas import ReportFigure, narrow_place, png
from jesse_nb.report.interactive.figure import interactive as plotly_figure
from jesse_nb.report.results import plot, plots, report_of

__all__ = ["figures_script", "fragment", "page", "plotly_script"]


_HEADING = re.compile("<h3(?P<attributes>[^>]*)>(?P<caption>.*?)</h3>", re.DOTALL)


class Picture(NamedTuple):
    """A figure as an image element's attributes, and as JSON for plotly where it is to be interactive.

    ``narrow`` is the same image, drawn for a place half as wide.
    """

    source: str
    narrow: str
    description: str
    width: int
    height: int = 0
    figure: str = ""


def fragment(result: Any, *, interactive: bool = False, still: bool = True) -> str:
    """Return the report as an HTML fragment, its styles scoped under ``.jesse-nb``.

    Parameters
    ----------
    result
        Of a tool.
    interactive
        Give the figures as JSON in elements of the class ``figure``, for ``interactive/figures.js``.
    still
        Draw the pictures of interactive figures, too, for readers without scripts.
    """
    report = report_of(result)
    described = report.pictures(result)
    pictures = {name: _picture(result, name, described[name], interactive, still) for name in plots(result)
                if name in described}
    card = report.card(result) if report.card is not None else None
    return _render(report.template, {**report.content(result), "figures": pictures, "card": card})


def page(result: Any, *, interactive: bool = False) -> str:
    """Return the report as one self-contained HTML page, with links to its sections that stay in view.

    Raises
    ------
    MissingPartError
        When it is to be interactive, and plotly is not installed.
    """
    scripts = (plotly_script(), figures_script()) if interactive else ()
    # the fragment is finished HTML: all in it was escaped as it was rendered; the scripts are packages' files
    sections: list[Markup] = []
    numbered = _HEADING.sub(lambda heading: _numbered(heading, sections), fragment(result, interactive=interactive))
    return _render("page.html", {"title": report_of(result).title(result), "sections": sections,
                                 "scripts": tuple(map(Markup, scripts)), "fragment": Markup(numbered)})  # noqa: S704


def _numbered(heading: re.Match[str], sections: list[Markup]) -> str:
    """Give a heading its id, and note its caption without what is marked in it."""
    sections.append(Markup(heading["caption"].partition("<")[0].strip()))  # noqa: S704
    return f'<h3 id="section-{len(sections)}"{heading["attributes"]}>{heading["caption"]}</h3>'


def figures_script() -> str:
    """Return the script that draws the figures of an interactive fragment."""
    return (Path(__file__).parent / "interactive" / "figures.js").read_text(encoding="utf-8")


def plotly_script() -> str:
    """Return plotly's own script, from the file that its package has; the package is not imported.

    Raises
    ------
    MissingPartError
        When plotly is not installed.
    """
    package = find_spec("plotly")
    if package is None or not package.submodule_search_locations:
        raise MissingPartError("An interactive report needs plotly, which is not installed.",
                               "Run `python -m pip install 'jesse-nb[lab]'`.")
    folder = Path(package.submodule_search_locations[0])
    return (folder / "package_data" / "plotly.min.js").read_text(encoding="utf-8")


def _picture(result: Any, name: str, description: str, as_data: bool, still: bool) -> Picture:
    figure = plot(result, name)
    # where plotly cannot draw all that is in it, the picture stays
    spec = plotly_figure(figure) if as_data else None
    source = narrow = ""
    if still or spec is None:
        with narrow_place():
            source, narrow = _source(figure), _source(plot(result, name))
    width, height = (round(inches * figure.dpi) for inches in figure.get_size_inches())
    return Picture(source, narrow, description, width, height, _json(spec) if spec else "")


def _source(figure: ReportFigure) -> str:
    return f"data:image/png;base64,{base64.b64encode(png(figure)).decode()}"


def _json(spec: Mapping[str, Any]) -> Markup:
    # in a script element only "<" could end it: as an escape of JSON it cannot
    text = json.dumps(spec, allow_nan=False, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return Markup(text)  # noqa: S704


def _render(template: str, content: Mapping[str, Any]) -> str:
    return _environment().get_template(template).render(content)


@cache
def _environment() -> Environment:
    return Environment(loader=PackageLoader("jesse_nb.report"), autoescape=True, undefined=StrictUndefined)
