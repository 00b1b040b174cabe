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
          "core.tools", "core.record", "core.analysis", "core.study", "core.jobs", "core.simulator", "core.candles"]
GROUND = ("core.jesse_runtime", "core.deferred_imports", "core.rendering", "core.times", "core.user_path",
          "core.whole_files", "exceptions")

#: What only the front ends may need; core and report must work without them.
WIDGETS = ("ipywidgets", "anywidget", "plotly")

#: Strategies and their imports are the user's side of the door.
DOORS = ("core/jesse_runtime.py", "quickstart.py")


@cache
def imports(file: Path, *, types: bool = True) -> tuple[str, ...]:
    """What a file imports, in functions too; with ``types``, what it names for types only too. Read once a file."""
    return tuple(_imports(file, types))


def _imports(file: Path, types: bool) -> Iterator[str]:
    tree = ast.parse(file.read_text())
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if not types and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            skipped |= set(ast.walk(node))
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(file: Path) -> str:
    parts = ("jesse_nb", *file.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def circles() -> list[frozenset[str]]:
    """The sets of modules that need each other, types included.

    ``from package import module`` is the module's arrow, and not the package's.
    """
    modules = {module_of(file): file for file in FILES}
    arrows = {}
    for module, file in modules.items():
        named = {name for name in imports(file) if name in modules}
        named = {name for name in named if not any(other.startswith(f"{name}.") for other in named)}
        # The package of a module runs before it.
        arrows[module] = {whole for name in named for whole in (name, name.rpartition(".")[0])
                          if whole in modules and whole != "jesse_nb" and not f"{module}.".startswith(f"{whole}.")}
    reached = {module: _reached(module, arrows) for module in modules}
    return [circle for circle in {frozenset(other for other in reached[module] if module in reached[other])
                                  for module in modules} if circle]


def _reached(module: str, arrows: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [*arrows[module]]
    while waiting:
        if (other := waiting.pop()) not in seen:
            seen.add(other)
            waiting += arrows[other]
    return seen


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
            assert FLOORS.index(room_of(target)) >= FLOORS.index(room), f"{room} imports {name}"
        elif room.startswith("core"):
            assert target.startswith((*GROUND, "core")), f"{room} imports {name}"


def test_no_files_go_in_circles() -> None:
    assert not circles()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_jesse_and_front_ends_stay_behind_their_doors(file: Path) -> None:
    where = str(file.relative_to(PACKAGE))
    for name in imports(file, types=False):
        if name.partition(".")[0] == "jesse":
            assert where in DOORS, f"Jesse is imported by {where}"
        if where.startswith("core/"):
            assert name.partition(".")[0] not in ("IPython", "matplotlib"), name
        if where.startswith(("core/", "report/")):
            assert name.partition(".")[0] not in WIDGETS, f"{where} imports {name}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_one_idea_a_file(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 400


def test_no_folder_is_a_heap() -> None:
    folders = {path.parent for path in (*PACKAGE.rglob("*"), *Path(__file__).parent.rglob("*.py")) if path.is_file()
               and "__pycache__" not in path.parts}
    for folder in folders:
        files = [path for path in folder.iterdir() if path.is_file()]
        assert len(files) <= 20, f"{folder} has {len(files)} files: make drawers"
