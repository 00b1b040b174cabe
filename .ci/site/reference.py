"""Writes the pages of the reference from what is public: ``python .ci/site/reference.py FOLDER``."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import jesse_nb

_EXAMPLES = """The examples run on the demo market (``jn.install_demo()``), after ``import jesse_nb as jn`` and
``from jesse_nb.quickstart import TrendFollower``."""


def groups() -> dict[str, list[str]]:
    """Return every public name, by the page that it belongs on."""
    pages: dict[str, list[str]] = {"functions": [], "classes": [], "errors": []}
    for name in jesse_nb.__all__:
        value = getattr(jesse_nb, name)
        if inspect.isclass(value) and issubclass(value, BaseException):
            pages["errors"].append(name)
        elif inspect.isclass(value) and value.__module__.startswith("jesse_nb"):
            pages["classes"].append(name)
        elif inspect.isfunction(value) and not name.endswith("_ipython_extension"):
            pages["functions"].append(name)
    return pages


def page(title: str, names: list[str]) -> str:
    """Return the text of a page."""
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


def main(folder: Path) -> None:
    """Write the pages."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, names in groups().items():
        (folder / f"{name}.rst").write_text(page(name.capitalize(), names), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
