"""Writes the pages of the reference: public names from their docstrings, options from what the tools declare.

``python .ci/site/reference.py FOLDER``
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import jesse_nb
from jesse_nb.core.tools.declaration.parameter import COMMAND, MAGIC, PYTHON, Parameter
from jesse_nb.core.tools.declaration.tool import Tool
from jesse_nb.core.tools.registry import TOOLS, public_homes

_EXAMPLES = """The examples run on the demo market (``jn.install_demo()``), after ``import jesse_nb as jn`` and
``from jesse_nb.quickstart import TrendFollower``."""

_OPTIONS = """# Options

What the tools take, each once: what several take comes first. A magic and a command have the same flags. In Python an
argument has the name in the second column; `%config JesseNb.NAME` sets the default of those in the last one. In
parentheses stands what is taken without it.
"""


def names_by_page() -> dict[str, list[str]]:
    """Return every public name, by the page that it belongs on."""
    pages: dict[str, list[str]] = {"functions": [], "classes": [], "errors": []}
    for name in sorted({*jesse_nb.__all__, *public_homes()}):
        value = getattr(jesse_nb, name)
        if inspect.isclass(value) and issubclass(value, BaseException):
            pages["errors"].append(name)
        elif inspect.isclass(value) and value.__module__.startswith("jesse_nb"):
            pages["classes"].append(name)
        elif inspect.isfunction(value) and not name.endswith("_ipython_extension"):
            pages["functions"].append(name)
    return pages


def page(title: str, names: list[str]) -> str:
    """Return the text of a page of public names."""
    lines = [title, "=" * len(title), "", ".. currentmodule:: jesse_nb", ""]
    if title != "Errors":
        lines += [_EXAMPLES, ""]
    for name in names:
        kind = "autoclass" if inspect.isclass(getattr(jesse_nb, name)) else "autofunction"
        lines += [name, "-" * len(name), "", f".. {kind}:: {name}"]
        if kind == "autoclass" and title != "Errors":
            lines.append("   :members:")
        lines.append("")
    return "\n".join(lines)


def options() -> str:
    """Return the page of every option of every tool, each once."""
    takers: dict[tuple[str, ...], list[Tool]] = {}
    shown: dict[tuple[str, ...], Parameter] = {}
    for tool in TOOLS.values():
        for one in tool.parameters:
            if not {MAGIC, COMMAND, PYTHON}.isdisjoint(one.surfaces):
                takers.setdefault(_row(one), []).append(tool)
                shown.setdefault(_row(one), one)
    lines = [_OPTIONS, "## What several tools take", ""]
    shared: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for row, tools in takers.items():
        if len(tools) > 1:
            shared.setdefault(tuple(tool.name for tool in tools), []).append(row)
    for tools, rows in shared.items():
        lines += [f"### {', '.join(f'`{name}`' for name in tools)}", "", *_table(rows)]
    for tool in TOOLS.values():
        lines += [f"## `{tool.name}`", "", " ".join([tool.summary.rstrip(".") + ".", *_called(tool)]), ""]
        own = [row for row, tools in takers.items() if tools == [tool]]
        lines += _table(own) if own else ["It takes nothing of its own.", ""]
    return "\n".join(lines)


def _called(tool: Tool) -> list[str]:
    ways = [f"`%%{name}`" if tool.cell is not None else f"`%{name}`" for name in tool.magics[:1]]
    ways += [f"`jesse-nb {tool.command}`"] if tool.command else []
    return [f"Also {' and '.join(ways)}."] if ways else []


def _row(one: Parameter) -> tuple[str, ...]:
    on_a_line = not {MAGIC, COMMAND}.isdisjoint(one.surfaces)
    flags = ", ".join(f"`{flag}`" for flag in one.all_flags) or f"`{one.value_name or one.name}`"
    value = f" {_plain(one.value_name)}" if one.all_flags and one.value_name else ""
    return (
        _plain(flags) + value if on_a_line else "",
        f"`{one.name}`" if PYTHON in one.surfaces else "",
        _plain(one.full_help),
        f"`{one.setting}`" if one.setting else "",
    )


def _table(rows: Iterable[tuple[str, ...]]) -> list[str]:
    return ["| option | in Python | means | `%config` |", "| --- | --- | --- | --- |",
            *("| " + " | ".join(row) + " |" for row in rows), ""]


def _plain(text: str) -> str:
    """Return a text in which Markdown finds nothing of its own but code; a bar would end a cell even there."""
    parts = [part if number % 2 else re.sub(r"([*_<\[])", r"\\\1", part) for number, part in enumerate(text.split("`"))]
    return "`".join(parts).replace("|", "\\|")


def main(folder: Path) -> None:
    """Write the pages."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "options.md").write_text(options(), encoding="utf-8")
    for name, names in names_by_page().items():
        (folder / f"{name}.rst").write_text(page(name.capitalize(), names), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
