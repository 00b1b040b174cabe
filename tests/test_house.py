"""The house's rules that a machine can check: who imports whom."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "jesse_nb"
FILES = sorted(PACKAGE.rglob("*.py"))

#: Each room may import from itself and from those after it.
FLOORS = ["magics", "widgets", "report",
          "core.tools", "core.analysis", "core.study", "core.jobs", "core.simulator", "core.candles"]
GROUND = ("core.jesse_runtime", "core.deferred_imports", "core.rendering", "core.times", "exceptions")

#: What only the front ends may need; core and report must work without them.
WIDGETS = ("ipywidgets", "anywidget", "plotly")

#: Strategies and their imports are the user's side of the door.
DOORS = ("core/jesse_runtime.py", "quickstart.py")


@cache
def imports(file: Path, *, at_runtime: bool = True) -> tuple[str, ...]:
    """What a file imports; read once for all rules."""
    return tuple(_imports(file, at_runtime))


def _imports(file: Path, at_runtime: bool) -> Iterator[str]:
    tree = ast.parse(file.read_text())
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if at_runtime and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            skipped |= set(ast.walk(node))
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(module: str) -> str:
    return next((room for room in FLOORS if module == room or module.startswith(f"{room}.")), "")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_arrows_point_down(file: Path) -> None:
    module = ".".join(file.relative_to(PACKAGE).with_suffix("").parts)
    room = room_of(module)
    for name in imports(file):
        if not name.startswith("jesse_nb."):
            continue
        target = name.removeprefix("jesse_nb.")
        if module.startswith(GROUND):
            assert target.startswith(GROUND), f"the ground floor imports {name}"
        elif room and room_of(target):
            # A result's dataclass belongs to its tool; the pure functions that read it name it for the type only.
            assert FLOORS.index(room_of(target)) >= FLOORS.index(room), f"{room} imports {name}"
        elif room.startswith("core"):
            assert target.startswith((*GROUND, "core")), f"{room} imports {name}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_jesse_and_front_ends_stay_behind_their_doors(file: Path) -> None:
    where = str(file.relative_to(PACKAGE))
    for name in imports(file):
        if name.partition(".")[0] == "jesse":
            assert where in DOORS, f"Jesse is imported by {where}"
        if where.startswith("core/"):
            assert name.partition(".")[0] not in ("IPython", "matplotlib"), name
        if where.startswith(("core/", "report/")):
            assert name.partition(".")[0] not in WIDGETS, f"{where} imports {name}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_one_idea_a_file(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 400
